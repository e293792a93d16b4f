"""Slack waits three seconds to hear that an event arrived, Twilio fifteen, whatever agents do."""

from __future__ import annotations

from pathlib import Path

from adapters.slack.simulator import SlackSimulator
from adapters.twilio.simulator import TwilioSimulator
from tests.support.stage import Stage, theatre

MODES = ("slack-socket", "slack-events", "whatsapp", "sms")
CROWD = 40
CROWDS = 3
WITHIN = 1.0


async def test_forty_at_once_while_every_agent_runs_for_a_minute(tmp_path: Path) -> None:
    """Forty people who begin to talk, and the same forty, who go on."""
    async with theatre(tmp_path, MODES) as opened:
        for stage in opened.stages.values():
            await _crowded(stage)
        assert opened.gateway.running
        opened.gateway.kill()


async def _crowded(stage: Stage) -> None:
    """The best of three crowds counts: the machine may be busy with something else."""
    simulator = stage.simulator
    assert isinstance(simulator, SlackSimulator | TwilioSimulator)
    slowest = [await _slowest_of_a_crowd(stage, simulator)]
    while slowest[-1] >= WITHIN and len(slowest) < CROWDS:
        slowest.append(await _slowest_of_a_crowd(stage, simulator))
    assert min(slowest) < WITHIN, f"{stage.name}: {slowest}"
    assert not simulator.lost()
    assert not simulator.sent()


async def _slowest_of_a_crowd(stage: Stage, simulator: SlackSimulator | TwilioSimulator) -> float:
    """Within how many seconds 99 % of what forty people say is acknowledged."""
    before = len(simulator.ack_times())
    people = [stage.at_home(f"P{number}") for number in range(CROWD)]
    for text in ("sleep 60", "and more"):
        for home in people:
            await home.say(text)
        await simulator.wait_until(lambda: not simulator.unacknowledged())
    times = sorted(simulator.ack_times()[before:])
    assert len(times) >= 2 * CROWD
    return times[int(0.99 * len(times))]
