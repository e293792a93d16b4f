"""Answers on the simulated Slack while they are being written, and what stands there in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack import inert, outbound
from adapters.slack.links import GAP
from gateway import Address, GatewayError, OutcomeUnknown, RateLimited, Sent
from gateway.presentation import units
from gateway.testing.simulator import Fault, SimulatedPlace
from tests.unit.adapters.slack.sender import Sender, sender


@pytest.fixture
async def slack() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


async def grow(slack: Sender, *texts: str, place: SimulatedPlace | None = None) -> str:
    """Show these, each more of the same answer; return the message's id."""
    message_id = ""
    for text in texts:
        message_id = await slack.sending.preview(slack.preview(text, message_id, place))
    return message_id


async def finish(slack: Sender, text: str, message_id: str, **more: object) -> None:
    """Let the preview become the answer."""
    delivery = slack.delivery(text, replaces=message_id, **more)  # type: ignore[arg-type]
    assert await slack.sending.send(delivery) == Sent(platform_id=message_id)


def streams(slack: Sender) -> list[str]:
    """What was done to messages, in short."""
    return [method.removeprefix("chat.") for method in slack.methods()]


async def test_an_answer_is_streamed_and_only_what_is_new_is_sent(slack: Sender) -> None:
    message_id = await grow(slack, "Green tea", "Green tea is", "Green tea is made")
    assert [message.text for message in slack.simulator.streaming(slack.thread)] == [
        "Green tea is made"
    ]
    await finish(slack, "Green tea is made at 80 °C.", message_id)
    assert streams(slack) == ["startStream", "appendStream", "appendStream", "stopStream"]
    added = [call.parameters.get("markdown_text") for call in slack.simulator.calls()]
    assert added == ["Green tea", " is", " made", " at 80 °C."]
    assert [message.text for message in slack.seen()] == ["Green tea is made at 80 °C."]
    assert slack.simulator.streaming(slack.thread) == []


async def test_who_asked_is_named_in_a_channel(slack: Sender) -> None:
    await grow(slack, "Green")
    (call,) = slack.simulator.calls("chat.startStream")
    assert call.parameters["recipient_user_id"] == slack.ann.id
    assert call.parameters["recipient_team_id"] == slack.team


async def test_a_question_streamed_has_its_buttons(slack: Sender) -> None:
    message_id = await grow(slack, "Which")
    await finish(slack, "Which tea?", message_id, options=("Green", "Black"))
    (message,) = slack.seen()
    assert (message.text, message.buttons) == ("Which tea?", ("Green", "Black"))
    assert streams(slack)[-1] == "stopStream"


async def test_a_streamed_answer_is_found_again(slack: Sender) -> None:
    message_id = await grow(slack, "Green")
    answer = slack.delivery("Green tea", replaces=message_id)
    slack.simulator.fail_next(Fault.RESET_AFTER_ACCEPT, method="chat.stopStream")
    with pytest.raises(OutcomeUnknown):
        await slack.sending.send(answer)
    assert await slack.sending.settle(answer, "") == Sent(platform_id=message_id)


async def test_another_text_than_was_streamed_takes_its_place(slack: Sender) -> None:
    message_id = await grow(slack, "Green", "Green tea")
    await finish(slack, "No: black tea", message_id, options=("Why?",))
    (message,) = slack.seen()
    assert (message.text, message.buttons) == ("No: black tea", ("Why?",))


async def test_an_answer_that_begins_anew_adds_nothing(slack: Sender) -> None:
    message_id = await grow(slack, "Green tea", "Black tea is made", "Green tea is")
    assert slack.seen()[0].text == "Green tea is"
    await finish(slack, "Black tea is made.", message_id)
    assert slack.seen()[0].text == "Black tea is made."


async def test_a_notice_takes_the_place_of_what_was_streamed(slack: Sender) -> None:
    message_id = await grow(slack, "It *fails*")
    await finish(slack, "It *fails*", message_id, markdown=False)
    (message,) = slack.seen()
    assert message.text == "It *fails*"


async def test_after_a_restart_the_message_is_changed_instead(slack: Sender) -> None:
    message_id = await grow(slack, "Green")
    slack.restart()
    await slack.sending.preview(slack.preview("Green tea", message_id))
    assert [message.text for message in slack.seen()] == ["Green tea"]
    await finish(slack, "Green tea is made.", message_id)
    assert [message.text for message in slack.seen()] == ["Green tea is made."]
    assert streams(slack).count("startStream") == 1


async def test_a_stream_that_slack_ended_goes_on_as_a_message(slack: Sender) -> None:
    message_id = await grow(slack, "Green")
    slack.simulator.end_streams()
    for text in ("Green tea", "Green tea is", "Green tea is made"):
        assert await slack.sending.preview(slack.preview(text, message_id)) == message_id
    assert [message.text for message in slack.seen()] == ["Green tea is made"]
    await finish(slack, "Green tea is made at 80 °C.", message_id)
    assert slack.seen()[0].text == "Green tea is made at 80 °C."


