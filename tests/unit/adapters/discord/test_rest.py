"""The REST client: what it sends, and what it makes of answers and of their absence."""

from __future__ import annotations

import asyncio
import re
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import hdrs, web

from adapters.discord import rest as room
from adapters.discord.rest import Gone, Refused, Rest, TokenRefused, Upload
from gateway import (
    GatewayError,
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
    RecipientGone,
    Rejected,
    Unavailable,
)

TOKEN = "MTAwMA.s3cr3t"
HOOK = "s3cr3t-of-a-command"
PATH = f"/webhooks/9/{HOOK}/messages/@original"
HERE = "/channels/5/messages"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    """A server that answers everything alike; yields its address."""
    runner = web.ServerRunner(web.Server(handler, handler_cancellation=True))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def answering(status: int, body: Any = b"", **headers: str) -> Handler:
    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return web.Response(status=status, body=content, headers=headers)

    return handler


def failing(message: str, code: int = 0, **more: Any) -> dict[str, Any]:
    return {"message": message, "code": code, **more}


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def failure(
    http: aiohttp.ClientSession, url: str, method: str = "POST", **more: Any
) -> GatewayError:
    """The error of one call; it never shows a token, and nothing it came from does."""
    with pytest.raises(GatewayError) as caught:
        await Rest(TOKEN, url, http).call(method, PATH, body={"content": "x"}, **more)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "s3cr3t" not in shown
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert str(caught.value)
    return caught.value


# What goes out.


async def test_a_call_is_such_as_discord_wants_it(http: aiohttp.ClientSession) -> None:
    seen: list[Any] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append((request.method, request.raw_path, dict(request.headers), await request.read()))
        return web.json_response({"id": "1"})

    async with server(handler) as url:
        rest = Rest(TOKEN, f"{url}/api/v10", http)
        assert await rest.call("POST", f"{HERE}?a=1", body={"content": "é"}) == {"id": "1"}
        await rest.call("PATCH", PATH, body={}, auth=False)
        await rest.call("GET", HERE)
    (method, path, headers, body), (_, hook, bare, _), (*_, nothing) = seen
    assert (method, path, body) == ("POST", f"/api/v10{HERE}?a=1", '{"content":"é"}'.encode())
    assert headers["Authorization"] == f"Bot {TOKEN}"
    assert headers["Content-Type"] == "application/json"
    assert re.fullmatch(r"DiscordBot \(chat-gateway, \d+\.\d+\S*\)", headers["User-Agent"])
    assert hook == f"/api/v10{PATH}"
    assert "Authorization" not in bare
    assert nothing == b""
    assert TOKEN not in repr(rest)


async def test_files_go_beside_the_body(http: aiohttp.ClientSession) -> None:
    seen: dict[str, Any] = {}

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        async for part in await request.multipart():
            assert isinstance(part, aiohttp.BodyPartReader)
            kind = part.headers.get("Content-Type", "")
            seen[part.name or ""] = (part.filename, kind, bytes(await part.read()))
        return web.json_response({"id": "1"})

    files = [
        Upload(name="Grüße 🌹.png", content=b"\x89PNG", media_type="image/png"),
        Upload(name="b", content=b"b"),
    ]
    async with server(handler) as url:
        await Rest(TOKEN, url, http).call("POST", HERE, body={"content": "x"}, files=files)
    assert orjson.loads(seen["payload_json"][2]) == {"content": "x"}
    assert seen["files[0]"] == ("Grüße 🌹.png", "image/png", b"\x89PNG")
    assert seen["files[1]"] == ("b", "application/octet-stream", b"b")


async def test_what_json_cannot_hold_is_refused_here(http: aiohttp.ClientSession) -> None:
    rest = Rest(TOKEN, "http://127.0.0.1:9", http)
    with pytest.raises(Rejected, match="JSON"):
        await rest.call("POST", HERE, body={"content": "\ud800"})


