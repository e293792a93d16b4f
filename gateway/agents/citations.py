"""Says below an answer which passages of documents it cites. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gateway.agents.phrases import short
from gateway.belongings import Passage

_CITED = re.compile(r"[\[【](\d{1,3}(?:\s*,\s*\d{1,3})*)[\]】]")
_TICKS = re.compile(r"(`+)")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~])")
_ADDRESS = re.compile(r"//|@|\w\.[^\W\d_]{2}")
"""What chat programs make a link of by themselves; a scheme is not needed."""


def sources(passages: Sequence[Passage], text: str) -> str:
    """The passages that ``text`` cites as ``[1]``, counted from 1, as a list in Markdown; empty
    where it cites none of them."""
    if not passages:
        return ""
    found = [numbers for prose in _prose(text) for numbers in _CITED.findall(prose)]
    cited = {int(number) for numbers in found for number in numbers.split(",")}
    numbered = [(n, each) for n, each in enumerate(passages, start=1) if n in cited]
    lines = [f"- [{number}] {_named(passage)}" for number, passage in numbered]
    return "\n".join(["Sources:", *lines]) if lines else ""


def _prose(text: str) -> Iterator[str]:
    """What is no code: in brackets there is an index, and no citation.

    Code ends with as many backticks as it begins with. A model may write any number of them, so
    each is looked at once.
    """
    parts = _TICKS.split(text)
    ends, following = dict[int, int](), dict[int, int]()
    for place in range(len(parts) - 2, 0, -2):
        ends[place] = following.get(len(parts[place]), place)
        following[len(parts[place])] = place
    place = 0
    while place < len(parts):
        yield parts[place]
        place = ends.get(place + 1, place + 1) + 1


def _named(passage: Passage) -> str:
    """File names and headings are data: nothing in them is Markdown's, or becomes a link."""
    parts = [_code(f"{passage.base}/{passage.document}")]
    if passage.heading:
        words = short(passage.heading).split()
        parts.append(f'"{" ".join(map(_inert, words))}"')
    if passage.page:
        parts.append(f"page {passage.page}")
    return ", ".join(parts)


def _inert(word: str) -> str:
    return _code(word) if _ADDRESS.search(word) else _MARKDOWN.sub(r"\\\1", word)


def _code(text: str) -> str:
    plain = short(text, 200).replace("`", "'")
    return f"`{plain}`"
