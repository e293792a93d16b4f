"""Order, stopping, questions, failing agents, restarts: turns as people live through them."""

from __future__ import annotations

from pathlib import Path

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.simulator import Fault
from tests.scenarios.town import Town, in_town
from tests.support.people import at_home, in_group
from tests.support.telegram import telegram_gateway


@in_town
async def test_stop_ends_the_running_turn_at_once_and_nothing_behind_it(town: Town) -> None:
    telegram = town["slow"]
    ada = at_home(telegram, "Ada")
    await ada.say("sleep 30")
    await ada.say("sleep 0")
    await telegram.wait_until(lambda: not telegram.unacknowledged())
    await ada.say("/stop")
    assert await ada.heard(2, timeout=20) == ["Stopped.", "done sleep 0"]
    assert await ada.ask("/stop") == "Nothing is running."


@in_town
async def test_reset_takes_effect_at_its_place_in_the_order(town: Town) -> None:
    ada = at_home(town["recall"], "Ada")
    for text in ("one", "two", "/reset", "three", "/new four", "five"):
        await ada.say(text)
    heard = await ada.heard(6)
    assert heard[:2] == ["one after nothing", "two after one"]
    assert "forgotten" in heard[2]
    assert heard[3:] == ["three after nothing", "four after nothing", "five after four"]


@in_town
async def test_a_command_for_another_bot_is_not_ours(town: Town) -> None:
    ada, bob = in_group(town["recall"], "Ada", "Bob")
    await ada.ask("one", mention=True)
    await bob.say("/reset@another_bot")
    assert await bob.ask("two", mention=True) == "two after one"


@in_town
async def test_unmentioned_talk_is_not_ours(town: Town) -> None:
    ada, _ = in_group(town["attentive"], "Ada", "Bob")
    await ada.say("just talking")
    assert await ada.ask("@sim_bot hello") == "hello / after nothing"
    assert len(ada.texts()) == 1


async def test_a_question_is_answered_by_button_label_or_number_after_a_restart(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    answers = ("press", "blue", "2")
    people = [at_home(telegram, name) for name in ("Ada", "Bob", "Cyd")]
    async with telegram_gateway(telegram, tmp_path) as gateway:
        for number, home in enumerate(people):
            assert await home.ask(f"ask{number}") == f"colour for ask{number}?"
        await gateway.restart()
        for number, (home, answer) in enumerate(zip(people, answers, strict=True)):
            reply = await (home.press("Blue") if answer == "press" else home.ask(answer))
            assert reply == f"colour for ask{number}? Blue"
        ada, *_ = people
        assert "no longer open" in await ada.press("Red")
        await ada.ask("ask again")
        assert await ada.ask("something else") != "colour for ask again? something else"
        assert await ada.press("Red") == "colour for ask again? Red"


@in_town
async def test_an_agent_that_is_away_burns_no_attempt(town: Town) -> None:
    assert await at_home(town["faulty"], "Ada").ask("away 7") == "away 7 on try 8"


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
        await ada.say("publish hang")
        await ada.heard(2)
        await gateway.until_hanging()
        # Killed while a message is on its way, it may come twice; that is not what is tried here.
        await gateway.until_settled()
        gateway.kill()
        await gateway.start()
        assert await ada.heard(3) == [
            "one of publish hang",
            "two of publish hang",
            "done publish hang",
        ]
        await gateway.until_settled()
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


@in_town
async def test_a_blocked_bot_is_recorded_once_and_harms_nobody(town: Town) -> None:
    telegram = town["recall"]
    ada, bob = at_home(telegram, "Ada"), at_home(telegram, "Bob")
    telegram.fail_next(Fault.BLOCKED)
    await ada.say("hello")
    await town.gateway.until_logged("delivery_refused")
    assert await bob.ask("hello") == "hello after nothing"
    assert await ada.ask("again") == "again after hello"
    assert town.gateway.output.count("delivery_refused") == 1, "only this test blocks"


async def test_a_clean_stop_loses_nothing_and_says_what_it_left(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada = at_home(telegram, "Ada")
    async with telegram_gateway(
        telegram, tmp_path, agent="slow", gateway={"shutdown_grace": 0.3}
    ) as gateway:
        await ada.say("hang")
        await ada.say("sleep 0")
        await telegram.wait_until(lambda: not telegram.unacknowledged())
        await gateway.until_hanging()
        assert await gateway.stop() == 0
        assert "work_left" in gateway.output
        await gateway.start()
        assert await ada.heard(2) == ["done hang", "done sleep 0"]
