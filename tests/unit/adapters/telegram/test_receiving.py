"""How updates come in: nothing is acknowledged before it is durable, nothing stands in the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
from starlette.applications import Starlette

from adapters.telegram import bot as bot_module
from adapters.telegram.inbound import ALLOWED_UPDATES
from adapters.telegram.simulation.errors import bad_request
from gateway import ConfigurationError, Unavailable
from gateway import observability as obs
from gateway.testing.simulator import Fault
from tests.unit.adapters.telegram.channel import SECRET, SOON, Channel, channel, until

HEADERS = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
WEBHOOK: dict[str, Any] = {"mode": "webhook", "secret": SECRET}
POISON = {"message": {"message_id": 1, "chat": {"id": "x"}, "text": "poison"}}


@pytest.fixture
async def tg() -> AsyncIterator[Channel]:
    async with channel() as everything:
        yield everything


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot_module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(bot_module, "LONGEST_WAIT", 0.05)


# Polling.


async def test_updates_are_taken_in_order_and_acknowledged(tg: Channel) -> None:
    async with tg.running():
        for number in range(5):
            await tg.say(str(number))
        await tg.inbox.wait(5)
        await until(lambda: not tg.simulator.unacknowledged())
    assert tg.inbox.texts == list("01234")
    assert tg.methods()[:2] == ["getMe", "deleteWebhook"]
    poll = tg.simulator.calls("getUpdates")[0].parameters
    assert poll == {"timeout": 50, "allowed_updates": list(ALLOWED_UPDATES)}


async def test_what_waited_comes_at_once_and_in_order(tg: Channel) -> None:
    for number in range(150):
        await tg.say(str(number))
    async with tg.running():
        await tg.inbox.wait(150)
    assert tg.inbox.texts == list(map(str, range(150)))


async def test_nothing_is_acknowledged_before_it_is_committed(tg: Channel) -> None:
    committing = asyncio.Event()

    async def stuck(raw: bytes) -> Any:
        committing.set()
        await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(tg.adapter.run(stuck))
    event = await tg.say("hello?")
    await committing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tg.simulator.unacknowledged() == [event]
    after = tg.again()
    async with after.running():
        await after.inbox.wait(1)
    assert after.inbox.texts == ["hello?"]


async def test_while_the_store_is_away_everything_waits_at_telegram(tg: Channel) -> None:
    for text in ("one", "two", "three"):
        await tg.say(text)
    tg.inbox.failures.extend([None, Unavailable("no disk", retry_after=0.05), None])
    with obs.captured() as logs:
        async with tg.running():
            await tg.inbox.wait(2)
            assert len(tg.simulator.unacknowledged()) == 3
            await tg.inbox.wait(4)
            await until(lambda: not tg.simulator.unacknowledged())
    # What was committed past the failure comes again, and is known by its id then.
    assert tg.inbox.texts == ["one", "three", "two", "three"]
    paused = [entry for entry in logs if entry["event"] == "telegram.intake_paused"]
    assert [entry["error"] for entry in paused] == ["no disk"]


async def test_an_unreadable_update_stands_in_nobodys_way(tg: Channel) -> None:
    await tg.say("before")
    tg.simulator.inject(POISON)
    await tg.say("after")
    with obs.captured() as logs:
        async with tg.running():
            await tg.inbox.wait(2)
            await until(lambda: not tg.simulator.unacknowledged())
            tg.simulator.inject(POISON)
            await until(lambda: not tg.simulator.unacknowledged())
            assert len(tg.simulator.calls("getUpdates")) < 6
    assert tg.inbox.texts == ["before", "after"]
    skipped = [entry["error"] for entry in logs if entry["event"] == "telegram.update_skipped"]
    assert skipped == ["message.chat.id is not an integer of 64 bits"] * 2


async def test_ids_that_start_anew_are_no_trouble(tg: Channel) -> None:
    async with tg.running():
        await tg.say("high")
        await tg.inbox.wait(1)
        await until(lambda: len(tg.simulator.calls("getUpdates")) == 2)
        message = tg.inbox.rows[0]["message"]
        tg.simulator.inject({"update_id": 12, "message": {**message, "text": "low"}})
        await tg.inbox.wait(2)
        await until(lambda: not tg.simulator.unacknowledged())
        assert tg.simulator.calls("getUpdates")[-1].parameters["offset"] == 13
    assert tg.inbox.texts == ["high", "low"]


async def test_a_bug_of_ours_ends_the_run_and_loses_nothing(tg: Channel) -> None:
    event = await tg.say("hello?")
    tg.inbox.failures.append(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await tg.adapter.run(tg.inbox.receive)
    assert tg.simulator.unacknowledged() == [event]


async def test_dying_polls_are_no_news(tg: Channel) -> None:
    with obs.captured() as logs:
        async with tg.running():
            for number in range(4):
                await until(lambda: bool(tg.simulator.calls("getUpdates")))
                await tg.simulator.disconnect()
                await tg.say(str(number))
                await tg.inbox.wait(number + 1)
    assert tg.inbox.texts == list("0123")
    assert [entry["event"] for entry in logs] == ["telegram.connected"]


async def test_an_outage_is_told_once_and_outlived(tg: Channel) -> None:
    with obs.captured() as logs:
        async with tg.running():
            await until(lambda: bool(tg.simulator.calls("getUpdates")))
            await tg.simulator.outage(True)
            await until(lambda: any(one["event"] == "telegram.call_failed" for one in logs))
            await asyncio.sleep(0.1)
            await tg.simulator.outage(False)
            await tg.say("back?")
            await tg.inbox.wait(1)
            await until(lambda: len(logs) >= 3)
    events = [(entry["event"], entry["level"]) for entry in logs]
    assert events == [
        ("telegram.connected", "info"),
        ("telegram.call_failed", "warning"),
        ("telegram.reached", "info"),
    ]


async def test_a_server_that_does_not_wait_is_not_asked_without_end(tg: Channel) -> None:
    async def nothing(_: Any, __: Any) -> list[Any]:
        return []

    tg.simulator._receiving.table["getUpdates"] = nothing
    async with tg.running():
        await until(lambda: len(tg.simulator.calls("getUpdates")) >= 2)
        await asyncio.sleep(0.3)
        assert len(tg.simulator.calls("getUpdates")) < 10


async def test_a_start_while_telegram_is_away_waits_for_it(tg: Channel) -> None:
    await tg.simulator.outage(True)
    with obs.captured() as logs:
        async with tg.running() as task:
            await until(lambda: bool(logs))
            await asyncio.sleep(0.1)
            assert not task.done()
            await tg.simulator.outage(False)
            await tg.say("there?")
            await tg.inbox.wait(1)
    events = [entry["event"] for entry in logs]
    assert events == ["telegram.call_failed", "telegram.connected"]
    assert logs[0]["method"] == "getMe"


async def test_a_second_poller_is_told_of_once_and_outlived(tg: Channel) -> None:
    with obs.captured() as logs:
        async with tg.running():
            for polls in (1, 3, 5):
                await until(lambda least=polls: len(tg.simulator.calls("getUpdates")) >= least)
                await tg.again().adapter._bot.call("getUpdates", {"timeout": 0})
            await tg.say("still there?")
            await tg.inbox.wait(1)
    conflicts = [entry for entry in logs if entry["event"] == "telegram.conflict"]
    assert len(conflicts) == 1
    assert "stop it" in conflicts[0]["hint"]


async def test_a_refused_token_ends_the_run_with_words() -> None:
    async with channel(strict=True) as tg:
        with pytest.raises(ConfigurationError, match=r"channels\.garden\.token") as caught:
            await tg.again(token="1000:s3cr3t-of-yesterday").adapter.run(tg.inbox.receive)
        assert "s3cr3t" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


async def test_a_token_may_be_revoked_while_it_runs() -> None:
    async with channel(strict=True) as tg:
        task = asyncio.create_task(tg.adapter.run(tg.inbox.receive))
        await until(lambda: bool(tg.simulator.calls("getUpdates")))
        tg.simulator._world.bots[1000].token = "1000:s3cr3t-of-tomorrow"
        await tg.simulator.disconnect()
        with pytest.raises(ConfigurationError):
            await asyncio.wait_for(task, SOON)


async def test_a_webhook_of_before_is_removed(tg: Channel) -> None:
    await tg.adapter._bot.call("setWebhook", {"url": "http://127.0.0.1:9/"})
    async with tg.running():
        await tg.say("hello?")
        await tg.inbox.wait(1)
    assert tg.inbox.texts == ["hello?"]


async def test_polling_serves_nothing(tg: Channel) -> None:
    assert not tg.adapter.routes()


async def test_the_bots_name_is_learnt(tg: Channel) -> None:
    group = tg.simulator.place("group", people=[tg.ann])
    async with tg.running():
        await tg.say("hi", group, mention=True)
        await tg.inbox.wait(1)
        event = tg.adapter.parse(orjson.dumps(tg.inbox.rows[0]))
        stranger = orjson.dumps(tg.inbox.rows[0]).replace(b"@Helper_bot", b"@Melper_bot")
        other = tg.adapter.parse(stranger)
    assert (getattr(event, "text", ""), getattr(event, "addressed", None)) == ("hi", True)
    assert getattr(other, "addressed", None) is False


# Pressed buttons.


async def test_a_pressed_button_stops_spinning_once_it_is_committed(tg: Channel) -> None:
    markup = {"inline_keyboard": [[{"text": "Red", "callback_data": "x"}]]}
    parameters = {"chat_id": int(tg.here.id), "text": "Which?", "reply_markup": markup}
    await tg.adapter._bot.call("sendMessage", parameters)
    tg.inbox.failures.append(Unavailable("no disk", retry_after=0.0))
    async with tg.running():
        await tg.simulator.press("Red", person=tg.ann, place=tg.here)
        await until(lambda: bool(tg.simulator.calls("answerCallbackQuery")))
        assert len(tg.inbox.rows) == 1
        await until(lambda: not tg.simulator.unacknowledged())
    assert len(tg.simulator.calls("answerCallbackQuery")) == 1


async def test_nothing_waits_for_a_button_to_stop_spinning(tg: Channel) -> None:
    markup = {"inline_keyboard": [[{"text": "Red", "callback_data": "x"}]]}
    parameters = {"chat_id": int(tg.here.id), "text": "Which?", "reply_markup": markup}
    await tg.adapter._bot.call("sendMessage", parameters)
    tg.simulator.fail_next(Fault.TIMEOUT_AFTER_ACCEPT, method="answerCallbackQuery")
    tg.simulator.fail_next(Fault.SERVER_ERROR, method="answerCallbackQuery")
    async with tg.running():
        await tg.simulator.press("Red", person=tg.ann, place=tg.here)
        await tg.simulator.press("Red", person=tg.ann, place=tg.here)
        await tg.say('{"callback_query": 1}')
        await tg.inbox.wait(3)
        await until(lambda: len(tg.simulator.calls("answerCallbackQuery")) == 2)
        assert len(tg.adapter._cosmetics) == 1
    assert not tg.adapter._cosmetics


# The webhook.


@asynccontextmanager
async def serving(tg: Channel) -> AsyncIterator[str]:
    """The channel's routes on a real server; its address is the public one."""
    config = uvicorn.Config(
        Starlette(routes=list(tg.adapter.routes())), port=0, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    server.config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    tg.host.public_url = f"http://127.0.0.1:{port}/"
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.shutdown()


@asynccontextmanager
async def hook(**keys: Any) -> AsyncIterator[Channel]:
    async with channel(**WEBHOOK, **keys) as tg:
        yield tg


def client(tg: Channel) -> httpx.AsyncClient:
    app = Starlette(routes=list(tg.adapter.routes()))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


def update(text: str = "hi") -> bytes:
    chat = {"id": 5, "type": "private"}
    message = {"message_id": 1, "chat": chat, "from": {"id": 5}, "text": text}
    return orjson.dumps({"update_id": 7, "message": message})


async def post(tg: Channel, content: Any = None, headers: Any = HEADERS, **more: Any) -> int:
    async with client(tg) as http:
        body = update() if content is None else content
        response = await http.post("/webhooks/garden", content=body, headers=headers, **more)
    assert not response.content
    return response.status_code


async def until_open(tg: Channel) -> None:
    await until(lambda: tg.adapter._introduced)


async def test_telegram_is_told_where_to_deliver_and_does() -> None:
    async with hook(max_connections=3) as tg, serving(tg) as url, tg.running():
        await until(lambda: bool(tg.simulator.calls("setWebhook")))
        (call,) = tg.simulator.calls("setWebhook")
        assert call.parameters == {
            "url": f"{url}/webhooks/garden",
            "secret_token": SECRET,
            "allowed_updates": list(ALLOWED_UPDATES),
            "max_connections": 3,
        }
        for text in ("one", "two"):
            await tg.say(text)
        await tg.inbox.wait(2)
        await until(lambda: not tg.simulator.unacknowledged())
    assert sorted(tg.inbox.texts) == ["one", "two"]
    assert not tg.simulator.calls("getUpdates")


async def test_what_could_not_be_committed_comes_again() -> None:
    async with hook() as tg, serving(tg), tg.running():
        tg.inbox.failures.append(Unavailable("no disk"))
        await tg.say("one")
        await tg.inbox.wait(1)
        await until(lambda: not tg.simulator.unacknowledged())
    assert tg.inbox.texts == ["one"]


async def test_without_a_public_address_somebody_else_sets_the_webhook() -> None:
    async with hook() as tg, tg.running():
        await until_open(tg)
        assert await post(tg) == 200
        assert "setWebhook" not in tg.methods()


async def test_a_webhook_that_telegram_refuses_is_said_and_served_all_the_same() -> None:
    async with hook() as tg:
        tg.host.public_url = "http://gateway"
        tg.simulator._receiving.table["setWebhook"] = refuse_plain_http
        with obs.captured() as logs:
            async with tg.running():
                await until(lambda: len(tg.simulator.calls("setWebhook")) > 2)
                assert await post(tg) == 200
    failed = [entry for entry in logs if entry["event"] == "telegram.call_failed"]
    assert [(entry["method"], entry["error"]) for entry in failed] == [
        ("setWebhook", "Bad webhook: https url must be provided for webhook")
    ]


async def refuse_plain_http(_: Any, __: Any) -> None:
    raise bad_request("bad webhook: HTTPS url must be provided for webhook")


async def test_only_telegram_is_let_in() -> None:
    name = "X-Telegram-Bot-Api-Secret-Token"
    async with hook() as tg, tg.running():
        await until_open(tg)
        with obs.captured() as logs:
            for wrong in ("", "x", SECRET[:-1], SECRET + "x", "ümläut"):
                assert await post(tg, headers={name: wrong.encode()}) == 401
            assert await post(tg, headers={}) == 401
        assert [entry["event"] for entry in logs] == ["telegram.webhook_unauthorized"]
        assert "s3cr3t" not in str(logs)
        assert not tg.inbox.rows
        async with client(tg) as http:
            assert (await http.get("/webhooks/garden", headers=HEADERS)).status_code == 405


async def test_no_stranger_makes_it_read_a_body() -> None:
    read = []

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"{", b"}"):
            read.append(chunk)
            yield chunk

    async with hook() as tg, tg.running():
        await until_open(tg)
        assert await post(tg, chunks(), headers={}) == 401
    assert not read


