"""Postcards: asks a post office for mail, and mails what is to be sent.

GET  /mail?after=ID     what came after ID, oldest first; waits for it, and drops the rest
POST /mail              {"to", "text", "choices"?}: posts a card
GET  /mailbox           whose it is
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import aiohttp
import orjson
from pydantic import SecretStr
from starlette.routing import BaseRoute

from gateway import (
    Act,
    Action,
    Address,
    ChannelSettings,
    ConfigurationError,
    Conversation,
    ConversationKind,
    Delivery,
    Host,
    Ignored,
    Inbound,
    NotAccepted,
    OutcomeUnknown,
    Part,
    Participant,
    Press,
    Problem,
    Rate,
    RateLimited,
    Receive,
    RecipientGone,
    Rejected,
    Rule,
    Rules,
    Sent,
    Unavailable,
    UnreadableUpdate,
)

LONGEST = 500


class PostcardSettings(ChannelSettings):
    """One mailbox."""

    platform: Literal["postcard"]
    key: SecretStr
    url: str


class PostcardAdapter:
    """``gateway.Adapter`` for one mailbox."""

    platform: ClassVar[str] = "postcard"
    Settings: ClassVar[type[Any]] = PostcardSettings
    boundary: ClassVar[Rules] = {ConversationKind.DIRECT: Rule.PER_USER}

    def __init__(self, name: str, settings: PostcardSettings, host: Host) -> None:
        self.settings = settings
        self._name = name
        self._http = host.http
        self._headers = {"Key": settings.key.get_secret_value()}

    def routes(self) -> Sequence[BaseRoute]:
        """None: mail is fetched."""
        return ()

    async def run(self, receive: Receive) -> None:
        """Fetch until cancelled."""
        after = 0
        while True:
            try:
                async with self._request("GET", params={"after": after}) as response:
                    response.raise_for_status()
                    cards = await response.json()
                for card in cards:
                    await receive(orjson.dumps(card))
                    after = card["id"]
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.05)
            except Unavailable as away:
                await asyncio.sleep(away.retry_after)

    async def send(self, delivery: Delivery) -> Sent:
        """Post one card."""
        if not 0 < len(delivery.text) <= LONGEST:
            raise Rejected(f"a postcard holds {LONGEST} characters")
        card: dict[str, Any] = {"to": delivery.address.data["person"], "text": delivery.text}
        if delivery.question and delivery.question.options:
            card["choices"] = [delivery.question.id, *delivery.question.options]
        try:
            async with self._request("POST", json=card) as response:
                _check(response)
                return Sent(platform_id=str((await response.json())["id"]))
        except aiohttp.ClientConnectorError:
            raise NotAccepted("the post office is closed") from None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise OutcomeUnknown(f"no receipt: {type(error).__name__}") from None

    def parse(self, raw: bytes) -> Inbound | Ignored:
        """Read one card."""
        try:
            card = orjson.loads(raw)
            event_id, person, text = card["id"], card["from"], card["text"]
            place = person["id"]
            choice = card.get("choice")
            press = Press(question_id=str(choice[0]), option=choice[1]) if choice else None
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UnreadableUpdate(f"no postcard: {error!r}") from None
        if not (isinstance(event_id, int) and 0 < event_id < 2**63):
            raise UnreadableUpdate("id is no number")
        if not (isinstance(place, str) and place.isprintable() and place and isinstance(text, str)):
            raise UnreadableUpdate("from or text is no text")
        if choice and not (type(choice[1]) is int and choice[1] >= 0):
            raise UnreadableUpdate("choice is no number")
        if not (text or press):
            return Ignored(reason="an empty card", event_id=str(event_id))
        return Inbound(
            event_id=str(event_id),
            conversation=Conversation(kind=ConversationKind.DIRECT, id=place),
            participant=Participant(id=place, name=str(person.get("name", ""))),
            address=Address(destination=place, data={"person": place}),
            text=text,
            action=Action.PRESS if press else Action.MESSAGE,
            order=event_id,
            press=press,
        )

    def split(self, text: str, *, markdown: bool) -> Sequence[Part]:
        """Cards of at most 500 characters; what is marked in them is written as it stands."""
        text = text.strip()
        parts = [text[at : at + LONGEST].strip() for at in range(0, len(text), LONGEST)]
        return [Part(text=part) for part in parts if part]

    def budgets(self, address: Address, act: Act) -> Sequence[tuple[str, Rate]]:
        """A card a second for each person."""
        return [(address.destination, Rate(count=1, per=1.0, burst=5))]

    async def check(self) -> str:
        """Ask whether the key opens the mailbox."""
        try:
            async with self._request("GET", path="/mailbox") as response:
                if response.status == 200:
                    return f"the mailbox of {(await response.json())['owner']}"
                what = f"the post office says {response.status}"
        except (aiohttp.ClientError, TimeoutError):
            what = "the post office does not answer"
        problem = Problem(where=f"channels.{self._name}.url", what=what, hint="check url and key")
        raise ConfigurationError([problem])

    def _request(self, method: str, path: str = "/mail", **options: Any) -> Any:
        timeout = aiohttp.ClientTimeout(total=20)
        return self._http.request(
            method, f"{self.settings.url}{path}", headers=self._headers, timeout=timeout, **options
        )


def _check(response: aiohttp.ClientResponse) -> None:
    match response.status:
        case 200:
            return
        case 429:
            after = float(response.headers.get("Retry-After", "1"))
            raise RateLimited("the post office is busy", retry_after=after)
        case 410:
            raise RecipientGone("moved away")
        case 400:
            raise Rejected("not a postcard")
        case status:
            raise NotAccepted(f"the post office says {status}")
