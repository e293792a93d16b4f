"""Agents' Markdown as Discord shows it, and notices as they stand."""

from __future__ import annotations

import re
import time

import pytest

from adapters.discord.markdown import escaped, shown

FENCE = "```"


@pytest.mark.parametrize(
    "text",
    [
        "# One\n## Two\n### Three",
        "**bold** *it* _it_ ~~gone~~ `code` ***both***",
        "- one\n- two\n  - three\n1. four",
        "> quoted\n> - a\n>   - b",
        "```py\nx = a__b__ || [c](d)\n#### no heading\n```",
        "`a||b` and ``c`__d``",
        "[here](https://example.org/a_b)",
        "https://example.org/__init__.py and <https://example.org/a__b__>",
        "snake_case, 2 | 3, a * b",
        "\\*no\\* \\_it\\_ \\|",
        "<b>raw</b> & <br>",
    ],
)
def test_what_discord_reads_as_it_is_meant_stays(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("#### Four", "**Four**"),
        ("###### **Six** ##", "**Six**"),
        ("> ##### Five", "> **Five**"),
        ("####none", "####none"),
        ("+ one\n  + two", "- one\n  - two"),
        (">5 and\n>>> print(1)", "> 5 and\n> > > print(1)"),
        ("__bold__ and a__b__c", "**bold** and a\\_\\_b\\_\\_c"),
        ("__init__.py, __call__(x)", "\\_\\_init\\_\\_.py, \\_\\_call\\_\\_(x)"),
        ("a || b || c", "a \\|\\| b \\|\\| c"),
        ("\\(a_1 * b\\) \\[x^2\\] $$a*b*c$$", "\\\\(a\\_1 \\* b\\\\) \\\\[x^2\\\\] $$a\\*b\\*c$$"),
        ("\\[note\\]", "\\[note\\]"),
        ("one\r\n#### two\r\n", "one\n**two**\n"),
    ],
)
def test_what_discord_reads_otherwise_is_said_another_way(text: str, meant: str) -> None:
    assert shown(text) == meant


def test_a_table_stands_in_letters_of_one_width() -> None:
    table = "| a | long |\n|---|---|\n| 1 \\| 2 | [x](https://y.org) |\n"
    lines = shown(table).splitlines()
    assert lines[0] == lines[-1 if lines[-1] else -2] == FENCE
    assert lines[1].index("│") == lines[3].index("│")
    assert "https://y.org" in lines[3]


# Code.


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("~~~py title=x\na\n~~~\n__b__", "```py\na\n```\n**b**"),
        ("```\nnever closed __x__", "```\nnever closed __x__\n```"),
        ("> ```py\n> x\n> ```\n__b__", "> ```py\n> x\n> ```\n**b**"),
    ],
)
def test_code_is_fenced_as_discord_knows_it(text: str, meant: str) -> None:
    assert shown(text) == meant


def test_a_fence_in_a_fence_does_not_end_it() -> None:
    text = shown("````md\n```py\nx\n```\n````\nafter")
    assert text.count(FENCE) == 2
    assert text.replace("\u200b", "") == "```md\n```py\nx\n```\n```\nafter"


# Links.


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("![a rose](https://e.org/r.png)", "[a rose](https://e.org/r.png)"),
        ("![](https://e.org/r.png)", "https://e.org/r.png"),
        ('[t](https://e.org "more")', "[t](https://e.org)"),
        ("[t](<https://e.org/a b>)", "[t](https://e.org/a%20b)"),
        ("[t](https://e.org/R_(x))", "[t](https://e.org/R_%28x%29)"),
        ("[https://e.org/](https://e.org)", "https://e.org"),
        ("[e.org/x](https://e.org/x)", "https://e.org/x"),
        ("[Node.js](https://nodejs.org)", "[Node.js](https://nodejs.org)"),
        ("[mail](mailto:a@b.org)", "mail (mailto:a@b.org)"),
        ("[x](javascript:alert(1))", "x (javascript:alert(1))"),
        ("[x](/docs_of_it)", "x (/docs\\_of\\_it)"),
        ("[x]()", "x"),
        ("[a [b] c](https://e.org)", "[a [b] c](https://e.org)"),
        ("[not](a link", "[not](a link"),
    ],
)
def test_links_are_such_as_discord_follows(text: str, meant: str) -> None:
    assert shown(text) == meant


@pytest.mark.parametrize(
    "label",
    [
        "https://bank.example",
        "bank.example/login",
        "go to www.bank.example now",
        "BANK.example",
        "bank。example",
        "**bank.example**",
        "discord://bank",
        "bank\\.example",
        "bank**.**example",
        "bank.\u200bexample",
    ],
)
def test_no_link_hides_behind_another_address(label: str) -> None:
    said = shown(f"[{label}](https://evil.example/bank.example)")
    assert "](" not in said
    assert said.endswith("(https://evil.example/bank.example)")
    odd = shown(f"[{label}](https://evil.example/a(b))")
    assert odd.endswith(" (https://evil.example/a%28b%29)")


def test_a_picture_in_an_address_is_shortened() -> None:
    said = shown(f"![a rose](data:image/png;base64,{'A' * 9000})")
    assert said.startswith("a rose (data:image/png;base64,AAA")
    assert len(said) < 600


# Notices.


@pytest.mark.parametrize(
    ("text", "escape"),
    [
        ("*a* _b_ `c` \\d", "\\*a\\* \\_b\\_ \\`c\\` \\\\d"),
        ("~~a~~ ||b|| ~5 | 6", "\\~\\~a\\~\\~ \\|\\|b\\|\\| ~5 | 6"),
        ("# a\n### b\n#c", "\\# a\n\\### b\n#c"),
        ("- a\n  - b\n-# c\n-d", "\\- a\n  \\- b\n\\-# c\n-d"),
        ("> a\n>>> b\n>c", "\\> a\n\\>>> b\n>c"),
        ("1. a\n12. b\n3.5", "1\\. a\n12\\. b\n3.5"),
        ("[x](https://e.org/a_b)", "\\[x](https://e.org/a_b)"),
        ("[1] and https://e.org/__a__/*", "[1] and https://e.org/__a__/*"),
        ("<@1> <@&2> <#3> </a:4> <t:5>", "\\<@1> \\<@&2> \\<#3> \\</a:4> \\<t:5>"),
        (":smile: a<b", "\\:smile: a<b"),
    ],
)
def test_a_notice_is_shown_as_it_stands(text: str, escape: str) -> None:
    assert escaped(text) == escape


@pytest.mark.parametrize("text", ["hello, world", "zwei\nZeilen 👋🏽", "it's 5 > 3 & 2 < 4", ""])
def test_plain_words_stay(text: str) -> None:
    assert escaped(text) == shown(text) == text


def test_nothing_but_marks_is_added_to_a_notice() -> None:
    text = "".join(map(chr, range(32, 127))) * 3
    assert re.sub(r"\\([^0-9A-Za-z\s])", r"\1", escaped(text)) == text


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "`a``b",
        "__a ",
        "\\(",
        "\\[=",
        "[a](",
        "$$x",
        "a_b",
        "||",
        "[x](<",
        ":a",
        "#### ",
        "```",
    ],
)
def test_hostile_text_takes_no_time(piece: str) -> None:
    text = piece * (30_000 // len(piece))
    began = time.process_time()
    shown(text)
    escaped(text)
    assert time.process_time() - began < 2.0
