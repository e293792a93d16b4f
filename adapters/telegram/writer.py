"""Markdown's tokens in words, and what is marked in them. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from adapters.telegram.cutting import Span
from gateway.presentation import Table

if TYPE_CHECKING:
    from markdown_it.token import Token

MAX_URL = 2048
LONG_QUOTE = 10
"""Lines of a quotation above which it is shown folded."""

# Of other links Telegram marks none; it finds mail addresses by itself.
_LINK = re.compile(r"(?:https?://(?:localhost|[^\s/?#]*\.[^\s/?#]*)|tg://)\S*", re.IGNORECASE)
_TASK = re.compile(r"\[([ xX])\] ")
_LANGUAGE = re.compile(r"[\w+#.-]{1,32}")
_INLINE = {"strong": "bold", "em": "italic", "s": "strikethrough"}


class Writer:
    """Puts tokens into words. `plain` where links cannot be marked, as in a table."""

    def __init__(self, source: str, *, plain: bool = False) -> None:
        self.text: list[str] = []
        self.spans: list[Span] = []
        self._source = source.split("\n")
        self._plain = plain
        self._at = 0
        self._gap = 0
        # What lines begin with, by nesting: the first of a list's item, and all others.
        self._margins: list[list[str]] = []
        # Open marks, each with the place where it begins, kind, value, and its words' place.
        self._open: list[tuple[int, str, str, int]] = []
        self._numbers: list[int] = []
        self._quotes = 0
        self._quote_depth = 0
        self._quoted_from = -1
        self._table: Table | None = None

    def blocks(self, tokens: Sequence[Token]) -> None:
        """Write what stands below each other."""
        for token in tokens:
            if token.map and token.nesting >= 0 and token.type != "inline":
                self._need(2 if self._after_blank(token.map[0]) else 1)
            handler = _BLOCKS.get(token.type)
            if handler is not None:
                handler(self, token)

    def _after_blank(self, line: int) -> bool:
        return 0 < line <= len(self._source) and not self._source[line - 1].strip(" \t>")

    def _need(self, lines: int) -> None:
        self._gap = max(self._gap, lines)

    def _put(self, text: str) -> None:
        """Write words; each new line gets its margin."""
        if self._gap:
            self._begin_line()
        if "\n" in text and self._margins:
            text = text.replace("\n", "\n" + _margin(self._margins))
        self._write(text)

    def _write(self, text: str) -> None:
        self.text.append(text)
        self._at += len(text)

    def _begin_line(self) -> None:
        self._break()
        outside = self._margins[: self._quote_depth] if self._quotes else []
        self._write(_margin(outside))
        self._begin_quote()
        self._write(_margin(self._margins[len(outside) :]))

    def _break(self) -> None:
        if self._at:
            self._write("\n" * self._gap)
        self._gap = 0

    def _begin_quote(self) -> None:
        if self._quotes and self._quoted_from < 0:
            self._quoted_from = self._at

    # Blocks

    def _inline(self, token: Token) -> None:
        children = token.children or []
        if self._table is not None:
            cell = Writer("", plain=True)
            cell.words(children)
            self._table.put("".join(cell.text))
            return
        self._tick(children)
        self.words(children)

    def _tick(self, children: Sequence[Token]) -> None:
        """Make a box of what begins an item of a list of tasks."""
        item = self._margins[-1] if self._margins else ["", ""]
        if item[0] == "• " and children and (match := _TASK.match(children[0].content)):
            item[0] = "☐ " if match[1] == " " else "☑ "
            children[0].content = children[0].content[match.end() :]

    def _item(self, token: Token) -> None:
        marker = "• "
        if token.info:
            self._numbers[-1] = max(int(token.info), self._numbers[-1] + 1)
            marker = f"{self._numbers[-1]}{token.markup} "
        self._margins.append([marker, " " * len(marker)])

    def _end_item(self, _: Token) -> None:
        if self._margins[-1][0]:
            self._begin_line()
        self._margins.pop()

    def _list(self, _: Token) -> None:
        self._numbers.append(-1)

    def _end_list(self, _: Token) -> None:
        self._numbers.pop()

    def _quote(self, _: Token) -> None:
        self._quotes += 1
        # Telegram's cannot stand in each other.
        if self._quotes > 1:
            self._margins.append(["> ", "> "])
        else:
            self._quote_depth = len(self._margins)

    def _end_quote(self, _: Token) -> None:
        self._quotes -= 1
        if self._quotes:
            self._margins.pop()
        elif self._quoted_from >= 0:
            quoted = "".join(self.text)[self._quoted_from :]
            long = quoted.count("\n") >= LONG_QUOTE
            self._span(self._quoted_from, "expandable_blockquote" if long else "blockquote")
            self._quoted_from = -1

    def _code_block(self, token: Token) -> None:
        language = _LANGUAGE.match(token.info.strip())
        self._pre(token.content.removesuffix("\n"), language[0] if language else "")

    def _pre(self, code: str, language: str = "") -> None:
        """Write code, which has no margin: it is there to be copied."""
        if not code.strip():
            return
        if any(first for first, _ in self._margins):
            self._begin_line()
            self._gap = 1
        self._break()
        self._begin_quote()
        start = self._at
        self._write(code)
        self._span(start, "pre", language)

    def _span(self, start: int, kind: str, value: str = "") -> None:
        if self._at > start:
            self.spans.append(Span(start=start, end=self._at, kind=kind, value=value))

    def _formula(self, token: Token) -> None:
        self._put(token.content)

    def _rule(self, _: Token) -> None:
        self._put("———")

    def _heading(self, _: Token) -> None:
        self._mark("bold")

    def _end_mark(self, _: Token) -> None:
        self._unmark()

    def _begin_table(self, _: Token) -> None:
        self._table = Table()

    def _row(self, token: Token) -> None:
        if self._table is not None:
            source = self._source[token.map[0]] if token.map else ""
            self._table.row(source)

    def _cell(self, token: Token) -> None:
        if self._table is not None:
            self._table.cell(right="right" in str(token.attrs.get("style", "")))

    def _end_table(self, _: Token) -> None:
        if self._table is not None:
            self._pre(str(self._table))
        self._table = None

    # Words

    def words(self, tokens: Sequence[Token]) -> None:
        """Write what stands on a line."""
        for token in tokens:
            kind = _INLINE.get(token.tag)
            if token.type == "text":
                self._put(token.content)
            elif token.type in {"softbreak", "hardbreak"}:
                self._put("\n")
            elif token.type == "code_inline":
                in_link = any(kind == "text_link" for _, kind, *_ in self._open)
                self._marked("" if in_link else "code", token.content)
            elif token.type == "image":
                self._image(token)
            elif token.type == "link_open":
                self._mark("text_link", str(token.attrs["href"]))
            elif token.nesting > 0 and kind:
                self._mark(kind)
            elif token.nesting < 0:
                self._unmark()

    def _image(self, token: Token) -> None:
        self._marked("text_link", token.content, str(token.attrs["src"]))

    def _marked(self, kind: str, text: str, value: str = "") -> None:
        self._mark(kind, value)
        self._put(text)
        self._unmark()

    def _mark(self, kind: str, value: str = "") -> None:
        if self._gap:
            self._begin_line()
        self._open.append((self._at, kind, value, len(self.text)))

    def _unmark(self) -> None:
        start, kind, value, index = self._open.pop()
        if kind == "text_link":
            self._end_link(start, value, "".join(self.text[index:]))
        elif kind:
            self._span(start, kind)

    def _end_link(self, start: int, url: str, label: str) -> None:
        """Mark a link; where it cannot be marked, its address follows in words."""
        address = url.removeprefix("mailto:")
        if not label.strip():
            self._put(address)
        elif label in {url, address}:
            return
        elif self._plain or len(url) > MAX_URL or not _LINK.fullmatch(url):
            self._put(f" ({address})")
        else:
            self._span(start, "text_link", url)


_BLOCKS: dict[str, Callable[[Writer, Any], None]] = {
    "inline": Writer._inline,
    "list_item_open": Writer._item,
    "list_item_close": Writer._end_item,
    "bullet_list_open": Writer._list,
    "bullet_list_close": Writer._end_list,
    "ordered_list_open": Writer._list,
    "ordered_list_close": Writer._end_list,
    "blockquote_open": Writer._quote,
    "blockquote_close": Writer._end_quote,
    "heading_open": Writer._heading,
    "heading_close": Writer._end_mark,
    "fence": Writer._code_block,
    "code_block": Writer._code_block,
    "formula": Writer._formula,
    "hr": Writer._rule,
    "table_open": Writer._begin_table,
    "table_close": Writer._end_table,
    "tr_open": Writer._row,
    "th_open": Writer._cell,
    "td_open": Writer._cell,
}


def _margin(margins: Sequence[list[str]]) -> str:
    """What a line begins with; a list's item says once what it begins with itself."""
    shown = ""
    for each in margins:
        shown += each[0] or each[1]
        each[0] = ""
    return shown


