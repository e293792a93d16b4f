"""What holds of every text with entities that Telegram takes."""

from __future__ import annotations

from typing import Any

from adapters.telegram.cutting import MAX_ENTITIES, MAX_TEXT, Piece, entities

FORMATS = {"bold", "italic", "strikethrough"}
QUOTES = {"blockquote", "expandable_blockquote"}
CODE = {"pre", "code"}


def units(text: str) -> int:
    """The length of a text in UTF-16 units, by another way than the program's."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check(piece: Piece) -> list[dict[str, Any]]:
    """A part's entities, once they are found to be well-formed.

    https://core.telegram.org/bots/api#formatting-options says what may contain what.
    """
    found = entities(piece.text, piece.spans)
    end = units(piece.text)
    assert end <= MAX_TEXT
    assert len(found) <= MAX_ENTITIES
    raw = piece.text.encode("utf-16-le", "surrogatepass")
    for entity in found:
        start, stop = entity["offset"], entity["offset"] + entity["length"]
        assert 0 <= start < stop <= end
        inside = raw[2 * start : 2 * stop].decode("utf-16-le", "surrogatepass")
        assert inside.strip()
        assert ("url" in entity) == (entity["type"] == "text_link")
    for index, outer in enumerate(found):
        for inner in found[index + 1 :]:
            _check_pair(outer, inner)
    return found


def _check_pair(one: dict[str, Any], other: dict[str, Any]) -> None:
    apart = (
        one["offset"] + one["length"] <= other["offset"]
        or other["offset"] + other["length"] <= one["offset"]
    )
    if apart:
        return
    kinds = {one["type"], other["type"]}
    assert len(kinds) == 2, "one lies in its like"
    assert not kinds <= QUOTES
    if kinds & CODE:
        assert kinds & QUOTES, "something lies in code"
