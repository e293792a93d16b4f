"""Small turns of phrase."""

from __future__ import annotations

import pytest

from gateway.agents import phrases


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "a moment ago"),
        (59, "a moment ago"),
        (60, "1 minute ago"),
        (7_199, "1 hour ago"),
        (7_200, "2 hours ago"),
        (86_400 * 400, "400 days ago"),
    ],
)
def test_ago(seconds: float, words: str) -> None:
    assert phrases.ago(seconds) == words


def test_short() -> None:
    assert phrases.short(" one\n two ") == "one two"
    assert phrases.short("x" * 80) == "x" * 80
    assert phrases.short("one two three", longest=5) == "one…"


def test_listed() -> None:
    assert phrases.listed(["one", "two"]) == "- one\n- two"


@pytest.mark.parametrize(
    ("fact", "reflected"),
    [
        ("my cat is Ada", "your cat is Ada"),
        ("I'm here by myself", "you're here by yourself"),
        ("the army is mine", "the army is yours"),
        ("your turn", "“your turn”"),
    ],
)
def test_reflected(fact: str, reflected: str) -> None:
    assert phrases.reflected(fact) == reflected
