"""A text and its marks as WhatsApp reads them, and nothing else in it as a mark. Pure.

`*bold*`, `_italic_`, `~struck~` and `` `code` `` hold within a line, where the first sign comes
after no letter, the last before none, and no space lies inside of them; three backticks hold over
lines; lines that begin with `> `, `- ` or `1. ` are quotations and lists.
https://faq.whatsapp.com/539178204879377, and what a bridge reads of real messages:
https://github.com/mautrix/whatsapp (formatting.go)

WhatsApp knows no escape. A sign that is none stands between word joiners: nobody sees them,
no line breaks there, and they are no edge of a word, so that nothing begins or ends beside them. In
an address nothing is changed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.presentation import Span

JOINER = "\u2060"
VERBATIM = ("pre", "code", "address")
"""What is not marked in itself, nor made harmless."""

_BLOCK = "```"
_SIGNS = {"bold": "*", "italic": "_", "strikethrough": "~", "code": "`"}
_CLOSING = frozenset(")]}>.,;:!?\"'")
_JOINERS = re.compile(f"{JOINER}{{2,}}")
_CODE = ("`", _BLOCK)
_SIGN = re.compile(r"[*_~`]")
_SIGN_SET = frozenset(_SIGNS.values())
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]{1,20}://|www\.)[^\s<>\"`]+", re.IGNORECASE)
_LIST_LIKE = re.compile(r"[ \t]*(?=>|[*•-]\s|\d{1,9}[.)]\s)")


def addresses(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """Where addresses stand that nobody marked as such."""
    known = [span for span in spans if span.kind in VERBATIM]
    for match in _URL.finditer(text):
        if not any(span.start < match.end() and match.start() < span.end for span in known):
            yield Span(start=match.start(), end=match.end(), kind="address")


def marked(text: str, spans: Sequence[Span]) -> str:
    """The text with its marks."""
    done, at = [], 0
    for span in spans:
        if span.kind == "pre":
            done += [_lines(text, spans, at, span.start), _code(text[span.start : span.end])]
            at = span.end
    return "".join([*done, _lines(text, spans, at, len(text))])


def _code(code: str) -> str:
    """Lines of code, or one with a sign of code in it."""
    code = code.replace(_BLOCK, JOINER.join(_BLOCK))
    # A sign beside another, or an address, would belong to it.
    touches = "`" in {code[:1], code[-1:]} or _URL.search(code, code.rfind("\n") + 1)
    space = "\n" if touches else ""
    return f"{_BLOCK}{space}{code}{space}{_BLOCK}"


def _lines(text: str, spans: Sequence[Span], start: int, end: int) -> str:
    lines = []
    while start < end:
        stop = text.find("\n", start, end) + 1 or end
        lines.append(_line(text[start:stop], _within(spans, start, stop)))
        start = stop
    return "".join(lines)


def _within(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    return [
        Span(start=max(span.start, start) - start, end=min(span.end, end) - start, kind=span.kind)
        for span in spans
        if span.start < end and span.end > start
    ]


def _line(line: str, spans: Sequence[Span]) -> str:
    margin = max((span.end for span in spans if span.kind == "margin"), default=0)
    if _SIGN.search(line) or any(span.kind in _SIGNS for span in spans):
        shown = _Line(line, spans, margin).written()
        return shown[:margin] + _begun(shown[margin:])
    return line[:margin] + _begun(line[margin:])


def _begun(words: str) -> str:
    """The same, beginning neither a list nor a quotation."""
    found = _LIST_LIKE.match(words)
    return f"{words[: found.end()]}{JOINER}{words[found.end() :]}" if found else words


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a line has from `start` to before `end`, between two signs."""

    start: int
    end: int
    sign: str


