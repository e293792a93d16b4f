"""What leaves for the simulated Twilio, without the rest of the adapter."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast
from urllib.parse import parse_qsl

import aiohttp
import structlog
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from adapters.twilio import outbound
from adapters.twilio.api import TwilioApi
from adapters.twilio.groups import Groups
from adapters.twilio.opting_out import OptingOut
from adapters.twilio.reports import Reports
from adapters.twilio.sending import Sending
from adapters.twilio.settings import SmsSettings, TwilioSettings, WhatsAppSettings
from adapters.twilio.simulator import TwilioSimulator
from adapters.twilio.window import Window
from gateway import Address, Attachment, Delivery, Host, Question, QuestionKind, SendError, new_id
from gateway.testing.simulator import SentMessage, SimulatedPerson, SimulatedPlace, running

LOG = structlog.wrap_logger(logging.getLogger("test"))
CHANNEL = "garden"
DAY = 86400.0


class Shelf:
    """The gateway's files, and links to them."""

    limit = 0

    def __init__(self) -> None:
        self.kept: dict[str, tuple[Attachment, bytes]] = {}

    def put(self, name: str, content: bytes, media_type: str = "image/png") -> Attachment:
        """Keep a file."""
        file = Attachment(id=new_id(), name=name, media_type=media_type, size=len(content))
        self.kept[file.id] = (file, content)
        return file

    async def read(self, attachment: Attachment) -> bytes:
        """What stands there. Raises `LookupError`."""
        return self.kept[attachment.id][1]

    def link(self, attachment: Attachment) -> str:
        """A path that opens it."""
        return f"/files/{attachment.id}?exp=1&sig=2"


class Marks:
    """The gateway's bookmarks."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def load(self, channel: str, *, limit: int = 1000, under: str = "") -> dict[str, str]:
        """All of them."""
        return {place: at for place, at in self.kept.items() if place.startswith(under)}

    def put(self, channel: str, place: str, position: str, *, lasting: bool = False) -> None:
        """Remember it."""
        self.kept[place] = position

    async def flush(self) -> None:
        """Everything is there already."""


class Told:
    """What was reported of deliveries, and what was released."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, SendError | None]] = []
        self.messages: list[str] = []
        self.released: list[str] = []

    async def report(
        self, channel: str, delivery_id: str, error: SendError | None, *, platform_id: str = ""
    ) -> None:
        """Note it."""
        assert channel == CHANNEL
        self.reports.append((delivery_id, error))
        self.messages.append(platform_id)

    async def release(self, channel: str, destination: str) -> int:
        """Note it."""
        self.released.append(destination)
        return 0

    def of(self, delivery: Delivery) -> list[SendError | None]:
        """What was told of one."""
        return [error for delivery_id, error in self.reports if delivery_id == delivery.id]


@dataclass(kw_only=True, slots=True)
class StandInHost:
    """What of the host is needed to send."""

    http: aiohttp.ClientSession
    public_url: str = ""
    files: Shelf = field(default_factory=Shelf)
    bookmarks: Marks = field(default_factory=Marks)
    outcomes: Told = field(default_factory=Told)


