"""How bots get their updates from the simulated Telegram: polling, or a webhook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from telegram.error import Conflict

from adapters.telegram.simulation.news import News
from adapters.telegram.simulator import WebhookPolicy
from tests.unit.adapters.telegram.loopback import Loopback, loopback

SOON = 5.0


@pytest.fixture
async def tg() -> AsyncIterator[Loopback]:
    async with loopback(webhooks=WebhookPolicy(timeout=0.2, first_wait=0.005)) as everything:
        yield everything


async def say(tg: Loopback, *texts: str) -> list[int]:
    return [int(await tg.simulator.say(text, person=tg.ann, place=tg.here)) for text in texts]


def texts(updates: list[dict[str, Any]]) -> list[str]:
    return [update["message"]["text"] for update in updates]


async def polled(tg: Loopback) -> None:
    """Return once a poll has arrived, after that of the fixture."""
    await tg.simulator.wait_until(lambda: len(tg.simulator.calls("getUpdates")) == 2)


async def all_taken(tg: Loopback) -> None:
    await tg.simulator.wait_until(lambda: tg.simulator.unacknowledged() == [])


# Polling


async def test_an_offset_acknowledges_everything_below_it(tg: Loopback) -> None:
    first, second, third = await say(tg, "a", "b", "c")
    assert texts(await tg.updates()) == ["a", "b", "c"]
    assert texts(await tg.updates()) == ["a", "b", "c"], "looking acknowledges nothing"
    assert texts(await tg.updates(offset=second)) == ["b", "c"]
    assert tg.simulator.unacknowledged() == [str(second), str(third)]
    assert await tg.updates(offset=third + 1) == []
    assert tg.simulator.unacknowledged() == []
    assert first < second < third


async def test_limit_and_negative_offset(tg: Loopback) -> None:
    await say(tg, "a", "b", "c")
    assert texts(await tg.updates(limit=2)) == ["a", "b"]
    assert texts(await tg.updates(offset=-1)) == ["c"]
    assert len(tg.simulator.unacknowledged()) == 1


async def test_a_long_poll_returns_as_soon_as_something_happens(tg: Loopback) -> None:
    poll = asyncio.create_task(tg.updates(timeout=50))
    await polled(tg)
    await say(tg, "now")
    assert texts(await asyncio.wait_for(poll, SOON)) == ["now"]


async def test_a_second_poller_ends_the_first(tg: Loopback) -> None:
    first = asyncio.create_task(tg.updates(timeout=50))
    await polled(tg)
    second = asyncio.create_task(tg.updates(timeout=50))
    with pytest.raises(Conflict, match="terminated by other getUpdates request"):
        await asyncio.wait_for(first, SOON)
    await say(tg, "mine")
    assert texts(await asyncio.wait_for(second, SOON)) == ["mine"]


async def test_only_wanted_kinds_are_queued_and_the_choice_stays(tg: Loopback) -> None:
    await tg.updates(allowed_updates=["edited_message"])
    assert await tg.simulator.say("unheard", person=tg.ann, place=tg.here) == ""
    assert await tg.updates() == []
    await tg.updates(allowed_updates=[])
    await say(tg, "heard")
    assert texts(await tg.updates()) == ["heard"]


async def test_an_acknowledged_update_may_come_again(tg: Loopback) -> None:
    first, second = await say(tg, "a", "b")
    await tg.updates(offset=second + 1)
    tg.simulator.redeliver(str(first))
    await say(tg, "c")
    assert texts(await tg.updates(offset=second + 1)) == ["a", "c"]
    assert texts(await tg.updates(offset=second + 1)) == ["c"], "and is then acknowledged again"
    with pytest.raises(LookupError):
        tg.simulator.redeliver("1")


async def test_a_poller_that_is_gone_leaves_its_updates(tg: Loopback) -> None:
    poll = asyncio.create_task(tg.updates(timeout=50))
    await polled(tg)
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)
    await say(tg, "later")
    assert texts(await tg.updates()) == ["later"]


# Webhooks


@dataclass
class Hook:
    """A webhook that answers with the statuses it is given, then with 200."""

    statuses: list[int] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    texts: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""
    now: int = 0
    most: int = 0
    news: News = field(default_factory=News)

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            update = await request.json()
            self.headers = dict(request.headers)
            self.texts.append(update["message"]["text"])
            self.news.tell()
            await self.gate.wait()
        finally:
            self.now -= 1
            self.news.tell()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON):
            while not holds():
                await self.news.wait()


@asynccontextmanager
async def webhook(*statuses: int, hold: bool = False) -> AsyncIterator[Hook]:
    hook = Hook(list(statuses))
    if not hold:
        hook.gate.set()
    runner = web.ServerRunner(web.Server(hook, handler_cancellation=True))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield hook
    hook.gate.set()
    await runner.cleanup()


async def test_updates_go_to_the_webhook_with_its_secret(tg: Loopback) -> None:
    await say(tg, "before")
    async with webhook() as hook:
        await tg.bot.set_webhook(hook.url, secret_token="s3cret")
        await say(tg, "after")
        await all_taken(tg)
        assert sorted(hook.texts) == ["after", "before"]
        assert hook.headers["X-Telegram-Bot-Api-Secret-Token"] == "s3cret"
        assert hook.headers["Content-Type"] == "application/json"


async def test_what_the_webhook_does_not_take_comes_again(tg: Loopback) -> None:
    async with webhook(500, 302, 403) as hook:
        await tg.bot.set_webhook(hook.url)
        await say(tg, "a")
        await all_taken(tg)
        assert hook.texts == ["a"] * 4
        info = await tg.bot.get_webhook_info()
        assert info.last_error_message == "Wrong response from the webhook: 403 Forbidden"


async def test_a_webhook_that_does_not_answer_is_asked_again(tg: Loopback) -> None:
    async with webhook(hold=True) as hook:
        await tg.bot.set_webhook(hook.url)
        await say(tg, "a")
        await hook.wait_until(lambda: len(hook.texts) == 2)
        hook.gate.set()
        await all_taken(tg)


async def test_a_webhook_that_is_away_gets_everything_once_it_is_back(tg: Loopback) -> None:
    async with webhook() as gone:
        pass
    await tg.bot.set_webhook(gone.url)
    await say(tg, "a", "b")
    assert len(tg.simulator.unacknowledged()) == 2
    async with webhook() as hook:
        await tg.bot.set_webhook(hook.url)
        await hook.wait_until(lambda: sorted(hook.texts) == ["a", "b"])


@pytest.mark.parametrize("connections", [1, 3])
async def test_no_more_deliveries_at_once_than_allowed(tg: Loopback, connections: int) -> None:
    async with webhook(hold=True) as hook:
        await tg.bot.set_webhook(hook.url, max_connections=connections)
        await say(tg, *"abcdef")
        await hook.wait_until(lambda: hook.now == connections)
        hook.gate.set()
        await all_taken(tg)
        assert hook.most == connections
        assert sorted(hook.texts) == list("abcdef")
        if connections == 1:
            assert hook.texts == list("abcdef"), "one connection keeps the order"


async def test_a_bot_has_a_webhook_or_polls_but_never_both(tg: Loopback) -> None:
    poll = asyncio.create_task(tg.updates(timeout=50))
    await polled(tg)
    async with webhook(500, 500, 500) as hook:
        await tg.bot.set_webhook(hook.url, max_connections=1, allowed_updates=["message"])
        with pytest.raises(Conflict, match="terminated by setWebhook"):
            await asyncio.wait_for(poll, SOON)
        with pytest.raises(Conflict, match="can't use getUpdates method while webhook is active"):
            await tg.updates()
        info = await tg.bot.get_webhook_info()
        assert (info.url, info.max_connections) == (hook.url, 1)
        assert info.allowed_updates == ("message",)
        hook.gate.clear()
        await say(tg, "a", "b")
        await hook.wait_until(lambda: hook.texts == ["a"])
        await tg.bot.delete_webhook()
        assert texts(await tg.updates()) == ["a", "b"], "what it did not take is still there"
    await tg.bot.set_webhook("")
    await tg.bot.delete_webhook(drop_pending_updates=True)
    assert await tg.updates() == []
    assert (await tg.bot.get_webhook_info()).url == ""


async def test_an_update_is_delivered_again_to_a_webhook(tg: Loopback) -> None:
    async with webhook() as hook:
        await tg.bot.set_webhook(hook.url)
        (event,) = await say(tg, "a")
        await all_taken(tg)
        tg.simulator.redeliver(str(event))
        await hook.wait_until(lambda: hook.texts == ["a", "a"])


async def test_an_outage_holds_webhooks_back(tg: Loopback) -> None:
    async with webhook(hold=True) as hook:
        await tg.bot.set_webhook(hook.url)
        await say(tg, "a")
        await hook.wait_until(lambda: hook.texts == ["a"])
        await tg.simulator.outage(True)
        await say(tg, "b")
        await hook.wait_until(lambda: hook.now == 0)
        hook.gate.set()
        await asyncio.sleep(0.02)
        assert hook.texts == ["a"]
        assert len(tg.simulator.unacknowledged()) == 2
        await tg.simulator.outage(False)
        await all_taken(tg)
        assert sorted(hook.texts) == ["a", "a", "b"]
