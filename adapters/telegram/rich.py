"""Rich messages (Bot API 10.1): blocks of text, lists, tables and media, read as plain Markdown.

https://core.telegram.org/bots/api#richmessage
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from adapters.telegram import attachments
from adapters.telegram.fields import JsonObject, a_detail, a_string, details
from gateway import Attachment

MOST = 50_000
"""Characters; Telegram allows 32,768 bytes."""

_DEEPEST = 24
_MEDIA = {
    "animation": "[animation]",
    "audio": "[audio]",
    "collage": "",
    "document": "[file]",
    "map": "[map]",
    "photo": "[photo]",
    "slideshow": "",
    "video": "[video]",
    "voice_note": "[voice message]",
}


def text(message: JsonObject) -> str:
    """What a rich message says."""
    return "\n".join(_lines(details(message, "blocks"), 0)).strip()[:MOST]


def files(message: JsonObject) -> tuple[Attachment, ...]:
    """The files in it, in the order in which they stand there."""
    return tuple(_files(details(message, "blocks"), 0))


def _files(blocks: list[JsonObject], depth: int) -> Iterator[Attachment]:
    for block in blocks if depth < _DEEPEST else ():
        yield from attachments.of_block(block)
        yield from _files([*details(block, "blocks"), *details(block, "items")], depth + 1)


def _lines(blocks: list[JsonObject], depth: int) -> Iterator[str]:
    for block in blocks if depth < _DEEPEST else ():
        kind = a_string(block, "type")
        yield from _BLOCKS.get(kind, _plain)(block, depth)


def _plain(block: JsonObject, depth: int) -> Iterator[str]:
    """A paragraph, and whatever has text, a summary or blocks inside."""
    for field in ("summary", "text"):
        yield from _written(block, field)
    yield from _lines(details(block, "blocks"), depth + 1)
    yield from _written(block, "credit")


def _heading(block: JsonObject, depth: int) -> Iterator[str]:
    size = block.get("size")
    mark = "#" * (size if type(size) is int and 1 <= size <= 6 else 1)
    yield from (f"{mark} {line}" for line in _written(block, "text"))


def _code(block: JsonObject, depth: int) -> Iterator[str]:
    yield f"```{a_string(block, 'language')}"
    yield from _written(block, "text")
    yield "```"


def _formula(block: JsonObject, depth: int) -> Iterator[str]:
    yield f"$${a_string(block, 'expression')}$$"


def _divider(block: JsonObject, depth: int) -> Iterator[str]:
    yield "---"


def _quotation(block: JsonObject, depth: int) -> Iterator[str]:
    for line in "\n".join(_plain(block, depth)).splitlines():
        yield f"> {line}"


def _list(block: JsonObject, depth: int) -> Iterator[str]:
    for item in details(block, "items"):
        mark = a_string(item, "label") or "-"
        if item.get("has_checkbox"):
            mark = "- [x]" if item.get("is_checked") else "- [ ]"
        inside = "\n".join(_lines(details(item, "blocks"), depth + 1))
        first, *rest = inside.splitlines() or [""]
        yield f"{mark} {first}".rstrip()
        yield from (f"  {line}" for line in rest)


def _table(block: JsonObject, depth: int) -> Iterator[str]:
    yield from _written(block, "caption")
    rows = block.get("cells")
    for row in rows if isinstance(rows, list) else ():
        cells = row if isinstance(row, list) else ()
        texts = (_inline(cell.get("text"), 0) for cell in cells if isinstance(cell, dict))
        yield " | ".join(" ".join(said.split()) for said in texts)


def _media(block: JsonObject, depth: int) -> Iterator[str]:
    caption = _inline(a_detail(block, "caption").get("text"), 0)
    line = f"{_MEDIA[a_string(block, 'type')]} {caption}".strip()
    if line:
        yield line
    yield from _lines(details(block, "blocks"), depth + 1)


def _buttons(block: JsonObject, depth: int) -> Iterator[str]:
    yield " ".join(f"[{_inline(one.get('text'), 0)}]" for one in details(block, "buttons"))


def _written(block: JsonObject, field: str) -> Iterator[str]:
    if said := _inline(block.get(field), 0):
        yield said


def _inline(value: Any, depth: int) -> str:
    """Rich text: a string, a list of rich texts, or an object with one inside."""
    if isinstance(value, str):
        return value
    if depth >= _DEEPEST:
        return ""
    if isinstance(value, list):
        return "".join(_inline(one, depth + 1) for one in value)
    if not isinstance(value, dict):
        return ""
    said = _inline(value.get("text"), depth + 1)
    if said:
        url = a_string(value, "url")
        return f"{said} ({url})" if url and url != said else said
    button = a_detail(value, "button")
    if button:
        return f"[{_inline(button.get('text'), depth + 1)}]"
    return a_string(value, "expression") or a_string(value, "alternative_text")


_BLOCKS: Mapping[str, Callable[[JsonObject, int], Iterator[str]]] = {
    "heading": _heading,
    "pre": _code,
    "mathematical_expression": _formula,
    "divider": _divider,
    "blockquote": _quotation,
    "expandable_blockquote": _quotation,
    "pullquote": _quotation,
    "list": _list,
    "table": _table,
    "buttons": _buttons,
    **dict.fromkeys(_MEDIA, _media),
}
