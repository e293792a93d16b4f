"""Several agents on one channel: each is a session of its own, and people change between them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.people import new_key
from tests.support.stage import SECOND, Stage, Theatre, theatre

pytestmark = pytest.mark.asyncio(loop_scope="session")

(OTHER,) = SECOND


@pytest.fixture
def chat(stage: Stage) -> Stage:
    """Each platform whose people change by a command."""
    if stage.name == "web":
        pytest.skip("there each agent has a page of its own")
    return stage


async def test_another_agent_is_another_session_and_coming_back_resumes(chat: Stage) -> None:
    ada = chat.at_home()
    await ada.ask("one")
    assert OTHER in await ada.ask(f"/agent {OTHER.upper()}")
    assert await ada.ask("two") == "two after nothing"
    assert await ada.ask("three") == "three after two"
    assert f"Talking to {OTHER}" in await ada.ask("/status")
    await ada.ask("/agent scenario")
    assert await ada.ask("four") == "four after one"


async def test_it_takes_effect_at_its_place(chat: Stage) -> None:
    ada, key = chat.at_home(), new_key()
    await ada.ask("one")
    for text in (f"hold {key}", "two", f"/agent {OTHER}", "three", "/reset", "four"):
        await ada.say(text)
    await chat.free(key)
    heard = (await ada.heard(7))[1:]
    assert heard[:2] == [f"done hold {key}", f"two after one|hold {key}"]
    assert OTHER in heard[2]
    assert heard[3] == "three after nothing"
    assert heard[5] == "four after nothing"
    await ada.ask("/agent scenario")
    assert await ada.ask("five") == f"five after one|hold {key}|two"


async def test_it_is_one_lane_s_choice_and_nobody_else_s(shared_stage: Stage) -> None:
    if not shared_stage.platform.alone:
        pytest.skip("nobody there is in private with the bot, too")
    ada, bob = shared_stage.together("Ada", "Bob")
    await ada.ask("one", mention=True)
    await bob.ask(f"/agent {OTHER}", mention=True)
    assert await ada.ask("two", mention=True) == "two after nothing"
    direct = shared_stage.simulator.place("direct", people=[ada.person])
    await shared_stage.beside(ada, direct).ask("three")
    assert "Talking to scenario" in await shared_stage.beside(ada, direct).ask("/status")


async def test_a_button_is_answered_to_whoever_offered_it(chat: Stage) -> None:
    if "direct" not in chat.platform.buttons:
        pytest.skip("there are no buttons")
    ada = chat.at_home()
    await ada.ask("ask")
    await ada.ask(f"/agent {OTHER}")
    assert await ada.ask("one") == "one after nothing"
    assert (await ada.press("Red")).startswith("colour for ask? Red")
    assert await ada.ask("two") == "two after one"
    await ada.ask("/agent scenario")
    assert await ada.ask("three") == "three after ask|Red"


async def test_who_there_is(chat: Stage) -> None:
    ada = chat.at_home()
    shown = (await ada.ask("/agent")).splitlines()
    assert shown[:2] == ["scenario (this one)", OTHER]
    assert "Nobody here is called nobody" in await ada.ask("/agent nobody")
    assert "/agent - " in await ada.ask("/help")


async def test_on_a_page_each_has_its_own_place(house: Theatre) -> None:
    ada = house.stages["web"].at_home()
    await ada.ask("one")
    assert f"/chat/{OTHER}" in await ada.ask(f"/agent {OTHER}")
    assert await ada.ask("two") == "two after one"


async def test_ten_changes_at_once_leave_every_answer_with_whom_it_was_asked_of(
    house: Theatre,
) -> None:
    homes = [stage.at_home() for name, stage in house.stages.items() if name != "web"]
    await asyncio.gather(*(home.ask("one") for home in homes))
    for home in homes:
        for name in (OTHER, "scenario") * 2:
            await home.say(f"/agent {name}")
            await home.say("?")
    for home in homes:
        heard = [text for text in await home.heard(9) if text.startswith("?")]
        assert heard == ["? after nothing", "? after one", "? after ?", "? after one|?"]


async def test_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    names, on = ("telegram-polling",), {"database": postgres_url}
    async with theatre(tmp_path, names, gateway=on) as house:
        ada = house.stages[names[0]].at_home()
        await ada.ask("one")
        await ada.ask(f"/agent {OTHER}")
        assert await ada.ask("two") == "two after nothing"
        # Another process knows it too.
        await house.gateway.restart()
        assert await ada.ask("three") == "three after two"
        await ada.ask("/agent scenario")
        assert await ada.ask("four") == "four after one"