# Answers.


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, failing("Invalid Form Body", 50035), Refused, 50035),
        (400, failing("Cannot send an empty message", 50006), Refused, 50006),
        (403, failing("Cannot send messages to this user", 50007), Gone, 50007),
        (403, failing("Missing Access", 50001), Gone, 50001),
        (403, failing("Missing Permissions", 50013), Gone, 50013),
        (403, failing("Message was blocked", 200000), Refused, 200000),
        (404, failing("Unknown Channel", 10003), Gone, 10003),
        (404, failing("Unknown Message", 10008), Refused, 10008),
        (404, failing("404: Not Found"), Refused, 0),
    ],
)
async def test_refusals_carry_discords_words_and_number(
    http: aiohttp.ClientSession, status: int, body: Any, kind: type[Exception], code: int
) -> None:
    async with server(answering(status, body)) as url:
        error = await failure(http, url)
    assert type(error) is kind
    assert isinstance(error, Rejected | RecipientGone)
    assert isinstance(error, Refused | Gone)
    assert error.code == code
    assert body["message"] in str(error)
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, failing("Internal Server Error"), OutcomeUnknown),
        (502, b"<html>Bad Gateway</html>", OutcomeUnknown),
        (503, failing("upstream connect error"), OutcomeUnknown),
        (200, b"<html>Sign in</html>", OutcomeUnknown),
        (200, b'"words"', OutcomeUnknown),
        (302, b"", NotAccepted),
        (403, b"<html>Forbidden</html>", NotAccepted),
        (400, [], NotAccepted),
        (403, failing("internal network error", 40333), Unavailable),
        (400, failing("overloaded", 130000), Unavailable),
        (401, failing("401: Unauthorized"), TokenRefused),
    ],
)
async def test_other_trouble_is_called_by_its_name(
    http: aiohttp.ClientSession, status: int, body: Any, kind: type[Exception]
) -> None:
    async with server(answering(status, body)) as url:
        assert type(await failure(http, url)) is kind


async def test_nobody_is_sent_elsewhere(http: aiohttp.ClientSession) -> None:
    calls: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        calls.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with server(handler) as url:
        assert type(await failure(http, url)) is NotAccepted
    assert calls == [PATH]


async def test_a_token_in_the_path_is_not_the_bots(http: aiohttp.ClientSession) -> None:
    async with server(answering(401, failing("Invalid Webhook Token", 50027))) as url:
        error = await failure(http, url, auth=False)
    assert isinstance(error, Refused)
    assert error.code == room.INVALID_WEBHOOK_TOKEN


async def test_reading_has_no_unknown_outcome(http: aiohttp.ClientSession) -> None:
    for status, body in ((500, failing("oops")), (200, b"<html>")):
        async with server(answering(status, body)) as url:
            assert type(await failure(http, url, "GET")) is Unavailable


async def test_which_field_is_wrong_is_told(http: aiohttp.ClientSession) -> None:
    wrong = {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "2000 or fewer."}]}
    errors = {
        "content": wrong,
        "embeds": {"0": {"title": wrong}},
        "odd": [],
        "odder": {"_errors": 1},
    }
    deep: dict[str, Any] = {}
    for _ in range(50):
        deep = {"x": deep}
    body = failing("Invalid Form Body", 50035, errors={**errors, "deep": deep})
    async with server(answering(400, body)) as url:
        error = await failure(http, url)
    assert "content: 2000 or fewer.; embeds.0.title: 2000 or fewer." in str(error)
    long = failing("x" * 5000, 50035)
    async with server(answering(400, long)) as url:
        assert len(str(await failure(http, url))) < 400


@pytest.mark.parametrize("status", [204, 200])
async def test_an_empty_answer_is_none_where_there_should_be_none(
    http: aiohttp.ClientSession, status: int
) -> None:
    async with server(answering(status)) as url:
        if status == 204:
            assert await Rest(TOKEN, url, http).call("POST", HERE) is None
        else:
            assert type(await failure(http, url)) is OutcomeUnknown


