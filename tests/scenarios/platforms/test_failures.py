"""Restarts, outages and faults, on all platforms at once: one gateway, and nothing lost."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from gateway.testing.simulator import Fault
from tests.support.agents import expected
from tests.support.people import Home
from tests.support.stage import PLATFORMS, Stage, theatre

POSTS_TWICE = {Fault.RESET_AFTER_ACCEPT, Fault.TRUNCATED_BODY}
SENDING = [name for name in PLATFORMS if name != "web"]


async def test_a_restart_in_the_middle_of_everything(tmp_path: Path) -> None:
    async with theatre(tmp_path, gateway={"shutdown_grace": 0.3}) as opened:
        homes = [stage.at_home() for stage in opened.stages.values()]
        for home in homes:
            assert await home.ask("one") == "one after nothing"
        for home in homes:
            await home.say("sleep 2")
            await home.say("two")
        await asyncio.gather(*(_taken(home) for home in homes))
        assert await opened.gateway.stop() == 0
        await opened.gateway.start()
        for home in homes:
            heard = await home.heard(3)
            assert heard[1:] == ["slept 2", "two after one|sleep 2"]
        assert await opened.gateway.stop() == 0
        assert "Traceback" not in opened.gateway.output


@pytest.mark.parametrize(
    "seconds", [3.0, pytest.param(60.0, marks=pytest.mark.soak)], ids=["short", "minute"]
)
async def test_every_platform_is_away(tmp_path: Path, seconds: float) -> None:
    async with theatre(tmp_path) as opened:
        stages = list(opened.stages.values())
        homes = [stage.at_home() for stage in stages]
        talking = asyncio.create_task(_talk(homes, 20, seconds * 1.5 / 20))
        await asyncio.sleep(seconds / 4)
        await asyncio.gather(*(stage.simulator.outage(True) for stage in stages))
        await asyncio.sleep(seconds)
        await asyncio.gather(*(stage.simulator.outage(False) for stage in stages))
        await talking
        await asyncio.gather(*(_all_answered(home, 20) for home in homes))
        assert await opened.gateway.stop() == 0


async def test_every_connection_breaks_now_and_then(tmp_path: Path) -> None:
    async with theatre(tmp_path, SENDING) as opened:
        stages = list(opened.stages.values())
        homes = [stage.at_home() for stage in stages]
        talking = asyncio.create_task(_talk(homes, 20, 0.1))
        for _ in range(4):
            await asyncio.sleep(0.4)
            await asyncio.gather(*(stage.simulator.disconnect() for stage in stages))
        await talking
        await asyncio.gather(*(_all_answered(home, 20) for home in homes))


async def test_every_fault_of_a_send_ends_in_one_message(tmp_path: Path) -> None:
    """At most one more where the answer was lost after the platform had taken the message."""
    faults = [Fault.RATE_LIMIT, Fault.SERVER_ERROR, Fault.RESET, *sorted(POSTS_TWICE)]
    async with theatre(tmp_path, SENDING) as opened:
        await asyncio.gather(*(_faults(stage, faults) for stage in opened.stages.values()))


async def _faults(stage: Stage, faults: list[Fault]) -> None:
    ada = stage.at_home()
    said: list[str] = []
    for fault in faults:
        stage.simulator.fail_next(fault, retry_after=0.2)
        await ada.say(fault.value)
        wanted = expected(fault.value, said)
        await stage.simulator.wait_until(partial(_stands, ada, wanted), timeout=20)
        said.append(fault.value)
    doubled = {message.text.split(" ")[0] for message in stage.simulator.duplicates(ada.place)}
    allowed = set() if stage.name == "discord" else {fault.value for fault in POSTS_TWICE}
    assert doubled <= allowed


async def _taken(home: Home) -> None:
    await home.simulator.wait_until(lambda: not home.simulator.unacknowledged())


async def _talk(homes: list[Home], count: int, pause: float) -> None:
    for number in range(count):
        for home in homes:
            await home.say(f"w{number}")
        await asyncio.sleep(pause)


def _stands(home: Home, text: str) -> bool:
    return text in home.texts()


async def _all_answered(home: Home, count: int) -> None:
    """Each in order and once, but for one whose answer was on its way as something broke."""
    try:
        await home.simulator.wait_until(lambda: len(_answers(home)) >= count, timeout=40)
    except TimeoutError as late:
        raise AssertionError(f"{type(home.simulator).__name__}: {_answers(home)}") from late
    assert len(home.simulator.duplicates(home.place)) <= 4
    assert _answers(home) == [f"w{number}" for number in range(count)]


def _answers(home: Home) -> list[str]:
    doubled = {message.message_id for message in home.simulator.duplicates(home.place)}
    sent = home.simulator.sent(home.place)
    return [m.text.split(" ")[0] for m in sent if m.message_id not in doubled]
