"""The chat page without a window: what a browser does with the API, for the simulator.

It reads the event stream and resumes it, posts one message after the other, and posts again, under
the same id, what was not confirmed when a connection broke.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import aiohttp
import orjson

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5


class SessionOver(Exception):
    """The `token` opens nothing any more (401)."""

    def __init__(self, token: str) -> None:
        super().__init__("the session is over")
        self.token = token


class Refused(Exception):
    """The gateway answered with an error; `status` is its HTTP status."""

    def __init__(self, status: int, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after = retry_after


@dataclass(kw_only=True)
class Said:
    """Something a person wrote or pressed. `id` is the page's own, stable over repetitions.

    `files` are names and contents, which are sent first; `sent` are the ids they then have.
    """

    id: str
    text: str
    question: str | None = None
    option: int | None = None
    files: tuple[tuple[str, bytes], ...] = ()
    sent: list[str] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """As it is posted; only its confirmation is waited for."""
        body: dict[str, Any] = {"text": self.text, "message_id": self.id, "wait": 0}
        if self.sent:
            body["attachments"] = self.sent
        pressed = {"question": self.question, "option": self.option}
        return body | (pressed if self.question else {})


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A message as the page shows it; `message` is the API's."""

    session_id: str
    message: Mapping[str, Any]
    at: float = field(default_factory=time.time)


