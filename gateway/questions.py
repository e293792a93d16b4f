"""What answers a question that a task waits on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.domain import Answer, ConversationKind, Inbound, Question, QuestionKind
from gateway.ports.agent import Ask
from gateway.ports.records import QuestionEnd

APPROVAL_OPTIONS = ("Yes", "No")
_YES = frozenset({"yes", "y", "ok", "okay", "approve", "approved"})
_NO = frozenset({"no", "n", "deny", "denied", "reject"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """What an event means to the open questions: an answer, words for a late button, or neither."""

    answer: Answer | None = None
    too_late: str = ""


_NOTHING = Match()


def match(questions: Sequence[Question], inbound: Inbound, now: float) -> Match:
    """The open question that ``inbound`` answers, if any.

    A free question takes the addressee's next text; choices and approvals take a button, a label
    or a number, and leave any other text to be an ordinary turn.
    """
    if inbound.press is not None:
        return _pressed(questions, inbound, now)
    for question in questions:
        if is_asked(question, inbound) and not expired(question, now):
            answer = _typed(question, inbound.text)
            if answer is not None:
                return Match(answer=answer)
    return _NOTHING


def is_asked(question: Question, inbound: Inbound) -> bool:
    """Whether it is this participant who was asked; in private there is nobody else."""
    if inbound.conversation.kind is ConversationKind.DIRECT:
        return True
    return question.addressee in (inbound.participant.id, *inbound.also)


def expired(question: Question, now: float) -> bool:
    """Whether the question waited longer than it was meant to."""
    return question.expires_at is not None and question.expires_at <= now


def options(ask: Ask) -> tuple[str, ...]:
    """The labels to offer with a question."""
    if ask.kind is QuestionKind.APPROVAL:
        return ask.options or APPROVAL_OPTIONS
    return ask.options if ask.kind is QuestionKind.CHOICE else ()


def ends(
    opened: Iterable[Question],
    answer: Answer | None,
    asked: Question | None,
    *,
    closing: bool,
    now: float,
) -> tuple[QuestionEnd, ...]:
    """How open questions end with a turn: the answered one, the expired, one that a new question of
    its addressee replaces, and all of them when their session closes."""
    ended = []
    for question in opened:
        if answer and question.id == answer.question.id:
            end = QuestionEnd(question_id=question.id, state="answered", answer=answer.text)
            ended.append(end)
        elif closing:
            ended.append(QuestionEnd(question_id=question.id, state="cancelled"))
        elif expired(question, now):
            ended.append(QuestionEnd(question_id=question.id, state="expired"))
        elif asked and question.addressee == asked.addressee:
            ended.append(QuestionEnd(question_id=question.id, state="cancelled"))
    return tuple(ended)


def _pressed(questions: Sequence[Question], inbound: Inbound, now: float) -> Match:
    press = inbound.press
    question = next((q for q in questions if press and q.id == press.question_id), None)
    if question is None or press is None or press.option >= len(question.options):
        return Match(too_late="This question is no longer open.")
    if not is_asked(question, inbound):
        return Match(too_late="This question was for somebody else.")
    if expired(question, now):
        return Match(too_late="This question has expired.")
    text = question.options[press.option]
    return Match(answer=Answer(question=question, text=text, option=press.option))


def _typed(question: Question, text: str) -> Answer | None:
    said = text.strip()
    if question.kind is QuestionKind.TEXT:
        return Answer(question=question, text=said) if said else None
    option = _option(question, said.casefold())
    if option is None:
        return None
    return Answer(question=question, text=question.options[option], option=option)


def _option(question: Question, said: str) -> int | None:
    labels = [label.strip().casefold() for label in question.options]
    if said in labels:
        return labels.index(said)
    if said.isascii() and said.isdigit() and 1 <= int(said) <= len(labels):
        return int(said) - 1
    if question.kind is QuestionKind.APPROVAL:
        return 0 if said in _YES else 1 if said in _NO else None
    return None