async def test_an_unreadable_update_is_not_asked_for_again() -> None:
    async with hook() as tg, tg.running():
        await until_open(tg)
        with obs.captured() as logs:
            for body in (b"", b"{", b"[]", orjson.dumps({"update_id": 5, **POISON})):
                assert await post(tg, body) == 200
        assert [entry["event"] for entry in logs] == ["telegram.update_skipped"] * 4


async def test_a_body_has_its_limit() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 2**16

    async with hook() as tg, tg.running():
        await until_open(tg)
        assert await post(tg, b" " * (2**20 + 1)) == 413
        assert await post(tg, chunks()) == 413
        assert await post(tg, b" " * (2**20 - len(update())) + update()) == 200


async def test_updates_wait_at_telegram_until_somebody_takes_them() -> None:
    async with hook() as tg:
        assert await post(tg) == 503
        async with tg.running():
            await until_open(tg)
            assert await post(tg) == 200
            tg.inbox.failures.append(Unavailable("no disk"))
            assert await post(tg) == 503
        assert await post(tg) == 503
        assert len(tg.inbox.rows) == 1


async def test_while_telegram_is_away_at_the_start_it_serves_what_it_can_understand() -> None:
    async with hook() as tg:
        tg.host.public_url = "http://gateway"
        await tg.simulator.outage(True)
        async with tg.running():
            await until(lambda: tg.adapter._webhook.take is not None)
            assert await post(tg) == 200
            # Is it this bot who is called? Nobody can tell yet.
            assert await post(tg, update("/help@helper_bot")) == 503
            await tg.simulator.outage(False)
            await until_open(tg)
            assert await post(tg, update("/help@helper_bot")) == 200
            await until(lambda: bool(tg.simulator.calls("setWebhook")))
    named = tg.again(**WEBHOOK, username="@helper_bot")
    await named.simulator.close()
    async with named.running():
        await until(lambda: named.adapter._webhook.take is not None)
        assert await post(named, update("/help@helper_bot")) == 200
