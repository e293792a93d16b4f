"""What is marked in a text, apart from it. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

SHADES = ("bold", "italic", "strikethrough")
"""The kinds of marks that may lie in each other, and not in code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """What the characters from `start` to before `end` are; `value` is a link's address or the
    language of code.

    Kinds: `SHADES`, `code`, `pre` (lines of code), `text_link`, `blockquote` and
    `expandable_blockquote`; `margin` (what a line begins with that nobody wrote) and `address`
    (one that is shown, with what is around it).
    """

    start: int
    end: int
    kind: str
    value: str = ""


def clipped(text: str, spans: Sequence[Span], start: int, end: int) -> tuple[str, list[Span]]:
    """What lies from `start` to before `end`, and what is marked in that."""
    shown = text[start:end]
    inside = [
        replace(span, start=max(span.start, start) - start, end=min(span.end, end) - start)
        for span in spans
        if span.start < end and span.end > start
    ]
    return shown, [span for span in inside if shown[span.start : span.end].strip()]


def tidied(
    text: str, spans: Sequence[Span], apart: Collection[str] = ("pre", "code")
) -> list[Span]:
    """Spans in order, and as platforms can show them: no shade in its like, nor in what stays
    `apart`."""
    whole = sorted((s for s in spans if s.kind in apart), key=lambda s: s.start)
    kept = [span for span in spans if span.kind not in SHADES]
    for kind in SHADES:
        for span in _merged([span for span in spans if span.kind == kind]):
            kept += _without(span, whole)
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


def _without(span: Span, others: Sequence[Span]) -> Iterator[Span]:
    """What of a span lies around others in it."""
    at = span.start
    for each in others[max(0, bisect_right(others, at, key=lambda c: c.start) - 1) :]:
        if each.start >= span.end:
            break
        if each.start > at:
            yield Span(start=at, end=each.start, kind=span.kind)
        at = max(at, each.end)
    if span.end > at:
        yield Span(start=at, end=span.end, kind=span.kind)
