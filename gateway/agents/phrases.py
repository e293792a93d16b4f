"""Small turns of phrase for agents that speak without a model."""

from __future__ import annotations

import re
from collections.abc import Iterable


def ago(seconds: float) -> str:
    """How long ago something was, in words: "3 days ago", "a moment ago"."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "a moment ago"


def short(text: str, longest: int = 80) -> str:
    """The text on one line of at most ``longest`` characters."""
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def listed(lines: Iterable[str]) -> str:
    """The lines as a list in Markdown, which reads well in plain text too."""
    return "\n".join(f"- {line}" for line in lines)


def reflected(fact: str) -> str:
    """A fact as the other side tells it ("my cat" becomes "your cat"), or else quoted."""
    if re.search(r"\byou", fact, re.IGNORECASE):
        return f"“{fact}”"
    return _WORDS.sub(lambda word: _MIRROR.get(word[0].lower(), word[0]), fact)


_WORDS = re.compile(r"\bi was\b|[\w’']+", re.IGNORECASE)

_MIRROR = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "am": "are",
    "i'm": "you're",
    "i’m": "you’re",
    "i was": "you were",
}
