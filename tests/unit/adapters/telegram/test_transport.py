"""The transport under python-telegram-bot: what it carries, and what it makes of failures."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from telegram import Bot, InputFile
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import RequestData
from telegram.request._requestparameter import RequestParameter

import gateway
from adapters.telegram.transport import (
    AiohttpRequest,
    AnswerTimedOut,
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
)
from tests.unit.adapters.telegram.loopback import Loopback, loopback

SECRET = "1000:s3cr3t"
PATH = f"/bot{SECRET}/sendMessage"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@pytest.fixture
async def tg() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    """A server that answers everything alike; yields a method's URL on it."""
    runner = web.ServerRunner(web.Server(handler, handler_cancellation=True))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    await runner.cleanup()


def answering(status: int, body: str | bytes, **headers: str) -> Handler:
    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        content = body if isinstance(body, bytes) else body.encode()
        return web.Response(status=status, body=content, headers=headers)

    return handler


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def data(**parameters: object) -> RequestData:
    return RequestData([RequestParameter.from_input(*item) for item in parameters.items()])


async def failure(request: AiohttpRequest, url: str, **timeouts: float) -> TelegramError:
    """The error of one call; it never shows the token, and nothing it came from does."""
    with pytest.raises(TelegramError) as caught:
        await request.post(url, data(chat_id=1, text="a"), **timeouts)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "s3cr3t" not in shown
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value


async def test_the_real_client_works_over_it(tg: Loopback) -> None:
    async with tg.client(tg.here.account) as bot:
        assert bot.username == "helper_bot"
        message = await bot.send_message(tg.ann.id, "grüße 😀 & more=1")
        assert message.text == "grüße 😀 & more=1"
    await tg.bot.send_message(tg.ann.id, "closing a client closes no session")


async def test_objects_and_files_arrive(http: aiohttp.ClientSession) -> None:
    seen: list[dict[str, Any]] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.content_type == "application/json":
            seen.append(await request.json())
        else:
            form = await request.post()
            seen.append(
                {
                    name: (value.filename, value.content_type, value.file.read())
                    if isinstance(value, web.FileField)
                    else value
                    for name, value in form.items()
                }
            )
        return web.json_response({"ok": True, "result": True})

    async with server(handler) as url:
        request = AiohttpRequest(http)
        await request.post(url, data(chat_id=1, reply_markup={"inline_keyboard": []}))
        letter = InputFile(io.BytesIO(b"Dear Ann"), filename="letter.txt")
        await request.post(url, data(chat_id=1, caption="grüße", document=letter))
    assert seen == [
        {"chat_id": 1, "reply_markup": {"inline_keyboard": []}},
        {
            "chat_id": "1",
            "caption": "grüße",
            "document": ("letter.txt", "text/plain", b"Dear Ann"),
        },
    ]


async def test_a_file_is_retrieved_as_it_is(http: aiohttp.ClientSession) -> None:
    async with server(answering(200, b"\x00{}")) as url:
        assert await AiohttpRequest(http).retrieve(url) == b"\x00{}"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"description": "Bad Request: chat not found"}, BadRequest),
        (401, {"description": "Unauthorized"}, InvalidToken),
        (403, {"description": "Forbidden: bot was blocked by the user"}, Forbidden),
        (409, {"description": "Conflict: terminated by other getUpdates request"}, Conflict),
        (413, {"description": "Request Entity Too Large"}, BadRequest),
        (400, {"description": "x", "parameters": {"migrate_to_chat_id": -1001}}, ChatMigrated),
        (429, {"description": "x", "parameters": {"retry_after": 7}}, RateLimited),
        (429, {"description": "x"}, RateLimited),
        (500, {"description": "Internal Server Error"}, NotAccepted),
        (502, {"description": "Bad Gateway"}, NotAccepted),
    ],
)
async def test_what_the_platform_says(
    http: aiohttp.ClientSession, status: int, body: dict[str, Any], error: type[TelegramError]
) -> None:
    handler = answering(
        status, web.json_response({"ok": False, "error_code": status, **body}).text or ""
    )
    async with server(handler) as url:
        with pytest.raises(error) as caught:
            await AiohttpRequest(http).post(url, data(text="a"))
    assert type(caught.value) is error
    assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, "<html>Sign in</html>", OutcomeUnknown),
        (200, "", OutcomeUnknown),
        (200, "[1]", OutcomeUnknown),
        (200, '{"ok":true}', OutcomeUnknown),
        (200, '{"ok":false,"error_code":400}', OutcomeUnknown),
        (502, "<html>Bad Gateway</html>", OutcomeUnknown),
        (504, "", OutcomeUnknown),
        (302, "", NotAccepted),
        (403, "<html>Blocked by your administrator</html>", NotAccepted),
        (404, '{"error":"no such page"}', NotAccepted),
    ],
)
async def test_what_somebody_in_between_says(
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    status: int,
    body: str,
    error: type[TelegramError],
) -> None:
    headers = {"Location": "http://127.0.0.1:1/"} if status == 302 else {}
    async with server(answering(status, body, **headers)) as url:
        assert type(await failure(AiohttpRequest(http), url)) is error
    assert not [record for record in caplog.records if record.levelno >= logging.INFO]


