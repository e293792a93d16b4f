"""What a turn saw and what was said in it, made into effects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway import turn
from gateway.commands import Decision
from gateway.domain import (
    Address,
    Answer,
    Attachment,
    Conversation,
    ConversationKind,
    Inbound,
    Outcome,
    Participant,
    Question,
    QuestionKind,
    Quote,
    Role,
    Session,
    TaskState,
)
from gateway.ports.adapter import Part
from gateway.ports.agent import Ask
from gateway.ports.records import Hold, QuestionEnd, RowEnd
from gateway.seen import Said, Seen

SESSION = Session(
    id="s",
    lane_id="l",
    channel="c",
    agent="a",
    owner="o",
    conversation=Conversation(kind=ConversationKind.DIRECT, id="7"),
    created_at=1.0,
    last_activity=1.0,
    message_count=2,
    last_number=5,
    version=3,
)
PICTURE = Attachment(name="sun.png", media_type="image/png", size=1234, id="f1")


class Narrow:
    """A channel that takes four characters at once, and pictures."""

    def spell(self, text: str, question: Question | None, address: Address) -> str:
        return text

    def split(self, text: str, *, markdown: bool) -> list[Part]:
        pieces = [text[i : i + 4] for i in range(0, len(text), 4)]
        return [Part(text=piece, format={"markdown": markdown}) for piece in pieces]

    def carries(self, attachment: Attachment) -> bool:
        return attachment.kind == "image"


QUESTION = Question(
    id="q", session_id="s", task_id="t0", addressee="ada", kind=QuestionKind.TEXT, text="Who?"
)
SEEN = Seen(
    turn_id="turn",
    task_id="t1",
    row_id="r1",
    folded=(),
    hold=Hold(lane_id="l", fence=4),
    channel="c",
    inbound=Inbound(
        event_id="1",
        conversation=SESSION.conversation,
        participant=Participant(id="ada", name="Ada"),
        address=Address(destination="7", data={"chat_id": 7}),
        text="hello",
    ),
    session=SESSION,
    now=100.0,
    said_at=90.0,
    way=Narrow(),
)


def test_an_answer_is_one_commit() -> None:
    effects, session = turn.answer(SEEN, Said(text="goodbye"), ())
    user, reply = (entry.message for entry in effects.entries)
    assert (user.number, user.role, user.text, user.sender, user.created_at) == (
        6,
        Role.USER,
        "hello",
        "Ada",
        90.0,
    )
    assert (reply.number, reply.role, reply.text) == (7, Role.ASSISTANT, "goodbye")
    assert effects.rows == (RowEnd(row_id="r1", outcome=Outcome.ANSWERED, task_id="t1"),)
    assert [task.state for task in effects.tasks] == [TaskState.COMPLETED]
    assert [d.text for d in effects.deliveries] == ["good", "bye"]
    assert [d.part for d in effects.deliveries] == [0, 1]
    assert {d.address.destination for d in effects.deliveries} == {"7"}
    assert effects.release
    assert effects.sessions == (session,)
    assert (session.message_count, session.last_number, session.version) == (4, 7, 4)
    assert session.last_activity == 100.0


def test_only_what_an_agent_says_is_markdown() -> None:
    answered, _ = turn.answer(SEEN, Said(text="*hi*"), ())
    told, _ = turn.notice(SEEN, "*no*", Outcome.REFUSED, ())
    listed = turn.command(SEEN, Decision(say="*/h*"), ())
    later = turn.retry(SEEN, not_before=1.0, refund=True, tell="*so*")
    shown = [
        [delivery.format["markdown"] for delivery in effects.deliveries]
        for effects in (answered, told, listed, later)
    ]
    assert shown == [[True], [False], [False], [False]]


def test_files_follow_the_text_and_what_cannot_be_carried_is_told() -> None:
    letter = Attachment(name="a.pdf", media_type="application/pdf", size=5000, id="f2")
    effects, _ = turn.answer(SEEN, Said(text="see", attachments=(PICTURE, letter)), ())
    sent = [(d.text, d.attachment) for d in effects.deliveries]
    assert sent[:2] == [("see", None), ("", PICTURE)]
    words = "".join(text for text, _ in sent[2:])
    assert words == "[a.pdf, 5,000 bytes: it cannot be sent here]"
    assert all(file is None for _, file in sent[2:])
    assert effects.entries[-1].message.attachments == (PICTURE, letter)
    assert [d.part for d in effects.deliveries] == list(range(len(sent)))


def test_a_file_alone_is_an_answer() -> None:
    effects, _ = turn.answer(SEEN, Said(attachments=(PICTURE,)), ())
    assert effects.rows[0].outcome is Outcome.ANSWERED
    assert [(d.text, d.attachment) for d in effects.deliveries] == [("", PICTURE)]
    assert effects.entries[-1].message.text == ""


def test_the_message_is_kept_with_its_files_quote_and_origin() -> None:
    quote = Quote(text="before", sender="Bob")
    inbound = replace(SEEN.inbound, attachments=(PICTURE,), quote=quote)
    effects, _ = turn.answer(replace(SEEN, inbound=inbound, origin="7/12"), Said(text="x"), ())
    kept = effects.entries[0].message
    assert (kept.attachments, kept.quote, kept.origin) == ((PICTURE,), quote, "7/12")


def test_what_is_said_at_the_end_becomes_the_preview() -> None:
    seen = replace(SEEN, preview="m9")
    answered, _ = turn.answer(seen, Said(text="12345"), ())
    told, _ = turn.notice(seen, "no", Outcome.FAILED, ())
    early, after = turn.publish(seen, "one")
    later = turn.retry(seen, not_before=1.0, refund=True, tell="wait")
    picture, _ = turn.answer(seen, Said(attachments=(PICTURE,)), ())
    assert [d.replaces for d in answered.deliveries] == ["m9", ""]
    assert [d.replaces for d in told.deliveries] == ["m9"]
    for effects in (early, later, picture):
        assert [d.replaces for d in effects.deliveries] == [""] * len(effects.deliveries)
    assert after.preview == "m9"


def test_what_was_said_until_a_stop_is_kept() -> None:
    seen = replace(SEEN, preview="m9")
    effects, _ = turn.notice(seen, "Stop", Outcome.CANCELLED, (), partial="so far")
    assert [e.message.text for e in effects.entries] == ["hello", "so far"]
    assert all(e.message.in_context for e in effects.entries)
    assert [d.text for d in effects.deliveries] == ["so f", "ar", "Stop"]
    assert [d.replaces for d in effects.deliveries] == ["m9", "", ""]
    assert [d.part for d in effects.deliveries] == [0, 1, 2]
    page, _ = turn.notice(
        replace(seen, transcript=True), "Stop", Outcome.CANCELLED, (), partial="so far"
    )
    said = [(e.message.text, e.message.in_context) for e in page.entries]
    assert said == [("hello", True), ("so far", True), ("Stop", False)]


def test_a_message_that_its_author_deleted_leaves_no_trace() -> None:
    effects, session = turn.notice(SEEN, "", Outcome.CANCELLED, ())
    assert not effects.entries
    assert not effects.deliveries
    assert effects.rows[0].outcome is Outcome.CANCELLED
    assert session.message_count == SESSION.message_count


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_answer_with_nothing_to_say(text: str) -> None:
    effects, _ = turn.answer(SEEN, Said(text=text), ("r2",))
    assert effects.rows[0].outcome is Outcome.SILENT
    assert not effects.deliveries
    assert len(effects.entries) == 1
    assert effects.claim_next == ("r2",)
    assert not effects.release


def test_a_first_message_founds_the_session() -> None:
    effects, session = turn.answer(replace(SEEN, stored=False), Said(text="x"), ())
    assert effects.new_sessions == (session,)
    assert not effects.sessions


def test_only_the_first_part_starts_with_the_commit() -> None:
    effects, _ = turn.answer(replace(SEEN, start_first=True), Said(text="12345"), ())
    assert [d.started for d in effects.deliveries] == [True, False]


def test_a_question_waits_and_rides_on_its_last_part() -> None:
    ask = Ask(text="red or blue?", kind=QuestionKind.CHOICE, options=("red", "blue"))
    effects, _ = turn.answer(SEEN, Said(text="so:", ask=ask), ())
    (asked,) = effects.questions
    assert asked.addressee == "ada"
    assert [task.state for task in effects.tasks] == [TaskState.INPUT_REQUIRED]
    assert [d.question for d in effects.deliveries] == [None, None, None, asked]
    assert [d.part for d in effects.deliveries] == [0, 1, 2, 3]
    assert effects.entries[-1].message.question_id == asked.id


def test_an_answered_question_ends_and_a_new_one_replaces_its_predecessor() -> None:
    seen = replace(
        SEEN, open_questions=(QUESTION,), answer=Answer(question=QUESTION, text="Lovelace")
    )
    effects, _ = turn.answer(seen, Said(text="ok"), ())
    ended = QuestionEnd(question_id="q", state="answered", answer="Lovelace")
    assert effects.question_ends == (ended,)
    assert effects.entries[0].message.text == "Lovelace"
    seen = replace(SEEN, open_questions=(QUESTION,))
    effects, _ = turn.answer(seen, Said(ask=Ask(text="Again?")), ())
    assert effects.question_ends == (QuestionEnd(question_id="q", state="cancelled"),)


def test_an_expired_question_ends_with_the_next_turn() -> None:
    seen = replace(SEEN, open_questions=(replace(QUESTION, expires_at=99.0),))
    effects, _ = turn.answer(seen, Said(text="ok"), ())
    assert effects.question_ends == (QuestionEnd(question_id="q", state="expired"),)


def test_publishing_early_writes_what_was_said_once() -> None:
    first, seen = turn.publish(replace(SEEN, stored=False), "one")
    assert [e.message.text for e in first.entries] == ["hello", "one"]
    assert first.new_sessions
    assert not first.rows
    assert not first.release
    second, seen = turn.publish(seen, "two")
    assert [e.message.number for e in second.entries] == [8]
    assert second.sessions
    final, session = turn.answer(seen, Said(text="end", published=True), ())
    assert [e.message.text for e in final.entries] == ["end"]
    assert session.last_number == 9
    assert session.version == 6


def test_a_published_turn_with_no_last_word_is_answered() -> None:
    _, seen = turn.publish(SEEN, "one")
    effects, _ = turn.answer(seen, Said(published=True), ())
    assert effects.rows[0].outcome is Outcome.ANSWERED


def test_a_fresh_session_closes_the_old_one_in_the_same_commit() -> None:
    old = replace(SESSION, id="old")
    seen = replace(SEEN, stored=False, closes=old, open_questions=(QUESTION,))
    effects, session = turn.answer(seen, Said(text="hi"), ())
    assert effects.new_sessions == (session,)
    assert effects.sessions == (replace(old, ended_at=100.0),)
    assert effects.question_ends == (QuestionEnd(question_id="q", state="cancelled"),)
    published, after = turn.publish(seen, "early")
    assert published.sessions == (replace(old, ended_at=100.0),)
    later, _ = turn.answer(after, Said(text="hi"), ())
    assert not later.question_ends
    assert old.id not in {s.id for s in later.sessions}


def test_a_command_never_enters_what_agents_see() -> None:
    effects = turn.command(SEEN, Decision(say="status"), ())
    assert not effects.entries
    assert [d.text for d in effects.deliveries] == ["stat", "us"]
    shown = turn.command(replace(SEEN, transcript=True), Decision(say="status"), ())
    assert [e.message.in_context for e in shown.entries] == [False, False]
    assert not shown.deliveries
    assert shown.sessions[0].message_count == 2


def test_what_is_private_is_said_apart() -> None:
    private = Address(destination="alone")
    decision = Decision(say="numbers", aside="see", private=private, attachments=(PICTURE,))
    seen = replace(SEEN, preview="p1", start_first=True)
    here, *there = turn.command(seen, decision, ()).deliveries
    assert (here.text, here.address, here.replaces, here.started) == (
        "see",
        SEEN.inbound.address,
        "p1",
        True,
    )
    assert [(d.text, d.attachment) for d in there] == [
        ("numb", None),
        ("ers", None),
        ("", PICTURE),
    ]
    assert all(d.address == private for d in there)
    assert not any(d.replaces or d.started for d in there)
    assert [d.part for d in (here, *there)] == [0, 1, 2, 3]


def test_a_page_shows_what_a_command_hands_out() -> None:
    seen = replace(SEEN, transcript=True)
    effects = turn.command(seen, Decision(say="here", attachments=(PICTURE,)), ())
    assert effects.entries[-1].message.attachments == (PICTURE,)


def test_what_was_erased_is_not_written_again() -> None:
    seen = replace(SEEN, open_questions=(QUESTION,))
    effects = turn.command(seen, Decision(say="done", erased=True), ())
    assert not any((effects.sessions, effects.entries, effects.tasks, effects.question_ends))
    assert effects.deliveries
    emptied = replace(SEEN.session, message_count=0, last_number=9, version=7, name="")
    decision = Decision(say="done", erased=True, remains=emptied)
    shown = turn.command(replace(seen, transcript=True), decision, ())
    (entry,) = shown.entries
    assert (entry.message.number, entry.message.text) == (10, "done")
    assert (shown.sessions[0].version, shown.sessions[0].message_count) == (8, 0)


def test_reset_ends_the_session_and_cancels_its_questions() -> None:
    seen = replace(SEEN, open_questions=(QUESTION,))
    effects = turn.command(seen, Decision(say="done", end_session=True), ())
    assert effects.sessions[0].ended_at == 100.0
    assert effects.question_ends == (QuestionEnd(question_id="q", state="cancelled"),)


def test_a_command_before_any_session_makes_none() -> None:
    effects = turn.command(replace(SEEN, stored=False), Decision(say="x", end_session=True), ())
    kept = (effects.sessions, effects.new_sessions, effects.tasks, effects.entries)
    assert not any(kept)


@pytest.mark.parametrize(
    ("outcome", "state", "kept"),
    [
        (Outcome.CANCELLED, TaskState.CANCELED, 1),
        (Outcome.REFUSED, TaskState.REJECTED, 0),
        (Outcome.FAILED, TaskState.FAILED, 0),
    ],
)
def test_a_turn_without_an_answer_says_why(outcome: Outcome, state: TaskState, kept: int) -> None:
    effects, _ = turn.notice(SEEN, "why", outcome, ())
    assert [task.state for task in effects.tasks] == [state]
    assert effects.rows[0].outcome is outcome
    assert len(effects.entries) == kept
    assert [d.text for d in effects.deliveries] == ["why"]


def test_a_dead_row_and_a_stop_row() -> None:
    effects, _ = turn.notice(SEEN, "why", Outcome.FAILED, (), dead=True)
    assert not effects.rows
    assert effects.dead[0].row_id == "r1"
    stop = RowEnd(row_id="stop", outcome=Outcome.ANSWERED, task_id="t2")
    effects, _ = turn.notice(SEEN, "Stopped.", Outcome.CANCELLED, (), stop=stop)
    assert effects.rows[-1] == stop


def test_a_failed_first_message_founds_no_session() -> None:
    effects, _ = turn.notice(replace(SEEN, stored=False), "why", Outcome.FAILED, ())
    assert not any((effects.new_sessions, effects.sessions, effects.tasks))
    assert effects.deliveries


def test_a_folded_row_takes_its_tasks_outcome() -> None:
    effects, _ = turn.answer(replace(SEEN, folded=("r2",)), Said(text="x"), ())
    assert effects.rows[1] == RowEnd(row_id="r2", outcome=Outcome.FOLDED, task_id="t1")


def test_a_retry_gives_everything_back() -> None:
    effects = turn.retry(replace(SEEN, folded=("r2",)), not_before=120.0, refund=True, tell="later")
    assert [(r.row_id, r.not_before, r.refund) for r in effects.retries] == [
        ("r1", 120.0, True),
        ("r2", 120.0, True),
    ]
    assert effects.release
    assert effects.deliveries


def test_an_anonymous_session_lives_on_by_being_used() -> None:
    seen = replace(SEEN, session=replace(SESSION, expires_at=200.0))
    _, session = turn.answer(seen, Said(text="x"), ())
    assert session.expires_at == 100.0 + turn.ANONYMOUS_LIFE


AFRESH = replace(
    SEEN, stored=False, closes=SESSION, preface="Anew.", session=replace(SESSION, id="n")
)


@pytest.mark.parametrize(
    ("partial", "told"), [("", "Anew.\n\nStopped."), ("so far", "*Anew.*\n\nso farStopped.")]
)
def test_who_stops_the_first_answer_of_a_new_session_is_told_of_it(partial: str, told: str) -> None:
    effects, _ = turn.notice(AFRESH, "Stopped.", Outcome.CANCELLED, (), partial=partial)
    assert "".join(delivery.text for delivery in effects.deliveries) == told
    assert [session.id for session in effects.new_sessions] == ["n"]
    assert [session.id for session in effects.sessions] == ["s"]
    assert "Anew." not in "".join(entry.message.text for entry in effects.entries)


def test_what_begins_no_session_says_nothing_of_one() -> None:
    for text, outcome in (("No.", Outcome.REFUSED), ("", Outcome.CANCELLED)):
        effects, _ = turn.notice(AFRESH, text, outcome, ())
        assert "".join(delivery.text for delivery in effects.deliveries) == text
        assert not effects.sessions
        assert not effects.new_sessions
