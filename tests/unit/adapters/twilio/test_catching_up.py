"""What Twilio did not bring is asked for: whole, once, in order, and of this number alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from adapters.twilio import catching_up, history, intake
from adapters.twilio.assembling import Assembling
from adapters.twilio.catching_up import CONVERSATION, CONVERSATIONS, MESSAGES
from gateway import ConversationKind, Unavailable
from gateway import observability as obs
from gateway.testing.adapter import make_delivery
from gateway.testing.simulator import Fault
from tests.unit.adapters.twilio.number import NAME, Kind, Number, adapter_for, number, until


@pytest.fixture(params=["whatsapp", "sms"])
async def twilio(request: pytest.FixtureRequest) -> AsyncIterator[Number]:
    kind: Kind = request.param
    async with number(kind) as everything:
        yield everything


@pytest.fixture
async def whatsapp() -> AsyncIterator[Number]:
    async with number("whatsapp") as everything:
        yield everything


@pytest.fixture
async def sms() -> AsyncIterator[Number]:
    async with number("sms") as everything:
        yield everything


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "AGAIN_AFTER", 0.02)


def rounds(monkeypatch: pytest.MonkeyPatch, twilio: Number, **keys: object) -> Number:
    """The number with a look around every few milliseconds."""
    monkeypatch.setattr(catching_up, "YOUNG", 0.0)
    return twilio.again(catch_up_every=0.05, **keys)


def since(twilio: Number) -> float:
    """The bookmark's time."""
    return float(twilio.marks[MESSAGES].partition(" ")[0])


# At the start


async def test_a_first_start_hears_nothing_older(twilio: Number) -> None:
    await twilio.lose("long ago")
    twilio.simulator.pass_time(120, twilio.here)
    async with twilio.running():
        await twilio.say("now")
        await twilio.inbox.wait(1)
    assert twilio.inbox.texts == ["now"]
    assert since(twilio) > time.time() - 10


async def test_what_was_said_while_nobody_listened_comes_in_order(twilio: Number) -> None:
    async with twilio.running():
        await twilio.say("zero")
        await twilio.inbox.wait(1)
    said = await twilio.lose("one", "two", "three")
    later = twilio.again()
    async with later.running():
        await later.inbox.wait(3)
    assert later.inbox.texts == ["one", "two", "three"]
    assert [event.event_id for event in later.inbox.heard] == said
    orders = [event.order for event in later.inbox.heard]
    assert sorted(set(orders)) == orders
    assert not twilio.simulator.missing()


async def test_what_was_heard_is_not_heard_again(twilio: Number) -> None:
    async with twilio.running():
        await twilio.say("one")
        await twilio.inbox.wait(1)
    later = twilio.again()
    async with later.running():
        await asyncio.sleep(0.05)
    assert later.inbox.texts == []


async def test_another_numbers_messages_are_not_ours(twilio: Number) -> None:
    """Two numbers of one account are two channels."""
    async with twilio.running():
        pass
    other = twilio.simulator.add_number()
    place = twilio.simulator.place("direct", people=[twilio.ann], account=other)
    await twilio.say("to the other", place)
    await twilio.lose("to this one")
    later = twilio.again()
    async with later.running():
        await later.inbox.wait(1)
    assert later.inbox.texts == ["to this one"]
    assert later.inbox.ignored == []

    theirs = adapter_for(twilio.simulator, twilio.host, account=other)
    theirs._name = "other"
    twilio.host.bookmarks.put("other", MESSAGES, str(time.time() - 60))
    heard: list[bytes] = []

    async def receive(raw: bytes) -> object:
        heard.append(raw)
        raise Unavailable("enough")

    task = asyncio.create_task(theirs.run(receive))  # type: ignore[arg-type]
    await until(lambda: heard)
    task.cancel()
    await asyncio.wait([task])
    assert all(b"to the other" in raw for raw in heard)