class _Line:
    """A line that has marks, or signs that are none."""

    def __init__(self, text: str, spans: Sequence[Span], margin: int) -> None:
        self._text = text
        self._signs_of_addresses = {
            sign
            for span in spans
            if span.kind == "address"
            for place in range(span.start, span.end)
            if (sign := text[place]) in _SIGN_SET and (_begins(text, place) or _ends(text, place))
        }
        found = [mark for span in spans if (mark := self._mark(span, margin)) is not None]
        verbatim = [(s.start, s.end) for s in spans if s.kind == "address"]
        self._literal = [True] * len(text)
        self._marks = sorted(found, key=lambda mark: (mark.start, -mark.end))
        self._keep_apart(verbatim)
        while fallen := [mark for mark in self._marks if not self._stands(mark)]:
            self._marks = [mark for mark in self._marks if mark not in fallen]
        self._keep_apart([(m.start, m.end) for m in self._marks if m.sign in _CODE])
        self._keep_apart([(0, margin)])

    def _keep_apart(self, places: Sequence[tuple[int, int]]) -> None:
        for start, end in places:
            self._literal[start:end] = [False] * (end - start)

    def _mark(self, span: Span, margin: int) -> _Mark | None:
        """A mark where WhatsApp can show one: without space around its words."""
        sign = _SIGNS.get(span.kind, "")
        start = max(span.start, margin)
        words = self._text[start : span.end]
        start += len(words) - len(words.lstrip())
        words = words.strip()
        if sign == "`" and "`" in words:
            is_one = _BLOCK not in words and "`" not in {words[0], words[-1]}
            sign = _BLOCK if is_one else ""
        if not sign or not words or sign in self._signs_of_addresses:
            return None
        return _Mark(start, start + len(words), sign)

    def _stands(self, mark: _Mark) -> bool:
        """Whether it begins and ends at edges of words, and crosses no other."""
        before = after = False
        for other in self._marks:
            if other.start < mark.start < other.end < mark.end:
                return False
            outer = other.start <= mark.start and mark.end <= other.end and other != mark
            before |= other.end == mark.start or (outer and other.start == mark.start)
            after |= other.start == mark.end or (outer and other.end == mark.end)
        return (before or self._is_free(mark.start - 1)) and (after or self._is_free(mark.end))

    def _is_free(self, place: int) -> bool:
        """Whether a mark can end beside this place: what comes there is no letter, no sign that a
        joiner is put to, and no address, of which it would become a part."""
        if not 0 <= place < len(self._text):
            return True
        character = self._text[place]
        while place > 0 and self._literal[place] and self._text[place] in _CLOSING:
            # What closes directly behind an address may be taken for a part of it.
            place -= 1
        return self._literal[place] and _is_edge(character) and character not in _SIGN_SET

    def written(self) -> str:
        characters = list(self._characters())
        said = "".join(character for character, _ in characters)
        for place in range(len(characters) - 1, -1, -1):
            character, literal = characters[place]
            if literal and character in _SIGN_SET and said.count(character) > 1:
                characters[place] = _harmless(said, place), True
        # One joiner does what two do.
        return _JOINERS.sub(JOINER, "".join(character for character, _ in characters))

    def _characters(self) -> Iterator[tuple[str, bool]]:
        """What is written, letter by letter, and whether it is what somebody said."""
        for place in range(len(self._text) + 1):
            for mark in reversed(self._marks):
                if mark.end == place:
                    yield from ((sign, False) for sign in mark.sign)
            for mark in self._marks:
                if mark.start == place:
                    yield from ((sign, False) for sign in mark.sign)
            if place < len(self._text):
                yield self._text[place], self._literal[place]


def _harmless(said: str, place: int) -> str:
    """A sign that neither begins nor ends anything."""
    if _begins(said, place) or _ends(said, place):
        return f"{JOINER}{said[place]}{JOINER}"
    return said[place]


def _begins(text: str, place: int) -> bool:
    """Whether a sign at this place could begin something."""
    return _is_edge(text[place - 1 : place]) and not _is_space(text[place + 1 : place + 2])


def _ends(text: str, place: int) -> bool:
    """Whether it could end something."""
    return _is_edge(text[place + 1 : place + 2]) and not _is_space(text[place - 1 : place])


def _is_space(character: str) -> bool:
    return not character or character.isspace()


def _is_edge(character: str) -> bool:
    """Whether a word can begin after it, and end before it."""
    return _is_space(character) or unicodedata.category(character)[0] in "PS"
