"""The adapter on the simulated Telegram: what it sends, and what becomes of what it sends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.telegram import adapter as module
from adapters.telegram.adapter import TelegramAdapter
from gateway import (
    Act,
    Adapter,
    Address,
    ConfigurationError,
    ConversationKind,
    Moved,
    NotAccepted,
    OutcomeUnknown,
    Preview,
    Question,
    QuestionKind,
    Rate,
    RateLimited,
    Receipt,
    RecipientGone,
    Rejected,
    Rule,
    Unavailable,
    new_id,
)
from gateway import observability as obs
from gateway.ports.adapter import (
    Budgeted,
    Carrying,
    Checked,
    Commanded,
    Fetching,
    Previewing,
    Retracting,
    Splitting,
    Typing,
)
from gateway.testing.simulator import Fault
from tests.unit.adapters.telegram.channel import SECRET, TOKEN, Channel, channel, until


@pytest.fixture
async def tg() -> AsyncIterator[Channel]:
    async with channel() as everything:
        yield everything


def asked(*options: str, kind: QuestionKind = QuestionKind.CHOICE) -> Question:
    return Question(
        id=new_id(),
        session_id="s",
        task_id="t",
        addressee="5",
        kind=kind,
        text="?",
        options=options,
    )


async def test_it_is_an_adapter_that_can_all_this(tg: Channel) -> None:
    one: Adapter = tg.adapter
    assert TelegramAdapter.platform == one.settings.platform == "telegram"
    can = (Budgeted, Carrying, Checked, Commanded, Fetching, Previewing, Splitting, Typing)
    assert all(isinstance(tg.adapter, each) for each in (*can, Retracting))


async def test_what_showed_an_answer_is_taken_back(tg: Channel) -> None:
    group = tg.simulator.place("group", people=[tg.ann])
    where = Address(destination=group.id, data={"chat_id": int(group.id)})
    shown = await tg.adapter.preview(Preview(address=where, task_id="t", text="Roses"))
    assert len(tg.simulator.sent(group)) == 1
    await tg.adapter.retract(where, shown)
    assert not tg.simulator.sent(group)
    with pytest.raises(Rejected):
        await tg.adapter.retract(where, shown)


def test_boundaries_and_whom_it_answers() -> None:
    assert {kind: rule.value for kind, rule in TelegramAdapter.boundary.items()} == {
        "direct": "per-user",
        "group": "per-group",
        "channel": "per-channel",
        "thread": "per-group",
    }
    assert all(rule in Rule for rule in TelegramAdapter.boundary.values())
    assert TelegramAdapter.respond == {
        ConversationKind.GROUP: "mentions",
        ConversationKind.THREAD: "mentions",
        ConversationKind.CHANNEL: "all",
    }


# Sending.


async def test_a_text_arrives_as_it_was_written(tg: Channel) -> None:
    text = "*Plant* them <b>deep</b>, `_really_`.\n\n🌹 https://example.org"
    sent = await tg.adapter.send(tg.delivery(text))
    (seen,) = tg.simulator.sent(tg.here)
    assert (seen.text, seen.message_id) == (text, sent.platform_id)
    assert tg.simulator.calls("sendMessage")[0].parameters == {
        "chat_id": int(tg.here.id),
        "text": text,
        "link_preview_options": {"is_disabled": True},
    }


async def test_answers_in_a_group_quote_the_question(tg: Channel) -> None:
    group = tg.simulator.place("group", people=[tg.ann])
    event = await tg.read("how deep?", group, mention=True)
    await tg.adapter.send(tg.delivery("A hand.", event.address))
    (seen,) = tg.simulator.sent(group)
    assert (seen.text, seen.reply_to) == ("A hand.", event.message_id)


async def test_an_answer_outlives_what_it_answers(tg: Channel) -> None:
    group = tg.simulator.place("group", people=[tg.ann])
    event = await tg.read("how deep?", group, mention=True)
    del tg.simulator._world.chats[int(group.id)].messages[int(event.message_id)]
    await tg.adapter.send(tg.delivery("A hand.", event.address))
    (seen,) = tg.simulator.sent(group)
    assert seen.reply_to is None


async def test_answers_and_typing_stay_in_their_topic(tg: Channel) -> None:
    forum = tg.simulator.place("group", people=[tg.ann])
    topic = tg.simulator.place("thread", people=[tg.ann], parent=forum)
    event = await tg.read("how deep?", topic, mention=True)
    await tg.adapter.typing(event.address)
    await tg.adapter.send(tg.delivery("A hand.", event.address))
    assert [seen.text for seen in tg.simulator.sent(topic)] == ["A hand."]
    assert not tg.simulator.sent(forum)
    (shown,) = tg.simulator.calls("sendChatAction")
    assert shown.parameters["message_thread_id"] == int(topic.id.partition(":")[2])


async def test_posts_of_a_channel_are_answered_there(tg: Channel) -> None:
    place = tg.simulator.place("channel", people=[tg.ann])
    event = await tg.read("the garden opens at nine", place)
    await tg.adapter.send(tg.delivery("See you!", event.address))
    assert [seen.text for seen in tg.simulator.sent(place)] == ["See you!"]


async def test_options_are_buttons_and_a_press_names_the_option(tg: Channel) -> None:
    question = asked("Red", "White")
    await tg.adapter.send(tg.delivery("Which?", question=question))
    (seen,) = tg.simulator.sent(tg.here)
    assert seen.buttons == ("Red", "White")
    async with tg.running():
        await tg.simulator.press("White", person=tg.ann, place=tg.here)
        await tg.inbox.wait(1)
    (update,) = tg.inbox.rows
    assert update["callback_query"]["data"] == f"q:{question.id}:1"


async def test_a_text_question_in_a_group_asks_one_person(tg: Channel) -> None:
    group = tg.simulator.place("group", people=[tg.ann])
    event = await tg.read("help me", group, mention=True)
    question = asked(kind=QuestionKind.TEXT)
    await tg.adapter.send(tg.delivery("How deep?", event.address, question))
    given = tg.simulator.calls("sendMessage")[0].parameters
    assert given["reply_markup"] == {"force_reply": True, "selective": True}


async def test_every_part_of_a_long_text_is_accepted(tg: Channel) -> None:
    text = "🌹 roses, " * 2000
    parts = tg.adapter.split(text, markdown=True)
    for part in parts:
        await tg.adapter.send(tg.delivery(part.text, format=part.format))
    seen = " ".join(message.text for message in tg.simulator.sent(tg.here))
    assert (len(parts), seen) == (5, text.strip())


async def test_an_answer_follows_its_group(tg: Channel) -> None:
    old = tg.simulator.group("Gardeners", basic=True, people=[tg.ann])
    event = await tg.read("how deep?", old, mention=True)
    new = tg.simulator.migrate(old)
    sent = await tg.adapter.send(tg.delivery("A hand.", event.address))
    (seen,) = tg.simulator.sent(new)
    assert (seen.text, seen.message_id) == ("A hand.", sent.platform_id)
    assert sent.moved == Moved(event_id=f"moved:{old.id}:{new.id}", old_id=old.id, new_id=new.id)


# What becomes of it.


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.RATE_LIMIT, RateLimited),
        (Fault.SERVER_ERROR, NotAccepted),
        (Fault.RESET, OutcomeUnknown),
        (Fault.RESET_AFTER_ACCEPT, OutcomeUnknown),
        (Fault.TRUNCATED_BODY, OutcomeUnknown),
        (Fault.MALFORMED, OutcomeUnknown),
        (Fault.BLOCKED, RecipientGone),
    ],
)
async def test_a_failure_says_what_became_of_the_message(
    tg: Channel, fault: Fault, error: type[Exception]
) -> None:
    tg.simulator.fail_next(fault, retry_after=7)
    with pytest.raises(error) as caught:
        await tg.adapter.send(tg.delivery())
    accepted = fault in {Fault.RESET_AFTER_ACCEPT, Fault.TRUNCATED_BODY}
    assert len(tg.simulator.sent(tg.here)) == accepted
    assert getattr(caught.value, "retry_after", 7) == 7
    assert len(tg.simulator.calls("sendMessage")) == 1
    assert "s3cr3t" not in f"{caught.value} {caught.value!r} {caught.value.__context__!r}"


async def test_while_telegram_is_away_nothing_is_burned(tg: Channel) -> None:
    await tg.adapter.send(tg.delivery("before"))
    await tg.simulator.outage(True)
    # The connection that was open says nothing about the message; there is none any more.
    for _ in range(2):
        with pytest.raises((Unavailable, OutcomeUnknown)):
            await tg.adapter.send(tg.delivery("during"))
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        await tg.adapter.send(tg.delivery("during"))
    assert caught.value.retry_after > 0
    await tg.simulator.outage(False)
    await tg.adapter.send(tg.delivery("after"))
    assert [seen.text for seen in tg.simulator.sent()] == ["before", "after"]


async def test_a_closed_session_is_a_platform_that_is_away(tg: Channel) -> None:
    await tg.host.http.close()
    with pytest.raises(Unavailable, match="cannot be reached"):
        await tg.adapter.send(tg.delivery())


async def test_somebody_unknown_is_gone(tg: Channel) -> None:
    nowhere = Address(destination="-1", data={"chat_id": -1})
    with pytest.raises(RecipientGone, match="Chat not found"):
        await tg.adapter.send(tg.delivery(address=nowhere))
    closed = Address(destination="x", data={"chat_id": int(tg.here.id), "message_thread_id": 4})
    with pytest.raises(RecipientGone, match="Message thread not found"):
        await tg.adapter.send(tg.delivery(address=closed))


@pytest.mark.parametrize("text", ["", " \n\t"])
async def test_no_text_is_refused_without_a_call(tg: Channel, text: str) -> None:
    with pytest.raises(Rejected, match="no text"):
        await tg.adapter.send(tg.delivery(text))
    assert not tg.methods()


async def test_what_telegram_will_never_take_is_rejected(tg: Channel) -> None:
    with pytest.raises(Rejected, match="too long"):
        await tg.adapter.send(tg.delivery("x" * 5000))
    with pytest.raises(Rejected, match="cannot be encoded"):
        await tg.adapter.send(tg.delivery("half a \ud83c pair"))


async def test_a_refused_token_is_for_the_operator_to_mend() -> None:
    async with channel(strict=True, token="1000:s3cr3t-of-yesterday") as tg:
        with pytest.raises(Unavailable, match="refuses the bot's token") as caught:
            await tg.adapter.send(tg.delivery())
        assert caught.value.retry_after >= 30
        assert "s3cr3t" not in str(caught.value)


async def test_typing_that_fails_says_so(tg: Channel) -> None:
    tg.simulator.fail_next(Fault.RATE_LIMIT, method="sendChatAction", retry_after=3)
    address = tg.delivery().address
    with pytest.raises(RateLimited):
        await tg.adapter.typing(address)


async def test_the_failpoint_lies_after_telegram_took_it_and_before_anybody_knows(
    tg: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[tuple[str, int]] = []
    monkeypatch.setattr(
        module, "failpoint", lambda name: passed.append((name, len(tg.simulator.sent())))
    )
    tg.simulator.fail_next(Fault.SERVER_ERROR)
    with pytest.raises(NotAccepted):
        await tg.adapter.send(tg.delivery())
    await tg.adapter.send(tg.delivery())
    assert passed == [("during-send", 1)]


# Budgets, commands, the check.


async def test_budgets_are_a_chats_and_the_bots(tg: Channel) -> None:
    def keys(chat_id: int, **more: Any) -> dict[str, Rate]:
        where = Address(destination="x", data={"chat_id": chat_id, **more})
        typing, sending = (dict(tg.adapter.budgets(where, act)) for act in (Act.TYPING, Act.SEND))
        assert typing == sending
        return sending

    overall = Rate(count=25, per=1, burst=5)
    assert keys(5) == {"chat:5": Rate(count=1, per=1, burst=2), "overall": overall}
    group = {"chat:-5": Rate(count=17, per=60, burst=3), "overall": overall}
    assert keys(-5) == keys(-5, message_thread_id=7, reply_to=1) == group
    free = tg.again(chat_rate=0, group_rate=0, overall_rate=0).adapter
    assert not free.budgets(Address(destination="x", data={"chat_id": 5}), Act.SEND)


async def test_the_check_says_who_we_are(tg: Channel) -> None:
    assert await tg.adapter.check() == "@Helper_bot"


async def test_the_check_names_the_setting_that_is_wrong() -> None:
    async with channel(strict=True) as tg:
        with pytest.raises(ConfigurationError) as caught:
            await tg.again(token="1000:s3cr3t-of-yesterday").adapter.check()
        (problem,) = caught.value.problems
        assert problem.where == "channels.garden.token"
        assert "BotFather" in problem.hint
        assert "s3cr3t" not in str(caught.value)
        await tg.simulator.outage(True)
        with pytest.raises(ConfigurationError) as caught:
            await tg.adapter.check()
        (problem,) = caught.value.problems
        assert problem.where == "channels.garden.api_url"
        assert tg.simulator.url in problem.what


async def test_an_address_with_a_slash_at_its_end_works(tg: Channel) -> None:
    assert await tg.again(api_url=f"{tg.simulator.url}/").adapter.check() == "@Helper_bot"


# On the side.


async def test_what_is_taken_on_gets_a_reaction_once() -> None:
    async with channel(reaction="👀") as tg:
        async with tg.running():
            event = await tg.say("hello?")
            await tg.simulator.wait_until(lambda: bool(tg.simulator.reactions(tg.here)))
            tg.simulator.redeliver(event)
            await tg.inbox.wait(2)
        message = tg.simulator.message_id(event)
        assert tg.simulator.reactions(tg.here) == {message: ("👀",)}


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt(outcome="accepted", duplicate=True),
        Receipt(outcome="accepted", settled=True),
        Receipt(outcome="ignored"),
        Receipt(outcome="refused"),
    ],
)
async def test_nothing_else_gets_one(receipt: Receipt) -> None:
    async with channel(reaction="👀") as tg:

        async def receive(_: bytes) -> Receipt:
            return receipt

        raw = b'{"update_id": 1, "message": {"message_id": 1, "chat": {"id": 1}}}'
        await tg.adapter._take(receive, raw)
        assert not tg.adapter._cosmetics


async def test_a_reaction_that_is_refused_harms_nothing() -> None:
    async with channel(reaction="x") as tg, tg.running():
        await tg.say("hello?")
        await tg.inbox.wait(1)
        await tg.simulator.wait_until(lambda: bool(tg.simulator.calls("setMessageReaction")))
        await tg.say("still there?")
        await tg.inbox.wait(2)


async def test_the_stop_button_says_that_it_stops(tg: Channel) -> None:
    group = tg.simulator.place("group", people=[tg.ann])
    event = await tg.read("go on", group, mention=True)
    preview = Preview(address=event.address, task_id="t", text="Once upon")
    await tg.adapter.preview(preview)
    async with tg.running():
        await tg.simulator.press("Stop", person=tg.ann, place=group)
        await tg.inbox.wait(1)
        await tg.simulator.wait_until(lambda: bool(tg.simulator.calls("answerCallbackQuery")))
    (answer,) = tg.simulator.calls("answerCallbackQuery")
    assert answer.parameters["text"] == "Stopping…"


# Secrets.


async def test_no_secret_is_ever_shown(tg: Channel) -> None:
    other = tg.again(mode="webhook", secret=SECRET, token="1000:s3cr3t-of-yesterday")
    with obs.captured() as logs:
        async with tg.running():
            await tg.say("hi")
            await tg.inbox.wait(1)
            await tg.simulator.outage(True)
            await until(lambda: any(one["event"] == "telegram.call_failed" for one in logs))
        tg.simulator.clear_faults()
        await tg.simulator.outage(False)
    shown = f"{logs} {tg.adapter!r} {vars(tg.adapter)} {other.adapter!r} {vars(other.adapter)}"
    assert logs
    assert "s3cr3t" not in shown.replace(repr(other.adapter._webhook), "")
    assert TOKEN not in shown
