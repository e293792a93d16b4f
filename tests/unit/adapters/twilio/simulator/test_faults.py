"""How the simulated Twilio breaks down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.testing.simulator import Fault
from tests.unit.adapters.twilio.simulator.loopback import Loopback, loopback


@pytest.fixture
async def sms() -> AsyncIterator[Loopback]:
    async with loopback("sms") as opened:
        yield opened


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault.RATE_LIMIT, 429, 20429),
        (Fault.SERVER_ERROR, 500, 20500),
        (Fault.BLOCKED, 400, 21610),
    ],
)
async def test_refusals(sms: Loopback, fault: Fault, status: int, code: int) -> None:
    sms.simulator.fail_next(fault, retry_after=7.0)
    found, answer = await sms.send()
    assert (found, answer["code"]) == (status, code)
    assert sms.simulator.sent() == []
    assert (await sms.send())[0] == 201


async def test_a_rate_limit_says_for_how_long(sms: Loopback) -> None:
    for wait, header in ((7.0, "7"), (6.5, "7"), (0.05, "0.05")):
        sms.simulator.fail_next(Fault.RATE_LIMIT, method="*", retry_after=wait)
        url = f"{sms.simulator.url}{sms.account}.json"
        async with sms.http.get(url, headers=sms.headers) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, header)


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [(Fault.RESET, 0), (Fault.RESET_AFTER_ACCEPT, 1), (Fault.TRUNCATED_BODY, 1)],
)
async def test_broken_connections(sms: Loopback, fault: Fault, accepted: int) -> None:
    sms.simulator.fail_next(fault)
    with pytest.raises(aiohttp.ClientError):
        await sms.send()
    assert len(sms.simulator.sent(sms.here)) == accepted
    assert (await sms.send())[0] == 201


async def test_an_answer_that_never_comes(sms: Loopback) -> None:
    sms.simulator.fail_next(Fault.TIMEOUT_AFTER_ACCEPT)
    sending = asyncio.create_task(sms.send())
    await sms.simulator.wait_sent(1, sms.here)
    await asyncio.sleep(0.02)
    assert not sending.done()
    sending.cancel()
    await asyncio.wait([sending])


async def test_a_page_of_html(sms: Loopback) -> None:
    sms.simulator.fail_next(Fault.MALFORMED)
    with pytest.raises(aiohttp.ContentTypeError):
        await sms.send()
    assert sms.simulator.sent() == []


async def test_faults_are_for_what_posts_unless_told_otherwise(sms: Loopback) -> None:
    sms.simulator.fail_next(Fault.SERVER_ERROR)
    assert (await sms.call("GET", f"{sms.account}.json"))[0] == 200
    sms.simulator.clear_faults()
    assert (await sms.send())[0] == 201
    sms.simulator.fail_next(Fault.SERVER_ERROR, method="FetchAccount")
    assert (await sms.send())[0] == 201
    assert (await sms.call("GET", f"{sms.account}.json"))[0] == 500
    group = sms.simulator.place("group", people=[sms.ann])
    sms.simulator.fail_next(Fault.RESET)
    with pytest.raises(aiohttp.ClientError):
        await sms.call("POST", f"/v1/Conversations/{group.id}/Messages", {"Body": "hi"})


async def test_what_was_sent_twice_is_told(sms: Loopback) -> None:
    for text in ("a", "b", "b", "a"):
        await sms.send(text)
    assert [message.text for message in sms.simulator.duplicates()] == ["b"]
    assert [message.text for message in sms.simulator.duplicates(sms.here)] == ["b"]


async def test_an_outage_refuses_everything(sms: Loopback) -> None:
    await sms.simulator.outage(True)
    with pytest.raises(aiohttp.ClientConnectionError):
        await sms.send()
    await sms.simulator.outage(False)
    assert (await sms.send())[0] == 201


async def test_every_call_is_remembered(sms: Loopback) -> None:
    await sms.send("hello")
    await sms.call("GET", f"{sms.account}/Messages.json?PageSize=5")
    create, listed = sms.simulator.calls()
    assert (create.method, listed.method) == ("CreateMessage", "ListMessage")
    assert create.parameters["Body"] == "hello"
    assert create.account == sms.simulator.settings()["from"]
    assert listed.parameters["PageSize"] == "5"
    assert sms.simulator.calls("CreateMessage") == [create]
    assert sms.simulator.violations == []


async def test_little_is_kept_if_little_is_asked_for() -> None:
    async with loopback("sms", keep=2) as sms:
        for number in range(4):
            await sms.send(f"m{number}")
        assert [message.text for message in sms.simulator.sent()] == ["m2", "m3"]
        assert len(sms.simulator.calls()) == 2
        group = sms.simulator.place("group", people=[sms.ann])
        for number in range(4):
            await sms.simulator.say(f"g{number}", person=sms.ann, place=group)
        _, answer = await sms.call("GET", f"/v1/Conversations/{group.id}/Messages")
        assert [each["body"] for each in answer["messages"]] == ["g2", "g3"]
