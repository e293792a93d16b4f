"""Documents cut into passages: long enough to make sense alone, short enough to be quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from gateway.knowledge.shelfmark import Block

FULL = 1000
"""Characters after which a passage takes no other paragraph,"""
LONGEST = 1500
"""and how many it may have."""
MOST = 20_000
"""Passages of one document."""

_SENTENCE = re.compile(r"[.!?…]['\")\]»“”]*\s|[。！？]|\n")


def cut(blocks: Iterable[Block]) -> Iterator[Block]:
    """The passages: neighbours under the same heading and on the same page are put together."""
    held: Block | None = None
    for block in _pieces(blocks):
        if held is None:
            held = block
        elif _together(held, block):
            held = replace(held, text=f"{held.text}\n\n{block.text}")
        else:
            yield held
            held = block
    if held is not None:
        yield held


def _together(held: Block, block: Block) -> bool:
    same = (held.heading, held.page) == (block.heading, block.page)
    fits = len(held.text) + 2 + len(block.text) <= LONGEST
    return same and fits and len(held.text) < FULL


def _pieces(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        for text in _split(block.text.strip()):
            yield replace(block, text=text)


def _split(text: str) -> Iterator[str]:
    """A text of any length in pieces that fit, at the end of a sentence where there is one."""
    at = 0
    while len(text) - at > LONGEST:
        end = _break(text, at)
        if piece := text[at:end].strip():
            yield piece
        at = end
    if rest := text[at:].strip():
        yield rest


def _break(text: str, at: int) -> int:
    """Where to end a piece that begins at ``at``: a sentence, else a word, else anywhere."""
    ends = [match.end() for match in _SENTENCE.finditer(text, at + FULL // 2, at + LONGEST)]
    if ends:
        return ends[-1]
    space = text.rfind(" ", at + FULL // 2, at + LONGEST)
    return space + 1 if space > 0 else at + LONGEST
