"""How calls to the simulated Slack go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.testing.simulator import Fault
from tests.unit.adapters.slack.loopback import Loopback, loopback


@pytest.fixture
async def sl() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


async def post(sl: Loopback, timeout: float = 5.0) -> tuple[int, str, dict[str, str]]:
    """Post a message; status, what was answered, headers."""
    async with sl.http.post(
        f"{sl.simulator.url}/api/chat.postMessage",
        json={"channel": sl.here.id, "text": "a"},
        headers={"Authorization": f"Bearer {sl.simulator.settings()['bot_token']}"},
        timeout=aiohttp.ClientTimeout(timeout),
    ) as response:
        return response.status, await response.text(), dict(response.headers)


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        (Fault.RATE_LIMIT, 429, '"ratelimited"'),
        (Fault.SERVER_ERROR, 500, '"internal_error"'),
        (Fault.BLOCKED, 200, '"is_archived"'),
        (Fault.MALFORMED, 200, "<html>"),
    ],
)
async def test_what_is_refused(sl: Loopback, fault: Fault, status: int, said: str) -> None:
    sl.simulator.fail_next(fault, retry_after=7.0)
    found, text, headers = await post(sl)
    assert found == status
    assert said in text
    assert headers.get("Retry-After") == ("7" if fault is Fault.RATE_LIMIT else None)
    assert sl.simulator.sent() == []
    assert (await post(sl))[0] == 200
    assert len(sl.simulator.calls("chat.postMessage")) == 2
    assert sl.simulator.refusals == []


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        (Fault.RESET, False),
        (Fault.RESET_AFTER_ACCEPT, True),
        (Fault.TRUNCATED_BODY, True),
        (Fault.TIMEOUT_AFTER_ACCEPT, True),
    ],
)
async def test_what_is_not_answered(sl: Loopback, fault: Fault, accepted: bool) -> None:
    sl.simulator.fail_next(fault)
    with pytest.raises((aiohttp.ClientError, TimeoutError)):
        await post(sl, timeout=0.1)
    assert len(sl.simulator.sent()) == accepted


async def test_which_calls_fail(sl: Loopback) -> None:
    sl.simulator.fail_next(Fault.SERVER_ERROR)
    sl.simulator.fail_next(Fault.SERVER_ERROR, method="auth.test")
    assert await sl.refused("users.info", user=sl.ann.id) == ""
    assert await sl.refused("auth.test") == "internal_error"
    assert (await post(sl))[0] == 500
    sl.simulator.fail_next(Fault.BLOCKED, 3, method="*")
    assert await sl.refused("conversations.info", channel=sl.here.id) == "channel_not_found"
    sl.simulator.clear_faults()
    assert await sl.refused("auth.test") == ""


async def test_a_short_wait_stays_what_it_is(sl: Loopback) -> None:
    sl.simulator.fail_next(Fault.RATE_LIMIT, retry_after=0.05)
    assert (await post(sl))[2]["Retry-After"] == "0.05"


async def test_an_outage(sl: Loopback) -> None:
    address = sl.simulator.url
    await sl.simulator.outage(True)
    await asyncio.sleep(0)
    with pytest.raises(aiohttp.ClientConnectionError):
        await post(sl)
    await sl.simulator.outage(False)
    assert sl.simulator.url == address
    assert (await post(sl))[0] == 200
