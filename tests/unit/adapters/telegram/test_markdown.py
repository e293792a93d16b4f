"""Markdown as Telegram shows it."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.telegram import markdown
from adapters.telegram.cutting import MAX_TEXT, Piece
from gateway.presentation import is_plain
from tests.unit.adapters.telegram.entities import check, units


def shown(text: str) -> tuple[str, list[tuple[str, str, str]]]:
    """What people read of a text, and each mark with its words and value."""
    (piece,) = markdown.parts(text)
    check(piece)
    return piece.text, marks(piece)


def marks(piece: Piece) -> list[tuple[str, str, str]]:
    return [(span.kind, piece.text[span.start : span.end], span.value) for span in piece.spans]


@pytest.mark.parametrize(
    ("text", "read", "marked"),
    [
        ("**b** and *i* and ~~s~~", "b and i and s", "bold:b|italic:i|strikethrough:s"),
        ("***both***", "both", "bold:both|italic:both"),
        ("**a *b* c**", "a b c", "bold:a b c|italic:b"),
        ("`x*y*` z", "x*y* z", "code:x*y*"),
        ("**bold `code` bold**", "bold code bold", "bold:bold |code:code|bold: bold"),
        ("# Title\nText", "Title\nText", "bold:Title"),
        ("## A **b** c", "A b c", "bold:A b c"),
        ("one\ntwo  \n*three*", "one\ntwo\nthree", "italic:three"),
        ("a\n\n\n\nb", "a\n\n\n\nb", ""),
        ("*a*\n\n\n\nb", "a\n\nb", "italic:a"),
        ("a\n\n***\n\nb", "a\n\n———\n\nb", ""),
        (r"\*not\* &lt;b&gt;", "*not* <b>", ""),
    ],
)
def test_what_is_marked(text: str, read: str, marked: str) -> None:
    words, found = shown(text)
    assert words == read
    assert "|".join(f"{kind}:{inside}" for kind, inside, _ in found) == marked


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("- a\n- b", "• a\n• b"),
        ("* a\n\n* b", "• a\n\n• b"),
        ("Items:\n- a\n  - b\n    - c\n- d", "Items:\n• a\n  • b\n    • c\n• d"),
        ("- a\n  more\n\n  again", "• a\n  more\n\n  again"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("1. a\n1. b\n1. c", "1. a\n2. b\n3. c"),
        ("1. a\n5. b", "1. a\n5. b"),
        ("2) a\n   - b", "2) a\n   • b"),
        ("1986. What a year", "1986. What a year"),
        ("- [ ] to do\n- [x] done\n- [X] too\n- [y] what", "☐ to do\n☑ done\n☑ too\n• [y] what"),
        ("-\n- b", "• \n• b"),
        ("- - a", "• • a"),
    ],
)
def test_lists(text: str, read: str) -> None:
    assert shown(text) == (read, [])


def test_quotations() -> None:
    assert shown("> a **b**\n> c\n\nd") == (
        "a b\nc\n\nd",
        [("blockquote", "a b\nc", ""), ("bold", "b", "")],
    )
    # They cannot stand in each other.
    assert shown("> a\n> > b\n> > c\n>\n> d") == (
        "a\n> b\n> c\n\nd",
        [("blockquote", "a\n> b\n> c\n\nd", "")],
    )
    (mark,) = shown("\n".join(f"> line {number}" for number in range(11)))[1]
    assert mark[0] == "expandable_blockquote"
    assert shown("- > a\n- b") == ("• a\n• b", [("blockquote", "a", "")])


def test_code() -> None:
    assert shown("```python\n  x = '*a*'\n\n```\nend") == (
        "  x = '*a*'\n\nend",
        [("pre", "  x = '*a*'\n", "python")],
    )
    assert shown("    indented *a*")[1] == [("pre", "indented *a*", "")]
    assert shown("~~~\n```\n~~~")[1] == [("pre", "```", "")]
    # What is there to be copied has no margin.
    assert shown("1. see:\n   ```sh\n   ls\n     -l\n   ```\n2. b") == (
        "1. see:\nls\n  -l\n2. b",
        [("pre", "ls\n  -l", "sh")],
    )
    assert shown("- ```\n  x\n  ```") == ("• \nx", [("pre", "x", "")])
    assert shown('```py"<b>\nx\n```')[1] == [("pre", "x", "py")]


@pytest.mark.parametrize(
    ("text", "read", "link"),
    [
        ("[a](https://e.org/x_(y))", "a", "https://e.org/x_(y)"),
        ("[a](HTTP://e.org)", "a", "HTTP://e.org"),
        ("[a](tg://resolve?domain=x)", "a", "tg://resolve?domain=x"),
        ("[`a`](https://e.org)", "a", "https://e.org"),
        ("![picture](https://e.org/p.png)", "picture", "https://e.org/p.png"),
        ("![](https://e.org/p.png)", "https://e.org/p.png", ""),
        ("[](https://e.org)", "https://e.org", ""),
        ("<https://e.org/a_b_c>", "https://e.org/a_b_c", ""),
        ("https://e.org/a_b_c", "https://e.org/a_b_c", ""),
        ("[https://e.org](https://e.org)", "https://e.org", ""),
        ("[write](mailto:a@b.c)", "write (a@b.c)", ""),
        ("<a@b.c>", "a@b.c", ""),
        ("[docs](docs/a.md)", "docs (docs/a.md)", ""),
        ("[ftp](ftp://e.org)", "ftp (ftp://e.org)", ""),
        ("[x](javascript:alert%281%29)", "[x](javascript:alert%281%29)", ""),
        ("[x](https://e.org/" + "a" * 3000 + ")", "x (https://e.org/" + "a" * 3000 + ")", ""),
        ("[no link](", "[no link](", ""),
    ],
)
def test_links(text: str, read: str, link: str) -> None:
    words, found = shown(text)
    assert words == read
    assert found == ([("text_link", read, link)] if link else [])


@pytest.mark.parametrize(
    "text",
    [
        "<b>raw</b> <script>x</script>",
        "<div>\nblock\n</div>",
        "A note[^1].\n\n[^1]: The note.",
        "[label]: words",
        "[1]: https://e.org",
        "$x_1 * y_2 * z_3$ and $$a*b*c$$",
        r"\(a_1 * b * c\) and \[ x^2 * y * z \]",
        "\\[\n  x\n+ y\n= z\n\\]",
        "$$\n- a\n- b\n$$",
        "2*3*4 = 24",
        "it costs $5*2 or $6",
        "Title\n===",
        "snake_case_name and a ~ b",
        "||not a spoiler||",
        "# ",
        ">",
        "```\n```",
        "***",
        ">" * 60 + " deep",
        "Look:\n" + ">" * 60 + " deep",
        "\n".join("  " * depth + f"- {depth}" for depth in range(60)),
        "5 > 3 & 2 < 4",
    ],
)
def test_nothing_that_was_written_vanishes(text: str) -> None:
    words, found = shown(text)
    expected = "———" if text == "***" else text
    assert (words, found) == (expected, [])


def test_dashes_below_a_line_make_no_heading() -> None:
    """So that a list that has just begun does not flicker."""
    assert shown("Things:\n-") == ("Things:\n-", [])
    assert shown("Things:\n---\nend") == ("Things:\n———\nend", [])


def test_tables_stand_in_columns() -> None:
    table = "| Fruit | *Price* |\n|---|--:|\n| [Apple](https://e.org) | 1 |\n| 林檎🍎 | 22 |\n"
    words, found = shown(f"Before:\n\n{table}\nAfter")
    assert [kind for kind, _, _ in found] == ["pre"]
    assert words == (
        "Before:\n\n"
        "Fruit                 │ Price\n"
        "──────────────────────┼──────\n"
        "Apple (https://e.org) │     1\n"
        "林檎🍎                │    22\n\n"
        "After"
    )


def test_a_table_with_cells_too_many_loses_none() -> None:
    words, _ = shown("| a | b |\n|---|---|\n| x | y | z |")
    assert words == "| a | b |\n| x | y | z |"


# Plain texts.


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "Is it 5 o'clock? Yes: 17:00 (CET) - I think.",
        "a\n\n\nb  ",
        "$5 & up"[:2],
        "#1"[1:],
    ],
)
def test_what_cannot_be_markdown_is_left_alone(text: str) -> None:
    assert is_plain(text)
    assert [piece.text for piece in markdown.parts(text)] == [text]


@pytest.mark.parametrize(
    "text", ["*", "a_b", "`", "- a", "x\n1. a", "> a", "# a", "    a", "\ta", " \ta", "x\r\ta"]
)
def test_what_may_be_markdown_is_read(text: str) -> None:
    assert not is_plain(text)


@given(text=st.text())
def test_what_is_taken_for_plain_reads_the_same_as_markdown(text: str) -> None:
    if is_plain(text):
        words, found = markdown.render(text)
        assert (words.split(), found) == (text.replace("\0", "\ufffd").split(), [])


def test_plain_texts_need_no_library() -> None:
    program = (
        "import sys; from adapters.telegram import markdown; markdown.parts('hello');"
        "assert 'markdown_it' not in sys.modules; markdown.parts('*a*');"
        "assert 'markdown_it' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


# Any text.

PIECES = st.sampled_from(
    [
        *("*", "**", "_", "__", "~~", "`", "```", "```py\n", "\n", "\n\n", "> ", "- ", "1. ", "# "),
        *(
            "[",
            "](",
            ")",
            "![",
            "https://e.org",
            "<",
            "|",
            "|-|-|\n",
            "\\",
            "$",
            "$$",
            "\\[",
            "    ",
        ),
        *(
            "🌹",
            "👩\u200d👩\u200d👧",
            "🇺🇦",
            "e\u0301",
            "\u202eright",
            "\u200b",
            "שלום",
            "字。",
            "a",
            "b c",
        ),
    ]
)
TEXTS = st.lists(
    st.one_of(PIECES, st.text(max_size=10), st.builds(str.__mul__, PIECES, st.integers(0, 2500))),
    max_size=12,
).map("".join)


@settings(deadline=None)
@given(text=TEXTS)
@example(text="**" + "🌹" * 5000 + "**")
@example(text="\ud83c *half* a pair")
@example(text="\0*a*")
def test_any_text_makes_messages_that_telegram_takes(text: str) -> None:
    parts = markdown.parts(text)
    assert parts
    for part in parts:
        check(part)
        if text.strip():
            assert part.text.strip()
    check(markdown.tail(text))


WORDS = st.lists(
    st.one_of(
        st.sampled_from(
            ["*", "**", "_", "~~", "`", "\n", "\n\n", "> ", "- ", "# ", "[", "]", "<b>"]
        ),
        st.from_regex(r"[a-zäß字🌹]{1,8} ?", fullmatch=True),
    ),
    max_size=40,
).map("".join)


@settings(deadline=None)
@given(text=WORDS, times=st.sampled_from([1, 300]))
def test_no_letter_is_lost(text: str, times: int) -> None:
    text = text * times
    letters = [c for c in text if c.isalnum() or c == "🌹"]
    read = "".join(part.text for part in markdown.parts(text))
    assert [c for c in read if c.isalnum() or c == "🌹"] == letters


@pytest.mark.parametrize(
    "text",
    [
        "*" * 5000,
        "* " * 5000,
        "*a " * 10_000,
        "**a" * 10_000,
        "[" * 100_000,
        "![" * 50_000,
        "[a](" * 10_000,
        "`" * 100_000,
        "".join("`" * (number % 300) + "a" for number in range(700)),
        "`a` **b** " * 5000,
        "<" * 50_000,
        "&" * 50_000,
        "\\(" * 30_000,
        "$a" * 50_000,
        ">" * 50_000,
        "> a\n\n" * 2000,
        " \n" * 50_000 + "*",
        "".join("  " * number + "- x\n" for number in range(200)),
        "```\nx\n```\n" * 3000,
        "|a|b|\n|-|-|\n" + "|x|y|\n" * 3000,
        "[a]: x\n" * 4000 + "[a] " * 4000,
    ],
    ids=lambda text: text[:6],
)
def test_nasty_texts_take_no_longer_than_their_length_asks(text: str) -> None:
    began = time.process_time()
    parts = [*markdown.parts(text), markdown.tail(text)]
    # Seconds: a tenth of it is usual; what grows with the square would need minutes.
    assert time.process_time() - began < 5.0
    for part in parts:
        check(part)


def test_a_long_answer_keeps_its_code_whole() -> None:
    code = "\n".join(f"print({number})" for number in range(200))
    text = "\n\n".join(f"## Part {number}\n\nWords.\n\n```py\n{code}\n```" for number in range(5))
    parts = markdown.parts(text)
    whole = [mark for part in parts for mark in marks(part) if mark[0] == "pre"]
    assert whole == [("pre", code, "py")] * 5
    assert all(units(part.text) <= MAX_TEXT for part in parts)


# While it is being written.


@pytest.mark.parametrize(
    ("text", "read", "marked"),
    [
        ("a **bo", "a bo", [("bold", "bo", "")]),
        ("a **bold*", "a bold", [("bold", "bold", "")]),
        ("a **", "a ", []),
        ("a `co", "a co", [("code", "co", "")]),
        ("a ~~b", "a b", [("strikethrough", "b", "")]),
        ("**a** **b", "a b", [("bold", "a", ""), ("bold", "b", "")]),
        ("see [x](https://e.o", "see x", []),
        ("```py\nprint(", "print(", [("pre", "print(", "py")]),
        ("```py\nx\n```\n**b", "x\nb", [("pre", "x", "py"), ("bold", "b", "")]),
        ("list:\n- a\n- ", "list:\n• a\n• ", []),
        ("hello", "hello", []),
    ],
)
def test_what_is_half_written_reads_well(
    text: str, read: str, marked: list[tuple[str, str, str]]
) -> None:
    end = markdown.tail(text)
    check(end)
    assert (end.text.rstrip(), marks(end)) == (read.rstrip(), marked)


def test_of_a_long_text_the_end_is_shown() -> None:
    end = markdown.tail("*word* " * 5000 + "\n\n**the end")
    check(end)
    assert end.text.startswith("…")
    assert end.text.endswith("the end")
    assert marks(end)[-1] == ("bold", "the end", "")


def test_code_that_began_long_ago_is_still_code() -> None:
    text = "Look:\n```py\n" + "\n".join(f"x = {number} * 2 * y" for number in range(5000))
    end = markdown.tail(text)
    check(end)
    assert [(kind, value) for kind, _, value in marks(end)] == [("pre", "py")]
    assert end.text.endswith("x = 4999 * 2 * y")
