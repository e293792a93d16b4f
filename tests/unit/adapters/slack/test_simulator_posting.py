"""The Events API of the simulated Slack: signed requests, and when they come again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from adapters.slack.simulator import Patience
from gateway.testing.loopback import HOST, LoopbackServer
from tests.unit.adapters.slack.loopback import Loopback, loopback

Answer = Callable[[bytes], Awaitable[web.Response]]


class Endpoint:
    """A request URL that notes what comes, and answers as told."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[web.Response | float] = []
        self.called = asyncio.Event()
        self._server = LoopbackServer(self._handle, 0)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.port}/slack"

    @property
    def texts(self) -> list[str]:
        return [orjson.loads(body)["event"]["text"] for _, body in self.came]

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.came.append((dict(request.headers), await request.read()))
        self.called.set()
        answer = self.answers.pop(0) if self.answers else web.Response()
        if isinstance(answer, web.Response):
            return answer
        await asyncio.sleep(answer)
        return web.Response()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Endpoint]:
        await self._server.start()
        try:
            yield self
        finally:
            await self._server.close()


@asynccontextmanager
async def posting(
    *waits: float, ack_within: float = 3.0, **options: Any
) -> AsyncIterator[tuple[Loopback, Endpoint]]:
    patience = Patience(ack_within=ack_within, waits=waits)
    async with loopback("events", patience=patience, **options) as sl, Endpoint().served() as there:
        sl.simulator.webhook_url(sl.account, there.url)
        yield sl, there


async def taken(sl: Loopback) -> None:
    await sl.simulator.wait_until(lambda: not sl.simulator.unacknowledged())


async def test_an_event_is_posted_and_signed() -> None:
    async with posting() as (sl, there):
        secret = sl.simulator.settings()["signing_secret"]
        assert "app_token" not in sl.simulator.settings()
        await sl.simulator.say("hi", person=sl.ann, place=sl.here)
        await taken(sl)
        ((headers, body),) = there.came
        assert SignatureVerifier(secret).is_valid_request(body, headers)
        assert orjson.loads(body)["event"]["text"] == "hi"
        assert "X-Slack-Retry-Num" not in headers
        assert 0 < sl.simulator.ack_times()[0] < 3.0
        assert SignatureVerifier(secret).is_valid_request(b"x", sl.simulator.signed(b"x"))
        old = sl.simulator.signed(b"x", at=1.0)
        assert not SignatureVerifier(secret).is_valid_request(b"x", old)


async def test_what_happened_before_the_address_was_known_goes_there() -> None:
    async with loopback("events") as sl, Endpoint().served() as there:
        await sl.simulator.say("hi", person=sl.ann, place=sl.here)
        assert "signing_secret" in sl.simulator.settings()
        sl.simulator.webhook_url(sl.account, there.url)
        await taken(sl)
        assert there.texts == ["hi"]


async def test_failures_are_tried_again_and_say_so() -> None:
    async with posting(0.0, 0.01, 0.02, ack_within=0.2) as (sl, there):
        there.answers = [web.Response(status=503), 1.0, web.Response(status=302)]
        await sl.simulator.say("hi", person=sl.ann, place=sl.here)
        await taken(sl)
        retries = [
            (headers.get("X-Slack-Retry-Num"), headers.get("X-Slack-Retry-Reason"))
            for headers, _ in there.came
        ]
        assert retries == [
            (None, None),
            ("1", "http_error"),
            ("2", "http_timeout"),
            ("3", "too_many_redirects"),
        ]
        assert len({body for _, body in there.came}) == 1


async def test_slack_gives_up() -> None:
    async with posting(0.0) as (sl, there):
        there.answers = [web.Response(status=500) for _ in range(2)]
        said = await sl.simulator.say("hi", person=sl.ann, place=sl.here)
        await sl.simulator.wait_until(lambda: sl.simulator.lost() == [said])
        assert len(there.came) == 2
        assert sl.simulator.unacknowledged() == [said]
        await sl.call("conversations.history", channel=sl.here.id)
        assert sl.simulator.unacknowledged() == []


async def test_a_failure_may_ask_for_no_retry() -> None:
    async with posting(0.0, 0.0) as (sl, there):
        there.answers = [web.Response(status=500, headers={"X-Slack-No-Retry": "1"})]
        said = await sl.simulator.say("hi", person=sl.ann, place=sl.here)
        await sl.simulator.wait_until(lambda: sl.simulator.lost() == [said])
        assert len(there.came) == 1


async def test_nobody_listens() -> None:
    """Who hangs up at once counts as nobody, and can tell when that was."""
    tried = asyncio.Event()

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tried.set()
        writer.close()

    nobody = await asyncio.start_server(hang_up, HOST, 0)
    async with nobody, posting(*(0.02 for _ in range(100))) as (sl, there):
        port = nobody.sockets[0].getsockname()[1]
        sl.simulator.webhook_url(sl.account, f"http://{HOST}:{port}/")
        await sl.simulator.say("hi", person=sl.ann, place=sl.here)
        await tried.wait()
        sl.simulator.webhook_url(sl.account, there.url)
        await taken(sl)
        assert there.came[0][0]["X-Slack-Retry-Reason"] == "connection_failed"


