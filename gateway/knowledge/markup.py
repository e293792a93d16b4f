"""HTML, as paragraphs under headings: what a browser would show, without its scripts and styles."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from html.parser import HTMLParser

from gateway.knowledge.shelfmark import Block, Document, Unreadable
from gateway.knowledge.texts import decode

SECONDS = 60.0
"""How much of the processor one page may take: the parser begins again and again where a page
leaves much open (https://github.com/python/cpython/issues/135462)."""

MOST = 1_000_000
"""Paragraphs of a page."""

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_HIDDEN = frozenset({"script", "style", "template", "noscript", "svg", "iframe", "object"})
_BLOCKS = """
    address article aside blockquote body br button caption dd details dialog div dl dt fieldset
    figcaption figure footer form header hr li main nav ol option p pre section summary table td th
    tr ul
"""
_BREAKS = frozenset(_BLOCKS.split())
_CELLS = frozenset({"td", "th"})
_PARAGRAPHS = _BREAKS - _CELLS - {"br", "li", "dd", "dt", "tr"}
_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE
)


def charset(raw: bytes) -> str:
    """The encoding that a page declares in its first kilobytes; empty when it does not."""
    found = _CHARSET.search(raw[:4096])
    return found[1].decode("ascii") if found else ""


def html(
    raw: bytes, stopped: Callable[[], bool] = lambda: False, *, within: float = SECONDS
) -> Document:
    """A page. Raises ``Unreadable`` when it is not text, or takes longer than ``within`` seconds of
    this thread's time, and ``InterruptedError`` when ``stopped`` says so."""
    reader = _Reader(stopped, time.thread_time() + within)
    reader.feed(decode(raw, charset(raw)))
    reader.close()
    reader.paragraph()
    return Document(title=" ".join("".join(reader.title).split()), blocks=tuple(reader.blocks))


class _Reader(HTMLParser):
    def __init__(self, stopped: Callable[[], bool], until: float) -> None:
        super().__init__(convert_charrefs=True)
        self._stopped = stopped
        self._until = until
        self.blocks: list[Block] = []
        self.title: list[str] = []
        self._said: list[str] = []
        self._heading = ""
        self._within = ""
        self._hidden = ""
        self._depth = 0
        self._pre = 0

    def parse_html_declaration(self, i: int) -> int:
        """A comment, as ``<![`` is to browsers; Python 3.11 takes it for SGML, and fails at what is
        none."""
        if self.rawdata.startswith("<![", i):
            return self.parse_bogus_comment(i)
        return super().parse_html_declaration(i)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """What begins."""
        if self._hidden:
            self._depth += tag == self._hidden
        elif tag in _HIDDEN:
            self._hidden, self._depth = tag, 1
        elif tag == "title" and not self.title:
            self._within = tag
        elif tag in _HEADINGS:
            self.paragraph()
            self._within = tag
        elif tag in _BREAKS:
            self._break(tag)
        self._pre += tag == "pre"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """What has no content, as ``<br/>``; HTML closes nothing else in this way."""
        if tag in _BREAKS and not self._hidden:
            self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        """What ends."""
        if self._hidden:
            self._depth -= tag == self._hidden
            if not self._depth:
                self._hidden = ""
        elif tag == self._within:
            self._named(tag)
        elif tag in _BREAKS - _CELLS:
            self._break(tag)
        self._pre = max(0, self._pre - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        """What is said; also whatever the parser cannot make sense of, so that it comes by here."""
        if time.thread_time() > self._until:
            raise Unreadable("takes too long to read")
        if self._stopped():
            raise InterruptedError("the gateway is shutting down")
        if self._hidden:
            return
        if self._within == "title":
            self.title.append(data)
            return
        self._said.append(data if self._pre else re.sub(r"\s+", " ", data))

    def paragraph(self) -> None:
        """What was said since the last one belongs together."""
        lines = "".join(self._said).split("\n")
        tidy = str.rstrip if self._pre else str.strip
        text = "\n".join(tidy(line) for line in lines if line.strip())
        self._said = []
        if text:
            self.blocks.append(Block(text=text, heading=self._heading))
        if len(self.blocks) > MOST:
            raise Unreadable(f"has more than {MOST} paragraphs")

    def _named(self, tag: str) -> None:
        self._within = ""
        if tag != "title":
            self._heading = " ".join("".join(self._said).split())
            self._said = []

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS and not self._within:
            self.paragraph()
        else:
            self._said.append(" | " if tag in _CELLS and self._inside_row() else "\n")

    def _inside_row(self) -> bool:
        return bool(self._said) and not self._said[-1].endswith(("\n", " | "))
