"""Held to the platforms' own rates: with the budgets that come by default, nobody is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.agents import expected
from tests.support.people import Home
from tests.support.stage import PLATFORMS, Stage, theatre

WITHIN = 25.0


async def test_a_flood_is_answered_without_a_single_refusal(tmp_path: Path) -> None:
    """Short answers at once, long ones in parts, and streamed ones, everywhere at the same time.

    That nothing was refused is what the theatre asks at its end.
    """
    async with theatre(tmp_path, limited=True) as opened:
        await asyncio.gather(*(_flood(stage) for stage in opened.stages.values()))


async def _flood(stage: Stage) -> None:
    talks = [
        _short(stage.at_home("Ada"), 6),
        _short(stage.at_home("Bob"), 6),
        _long(stage.at_home("Cyd")),
        _streamed(stage.at_home("Fay"), 16),
    ]
    if stage.platform.shared is not None:
        talks += [_short(stage.together("Dan")[0], 3), _streamed(stage.together("Eve")[0], 8)]
    await asyncio.gather(*talks)


async def _short(home: Home, count: int) -> None:
    said = [f"m{number}" for number in range(count)]
    for text in said:
        await home.say(text, mention=True)
    wanted = [expected(text, said[:n]) for n, text in enumerate(said)]
    assert await home.heard(count, timeout=WITHIN) == wanted


async def _long(home: Home) -> None:
    await home.say("long")
    wanted = _solid(expected("long", []))
    await home.simulator.wait_until(lambda: _solid("".join(home.texts())) == wanted, timeout=WITHIN)


async def _streamed(home: Home, count: int) -> None:
    await home.say(f"write {count} 0.2", mention=True)
    wanted = " ".join([f"writing {count}.", *(f"w{number}" for number in range(count))])
    await home.simulator.wait_until(lambda: home.texts() == [wanted], timeout=WITHIN)


def _solid(text: str) -> str:
    return "".join(text.split())


def test_every_platform_with_rates_is_held_to_them() -> None:
    assert [name for name, one in PLATFORMS.items() if one.rates is None] == ["web"]