class Clock:
    """Time that also passes when told to."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return time.time() + self.ahead


@dataclass(kw_only=True, slots=True)
class Sender:
    """The simulator, what sends to it, what it calls back, and Ann: alone and with Bob."""

    simulator: TwilioSimulator
    host: StandInHost
    settings: TwilioSettings
    clock: Clock
    ann: SimulatedPerson
    bob: SimulatedPerson
    direct: SimulatedPlace
    wrote: float
    sid: str
    arrived: list[Mapping[str, str]] = field(default_factory=list)
    callbacks: list[tuple[Mapping[str, str], Mapping[str, str]]] = field(default_factory=list)
    api: TwilioApi = field(init=False)
    window: Window = field(init=False)
    groups: Groups = field(init=False)
    opting_out: OptingOut = field(init=False)
    reports: Reports = field(init=False)
    sending: Sending = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, **changes: Any) -> None:
        """Forget what only the process knew; settings may be other ones."""
        self.settings = self.settings.model_copy(update=changes)
        host = cast("Host", self.host)
        settings, log = self.settings, LOG
        self.api = TwilioApi(settings, self.host.http, log)
        self.window = Window(settings, self.api, log, clock=self.clock)
        self.groups = Groups(settings, self.api, host, channel=CHANNEL, log=log)
        self.opting_out = OptingOut(host, CHANNEL, settings, log)
        self.reports = Reports(
            settings, self.api, host, channel=CHANNEL, window=self.window, log=log
        )
        self.sending = Sending(
            settings,
            self.api,
            host,
            channel=CHANNEL,
            window=self.window,
            groups=self.groups,
            opting_out=self.opting_out,
            log=log,
        )

    async def group(self) -> SimulatedPlace:
        """A conversation of Ann's and Bob's."""
        return self.simulator.place("group", people=[self.ann, self.bob])

    def address(self, place: SimulatedPlace | None = None) -> Address:
        """Where answers go, as `inbound` makes it."""
        place = place or self.direct
        if place.kind == "group":
            key = "members" if place.id.startswith("mms:") else "conversation"
            value: Any = place.id
            if key == "members":
                value = place.id.removeprefix("mms:").split(",")
            return Address(destination=place.id, data={key: value})
        data = {"to": self.ann.id, "sid": self.sid, "at": self.wrote}
        return Address(destination=self.ann.id, data=data)

    def delivery(
        self,
        text: str = "hello",
        place: SimulatedPlace | None = None,
        *,
        options: tuple[str, ...] = (),
        **more: Any,
    ) -> Delivery:
        """Something to send, the last part of what the gateway makes of it."""
        address = self.address(place)
        asked = question(*options) if options else None
        if asked is not None:
            text = outbound.spell(text, asked, address, self.settings)
        part = outbound.split(text, self.settings, markdown=True)[-1]
        return Delivery(
            id=new_id(),
            channel=CHANNEL,
            lane_id="lane",
            address=address,
            text=part.text,
            format=part.format,
            question=asked,
            **{"created_at": self.clock(), **more},
        )

    def carrying(
        self, file: Attachment, place: SimulatedPlace | None = None, text: str = ""
    ) -> Delivery:
        """A file to send."""
        return replace(self.delivery(place=place), text=text, attachment=file)

    async def send(self, text: str = "hello", *args: Any, **more: Any) -> str:
        """Send a text; return its id."""
        return (await self.sending.send(self.delivery(text, *args, **more))).platform_id

    def pass_time(self, seconds: float) -> None:
        """What Ann wrote is that much older."""
        self.simulator.pass_time(seconds, self.direct)
        self.wrote -= seconds

    def seen(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """What people see."""
        return self.simulator.sent(place or self.direct)

    def texts(self, place: SimulatedPlace | None = None) -> list[str]:
        """What they read."""
        return [message.text for message in self.seen(place)]

    def methods(self) -> list[str]:
        """What was called, in order."""
        return [call.method for call in self.simulator.calls()]

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait for something that comes by itself."""
        await self.simulator.wait_until(lambda: bool(happened()))

    async def statuses(self, count: int) -> list[str]:
        """The statuses that were called back, once there are so many."""
        await self.until(lambda: len(self.callbacks) >= count)
        return [form["MessageStatus"] for form, _ in self.callbacks]

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Be the gateway's public address."""
        if request.path.startswith("/files/"):
            found = self.host.files.kept.get(request.path.rpartition("/")[2])
            if found is None or request.query_string != "exp=1&sig=2":
                return web.Response(status=404)
            return web.Response(body=found[1], headers={"Content-Type": found[0].media_type})
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        if request.path.endswith("/status"):
            await self.reports.take(form, dict(request.query))
            self.callbacks.append((form, dict(request.query)))
        else:
            if form.get("EventType") == "onDeliveryUpdated":
                await self.reports.take(form, {})
            self.arrived.append(form)
        return web.Response(text="<Response/>", content_type="text/xml")


def question(*options: str, kind: QuestionKind = QuestionKind.CHOICE) -> Question:
    """Something to choose from."""
    return Question(
        id="0123456789abcdef0123456789abcdef",
        session_id="s1",
        task_id="t1",
        addressee="U1",
        kind=kind,
        text="?",
        options=options,
    )


async def templated(twilio: Sender, body: str, variable: str = "1") -> str:
    """Give it a template, and let Ann's window be closed."""
    sid = twilio.simulator.add_template(body, {variable: "sample"} if variable else {})
    twilio.restart(template=sid, template_variable=variable)
    twilio.pass_time(DAY + 1)
    return sid


@asynccontextmanager
async def sender(
    kind: Literal["whatsapp", "sms"] = "whatsapp",
    *,
    configured: Mapping[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Sender]:
    """Everything started, and Ann has just written; rate limits are off unless asked for."""
    simulator = TwilioSimulator(kind, **{"rates": None, **options})
    account = simulator.add_number()
    ann, bob = simulator.person("Ann"), simulator.person("Bob")

    async def handle(request: web.BaseRequest) -> web.Response:
        return await found.handle(request)

    server = RawTestServer(handle)
    await server.start_server()
    async with running(simulator), aiohttp.ClientSession() as http:
        public = str(server.make_url("")).rstrip("/")
        model = WhatsAppSettings if kind == "whatsapp" else SmsSettings
        chosen = {**simulator.settings(account), **(configured or {})}
        direct = simulator.place("direct", people=[ann], account=account)
        sid = await simulator.say("hello?", person=ann, place=direct)
        simulator.webhook_url(account, f"{public}/webhooks/{CHANNEL}")
        found = Sender(
            simulator=simulator,
            host=StandInHost(http=http, public_url=public),
            settings=model.model_validate({"platform": kind, "agent": "a", **chosen}),
            clock=Clock(),
            ann=ann,
            bob=bob,
            direct=direct,
            wrote=time.time(),
            sid=sid,
        )
        yield found
    await server.close()
