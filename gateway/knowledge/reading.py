"""What a document says, whatever it is written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from gateway.knowledge import markup, pdf, texts
from gateway.knowledge.shelfmark import Block, Document, Unreadable

LONGEST = 10_000_000
"""Characters of a document."""
LONGEST_NAME = 200
"""Characters of a title or heading."""


def read(name: str, content: bytes, stopped: Callable[[], bool] = lambda: False) -> Document:
    """A document, which always has a title. Raises ``Unreadable``.

    ``stopped`` is asked while a document is read that may take long; when it says so, that ends
    with an ``InterruptedError``.
    """
    path = PurePosixPath(name)
    match path.suffix.lower():
        case ".pdf":
            document = pdf.read(content, stopped)
        case ".html" | ".htm":
            document = markup.html(content, stopped)
        case ".md" | ".markdown":
            document = texts.markdown(_bounded(texts.decode(content)))
        case _:
            document = texts.plain(_bounded(texts.decode(content)))
    blocks = tuple(map(_tidy, document.blocks))
    if not blocks:
        raise Unreadable("has no text")
    if sum(len(block.text) for block in blocks) > LONGEST:
        raise _too_long()
    return Document(title=_short(document.title) or _short(path.stem), blocks=blocks)


def _bounded(text: str) -> str:
    """A text, before it is taken apart: that takes several times its size."""
    if len(text) > LONGEST:
        raise _too_long()
    return text


def _too_long() -> Unreadable:
    return Unreadable(f"has more than {LONGEST} characters")


def _tidy(block: Block) -> Block:
    return replace(block, text=_clean(block.text), heading=_short(block.heading))


def _short(name: str) -> str:
    """A title or heading as it may be shown: one line, and not a whole page."""
    line = " ".join("".join(c if c.isprintable() else " " for c in _clean(name)).split())
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 1]}…"


def _clean(text: str) -> str:
    """What SQLite and every encoder take: no NUL and no unpaired surrogates."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
