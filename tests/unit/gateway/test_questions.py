"""What answers a question."""

from __future__ import annotations

import pytest

from gateway.domain import (
    Action,
    Address,
    Conversation,
    ConversationKind,
    Inbound,
    Participant,
    Press,
    Question,
    QuestionKind,
)
from gateway.ports.agent import Ask
from gateway.questions import Match, match, options


def asked(kind: QuestionKind, *labels: str, expires_at: float | None = None) -> Question:
    return Question(
        id="q1",
        session_id="s",
        task_id="t",
        addressee="ada",
        kind=kind,
        text="?",
        options=labels,
        expires_at=expires_at,
    )


def said(text: str = "", *, who: str = "ada", press: Press | None = None) -> Inbound:
    return Inbound(
        event_id="1",
        conversation=Conversation(kind=ConversationKind.GROUP, id="g"),
        participant=Participant(id=who),
        address=Address(destination="g"),
        text=text,
        press=press,
        action=Action.PRESS if press else Action.MESSAGE,
    )


COLOURS = asked(QuestionKind.CHOICE, "Red", "Dark blue", expires_at=50.0)
APPROVAL = asked(QuestionKind.APPROVAL, "Yes", "No")
FREE = asked(QuestionKind.TEXT)


def option(found: Match) -> int | None:
    assert found.answer is not None
    return found.answer.option


@pytest.mark.parametrize(
    ("text", "expected"), [("red", 0), (" Dark Blue ", 1), ("2", 1), ("1", 0), ("RED", 0)]
)
def test_a_choice_is_typed_by_label_or_number(text: str, expected: int) -> None:
    assert option(match([COLOURS], said(text), 1.0)) == expected


@pytest.mark.parametrize("text", ["green", "0", "3", "", "²", "redder"])
def test_any_other_text_is_an_ordinary_turn(text: str) -> None:
    assert match([COLOURS], said(text), 1.0) == Match()


@pytest.mark.parametrize(("text", "approved"), [("yes", True), ("OK", True), ("n", False)])
def test_an_approval_takes_plain_words(text: str, approved: bool) -> None:
    found = match([APPROVAL], said(text), 1.0)
    assert found.answer is not None
    assert found.answer.approved is approved


def test_a_free_question_takes_the_next_text_of_its_addressee_only() -> None:
    found = match([FREE], said(" Lovelace "), 1.0)
    assert found.answer is not None
    assert found.answer.text == "Lovelace"
    assert match([FREE], said("Lovelace", who="bob"), 1.0) == Match()
    assert match([FREE], said("   "), 1.0) == Match()


def test_a_button_answers() -> None:
    found = match([FREE, COLOURS], said(press=Press(question_id="q1", option=1)), 1.0)
    assert found.too_late  # the free question has that id too, and no options
    assert option(match([COLOURS], said(press=Press(question_id="q1", option=1)), 1.0)) == 1


@pytest.mark.parametrize(
    ("press", "who", "now", "words"),
    [
        (Press(question_id="gone", option=0), "ada", 1.0, "no longer open"),
        (Press(question_id="q1", option=2), "ada", 1.0, "no longer open"),
        (Press(question_id="q1", option=0), "bob", 1.0, "somebody else"),
        (Press(question_id="q1", option=0), "ada", 51.0, "expired"),
    ],
)
def test_a_late_or_foreign_button_is_told_so(
    press: Press, who: str, now: float, words: str
) -> None:
    found = match([COLOURS], said(who=who, press=press), now)
    assert found.answer is None
    assert words in found.too_late


def test_an_expired_question_takes_no_text() -> None:
    assert match([COLOURS], said("red"), 51.0) == Match()


def test_what_is_offered() -> None:
    assert options(Ask(text="?", kind=QuestionKind.APPROVAL)) == ("Yes", "No")
    assert options(Ask(text="?", kind=QuestionKind.CHOICE, options=("a",))) == ("a",)
    assert options(Ask(text="?", options=("a",))) == ()
