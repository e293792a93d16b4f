"""Slack on loopback: the Web API, Socket Mode and the Events API, and the people who write.

It keeps Slack's rules (scopes, memberships, lengths, Block Kit, rate limits, streams, retries) and
answers in Slack's words, so that what passes here is likely to pass there. Point a client's base
URL at `settings()["api_url"]`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal

import aiohttp
import orjson
from aiohttp import web

from adapters.slack.simulation.api import WebApi
from adapters.slack.simulation.deliveries import Courier, Patience
from adapters.slack.simulation.errors import ApiError
from adapters.slack.simulation.faults import Answer, refusal, suffer
from adapters.slack.simulation.files import LOGIN_PAGE
from adapters.slack.simulation.model import App, JsonObject
from adapters.slack.simulation.parameters import query_of, read_arguments, read_upload
from adapters.slack.simulation.people import People
from adapters.slack.simulation.postings import Postings, signed
from adapters.slack.simulation.rates import Rates
from adapters.slack.simulation.screen import Screen
from adapters.slack.simulation.sockets import SocketMode
from adapters.slack.simulation.vocabulary import DEFAULT_EVENTS, DEFAULT_SCOPES, POSTING
from gateway.testing.loopback import HOST, LoopbackServer
from gateway.testing.simulator import Fault, FaultPlan, ReceivedCall

__all__ = ["Patience", "Rates", "SlackSimulator"]


class SlackSimulator(People, Screen):
    """`gateway.testing.simulator.Simulator` for Slack. An account is an app's id.

    `mode` is how apps are told of things, unless `add_app` says otherwise. `rates=None` turns rate
    limits off. With `schema`, a description of the Web API's methods, every call is checked and
    what is wrong with it goes to `violations`; what was refused goes to `refusals`, as
    `method: error`. `patience` is for acknowledgements, `stream_idle` the seconds after which a
    stream is over, `ping_every` those between pings. `shuffle` lets what happens at the same time
    arrive in any order. `clock` returns epoch seconds. `keep` bounds how many calls and messages
    are remembered; `None` keeps all.

    Two liberties: addresses are plain HTTP, and emoji stay what they are (Slack turns those that
    people type into `:names:`).
    """

    def __init__(
        self,
        mode: Literal["socket", "events"] = "socket",
        *,
        rates: Rates | None = Rates(),  # noqa: B008 - frozen
        schema: Mapping[str, Any] | None = None,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        stream_idle: float = 300.0,
        ping_every: float = 10.0,
        shuffle: bool = False,
        clock: Callable[[], float] = time.time,
        keep: int | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(clock, keep)
        self.mode = mode
        self._patience = patience
        self._ping_every = ping_every
        self._shuffle = shuffle
        self._server = LoopbackServer(self._handle, port)
        self._http: aiohttp.ClientSession | None = None
        self._out = False
        self._api = WebApi(
            self._world,
            rates=rates,
            schema=schema,
            stream_idle=stream_idle,
            connect=self._connect,
        )
        self.violations = self._api.violations
        self.refusals = self._api.refusals
        self._faults = FaultPlan(POSTING.__contains__)
        self._calls: deque[ReceivedCall] = deque(maxlen=keep)

    # The platform as a whole

    @property
    def url(self) -> str:
        """What stands for `https://slack.com`."""
        return f"http://{HOST}:{self._server.port}"

    async def start(self) -> None:
        """Listen on 127.0.0.1."""
        await self._server.start()
        self._api.files.base_url = self.url
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        for courier in self._world.couriers.values():
            courier.attach(self._http)

    async def close(self) -> None:
        """Stop everything."""
        for courier in self._world.couriers.values():
            await courier.close()
        await self._server.close()
        if self._http is not None:
            await self._http.close()

    def settings(self, account: str = "") -> Mapping[str, str]:
        """Tokens and address; instead of the app's token, a signing secret in the other mode."""
        app = self._app(account)
        proof = (
            {"app_token": app.app_token}
            if app.socket_mode
            else {"signing_secret": app.signing_secret}
        )
        return {"bot_token": app.bot_token, **proof, "api_url": f"{self.url}/api/"}

    def add_app(
        self,
        name: str = "gateway",
        *,
        team: str = "",
        enterprise: str = "",
        org_install: bool = False,
        scopes: Iterable[str] | None = None,
        events: Iterable[str] | None = None,
        assistant: bool = False,
        mode: Literal["socket", "events"] | None = None,
    ) -> str:
        """Install an app in a workspace, a new one unless named; return its account.

        With `enterprise`, the workspace is one of that organisation's; an `org_install` is for all
        of them. `events` are what it subscribes to (`message.im`), `scopes` what its bot may do;
        left out, everything there is here. `assistant` turns its agent view on.
        """
        number = len(self._world.apps) + 1
        app = App(
            id=self._world.new_id("A"),
            name=name,
            team=team or self._world.new_id("T"),
            user_id=self._world.new_id("U"),
            bot_id=self._world.new_id("B"),
            # Two simulators of one test, one for each mode, are two accounts.
            bot_token=f"xoxb-{number}-{mode or self.mode}-{number:06}",
            app_token=f"xapp-{number}-simulated-{number:06}",
            signing_secret=f"{number:032x}",
            scopes=DEFAULT_SCOPES if scopes is None else frozenset(scopes),
            events=DEFAULT_EVENTS if events is None else frozenset(events),
            socket_mode=(mode or self.mode) == "socket",
            enterprise=enterprise,
            org_install=org_install,
            assistant=assistant,
        )
        return self._world.add_app(app, self._courier(app)).id

    def webhook_url(self, account: str, url: str) -> None:
        """Set an app's request URL, as its manifest does; what happened before goes there, too."""
        app = self._app(account)
        app.url = url
        self._postings(app).resume()

    async def verify(self, account: str = "") -> bool:
        """Send `url_verification` to the request URL; return whether its challenge came back."""
        return await self._postings(self._app(account)).verify()

    def signed(self, body: bytes, *, at: float | None = None, account: str = "") -> dict[str, str]:
        """The headers with which Slack would post this body, now or at another time (epoch)."""
        return signed(self._app(account), body, at)

    def refuse(self, error: str, account: str = "") -> None:
        """Answer every call of an app with this error: `invalid_auth`; with "" no longer."""
        self._app(account).refused = error

    def bot_user(self, account: str = "") -> str:
        """The user id of an app's bot."""
        return self._app(account).user_id

    def fail_next(
        self, fault: Fault, times: int = 1, *, method: str | None = None, retry_after: float = 1.0
    ) -> None:
        """Break the next calls that post a message, or those to `method` ("*": any)."""
        self._faults.add(fault, times, method=method, retry_after=retry_after)

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""
        self._faults.clear()

    def calls(self, method: str | None = None) -> list[ReceivedCall]:
        """Every call that arrived whole; a file is got by `download`, and brought by `upload`."""
        return [call for call in self._calls if method in {None, call.method}]

    # Connections

    def connections(self, account: str = "") -> int:
        """How many WebSockets an app has open."""
        return len(self._socket_mode(self._app(account)).connections)

    async def disconnect(self) -> None:
        """Reset every open connection, WebSockets and deliveries under way too."""
        self._server.disconnect()
        for courier in self._world.couriers.values():
            courier.disconnect()

    async def outage(self, on: bool) -> None:
        """Refuse and reset everything, and deliver nothing, until it is over."""
        self._out = on
        for courier in self._world.couriers.values():
            courier.pause(on)
        if on:
            self._server.refuse()
        else:
            await self._server.listen()

    def warn(self, reason: str = "warning", *, account: str = "") -> None:
        """Say on every WebSocket that it will end soon."""
        self._socket_mode(self._app(account)).announce(reason, None)

    def refresh(
        self, reason: str = "refresh_requested", *, after: float = 0.1, account: str = ""
    ) -> None:
        """Say on every WebSocket that it ends, and end it; Slack leaves some ten seconds.

        Another reason is `link_disabled`: Socket Mode was turned off.
        """
        self._socket_mode(self._app(account)).announce(reason, after)

    def go_silent(self, account: str = "") -> None:
        """Let the open WebSockets be ghosts: nothing comes, not even pongs, and nothing arrives."""
        self._socket_mode(self._app(account)).silence()

    def drop(self, times: int = 1, *, account: str = "") -> None:
        """Lose the next events on their way, retries and all: only the history has them."""
        self._world.couriers[self._app(account).id].drop(times)

    def end_streams(self) -> None:
        """Let every answer that is being written be over, as a restart of Slack's would."""
        self._api.streaming.end()

    # How it works

    def _add_first_app(self) -> App:
        return self._world.apps[self.add_app()]

    def _courier(self, app: App) -> Courier:
        kind = SocketMode if app.socket_mode else Postings
        courier = kind(app, self._world.ledger, self._patience, shuffle=self._shuffle)
        courier.ping_every = self._ping_every
        if self._http is not None:
            courier.attach(self._http)
        courier.pause(self._out)
        return courier

    def _connect(self, app: App) -> str:
        if not app.socket_mode:
            raise ApiError("forbidden_team")
        return self._socket_mode(app).open(self.url)

    def _socket_mode(self, app: App) -> SocketMode:
        courier = self._world.couriers[app.id]
        if not isinstance(courier, SocketMode):
            raise TypeError(f"{app.name} is told by the Events API")
        return courier

    def _postings(self, app: App) -> Postings:
        courier = self._world.couriers[app.id]
        if not isinstance(courier, Postings):
            raise TypeError(f"{app.name} is told by Socket Mode")
        return courier

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith("/link"):
            return await self._link(request)
        if path == "/login":
            return Answer(body=LOGIN_PAGE, media_type="text/html").response()
        method, answer = await self._read(request, path)
        self._news.tell()
        planned = self._faults.take(method)
        if planned is None:
            return answer().response()
        return await suffer(*planned, method, request, partial(self._later, answer))

    async def _read(self, request: web.BaseRequest, path: str) -> tuple[str, Callable[[], Answer]]:
        """What a request calls, and how to carry it out."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer").strip()
        if path.startswith("/files-pri/"):
            file_id = path.split("/")[2].rpartition("-")[2]
            self._note("download", {"file": file_id}, token)
            return "download", partial(self._api.files.download, self._api.bot(token), file_id)
        if path.startswith("/upload/"):
            content = await read_upload(request)
            self._note("upload", {"size": len(content)}, "")
            ticket = path.rpartition("/")[2]
            return "upload", partial(self._api.files.upload, ticket, content)
        if path.startswith("/hooks/"):
            body = orjson.loads(await request.content.read())
            self._note("response_url", body, "")
            return "response_url", partial(self._respond, path, body)
        method = path.removeprefix("/api/")
        try:
            raw = await read_arguments(request)
            token = str(raw.pop("token", "") or token)
            given = self._api.read(method, raw)
        except ApiError as error:
            return method, partial(refusal, error)
        self._note(method, given, token)
        return method, partial(self._carry_out, method, token, given)

    def _note(self, method: str, given: JsonObject, token: str) -> None:
        call = ReceivedCall(
            method=method,
            parameters=given,
            account=self._api.account(token),
            at=self._clock(),
        )
        self._calls.append(call)

    def _carry_out(self, method: str, token: str, given: JsonObject) -> Answer:
        answer = self._api.answer(method, token, given)
        self._news.tell()
        return answer

    async def _later(self, answer: Callable[[], Answer]) -> Answer:
        return answer()

    def _respond(self, path: str, body: JsonObject) -> Answer:
        """What is posted to the `response_url` of a press or a command."""
        _, _, app_id, channel_id, person_id = path.split("/")
        channel = self._world.channels[channel_id]
        self._world.respond(self._world.apps[app_id], channel, person_id, body)
        return Answer(body=b"ok", media_type="text/plain")

    async def _link(self, request: web.BaseRequest) -> web.StreamResponse:
        query = query_of(request)
        courier = self._world.couriers.get(str(query.get("app_id", "")))
        if isinstance(courier, SocketMode):
            return await courier.serve(request, str(query.get("ticket", "")))
        return web.Response(status=404)
