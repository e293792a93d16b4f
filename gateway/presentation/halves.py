"""Markdown that is still being written: what is open in it, closed. Pure."""

from __future__ import annotations

import re

FENCE = re.compile(r"^ {0,3}(```+|~~~+)[^`\n]*$", re.MULTILINE)
_HALF_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*\Z")
_HALF_MARK = re.compile(r"(?:(?<=\s)|\A)[*_~`]+\Z")
_CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_PAIRED = ("**", "~~", "`")


def reopened(before: str) -> str:
    """The fence that is open at the end of a text, as a line; empty where none is."""
    fences = [match[0].strip() for match in FENCE.finditer(before)]
    return f"{fences[-1]}\n" if len(fences) % 2 else ""


def closed(text: str) -> str:
    """The same without half a link or half a mark at its end; an open fence stays open."""
    if len(FENCE.findall(text)) % 2:
        return text
    head, blank, last = text.rstrip().rpartition("\n\n")
    last = _HALF_MARK.sub("", _HALF_LINK.sub(r"\1", last))
    without_code = _CODE.sub("", last)
    for mark in _PAIRED:
        if without_code.count(mark) % 2:
            half = last.endswith(mark[0]) and not last.endswith(mark)
            last += mark[0] if half else mark
    return head + blank + last
