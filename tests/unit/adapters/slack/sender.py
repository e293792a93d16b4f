"""What leaves for the simulated Slack, without the rest of the adapter."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import aiohttp
import structlog

from adapters.slack import outbound
from adapters.slack.api import SlackApi
from adapters.slack.sending import Sending
from adapters.slack.settings import SlackSettings
from adapters.slack.simulator import SlackSimulator
from gateway import Address, Attachment, Delivery, Host, Preview, Question, QuestionKind, new_id
from gateway.testing.simulator import SentMessage, SimulatedPerson, SimulatedPlace, running

LOG = structlog.wrap_logger(logging.getLogger("test"))


class Shelf:
    """The gateway's files, as far as an adapter reads them."""

    limit = 0

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def put(self, name: str, content: bytes, media_type: str = "text/plain") -> Attachment:
        """Keep a file."""
        self.contents[name] = content
        return Attachment(id=name, name=name, media_type=media_type, size=len(content))

    async def read(self, attachment: Attachment) -> bytes:
        """What stands there. Raises `LookupError`."""
        return self.contents[attachment.id]


@dataclass(kw_only=True, slots=True)
class StandInHost:
    """What of the host is needed to send."""

    http: aiohttp.ClientSession
    files: Shelf


@dataclass(kw_only=True, slots=True)
class Sender:
    """The simulator, what sends to it, and Ann: in direct messages, a channel and a thread."""

    simulator: SlackSimulator
    host: StandInHost
    settings: SlackSettings
    api: SlackApi
    sending: Sending
    ann: SimulatedPerson
    direct: SimulatedPlace
    channel: SimulatedPlace
    thread: SimulatedPlace
    team: str

    def restart(self) -> None:
        """Forget what only the process knew."""
        self.api = api_for(self.settings, self.host)
        self.sending = sending_for(self.api, self.settings, self.host)

    def address(self, place: SimulatedPlace | None = None) -> Address:
        """Where answers to Ann go, as `inbound` makes it; the thread unless told otherwise."""
        place = place or self.thread
        data = {"channel": place.parent or place.id, "user": self.ann.id, "team": self.team}
        if place.kind == "thread":
            data["thread"] = place.id
        return Address(destination=":".join(data.values()), data=data)

    def delivery(
        self,
        text: str = "hello",
        place: SimulatedPlace | None = None,
        *,
        markdown: bool = True,
        options: tuple[str, ...] = (),
        **more: Any,
    ) -> Delivery:
        """Something to send, made as the gateway makes it."""
        part = outbound.split(text, markdown=markdown)[0]
        return Delivery(
            id=new_id(),
            channel="garden",
            lane_id="lane",
            address=self.address(place),
            text=part.text,
            format=part.format,
            question=question(*options) if options else None,
            **{"created_at": self.simulator._clock(), **more},
        )

    def carrying(
        self,
        file: Attachment,
        text: str = "",
        place: SimulatedPlace | None = None,
        *,
        replaces: str = "",
    ) -> Delivery:
        """A file to send."""
        plain = self.delivery(place=place, replaces=replaces)
        return replace(plain, text=text, format={}, attachment=file)

    async def send(self, text: str = "hello", *args: Any, **more: Any) -> str:
        """Send a text; return its id."""
        return (await self.sending.send(self.delivery(text, *args, **more))).platform_id

    def preview(self, text: str, message_id: str = "", place: Any = None) -> Preview:
        """An answer that is being written."""
        return Preview(
            address=self.address(place), task_id="task", text=text, message_id=message_id
        )

    def seen(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """What people see; in the thread unless told otherwise."""
        return self.simulator.sent(place or self.thread)

    def methods(self) -> list[str]:
        """What was called, in order."""
        return [call.method for call in self.simulator.calls()]


def question(*options: str) -> Question:
    """Something to choose from."""
    return Question(
        id="q1",
        session_id="s1",
        task_id="t1",
        addressee="U1",
        kind=QuestionKind.CHOICE,
        text="?",
        options=options,
    )


def api_for(settings: SlackSettings, host: StandInHost) -> SlackApi:
    """The Web API with the bot's token."""
    return SlackApi(settings.bot_token.get_secret_value(), settings.api_url, host.http, LOG)


def sending_for(api: SlackApi, settings: SlackSettings, host: StandInHost) -> Sending:
    """What sends with it."""
    return Sending(api, settings, cast("Host", host), log=LOG)


@asynccontextmanager
async def sender(*, scopes: Any = None, **options: Any) -> AsyncIterator[Sender]:
    """Everything started; rate limits are off unless they are asked for."""
    simulator = SlackSimulator(**{"rates": None, **options})
    account = simulator.add_app(team="T0GARDEN", scopes=scopes)
    ann = simulator.person("Ann")
    async with running(simulator), aiohttp.ClientSession() as http:
        host = StandInHost(http=http, files=Shelf())
        chosen = {"platform": "slack", "agent": "a", **simulator.settings(account)}
        settings = SlackSettings.model_validate(chosen)
        api = api_for(settings, host)
        channel = simulator.place("channel", people=[ann], account=account)
        yield Sender(
            simulator=simulator,
            host=host,
            settings=settings,
            api=api,
            sending=sending_for(api, settings, host),
            ann=ann,
            direct=simulator.place("direct", people=[ann], account=account),
            channel=channel,
            thread=simulator.place("thread", people=[ann], parent=channel, account=account),
            team="T0GARDEN",
        )
