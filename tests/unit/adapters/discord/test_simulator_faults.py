"""How the simulated Discord breaks down, and what a client and the people see of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest

from adapters.discord.simulator import DiscordSimulator
from gateway.testing.simulator import Fault, running
from tests.unit.adapters.discord.loopback import Loopback, loopback

SOON = 5.0
SHORT = aiohttp.ClientTimeout(total=0.1)


@pytest.fixture
async def dc() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


async def outcome(dc: Loopback) -> str:
    """What a client gets to know of a message."""
    path = f"/channels/{dc.here.id}/messages"
    try:
        answer = await dc.call("POST", path, {"content": "broken"}, timeout=SHORT)
    except (aiohttp.ClientError, ValueError, TimeoutError) as error:
        return type(error).__name__
    return f"{answer.status} {answer.body.get('code', '')}".strip()


EFFECTS = [
    (Fault.RATE_LIMIT, "429 0", False),
    (Fault.SERVER_ERROR, "500 0", False),
    (Fault.TIMEOUT_AFTER_ACCEPT, "TimeoutError", True),
    (Fault.RESET, "ClientOSError", False),
    (Fault.RESET_AFTER_ACCEPT, "ClientOSError", True),
    (Fault.TRUNCATED_BODY, "ClientPayloadError", True),
    (Fault.MALFORMED, "JSONDecodeError", False),
    (Fault.BLOCKED, "403 50007", False),
]


def test_every_fault_has_its_effect() -> None:
    assert {fault for fault, *_ in EFFECTS} == set(Fault)


@pytest.mark.parametrize(("fault", "said", "accepted"), EFFECTS)
async def test_a_fault_does_what_it_says(
    dc: Loopback, fault: Fault, said: str, accepted: bool
) -> None:
    dc.simulator.fail_next(fault, retry_after=2.5)
    assert await outcome(dc) == said
    assert [message.text for message in dc.simulator.sent()] == ["broken"] * accepted
    assert await outcome(dc) == "200"
    assert len(dc.simulator.duplicates()) == accepted
    assert len(dc.simulator.calls("create_message")) == 2
    assert dc.simulator.refusals == [], "planned faults are no refusals"


async def test_a_rate_limit_says_how_long(dc: Loopback) -> None:
    dc.simulator.fail_next(Fault.RATE_LIMIT, method="*", retry_after=1.5)
    limited = await dc.call("GET", "/users/@me")
    assert (limited.status, limited.headers["Retry-After"]) == (429, "2")
    assert limited.body["retry_after"] == 1.5
    assert limited.headers["Content-Type"] == "application/json"
    assert limited.headers["Via"]


async def test_faults_hit_what_they_are_meant_for(dc: Loopback) -> None:
    dc.simulator.fail_next(Fault.SERVER_ERROR, 2)
    assert (await dc.call("POST", f"/channels/{dc.here.id}/typing")).status == 204
    assert [await outcome(dc) for _ in range(3)] == ["500 0", "500 0", "200"]
    dc.simulator.fail_next(Fault.SERVER_ERROR, method="get_my_user")
    assert await outcome(dc) == "200"
    assert (await dc.call("GET", "/users/@me")).status == 500
    dc.simulator.fail_next(Fault.SERVER_ERROR, 5)
    dc.simulator.clear_faults()
    assert await outcome(dc) == "200"


async def test_files_and_the_gateway_can_fail_too(dc: Loopback) -> None:
    event = await dc.simulator.send_file(b"x", "x.txt", person=dc.ann, place=dc.here)
    message = await dc.call("GET", f"/channels/{dc.here.id}/messages/{event}")
    url = message.body["attachments"][0]["url"]
    dc.simulator.fail_next(Fault.SERVER_ERROR, method="download")
    for status in (500, 200):
        async with dc.http.get(url) as response:
            assert response.status == status
    dc.simulator.fail_next(Fault.SERVER_ERROR, method="GATEWAY")
    with pytest.raises(aiohttp.WSServerHandshakeError, match="500"):
        await dc.open()
    await dc.session()


async def test_an_outage_resets_refuses_and_ends_at_the_same_address(dc: Loopback) -> None:
    url, client = dc.simulator.url, await dc.session()
    await dc.simulator.outage(True)
    assert "closed" in await client.next()
    for _ in range(2):
        with pytest.raises(aiohttp.ClientConnectorError):
            await dc.send()
    await dc.gone()
    event = await dc.simulator.say("waits", person=dc.ann, place=dc.here)
    await dc.simulator.outage(False)
    assert dc.simulator.url == url
    await dc.send()
    again = await dc.open()
    await again.resume(client.ready["session_id"], client.seq)
    assert (await again.event("MESSAGE_CREATE"))["id"] == event


async def test_nobody_else_gets_the_port_during_an_outage(dc: Loopback) -> None:
    port = urlsplit(dc.simulator.url).port or 0
    await dc.simulator.outage(True)
    with socket.socket() as thief, pytest.raises(OSError, match="in use"):
        thief.bind(("127.0.0.1", port))
    async with running(DiscordSimulator()) as other:
        assert other.url != dc.simulator.url


async def test_closing_ends_what_is_open(dc: Loopback) -> None:
    other = DiscordSimulator()
    async with running(other):
        client = await dc.connect(other.settings()["gateway_url"])
        assert (await client.next())["op"] == 10
        other.fail_next(Fault.TIMEOUT_AFTER_ACCEPT, method="*")
        headers = {"Authorization": f"Bot {other.settings()['token']}"}
        url = f"{other.settings()['api_url']}/users/@me"
        call = asyncio.create_task(dc.http.get(url, headers=headers).__aenter__())
        await other.wait_until(lambda: other.calls("get_my_user") != [])
    assert "closed" in await client.next()
    with pytest.raises(aiohttp.ClientError):
        await asyncio.wait_for(call, SOON)