async def test_a_stream_that_slack_ended_meanwhile_becomes_the_answer(slack: Sender) -> None:
    message_id = await grow(slack, "Green")
    slack.simulator.end_streams()
    await finish(slack, "Green tea", message_id)
    assert [message.text for message in slack.seen()] == ["Green tea"]


async def test_whoever_stops_it_is_heard(slack: Sender) -> None:
    heard: list[tuple[Address, str]] = []
    slack.sending.stopped = lambda address, task_id: heard.append((address, task_id))
    message_id = await grow(slack, "Green")
    await slack.simulator.stop_stream(person=slack.ann, place=slack.thread)
    for text in ("Green tea", "Green tea is"):
        assert await slack.sending.preview(slack.preview(text, message_id)) == message_id
    assert heard == [(slack.address(), "task")]
    assert slack.seen()[0].text == "Green"
    await finish(slack, "Stopped.", message_id, markdown=False)
    assert [message.text for message in slack.seen()] == ["Stopped."]


async def test_it_may_be_stopped_where_nobody_listens(slack: Sender) -> None:
    message_id = await grow(slack, "Green")
    await slack.simulator.stop_stream(person=slack.ann, place=slack.thread)
    assert await slack.sending.preview(slack.preview("Green tea", message_id)) == message_id


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.RESET_AFTER_ACCEPT, Fault.SERVER_ERROR])
async def test_a_piece_in_doubt_is_not_said_twice(slack: Sender, fault: Fault) -> None:
    message_id = await grow(slack, "Green")
    slack.simulator.fail_next(fault, method="chat.appendStream")
    with pytest.raises(OutcomeUnknown):
        await slack.sending.preview(slack.preview("Green tea", message_id))
    await slack.sending.preview(slack.preview("Green tea is", message_id))
    await finish(slack, "Green tea is made.", message_id)
    assert [message.text for message in slack.seen()] == ["Green tea is made."]


async def test_a_piece_nobody_waited_for_is_not_said_twice(slack: Sender) -> None:
    message_id = await grow(slack, "Green")
    slack.simulator.fail_next(Fault.TIMEOUT_AFTER_ACCEPT, method="chat.appendStream")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await slack.sending.preview(slack.preview("Green tea", message_id))
    await finish(slack, "Green tea is made.", message_id)
    assert [message.text for message in slack.seen()] == ["Green tea is made."]


async def test_a_piece_that_was_refused_comes_with_the_next(slack: Sender) -> None:
    message_id = await grow(slack, "Green")
    slack.simulator.fail_next(Fault.RATE_LIMIT, method="chat.appendStream")
    with pytest.raises(RateLimited):
        await slack.sending.preview(slack.preview("Green tea", message_id))
    await slack.sending.preview(slack.preview("Green tea is", message_id))
    assert slack.seen()[0].text == "Green tea is"


async def test_the_end_is_tried_again_after_a_wait(slack: Sender) -> None:
    message_id = await grow(slack, "Green")
    for method in ("chat.stopStream", "chat.update"):
        slack.simulator.fail_next(Fault.RATE_LIMIT, method=method)
    for text in ("Green tea", "Black tea"):
        with pytest.raises(RateLimited):
            await finish(slack, text, message_id)
    await finish(slack, "Black tea", message_id)
    assert [message.text for message in slack.seen()] == ["Black tea"]


async def test_only_one_preview_is_begun_where_the_first_is_in_doubt(slack: Sender) -> None:
    slack.simulator.fail_next(Fault.RESET_AFTER_ACCEPT, method="chat.startStream")
    with pytest.raises(OutcomeUnknown):
        await grow(slack, "Green")
    assert await grow(slack, "Green tea") == ""
    assert len(slack.seen()) == 1


async def test_what_was_refused_is_begun_again(slack: Sender) -> None:
    slack.simulator.fail_next(Fault.RATE_LIMIT, method="chat.startStream")
    with pytest.raises(RateLimited):
        await grow(slack, "Green")
    assert await grow(slack, "Green tea")


# Where nothing can be streamed


@pytest.mark.parametrize("place", ["direct", "channel"])
async def test_outside_threads_a_message_changes(slack: Sender, place: str) -> None:
    where: SimulatedPlace = getattr(slack, place)
    message_id = await grow(slack, "Green", "Green tea", place=where)
    (message,) = slack.seen(where)
    assert (message.text, message.buttons) == ("Green tea", ("Stop",))
    delivery = slack.delivery("Green tea is made.", where, replaces=message_id)
    await slack.sending.send(delivery)
    (message,) = slack.seen(where)
    assert (message.text, message.buttons) == ("Green tea is made.", ())
    assert streams(slack) == ["postMessage", "update", "update"]


async def test_nor_without_knowing_who_asked(slack: Sender) -> None:
    preview = slack.preview("Green")
    data = {key: value for key, value in preview.address.data.items() if key != "user"}
    unknown = replace(preview, address=replace(preview.address, data=data))
    assert await slack.sending.preview(unknown)
    assert streams(slack) == ["postMessage"]


