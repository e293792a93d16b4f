"""Answers that are seen being written: previews, what a stop and an edit make of them, crashes."""

from __future__ import annotations

from pathlib import Path

from adapters.telegram.simulator import TelegramSimulator
from tests.scenarios.town import Town, in_town
from tests.support.people import Home, at_home, in_group
from tests.support.telegram import telegram_gateway


async def drafted(home: Home, telegram: TelegramSimulator, word: str) -> None:
    await telegram.wait_until(lambda: word in (telegram.draft(home.place) or ""))


@in_town
async def test_in_private_an_answer_is_drafted_and_then_sent(town: Town) -> None:
    telegram = town["writer"]
    ada = at_home(telegram, "Ada")
    await ada.say("write 20 0.1")
    await drafted(ada, telegram, "mine: write 20 0.1. w0")
    (answer,) = await ada.heard(1)
    assert answer == f"mine: write 20 0.1. {' '.join(f'w{n}' for n in range(20))} after []"
    assert telegram.draft(ada.place) is None


@in_town
async def test_in_a_group_the_answer_becomes_the_message_that_showed_it(town: Town) -> None:
    telegram = town["writer"]
    ada, _ = in_group(telegram, "Ada", "Bob")
    await ada.say("write 20 0.1", mention=True)
    (shown,) = await telegram.wait_sent(1, ada.place)
    assert shown.text.startswith("mine: write 20 0.1.")
    assert shown.buttons
    (answer,) = await telegram.wait_sent(lambda sent: sent[0].text.endswith("after []"), ada.place)
    assert answer.message_id == shown.message_id
    assert not answer.buttons
    assert await ada.ask("write", mention=True) != answer.text
    assert len(ada.texts()) == 2


@in_town
async def test_what_was_written_until_a_stop_stays_and_is_remembered(town: Town) -> None:
    telegram = town["writer"]
    ada = at_home(telegram, "Ada")
    await ada.say("write 500 0.1")
    await drafted(ada, telegram, "w3")
    await telegram.press_stop(person=ada.person, place=ada.place)
    partial, notice = await ada.heard(2)
    assert partial.startswith("mine: write 500 0.1. w0 w1")
    assert notice == "Stopped."
    assert await ada.ask("again") == f"mine: again. after {['write 500 0.1', partial]}"


@in_town
async def test_the_stop_button_of_a_group(town: Town) -> None:
    telegram = town["writer"]
    ada, bob = in_group(telegram, "Ada", "Bob")
    await ada.say("write 500 0.1", mention=True)
    (shown,) = await telegram.wait_sent(1, ada.place)
    await telegram.press(shown.buttons[0], person=bob.person, place=bob.place)
    partial, notice = await telegram.wait_sent(2, ada.place)
    assert partial.message_id == shown.message_id
    assert partial.text.startswith("mine: write 500 0.1. w0")
    assert not partial.buttons
    assert notice.text == "Stopped."


async def test_a_crash_leaves_no_second_preview(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada, _ = in_group(telegram, "Ada", "Bob")
    async with telegram_gateway(telegram, tmp_path, agent="writer") as gateway:
        await ada.say("write 30 0.1", mention=True)
        (shown,) = await telegram.wait_sent(lambda sent: bool(sent) and sent[0].edited, ada.place)
        gateway.kill()
        await gateway.ended()
        await gateway.start()
        (answer,) = await telegram.wait_sent(
            lambda sent: sent[0].text.endswith("after []"), ada.place, timeout=20
        )
        assert answer.message_id == shown.message_id


@in_town
async def test_an_edit_of_what_is_being_answered_begins_the_answer_again(town: Town) -> None:
    telegram = town["writer"]
    ada = at_home(telegram, "Ada")
    event = await ada.say("write 500 0.1")
    await drafted(ada, telegram, "w3")
    await telegram.edit(event, "instead")
    assert await ada.heard(1) == ["mine: instead. after []"]
    said = ["instead", "mine: instead. after []"]
    assert await ada.ask("more") == f"mine: more. after {said}"


async def test_an_edit_of_what_was_answered_changes_what_is_remembered(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada = at_home(telegram, "Ada")
    async with telegram_gateway(telegram, tmp_path) as gateway:
        event = await ada.say("one")
        await ada.heard(1)
        await telegram.edit(event, "uno")
        await telegram.wait_until(lambda: not telegram.unacknowledged())
        assert await ada.ask("two") == "two after uno"
        await gateway.restart()
        await telegram.edit(event, "eins")
        await telegram.wait_until(lambda: not telegram.unacknowledged())
        assert await ada.ask("three") == "three after eins|two"
        assert len(ada.texts()) == 3


async def test_files_come_in_and_go_out(telegram: TelegramSimulator, tmp_path: Path) -> None:
    ada = at_home(telegram, "Ada")
    async with telegram_gateway(
        telegram, tmp_path, agent="filer", limits={"file_bytes": 1000}
    ) as gateway:
        await ada.say("send 10 20 2000")
        sent = await telegram.wait_sent(3, ada.place)
        assert (
            sent[0].text == "\n\n[2000.txt is larger than 1000 bytes]said send 10 20 2000".strip()
        )
        assert [[(f.name, f.content) for f in one.files] for one in sent[1:]] == [
            [("10.txt", b"x" * 10)],
            [("20.txt", b"x" * 20)],
        ]
        await telegram.send_file(
            b"hello", "note.txt", "text/plain", person=ada.person, place=ada.place
        )
        (*_, answer) = await ada.heard(4)
        assert "note.txt text/plain 5 68656c6c; " in answer
        assert "10.txt text/plain 10 78787878; " in answer
        await gateway.restart()
        answer = await ada.ask("again")
        assert "note.txt text/plain 5 68656c6c; " in answer
