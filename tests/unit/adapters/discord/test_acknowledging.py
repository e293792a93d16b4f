"""Commands and buttons are acknowledged: in time, once, and only those that ask for it."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog

from adapters.discord import acknowledging as room
from adapters.discord.acknowledging import Acknowledging, acknowledge
from adapters.discord.commands import offer
from adapters.discord.rest import UNKNOWN_INTERACTION, Refused
from gateway import NativeCommand, OutcomeUnknown, Unavailable
from gateway.testing.simulator import Fault
from tests.unit.adapters.discord.leaving import BOT, Bookmarks, Clock, Leaving, leaving, question


@pytest.fixture
async def dc() -> AsyncIterator[Leaving]:
    async with leaving() as everything:
        yield everything


async def used(dc: Leaving) -> dict[str, Any]:
    """A slash command that Ann has just used."""
    commands = [NativeCommand(name="new", descriptions={"en": "new"}, argument={"en": "text"})]
    await offer(dc.rest, str(BOT), commands, Bookmarks(), "garden")
    return dc.interaction(await dc.simulator.command("new", "hello", person=dc.ann, place=dc.there))


async def pressed(dc: Leaving) -> dict[str, Any]:
    """A button that Ann has just pressed."""
    asked = question("Tea", "Coffee")
    await dc.sending.send(dc.delivery("?", dc.address(dc.there), question=asked))
    return dc.interaction(await dc.simulator.press("Tea", person=dc.ann, place=dc.there))


async def test_a_command_shows_that_an_answer_will_come(dc: Leaving) -> None:
    await acknowledge(dc.rest, await used(dc))
    assert len(dc.simulator.promised(dc.there)) == 1
    assert dc.texts(dc.there) == []


async def test_a_button_shows_nothing(dc: Leaving) -> None:
    interaction = await pressed(dc)
    before = dc.simulator.sent(dc.there)
    await acknowledge(dc.rest, interaction)
    assert dc.simulator.sent(dc.there) == before
    assert dc.simulator.calls()[-1].parameters["type"] == 6
    assert not dc.simulator.promised()


@pytest.mark.parametrize("act", [used, pressed])
async def test_once_is_enough_and_twice_no_error(dc: Leaving, act: Any) -> None:
    interaction = await act(dc)
    dc.simulator.fail_next(Fault.RESET_AFTER_ACCEPT, method="*")
    with pytest.raises(OutcomeUnknown):
        await acknowledge(dc.rest, interaction)
    await acknowledge(dc.rest, interaction)
    assert dc.methods()[-2:] == ["create_interaction_response"] * 2


async def test_too_late_is_an_error_without_its_token() -> None:
    clock = Clock()
    async with leaving(clock=clock) as dc:
        interaction = await used(dc)
        clock.now += 4.0
        with pytest.raises(Refused) as caught:
            await acknowledge(dc.rest, interaction)
        assert caught.value.code == UNKNOWN_INTERACTION
        await dc.simulator.outage(True)
        await asyncio.sleep(0.02)  # what is sent on a connection lost unnoticed is unknown
        with pytest.raises(Unavailable) as away:
            await acknowledge(dc.rest, interaction)
        for error in (caught.value, away.value):
            assert interaction["token"] not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "interaction",
    [
        {},
        {"type": 1, "id": "1", "token": "t"},
        {"type": 4, "id": "1", "token": "t"},
        {"type": [2]},
        {"type": True},
        {"type": "2"},
    ],
)
async def test_what_asks_for_nothing_gets_nothing(dc: Leaving, interaction: Any) -> None:
    await acknowledge(dc.rest, interaction)
    assert not dc.methods()


async def test_odd_ids_stay_in_their_place(dc: Leaving) -> None:
    with pytest.raises(Refused):
        await acknowledge(dc.rest, {"type": 2, "id": "../users/@me", "token": "a/b?c"})
    assert "get_my_user" not in dc.methods()


async def test_two_without_an_id_do_not_hurt_each_other(dc: Leaving) -> None:
    acknowledging = Acknowledging(dc.rest, log=structlog.get_logger("test"))
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            acknowledging.expect({"type": 2}, group.create_task)(None)
    await acknowledging.shown(None)


async def test_what_became_of_it_may_be_told_when_nobody_listens(
    dc: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PATIENCE", 0.0)
    tasks: list[asyncio.Task[None]] = []
    acknowledging = Acknowledging(dc.rest, log=structlog.get_logger("test"))
    interaction = await used(dc)
    tell = acknowledging.expect(interaction, lambda work: tasks.append(asyncio.create_task(work)))
    await acknowledging.shown(interaction["id"])
    tasks[0].cancel()
    await asyncio.wait(tasks)
    tell(None)