async def test_days_are_compared_and_seconds_are_looked_at(twilio: Number) -> None:
    """Twilio's filter knows days only: what is older on the same day is left out here."""
    await twilio.lose("early")
    # Before the minute that is looked at once more, and not by much.
    twilio.simulator.pass_time(200, twilio.here)
    await twilio.lose("late")
    twilio.mark(MESSAGES, str(time.time() - 120))
    async with twilio.running():
        await twilio.inbox.wait(1)
        await asyncio.sleep(0.02)
    assert twilio.inbox.texts == ["late"]
    (asked, *_) = twilio.simulator.calls("ListMessage")
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 180))
    assert asked.parameters["DateSent>"] == day


async def test_no_further_back_than_allowed(twilio: Number) -> None:
    await twilio.lose("too old")
    twilio.simulator.pass_time(7300, twilio.here)
    await twilio.lose("old")
    twilio.simulator.pass_time(3500, twilio.here)
    twilio.mark(MESSAGES, str(time.time() - 100_000))
    later = twilio.again(catch_up="2h")
    async with later.running():
        await later.inbox.wait(1)
    assert later.inbox.texts == ["old"]


async def test_never_if_so_configured(twilio: Number) -> None:
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("lost")
    later = twilio.again(catch_up=0)
    async with later.running(settled=False):
        await asyncio.sleep(0.05)
        await later.say("live")
        await later.inbox.wait(1)
    assert later.inbox.texts == ["live"]
    assert not twilio.simulator.calls("ListMessage")


async def test_many_pages(twilio: Number, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "PAGE", 3)
    monkeypatch.setattr(catching_up, "AT_ONCE", 2)
    twilio.mark(MESSAGES, str(time.time() - 600))
    texts = [f"number {n}" for n in range(10)]
    await twilio.lose(*texts)
    async with twilio.running():
        await twilio.inbox.wait(10)
    assert twilio.inbox.texts == texts
    assert len(twilio.simulator.calls("ListMessage")) >= 4


