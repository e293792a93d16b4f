"""Markdown as agents write it, and as somebody would who wants to do harm."""

from __future__ import annotations

from itertools import count

from hypothesis import strategies as st

WORD = "§"
"""Stands for a word; each becomes one of its own, so that none can be taken for another."""

URLS = [
    "https://rose.example/",
    "https://rose.example/a_b_c",
    "https://rose.example/_private_/~user",
    "https://rose.example/a*b*?q=1&r=2#top",
    "https://rose.example/x_(y)",
    "https://rose.example/%20%28",
    "http://localhost:8080/path",
    "https://rose.example/-/__init__.py",
]
FALSE_NAMES = ["bank.example", "https://bank.example/login", "www.bank.example", "**bank.example**"]
TRAP = "https://trap.example/"
"""Where links lead that say another address."""

PLAIN = [
    WORD,
    f"{WORD} {WORD}",
    f"{WORD}, {WORD}.",
    f"({WORD})",
    f'"{WORD}"',
    f"{WORD}'s",
    "你好",
    "שלום",
    "🌹",
    "e\u0301",
]
SHADED = [
    f"**{WORD}**",
    f"**{WORD} {WORD}**",
    f"__{WORD}__",
    f"*{WORD}*",
    f"_{WORD} {WORD}_",
    f"***{WORD}***",
    f"~~{WORD}~~",
    f"**{WORD} *{WORD}* {WORD}**",
    f"*{WORD} **{WORD}***",
    f"**{WORD}\n{WORD}**",
    f"`{WORD}`",
    f"`{WORD} * _{WORD}_`",
    f"`` {WORD}`{WORD} ``",
    f"**{WORD}** *{WORD}*",
    f"un**{WORD}**able",
    f"**{WORD} `{WORD}` {WORD}**",
    f"~~{WORD} **{WORD}**~~",
]
LITERAL = [
    rf"\*{WORD}\*",
    rf"\_{WORD}\_",
    rf"\`{WORD}\`",
    rf"\~\~{WORD}\~\~",
    r"snake_case_name",
    r"\_\_init\_\_",
    "2 * 3 * 4",
    "~5 and ~6",
    rf"\# {WORD}",
    f"{WORD}\n\\- {WORD}",
    f"{WORD}\n\\> {WORD}",
    f"{WORD}\n1986\\. {WORD}",
    rf"**{WORD}**\*\_{WORD}\_",
    rf"\[{WORD}\](https://rose.example/)",
    "5 > 3 < 4",
    "a | b",
    "$x_1 + x_2$",
    "AT&amp;T",
    "&lt;b&gt;",
    "100%",
    "C:\\\\dir",
    ":smile:",
]
LINKS = [
    *(f"[{WORD}]({url})" for url in URLS),
    *(f"<{url}>" for url in URLS),
    *(f"[{WORD} **{WORD}**]({url})" for url in URLS[:2]),
    f"**[{WORD}]({URLS[1]})**",
    f'[{WORD}]({URLS[0]} "{WORD}")',
    f"[{URLS[0]}]({URLS[0]})",
    f"![{WORD}]({URLS[0]}a.png)",
    f"see {URLS[0]}",
    f"see {URLS[2]}",
    f"({URLS[0]})",
    "<rose@rose.example>",
    f"[{WORD}](mailto:rose@rose.example)",
]
HOSTILE = [
    "@everyone",
    "@here",
    "@channel",
    "<@123456789012345678>",
    "<@!123456789012345678>",
    "<@&123456789012345678>",
    "<#123456789012345678>",
    "<@U012ABCDEF>",
    "<#C012ABCDEF>",
    "<!here>",
    "<!channel>",
    "<!subteam^S012ABCDEF>",
    r"\<!here>",
    "&lt;!here&gt;",
    "`<!channel>`",
    f"<{TRAP}|bank.example>",
    f"[{WORD}](tg://user?id=1)",
    *(f"[{name}]({TRAP})" for name in FALSE_NAMES),
    f"[{WORD}](javascript:alert)",
    f"<b>{WORD}</b>",
    f"||{WORD}||",
    "-# small",
]
INLINE = PLAIN * 3 + SHADED * 2 + LITERAL + LINKS + HOSTILE

PIECES = [
    *["*", "**", "_", "__", "~~", "~", "`", "``", "```", "\n", "\n\n", " ", " ", " ", "\\"],
    *["[", "]", "(", ")", "](https://rose.example/a_b)", "![", "<", ">", "> ", "- ", "1. ", "# "],
    *["|", "||", "---", "    ", "@everyone", "<!here>", "<@U012ABCDEF>", "<https://rose.example/>"],
    *["!", ".", ":", "#", "+", "=", "\u2060", "\u200b", "é", "你好", "🌹"],
    *[f"{WORD}"] * 14,
]

_lines = st.lists(st.sampled_from(INLINE), min_size=1, max_size=5).map(" ".join)
_one_line = _lines.map(lambda text: text.replace("\n", " "))
_cell = st.sampled_from([*PLAIN, *SHADED[:8], *LINKS[:4], ""]).map(
    lambda text: text.replace("\n", " ").replace("|", "")
)


def _numbered(text: str) -> str:
    """Each word becomes one of its own."""
    numbers = count(1)
    first, *rest = text.split(WORD)
    return first + "".join(f"w{next(numbers)}x{words}" for words in rest)


def _items(marker: str) -> st.SearchStrategy[str]:
    indent = "\n" + " " * len(marker)
    items = st.lists(_lines.map(lambda text: text.replace("\n", indent)), min_size=1, max_size=3)
    return items.map(lambda texts: "\n".join(marker + text for text in texts))


def _table(rows: list[list[str]]) -> str:
    head, *rest = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *rest])


_tables = st.integers(1, 3).flatmap(
    lambda columns: st.lists(
        st.lists(_cell, min_size=columns, max_size=columns), min_size=1, max_size=3
    ).map(_table)
)
_quoted = st.one_of(_lines, _items("- ")).map(
    lambda text: "\n".join(f"> {line}" for line in text.split("\n"))
)
_blocks = st.one_of(
    _lines,
    _lines,
    st.tuples(st.integers(1, 6), _one_line).map(lambda pair: f"{'#' * pair[0]} {pair[1]}"),
    _items("- "),
    _items("* "),
    _items("1. "),
    _items("- [ ] "),
    st.tuples(_items("- "), _items("  - ")).map("\n".join),
    _quoted,
    st.sampled_from(
        [
            f"```\n{WORD} * {WORD} *\n_{WORD}_\n```",
            f"```python\ndef {WORD}(*args):\n    return '`{WORD}`'\n```",
            f"~~~\n```\n{WORD}\n```\n~~~",
            f"    indented **{WORD}**\n    {WORD}",
            "---",
            f"<div>{WORD}</div>",
            f"{WORD}\n\n***\n\n{WORD}",
        ]
    ),
    _tables,
)


def answers() -> st.SearchStrategy[str]:
    """Whole answers, well-formed, with hostile words in them."""
    blocks = st.lists(_blocks, min_size=1, max_size=4)
    return blocks.map("\n\n".join).map(_numbered)


def long_answers() -> st.SearchStrategy[str]:
    """Such as need several messages."""
    blocks = st.lists(_blocks, min_size=8, max_size=12)
    return blocks.map(lambda found: _numbered("\n\n".join(found * 9)))


def soups() -> st.SearchStrategy[str]:
    """Marks and words in no order at all."""
    return st.lists(st.sampled_from(PIECES), max_size=24).map("".join).map(_numbered)
