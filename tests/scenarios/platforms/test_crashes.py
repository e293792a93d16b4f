"""The delivery contract on Discord, Slack and Twilio: killed in every window, nothing lost.

A message that was on its way when the gateway died is looked up where it would stand, so that none
comes twice on Discord; elsewhere one per crash may. What Twilio tried to bring while nobody was
there it does not bring again: that is fetched. Telegram and the web have modules of their own.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from adapters.discord.simulator import DiscordSimulator
from gateway.failpoints import NAMES
from gateway.testing.simulator import PlaceKind
from tests.scenarios.crash import crash_and_recover, question_over_a_crash
from tests.support.stage import theatre

WINDOWS = sorted(NAMES)
NAMES_OF = ("discord", "slack-socket", "slack-events", "whatsapp")
OF_SLACK = {"slack-socket": WINDOWS[::2], "slack-events": WINDOWS[1::2]}
"""Its two modes take turns: they differ only in how a message comes in."""
ALL_OF = (*NAMES_OF, "sms")
IN_GROUPS = ("before-commit-1", "during-send")


@pytest.mark.parametrize(
    ("name", "window"),
    [(name, window) for name in NAMES_OF for window in OF_SLACK.get(name, WINDOWS)],
)
async def test_nothing_is_lost(tmp_path: Path, name: str, window: str) -> None:
    await killed(tmp_path, "", name, window, seed=1)


@pytest.mark.parametrize("window", IN_GROUPS)
async def test_nothing_is_lost_in_groups_on_whatsapp(tmp_path: Path, window: str) -> None:
    await killed(tmp_path, "", "whatsapp", window, seed=2, kind="group")


@pytest.mark.soak
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", ["whatsapp", "sms"])
async def test_soak_in_groups(tmp_path: Path, name: str, window: str, seed: int) -> None:
    await killed(tmp_path, "", name, window, seed=seed, kind="group")


@pytest.mark.soak
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", ALL_OF)
async def test_soak_on_sqlite(tmp_path: Path, name: str, window: str, seed: int) -> None:
    await killed(tmp_path, "", name, window, seed=seed)


@pytest.mark.soak
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", ALL_OF)
async def test_soak_on_postgresql(
    tmp_path: Path, postgres_url: str, name: str, window: str, seed: int
) -> None:
    await killed(tmp_path, postgres_url, name, window, seed=seed)


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("discord", "after-commit-1"),
        ("discord", "after-send"),
        ("slack-socket", "after-send"),
        ("slack-events", "after-commit-1"),
        ("whatsapp", "after-send"),
    ],
)
async def test_a_question_survives(tmp_path: Path, name: str, window: str) -> None:
    recall = "tests.support.agents:recall"
    async with theatre(tmp_path, [name], agent=recall, start=False) as opened:
        simulator = opened.stages[name].simulator
        await question_over_a_crash(opened.gateway, simulator, failpoint=window, at=2)
        if isinstance(simulator, DiscordSimulator):
            # A press may wait for three seconds; the next start is later on a slow machine.
            late = [one for one in simulator.refusals if " 10062 " in one]
            assert len(late) <= 1
            simulator.refusals[:] = [one for one in simulator.refusals if one not in late]


async def killed(
    folder: Path,
    database: str,
    name: str,
    window: str,
    *,
    seed: int,
    kind: PlaceKind = "direct",
) -> None:
    """Each message passes each window once; of three long answers each has two parts at least."""
    passes = 3 if window == "between-parts" else 12
    at = random.Random(f"{window} {seed}").randint(1, passes)
    recall = "tests.support.agents:recall"
    gateway = {"database": database} if database else {}
    async with theatre(folder, [name], agent=recall, start=False, gateway=gateway) as opened:
        simulator = opened.stages[name].simulator
        await crash_and_recover(opened.gateway, simulator, failpoint=window, at=at, kind=kind)
        if name == "discord":
            assert not simulator.duplicates()
