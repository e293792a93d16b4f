"""What people see of what is sent, whatever happens on the way: once, and calling nobody."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.discord import outbound, places, sending
from adapters.discord.rest import Gone, Refused
from adapters.discord.simulation.calls import Call
from adapters.discord.simulation.errors import ApiError
from gateway import (
    Address,
    Delivery,
    OutcomeUnknown,
    Participant,
    Preview,
    RateLimited,
    RecipientGone,
    Rejected,
    SendError,
    Unavailable,
)
from gateway.testing.simulator import Fault
from tests.unit.adapters.discord.leaving import Clock, Leaving, leaving, parts, question

OLD = 300.0
"""Seconds after which no nonce helps any more."""


@pytest.fixture
async def dc() -> AsyncIterator[Leaving]:
    async with leaving() as everything:
        yield everything


def preview(dc: Leaving, text: str, shown: str = "", **more: Any) -> Preview:
    address = more.pop("address", None) or dc.address(dc.there)
    return Preview(address=address, task_id=more.pop("task_id", "t"), text=text, message_id=shown)


def old(dc: Leaving, text: str = "hello", address: Address | None = None, **more: Any) -> Delivery:
    dc.simulator.age_nonces()
    return dc.delivery(text, address, age=OLD, **more)


def refusing(dc: Leaving, monkeypatch: pytest.MonkeyPatch, operation: str, error: ApiError) -> None:
    """From now on Discord says no to this."""

    def refuse(_: Call) -> Any:
        raise error

    monkeypatch.setitem(dc.simulator._rest._operations, operation, refuse)


# Words.


async def test_what_is_sent_is_seen(dc: Leaving) -> None:
    event = await dc.asked(dc.there)
    first = dc.delivery("Roses", event.address)
    sent = await dc.sending.send(first)
    await dc.sending.send(dc.delivery("are red", event.address, part=1))
    one, two = dc.simulator.sent(dc.there)
    assert (one.text, one.message_id, one.reply_to) == ("Roses", sent.platform_id, event.message_id)
    assert (two.text, two.reply_to) == ("are red", None)


async def test_what_is_answered_may_be_deleted_meanwhile(dc: Leaving) -> None:
    event = await dc.asked(dc.there)
    await dc.simulator.delete(event.message_id)
    await dc.sending.send(dc.delivery("Roses", event.address))
    assert [m.reply_to for m in dc.simulator.sent(dc.there)] == [None]


async def test_markdown_and_notices(dc: Leaving) -> None:
    answer = "#### It is\n\n| a | b |\n|---|---|\n| 1 | `22` |\n"
    for text, markdown in ((answer, True), ("*not* #### this", False)):
        found = parts(outbound.split(text, markdown=markdown))
        await dc.sending.send(dc.delivery(**found))
    shown, notice = dc.texts()
    assert shown.startswith("**It is**")
    assert "a │ b" in shown
    assert shown.count("```") == 2
    assert notice == "\\*not\\* #### this"


@pytest.mark.parametrize("text", ["", " \n"])
async def test_nothing_is_nothing_to_send(dc: Leaving, text: str) -> None:
    with pytest.raises(Rejected, match="no text"):
        await dc.sending.send(dc.delivery(text))
    assert not dc.methods()


async def test_what_is_too_long_is_refused_in_discords_words(dc: Leaving) -> None:
    with pytest.raises(Rejected, match="content: Must be 2000 or fewer"):
        await dc.sending.send(dc.delivery("x" * 2001))
    await dc.sending.send(dc.delivery("👋" * 1000))
    assert len(dc.texts()) == 1


# Mentions.


async def test_nobody_is_ever_notified(dc: Leaving) -> None:
    hostile = f"@everyone @here <@{dc.ann.id}> <@!{dc.ann.id}> <@&{dc.simulator.role()}>"
    event = await dc.asked(dc.there)
    send = dc.sending.send
    await send(dc.delivery(hostile, event.address))
    shown = await dc.sending.preview(preview(dc, hostile, address=event.address))
    shown = await dc.sending.preview(preview(dc, f"{hostile}!", shown, address=event.address))
    await send(dc.delivery(hostile, event.address, replaces=shown))
    invoked = await dc.invoked(dc.there)
    await dc.sending.preview(preview(dc, hostile, invoked.preview, address=invoked.address))
    await send(dc.delivery(hostile, invoked.address, replaces=invoked.preview))
    file = dc.files.put(b"x", "@everyone.txt")
    await send(dc.delivery(hostile, event.address, attachment=file))
    many = [f"{hostile} {number}" for number in range(30)]
    await send(dc.delivery(hostile, event.address, question=question(*many)))
    notice = parts(outbound.split(hostile, markdown=False))
    await send(dc.delivery(address=event.address, **notice))
    answer = parts(outbound.split(f"{hostile}\n\n|a|\n|-|\n|{hostile}|", markdown=True))
    await send(dc.delivery(address=event.address, **answer))
    assert len(dc.texts(dc.there)) >= 7
    assert dc.simulator.pings() == []


# Once.


UNKNOWN = [Fault.RESET_AFTER_ACCEPT, Fault.TRUNCATED_BODY]


@pytest.mark.parametrize("fault", UNKNOWN)
async def test_what_is_sent_again_stays_one_message(dc: Leaving, fault: Fault) -> None:
    item = dc.delivery("Roses")
    dc.simulator.fail_next(fault)
    with pytest.raises(OutcomeUnknown):
        await dc.sending.send(item)
    assert await dc.again().settle(item, "") is None
    again = await dc.again().send(item)
    (seen,) = dc.simulator.sent(dc.here)
    assert (seen.text, seen.message_id) == ("Roses", again.platform_id)
    assert "list_messages" not in dc.methods()


async def test_another_delivery_with_the_same_text_is_another_message(dc: Leaving) -> None:
    for _ in range(2):
        await dc.sending.send(dc.delivery("Roses"))
    assert dc.texts() == ["Roses", "Roses"]


@pytest.mark.parametrize("fault", [*UNKNOWN, Fault.RESET])
async def test_an_older_one_is_looked_for(dc: Leaving, fault: Fault) -> None:
    item = old(dc, "Roses")
    dc.simulator.fail_next(fault)
    with pytest.raises(OutcomeUnknown):
        await dc.sending.send(item)
    dc.simulator.age_nonces()
    found = await dc.again().settle(item, "")
    found_ids = [found.platform_id] if found else []
    assert found_ids == [message.message_id for message in dc.simulator.sent(dc.here)]
    assert len(found_ids) == (0 if fault is Fault.RESET else 1)


async def test_what_was_said_before_is_not_taken_for_it(dc: Leaving) -> None:
    before = await dc.sending.send(dc.delivery("OK"))
    item = old(dc, "OK")
    assert await dc.sending.settle(item, before.platform_id) is None
    # Without that, only its age tells them apart.
    assert await dc.sending.settle(item, "") == before
    assert await dc.sending.settle(dc.delivery("OK", age=sending.NONCE_KNOWN), "@original")


async def test_what_was_said_long_before_is_not_taken_for_it() -> None:
    clock = Clock()
    clock.now = time.time() - OLD - 60.0
    async with leaving(clock=clock) as dc:
        before = await dc.sending.send(dc.delivery("OK"))
        assert await dc.sending.settle(old(dc, "OK"), "") is None
        # It left when it was written, by a clock that may be a little behind.
        clock.now = time.time() - OLD - 2.0
        sent = await dc.sending.send(dc.delivery("OK"))
        assert await dc.sending.settle(old(dc, "OK"), before.platform_id) == sent


async def test_what_others_say_is_not_taken_for_it(dc: Leaving) -> None:
    await dc.simulator.say("Roses", person=dc.ann, place=dc.here)
    shown = await dc.sending.preview(preview(dc, "Roses", address=dc.address()))
    assert await dc.sending.settle(old(dc, "Roses"), "") is None
    await dc.sending.send(dc.delivery("Roses", replaces=shown))
    found = await dc.sending.settle(old(dc, "Roses"), "")
    assert found is not None
    assert found.platform_id == shown


async def test_files_are_known_again(dc: Leaving) -> None:
    rose = dc.files.put(b"red", "a rose (Grüße).txt")
    other = dc.files.put(b"RED", "a violet.txt")
    await dc.sending.send(dc.delivery("", attachment=other))
    assert await dc.sending.settle(old(dc, "", attachment=rose), "") is None
    sent = await dc.sending.send(dc.delivery("", attachment=rose))
    assert await dc.sending.settle(old(dc, "", attachment=rose), "") == sent
    assert await dc.sending.settle(old(dc, "red", attachment=rose), "") is None


async def test_a_history_that_may_not_be_read_tells_nothing(
    dc: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await dc.asked(dc.there)
    assert await dc.sending.settle(old(dc, "Roses", event.address), event.message_id) is None
    monkeypatch.setitem(dc.simulator._rest._operations, "list_messages", lambda _: [])
    with pytest.raises(OutcomeUnknown, match="may not be read"):
        await dc.sending.settle(old(dc, "Roses", event.address), event.message_id)


async def test_a_long_history_is_read_page_by_page(
    dc: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PAGE", 2)
    sent = [await dc.sending.send(dc.delivery(str(number))) for number in range(6)]
    assert await dc.sending.settle(old(dc, "4"), "") == sent[4]
    assert len(dc.simulator.calls("list_messages")) == 3
    assert await dc.sending.settle(old(dc, "4"), sent[4].platform_id) is None
    monkeypatch.setattr(sending, "MAX_PAGES", 2)
    with pytest.raises(OutcomeUnknown, match="too much"):
        await dc.sending.settle(old(dc, "none of these"), "")


@pytest.mark.parametrize("age", [0.0, OLD])
async def test_while_discord_is_away_nothing_is_settled(dc: Leaving, age: float) -> None:
    item = dc.delivery("Roses", age=age)
    dc.simulator.fail_next(Fault.SERVER_ERROR, method="*")
    with pytest.raises(Unavailable):
        await dc.sending.settle(item, "")
    await dc.simulator.outage(True)
    with pytest.raises(Unavailable):
        await dc.sending.settle(item, "")
    await dc.simulator.outage(False)
    assert await dc.sending.settle(item, "") is None


async def test_who_we_are_is_asked_where_the_token_does_not_tell(dc: Leaving) -> None:
    sent = await dc.sending.send(dc.delivery("Roses"))
    unknown = dc.again(token="no.id.in.it")
    for _ in range(2):
        assert await unknown.settle(old(dc, "Roses"), "") == sent
    assert dc.methods().count("get_my_user") == 1


# Trouble.


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.RATE_LIMIT, RateLimited),
        (Fault.SERVER_ERROR, OutcomeUnknown),
        (Fault.RESET, OutcomeUnknown),
        (Fault.RESET_AFTER_ACCEPT, OutcomeUnknown),
        (Fault.TRUNCATED_BODY, OutcomeUnknown),
        (Fault.MALFORMED, OutcomeUnknown),
        (Fault.BLOCKED, RecipientGone),
    ],
)
@pytest.mark.parametrize("what", ["words", "file", "edit"])
async def test_trouble_is_called_by_its_name(
    dc: Leaving, fault: Fault, kind: type[SendError], what: str
) -> None:
    more: dict[str, Any] = {}
    if what == "file":
        more["attachment"] = dc.files.put(b"x", "x")
    if what == "edit":
        more["replaces"] = await dc.sending.preview(preview(dc, "Ro"))
    dc.simulator.fail_next(fault, method="*", retry_after=7.0)
    with pytest.raises(kind) as caught:
        await dc.sending.send(dc.delivery("Roses", dc.address(dc.there), **more))
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 7.0
    # No other way is tried before it is known what became of the first.
    assert dc.methods().count("create_message") == 1


async def test_nowhere_to_send_to(dc: Leaving) -> None:
    dc.simulator.remove(dc.there)
    with pytest.raises(RecipientGone, match="Unknown Channel"):
        await dc.sending.send(dc.delivery("Roses", dc.address(dc.there)))
    dc.simulator.block(dc.ann)
    with pytest.raises(RecipientGone, match="50007"):
        await dc.sending.send(dc.delivery("Roses"))


async def test_nobody_to_talk_to(dc: Leaving) -> None:
    await dc.simulator.outage(True)
    with pytest.raises(Unavailable):
        await dc.sending.send(dc.delivery("Roses"))
    await dc.simulator.outage(False)
    await dc.sending.send(dc.delivery("Roses"))
    assert dc.texts() == ["Roses"]


async def test_who_may_not_read_what_it_answers_answers_all_the_same(
    dc: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await dc.asked(dc.there)
    create = dc.simulator._rest._operations["create_message"]

    def no_reply(call: Call) -> Any:
        if "message_reference" in call.fields:
            words = "Cannot reply without permission to read message history"
            raise ApiError(403, 160002, words)
        return create(call)

    monkeypatch.setitem(dc.simulator._rest._operations, "create_message", no_reply)
    await dc.sending.send(dc.delivery("Roses", event.address))
    await dc.sending.preview(preview(dc, "Violets", address=event.address))
    assert dc.texts(dc.there) == ["Roses", "Violets"]


async def test_a_file_that_may_not_be_attached_does_not_end_everything(
    dc: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(dc, monkeypatch, "create_message", ApiError(403, 50013, "Missing Permissions"))
    with pytest.raises(RecipientGone):
        await dc.sending.send(dc.delivery("Roses"))
    with pytest.raises(Rejected, match="may not attach files"):
        await dc.sending.send(dc.delivery("", attachment=dc.files.put(b"x", "x")))


# Questions.


async def test_options_are_buttons_that_can_be_pressed(dc: Leaving) -> None:
    asked = question("Tea", "Coffee", "Neither, thank you")
    await dc.sending.send(dc.delivery("Tea or coffee?", question=asked))
    (seen,) = dc.simulator.sent()
    assert seen.buttons == asked.options
    await dc.simulator.press("Coffee", person=dc.ann, place=dc.here)


async def test_more_options_than_buttons_are_listed_ahead_once(dc: Leaving) -> None:
    asked = question(*(f"Option {number}" for number in range(1, 29)))
    item = dc.delivery("Which?", question=asked)
    dc.simulator.fail_next(Fault.RESET_AFTER_ACCEPT, times=2)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await dc.sending.send(item)
    await dc.sending.send(item)
    listed, seen = dc.simulator.sent(dc.here)
    assert listed.text.splitlines() == [f"{n}\\. Option {n}" for n in (26, 27, 28)]
    assert (seen.text, len(seen.buttons)) == ("Which?", 25)


# Files.


async def test_a_file_arrives_whole_with_its_caption(dc: Leaving) -> None:
    content = bytes(range(256)) * 100
    file = dc.files.put(content, "a rose.png", "image/png")
    sent = await dc.sending.send(dc.delivery("Look!", attachment=file))
    (seen,) = dc.simulator.sent()
    assert (seen.text, seen.message_id) == ("Look!", sent.platform_id)
    assert [(f.content, f.media_type) for f in seen.files] == [(content, "image/png")]


async def test_a_media_type_cannot_break_the_form(dc: Leaving) -> None:
    file = dc.files.put(b"x", 'a"\r\nX: y', "evil\r\nX-Header: 1")
    await dc.sending.send(dc.delivery("", attachment=file))
    (seen,) = dc.simulator.sent()
    assert [(f.content, f.media_type) for f in seen.files] == [(b"x", "application/octet-stream")]


async def test_the_largest_file_that_is_carried_is_taken(dc: Leaving) -> None:
    most = dc.files.put(b"\0" * outbound.MAX_UPLOAD, "most")
    more = dc.files.put(b"\0" * (outbound.MAX_UPLOAD + 1), "more")
    assert outbound.carries(most)
    assert not outbound.carries(more)
    await dc.sending.send(dc.delivery("", attachment=most))
    with pytest.raises(Rejected, match="too large"):
        await dc.sending.send(dc.delivery("", attachment=more))
    assert [f.size for m in dc.simulator.sent() for f in m.files] == [outbound.MAX_UPLOAD]


async def test_a_file_that_is_gone_is_rejected(dc: Leaving) -> None:
    file = dc.files.put(b"x", "x")
    dc.files.contents.clear()
    with pytest.raises(Rejected, match="gone"):
        await dc.sending.send(dc.delivery("", attachment=file))
    assert not dc.methods()


# Previews.


async def test_a_preview_becomes_the_answer(dc: Leaving) -> None:
    event = await dc.asked(dc.there)
    shown = ""
    for text in (" ", "Roses", "Roses **ar", "Roses **are** red " * 500):
        shown = await dc.sending.preview(preview(dc, text, shown, address=event.address))
    (seen,) = dc.simulator.sent(dc.there)
    assert (seen.message_id, seen.buttons, seen.reply_to) == (shown, ("Stop",), event.message_id)
    assert seen.text.startswith("…")
    item = dc.delivery("Roses.", event.address, replaces=shown)
    for _ in range(2):
        assert (await dc.sending.send(item)).platform_id == shown
    (seen,) = dc.simulator.sent(dc.there)
    assert (seen.text, seen.buttons, seen.message_id) == ("Roses.", (), shown)


async def test_a_preview_becomes_a_question_or_a_file(dc: Leaving) -> None:
    file = dc.files.put(b"x", "x")
    for more in ({"question": question("Tea", "Coffee")}, {"attachment": file}):
        shown = await dc.sending.preview(preview(dc, "Wh"))
        item = dc.delivery("Which?", dc.address(dc.there), replaces=shown, **more)
        for _ in range(2):
            await dc.sending.send(item)
    asked, brought = dc.simulator.sent(dc.there)
    assert (asked.text, asked.buttons) == ("Which?", ("Tea", "Coffee"))
    assert (brought.text, brought.buttons, len(brought.files)) == ("Which?", (), 1)


async def test_a_preview_that_was_deleted_meanwhile_does_no_harm(dc: Leaving) -> None:
    shown = await dc.sending.preview(preview(dc, "Ro"))
    await dc.simulator.delete(shown)
    assert await dc.sending.preview(preview(dc, "Roses", shown)) == shown
    assert dc.texts(dc.there) == []
    sent = await dc.sending.send(dc.delivery("Roses.", dc.address(dc.there), replaces=shown))
    assert sent.platform_id != shown
    assert dc.texts(dc.there) == ["Roses."]
    await dc.sending.retract(dc.address(dc.there), shown)


@pytest.mark.parametrize(
    "error",
    [
        ApiError(400, 50083, "Thread is archived"),
        ApiError(400, 30046, "Maximum number of edits to messages older than 1 hour reached"),
    ],
)
async def test_what_cannot_be_edited_is_said_anew(
    dc: Leaving, monkeypatch: pytest.MonkeyPatch, error: ApiError
) -> None:
    shown = await dc.sending.preview(preview(dc, "Ro"))
    refusing(dc, monkeypatch, "update_message", error)
    await dc.sending.send(dc.delivery("Roses.", dc.address(dc.there), replaces=shown))
    assert dc.texts(dc.there) == ["Roses."]


async def test_an_answer_that_stands_is_none_the_worse_for_a_preview_that_stays(
    dc: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = await dc.sending.preview(preview(dc, "Ro"))
    for operation in ("update_message", "delete_message"):
        refusing(dc, monkeypatch, operation, ApiError(400, 50083, "Thread is archived"))
    await dc.sending.send(dc.delivery("Roses.", dc.address(dc.there), replaces=shown))
    assert dc.texts(dc.there) == ["Ro", "Roses."]


async def test_what_cannot_be_said_at_all_is_refused(
    dc: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = await dc.sending.preview(preview(dc, "Ro"))
    for operation in ("update_message", "create_message"):
        refusing(dc, monkeypatch, operation, ApiError(400, 50083, "Thread is archived"))
    with pytest.raises(RecipientGone, match="archived"):
        await dc.sending.send(dc.delivery("Roses.", dc.address(dc.there), replaces=shown))


async def test_previews_that_are_unsure_are_not_remembered_for_ever(
    dc: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MAX_UNSURE", 2)
    for task in "abc":
        dc.simulator.fail_next(Fault.RESET_AFTER_ACCEPT)
        with pytest.raises(OutcomeUnknown):
            await dc.sending.preview(preview(dc, "Ro", task_id=task))
    for task in "bc":
        await dc.sending.preview(preview(dc, "Ro", task_id=task))
    assert len(dc.simulator.sent(dc.there)) == 3
    await dc.sending.preview(preview(dc, "Ro", task_id="a"))
    assert len(dc.simulator.sent(dc.there)) == 4


async def test_a_preview_is_not_begun_twice(dc: Leaving) -> None:
    dc.simulator.fail_next(Fault.RESET_AFTER_ACCEPT)
    with pytest.raises(OutcomeUnknown):
        await dc.sending.preview(preview(dc, "Ro"))
    first = await dc.sending.preview(preview(dc, "Roses"))
    assert len(dc.simulator.sent(dc.there)) == 1
    # The next turn of the same task has one of its own.
    assert await dc.sending.preview(preview(dc, "Violets")) != first
    assert len(dc.simulator.sent(dc.there)) == 2


async def test_a_preview_without_an_answer_is_taken_away(dc: Leaving) -> None:
    shown = await dc.sending.preview(preview(dc, "Ro"))
    await dc.sending.retract(dc.address(dc.there), shown)
    assert dc.texts(dc.there) == []
    dc.simulator.remove(dc.there)
    with pytest.raises(RecipientGone):
        await dc.sending.retract(dc.address(dc.there), shown)


async def test_somebody_elses_message_is_no_preview(dc: Leaving) -> None:
    hers = await dc.simulator.say("mine", person=dc.ann, place=dc.here)
    await dc.sending.send(dc.delivery("Roses", replaces=hers))
    assert dc.texts() == ["Roses"]
    with pytest.raises((Refused, Gone)):
        await dc.sending.retract(dc.address(), hers)


# Slash commands.


async def test_what_a_command_promised_becomes_the_answer(dc: Leaving) -> None:
    event = await dc.invoked(dc.there)
    assert dc.simulator.promised(dc.there)
    shown = await dc.sending.preview(preview(dc, "Ro", event.preview, address=event.address))
    assert shown == event.preview
    assert [m.buttons for m in dc.simulator.sent(dc.there)] == [("Stop",)]
    item = dc.delivery("Roses.", event.address, replaces=shown)
    first = await dc.sending.send(item)
    assert await dc.sending.send(item) == first
    (seen,) = dc.simulator.sent(dc.there)
    assert (seen.text, seen.buttons, seen.message_id) == ("Roses.", (), first.platform_id)
    assert "create_message" not in dc.methods()


async def test_an_expired_command_is_answered_by_a_message() -> None:
    async with leaving(token_lifetime=0.0) as dc:
        event = await dc.invoked()
        assert (
            await dc.sending.preview(preview(dc, "Ro", event.preview, address=event.address))
            == event.preview
        )
        await dc.sending.send(dc.delivery("Roses.", event.address, replaces=event.preview))
        assert dc.texts() == ["Roses."]
        assert dc.methods()[-1] == "create_message"
        await dc.sending.retract(event.address, event.preview)


async def test_a_promise_that_is_gone_is_kept_nevertheless(dc: Leaving) -> None:
    event = await dc.invoked()
    await dc.sending.retract(event.address, event.preview)
    assert not dc.simulator.promised()
    await dc.sending.send(dc.delivery("Roses.", event.address, replaces=event.preview))
    assert dc.texts() == ["Roses."]


@pytest.mark.parametrize("fault", UNKNOWN)
async def test_a_command_is_answered_once(dc: Leaving, fault: Fault) -> None:
    event = await dc.invoked()
    item = dc.delivery("Roses.", event.address, replaces=event.preview)
    dc.simulator.fail_next(fault)
    with pytest.raises(OutcomeUnknown):
        await dc.sending.send(item)
    assert await dc.sending.settle(item, "") is None
    await dc.sending.send(item)
    assert dc.texts() == ["Roses."]


async def test_an_older_answer_to_a_command_is_found() -> None:
    async with leaving() as dc:
        event = await dc.invoked(dc.there)
        item = dc.delivery("Roses.", event.address, age=OLD, replaces=event.preview)
        dc.simulator.fail_next(Fault.RESET_AFTER_ACCEPT)
        with pytest.raises(OutcomeUnknown):
            await dc.sending.send(item)
        (seen,) = dc.simulator.sent(dc.there)
        found = await dc.again().settle(item, "@original")
        assert found is not None
        assert found.platform_id == seen.message_id


async def test_a_command_is_answered_where_the_bot_itself_may_not_write(dc: Leaving) -> None:
    event = await dc.invoked(dc.there)
    dc.simulator._world.channels[int(dc.there.id)].bots.clear()
    item = dc.delivery("Roses", event.address, replaces=event.preview)
    await dc.sending.send(item)
    await dc.sending.send(dc.delivery("are red", event.address, part=1))
    assert [m.text for m in dc.simulator.sent(dc.there)] == ["Roses", "are red"]
    with pytest.raises(RecipientGone, match="Missing Access"):
        await dc.sending.send(dc.delivery("Violets", dc.address(dc.there)))


async def test_no_place_is_left_when_the_token_of_a_command_ends_too() -> None:
    async with leaving(token_lifetime=0.0) as dc:
        event = await dc.invoked(dc.there)
        dc.simulator._world.channels[int(dc.there.id)].bots.clear()
        with pytest.raises(RecipientGone, match="Missing Access"):
            await dc.sending.send(dc.delivery("Roses", event.address))


async def test_no_token_of_a_command_is_told(dc: Leaving) -> None:
    event = await dc.invoked()
    token = event.address.data["interaction"]["token"]
    for fault in (Fault.SERVER_ERROR, Fault.RESET, Fault.RATE_LIMIT, Fault.MALFORMED):
        dc.simulator.fail_next(fault, method="*")
        with pytest.raises(SendError) as caught:
            await dc.sending.send(dc.delivery("x", event.address, replaces=event.preview))
        assert token not in repr(caught.value)


# As Discord describes it.


@pytest.mark.reference_data
async def test_every_call_is_as_discord_describes_it(reference_data: Path) -> None:
    schema = orjson.loads((reference_data / "specs/discord/openapi.json").read_bytes())
    async with leaving(schema=schema) as dc:
        event = await dc.asked(dc.there)
        file = dc.files.put(b"x", "x")
        shown = await dc.sending.preview(preview(dc, "Ro", address=event.address))
        shown = await dc.sending.preview(preview(dc, "Roses", shown, address=event.address))
        await dc.sending.send(dc.delivery("Roses", event.address, replaces=shown))
        many = question(*(f"{number} {'x' * 90}" for number in range(30)))
        await dc.sending.send(dc.delivery("Which?", event.address, question=many))
        await dc.sending.send(dc.delivery("", event.address, attachment=file))
        invoked = await dc.invoked()
        original = dc.delivery("x", invoked.address, replaces=invoked.preview, attachment=file)
        await dc.sending.send(original)
        await dc.sending.retract(event.address, shown)
        await dc.sending.settle(old(dc), "")
        assert dc.simulator.refusals == []
        invoked = await dc.invoked(dc.there)
        dc.simulator._world.channels[int(dc.there.id)].bots.clear()
        await dc.sending.send(dc.delivery("x", invoked.address, attachment=file))
        assert dc.simulator.violations == []


# In private.


async def test_what_is_for_one_person_goes_to_their_dm(dc: Leaving) -> None:
    private = places.private_address(Participant(id=dc.ann.id))
    assert private is not None
    file = dc.files.put(b"PK", "export.zip")
    await dc.sending.send(dc.delivery("for you", private))
    await dc.sending.send(dc.delivery("", private, attachment=file))
    assert dc.texts(dc.here) == ["for you", ""]
    assert dc.simulator.sent(dc.here)[1].files[0].content == b"PK"
    assert not dc.texts(dc.there)
    # Which channel it is, is asked once.
    assert len([m for m in dc.methods() if m == "create_dm"]) == 1


async def test_what_was_for_one_person_is_found_in_their_dm(dc: Leaving) -> None:
    private = places.private_address(Participant(id=dc.ann.id))
    delivery = old(dc, "for you", private)
    sent = await dc.sending.send(delivery)
    assert await dc.again().settle(delivery, "") == sent


async def test_nobody_is_written_to_whose_dm_cannot_be_opened(dc: Leaving) -> None:
    private = places.private_address(Participant(id="77"))
    with pytest.raises(Refused):
        await dc.sending.send(dc.delivery("for you", private))
    assert places.private_address(Participant(id="unknown")) is None
