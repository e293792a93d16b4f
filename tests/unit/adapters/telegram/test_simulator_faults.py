"""How the simulated Telegram breaks down, and what a client and the people see of it."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest
from telegram.error import Forbidden, TelegramError

from adapters.telegram.simulator import TelegramSimulator
from adapters.telegram.transport import AnswerTimedOut, NotAccepted, OutcomeUnknown, RateLimited
from gateway.testing.simulator import Fault, FaultPlan, running
from tests.unit.adapters.telegram.loopback import Loopback, loopback

SOON = 5.0


@pytest.fixture
async def tg() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


EFFECTS = [
    (Fault.RATE_LIMIT, RateLimited, "Retry in 2.5 seconds", False),
    (Fault.SERVER_ERROR, NotAccepted, "Internal Server Error", False),
    (Fault.TIMEOUT_AFTER_ACCEPT, AnswerTimedOut, "no answer in time", True),
    (Fault.RESET, OutcomeUnknown, "ClientOSError", False),
    (Fault.RESET_AFTER_ACCEPT, OutcomeUnknown, "ClientOSError", True),
    (Fault.TRUNCATED_BODY, OutcomeUnknown, "ClientPayloadError", True),
    (Fault.MALFORMED, OutcomeUnknown, "not the Bot API's", False),
    (Fault.BLOCKED, Forbidden, "bot was blocked by the user", False),
]


def test_every_fault_has_its_effect() -> None:
    assert {fault for fault, *_ in EFFECTS} == set(Fault)


@pytest.mark.parametrize(("fault", "error", "said", "accepted"), EFFECTS)
async def test_a_fault_does_what_it_says(
    tg: Loopback, fault: Fault, error: type[TelegramError], said: str, accepted: bool
) -> None:
    client = tg.client(read_timeout=0.05)
    tg.simulator.fail_next(fault, retry_after=2.5)
    with pytest.raises(error, match=said) as caught:
        await client.send_message(tg.ann.id, "broken")
    assert type(caught.value) is error
    assert [message.text for message in tg.simulator.sent()] == ["broken"] * accepted
    await client.send_message(tg.ann.id, "broken")
    assert len(tg.simulator.duplicates()) == accepted
    assert len(tg.simulator.calls("sendMessage")) == 2
    assert tg.simulator.refusals == [], "planned faults are no refusals"


async def test_faults_hit_what_they_are_meant_for(tg: Loopback) -> None:
    tg.simulator.fail_next(Fault.SERVER_ERROR, 2)
    await tg.bot.get_me()
    await tg.bot.send_chat_action(tg.ann.id, "typing")
    for _ in range(2):
        with pytest.raises(NotAccepted):
            await tg.send()
    await tg.send()
    tg.simulator.fail_next(Fault.SERVER_ERROR, method="getMe")
    await tg.send()
    with pytest.raises(NotAccepted):
        await tg.bot.get_me()
    tg.simulator.fail_next(Fault.SERVER_ERROR, method="*")
    with pytest.raises(NotAccepted):
        await tg.bot.send_chat_action(tg.ann.id, "typing")
    tg.simulator.fail_next(Fault.SERVER_ERROR, 5)
    tg.simulator.clear_faults()
    await tg.send()


def test_a_plan_takes_faults_in_order() -> None:
    plan = FaultPlan(lambda method: method == "send")
    plan.add(Fault.RESET, 1, method="look", retry_after=1)
    plan.add(Fault.BLOCKED, 2, method=None, retry_after=1)
    plan.add(Fault.RATE_LIMIT, 1, method="*", retry_after=3)
    assert [plan.take(method) for method in ("send", "send", "send", "send", "look")] == [
        (Fault.BLOCKED, 1),
        (Fault.BLOCKED, 1),
        (Fault.RATE_LIMIT, 3),
        None,
        (Fault.RESET, 1),
    ]


async def test_a_rate_limit_says_whole_seconds_as_an_integer(tg: Loopback) -> None:
    tg.simulator.fail_next(Fault.RATE_LIMIT, retry_after=7)
    url = f"{tg.simulator.url}/bot1000:secret/sendMessage"
    async with tg.http.post(url, json={"chat_id": tg.ann.id, "text": "a"}) as response:
        assert response.status == 429
        assert await response.text() == (
            '{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7",'
            '"parameters":{"retry_after":7}}'
        )


async def test_an_outage_resets_refuses_and_ends_at_the_same_address(tg: Loopback) -> None:
    url = tg.simulator.url
    poll = asyncio.create_task(tg.updates(timeout=50))
    await tg.simulator.wait_until(lambda: len(tg.simulator.calls("getUpdates")) == 2)
    await tg.simulator.outage(True)
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(poll, SOON)
    for _ in range(2):
        with pytest.raises(NotAccepted, match="Connect call failed"):
            await tg.send()
    await tg.simulator.say("waits", person=tg.ann, place=tg.here)
    await tg.simulator.outage(False)
    assert tg.simulator.url == url
    await tg.send()
    assert len(tg.simulator.unacknowledged()) == 1


async def test_nobody_else_gets_the_port_during_an_outage(tg: Loopback) -> None:
    port = urlsplit(tg.simulator.url).port or 0
    await tg.simulator.outage(True)
    with socket.socket() as thief, pytest.raises(OSError, match="in use"):
        thief.bind(("127.0.0.1", port))
    async with running(TelegramSimulator()) as other:
        assert other.url != tg.simulator.url


async def test_disconnecting_drops_what_is_open_and_welcomes_what_comes(tg: Loopback) -> None:
    poll = asyncio.create_task(tg.updates(timeout=50))
    await tg.simulator.wait_until(lambda: len(tg.simulator.calls("getUpdates")) == 2)
    await tg.simulator.disconnect()
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(poll, SOON)
    await tg.send()


async def test_closing_ends_open_polls(tg: Loopback) -> None:
    other = TelegramSimulator()
    async with running(other):
        url = f"{other.url}/bot1:x/getUpdates?timeout=50"
        poll = asyncio.create_task(tg.http.get(url).__aenter__())
        await other.wait_until(lambda: other.calls("getUpdates") != [])
    with pytest.raises(aiohttp.ClientError):
        await asyncio.wait_for(poll, SOON)


KILLED = """
import socket, sys, time
chat = sys.argv[2].encode()
head = b"POST /bot1000:secret/sendMessage HTTP/1.1\\r\\nHost: x\\r\\nContent-Type: application/json"
open_sockets = []
for number in range(20):
    body = b'{"chat_id":%s,"text":"%d"}' % (chat, number)
    cut = number % 2 * 9
    request = head + b"\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body[cut:]
    open_sockets.append(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
    open_sockets[-1].sendall(request)
time.sleep(60)
"""


async def test_it_outlives_a_gateway_that_is_killed_in_the_middle_of_requests(
    tg: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    port = str(urlsplit(tg.simulator.url).port)
    gateway = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, port, tg.ann.id)
    whole = await tg.simulator.wait_sent(10)
    gateway.kill()
    await gateway.wait()
    await tg.send("after")
    assert len(tg.simulator.sent()) == len(whole) + 1 == 11
    assert not caplog.records
