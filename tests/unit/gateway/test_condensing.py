"""The built-in summariser."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.condensing import KEPT_CHARACTERS, TOPICS, condense
from gateway.domain import Message, Role, Summary


def said(number: int, text: str, *, who: str = "Ada", role: Role = Role.USER) -> Message:
    sender = who if role is Role.USER else ""
    return Message(number=number, role=role, text=text, created_at=0.0, sender=sender)


def talk(*texts: str) -> list[Message]:
    return [said(number, text) for number, text in enumerate(texts, start=1)]


def test_it_keeps_what_was_said_and_who_said_it_in_order() -> None:
    messages = [
        said(1, "My allergy is peanuts. Thanks!"),
        said(2, "No peanuts then.", role=Role.ASSISTANT),
        said(3, "The allergy began in Lisbon.", who="Bob"),
    ]
    made = condense(Summary(revision=7), messages, "helper")
    assert made.text.splitlines() == [
        "Ada: My allergy is peanuts.",
        "Ada: Thanks!",
        "helper: No peanuts then.",
        "Bob: The allergy began in Lisbon.",
    ]
    assert set(made.topics) == {"allergy", "peanuts"}
    assert (made.upto, made.revision) == (3, 7)


def test_what_is_talked_about_stays_and_small_talk_goes() -> None:
    chatter = [f"Well ok number {word}." for word in "abcdefghij" * 30]
    about = [f"The harbour bridge in Oslo needs {part}." for part in ("paint", "steel", "lamps")]
    messages = talk(*chatter[:150], *about, *chatter[150:])
    text = condense(Summary(), messages, "helper").text
    assert len(text) <= KEPT_CHARACTERS
    assert all(line in text for line in about)


def test_what_was_kept_before_goes_on() -> None:
    first = condense(Summary(), talk("The password of the harbour gate is Rosebud."), "helper")
    later = condense(first, [said(2, "The harbour gate is open on Sunday.")], "helper")
    assert "Rosebud" in later.text
    assert "Sunday" in later.text
    assert {"harbour", "gate"} <= set(later.topics)
    assert later.upto == 2


def test_nothing_new_leaves_it_as_it_is() -> None:
    summary = Summary(text="Ada: Hello there.", topics=("boats",), upto=4, revision=2)
    assert condense(summary, [], "helper").text == summary.text
    assert condense(summary, [], "helper").upto == 4


def test_other_scripts_are_sentences_too() -> None:
    made = condense(Summary(), talk("我叫艾达。我住在里斯本。", "Меня зовут Ада!"), "helper")
    assert len(made.text.splitlines()) == 3


@given(st.lists(st.text(max_size=400), max_size=40))
def test_whatever_is_said_it_fits_and_keeps_to_lines(texts: list[str]) -> None:
    summary = Summary()
    for start in range(0, len(texts), 10):
        messages = [said(n + 1, text) for n, text in enumerate(texts)][start : start + 10]
        summary = condense(summary, messages, "helper")
        assert len(summary.text) <= KEPT_CHARACTERS
        assert len(summary.topics) <= TOPICS
        assert all(line.startswith("Ada: ") for line in summary.text.split("\n") if line)
