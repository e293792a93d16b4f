"""What people write is kept as it is, but for what no database takes."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import Conversation, ConversationKind
from gateway.store.text import clean, dumps, key, loads

PROPER = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
ANYTHING = st.text(st.characters(codec=None, categories=None)) | st.text("a\0\ud800\udc00\ufffd")


@given(ANYTHING)
def test_clean_text_is_utf8_without_nul(text: str) -> None:
    assert b"\0" not in clean(text).encode()


@given(st.text())
def test_proper_text_is_left_alone(text: str) -> None:
    assert clean(text) == text.replace("\0", "\ufffd")


def test_two_halves_of_a_character_are_joined() -> None:
    assert clean("\ud83d\ude00") == "\N{GRINNING FACE}"


@given(ANYTHING, ANYTHING)
def test_keys_that_differ_still_differ(one: str, other: str) -> None:
    assert (key(one) == key(other)) is (one == other)
    assert clean(key(one)) == key(one)


@given(st.recursive(st.none() | st.integers(-9, 9) | ANYTHING, st.lists))
def test_json_of_anything_can_be_kept(value: object) -> None:
    text = dumps({"value": value})
    assert b"\\u0000" not in text.encode()
    loads(text)


@given(st.dictionaries(PROPER, st.lists(PROPER)))
def test_proper_json_is_left_alone(value: dict[str, list[str]]) -> None:
    assert loads(dumps(value)) == value


def test_values_are_cleaned_too() -> None:
    place = Conversation(kind=ConversationKind.DIRECT, id="a\ud800", title="b\0")
    assert loads(dumps(place)) == {
        "kind": "direct",
        "id": "a\ufffd",
        "parent_id": None,
        "title": "b\ufffd",
        "begins": None,
        "private": False,
    }


def test_what_is_no_json_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        dumps({"x": object()})
    assert issubclass(orjson.JSONEncodeError, TypeError)
