"""What CommonMark's sections are about, each in a few examples, looks right everywhere.

https://spec.commonmark.org/0.31.2/
"""

from __future__ import annotations

import pytest

from tests.presentation.properties import PLATFORMS, check_answer, check_soup, read

EXAMPLES = {
    "tabs": ["\tcode\tmore", "- a\n\n\tb", ">\t\tquoted"],
    "escapes": [r"\*a\* \# b", r"`\*`", "a\\\nb", r"\\*a*"],
    "entities": ["&amp; &copy; &#35; &#x22;", "&nope; &amp", "`&amp;`", "&#42;a&#42;"],
    "precedence": ["- `a\n- b`"],
    "breaks": ["a\n\n***\n\nb", "a\n\n_ _ _\n\nb", "- a\n***\n- b"],
    "headings": ["# a", "###### f", "####### g", "#hash", "# a ##", "#", "a\n\n## *b* \\#"],
    "underlined headings": ["a\n===", "a *b*\n---"],
    "indented code": ["    a\n      b", "a\n    b", "    a\n\n    b"],
    "fences": ["```\na\n```", "~~~~\n~~~\n~~~~", "```\nopen", "``` py x=1\na\n```", "> ```\n> a\n"],
    "paragraphs": ["a\n\nb", "  a\n b", "a  \nb"],
    "quotations": ["> a\n> b", "> a\nb", "> > a", ">", "> - a\n> - b"],
    "items": [
        "- a\n\n  b",
        "10. a\n11. b",
        "- - a",
        "-",
        "1) a",
        "+ a",
        "- a\n  > b\n  ```\n  c\n  ```",
    ],
    "lists": ["- a\n+ b", "- a\n\n- b", "- a\n  - b\n    - c", "1. a\n   - b"],
    "code": ["`a`", "`` a ` b ``", "` a `", "`a  b\nc`", "*a`*`", "``a`"],
    "emphasis": [
        "*a b*",
        "a * b *",
        "_a_b",
        "**a**b",
        "***a** b*",
        "*a **b***",
        "** a **",
        "*a_b*",
    ],
    "struck": ["~~a~~", "~~a\n\nb~~", "a~~b~~c"],
    "links": [
        '[a](/url "title")',
        "[a](<https://e.org/b>)",
        "[a [b] c](https://e.org)",
        "[a](https://e.org/(b))",
        "[`a`](https://e.org)",
        "[a] (b)",
        "[*a*](https://e.org) b",
    ],
    "images": ["![a](https://e.org/r.png)", "![a *b*](https://e.org/r.png)"],
    "autolinks": ["<https://e.org/?a=b&c=d>", "<a+b@e.org>", "<not a link>", "< https://e.org >"],
    "raw HTML": ["<b>a</b>", "<!-- a -->", "<div>\n*a*\n</div>"],
    "line breaks": ["*a*  \nb", "*a*\\\nb", "a\nb"],
    "tables": ["| a | b |\n|---|:-:|\n| *c* | `d` |", "| a |\n|---|\n| b \\| c |"],
}


@pytest.mark.parametrize("section", EXAMPLES)
def test_examples_of_each_section(section: str) -> None:
    for text in EXAMPLES[section]:
        check_soup(text)


@pytest.mark.parametrize("text", [text for texts in EXAMPLES.values() for text in texts])
def test_nothing_is_sent_empty(text: str) -> None:
    for platform in PLATFORMS:
        assert read(platform, text).raw.strip()


def test_clear_examples_are_shown_exactly() -> None:
    for section in ("headings", "paragraphs", "links", "images", "line breaks", "tables"):
        for text in EXAMPLES[section]:
            if text not in {"#", "####### g"}:
                check_answer(text)