async def test_an_endless_answer_is_not_read_to_its_end(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MAX_ANSWER", 1000)
    async with server(answering(200, [0] * 5000)) as url:
        assert type(await failure(http, url)) is OutcomeUnknown
        assert type(await failure(http, url, "GET")) is Unavailable


# No answer.


async def test_nobody_to_talk_to(http: aiohttp.ClientSession) -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    error = await failure(http, url)
    assert type(error) is Unavailable
    assert "cannot be reached" in str(error)
    closed = aiohttp.ClientSession()
    await closed.close()
    assert type(await failure(closed, url)) is Unavailable
    with pytest.raises(Unavailable):
        await anext(Rest(TOKEN, url, closed).download(url))


@pytest.mark.parametrize(("method", "kind"), [("POST", OutcomeUnknown), ("GET", Unavailable)])
async def test_an_answer_that_never_comes(
    http: aiohttp.ClientSession, method: str, kind: type[Exception]
) -> None:
    async def silent(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def broken(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 10
        await response.prepare(request)
        await response.write(b'{"id"')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with server(silent) as url:
        # Long enough to ask in, on a busy machine, too.
        assert type(await failure(http, url, method, timeout=0.5)) is kind
    async with server(broken) as url:
        assert type(await failure(http, url, method)) is kind


# Limits.


@pytest.mark.parametrize(
    ("body", "headers", "wait"),
    [
        (failing("You are being rate limited.", retry_after=7.25), {}, 7.25),
        (failing("You are being rate limited."), {"Retry-After": "4"}, 4.0),
        (failing("You are being rate limited.", retry_after="x"), {}, 1.0),
        (failing("You are being rate limited.", retry_after=-3), {}, 1.0),
        (b"error code: 1015", {}, room.BANNED),
        (b"error code: 1015", {"Retry-After": "90"}, 90.0),
    ],
)
async def test_too_much_is_told_with_its_wait(
    http: aiohttp.ClientSession, body: Any, headers: dict[str, str], wait: float
) -> None:
    async with server(answering(429, body, **headers)) as url:
        error = await failure(http, url)
    assert isinstance(error, RateLimited)
    assert error.retry_after == wait


async def test_after_a_refusal_for_everything_nothing_is_tried(http: aiohttp.ClientSession) -> None:
    calls: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        calls.append(request.path)
        body = {"message": "slow", "retry_after": 30.0, "global": request.path.endswith("all")}
        return web.json_response(body, status=429)

    async with server(handler) as url:
        rest = Rest(TOKEN, url, http)
        for path in ("/one", "/one", "/all", "/other"):
            with pytest.raises(RateLimited) as caught:
                await rest.call("POST", path)
            assert 29.0 < caught.value.retry_after <= 30.0
    # What only one channel has too much of, the outbox waits for.
    assert calls == ["/one", "/one", "/all"]


async def test_what_has_a_token_of_its_own_waits_for_no_other(http: aiohttp.ClientSession) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if hdrs.AUTHORIZATION not in request.headers:
            return web.json_response({})
        return web.json_response(failing("slow", retry_after=30, **{"global": True}), status=429)

    async with server(handler) as url:
        rest = Rest(TOKEN, url, http)
        with pytest.raises(RateLimited):
            await rest.call("POST", HERE)
        assert await rest.call("POST", PATH, auth=False) == {}


async def test_who_is_banned_tries_nothing(http: aiohttp.ClientSession) -> None:
    calls: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        calls.append(request.path)
        return web.Response(status=429, text="error code: 1015")

    async with server(handler) as url:
        rest = Rest(TOKEN, url, http)
        for path in ("/one", "/other"):
            with pytest.raises(RateLimited) as caught:
                await rest.call("POST", path)
            assert room.BANNED - 1.0 < caught.value.retry_after <= room.BANNED
    assert calls == ["/one"]


async def test_a_refused_token_is_not_tried_again_at_once(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "TOKEN_REFUSED", 0.1)
    calls: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        calls.append(request.path)
        return web.json_response(failing("401: Unauthorized"), status=401)

    async with server(handler) as url:
        rest = Rest(TOKEN, url, http)
        for path in ("/one", "/other"):
            with pytest.raises(TokenRefused):
                await rest.call("POST", path)
        await asyncio.sleep(0.1)
        with pytest.raises(TokenRefused):
            await rest.call("POST", "/one")
    assert calls == ["/one", "/one"]


async def test_a_refusal_holds_nothing_by_itself(http: aiohttp.ClientSession) -> None:
    """The outbox waits for what its own budgets are about."""
    calls: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        calls.append(request.path)
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "30"}
        return web.json_response(
            {"message": "slow", "retry_after": 30}, status=429, headers=headers
        )

    async with server(handler) as url:
        rest = Rest(TOKEN, url, http)
        for _ in range(2):
            with pytest.raises(RateLimited):
                await rest.call("POST", HERE)
    assert len(calls) == 2


async def test_a_used_up_limit_is_respected(http: aiohttp.ClientSession) -> None:
    after = {"value": "0.05"}

    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": after["value"]}
        return web.json_response({}, headers=headers)

    loop = asyncio.get_running_loop()
    async with server(handler) as url:
        rest = Rest(TOKEN, url, http)
        await rest.call("PATCH", f"{HERE}/1")
        began = loop.time()
        await rest.call("PATCH", "/channels/6/messages/1")
        await rest.call("POST", HERE)
        assert loop.time() - began < 0.045
        after["value"] = "30"
        await rest.call("PATCH", f"{HERE}/2")
        assert loop.time() - began > 0.04
        with pytest.raises(RateLimited) as caught:
            await rest.call("PATCH", f"{HERE}/3")
        assert 29.0 < caught.value.retry_after <= 30.0
        # What has its own token has its own limits.
        for _ in range(2):
            await rest.call("PATCH", PATH, auth=False)


async def test_limits_that_have_passed_are_forgotten(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MAX_PAUSES", 10)
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "0.0001"}
    async with server(answering(200, {}, **headers)) as url:
        rest = Rest(TOKEN, url, http)
        for channel in range(50):
            await rest.call("POST", f"/channels/{channel}/messages")
            await asyncio.sleep(0.0002)
    assert len(rest._pauses) <= 10


@pytest.mark.parametrize("after", ["nan", "inf", "-1", "", "x"])
async def test_odd_limits_hold_nothing(http: aiohttp.ClientSession, after: str) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": after}
    async with server(answering(200, {}, **headers)) as url:
        rest = Rest(TOKEN, url, http)
        for _ in range(2):
            assert await rest.call("POST", HERE) == {}