async def test_a_place_that_cannot_stream_is_asked_once(slack: Sender) -> None:
    preview = slack.preview("Green")
    stranger = {**preview.address.data, "user": "U0NOBODY"}
    unknown = replace(preview, address=replace(preview.address, data=stranger))
    first = await slack.sending.preview(unknown)
    await slack.sending.preview(replace(unknown, text="Green tea", message_id=first))
    await slack.sending.preview(unknown)
    assert streams(slack) == ["startStream", "postMessage", "update", "postMessage"]


async def test_nothing_is_shown_before_there_are_words(slack: Sender) -> None:
    assert await grow(slack, "", " \n", place=slack.direct) == ""
    assert await grow(slack, "", " \n", "<@U0") == ""
    assert slack.methods() == []


async def test_a_long_preview_shows_its_end(slack: Sender) -> None:
    text = "word " * 6000
    message_id = await grow(slack, text, place=slack.direct)
    (message,) = slack.seen(slack.direct)
    assert message.message_id == message_id
    assert message.text.startswith("…")
    assert message.text.endswith("word word")


async def test_a_long_stream_holds_the_first_part(slack: Sender) -> None:
    text = "\n\n".join(f"Paragraph {n}. " + "word " * 60 for n in range(80))
    message_id = await grow(slack, text[:3000], text[:9900], text[:15_000], text)
    assert units(slack.seen()[0].text) <= outbound.MAX_PART
    first, *rest = outbound.split(text, markdown=True)
    await finish(slack, text, message_id)
    assert slack.seen()[0].text == first.text
    assert rest


# Taking back


async def test_a_stream_can_be_taken_back(slack: Sender) -> None:
    message_id = await grow(slack, "Green")
    await slack.sending.retract(slack.address(), message_id)
    assert slack.seen() == []


async def test_also_after_a_restart(slack: Sender) -> None:
    message_id = await grow(slack, "Green")
    slack.restart()
    await slack.sending.retract(slack.address(), message_id)
    assert slack.seen() == []


# Whatever is said

PIECES = st.sampled_from(
    [
        *("word", " ", "\n", "\n\n", "**", "`", "```\n", "<", "!here>", "<!channel>", "<@U0123>"),
        *("@", "here", "[", "https://good.example", "](", "https://evil.example", ")", "|", ">"),
        *(
            "[1]: https://evil.example\n",
            "&lt;",
            "\\",
            "🌹",
            "é",
            "| a | b |\n|---|---|\n",
            "x" * 99,
        ),
    ]
)
TEXTS = st.lists(PIECES, min_size=1, max_size=25).map("".join).filter(str.strip)
EVENTS = st.sampled_from(["", "", "", "restart", "ended", "lost", "refused", "stopped"])


@settings(max_examples=120, deadline=None)
@given(
    text=TEXTS,
    ending=st.one_of(st.none(), TEXTS),
    cuts=st.lists(st.tuples(st.integers(0, 400), EVENTS), max_size=6),
    direct=st.booleans(),
    markdown=st.booleans(),
)
def test_in_the_end_the_answer_stands_there_and_never_pinged(
    text: str, ending: str | None, cuts: list[tuple[int, str]], direct: bool, markdown: bool
) -> None:
    """Previews of growing beginnings, whatever befalls them; `ending` is another text after all."""
    asyncio.run(_written(text, ending, sorted(cuts), direct=direct, markdown=markdown))


async def _written(
    text: str, ending: str | None, cuts: list[tuple[int, str]], *, direct: bool, markdown: bool
) -> None:
    async with sender() as slack:
        where = slack.direct if direct else slack.thread
        message_id = ""
        for length, event in cuts:
            await _befall(slack, event, where)
            preview = slack.preview(text[:length], message_id, where)
            try:
                message_id = await slack.sending.preview(preview)
            except GatewayError:
                assert event in {"lost", "refused"}
            slack.simulator.clear_faults()
        answer = slack.delivery(ending or text, where, markdown=markdown, replaces=message_id)
        await slack.sending.send(answer)
        await slack.sending.send(answer) if message_id else None
        last = slack.seen(where)[-1]
        whole = inert.markdown(ending or text) if markdown else ending or text
        assert last.text.replace(GAP, "") == whole.replace(GAP, "")
        assert len(slack.seen(where)) == 1 or not message_id
        assert slack.simulator.pings() == []
        assert slack.simulator.streaming(where) == []


async def _befall(slack: Sender, event: str, where: SimulatedPlace) -> None:
    match event:
        case "restart":
            slack.restart()
        case "ended":
            slack.simulator.end_streams()
        case "lost":
            slack.simulator.fail_next(Fault.RESET_AFTER_ACCEPT, method="chat.appendStream")
            slack.simulator.fail_next(Fault.RESET_AFTER_ACCEPT, method="chat.update")
        case "refused":
            slack.simulator.fail_next(Fault.RATE_LIMIT, method="*")
        case "stopped" if slack.simulator.streaming(where):
            await slack.simulator.stop_stream(person=slack.ann, place=where)
