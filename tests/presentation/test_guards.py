"""The checks notice it when a guard is taken away."""

from __future__ import annotations

import re
from typing import Any

import pytest

from adapters.discord import markdown as discord
from adapters.discord import outbound as discord_outbound
from adapters.slack import inert, links
from adapters.slack import outbound as slack_outbound
from adapters.telegram import cutting as telegram_cutting
from adapters.telegram import markdown as telegram
from adapters.twilio import marking, markup, plain
from gateway.presentation import dialect, writer
from tests.presentation.properties import check_answer, check_literal, check_soup

NEVER = re.compile(r"(?!)")
LONG = "rose " * 2600
BOLD = " ".join(f"**w{number}x**" for number in range(300))
TRAP = "[bank.example](https://trap.example/)"
PRIVATE = "https://rose.example/_private_/~user"

GUARDS: list[tuple[str, Any, str, Any, str]] = [
    # What a text says is no mark.
    ("whatsapp", marking, "_harmless", lambda said, place: said[place], r"\*w1x\*"),
    ("whatsapp", marking, "_begun", str, "w1x\n\\> w2x"),
    ("whatsapp", marking, "_code", lambda code: f"```{code}```", "~~~\n```\n~~~"),
    ("discord", discord, "with_fences", str, "    **w1x**"),
    ("discord", discord, "_SMALL", NEVER, "-# w1x"),
    ("discord", discord, "_SPECIAL", NEVER, "&#42;&#42;w1x&#42;&#42;"),
    ("discord", discord, "_RULE", NEVER, "***\n\n***w1x***"),
    # Marks that hold nowhere are left out.
    ("whatsapp", marking._Line, "_stands", lambda line, mark: True, "un**w1x**able"),
    # Nothing is lost.
    ("telegram", writer._BLOCKS, "code_block", lambda *_: None, "w1x\n\n    w2x"),
    # Addresses are the same to the letter, and stand apart.
    ("whatsapp", marking, "_URL", NEVER, f"see {PRIVATE}"),
    ("telegram", dialect._Parser, "normalizeLinkText", lambda _, url: url + "%", f"<{PRIVATE}>"),
    ("telegram", writer.Writer, "_stand_apart", lambda _: None, f"w1x/<{PRIVATE}>"),
    ("telegram", writer, "_AFTER", re.compile("()"), f"<{PRIVATE}>/w1x"),
    ("slack", links, "_AFTER", re.compile(""), f"{TRAP}/w1x"),
    # Nobody is called, and nothing misled to.
    ("slack", inert, "_MARK", re.compile(r"(?P<open>(?!))"), "<!here>"),
    ("slack", inert, "_EVERYBODY", NEVER, "@here"),
    ("slack", links, "_addresses", lambda words: [], TRAP),
    ("telegram", writer, "misleading", lambda words, url: False, TRAP),
    ("telegram", telegram, "_LINK", re.compile(".*"), "[w1x](tg://user?id=1)"),
    ("discord", discord, "_ADDRESS_LIKE", NEVER, TRAP),
    # All fits.
    ("telegram", telegram_cutting, "MAX_TEXT", 10**6, LONG),
    ("discord", discord_outbound, "MAX_TEXT", 10**6, LONG),
    ("slack", slack_outbound, "MAX_PART", 10**6, LONG),
    ("whatsapp", markup, "fits", lambda *_: True, BOLD),
    ("sms", plain, "plain_parts", lambda text, limit: [text], LONG),
]


@pytest.mark.parametrize(
    ("platform", "where", "name", "instead", "text"),
    GUARDS,
    ids=[f"{platform}-{name}" for platform, _, name, *_ in GUARDS],
)
def test_a_guard_that_is_away_is_missed(
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    where: Any,
    name: str,
    instead: Any,
    text: str,
) -> None:
    check_answer(text)
    if isinstance(where, dict):
        monkeypatch.setitem(where, name, instead)
    else:
        monkeypatch.setattr(where, name, instead)
    with pytest.raises(AssertionError) as missed:
        check_answer(text)
    assert missed.value.__notes__[0] == f"on {platform}"


def test_a_sign_that_a_notice_says_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    check_literal("*w1x*")
    monkeypatch.setattr(marking, "_harmless", lambda said, place: said[place])
    with pytest.raises(AssertionError):
        check_literal("*w1x*")


def test_an_error_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "MAX_NESTING", "deep")
    dialect._parser.cache_clear()
    with pytest.raises(TypeError):
        check_soup("**w1x**")
    monkeypatch.undo()
    dialect._parser.cache_clear()
