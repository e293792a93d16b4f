"""Conversations as the gateway makes them: people let in and out, and where their words go.

Whoever is bound to a number in a conversation writes to it by writing to the number. By WhatsApp,
and by SMS outside of North America, each member has a chat of their own with the number, in which
everything that is said in the group comes from the number (a proxy address). In North America the
members' phones show one group text, with the number in it (a projected address).

https://www.twilio.com/docs/conversations-classic/api/conversation-participant-resource
https://www.twilio.com/docs/conversations/group-texting
https://www.twilio.com/docs/conversations-classic/api/conversation-scoped-webhook-resource
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote, urlsplit

import orjson

from adapters.twilio.api import Product, TwilioApi, TwilioRefused
from adapters.twilio.fields import a_string
from adapters.twilio.resources import iso_8601
from adapters.twilio.settings import TwilioSettings
from gateway import Rejected

MARK = "chat-gateway"
"""In a conversation's attributes, whose value is the number that it was made for."""
EVENTS = ("onMessageAdded", "onMessageUpdated", "onMessageRemoved", "onDeliveryUpdated")
MAX_CONVERSATIONS = 5000
MAX_MEMBERS = 1000
CLOSED = "closed"
NAME_TAKEN = 50353
TAKEN = frozenset({50416, 50425, 50437})
"""Somebody is in this conversation, or in another with the same number."""
SAME_MEMBERS = 50438
_SID = re.compile(r"CH[0-9a-fA-F]{32}")


