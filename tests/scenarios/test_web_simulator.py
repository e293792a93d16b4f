"""People with browsers: what the web's simulator does is what the page does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.web.simulator import POST, WebSimulator
from gateway.testing.simulator import Fault, SimulatedPerson, SimulatedPlace, Simulator, running
from tests.support.process import GatewayProcess

CONFIG: dict[str, Any] = {
    "agents": {"demo": {"kind": "demo", "pace": 0.02}},
    "channels": {"web": {"platform": "web"}},
    "limits": {"messages_per_minute": 0},
}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    async with GatewayProcess(CONFIG, tmp_path) as process:
        yield process


@pytest.fixture
async def web(gateway: GatewayProcess) -> AsyncIterator[WebSimulator]:
    async with running(WebSimulator(gateway.base_url)) as simulator:
        yield simulator


def somebody(web: Simulator, name: str = "Ada") -> tuple[SimulatedPerson, SimulatedPlace]:
    person = web.person(name)
    return person, web.place("direct", people=[person])


def texts(web: WebSimulator, place: SimulatedPlace | None = None) -> list[str]:
    return [message.text for message in web.sent(place)]


async def test_everybody_has_a_conversation_of_their_own(web: WebSimulator) -> None:
    ada, hers = somebody(web)
    bob, his = somebody(web, "Bob")
    assert web.place("direct", people=[ada]) == hers
    await web.say("my name is Ada", person=ada, place=hers)
    await web.say("what is my name?", person=bob, place=his)
    await web.wait_sent(2)
    assert texts(web, his) == ["You have not told me yet. Try: my name is Grace"]
    with pytest.raises(ValueError, match="one direct place"):
        web.place("group", people=[ada, bob])


async def test_a_button_is_pressed(web: WebSimulator) -> None:
    ada, page = somebody(web)
    await web.say("ask me something", person=ada, place=page)
    (asked,) = await web.wait_sent(1, page)
    assert asked.buttons == ("Tea", "Coffee", "Water")
    with pytest.raises(LookupError):
        await web.press("Whisky", person=ada, place=page)
    await web.press("Water", person=ada, place=page)
    assert (await web.wait_sent(2, page))[1].text.startswith("Water")


async def test_a_reset_goes_on_in_the_next_session(web: WebSimulator) -> None:
    ada, page = somebody(web)
    said = {"my name is Ada": 1, "/reset": 2, "what is my name?": 3, "/new what is my name?": 5}
    for text, seen in said.items():
        await web.say(text, person=ada, place=page)
        await web.wait_sent(seen, page)
    sent = web.sent(page)
    assert [message.text.split(".")[0] for message in sent] == [
        "Nice to meet you, Ada! I will know you until you say /reset",
        "Fresh start: I have forgotten our conversation",
        "You have not told me yet",
        "Fresh start: I have forgotten our conversation",
        "You have not told me yet",
    ]
    assert web.ended(page) == 0


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.RESET_AFTER_ACCEPT, Fault.TRUNCATED_BODY])
async def test_a_post_that_broke_is_repeated(web: WebSimulator, fault: Fault) -> None:
    ada, page = somebody(web)
    web.fail_next(fault, 2)
    said = await web.say("hello", person=ada, place=page)
    await web.wait_until(lambda: not web.unacknowledged())
    await web.wait_sent(1, page)
    assert [call.parameters["message_id"] for call in web.calls(POST)] == [said] * 3
    assert len(texts(web, page)) == 1
    assert not web.duplicates(page)


async def test_what_a_browser_cannot_suffer_is_refused(web: WebSimulator) -> None:
    with pytest.raises(ValueError, match="rate-limit"):
        web.fail_next(Fault.RATE_LIMIT)


async def test_an_outage_only_delays(web: WebSimulator) -> None:
    ada, page = somebody(web)
    await web.say("my name is Ada", person=ada, place=page)
    await web.wait_sent(1, page)
    # What is seen may be seen before the post that caused it is confirmed.
    await web.wait_until(lambda: not web.unacknowledged())
    await web.outage(True)
    said = await web.say("what is my name?", person=ada, place=page)
    assert web.unacknowledged() == [said]
    await web.outage(False)
    assert (await web.wait_sent(2, page))[1].text == "You are Ada."
    await web.disconnect()
    await web.say("thanks", person=ada, place=page)
    await web.wait_sent(3, page)


async def test_a_killed_gateway_only_delays(gateway: GatewayProcess, web: WebSimulator) -> None:
    ada, page = somebody(web)
    await web.say("my name is Ada", person=ada, place=page)
    await web.wait_sent(1, page)
    gateway.kill()
    await web.say("what is my name?", person=ada, place=page)
    await gateway.start()
    assert (await web.wait_sent(2, page))[1].text == "You are Ada."
    assert not web.duplicates()


async def test_what_is_refused_for_good_is_kept(web: WebSimulator) -> None:
    ada, page = somebody(web)
    await web.say("x" * 40_000, person=ada, place=page)
    await web.wait_until(lambda: bool(web.refusals(page)))
    assert web.refusals(page)[0].status == 413
    await web.say("hello", person=ada, place=page)
    await web.wait_sent(1, page)


async def test_files_are_sent_and_those_too_large_are_refused(
    tmp_path: Path,
) -> None:
    config = {**CONFIG, "limits": {"file_bytes": 100}}
    async with (
        GatewayProcess(config, tmp_path) as process,
        running(WebSimulator(process.base_url)) as web,
    ):
        ada, page = somebody(web)
        await web.send_file(b"x" * 50, "a.txt", person=ada, place=page, caption="what is my name?")
        await web.wait_sent(1, page)
        await web.send_file(b"x" * 101, "b.txt", person=ada, place=page)
        await web.wait_until(lambda: bool(web.refusals(page)))
        assert str(web.refusals(page)[0]) == "b.txt is larger than 100 bytes."
        assert web.unacknowledged() == []
        assert len(web.calls(POST)[0].parameters["attachments"]) == 1
