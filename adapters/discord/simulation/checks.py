"""What Discord takes in a message.

https://docs.discord.com/developers/resources/message and .../components/reference
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adapters.discord.simulation.errors import ApiError, invalid, too_long
from adapters.discord.simulation.model import Flags, JsonObject

TEXT_LIMIT = 2000
EMBEDS_LIMIT = 6000
EMBED_LIMITS = {"title": 256, "description": 4096}
MOST_EMBEDS = 10
MOST_ROWS = MOST_BUTTONS = 5
LABEL_LIMIT = 80
ID_LIMIT = 100
URL_LIMIT = 512
NONCE_LIMIT = 25
ROW, BUTTON, LINK = 1, 2, 5
SELECTS = frozenset({3, 5, 6, 7, 8})


def check_text(fields: JsonObject) -> str:
    """The text as it will stand: without space around it. Raises `ApiError`.

    Its length is counted in UTF-16 units, the strictest way there is.
    """
    text = fields.get("content")
    if text is None:
        return ""
    if not isinstance(text, str):
        raise invalid("content", "STRING_TYPE_CONVERT", "Could not interpret as string.")
    text = text.strip()
    if len(text.encode("utf-16-le", "surrogatepass")) // 2 > TEXT_LIMIT:
        raise too_long("content", TEXT_LIMIT)
    return text


def check_flags(fields: JsonObject, allowed: Flags) -> int:
    """Those flags of a message that a bot sets."""
    flags = fields.get("flags") or 0
    if not isinstance(flags, int) or flags & ~int(allowed):
        raise invalid("flags", "INVALID_FLAGS", f"Flags {flags!r} are not simulated.")
    return flags


def check_nonce(fields: JsonObject) -> str | int | None:
    """The key that a client gave the message."""
    nonce: str | int | None = fields.get("nonce")
    if isinstance(nonce, str) and len(nonce) > NONCE_LIMIT:
        raise too_long("nonce", NONCE_LIMIT)
    return nonce


def check_embeds(fields: JsonObject) -> list[JsonObject]:
    """The embeds, each and all of them of a size."""
    embeds: list[JsonObject] = fields.get("embeds") or []
    if len(embeds) > MOST_EMBEDS:
        raise too_long("embeds", MOST_EMBEDS)
    for number, embed in enumerate(embeds):
        for name, most in EMBED_LIMITS.items():
            if len(embed.get(name) or "") > most:
                raise too_long(f"embeds.{number}.{name}", most)
    if sum(len(text) for embed in embeds for text in _texts(embed)) > EMBEDS_LIMIT:
        words = f"Embed size exceeds maximum size of {EMBEDS_LIMIT}"
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", words)
    return [{"type": "rich", **embed} for embed in embeds]


def check_components(fields: JsonObject) -> list[JsonObject]:
    """The rows of buttons and menus."""
    rows: list[JsonObject] = fields.get("components") or []
    if len(rows) > MOST_ROWS:
        raise too_long("components", MOST_ROWS, 1)
    seen: set[str] = set()
    for number, row in enumerate(rows):
        where = f"components.{number}"
        if row.get("type") != ROW:
            words = f'Value of field "type" must be one of ({ROW},).'
            raise invalid(f"{where}.type", "UNION_TYPE_CHOICES", words)
        _check_row(row.get("components") or [], f"{where}.components", seen)
    return [
        {**row, "id": 10 * number + 1, "components": _numbered(row["components"], 10 * number + 2)}
        for number, row in enumerate(rows)
    ]


def check_empty(text: str, *parts: Any) -> None:
    """Something has to be in a message. Raises `ApiError`."""
    if not text and not any(parts):
        raise ApiError(400, 50006, "Cannot send an empty message")


def _check_row(parts: list[JsonObject], where: str, seen: set[str]) -> None:
    menus = [part for part in parts if part.get("type") in SELECTS]
    if not parts or len(parts) > MOST_BUTTONS or (menus and len(parts) > 1):
        raise too_long(where, MOST_BUTTONS, 1)
    for number, part in enumerate(parts):
        inner = f"{where}.{number}"
        if part.get("type") == BUTTON:
            _check_button(part, inner)
        elif part not in menus:
            raise invalid(f"{inner}.type", "UNION_TYPE_CHOICES", "No such component.")
        _check_id(part, inner, seen)


def _check_button(button: JsonObject, where: str) -> None:
    label = button.get("label") or ""
    if len(label) > LABEL_LIMIT:
        raise too_long(f"{where}.label", LABEL_LIMIT)
    if not label and not button.get("emoji"):
        words = "A button must have a label or emoji"
        raise invalid(where, "BUTTON_COMPONENT_INVALID_LABEL", words)
    style = button.get("style")
    if style not in {1, 2, 3, 4, LINK}:
        raise invalid(f"{where}.style", "BASE_TYPE_CHOICES", "Value must be one of {1,2,3,4,5}.")
    if (style == LINK) != bool(button.get("url")) or (style == LINK and button.get("custom_id")):
        words = "A url is what a link button has, and only that."
        raise invalid(f"{where}.url", "BUTTON_COMPONENT_INVALID_URL", words)
    if len(button.get("url") or "") > URL_LIMIT:
        raise too_long(f"{where}.url", URL_LIMIT)


def _check_id(part: JsonObject, where: str, seen: set[str]) -> None:
    if part.get("style") == LINK and part["type"] == BUTTON:
        return
    custom_id = part.get("custom_id")
    if not isinstance(custom_id, str) or not 1 <= len(custom_id) <= ID_LIMIT:
        raise too_long(f"{where}.custom_id", ID_LIMIT, 1)
    if custom_id in seen:
        words = "Component custom id cannot be duplicated"
        raise invalid(f"{where}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", words)
    seen.add(custom_id)


def _numbered(parts: list[JsonObject], first: int) -> list[JsonObject]:
    return [{**part, "id": number} for number, part in enumerate(parts, first)]


def _texts(embed: JsonObject) -> Iterator[str]:
    yield embed.get("title") or ""
    yield embed.get("description") or ""
    yield (embed.get("footer") or {}).get("text") or ""
    yield (embed.get("author") or {}).get("name") or ""
    for field in embed.get("fields") or ():
        yield field.get("name") or ""
        yield field.get("value") or ""
