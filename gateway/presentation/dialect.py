"""The Markdown of agents, as tokens. Pure, and slow to import: plain texts need none of it.

CommonMark with tables and strikethrough, except that nothing people wrote may vanish: raw HTML,
footnotes, link definitions, formulas, products of numbers and addresses stay as they are written. A
line of dashes makes no heading of the line above it: in an answer that is still being written, a
list begins like that. https://spec.commonmark.org/0.31.2/
"""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

MAX_NESTING = 40
MAX_FORMULA = 2000
MAX_FORMULA_LINES = 50

_FORMULAS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
_DOLLARS = re.compile(r"\$(?![\s$])[^$\n]{1,200}(?<!\s)\$(?!\d)")
# An address behind its scheme, and what does not belong to it at its end.
_SCHEME = re.compile(r"(?<![a-z])https?$", re.IGNORECASE)
_REST = re.compile(r"://[^\s<>\"`\[\]|]+")
_BEHIND = "*_~.,;:!?'"
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_UNWRITABLE = re.compile(r"[\s<>\"\x00-\x20\x7f]")
_FORMULA_MARKS = frozenset("\\^_={}+<>")


def tokens(text: str) -> list[Token] | None:
    """The blocks of a text; None where they lie too deep within each other to be read."""
    found = _parser("](" in text).parse(text)
    # What lies deeper was left out.
    return None if any(token.level >= MAX_NESTING - 1 for token in found) else found


class _Parser(MarkdownIt):
    """Leaves addresses as they are written, where they can be."""

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        return super().normalizeLink(url) if _UNWRITABLE.search(url) else url

    def normalizeLinkText(self, link: str) -> str:  # noqa: N802
        return link


@cache
def _parser(links: bool) -> MarkdownIt:
    """Looking for links takes long where there are brackets and no link."""
    parser = _Parser("commonmark", {"maxNesting": MAX_NESTING})
    parser.enable(["table", "strikethrough"])
    parser.disable(["html_block", "html_inline", "reference", "lheading"])
    if not links:
        parser.disable(["link", "image"])
    parser.inline.ruler.before("escape", "formula", _formula)
    parser.inline.ruler.before("escape", "address", _address)
    parser.block.ruler.before("fence", "formula", _formula_block, {"alt": ["paragraph"]})
    return parser


def _address(state: StateInline, silent: bool) -> bool:
    """Take an address that nobody marked as such: no sign in it marks anything."""
    if state.src[state.pos] != ":" or not _SCHEME.search(
        state.src, max(0, state.pos - 6), state.pos
    ):
        return False
    match = _REST.match(state.src, state.pos)
    rest = match[0].rstrip(_BEHIND) if match else ""
    if rest.endswith(")") and rest.count(")") > rest.count("("):
        rest = rest[:-1].rstrip(_BEHIND)
    if len(rest) <= len("://"):
        return False
    if not silent:
        state.pending += _ESCAPED.sub(r"\1", rest.replace("&amp;", "&"))
    state.pos += len(rest)
    return True


def _formula(state: StateInline, silent: bool) -> bool:
    """Take a formula, or a product of numbers, as it is written."""
    end = _formula_end(state.src, state.pos)
    if not end:
        return False
    if not silent:
        state.pending += state.src[state.pos : end]
    state.pos = end
    return True


def _formula_end(text: str, at: int) -> int:
    """Where the formula that begins at `at` ends; 0 where none begins."""
    opening = text[at : at + 2]
    if opening in _FORMULAS:
        end = text.find(_FORMULAS[opening], at + 2, at + MAX_FORMULA)
        if end > at + 2 and (opening != "\\[" or _FORMULA_MARKS & set(text[at + 2 : end])):
            return end + 2
    if opening[:1] == "$" and (match := _DOLLARS.match(text, at)):
        return match.end()
    if opening[:1] == "*" and text[at - 1 : at].isdecimal() and opening[1:].isdecimal():
        return at + 1
    return 0


def _formula_block(state: StateBlock, line: int, end_line: int, silent: bool) -> bool:
    """Take a formula that stands on lines of its own: a sum is no list."""
    start = state.bMarks[line] + state.tShift[line]
    closing = _FORMULAS.get(state.src[start : start + 2], "")
    if state.is_code_block(line) or closing not in {"\\]", "$$"}:
        return False
    for last in range(line, min(end_line, line + MAX_FORMULA_LINES)):
        at = start + 2 if last == line else state.bMarks[last]
        if state.src[at : state.eMarks[last]].rstrip().endswith(closing):
            break
    else:
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content = state.getLines(line, last + 1, state.blkIndent, False).strip()
        token.map = [line, last + 1]
        state.line = last + 1
    return True