async def test_more_than_is_asked_for(twilio: Number, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are taken; that there were more is said."""
    monkeypatch.setattr(history, "MAX_MESSAGES", 3)
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("one", "two", "three", "four", "five")
    async with twilio.running():
        await twilio.inbox.wait(3)
    assert twilio.inbox.texts == ["three", "four", "five"]


async def test_files_are_named(twilio: Number) -> None:
    twilio.mark(MESSAGES, str(time.time() - 600))
    twilio.simulator.drop()
    await twilio.simulator.send_file(
        b"\x89PNG", "cat.png", "image/png", person=twilio.ann, place=twilio.here, caption="look"
    )
    await until(twilio.simulator.lost)
    async with twilio.running():
        await twilio.inbox.wait(1)
        (event,) = twilio.inbox.heard
        assert event.text == "look"
        (file,) = event.attachments
        assert file.media_type == "image/png"
        content = b"".join([piece async for piece in twilio.adapter.fetch(file)])
    assert content == b"\x89PNG"


async def test_fetched_rows_say_so(twilio: Number) -> None:
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("lost")
    async with twilio.running():
        await twilio.inbox.wait(1)
    assert twilio.inbox.fetched == ["lost"]


async def test_what_is_live_waits_for_what_was_missed_before_it(twilio: Number) -> None:
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("one", "two")
    twilio.inbox.gate.clear()
    async with twilio.running(settled=False):
        await until(lambda: twilio.inbox.offered)
        await twilio.say("three")
        await asyncio.sleep(0.05)
        assert twilio.inbox.offered == 1
        twilio.inbox.gate.set()
        await twilio.inbox.wait(3)
    assert twilio.inbox.texts == ["one", "two", "three"]


async def test_it_waits_for_so_long_and_no_longer(
    twilio: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past that, arriving counts for more than order: Twilio would give up."""
    monkeypatch.setattr(intake, "WAIT", 0.05)
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("one")
    twilio.inbox.gate.clear()
    async with twilio.running(settled=False):
        await until(lambda: twilio.inbox.offered == 1)
        await twilio.say("two")
        await until(lambda: twilio.inbox.offered == 2)
        twilio.inbox.gate.set()
        await twilio.inbox.wait(2)


@pytest.mark.parametrize(("age", "heard"), [(5, ["one"]), (1000, ["one", "two", "three"])])
async def test_what_twilio_is_still_receiving(twilio: Number, age: float, heard: list[str]) -> None:
    """It and what follows it wait until it is whole, but not for ever."""
    twilio.mark(MESSAGES, str(time.time() - 2000))
    _, coming, _ = await twilio.lose("one", "two", "three")
    twilio.simulator.pass_time(age, twilio.here)
    twilio.simulator._world.texts[coming].status = "receiving"
    async with twilio.running():
        await twilio.inbox.wait(len(heard))
        await asyncio.sleep(0.03)
        assert twilio.inbox.texts == heard


async def test_a_clock_that_is_behind_hides_nothing(
    twilio: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was refused does not come by itself, however young Twilio says that it is."""
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("one", "two")
    behind = SimpleNamespace(time=lambda: time.time() - 30)
    monkeypatch.setattr(catching_up, "time", behind)
    async with twilio.running():
        await twilio.inbox.wait(2)


async def test_a_clock_that_was_ahead_hides_nothing(twilio: Number) -> None:
    twilio.mark(MESSAGES, str(time.time() + 1e6))
    await twilio.lose("one")
    async with twilio.running():
        await twilio.inbox.wait(1)


async def test_files_that_are_not_told_of_hold_nothing_up(twilio: Number) -> None:
    twilio.mark(MESSAGES, str(time.time() - 600))
    twilio.simulator.drop(2)
    await twilio.simulator.send_file(
        b"\x89PNG", "cat.png", "image/png", person=twilio.ann, place=twilio.here, caption="look"
    )
    await twilio.say("and this")
    await until(lambda: len(twilio.simulator.lost()) == 2)
    twilio.simulator.fail_next(Fault.BLOCKED, 1, method="ListMedia")
    async with twilio.running():
        await twilio.inbox.wait(2)
    first, second = twilio.inbox.texts
    assert first.startswith("look\n[file: ")
    assert second == "and this"


async def test_nobody_takes_anything_after_the_end(twilio: Number) -> None:
    """What comes then is told to come back, which Twilio does not; the next start asks for it."""
    async with twilio.running():
        pass
    event = await twilio.say("too late")
    await until(lambda: event in twilio.simulator.lost())
    assert twilio.inbox.rows == []
    later = twilio.again()
    async with later.running():
        await later.inbox.wait(1)


# Trouble on the way


async def test_a_rate_limit_is_waited_out(twilio: Number) -> None:
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("lost")
    twilio.simulator.fail_next(Fault.RATE_LIMIT, method="ListMessage", retry_after=0.05)
    began = time.monotonic()
    async with twilio.running():
        await twilio.inbox.wait(1)
    assert time.monotonic() - began >= 0.05
    assert twilio.inbox.texts == ["lost"]


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RESET, Fault.MALFORMED])
async def test_a_failing_api_is_asked_again(twilio: Number, fault: Fault) -> None:
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("lost")
    twilio.simulator.fail_next(fault, 2, method="ListMessage")
    async with twilio.running():
        await twilio.inbox.wait(1)
    assert twilio.inbox.texts == ["lost"]


async def test_a_refused_token_is_no_end(twilio: Number) -> None:
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("lost")
    twilio.simulator.refuse(20003, status=401)
    async with twilio.running() as task:
        await until(lambda: len(twilio.simulator.calls("ListMessage")) > 2)
        assert not task.done()
        twilio.simulator.refuse(0)
        await twilio.inbox.wait(1)


async def test_a_store_that_is_away_loses_nothing(twilio: Number) -> None:
    """What is answered with 503 Twilio does not bring again."""
    async with twilio.running():
        twilio.inbox.away = True
        said = [await twilio.say(text) for text in ("one", "two")]
        await until(lambda: set(said) <= set(twilio.simulator.lost()))
        twilio.inbox.away = False
        await twilio.inbox.wait(2)
    assert twilio.inbox.texts == ["one", "two"]


async def test_a_store_that_goes_away_in_the_middle(twilio: Number) -> None:
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("one", "two", "three")
    twilio.inbox.failures.extend([None, Unavailable("no disk"), Unavailable("no disk")])
    async with twilio.running():
        await twilio.inbox.wait(3)
    assert twilio.inbox.texts == ["one", "two", "three"]


async def test_a_restart_in_the_middle_goes_on_there(twilio: Number) -> None:
    twilio.mark(MESSAGES, str(time.time() - 600))
    for text, age in (("one", 300), ("two", 200), ("three", 100)):
        await twilio.lose(text)
        twilio.simulator.pass_time(100, twilio.here)
        assert age
    twilio.inbox.failures.extend([None, *[Unavailable("no disk")] * 1000])
    async with twilio.running():
        await twilio.inbox.wait(1)
    assert since(twilio) == pytest.approx(time.time() - 300, abs=10)
    later = twilio.again()
    async with later.running():
        await later.inbox.wait(2)
    assert later.inbox.texts == ["two", "three"]
    assert "one" in twilio.inbox.fetched


# On a round


async def test_rounds_find_what_nothing_told_of(
    twilio: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = rounds(monkeypatch, twilio)
    async with later.running():
        await later.lose("lost")
        await later.inbox.wait(1)
        await asyncio.sleep(0.12)
    # Once: what was taken is not offered again and again.
    assert later.inbox.fetched == ["lost"]


async def test_a_round_leaves_young_messages_their_time(
    twilio: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be on their way, and what comes by itself says more."""
    later = twilio.again(catch_up_every=0.03)
    async with later.running():
        await later.lose("young")
        calls = len(later.simulator.calls("ListMessage"))
        await until(lambda: len(later.simulator.calls("ListMessage")) > calls + 2)
        assert later.inbox.heard == []
        later.simulator.pass_time(30, later.here)
        await later.inbox.wait(1)


async def test_what_comes_live_is_not_fetched(
    twilio: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = rounds(monkeypatch, twilio)
    async with later.running():
        for text in ("one", "two"):
            await later.say(text)
        await later.inbox.wait(2)
        await asyncio.sleep(0.12)
    assert later.inbox.fetched == []
    assert since(later) > time.time() - 10


async def test_what_is_fetched_stands_behind_what_was_heard_before_it(
    twilio: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list tells whole seconds; of one second, it tells the order."""
    later = rounds(monkeypatch, twilio)
    async with later.running():
        for number in range(4):
            await later.say(f"live {number}")
            await later.inbox.wait(2 * number + 1)
            await later.lose(f"lost {number}")
            await later.inbox.wait(2 * number + 2)
    in_order = sorted(later.inbox.heard, key=lambda event: event.order)
    said = [f"{kind} {number}" for number in range(4) for kind in ("live", "lost")]
    assert [event.text for event in in_order] == said
    assert len({event.order for event in in_order}) == 8


# Conversations


@pytest.fixture(params=["whatsapp", "sms"])
async def group(request: pytest.FixtureRequest) -> AsyncIterator[Number]:
    """Ann and Bob in a group; `here` is the group."""
    kind: Kind = request.param
    async with number(kind) as everything:
        bob = everything.simulator.person("Bob")
        everything.here = everything.simulator.place("group", people=[everything.ann, bob])
        yield everything


async def test_a_group_that_is_known_is_caught_up_with(group: Number) -> None:
    async with group.running():
        await group.say("one")
        await group.inbox.wait(1)
    said = await group.lose("two", "three")
    later = group.again()
    async with later.running():
        await later.inbox.wait(2)
        await until(lambda: f"{CONVERSATION}{group.here.id}" in later.marks)
    assert later.inbox.texts == ["two", "three"]
    assert [event.event_id for event in later.inbox.heard] == said
    assert {event.conversation.kind for event in later.inbox.heard} == {ConversationKind.GROUP}
    assert {event.conversation.id for event in later.inbox.heard} == {group.here.id}

    last = later.again()
    async with last.running():
        await until(lambda: last.simulator.calls("ListConversationMessage"))
        await asyncio.sleep(0.05)
    assert last.inbox.fetched == []


async def test_group_words_stay_the_groups_when_it_is_gone(
    group: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of messages has them for ever, and nothing else tells where they were said."""
    first = rounds(monkeypatch, group)
    async with first.running():
        (event,) = await first.lose("to the group")
        await first.inbox.wait(1)
        await until(lambda: " " in first.marks.get(MESSAGES, ""))
    assert first.inbox.heard[0].event_id == event
    del group.simulator._world.conversations[group.here.id]
    later = group.again()
    async with later.running():
        await asyncio.sleep(0.05)
    assert later.inbox.rows == []


async def test_what_the_bot_said_is_not_asked_for(group: Number) -> None:
    async with group.running():
        await group.say("one")
        await group.inbox.wait(1)
        delivery = make_delivery(group.inbox.heard[0].address, "an answer", channel=NAME)
        await group.adapter.send(delivery)
    await group.lose("two")
    later = group.again()
    async with later.running():
        await later.inbox.wait(1)
    assert "an answer" not in later.inbox.fetched
    assert later.inbox.texts == ["two"]


async def test_a_group_that_nobody_knew_is_found(group: Number) -> None:
    """Its events would have come here."""
    async with group.running():
        pass
    await group.lose("first words")
    later = group.again()
    async with later.running():
        await later.inbox.wait(1)
    assert later.inbox.texts == ["first words"]


async def test_another_programs_group_is_left_alone(group: Number) -> None:
    """The number may be in it, but what is said there is not for us; nor is it said in private."""
    async with group.running():
        pass
    talk = group.simulator._world.conversations[group.here.id]
    (hook,) = talk.hooks.values()
    hook.url, hook.number = "https://elsewhere.example.org/hook", None
    await group.lose("not for us")
    later = group.again()
    async with later.running():
        await until(lambda: later.simulator.calls("ListConversation"))
        await asyncio.sleep(0.05)
    assert later.inbox.rows == []


async def test_without_conversations_none_are_asked_for(group: Number) -> None:
    group.mark(MESSAGES, str(time.time() - 600))
    group.mark(CONVERSATIONS, str(time.time() - 600))
    await group.lose("lost")
    later = group.again(conversations=False)
    async with later.running():
        await asyncio.sleep(0.03)
    assert later.inbox.rows == []
    assert not group.simulator.calls("ListConversation")


async def test_files_in_groups_are_named(group: Number) -> None:
    async with group.running():
        pass
    group.simulator.drop()
    await group.simulator.send_file(
        b"\x89PNG", "cat.png", "image/png", person=group.ann, place=group.here, caption="look"
    )
    await until(group.simulator.lost)
    later = group.again()
    async with later.running():
        await later.inbox.wait(1)
        (event,) = later.inbox.heard
        (file,) = event.attachments
        content = b"".join([piece async for piece in later.adapter.fetch(file)])
    assert (file.name, content) == ("cat.png", b"\x89PNG")


async def test_rounds_look_into_groups(group: Number, monkeypatch: pytest.MonkeyPatch) -> None:
    later = rounds(monkeypatch, group)
    async with later.running():
        await later.say("one")
        await later.inbox.wait(1)
        await later.lose("two")
        await later.inbox.wait(2)
        await asyncio.sleep(0.12)
    assert later.inbox.texts == ["one", "two"]
    assert later.inbox.fetched == ["two"]


async def test_rounds_take_groups_in_turn(group: Number, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few at a time, those first into which nobody looked for longest."""
    monkeypatch.setattr(catching_up, "PER_ROUND", 1)
    others = [group.simulator.person(f"Other {n}") for n in range(3)]
    places = [group.simulator.place("group", people=[one, group.ann]) if group.account[0] == "+"
              else group.simulator.place("group", people=[one]) for one in others]  # fmt: skip
    later = rounds(monkeypatch, group)
    async with later.running():
        later.simulator.drop(3)
        for one, place in zip(others, places, strict=True):
            await later.simulator.say(f"from {one.name}", person=one, place=place)
        await later.inbox.wait(3)
    assert sorted(later.inbox.texts) == ["from Other 0", "from Other 1", "from Other 2"]


async def test_an_account_without_conversations(twilio: Number) -> None:
    """Then nobody is in one."""
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("lost")
    twilio.simulator.fail_next(Fault.BLOCKED, 99, method="ListParticipantConversation")
    later = twilio.again(conversations=False)
    async with later.running():
        await later.inbox.wait(1)


async def test_where_it_cannot_be_asked_nothing_is_taken_for_private(twilio: Number) -> None:
    """A lookup that fails never makes a message mean something else: it is asked again."""
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("lost")
    twilio.simulator.fail_next(Fault.SERVER_ERROR, 3, method="ListParticipantConversation")
    async with twilio.running():
        await twilio.inbox.wait(1)
    assert len(twilio.simulator.calls("ListParticipantConversation")) == 4


async def test_a_failure_is_logged_once(twilio: Number) -> None:
    twilio.mark(MESSAGES, str(time.time() - 600))
    await twilio.lose("lost")
    twilio.simulator.fail_next(Fault.SERVER_ERROR, 3, method="ListMessage")
    with obs.captured() as logs:
        async with twilio.running():
            await twilio.inbox.wait(1)
            await asyncio.sleep(0.02)
    said = [one["event"] for one in logs]
    assert said.count("twilio.catch_up_failed") == 1
    assert said.count("twilio.caught_up") == 1


async def test_private_words_from_before_a_group_are_private(whatsapp: Number) -> None:
    """Now whatever Ann writes goes to the group; what she wrote before did not."""
    async with whatsapp.running():
        pass
    await whatsapp.lose("to you alone")
    whatsapp.simulator.pass_time(300, whatsapp.here)
    whatsapp.mark(MESSAGES, str(time.time() - 600))
    bob = whatsapp.simulator.person("Bob")
    place = whatsapp.simulator.place("group", people=[whatsapp.ann, bob])
    await whatsapp.lose("to everybody", place=place)
    later = whatsapp.again()
    async with later.running():
        await later.inbox.wait(2)
    heard = {event.text: event.conversation.kind for event in later.inbox.heard}
    assert heard == {
        "to you alone": ConversationKind.DIRECT,
        "to everybody": ConversationKind.GROUP,
    }


@pytest.mark.parametrize("kind", ["whatsapp", "sms"])
async def test_what_was_said_in_a_group_that_is_closed_is_not_private(kind: Kind) -> None:
    async with number(kind) as twilio:
        async with twilio.running():
            pass
        bob = twilio.simulator.person("Bob")
        place = twilio.simulator.place("group", people=[twilio.ann, bob])
        await twilio.lose("to everybody", place=place)
        talk = twilio.simulator._world.conversations[place.id]
        talk.state, talk.updated = "closed", time.time()
        private = twilio.simulator.place("direct", people=[twilio.ann])
        await twilio.lose("to you alone", place=private)
        later = twilio.again()
        async with later.running():
            await later.inbox.wait(1)
            await asyncio.sleep(0.03)
        heard = {event.text: event.conversation.kind for event in later.inbox.heard}
        assert heard == {"to you alone": ConversationKind.DIRECT}


async def test_a_group_that_is_gone_stops_nothing(group: Number) -> None:
    async with group.running():
        await group.say("one")
        await group.inbox.wait(1)
    del group.simulator._world.conversations[group.here.id]
    private = group.simulator.place("direct", people=[group.ann])
    group.simulator.pass_time(600, private)
    await group.lose("in private", place=private)
    later = group.again()
    async with later.running():
        await later.inbox.wait(1)
    assert later.inbox.texts == ["in private"]


@pytest.mark.parametrize("what", ["ListConversationMessage", "ListConversationScopedWebhook"])
async def test_a_group_that_is_not_shown_keeps_nobody_from_the_others(
    group: Number, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(Assembling, "is_ours", lambda *_: False)
    monkeypatch.setattr(catching_up, "AGAIN_AFTER", 60.0)
    async with group.running():
        pass
    other = group.simulator.person("Other")
    place = group.simulator.place(
        "group", people=[other, *([group.ann] * (group.account[0] == "+"))]
    )
    await group.lose("first group")
    group.simulator.drop()
    await group.simulator.say("second group", person=other, place=place)
    await until(lambda: len(group.simulator.lost()) == 2)
    group.simulator.fail_next(Fault.BLOCKED, 1, method=what)
    complete = str(time.time() - 600)
    group.mark(CONVERSATIONS, complete)
    later = group.again()
    async with later.running():
        await later.inbox.wait(1)
        await asyncio.sleep(0.03)
        if what == "ListConversationScopedWebhook":
            assert later.marks[CONVERSATIONS] == complete
    # It is still to be asked for: nothing was skipped.
    again = group.again()
    async with again.running():
        await until(lambda: len(group.inbox.keys) == 2)


async def test_a_group_that_is_gone_is_asked_for_once(
    group: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = rounds(monkeypatch, group)
    async with later.running():
        await later.say("one")
        await later.inbox.wait(1)
        del group.simulator._world.conversations[group.here.id]
        asked = len(later.simulator.calls("ListConversationMessage"))
        await until(lambda: len(later.simulator.calls("ListConversationMessage")) > asked)
        asked = len(later.simulator.calls("ListConversationMessage"))
        rounds_so_far = len(later.simulator.calls("ListMessage"))
        await until(lambda: len(later.simulator.calls("ListMessage")) > rounds_so_far + 2)
        assert len(later.simulator.calls("ListConversationMessage")) <= asked + 1


async def test_private_words_of_somebody_in_a_group_text_are_private(sms: Number) -> None:
    """Both stand in the list of messages; what was said in the group stands in the group, too."""
    async with sms.running():
        pass
    bob = sms.simulator.person("Bob")
    place = sms.simulator.place("group", people=[sms.ann, bob])
    await sms.lose("to everybody", place=place)
    long = "to you alone " * 50
    await sms.lose(long)
    later = sms.again()
    async with later.running():
        await later.inbox.wait(2)
    heard = {event.text.strip(): event.conversation.kind for event in later.inbox.heard}
    assert heard == {
        "to everybody": ConversationKind.GROUP,
        long.strip(): ConversationKind.DIRECT,
    }


async def test_a_group_text_that_is_not_shown_holds_nothing_up(sms: Number) -> None:
    """What may have been said there is not taken for private; what others say is taken."""
    async with sms.running():
        pass
    bob = sms.simulator.person("Bob")
    place = sms.simulator.place("group", people=[sms.ann, bob])
    await sms.lose("to everybody", place=place)
    carl = sms.simulator.person("Carl")
    private = sms.simulator.place("direct", people=[carl])
    sms.simulator.drop()
    await sms.simulator.say("to you alone", person=carl, place=private)
    await until(lambda: len(sms.simulator.lost()) == 2)
    sms.simulator.fail_next(Fault.BLOCKED, 1000, method="ListConversationMessage")
    later = sms.again()
    async with later.running():
        await later.inbox.wait(1)
        await asyncio.sleep(0.03)
    assert later.inbox.texts == ["to you alone"]


async def test_a_group_text_without_a_conversation_is_not_taken_for_private(sms: Number) -> None:
    """The list does not tell whom else a message went to: it came as an MMS without need."""
    async with sms.running():
        pass
    bob = sms.simulator.person("Bob")
    place = sms.simulator.group_text([sms.ann, bob])
    await sms.lose("to everybody", place=place)
    await sms.lose("to you alone")
    later = sms.again()
    async with later.running():
        await later.inbox.wait(1)
    assert later.inbox.texts == ["to you alone"]
