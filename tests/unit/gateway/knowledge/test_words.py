"""What people ask for finds what is meant, in every script, and is never read as a command."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.knowledge import words


def found(text: str, asked: str) -> bool:
    """Whether a passage with this text answers to this question."""
    database = sqlite3.connect(":memory:")
    try:
        database.execute(f'CREATE VIRTUAL TABLE words USING fts5 (t, tokenize="{words.TOKENIZER}")')
        database.execute("INSERT INTO words VALUES (?)", (words.fold(text),))
        expression = words.query(asked)
        if not expression:
            return False
        rows = database.execute("SELECT 1 FROM words WHERE words MATCH ?", (expression,))
        return rows.fetchone() is not None
    finally:
        database.close()


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Every holiday counts.", "Holidays?"),
        ("Our policies", "policy"),
        ("the policy", "POLICIES"),
        ("Bookings are free", "booking"),
        ("She requested it", "requesting"),
        ("Die Kündigungsfrist", "Kündigung"),
        ("Die Kündigungsfrist", "kundigungsfristen"),
        ("Urlaubsantrag stellen", "Urlaub"),
        ("Straße", "STRASSE"),
        ("cafe\u0301", "CAFÉ"),
        ("naïve", "naive"),
        ("Đà Nẵng", "nang"),
        ("Ελλάδα", "ΕΛΛΆΔΑ"),
        ("Йогурт и молоко", "йогурты"),
        ("ﬁle № ５", "file 5"),
        ("error E1234_x happened", "e1234_x"),
        ("東京本社の休暇規定", "休暇"),
        ("東京本社の休暇規定", "休暇は何日ですか"),
        ("東京本社の休暇規定", "京"),
        ("휴가는 이십일입니다", "휴가를"),
        ("การลาพักร้อนของพนักงาน", "พักร้อน"),
        ("छुट्टी की नीति", "छुट्टी"),
        ("سياسة الإجازات السنوية", "الإجازات"),
        ("what it is", "what is it"),
    ],
)
def test_what_is_meant_is_found(text: str, asked: str) -> None:
    assert found(text, asked)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Every holiday counts.", "salary"),
        ("what is the rule for it", "what is the canteen"),
        ("東京本社の休暇規定", "大阪"),
        ("छुट्टी की नीति", "छात"),
        ("cat", "category"),
        ("anything", ""),
        ("anything", "?!* \"'"),
    ],
)
def test_what_is_not_meant_is_not(text: str, asked: str) -> None:
    assert not found(text, asked)


@pytest.mark.parametrize(
    "asked",
    [
        'alpha" OR "beta',
        "t: beta",
        "alpha AND NOT alpha",
        "NEAR(alpha beta",
        "^*",
        "{t}: x",
        "-beta",
    ],
)
def test_no_question_is_a_command(asked: str) -> None:
    """Each sign of FTS5's own language is no more than a gap between words."""
    assert found("alpha", asked) == ("alpha" in asked)


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=40), asked=st.text(max_size=40))
def test_no_text_is_an_error(text: str, asked: str) -> None:
    clean = text.encode("utf-8", "ignore").decode().replace("\0", "")
    found(clean, asked)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=12))
def test_every_word_finds_itself(word: str) -> None:
    assert found(f"before {word} after", word)


def test_a_question_has_its_bounds() -> None:
    asked = words.query(" ".join(f"word{n}" for n in range(1000)))
    assert asked.count(" OR ") < words.MOST_TERMS
    assert len(words.query("x" * 5000)) < 200


def test_what_long_words_have_inside() -> None:
    assert words.insides("Welche Frist gilt, kuendigen?") == [
        "welch", "frist", "kuendig", "kundig",
    ]  # fmt: skip
    assert words.insides("ab 休暇休暇休暇") == []
