"""Markdown's tokens in words, and what is marked in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.presentation.addresses import misleading
from gateway.presentation.rendering import Style
from gateway.presentation.spans import Span
from gateway.presentation.tables import Table

if TYPE_CHECKING:
    from markdown_it.token import Token

LONG_QUOTE = 10
"""Lines of a quotation above which it is shown folded."""

# What may stand directly before an address, and after one, and is not taken for a part of it.
_BEFORE = frozenset("([{<\"'“„«")
_AFTER = re.compile(r"[)\]}>\"'”“».,;:!?…]*(\s|$)")
_TASK = re.compile(r"\[([ xX])\] ")
_LANGUAGE = re.compile(r"[\w+#.-]{1,32}")
_INLINE = {"strong": "bold", "em": "italic", "s": "strikethrough"}


class Writer:
    """Puts tokens into words."""

    def __init__(self, source: str, style: Style) -> None:
        self.text: list[str] = []
        self.spans: list[Span] = []
        self._source = source.split("\n")
        self._style = style
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
        self._after_address = False

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
        if self._after_address and text:
            after = _AFTER.match(text)
            self._after_address = after is not None and not after[1]
            text = text if after else f" {text}"
        if not self._margins:
            self._write(text)
            return
        for number, line in enumerate(text.split("\n")):
            if number:
                self._write("\n")
                self._margin(self._margins)
            self._write(line)

    def _write(self, text: str) -> None:
        if text:
            self.text.append(text)
            self._at += len(text)

    def _begin_line(self) -> None:
        self._break()
        outside = self._margins[: self._quote_depth] if self._quotes else []
        self._margin(outside)
        self._begin_quote()
        self._margin(self._margins[len(outside) :])

    def _break(self) -> None:
        if self._at:
            self._write("\n" * self._gap)
        self._gap = 0

    def _margin(self, margins: Sequence[list[str]]) -> None:
        """Write what a line begins with; a list's item says once what it begins with itself."""
        start = self._at
        for each in margins:
            self._write(each[0] or each[1])
            each[0] = ""
        self._span(start, "margin")

    def _begin_quote(self) -> None:
        if self._quotes and self._quoted_from < 0:
            self._quoted_from = self._at

    # Blocks

    def _inline(self, token: Token) -> None:
        children = token.children or []
        if self._table is not None:
            # What stands in columns leads nowhere.
            cell = Writer("", replace(self._style, links=lambda _: False))
            cell.words(children)
            self._table.put("".join(cell.text))
            return
        self._tick(children)
        self.words(children)

    def _tick(self, children: Sequence[Token]) -> None:
        """Make a box of what begins an item of a list of tasks."""
        item = self._margins[-1] if self._margins else ["", ""]
        if (
            item[0] == self._style.bullet
            and children
            and (match := _TASK.match(children[0].content))
        ):
            item[0] = self._style.ticks[match[1] != " "]
            children[0].content = children[0].content[match.end() :]

    def _item(self, token: Token) -> None:
        marker = self._style.bullet
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
        if self._style.quotes:
            self._margins.append(["> ", "> "])
            return
        self._quotes += 1
        # One that is marked cannot stand in another.
        if self._quotes > 1:
            self._margins.append(["> ", "> "])
        else:
            self._quote_depth = len(self._margins)

    def _end_quote(self, _: Token) -> None:
        if self._style.quotes:
            self._margins.pop()
            return
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
        if any(first not in {"", rest} for first, rest in self._margins):
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
        self._put(self._style.rule)

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
        table, self._table = self._table, None
        if table is None:
            return
        if self._style.columns(table):
            self._pre(str(table))
        else:
            self._records(table)

    def _records(self, table: Table) -> None:
        """Write a table's rows below each other, each cell with its column's head."""
        for record in table.records():
            self._need(2)
            for head, cell in record:
                if head:
                    self._marked("bold", head)
                    self._put(":" if not cell else ": ")
                if cell:
                    self._put(cell)
                self._need(1)

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
                kind = "address" if token.markup == "autolink" else "text_link"
                self._mark(kind, str(token.attrs["href"]))
            elif token.nesting > 0 and kind:
                self._mark(kind)
            elif token.nesting < 0:
                self._unmark()

    def _image(self, token: Token) -> None:
        words = "".join(" " if "break" in c.type else c.content for c in token.children or ())
        self._marked("text_link", words, str(token.attrs["src"]))

    def _marked(self, kind: str, text: str, value: str = "") -> None:
        self._mark(kind, value)
        self._put(text)
        self._unmark()

    def _mark(self, kind: str, value: str = "") -> None:
        if self._gap:
            self._begin_line()
        if kind == "address":
            self._stand_apart()
        self._open.append((self._at, kind, value, len(self.text)))

    def _unmark(self) -> None:
        start, kind, value, index = self._open.pop()
        if kind == "text_link":
            self._end_link(start, value, "".join(self.text[index:]))
        elif kind:
            self._span(start, kind)
            self._after_address |= kind == "address"

    def _end_link(self, start: int, url: str, label: str) -> None:
        """Mark a link; where its words do not lead there, its address follows them."""
        address = url.removeprefix("mailto:")
        if label in {url, address}:
            self._span(start, "address")
            self._after_address = bool(label)
        elif not label.strip():
            self._marked("address" if address else "", address)
        elif self._style.links(url) and not misleading(label, url):
            self._span(start, "text_link", url)
        elif address:
            self._put(" ")
            self._marked("address", f"({address})")

    def _stand_apart(self) -> None:
        """Nothing may run into an address: it would become part of it."""
        last = self.text[-1] if self.text else "\n"
        if last[-1].isspace() or (last[-1] in _BEFORE and "://" not in last.split()[-1]):
            return
        self._put(" ")


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
