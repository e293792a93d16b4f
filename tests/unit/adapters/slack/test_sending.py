"""What people on the simulated Slack see of deliveries, and how a delivery in doubt is found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import orjson
import pytest

from adapters.slack import outbound, places
from adapters.slack.simulation.vocabulary import DEFAULT_SCOPES
from gateway import (
    Address,
    Attachment,
    Delivery,
    NotAccepted,
    OutcomeUnknown,
    Participant,
    RateLimited,
    RecipientGone,
    Rejected,
    Sent,
    Unavailable,
)
from gateway.testing.simulator import Fault, SimulatedPlace
from tests.unit.adapters.slack.sender import Sender, sender

HOSTILE = (
    "<!channel> `<!here>` <!everyone|x> <!subteam^S123|@all> <@U0123> <#C0123|secret> @channel"
    " <https://evil.example|https://good.example> [https://good.example](https://evil.example)"
    " ![good.example](https://evil.example)\n```\n<!here> <@U0123>\n```\n"
)


@pytest.fixture
async def slack() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


def in_sight(text: str) -> str:
    """As people read it: what has no width is not seen."""
    return text.replace("\u200b", "")


# Texts


async def test_markdown_goes_out_as_markdown_and_a_notice_as_it_stands(slack: Sender) -> None:
    await slack.send("**Tea** & <cake> | *x*")
    await slack.send("a *notice* & <b> `c`", markdown=False)
    assert [message.text for message in slack.seen()] == [
        "**Tea** & <cake> | *x*",
        "a *notice* & <b> `c`",
    ]
    first, second = slack.simulator.calls("chat.postMessage")
    assert "text" not in first.parameters
    assert second.parameters["text"] == "a *notice* &amp; &lt;b&gt; `c`"
    assert second.parameters["mrkdwn"] is False


@pytest.mark.parametrize("place", ["direct", "channel", "thread"])
async def test_it_goes_where_it_was_asked(slack: Sender, place: str) -> None:
    where: SimulatedPlace = getattr(slack, place)
    sent = await slack.send("here", where)
    (message,) = slack.seen(where)
    assert message.message_id == sent
    assert message.reply_to == (where.id if place == "thread" else None)


async def test_a_command_given_where_the_bot_is_not_is_answered_in_private(slack: Sender) -> None:
    place = {"channel": "D0OTHERS", "user": slack.ann.id, "kind": "direct"}
    given = Address(destination="D0OTHERS", data={**place, "command": "yes"})
    sent = await slack.sending.send(replace(slack.delivery("pong"), address=given))
    assert [message.text for message in slack.seen(slack.direct)] == ["pong"]
    assert sent.platform_id
    # What is no command goes nowhere else.
    said = Address(destination="D0OTHERS", data=place)
    with pytest.raises(RecipientGone):
        await slack.sending.send(replace(slack.delivery("secret"), address=said))
    slack.simulator.fail_next(Fault.RATE_LIMIT)
    with pytest.raises(RateLimited):
        await slack.sending.send(replace(slack.delivery("later"), address=given))
    assert len(slack.seen(slack.direct)) == 1


async def test_pages_are_shown_only_where_they_are_wanted(slack: Sender) -> None:
    await slack.send("https://example.org")
    slack.settings = slack.settings.model_copy(update={"link_previews": True})
    slack.restart()
    await slack.send("https://example.org")
    calls = slack.simulator.calls("chat.postMessage")
    assert [call.parameters["unfurl_links"] for call in calls] == [False, True]
    assert [call.parameters["unfurl_media"] for call in calls] == [False, True]


async def test_a_long_text_arrives_whole(slack: Sender) -> None:
    text = "\n\n".join(f"Paragraph {n}: " + "word " * 60 for n in range(100)).strip()
    assert len(text) > 30_000
    parts = outbound.split(text, markdown=True)
    for part in parts:
        await slack.sending.send(replace(slack.delivery(), text=part.text, format=part.format))
    seen = [message.text for message in slack.seen()]
    assert len(seen) == 4
    assert "".join("\n\n".join(seen).split()) == "".join(text.split())


async def test_tables_stay_markdown(slack: Sender) -> None:
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    await slack.send(table)
    assert slack.seen()[0].text == table


@pytest.mark.parametrize("markdown", [True, False])
@pytest.mark.parametrize("options", [(), (HOSTILE[:40], "@here")])
async def test_nothing_said_pings_anybody(
    slack: Sender, markdown: bool, options: tuple[str, ...]
) -> None:
    message_id = await slack.send(HOSTILE, markdown=markdown, options=options)
    delivery = slack.delivery(HOSTILE, markdown=markdown, options=options, replaces=message_id)
    await slack.sending.send(delivery)
    file = slack.host.files.put("<!here>.txt", b"x")
    await slack.sending.send(slack.carrying(file, HOSTILE))
    assert len(slack.seen()) == 2
    assert slack.simulator.pings() == []
    shown = in_sight(slack.seen()[0].text)
    assert shown.startswith("<!channel> `<!here>` <!everyone|x>")
    if markdown:
        assert "https://good.example (https://evil.example)" in shown


async def test_the_simulator_would_notice_a_ping(slack: Sender) -> None:
    for text in ("<!channel>", "`<@U0123>`", "[good.example](https://evil.example)"):
        where = outbound.place(slack.address())
        await slack.api.call("chat.postMessage", **where, markdown_text=text)
    assert len(slack.simulator.pings()) == 3


async def test_what_cannot_be_encoded_is_shown_as_missing(slack: Sender) -> None:
    await slack.send("half \ud83d pair")
    assert slack.seen()[0].text == "half \ufffd pair"


@pytest.mark.reference_data
async def test_slack_knows_every_argument(reference_data: Path) -> None:
    path = reference_data / "specs" / "slack" / "slack_web_methods_2026-05.json"
    async with sender(schema=orjson.loads(path.read_bytes())) as slack:
        for place in (slack.direct, slack.thread):
            message_id = await slack.sending.preview(slack.preview("so far", place=place))
            await slack.sending.preview(slack.preview("so far so good", message_id, place))
            answer = slack.delivery("so *far* so good", place, replaces=message_id)
            await slack.sending.send(answer)
            file = slack.host.files.put("x.txt", b"x")
            await slack.sending.send(slack.carrying(file, "a caption", place))
            await slack.sending.settle(answer, "")
            notice = await slack.send("a notice", place, markdown=False, options=("a", "b"))
            await slack.sending.retract(slack.address(place), notice)
        assert slack.simulator.violations == []
        assert slack.simulator.refusals == []


# Questions


@pytest.mark.parametrize("markdown", [True, False])
async def test_a_question_has_buttons_and_can_be_read_without(
    slack: Sender, markdown: bool
) -> None:
    await slack.send("Which **tea**?", options=("Green", "Black"), markdown=markdown)
    (message,) = slack.seen()
    assert (message.text, message.buttons) == ("Which **tea**?", ("Green", "Black"))
    (call,) = slack.simulator.calls("chat.postMessage")
    assert call.parameters["text"] == "Which **tea**?"
    first, second = call.parameters["blocks"][1]["elements"]
    assert (first["value"], second["action_id"]) == ("q:q1:0", "q:q1:1")


@pytest.mark.parametrize("count", [26, 60, 125, 300])
async def test_more_options_than_a_row_holds(slack: Sender, count: int) -> None:
    options = tuple(f"Option {n} " + "that is long " * 20 for n in range(count))
    await slack.send("Which?\n" + "word " * 500, options=options, markdown=False)
    (message,) = slack.seen()
    assert len(message.buttons) == min(count, 125)
    assert "2. Option 1 that is long" in message.text
    assert message.buttons[1].startswith("2. Option 1 that is")


async def test_a_question_without_options_is_a_text(slack: Sender) -> None:
    asked = slack.delivery("Your name?", options=("x",))
    assert asked.question is not None
    await slack.sending.send(replace(asked, question=replace(asked.question, options=())))
    assert slack.seen()[0].buttons == ()


# Previews become answers


@pytest.mark.parametrize("markdown", [True, False])
async def test_a_message_becomes_the_answer(slack: Sender, markdown: bool) -> None:
    message_id = await slack.send("so far", slack.direct)
    answer = slack.delivery(
        "the *end*", slack.direct, markdown=markdown, options=("Yes", "No"), replaces=message_id
    )
    assert await slack.sending.send(answer) == Sent(platform_id=message_id)
    (message,) = slack.seen(slack.direct)
    assert (message.text, message.buttons) == ("the *end*", ("Yes", "No"))


async def test_an_answer_whose_preview_is_gone_is_sent_anew(slack: Sender) -> None:
    message_id = await slack.send("so far")
    await slack.api.call("chat.delete", channel=slack.channel.id, ts=message_id)
    sent = await slack.sending.send(slack.delivery("the end", replaces=message_id))
    (message,) = slack.seen()
    assert (message.text, message.message_id) == ("the end", sent.platform_id)
    assert sent.platform_id != message_id


async def test_a_file_comes_instead_of_its_preview(slack: Sender) -> None:
    message_id = await slack.send("so far")
    file = slack.host.files.put("tea.txt", b"green")
    await slack.sending.send(slack.carrying(file, replaces=message_id))
    (message,) = slack.seen()
    assert message.files[0].content == b"green"


async def test_a_preview_can_be_taken_back(slack: Sender) -> None:
    message_id = await slack.send("so far")
    await slack.sending.retract(slack.address(), message_id)
    assert slack.seen() == []


# Files


@pytest.mark.parametrize("place", ["direct", "channel", "thread"])
async def test_a_file_with_its_text(slack: Sender, place: str) -> None:
    where: SimulatedPlace = getattr(slack, place)
    file = slack.host.files.put("plan.png", b"\x89PNG" * 999, "image/png")
    await slack.sending.send(slack.carrying(file, "a & b", where))
    (message,) = slack.seen(where)
    assert message.text == "a & b"
    assert [(f.name, f.content) for f in message.files] == [("plan.png", b"\x89PNG" * 999)]
    assert message.reply_to == (where.id if place == "thread" else None)


async def test_a_file_that_is_gone_is_not_sent(slack: Sender) -> None:
    file = slack.host.files.put("plan.png", b"x")
    slack.host.files.contents.clear()
    with pytest.raises(Rejected, match="gone"):
        await slack.sending.send(slack.carrying(file))


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "upload"])
@pytest.mark.parametrize("fault", [Fault.RESET, Fault.RESET_AFTER_ACCEPT, Fault.SERVER_ERROR])
async def test_an_upload_that_breaks_was_seen_by_nobody(
    slack: Sender, method: str, fault: Fault
) -> None:
    file = slack.host.files.put("plan.png", b"x")
    slack.simulator.fail_next(fault, method=method)
    delivery = slack.carrying(file)
    with pytest.raises(NotAccepted):
        await slack.sending.send(delivery)
    await slack.sending.send(delivery)
    assert len(slack.seen()) == 1


async def test_without_the_scope_a_file_does_not_hold_up_the_rest() -> None:
    async with sender(scopes=DEFAULT_SCOPES - {"files:write"}) as slack:
        file = slack.host.files.put("plan.png", b"x")
        with pytest.raises(Rejected, match="files:write"):
            await slack.sending.send(slack.carrying(file))


# Verdicts

VERDICTS: list[tuple[Fault, type[Exception], bool]] = [
    (Fault.RATE_LIMIT, RateLimited, False),
    (Fault.SERVER_ERROR, OutcomeUnknown, False),
    (Fault.TIMEOUT_AFTER_ACCEPT, OutcomeUnknown, True),
    (Fault.RESET, OutcomeUnknown, False),
    (Fault.RESET_AFTER_ACCEPT, OutcomeUnknown, True),
    (Fault.TRUNCATED_BODY, OutcomeUnknown, True),
    (Fault.MALFORMED, OutcomeUnknown, False),
    (Fault.BLOCKED, RecipientGone, False),
]


def test_every_fault_is_judged() -> None:
    assert {fault for fault, _, _ in VERDICTS} == set(Fault)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.slack.api.TIMEOUT", aiohttp.ClientTimeout(0.1))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("place", ["direct", "channel", "thread"])
@pytest.mark.parametrize(("fault", "verdict", "accepted"), VERDICTS)
async def test_a_fault_is_judged_and_what_may_have_arrived_is_found(
    slack: Sender, fault: Fault, verdict: type[Exception], accepted: bool, place: str
) -> None:
    where: SimulatedPlace = getattr(slack, place)
    await slack.send("before", where)
    slack.simulator.fail_next(fault, retry_after=0.5)
    delivery = slack.delivery("in doubt", where)
    with pytest.raises(verdict) as caught:
        await slack.sending.send(delivery)
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 0.5
    slack.restart()
    await slack.send("after", where)
    found = await slack.sending.settle(delivery, slack.seen(where)[0].message_id)
    stands = [m.message_id for m in slack.seen(where) if m.text == "in doubt"]
    assert len(stands) == accepted
    assert found == (Sent(platform_id=stands[0]) if accepted else None)


async def test_nobody_there(slack: Sender) -> None:
    await slack.simulator.outage(True)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await slack.send()


# In private


def confided(slack: Sender, text: str = "for you", file: Attachment | None = None) -> Delivery:
    private = places.private_address(Participant(id=slack.ann.id))
    assert private is not None
    return replace(slack.delivery(text, markdown=False), address=private, attachment=file)


async def test_what_is_for_one_person_goes_to_their_own_chat(slack: Sender) -> None:
    file = slack.host.files.put("export.zip", b"PK")
    await slack.sending.send(confided(slack))
    await slack.sending.send(confided(slack, "", file))
    one, two = slack.seen(slack.direct)
    assert (one.text, two.files[0].content) == ("for you", b"PK")
    assert not slack.seen()
    # Which chat it is, is asked once.
    assert slack.methods().count("conversations.open") == 1


async def test_what_was_for_one_person_is_found_in_their_own_chat(slack: Sender) -> None:
    delivery = confided(slack)
    sent = await slack.sending.send(delivery)
    slack.restart()
    assert await slack.sending.settle(delivery, "") == sent


async def test_without_the_scope_texts_arrive_and_files_are_refused() -> None:
    async with sender(scopes=DEFAULT_SCOPES - {"im:write"}) as slack:
        await slack.sending.send(confided(slack))
        assert [message.text for message in slack.seen(slack.direct)] == ["for you"]
        file = slack.host.files.put("export.zip", b"PK")
        with pytest.raises(Rejected, match="im:write"):
            await slack.sending.send(confided(slack, "", file))


def test_only_people_have_a_chat_of_their_own() -> None:
    assert places.private_address(Participant(id="B0123")) is None
    assert places.private_address(Participant(id="unknown")) is None
