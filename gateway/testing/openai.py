"""A model's server on loopback: OpenAI's chat-completions API, with answers that can be foretold.

    async with ModelServer() as server:
        server.fail_next(ModelFault.CUT_OFF)
        agent = LlmAgent("assistant", LlmSettings(**server.agent()))

It refuses what the real ones refuse, breaks down in the ways they do, and outlives a gateway that
is killed. ``python -m gateway.testing.openai --port 8000`` serves it to play with.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from time import time
from typing import Any, Self

from aiohttp import web

from gateway.testing import _openai_wire as wire

Answer = Callable[[Sequence[str]], str]
"""What the model says to the user's texts, oldest first."""
Call = wire.Call


def numbered(texts: Sequence[str]) -> str:
    """The number of the newest text, the text, and all before it: shows what the model was told."""
    return f"{len(texts)}: {texts[-1]} after {'|'.join(texts[:-1]) or 'nothing'}"


class ModelFault(StrEnum):
    """What an answer can be instead of good."""

    STALL = "stall"
    """Never begins; the connection stays open."""
    STALL_MIDWAY = "stall-midway"
    """Falls silent after `after` pieces."""
    CUT_OFF = "cut-off"
    """The connection is closed after `after` pieces."""
    RESET = "reset"
    """The connection is reset before anything is answered."""
    RATE_LIMIT = "rate-limit"
    """429, with `retry_after` if that is given."""
    SERVER_ERROR = "server-error"
    """500."""
    ERROR_MIDWAY = "error-midway"
    """An error object in the stream after `after` pieces."""
    HTML = "html"
    """A page of somebody in between, with status 200."""
    BROKEN_JSON = "broken-json"
    """An event that is no JSON, after `after` pieces."""
    NO_EVENTS = "no-events"
    """A stream that holds no events."""
    ENDLESS = "endless"
    """Goes on for ever."""
    EMPTY = "empty"
    """Says nothing, and ends well."""
    TOOL_CALL = "tool-call"
    """Calls a tool instead."""
    REFUSAL = "refusal"
    """The model declines, in words."""
    FILTERED = "filtered"
    """The content filter ends the answer after `after` pieces."""
    LENGTH = "length"
    """The answer reaches its longest length after `after` pieces."""
    THINKING = "thinking"
    """Reasons aloud, in a field of its own and in tags, before it answers well."""
    SLOW = "slow"
    """Answers well, with `pace` seconds between the pieces."""
    NO_TOOLS = "no-tools"
    """400, as Ollama answers where its model knows of no tools."""
    TOO_LONG = "too-long"
    """400: the conversation is longer than the model's context."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatRequest:
    """One call to chat/completions that was taken, when (epoch), and its user's texts."""

    body: Mapping[str, Any]
    texts: tuple[str, ...]
    at: float

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What the model was given to read."""
        return list(self.body["messages"])

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of the tools that it was offered."""
        return tuple(tool["function"]["name"] for tool in self.body.get("tools", ()))

    @property
    def results(self) -> tuple[str, ...]:
        """What the tools said that it has called so far, oldest first."""
        return wire.results(self.body)


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A fault to come. `until` (epoch) bounds it in time, `only` to some requests."""

    fault: ModelFault
    after: int
    retry_after: float | None
    pace: float
    until: float
    only: Callable[[ChatRequest], bool] | None


class ModelServer:
    """Serves the models named in `models` with `answer`. All times are seconds.

    With an `api_key` it wants that one. `alternate` refuses what strict chat templates refuse:
    anything but user and assistant in turn, the user first and last. `context` is how many
    characters a conversation may have (0: any number), `pace` the pause between two pieces.
    `calls` are the tools that it asks for before it answers a request; see also `call_next`.
    """

    def __init__(
        self,
        answer: Answer = numbered,
        *,
        models: Sequence[str] = ("test-model",),
        api_key: str = "",
        alternate: bool = True,
        context: int = 0,
        pace: float = 0.0,
        port: int = 0,
        calls: Callable[[ChatRequest], Sequence[Call]] | None = None,
    ) -> None:
        self.models = list(models)
        self.api_key = api_key
        self.requests: list[ChatRequest] = []
        self.refusals: list[str] = []
        self.hung_up = 0
        self._peers: set[object] = set()
        self._answer = answer
        self._calls = calls
        self._next_calls: deque[tuple[str, tuple[Call, ...], str]] = deque()
        self._alternate = alternate
        self._context = context
        self._pace = pace
        self._port = port
        self._runner: web.ServerRunner | None = None
        self._plan: deque[Planned] = deque()
        self._changed = asyncio.Condition()

    @property
    def url(self) -> str:
        """What `base_url` is to be; valid once started, and the same after `outage`."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def connections(self) -> int:
        """How many have been made, by whichever client."""
        return len(self._peers)

    def agent(self, **keys: Any) -> dict[str, Any]:
        """The settings of an `llm` agent that asks this server."""
        key = {"api_key": self.api_key} if self.api_key else {}
        return {"model": self.models[0], "base_url": self.url, **key, **keys}

    async def start(self) -> None:
        """Listen on 127.0.0.1."""
        server = web.Server(self._serve, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def outage(self, on: bool) -> None:
        """While on, connections are refused."""
        await (self.close() if on else self.start())

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def fail_next(
        self,
        fault: ModelFault,
        times: int = 1,
        *,
        seconds: float = 0.0,
        after: int = 2,
        retry_after: float | None = None,
        pace: float = 0.1,
        only: Callable[[ChatRequest], bool] | None = None,
    ) -> None:
        """Let the next `times` requests end this way, or for so many `seconds` all of them.

        Only those count for which `only` holds. `after` is in pieces of the answer.
        """
        planned = Planned(
            fault=fault,
            after=after,
            retry_after=retry_after,
            pace=pace,
            until=time() + seconds if seconds else 0.0,
            only=only,
        )
        self._plan.extend([planned] * (1 if seconds else times))

    def call_next(self, *calls: Call, saying: str = "", finish: str = "tool_calls") -> None:
        """Let the next request that offers tools be answered with these calls, after some text;
        `finish` is the reason to end that is given."""
        self._next_calls.append((saying, calls, finish))

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""
        self._plan.clear()

    async def wait_until(self, holds: Callable[[], bool], *, timeout: float = 30.0) -> None:
        """Wait until it holds; looks after each request and each hang-up. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(holds)

    # the API

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self._peers.add(request.get_extra_info("peername"))
        given = request.headers.get("Authorization", "")
        if self.api_key and given != f"Bearer {self.api_key}":
            return self._refuse(401, "invalid_api_key", f"Incorrect API key provided: {given[7:]}.")
        match request.method, request.path:
            case "GET", "/v1/models":
                data = [{"id": name, "object": "model", "owned_by": "us"} for name in self.models]
                return web.json_response({"object": "list", "data": data})
            case "POST", "/v1/chat/completions":
                return await self._completion(request)
        return self._refuse(404, "unknown_url", f"Unknown request URL: {request.path}.")

    async def _completion(self, request: web.BaseRequest) -> web.StreamResponse:
        body, problem = wire.parsed(await request.read(), alternate=self._alternate)
        if problem:
            return self._refuse(400, "invalid_request_error", problem)
        if body["model"] not in self.models:
            words = f"The model `{body['model']}` does not exist or you do not have access to it."
            return self._refuse(404, "model_not_found", words)
        chat = ChatRequest(body=body, texts=wire.user_texts(body), at=time())
        self.requests.append(chat)
        await self._tell()
        planned = self._take(chat)
        if self._context and wire.characters(body) > self._context:
            return wire.error(400, "context_length_exceeded", wire.TOO_LONG)
        try:
            return await self._answered(request, chat, planned)
        except asyncio.CancelledError:
            self.hung_up += 1
            raise
        except ConnectionError:
            self.hung_up += 1
            return web.Response()
        finally:
            await self._tell()

    async def _answered(
        self, request: web.BaseRequest, chat: ChatRequest, planned: Planned | None
    ) -> web.StreamResponse:
        fault = planned.fault if planned else None
        if planned and (refusal := wire.refusal(planned.fault, planned.retry_after)) is not None:
            return refusal
        if fault is ModelFault.STALL:
            await asyncio.get_running_loop().create_future()
        if fault is ModelFault.RESET:
            wire.cut(request, reset=True)
            return web.Response()
        said, calls, finish = self._acting(chat) if planned is None else ("", (), "")
        said = said if calls else self._answer(chat.texts)
        if not chat.body.get("stream"):
            return wire.whole(chat.body, "" if fault is ModelFault.EMPTY else said)
        stream = wire.EventStream(request, chat.body)
        await stream.open()
        pace = planned.pace if planned and fault is ModelFault.SLOW else self._pace
        await self._stream(stream, wire.pieces(said), planned, pace)
        if planned is None:
            await stream.call(*calls)
            await stream.finish(finish if calls else "stop")
        return stream.response

    def _acting(self, chat: ChatRequest) -> tuple[str, Sequence[Call], str]:
        """What is said before the calls, the calls, and why it ends."""
        if self._next_calls and chat.tools:
            return self._next_calls.popleft()
        return "", self._calls(chat) if self._calls else (), "tool_calls"

    async def _stream(
        self, stream: wire.EventStream, pieces: list[str], planned: Planned | None, pace: float
    ) -> None:
        """The text; where something is planned, up to its end."""
        fault = planned.fault if planned else None
        if planned and planned.fault in wire.INSTEAD:
            await wire.INSTEAD[planned.fault](stream)
            return
        if fault is ModelFault.THINKING:
            await wire.think(stream)
        for number, piece in enumerate(pieces):
            if planned and fault in wire.MIDWAY and number == planned.after:
                await wire.MIDWAY[planned.fault](stream)
                return
            await stream.say(piece)
            if pace:
                await asyncio.sleep(pace)
        if planned and fault in wire.MIDWAY:
            await wire.MIDWAY[planned.fault](stream)
            return
        if planned:
            await stream.finish("stop")

    def _take(self, chat: ChatRequest) -> Planned | None:
        now = time()
        for planned in [p for p in self._plan if p.until and p.until <= now]:
            self._plan.remove(planned)
        for planned in self._plan:
            if planned.only is None or planned.only(chat):
                if not planned.until:
                    self._plan.remove(planned)
                return planned
        return None

    def _refuse(self, status: int, code: str, message: str) -> web.Response:
        self.refusals.append(f"{status} {message}")
        return wire.error(status, code, message)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@contextmanager
def in_thread(server: ModelServer) -> Iterator[ModelServer]:
    """Serve from a thread of its own: then no task of the server's is among those of a test."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(5.0)
        yield server
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(5.0)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve_for_ever(port: int, api_key: str, pace: float) -> None:
    async with ModelServer(port=port, api_key=api_key, pace=pace, alternate=False):
        await asyncio.get_running_loop().create_future()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m gateway.testing.openai", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="on 127.0.0.1")
    parser.add_argument("--key", default="", help="the API key to insist on")
    parser.add_argument("--pace", type=float, default=0.05, help="seconds between two pieces")
    chosen = parser.parse_args()
    try:
        asyncio.run(_serve_for_ever(chosen.port, chosen.key, chosen.pace))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