async def test_one_conversation_is_posted_in_order_and_none_waits_for_another() -> None:
    async with posting() as (sl, there):
        group = sl.simulator.place("group", people=[sl.ann])
        there.answers = [0.1]
        for number in range(3):
            await sl.simulator.say(str(number), person=sl.ann, place=sl.here)
        await sl.simulator.say("else", person=sl.ann, place=group)
        await taken(sl)
        assert [text for text in there.texts if text != "else"] == ["0", "1", "2"]
        assert there.texts.index("else") < 2


async def test_a_retry_at_once_comes_before_what_was_said_later() -> None:
    async with posting(0.0) as (sl, there):
        there.answers = [web.Response(status=503)]
        for number in range(3):
            await sl.simulator.say(str(number), person=sl.ann, place=sl.here)
        await taken(sl)
        assert there.texts == ["0", "0", "1", "2"]


async def test_nothing_is_tried_after_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async with Endpoint().served() as there:
        async with loopback("events", patience=Patience(waits=(0.4,))) as sl:
            sl.simulator.webhook_url(sl.account, there.url)
            there.answers = [web.Response(status=503)]
            await sl.simulator.say("hi", person=sl.ann, place=sl.here)
            await there.called.wait()
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        assert len(there.came) == 1
        assert caplog.records == []


async def test_presses_and_commands_are_forms() -> None:
    async with posting() as (sl, there):
        button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"}
        await sl.send("?", blocks=[{"type": "actions", "elements": [button]}])
        await sl.simulator.press("Go", person=sl.ann, place=sl.here)
        await taken(sl)
        payload = orjson.loads(parse_qs(there.came[-1][1].decode())["payload"][0])
        assert payload["actions"][0]["action_id"] == "go"
        there.answers = [web.Response(text="done"), web.json_response({"text": "well done"})]
        for text in ("a b", "ä"):
            await sl.simulator.command("/reset", text, person=sl.ann, place=sl.here)
            await taken(sl)
            fields = parse_qs(there.came[-1][1].decode())
            assert (fields["command"], fields["text"]) == (["/reset"], [text])
        assert there.came[-1][0]["Content-Type"] == "application/x-www-form-urlencoded"
        texts = [message.text for message in sl.simulator.ephemerals(sl.ann, sl.here)]
        assert texts == ["done", "well done"]
        there.answers = [web.Response(status=503)]
        await sl.simulator.command("/reset", person=sl.ann, place=sl.here)
        await taken(sl)
        assert len(sl.simulator.lost()) == 1, "commands are not repeated"


async def test_the_address_is_verified() -> None:
    async with posting() as (sl, there):
        assert not await sl.simulator.verify()
        challenge = orjson.loads(there.came[0][1])["challenge"]
        there.answers = [web.json_response({"challenge": challenge})]
        assert await sl.simulator.verify()


async def test_an_outage_delivers_nothing_and_counts_no_attempt() -> None:
    async with posting() as (sl, there):
        there.answers = [1.0]
        await sl.simulator.say("before", person=sl.ann, place=sl.here)
        await sl.simulator.wait_until(lambda: bool(sl.simulator.unacknowledged()))
        await sl.simulator.outage(True)
        await sl.simulator.say("during", person=sl.ann, place=sl.here)
        await asyncio.sleep(0.02)
        there.came.clear()
        there.answers.clear()
        await sl.simulator.outage(False)
        await taken(sl)
        assert there.texts == ["before", "during"]
        assert sl.simulator.lost() == []


async def test_a_delivery_that_is_cut_off_comes_again() -> None:
    async with posting(0.0) as (sl, there):
        there.answers = [1.0]
        await sl.simulator.say("hi", person=sl.ann, place=sl.here)
        await there.called.wait()
        await sl.simulator.disconnect()
        await taken(sl)
        assert there.came[-1][0]["X-Slack-Retry-Reason"] == "connection_failed"


async def test_no_order_is_promised() -> None:
    async with posting(shuffle=True) as (sl, there):
        texts = [str(number) for number in range(9)]
        for text in texts:
            await sl.simulator.say(text, person=sl.ann, place=sl.here)
        await taken(sl)
        assert there.texts != texts
        assert sorted(there.texts) == texts


async def test_the_other_way_of_being_told_is_another() -> None:
    async with posting() as (sl, _):
        with pytest.raises(TypeError, match="told by the Events API"):
            sl.simulator.connections()
        other = sl.simulator.add_app("socket", mode="socket")
        with pytest.raises(TypeError, match="told by Socket Mode"):
            await sl.simulator.verify(other)
        await sl.connect(other)