class Network:
    """The way to the gateway at `url`. `post` is called around every post: it may break it."""

    def __init__(self, url: str, post: Callable[[Said, Callable[[], Any]], Awaitable[Any]]) -> None:
        self.url = url
        self.post = post
        self.reachable = asyncio.Event()
        self.changed = asyncio.Event()
        self._http: aiohttp.ClientSession | None = None
        self._under_way: set[asyncio.Future[None]] = set()

    def open(self) -> None:
        """Let requests through."""
        self._http = _client()
        self.reachable.set()

    async def close(self) -> None:
        """Break every connection, and let nothing through."""
        self.reachable.clear()
        # A session that is closed does not tell whoever reads from it.
        for work in self._under_way:
            work.cancel()
        broken, self._http = self._http, None
        if broken is not None:
            await broken.close()

    async def carry(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this work, unless every connection is broken meanwhile: `aiohttp.ClientError`."""
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        try:
            await asyncio.wait((task,))
        finally:
            self._under_way.discard(task)
            task.cancel()
        if task.cancelled():
            raise aiohttp.ClientError("the connection broke")
        task.result()

    async def request(
        self,
        method: str,
        path: str,
        token: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        """The response, if it is no error. Raises `SessionOver`, `Refused` or aiohttp's errors.

        A form goes as it is, any other body as JSON.
        """
        if self._http is None:
            raise aiohttp.ClientError("no network")
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        response = await self._http.request(
            method,
            self.url + path,
            data=body if body is None or isinstance(body, aiohttp.FormData) else orjson.dumps(body),
            headers={**authorization, **(headers or {})},
        )
        if response.status < 400:
            return response
        problem = await _problem(response)
        if response.status == 401:
            raise SessionOver(token)
        raise Refused(response.status, problem, float(response.headers.get("Retry-After", 0)))

    async def ask(self, method: str, path: str, token: str, body: Any) -> dict[str, Any]:
        """The JSON that is answered."""
        async with await self.request(method, path, token, body=body) as response:
            answer: dict[str, Any] = orjson.loads(await response.read())
            return answer


class Browser:
    """One person's browser. `shown` is everything of the gateway's it ever showed.

    `refusals` is what the gateway would not take, `ended` how many sessions were found dead that
    their person had not reset.
    """

    def __init__(self, network: Network, agent: str) -> None:
        self._network = network
        self._agent = agent
        self._news = asyncio.Event()
        self.token = ""
        self.session_id = ""
        self.last = 0
        self.unsent: list[Said] = []
        self.shown: list[Shown] = []
        self.refusals: list[Refused] = []
        self.ended = 0
        self._posting = False

    def put(self, said: Said) -> None:
        """Send this when it is its turn."""
        self.unsent.append(said)
        self._news.set()

    async def run(self) -> None:
        """Send and show, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep(self._send))
            group.create_task(self._keep(self._listen))

    async def _keep(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        pause = _FIRST_PAUSE
        while True:
            await self._network.reachable.wait()
            try:
                await self._network.carry(work())
                pause = _FIRST_PAUSE
            except SessionOver as over:
                self._over(over.token)
                await asyncio.sleep(pause)
            except (aiohttp.ClientError, OSError, Refused, TimeoutError):
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _send(self) -> None:
        """Post the oldest message that is not confirmed."""
        await self._until(lambda: bool(self.unsent))
        if not self.token:
            body = {"agent": self._agent}
            self._open(await self._network.ask("POST", "/api/session", "", body))
        said, token = self.unsent[0], self.token
        try:
            await self._upload(said, token)
        except Refused as refused:
            self._put_aside(said, refused)
            return

        async def post() -> dict[str, Any]:
            return await self._network.ask("POST", "/api/chat", token, said.body())

        self._posting = True
        try:
            self._confirmed(await self._network.post(said, post))
        except Refused as refused:
            self._put_aside(said, refused)
            return
        finally:
            self._posting = False
        self._done(said)

    async def _upload(self, said: Said, token: str) -> None:
        """Send the files that were not sent yet."""
        for name, content in said.files[len(said.sent) :]:
            form = aiohttp.FormData(quote_fields=False)
            form.add_field("file", BytesIO(content), filename=name)
            answer = await self._network.ask("POST", "/api/files", token, form)
            said.sent.append(answer["id"])

    def _put_aside(self, said: Said, refused: Refused) -> None:
        if refused.status >= 500:
            raise refused
        self.refusals.append(refused)
        self._done(said)

    def _done(self, said: Said) -> None:
        self.unsent.remove(said)
        self._network.changed.set()

    def _confirmed(self, answer: Mapping[str, Any]) -> None:
        if fresh := answer.get("session"):
            self._open(fresh)
            for message in answer["messages"]:
                if not message["id"]:
                    self._show(message)

    async def _listen(self) -> None:
        """Show what the event stream brings, as long as it lasts."""
        await self._until(lambda: bool(self.token))
        token, headers = self.token, {"Last-Event-ID": str(self.last)}
        request = self._network.request("GET", "/api/chat/events", token, headers=headers)
        async with await request as stream:
            async for kind, data in _events(stream):
                if self.token != token:
                    return
                if kind == "ended":
                    raise SessionOver(token)
                if kind == "message":
                    self._show(data)
                self._network.changed.set()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._news.clear()
            await self._news.wait()

    def _open(self, session: Mapping[str, str]) -> None:
        self.token, self.session_id, self.last = session["token"], session["session_id"], 0
        self._news.set()

    def _over(self, token: str) -> None:
        # What is being posted may be a reset, whose answer brings the next token, or just did.
        if token and self.token == token and not self._posting:
            self.token = ""
            self.ended += 1

    def _show(self, message: Mapping[str, Any]) -> None:
        number = message["id"]
        if number and number <= self.last:
            return
        self.last = max(self.last, number)
        if message["role"] != "user":
            self.shown.append(Shown(session_id=self.session_id, message=message))


async def _problem(response: aiohttp.ClientResponse) -> str:
    async with response:
        text = await response.text()
    with suppress(orjson.JSONDecodeError, KeyError, TypeError):
        return str(orjson.loads(text)["detail"])
    return text


async def _events(stream: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    fields: dict[str, str] = {}
    async for line in stream.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield fields["event"], orjson.loads(fields["data"])
            fields = {}


def _client() -> aiohttp.ClientSession:
    # A stream is silent for at most 15 s; a line of it may be a message of any length.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=40)
    connector = aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(timeout=timeout, connector=connector, read_bufsize=2**22)
