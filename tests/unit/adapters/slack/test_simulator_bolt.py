"""The simulated Slack is one that Slack's own framework for Python can work with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from gateway.testing.loopback import HOST, LoopbackServer
from tests.unit.adapters.slack.loopback import Loopback, loopback

Setup = Callable[[AsyncApp], None]
BUTTON = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"}
QUESTION: list[dict[str, Any]] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "*Really*?"}},
    {"type": "actions", "elements": [BUTTON]},
]


def listen(app: AsyncApp) -> None:
    """An app that answers everything."""

    @app.event("app_mention")
    async def mentioned(event: dict[str, Any], say: Any) -> None:
        await say("you called?", thread_ts=event["ts"])

    @app.message("stream")
    async def stream(message: dict[str, Any], client: AsyncWebClient) -> None:
        streamer = await client.chat_stream(
            channel=message["channel"], thread_ts=message["ts"], buffer_size=1
        )
        for word in ("Roses ", "are ", "red"):
            await streamer.append(markdown_text=word)
        await streamer.stop(blocks=QUESTION)

    @app.message("file")
    async def file(message: dict[str, Any], client: AsyncWebClient) -> None:
        await client.files_upload_v2(
            channel=message["channel"], filename="a.txt", content="roses", initial_comment="here"
        )

    @app.message("ask")
    async def ask(say: Any) -> None:
        await say(blocks=QUESTION, text="Really?")

    @app.event("message")
    async def message(event: dict[str, Any], say: Any) -> None:
        if event.get("channel_type") == "im" and "subtype" not in event:
            await say(f"{event['text']}, <@{event['user']}>")

    @app.action("go")
    async def pressed(ack: Any, respond: Any, say: Any) -> None:
        await ack()
        await respond("only for you")
        await say("it went")

    @app.command("/status")
    async def status(ack: Any, command: dict[str, Any]) -> None:
        await ack(f"fine: {command['text']}")


@asynccontextmanager
async def by_socket(sl: Loopback) -> AsyncIterator[AsyncSocketModeHandler]:
    settings = sl.simulator.settings()
    app = AsyncApp(client=AsyncWebClient(settings["bot_token"], base_url=settings["api_url"]))
    listen(app)
    handler = AsyncSocketModeHandler(app, settings["app_token"], ping_interval=0.05)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]
        await asyncio.sleep(0)


@asynccontextmanager
async def by_request(sl: Loopback) -> AsyncIterator[None]:
    settings = sl.simulator.settings()
    app = AsyncApp(
        client=AsyncWebClient(settings["bot_token"], base_url=settings["api_url"]),
        signing_secret=settings["signing_secret"],
    )
    listen(app)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = (await request.read()).decode()
        answer = await app.async_dispatch(
            AsyncBoltRequest(body=body, headers=dict(request.headers))
        )
        headers = answer.first_headers_without_set_cookie()
        return web.Response(status=answer.status, text=answer.body, headers=headers)

    server = LoopbackServer(handle, 0)
    await server.start()
    sl.simulator.webhook_url("", f"http://{HOST}:{server.port}/slack/events")
    assert await sl.simulator.verify()
    try:
        yield
    finally:
        await server.close()


@pytest.fixture(params=["socket", "events"])
async def sl(request: pytest.FixtureRequest) -> AsyncIterator[Loopback]:
    async with loopback(request.param) as everything:
        told = by_socket if request.param == "socket" else by_request
        async with told(everything):
            yield everything
            await everything.simulator.wait_until(lambda: not everything.simulator.unacknowledged())
            assert everything.simulator.refusals == []


async def test_a_message_and_its_answer(sl: Loopback) -> None:
    await sl.simulator.say("hello", person=sl.ann, place=sl.here)
    (seen,) = await sl.simulator.wait_sent(1, sl.here)
    assert seen.text == "hello, @Ann"


async def test_a_mention_and_its_answer(sl: Loopback) -> None:
    channel = sl.simulator.place("channel", people=[sl.ann])
    said = await sl.simulator.say("hello", person=sl.ann, place=channel, mention=True)
    (seen,) = await sl.simulator.wait_sent(1, sl.simulator.thread_of(said))
    assert seen.text == "you called?"


async def test_a_button(sl: Loopback) -> None:
    await sl.simulator.say("ask", person=sl.ann, place=sl.here)
    (question,) = await sl.simulator.wait_sent(1, sl.here)
    assert (question.text, question.buttons) == ("Really?", ("Go",))
    await sl.simulator.press("Go", person=sl.ann, place=sl.here)
    (_, seen) = await sl.simulator.wait_sent(2, sl.here)
    assert seen.text == "it went"
    (private,) = sl.simulator.ephemerals(sl.ann, sl.here)
    assert private.text == "only for you"


async def test_a_command(sl: Loopback) -> None:
    await sl.simulator.command("status", "now", person=sl.ann, place=sl.here)
    await sl.simulator.wait_until(lambda: bool(sl.simulator.ephemerals(sl.ann)))
    (private,) = sl.simulator.ephemerals(sl.ann)
    assert private.text == "fine: now"


async def test_a_streamed_answer(sl: Loopback) -> None:
    await sl.simulator.say("stream", person=sl.ann, place=sl.here)
    (seen,) = await sl.simulator.wait_sent(lambda sent: bool(sent and sent[0].buttons), sl.here)
    assert seen.text == "Roses are red\nReally?"
    assert sl.simulator.streaming(sl.here) == []


async def test_a_file(sl: Loopback) -> None:
    await sl.simulator.say("file", person=sl.ann, place=sl.here)
    (seen,) = await sl.simulator.wait_sent(1, sl.here)
    (file,) = seen.files
    assert (seen.text, file.name, file.content) == ("here", "a.txt", b"roses")


@pytest.mark.parametrize("reason", ["refresh_requested", "reset"])
async def test_a_lost_connection_is_replaced(reason: str) -> None:
    async with loopback() as sl, by_socket(sl):
        await sl.simulator.wait_until(lambda: sl.simulator.connections() == 1)
        if reason == "reset":
            await sl.simulator.disconnect()
        else:
            sl.simulator.refresh(after=0.0)
        await sl.simulator.wait_until(lambda: sl.simulator.connections() == 0)
        await sl.simulator.wait_until(lambda: sl.simulator.connections() == 1)
        await sl.simulator.say("back?", person=sl.ann, place=sl.here)
        (seen,) = await sl.simulator.wait_sent(1, sl.here)
        assert seen.text == "back?, @Ann"
