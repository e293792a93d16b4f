"""What people may expect of a conversation, whatever platform they write on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.agents import expected
from tests.support.people import Home, new_key
from tests.support.stage import Stage, Theatre

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_first_message_and_what_follows(stage: Stage) -> None:
    ada, bob = stage.at_home(), stage.at_home("Bob")
    assert await ada.ask("one") == "one after nothing"
    assert await bob.ask("two") == "two after nothing"
    assert await ada.ask("three") == "three after one"


async def test_what_is_said_at_once_is_answered_in_order(stage: Stage) -> None:
    ada = stage.at_home()
    key = new_key()
    said = [f"hold {key}", *(f"m{number}" for number in range(5))]
    for text in said:
        await ada.say(text)
    await stage.free(key)
    heard = await ada.heard(6)
    assert heard[0] == f"done hold {key}"
    assert heard[1:] == [expected(text, said[: n + 1]) for n, text in enumerate(said[1:])]


async def test_a_reset_takes_effect_at_its_place(stage: Stage) -> None:
    ada = stage.at_home()
    await ada.ask("one")
    assert "forgotten" in await ada.ask("/reset")
    assert await ada.ask("two") == "two after nothing"


async def test_a_long_answer_arrives_whole(stage: Stage) -> None:
    ada = stage.at_home()
    await ada.say("long")
    wanted = _solid(expected("long", []))
    await stage.simulator.wait_until(lambda: _solid("".join(ada.texts())) == wanted)
    assert len(ada.texts()) > 1 or stage.name == "web"


async def test_a_running_answer_is_stopped_and_nothing_behind_it(stage: Stage) -> None:
    if stage.name == "web":
        pytest.skip("the page has a button for it, and tests of its own")
    ada = stage.at_home()
    await ada.say("sleep 30")
    await stage.simulator.wait_until(lambda: not stage.simulator.unacknowledged())
    await ada.say("next")
    # Webhooks keep no order: a stop that overtakes it would still stop what runs, but not behind.
    await stage.simulator.wait_until(lambda: not stage.simulator.unacknowledged())
    await ada.say("/stop")
    heard = await ada.heard(2)
    assert heard == ["Stopped.", "next after sleep 30"]


async def test_an_answer_is_one_message_however_it_was_shown(house: Theatre) -> None:
    """Streamed for longer than previews need to show; on all platforms at once."""
    homes = [stage.at_home() for stage in house.stages.values()]
    for ada in homes:
        await ada.say("write 20 0.15")
    wanted = " ".join(["writing 20.", *(f"w{number}" for number in range(20))])
    for ada in homes:
        await ada.simulator.wait_until(partial(_shows, ada, wanted), timeout=15)


def _shows(home: Home, text: str) -> bool:
    return home.texts() == [text]


async def test_speaking_early(stage: Stage) -> None:
    ada = stage.at_home()
    await ada.say("publish")
    assert await ada.heard(3) == ["one of publish", "two of publish", "done publish"]


# Questions


async def test_a_choice_by_button_label_or_number(stage: Stage) -> None:
    ada = stage.at_home()
    for number, answer in enumerate(("press", "blue", "2")):
        text = f"colour for ask {number}?"
        assert await ada.ask(f"ask {number}") == stage.asked(ada, text, "Red", "Blue")
        reply = await (stage.choose(ada, "Blue") if answer == "press" else ada.ask(answer))
        assert reply == f"colour for ask {number}? Blue False"


async def test_an_approval(stage: Stage) -> None:
    ada = stage.at_home()
    asked = stage.asked(ada, "may I approve it?", "Yes", "No")
    assert await ada.ask("approve it") == asked
    assert (await stage.choose(ada, "Yes")).endswith("True")
    await ada.ask("approve more")
    assert (await stage.choose(ada, "No")).endswith("False")


async def test_a_late_press_is_told_so(stage: Stage) -> None:
    if stage.name == "web":
        pytest.skip("the page takes the buttons away")
    if not stage.platform.buttons:
        pytest.skip("there are no buttons")
    ada = stage.at_home()
    await ada.ask("ask")
    await ada.ask("/reset")
    assert "no longer open" in await ada.press("Red")
    assert await ada.ask("1") == "1 after nothing"


# Places that people share


async def test_a_place_shares_and_its_people_s_own_chats_do_not_know_it(
    shared_stage: Stage,
) -> None:
    ada, bob = shared_stage.together("Ada", "Bob")
    assert await ada.ask("one", mention=True) == "one after nothing"
    assert await bob.ask("two", mention=True) == "two after one"
    for someone in (ada, bob) if shared_stage.platform.alone else ():
        direct = shared_stage.simulator.place("direct", people=[someone.person])
        assert await shared_stage.beside(someone, direct).ask("three") == "three after nothing"
    assert await ada.ask("four", mention=True) == "four after one|two"


async def test_two_places_of_one_person_are_two_sessions(shared_stage: Stage) -> None:
    if not shared_stage.platform.alone:
        pytest.skip("nobody is in two groups with one number")
    (ada,) = shared_stage.together("Ada")
    other = shared_stage.simulator.place(ada.place.kind, people=[ada.person])
    await ada.ask("one", mention=True)
    elsewhere = shared_stage.beside(ada, other)
    assert await elsewhere.ask("two", mention=True) == "two after nothing"


async def test_talk_that_does_not_mention_the_bot_is_not_heard(shared_stage: Stage) -> None:
    if not shared_stage.platform.mentions:
        pytest.skip("there it is meant by all that is said")
    ada, bob = shared_stage.together("Ada", "Bob")
    await ada.say("just talking")
    assert await bob.ask("one", mention=True) == "one after nothing"
    assert len(ada.texts()) == 1


async def test_a_shared_session_is_reset_for_all(shared_stage: Stage) -> None:
    ada, bob = shared_stage.together("Ada", "Bob")
    await ada.ask("one", mention=True)
    assert "forgotten" in await bob.ask("/reset", mention=True)
    assert await ada.ask("two", mention=True) == "two after nothing"


async def test_a_reply_to_the_bot_is_meant_for_it(shared_stage: Stage) -> None:
    if shared_stage.name.startswith("slack"):
        pytest.skip("Slack has threads for that")
    ada, bob = shared_stage.together("Ada", "Bob")
    await ada.ask("one", mention=True)
    answer = shared_stage.simulator.sent(ada.place)[-1].message_id
    await shared_stage.simulator.say("two", person=bob.person, place=bob.place, reply_to=answer)
    assert (await bob.heard(2))[-1] == "two after one"


async def test_only_who_was_asked_answers(shared_stage: Stage) -> None:
    ada, bob = shared_stage.together("Ada", "Bob")
    await ada.ask("ask", mention=True)
    refused = await shared_stage.choose(bob, "Red")
    by_button = "shared" in shared_stage.platform.buttons
    assert "somebody else" in refused if by_button else refused == "Red after ask"
    assert await shared_stage.choose(ada, "Blue") == "colour for ask? Blue False"


async def test_ten_first_messages_at_once_make_one_session(shared_stage: Stage) -> None:
    names = [f"P{number}" for number in range(min(10, shared_stage.platform.most))]
    people = shared_stage.together(*names)
    said = [(people[n % len(people)], f"word{n}") for n in range(10)]
    await asyncio.gather(*(home.say(text, mention=True) for home, text in said))
    answers = await people[0].heard(10)
    assert sorted(answer.count("|") for answer in answers) == [0, 0, *range(1, 9)]


# Files, edits, deletions


async def test_a_file_reaches_the_agent(stage: Stage) -> None:
    ada = stage.at_home()
    simulator: Any = stage.simulator
    file = ("notes.txt",) if stage.name == "web" else ("notes.txt", "text/plain")
    await simulator.send_file(b"y" * 321, *file, person=ada.person, place=ada.place)
    # Twilio tells no names.
    name = "file.txt" if stage.name in {"whatsapp", "sms"} else "notes.txt"
    assert f"{name} 321" in (await ada.heard(1))[0]


async def test_a_file_reaches_a_person(stage: Stage) -> None:
    if stage.name == "web":
        pytest.skip("what a page shows of files has tests of its own")
    ada = stage.at_home()
    await ada.say("send 1234")
    if stage.name == "sms":
        answer, words = await ada.heard(2)
        assert answer == "sent 1234"
        assert words == "[1234.txt, 1,234 bytes: it cannot be sent here]"
        return
    (said, sent) = await stage.simulator.wait_sent(2, ada.place)
    assert said.text == "sent 1234"
    assert [(file.name, file.size) for file in sent.files] == [("1234.txt", 1234)]


async def test_a_waiting_message_is_read_as_edited(stage: Stage) -> None:
    if not stage.platform.edits:
        pytest.skip("nothing can be edited here")
    ada, edit, key = stage.at_home(), _edit(stage), new_key()
    await ada.say(f"hold {key}")
    event = await ada.say("on")
    await edit(event, "two")
    await stage.free(key)
    assert (await ada.heard(2))[-1] == f"two after hold {key}"
    assert await ada.ask("three") == f"three after hold {key}|two"


async def test_an_answered_message_is_remembered_as_edited(stage: Stage) -> None:
    if not stage.platform.edits:
        pytest.skip("nothing can be edited here")
    ada, edit = stage.at_home(), _edit(stage)
    event = await ada.say("one")
    await ada.heard(1)
    await edit(event, "uno")
    await stage.simulator.wait_until(lambda: not stage.simulator.unacknowledged())
    # That it is taken over is not yet that it was carried out.
    await stage.gateway.until_settled()
    assert await ada.ask("two") == "two after uno"


# Calls


@pytest.mark.reference_data
async def test_every_call_is_as_its_platform_describes_it(
    stage: Stage, described: Mapping[str, Mapping[str, Any]], reference_data: Path
) -> None:
    """All calls in this house are checked, and judged again when it closes: see the theatre."""
    if stage.name == "web":
        pytest.skip("a page is called nothing")
    assert described[stage.name]["schema"], reference_data
    ada, simulator = stage.at_home(), stage.simulator
    await ada.ask("ask")
    await stage.choose(ada, "Blue")
    assert getattr(simulator, "violations", None) == []


def _edit(stage: Stage) -> Any:
    simulator: Any = stage.simulator
    return simulator.edit


def _solid(text: str) -> str:
    return "".join(text.split())
