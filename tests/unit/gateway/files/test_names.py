"""Names that people, platforms and attackers give their files."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.files.names import in_words, safe_name


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("notes.pdf", "notes.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("C:\\fakepath\\cat.png", "cat.png"),
        ("/etc/", "etc"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        ("../..", "file"),
        (" \t\n", "file"),
        ("\0", "file"),
        ("\u202e\u200b\ufeff", "file"),
        ("\u200d", "file"),
        ("photo.png\0.exe", "photo.png.exe"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("a\u2066b\u2069c.txt", "abc.txt"),
        ("a\r\nSet-Cookie: x.txt", "a Set-Cookie: x.txt"),
        ("a\u2028b\u00a0c.txt", "a b c.txt"),
        ("\x1b[31mred.txt", "[31mred.txt"),
        ("\ud800lone.txt", "lone.txt"),
        ("trailing. . ", "trailing"),
        (".gitignore", ".gitignore"),
        ("cafe\u0301.txt", "café.txt"),
        (
            "👩\u200d👩\u200d👧 \U0001f1eb\U0001f1ee.png",
            "👩\u200d👩\u200d👧 \U0001f1eb\U0001f1ee.png",
        ),
        ('"><script>.png', '"><script>.png'),
    ],
)
def test_what_a_file_is_called(given_name: str, safe: str) -> None:
    assert safe_name(given_name) == safe


@pytest.mark.parametrize(
    ("given_name", "ending"),
    [
        ("a" * 10_000 + ".pdf", "a.pdf"),
        ("👾" * 10_000 + ".jpeg", "👾.jpeg"),
        ("a." + "b" * 10_000, "b"),
        ("x" * 9_999 + "/" + "y" * 300 + ".png", "y.png"),
    ],
)
def test_a_long_name_keeps_its_extension(given_name: str, ending: str) -> None:
    safe = safe_name(given_name)
    assert len(safe) == 200
    assert safe.endswith(ending)


@given(st.text(alphabet=st.characters(), max_size=400))
def test_no_name_deceives(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe) <= 200
    assert not set("/\\\0") & set(safe)
    assert safe not in {".", ".."}
    hidden = [c for c in safe if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert set(hidden) <= {"\u200c", "\u200d"}
    assert safe.encode()
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("size", "words"),
    [(10_485_760, "10 MB"), (1_500_000, "1.4 MB"), (2048, "2 KB"), (100, "100 bytes")],
)
def test_a_limit_in_words(size: int, words: str) -> None:
    assert in_words(size) == words