class BoundElsewhere(Rejected):
    """Somebody is in another conversation with this number, and can be in one only."""

    def __init__(self, address: str, conversation: str) -> None:
        super().__init__("a member is in another conversation with this number")
        self.address = address
        self.conversation = conversation


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """Somebody's place in a conversation: a person's has an `address`, ours an `identity`."""

    sid: str
    address: str
    proxy: str
    projected: str
    identity: str

    @classmethod
    def of(cls, participant: dict[str, Any]) -> Self:
        """As Twilio describes it."""
        binding = participant.get("messaging_binding")
        bound = binding if isinstance(binding, dict) else {}
        return cls(
            sid=a_string(participant, "sid"),
            address=a_string(bound, "address"),
            proxy=a_string(bound, "proxy_address"),
            projected=a_string(bound, "projected_address"),
            identity=a_string(participant, "identity"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A conversation that a person is in, the number they are bound to there (`proxy`; empty in a
    group text), when it began, and when it was closed, if it is."""

    conversation: str
    proxy: str
    began: float
    ended: float | None


async def places_of(api: TwilioApi, address: str, *, closed: bool = False) -> list[Place]:
    """The open conversations that a person is in, and those that are `closed`, if wanted.

    https://www.twilio.com/docs/conversations-classic/api/participant-conversation-resource
    """
    path = f"{api.conversations_path.rpartition('/')[0]}/ParticipantConversations"
    asked = {"Address": address, "PageSize": "50"}
    found = []
    async for one in api.pages(Product.CONVERSATIONS, path, "conversations", asked):
        binding = one.get("participant_messaging_binding")
        proxy = a_string(binding, "proxy_address") if isinstance(binding, dict) else ""
        is_closed = one.get("conversation_state") == CLOSED
        if is_closed and not closed:
            continue
        updated = iso_8601(a_string(one, "conversation_date_updated"))
        place = Place(
            conversation=a_string(one, "conversation_sid"),
            proxy=proxy,
            began=iso_8601(a_string(one, "conversation_date_created")),
            ended=updated if is_closed else None,
        )
        found.append(place)
    return found


def is_sid(name: str) -> bool:
    """Whether this can be a conversation's id."""
    return _SID.fullmatch(name) is not None


def is_gone(error: Exception) -> bool:
    """Whether Twilio says that there is no such thing."""
    return isinstance(error, TwilioRefused) and error.status == HTTPStatus.NOT_FOUND


class Assembling:
    """The calls. `url` is where a conversation's events shall go.

    Each raises what `TwilioApi` does.
    """

    def __init__(self, settings: TwilioSettings, api: TwilioApi, url: str) -> None:
        self._settings = settings
        self._api = api
        self._url = url

    # Conversations

    async def listed(self) -> list[dict[str, Any]]:
        """Those that are not closed, of whomever."""
        pages = self._api.pages(
            Product.CONVERSATIONS,
            self._api.conversations_path,
            "conversations",
            {"PageSize": "100"},
            limit=MAX_CONVERSATIONS,
        )
        return [one async for one in pages if one.get("state") != CLOSED]

    def is_ours(self, conversation: dict[str, Any]) -> bool:
        """Whether it was made for this number."""
        try:
            attributes = orjson.loads(a_string(conversation, "attributes"))
        except orjson.JSONDecodeError:
            return False
        return isinstance(attributes, dict) and attributes.get(MARK) == self._settings.from_

    async def find(self, name: str) -> dict[str, Any] | None:
        """One by its id or its unique name."""
        try:
            return await self._api.get(Product.CONVERSATIONS, self._path(name))
        except TwilioRefused as error:
            if is_gone(error):
                return None
            raise

    async def make(self, *, title: str = "", name: str = "") -> str:
        """A new one without anybody in it, or with this unique name the one there is; its id."""
        form = {
            "FriendlyName": title,
            "UniqueName": name,
            "Attributes": orjson.dumps({MARK: self._settings.from_}).decode(),
        }
        given = {field: value for field, value in form.items() if value}
        try:
            made = await self._api.post(Product.CONVERSATIONS, self._api.conversations_path, given)
        except TwilioRefused as error:
            if error.code != NAME_TAKEN or (found := await self.find(name)) is None:
                raise
            made = found
        return a_string(made, "sid")

    async def remove(self, sid: str) -> None:
        """Delete it."""
        await self._api.delete(Product.CONVERSATIONS, self._path(sid))

    async def comes_here(self, sid: str) -> bool:
        """Whether its events come here, and not to some other program with the same number."""
        return self._url in (await self._hooks(sid)).values()

    async def listen(self, sid: str) -> None:
        """Have its events come here, and no longer where they came when our address was another."""
        path, hooks = f"{self._path(sid)}/Webhooks", await self._hooks(sid)
        for hook, url in hooks.items():
            if url != self._url and urlsplit(url).path == urlsplit(self._url).path:
                await self._api.delete(Product.CONVERSATIONS, f"{path}/{quote(hook, safe='')}")
        if self._url in hooks.values():
            return
        form = [
            ("Target", "webhook"),
            ("Configuration.Url", self._url),
            ("Configuration.Method", "POST"),
            *(("Configuration.Filters", event) for event in EVENTS),
        ]
        await self._api.post(Product.CONVERSATIONS, path, form)

    async def _hooks(self, sid: str) -> dict[str, str]:
        """Where its events go, by the webhooks' ids."""
        found = {}
        path = f"{self._path(sid)}/Webhooks"
        async for webhook in self._api.pages(Product.CONVERSATIONS, path, "webhooks"):
            configuration = webhook.get("configuration")
            known = configuration if isinstance(configuration, dict) else {}
            found[a_string(webhook, "sid")] = a_string(known, "url")
        return found

    # Who is in them

    async def seats(self, sid: str) -> list[Seat]:
        """Everybody's, ours among them."""
        path = f"{self._path(sid)}/Participants"
        pages = self._api.pages(
            Product.CONVERSATIONS, path, "participants", {"PageSize": "100"}, limit=MAX_MEMBERS
        )
        return [Seat.of(participant) async for participant in pages]

    async def let_in(self, sid: str, address: str, *, native: bool) -> None:
        """Let a person in; in a `native` group their phone shows who else is in it.

        Raises `BoundElsewhere`, besides.
        """
        form = {"MessagingBinding.Address": address}
        if not native:
            form["MessagingBinding.ProxyAddress"] = self._settings.from_
        try:
            await self._api.post(Product.CONVERSATIONS, f"{self._path(sid)}/Participants", form)
            return
        except TwilioRefused as error:
            if error.code not in TAKEN:
                raise
        if not any(seat.address == address for seat in await self.seats(sid)):
            raise BoundElsewhere(address, await self.place_of(address))

    async def join(self, sid: str, seats: list[Seat]) -> None:
        """Take our own place in a native group, under the name by which we speak there."""
        form = {"Identity": self._settings.identity_name}
        path = f"{self._path(sid)}/Participants"
        mine = [seat for seat in seats if seat.projected == self._settings.from_]
        if not mine:
            form["MessagingBinding.ProjectedAddress"] = self._settings.from_
            await self._api.post(Product.CONVERSATIONS, path, form)
        elif not any(seat.identity == self._settings.identity_name for seat in mine):
            await self._api.post(Product.CONVERSATIONS, f"{path}/{mine[0].sid}", form)

    async def let_out(self, sid: str, seat: Seat) -> None:
        """Let a person out."""
        path = f"{self._path(sid)}/Participants/{quote(seat.sid, safe='')}"
        try:
            await self._api.delete(Product.CONVERSATIONS, path)
        except TwilioRefused as error:
            if not is_gone(error):
                raise

    async def place_of(self, address: str) -> str:
        """The conversation that what this person writes to our number goes to; empty: none."""
        for place in await places_of(self._api, address):
            if place.proxy == self._settings.from_:
                return place.conversation
        return ""

    def _path(self, name: str) -> str:
        return f"{self._api.conversations_path}/{quote(name, safe='')}"
