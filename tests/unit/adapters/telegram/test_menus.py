"""The commands in people's menus."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.telegram.menus import menus
from gateway import NativeCommand, RateLimited, Rejected
from gateway.testing.simulator import Fault
from tests.unit.adapters.telegram.channel import Channel, channel

COMMANDS = (
    NativeCommand(name="reset", descriptions={"en": "Start afresh", "de": "Neu beginnen"}),
    NativeCommand(name="sessions", descriptions={"en": "Your sessions"}, personal=True),
)


@pytest.fixture
async def tg() -> AsyncIterator[Channel]:
    async with channel() as everything:
        yield everything


async def test_each_scope_and_language_has_its_list(tg: Channel) -> None:
    await tg.adapter.register_commands(COMMANDS)
    english = {"reset": "Start afresh", "sessions": "Your sessions"}
    german = {"reset": "Neu beginnen", "sessions": "Your sessions"}
    for scope in ("default", "all_private_chats"):
        assert tg.simulator.commands(scope) == english
        assert tg.simulator.commands(scope, "de") == german
    assert tg.simulator.commands("all_group_chats") == {"reset": "Start afresh"}
    assert tg.simulator.commands("all_group_chats", "de") == {"reset": "Neu beginnen"}
    assert len(tg.methods()) == 12


async def test_only_what_changed_is_set(tg: Channel) -> None:
    await tg.adapter.register_commands(COMMANDS)
    await tg.adapter.register_commands(COMMANDS)
    assert len(tg.simulator.calls("setMyCommands")) == 6
    await tg.adapter.register_commands(COMMANDS[:1])
    # In groups and for them nothing changed.
    assert len(tg.simulator.calls("setMyCommands")) == 10


async def test_a_command_that_is_refused_says_why(tg: Channel) -> None:
    with pytest.raises(Rejected, match=r"(?i)bot_command_invalid"):
        await tg.adapter.register_commands([NativeCommand(name="R!", descriptions={"en": "x"})])


async def test_it_waits_as_long_as_telegram_asks(tg: Channel) -> None:
    tg.simulator.fail_next(Fault.RATE_LIMIT, 2, method="setMyCommands", retry_after=1)
    await tg.adapter.register_commands(COMMANDS[:1])
    assert tg.simulator.commands() == {"reset": "Start afresh"}
    tg.simulator.fail_next(Fault.RATE_LIMIT, 3, method="getMyCommands", retry_after=0)
    with pytest.raises(RateLimited):
        await tg.adapter.register_commands(COMMANDS)


def test_descriptions_fit_and_odd_languages_are_left_out() -> None:
    command = NativeCommand(name="x", descriptions={"en": "y" * 300, "pt-br": "z", "fr": ""})
    found = list(menus([command]))
    assert {where.get("language_code", "en") for where, _ in found} == {"en", "fr"}
    assert all(menu[0]["description"] == "y" * 256 for _, menu in found)