def tidied(text: str, spans: Sequence[Span]) -> list[Span]:
    """Spans in order, and as Telegram can show them: no other in code, none in its like."""
    code = sorted((s for s in spans if s.kind in {"pre", "code"}), key=lambda s: s.start)
    kept = [span for span in spans if span.kind not in _INLINE.values()]
    for kind in _INLINE.values():
        for span in _merged([span for span in spans if span.kind == kind]):
            kept += _without(span, code)
    visible = [span for span in kept if text[span.start : span.end].strip()]
    return sorted(visible, key=lambda span: (span.start, -span.end, span.kind))


def _merged(spans: Sequence[Span]) -> Iterator[Span]:
    """Spans of one kind; those that touch are one."""
    start = end = -1
    for span in sorted(spans, key=lambda span: span.start):
        if span.start > end:
            if end > start:
                yield Span(start=start, end=end, kind=span.kind)
            start = span.start
        end = max(end, span.end)
    if end > start:
        yield Span(start=start, end=end, kind=spans[0].kind)


def _without(span: Span, code: Sequence[Span]) -> Iterator[Span]:
    """What of a span lies around the code in it."""
    at = span.start
    for each in code[max(0, bisect_right(code, at, key=lambda c: c.start) - 1) :]:
        if each.start >= span.end:
            break
        if each.start > at:
            yield Span(start=at, end=each.start, kind=span.kind)
        at = max(at, each.end)
    if span.end > at:
        yield Span(start=at, end=span.end, kind=span.kind)
