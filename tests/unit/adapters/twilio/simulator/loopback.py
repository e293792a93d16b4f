"""A simulated Twilio with one number on it, and a webhook that remembers what is posted there."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from adapters.twilio.simulation.news import News
from adapters.twilio.simulator import TwilioSimulator
from gateway.testing.loopback import HOST, LoopbackServer, reset
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running

EMPTY = "<Response/>"
Answer = tuple[int, str, str] | Literal["reset", "silence"]


@dataclass(kw_only=True)
class Posted:
    """What Twilio posted."""

    path: str
    form: dict[str, str]
    headers: Mapping[str, str]


class Hook:
    """A webhook: answers what stands in `answers`, afterwards an empty TwiML document."""

    def __init__(self) -> None:
        self.news = News()
        self.posted: list[Posted] = []
        self.answers: deque[Answer] = deque()
        self.files: dict[str, tuple[bytes, str]] = {}
        self.server = LoopbackServer(self._handle, 0)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{HOST}:{self.server.port}"

    def forms(self, path: str = "/wa") -> list[dict[str, str]]:
        """What was posted there."""
        return [each.form for each in self.posted if each.path.partition("?")[0] == path]

    def statuses(self) -> list[str]:
        """What was told of messages, in order."""
        return [form["MessageStatus"] for form in self.forms("/status")]

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            content, media_type = self.files.get(request.path, (b"", ""))
            return web.Response(
                status=200 if media_type else 404, body=content, content_type=media_type or None
            )
        body = (await request.content.read()).decode()
        form = dict(parse_qsl(body, keep_blank_values=True))
        self.posted.append(Posted(path=request.raw_path, form=form, headers=request.headers))
        self.news.tell()
        answer = self.answers.popleft() if self.answers else (200, EMPTY, "text/xml")
        if answer == "reset":
            reset(request.transport)
            return web.Response()
        if answer == "silence":
            await asyncio.get_running_loop().create_future()
        assert isinstance(answer, tuple)
        status, text, media_type = answer
        return web.Response(status=status, text=text, content_type=media_type or None)


@dataclass(kw_only=True)
class Loopback:
    """The simulator, an HTTP client with its credentials, and Ann with her direct messages."""

    simulator: TwilioSimulator
    hook: Hook
    http: aiohttp.ClientSession
    ann: SimulatedPerson
    here: SimulatedPlace
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """Where the account is."""
        return f"/2010-04-01/Accounts/{self.simulator.settings()['account_sid']}"

    async def call(
        self,
        verb: str,
        path: str,
        form: Sequence[tuple[str, str]] | Mapping[str, str] | None = None,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Call; the status, and what is answered."""
        async with self.http.request(
            verb,
            f"{self.simulator.url}{path}",
            data=form,
            json=json,
            headers={**self.headers, **(headers or {})},
            allow_redirects=False,
        ) as response:
            content = await response.read()
            return response.status, await response.json() if content else None

    async def send(self, body: str = "hello", **fields: str) -> tuple[int, Any]:
        """Send a message, to Ann unless told otherwise; status callbacks go to `/status`."""
        form = {
            "To": self.ann.id,
            "From": self.simulator.settings()["from"],
            "Body": body,
            "StatusCallback": f"{self.hook.url}/status?delivery=d1",
            **fields,
        }
        named = [(name, value) for name, value in form.items() if value]
        return await self.call("POST", f"{self.account}/Messages.json", named)

    async def code(self, body: str = "hello", **fields: str) -> int:
        """Send a message that is refused; Twilio's code."""
        status, answer = await self.send(body, **fields)
        assert status >= 400
        assert answer["status"] == status
        return int(answer["code"])

    async def met(self) -> None:
        """Ann has just written, and that was taken over; nothing of it is kept."""
        await self.simulator.say("hello", person=self.ann, place=self.here)
        await self.taken()
        self.hook.posted.clear()

    async def taken(self) -> None:
        """Everything said was posted."""
        await self.simulator.wait_until(lambda: not self.simulator.unacknowledged(), timeout=3.0)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for anything at the webhook, of which the simulator knows nothing."""
        await self.hook.news.until(holds, 3.0)

    async def told(self, count: int) -> list[str]:
        """So many statuses."""
        await self.until(lambda: len(self.hook.statuses()) >= count)
        return self.hook.statuses()

    def valid(self, posted: Posted, url: str) -> bool:
        """Whether Twilio's own library takes a signature for one of this account."""
        validator = RequestValidator(self.simulator.settings()["auth_token"])
        return bool(validator.validate(url, posted.form, posted.headers["X-Twilio-Signature"]))


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@asynccontextmanager
async def loopback(kind: Any = "whatsapp", **options: Any) -> AsyncIterator[Loopback]:
    """Everything started; rate limits are off unless they are asked for."""
    simulator = TwilioSimulator(kind, **{"rates": None, **options})
    ann = simulator.person("Ann")
    here = simulator.place("direct", people=[ann])
    hook = Hook()
    settings = simulator.settings()
    credentials = aiohttp.encode_basic_auth(settings["account_sid"], settings["auth_token"])
    await hook.server.start()
    try:
        async with running(simulator), aiohttp.ClientSession() as http:
            simulator.webhook_url("", f"{hook.url}/wa")
            yield Loopback(
                simulator=simulator,
                hook=hook,
                http=http,
                ann=ann,
                here=here,
                headers={"Authorization": credentials},
            )
    finally:
        await hook.server.close()
