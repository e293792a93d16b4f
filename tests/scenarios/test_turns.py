"""Order, stopping, questions, failing agents, restarts: turns as people live through them."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.simulator import Fault
from tests.support.people import Home, at_home, in_group
from tests.support.telegram import telegram_gateway


async def test_ten_first_messages_at_once_make_one_session(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    people = in_group(telegram, *(f"P{n}" for n in range(10)))
    async with telegram_gateway(
        telegram, tmp_path, channel={"mode": "webhook", "secret": "s3cret"}
    ):
        await asyncio.gather(*(home.say(f"word{n}", mention=True) for n, home in enumerate(people)))
        answers = await people[0].heard(10)
    assert [answer.count("|") for answer in sorted(answers, key=len)] == [0, 0, *range(1, 9)]
    assert sum("after nothing" in answer for answer in answers) == 1


async def test_stop_ends_the_running_turn_at_once_and_nothing_behind_it(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada = at_home(telegram, "Ada")
    async with telegram_gateway(telegram, tmp_path, agent="slow"):
        await ada.say("sleep 30")
        await ada.say("sleep 0")
        await telegram.wait_until(lambda: not telegram.unacknowledged())
        await ada.say("/stop")
        assert await ada.heard(2, timeout=5) == ["Stopped.", "done sleep 0"]
        assert await ada.ask("/stop") == "Nothing is running."


async def test_reset_takes_effect_at_its_place_in_the_order(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada = at_home(telegram, "Ada")
    async with telegram_gateway(telegram, tmp_path):
        for text in ("one", "two", "/reset", "three", "/new four", "five"):
            await ada.say(text)
        heard = await ada.heard(6)
    assert heard[:2] == ["one after nothing", "two after one"]
    assert "forgotten" in heard[2]
    assert heard[3:] == ["three after nothing", "four after nothing", "five after four"]


async def test_a_command_for_another_bot_is_not_ours(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada, bob = in_group(telegram, "Ada", "Bob")
    async with telegram_gateway(telegram, tmp_path):
        await ada.ask("one", mention=True)
        await bob.say("/reset@another_bot")
        assert await bob.ask("two", mention=True) == "two after one"


async def test_unmentioned_talk_is_not_ours(telegram: TelegramSimulator, tmp_path: Path) -> None:
    account = telegram.add_bot("77:all", "all_bot", can_read_all_group_messages=True)
    ada, _ = in_group(telegram, "Ada", "Bob")
    channel = telegram.settings(account)
    async with telegram_gateway(telegram, tmp_path, channel=channel):
        telegram.join(ada.place, account)
        await ada.say("just talking")
        mention = "@all_bot hello"
        await ada.say(mention)
        await telegram.wait_until(lambda: len(telegram.calls("sendMessage")) == 1)
        assert telegram.calls("sendMessage")[0].parameters["text"] == "hello after nothing"


async def test_a_question_is_answered_by_button_label_or_number(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada = at_home(telegram, "Ada")
    async with telegram_gateway(telegram, tmp_path) as gateway:
        for number, answer in enumerate(("press", "blue", "2")):
            assert await ada.ask(f"ask{number}") == f"colour for ask{number}?"
            await gateway.restart()
            reply = await (ada.press("Blue") if answer == "press" else ada.ask(answer))
            assert reply == f"colour for ask{number}? Blue"
        assert "no longer open" in await ada.press("Red")
        await ada.ask("ask again")
        assert await ada.ask("something else") != "colour for ask again? something else"
        assert await ada.press("Red") == "colour for ask again? Red"


async def test_reset_cancels_the_question(telegram: TelegramSimulator, tmp_path: Path) -> None:
    ada = at_home(telegram, "Ada")
    async with telegram_gateway(telegram, tmp_path):
        await ada.ask("ask")
        await ada.ask("/reset")
        assert "no longer open" in await ada.press("Red")
        assert await ada.ask("1") == "1 after nothing"


async def test_only_who_was_asked_answers_in_a_group(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada, bob = in_group(telegram, "Ada", "Bob")
    async with telegram_gateway(telegram, tmp_path):
        await ada.ask("ask", mention=True)
        assert "somebody else" in await bob.press("Red")
        assert await ada.press("Blue") == "colour for ask? Blue"


async def test_an_agent_that_is_away_burns_nothing_and_one_that_breaks_is_set_aside(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada, bob = at_home(telegram, "Ada"), at_home(telegram, "Bob")
    async with telegram_gateway(telegram, tmp_path, agent="faulty") as gateway:
        await ada.say("away 7")
        await bob.say("broken 9")
        assert await ada.heard(1) == ["away 7 on try 8"]
        await bob.say("hello")
        heard = await bob.heard(2, timeout=30)
        assert "something went wrong" in heard[0]
        assert heard[1] == "hello on try 1"
        assert "broken on purpose" in gateway.output


async def test_an_agent_that_stays_away_fails_the_message_in_words(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada = at_home(telegram, "Ada")
    keys = {"give_up_after": "1s"}
    async with telegram_gateway(telegram, tmp_path, agent="faulty", gateway=keys):
        assert "could not answer your message in time" in await ada.ask("away 100000")
        assert await ada.ask("hello") == "hello on try 1"


async def test_who_waits_long_is_told_once(telegram: TelegramSimulator, tmp_path: Path) -> None:
    ada = at_home(telegram, "Ada")
    async with telegram_gateway(telegram, tmp_path, agent="faulty", gateway={"tell_after": "1s"}):
        await ada.say("absent 3")
        heard = await ada.heard(2)
    assert "keep trying" in heard[0]
    assert heard[1:] == ["back from absent 3"]


async def test_what_was_published_early_is_not_said_again_after_a_crash(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada = at_home(telegram, "Ada")
    async with telegram_gateway(telegram, tmp_path, agent="slow") as gateway:
        await ada.say("publish 1.5")
        await ada.heard(2)
        # Killed while a message is on its way, it may come twice; that is not what is tried here.
        await asyncio.sleep(0.3)
        gateway.kill()
        await gateway.start()
        assert await ada.heard(3) == [
            "one of publish 1.5",
            "two of publish 1.5",
            "done publish 1.5",
        ]
        await asyncio.sleep(0.3)
        assert len(ada.texts()) == 3


async def test_a_flood_is_refused_once_in_words_and_others_do_not_notice(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada, bob = at_home(telegram, "Ada"), at_home(telegram, "Bob")
    limits = {"messages_per_minute": 5}
    async with telegram_gateway(telegram, tmp_path, limits=limits):
        for number in range(12):
            await ada.say(f"m{number}")
        assert await bob.ask("hello") == "hello after nothing"
        heard = await ada.heard(6)
        await telegram.wait_until(lambda: not telegram.unacknowledged())
        assert sum("That was a lot" in text for text in heard) == 1
        assert len(ada.texts()) == 6


async def test_a_blocked_bot_is_recorded_once_and_harms_nobody(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada, bob = at_home(telegram, "Ada"), at_home(telegram, "Bob")
    async with telegram_gateway(telegram, tmp_path) as gateway:
        telegram.fail_next(Fault.BLOCKED)
        await ada.say("hello")
        await gateway.until_logged("delivery_refused")
        assert await bob.ask("hello") == "hello after nothing"
        assert gateway.output.count("delivery_refused") == 1
        assert await ada.ask("again") == "again after hello"


async def test_every_fault_of_a_send_ends_in_one_message(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    """At most one more where the answer was lost after Telegram had taken the message."""
    ada = at_home(telegram, "Ada")
    accepted = {Fault.RESET_AFTER_ACCEPT, Fault.TRUNCATED_BODY}
    refused = {Fault.RATE_LIMIT, Fault.SERVER_ERROR, Fault.RESET}
    async with telegram_gateway(telegram, tmp_path):
        for fault in sorted(accepted | refused):
            telegram.fail_next(fault, retry_after=0.2)
            await ada.say(fault.value)
            await telegram.wait_until(partial(_was_told, ada, fault.value))
            assert (await ada.ask(f"next {fault.value}", timeout=20)) is not None
        await asyncio.sleep(0.2)
        doubled = {message.text.split(" ")[0] for message in telegram.duplicates(ada.place)}
    assert doubled <= {fault.value for fault in accepted}


async def test_a_clean_stop_loses_nothing_and_says_what_it_left(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada = at_home(telegram, "Ada")
    async with telegram_gateway(
        telegram, tmp_path, agent="slow", gateway={"shutdown_grace": 0.3}
    ) as gateway:
        await ada.say("sleep 3")
        await ada.say("sleep 0")
        await telegram.wait_until(lambda: not telegram.unacknowledged())
        await asyncio.sleep(0.2)
        assert await gateway.stop() == 0
        assert "work_left" in gateway.output
        await gateway.start()
        assert await ada.heard(2) == ["done sleep 3", "done sleep 0"]


def _was_told(home: Home, start: str) -> bool:
    return any(text.startswith(start) for text in home.texts())
