"""Keyboards, as strictly as Telegram reads them."""

from __future__ import annotations

from typing import Any

from adapters.telegram.simulation.errors import bad_request
from adapters.telegram.simulation.vocabulary import BUTTON_ACTIONS

MAX_BUTTON_DATA = 64
KINDS = ("inline_keyboard", "keyboard", "remove_keyboard", "force_reply")


def check_markup(markup: dict[str, Any] | None, *, inline: bool = False) -> dict[str, Any] | None:
    """Return the markup, or nothing if it is empty; `inline` where no other kind is allowed."""
    if not markup:
        return None
    if not any(kind in markup for kind in KINDS):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" in markup:
        for button in _buttons(markup["inline_keyboard"], "inline keyboard"):
            _check_inline(button)
        return markup if any(markup["inline_keyboard"]) else None
    if inline:
        raise bad_request("inline keyboard expected")
    for button in _buttons(markup.get("keyboard", []), "keyboard"):
        if not (button.get("text") if isinstance(button, dict) else button):
            raise bad_request("keyboard button text must be non-empty")
    return markup


def _buttons(rows: Any, what: str) -> list[Any]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(f"can't parse {what}: expected an Array of Arrays")
    return [button for row in rows for button in row]


def _check_inline(button: Any) -> None:
    if not isinstance(button, dict) or not isinstance(button.get("text"), str):
        raise bad_request("can't parse inline keyboard button: expected an Object with a text")
    if not button["text"].strip():
        raise bad_request("inline keyboard button text must be non-empty")
    if len(BUTTON_ACTIONS & button.keys()) != 1:
        raise bad_request("text buttons are unallowed in the inline keyboard")
    data = button.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode()) <= MAX_BUTTON_DATA:
        raise bad_request("BUTTON_DATA_INVALID")