async def test_no_connection_is_not_accepted(http: aiohttp.ClientSession) -> None:
    request = AiohttpRequest(http)
    refused = await failure(request, f"http://127.0.0.1:{unused_port()}{PATH}")
    assert type(refused) is NotAccepted
    assert "Connect call failed ('127.0.0.1'" in str(refused)
    assert type(await failure(request, f"http://127.0.0.1:port{PATH}")) is NotAccepted
    await http.close()
    assert type(await failure(request, f"http://127.0.0.1:1{PATH}")) is NotAccepted


class Resolver(AbstractResolver):
    """A resolver that knows nobody, or does not even answer."""

    def __init__(self, *, silent: bool) -> None:
        self.silent = silent

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        if self.silent:
            await asyncio.Event().wait()
        raise OSError(f"who is {host}?")

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("silent", "said"), [(False, r"\(who is api.example.org\?\)"), (True, "ConnectionTimeoutError")]
)
async def test_an_address_that_cannot_be_found_is_not_accepted(silent: bool, said: str) -> None:
    connector = aiohttp.TCPConnector(resolver=Resolver(silent=silent))
    async with aiohttp.ClientSession(connector=connector) as http:
        request = AiohttpRequest(http, connect_timeout=0.02, pool_timeout=0.02)
        error = await failure(request, f"https://api.example.org{PATH}")
    assert type(error) is NotAccepted
    assert re.search(said, str(error))


async def test_a_tls_handshake_that_fails_is_not_accepted(tg: Loopback) -> None:
    url = tg.simulator.url.replace("http:", "https:") + PATH
    assert type(await failure(AiohttpRequest(tg.http), url)) is NotAccepted


async def test_no_place_in_the_pool_is_not_accepted() -> None:
    asked = asyncio.Event()

    async def silent(_: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    connector = aiohttp.TCPConnector(limit=1)
    async with server(silent) as url, aiohttp.ClientSession(connector=connector) as http:
        first = asyncio.create_task(failure(AiohttpRequest(http, read_timeout=0.5), url))
        await asked.wait()
        hasty = AiohttpRequest(http, connect_timeout=0.02, pool_timeout=0.02)
        assert type(await failure(hasty, url)) is NotAccepted
        assert type(await first) is AnswerTimedOut


async def test_a_late_answer_leaves_the_outcome_unknown(http: aiohttp.ClientSession) -> None:
    async def late(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(10)
        return web.Response()

    async with server(late) as url:
        slow = AiohttpRequest(http)
        assert slow.read_timeout == 20
        by_call = await failure(slow, url, read_timeout=0.02)
        by_default = await failure(AiohttpRequest(http, read_timeout=0.02), url)
    assert type(by_call) is type(by_default) is AnswerTimedOut


async def test_an_answer_that_trickles_does_not_take_for_ever(http: aiohttp.ClientSession) -> None:
    async def trickling(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.005)

    async with server(trickling) as url:
        request = AiohttpRequest(
            http, read_timeout=0.03, write_timeout=0.03, connect_timeout=0.3, pool_timeout=0.1
        )
        assert type(await failure(request, url)) is AnswerTimedOut


async def test_an_answer_without_end_is_not_read_to_its_end(http: aiohttp.ClientSession) -> None:
    async with server(answering(200, b'{"ok":true,"result":"' + b"x" * 5000 + b'"}')) as url:
        _, body = await AiohttpRequest(http).do_request(url, "POST", data(text="a"))
        assert len(body) > 5000
        error = await failure(AiohttpRequest(http, max_bytes=4096), url)
    assert type(error) is OutcomeUnknown


async def test_what_json_cannot_hold_is_refused_at_once(tg: Loopback) -> None:
    with pytest.raises(BadRequest, match="cannot be encoded"):
        await tg.send("\ud83d")
    assert tg.simulator.calls("sendMessage") == []


def test_both_sides_understand_the_errors() -> None:
    limited = RateLimited(2.5)
    assert (limited.retry_after, str(limited)) == (
        2.5,
        "Flood control exceeded. Retry in 2.5 seconds",
    )
    for error, theirs, ours in (
        (NotAccepted, NetworkError, gateway.NotAccepted),
        (OutcomeUnknown, NetworkError, gateway.OutcomeUnknown),
        (AnswerTimedOut, TimedOut, gateway.OutcomeUnknown),
        (RateLimited, RetryAfter, gateway.RateLimited),
    ):
        assert issubclass(error, theirs)
        assert issubclass(error, ours)


async def test_a_cancelled_call_stays_cancelled(tg: Loopback) -> None:
    poll = asyncio.create_task(tg.updates(timeout=50))
    await tg.simulator.wait_until(lambda: len(tg.simulator.calls("getUpdates")) == 2)
    poll.cancel()
    with pytest.raises(asyncio.CancelledError):
        await poll
    assert isinstance(tg.bot, Bot)
