"""docs/presentation.md shows what each platform makes of the same answer, as it is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tests.presentation.properties import PLATFORMS, Platform, check_answer

PAGE = Path(__file__).parents[2] / "docs" / "presentation.md"
UPDATE = "GATEWAY_UPDATE_DOCS"

INTRODUCTION = """# One answer, six looks

Agents write Markdown. Each platform is given what it shows best: no mark is shown as a sign, no
sign that somebody said becomes a mark, every address stays the same to the letter, and no text
calls anybody.
"""
LOOKS = [
    ("", "Telegram", "Discord", "Slack", "WhatsApp", "SMS", "web page"),
    ("---",) * 7,
    ("**bold**, *italic*, ~~struck~~", "yes", "yes", "yes", "at edges of words", "words", "yes"),
    ("headings", "bold", "yes, small ones bold", "yes", "bold", "words", "yes"),
    ("lists", "•", "yes", "yes", "yes", "-", "yes"),
    ("tasks", "☐ ☑", "[ ] [x]", "[ ] [x]", "☐ ☑", "[ ] [x]", "yes"),
    ("quotations", "yes, long ones folded", "yes", "yes", "yes", ">", "yes"),
    ("code", "yes", "yes", "yes", "yes", "words", "yes"),
    ("links", "in the words", "in the words", "in the words", "after", "after", "in the words"),
    ("narrow tables", "columns", "columns", "yes", "columns", "row by row", "yes"),
    ("wide tables", "columns", "columns", "yes", "row by row", "row by row", "yes"),
    ("units in a message", "4096", "2000", "10,000", "1600", "1600", "any"),
]
NOTES = f"""A link whose words say another address than its own is shown with both. Where a long
answer is cut, what is marked across the cut is marked on both sides of it.

Below is what is sent, Telegram's without the marks, which go beside the text. A `·` stands for an
invisible joiner that keeps WhatsApp from taking a sign for a mark. The web page reads the Markdown
itself. `{UPDATE}=1 make test ARGS=tests/presentation/test_page.py` writes this page anew.
"""

SAMPLES = {
    "Words": "Some **bold**, *italic*, ***both***, ~~gone~~ and `code`; un**believ**able.",
    "Headings and lists": (
        "## Plan\n\n- roses\n  - red\n  - **white**\n- [x] soil\n- [ ] water\n\n1. dig\n2. plant"
    ),
    "Links and images": (
        "Read [the guide](https://rose.example/a_guide), see https://rose.example/_new_/ and"
        " ![a rose](https://rose.example/rose.png)."
    ),
    "Code": "```python\ndef grow(*roses):\n    return roses\n```",
    "A small table": "| Rose | Price |\n|---|--:|\n| red | 3 |\n| white | 12 |",
    "A wide table": (
        "| Rose | What it is like | Where it grows |\n|---|---|---|\n"
        "| red | the one that everybody means | in full sun, out of the wind |\n"
        "| white | it climbs | on a wall |"
    ),
    "Quotations": "> A rose is a rose\n> is **a rose**.\n\nSo she said.\n\n---\n\nThe end.",
    "Hostile words": (
        "@everyone <!here> <@U012ABCDEF> \\*not bold\\* 2 * 3 * 4 __init__ <b>raw</b>"
        " [bank.example](https://trap.example/)"
    ),
}


def test_the_page_is_as_it_should_be() -> None:
    page = "\n".join(_page())
    if os.environ.get(UPDATE):
        PAGE.write_text(page)
    assert PAGE.read_text() == page, f"run it with {UPDATE}=1"


def test_the_samples_look_right() -> None:
    for text in SAMPLES.values():
        # Boxes of tasks are drawn, or not.
        check_answer(re.sub(r"\[[x ]\] ", "", text))


def _page() -> Iterator[str]:
    yield INTRODUCTION
    yield from (f"| {' | '.join(row)} |" for row in LOOKS)
    yield f"\n{NOTES}"
    for title, text in SAMPLES.items():
        yield f"## {title}\n"
        yield from _block("markdown", text)
        alike: dict[str, list[str]] = {}
        for platform in PLATFORMS:
            alike.setdefault(_sent(platform, text), []).append(NAMES[platform.name])
        for sent, names in alike.items():
            yield f"{' and '.join(names)}:\n"
            yield from _block("text", sent)


NAMES = {
    "telegram": "Telegram",
    "discord": "Discord",
    "slack": "Slack",
    "whatsapp": "WhatsApp",
    "sms": "SMS",
}


def _sent(platform: Platform, text: str) -> str:
    sent = "\n\n".join(part.text for part in platform.split(text))
    return sent.replace("\u2060", "·").replace("\u200b", "")


def _block(language: str, text: str) -> Iterator[str]:
    yield f"~~~{language}"
    yield text
    yield "~~~\n"
