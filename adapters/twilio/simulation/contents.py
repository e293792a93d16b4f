"""The Content API: what has buttons, and templates.

https://www.twilio.com/docs/content/twilio-quick-reply,
https://www.twilio.com/docs/content/twiliolist-picker
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from adapters.twilio.simulation.errors import ApiError
from adapters.twilio.simulation.model import Button, Content

QUICK, LIST, TEXT = "twilio/quick-reply", "twilio/list-picker", "twilio/text"
# The most telling type that the channel has is what people see.
KINDS = (LIST, QUICK, TEXT)
BODY_LIMIT = 1024
TITLE_LIMIT = 20
ITEM_LIMIT = 24
ID_LIMIT = 200
DESCRIPTION_LIMIT = 72
BUTTON_LIMIT = 20
ACTIONS, ACTIONS_IN_SESSION, ITEMS = 10, 3, 10
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """A content with its variables in place; `problem` is why WhatsApp will not have it."""

    body: str
    buttons: tuple[Button, ...] = ()
    problem: int | None = None


def read_content(given: Mapping[str, Any], sid: str, at: float) -> Content:
    """A content as a call describes it. Raises `ApiError`."""
    types = given.get("types")
    if not isinstance(types, dict) or not given.get("language"):
        raise ApiError(20422, "language and types are required")
    types = {name: described for name, described in types.items() if described is not None}
    if not types:
        raise ApiError(20422, "there are no types")
    for name, described in types.items():
        if not isinstance(described, dict):
            raise ApiError(20422, f"{name} is no object")
        if name == QUICK:
            _count(described.get("actions"), ACTIONS, "actions")
        if name == LIST:
            _count(described.get("items"), ITEMS, "items")
        if name in KINDS and not described.get("body"):
            raise ApiError(20422, f"{name} needs a body")
    return Content(
        sid=sid,
        at=at,
        friendly_name=str(given.get("friendly_name") or ""),
        language=str(given["language"]),
        variables={str(key): str(value) for key, value in (given.get("variables") or {}).items()},
        types=types,
    )


def _count(found: Any, most: int, what: str) -> None:
    if not isinstance(found, list) or not 1 <= len(found) <= most:
        raise ApiError(20422, f"there may be 1 to {most} {what}")


def read_variables(given: str) -> dict[str, str]:
    """`ContentVariables`. Raises `ApiError`; https://www.twilio.com/docs/api/errors/21656."""
    if not given:
        return {}
    try:
        found = orjson.loads(given)
    except orjson.JSONDecodeError:
        raise ApiError(21656) from None
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise ApiError(21656)
    if not all(each.strip() for each in found.values()):
        raise ApiError(21656, "a content variable is empty")
    return found


def fill(content: Content, variables: Mapping[str, str]) -> Filled:
    """Put the variables in. Raises `ApiError` where one is left that nothing is given for.

    A template that WhatsApp approved takes no line breaks in its variables, nor tabs, nor more
    than four blanks in a row.
    https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes (132018)
    """
    values = {**content.variables, **variables}

    def filled(text: Any) -> str:
        def value(found: re.Match[str]) -> str:
            if found[1] not in values:
                raise ApiError(21656, f"no value for {found[0]}")
            return values[found[1]]

        return _VARIABLE.sub(value, str(text or ""))

    name = next((kind for kind in KINDS if kind in content.types), "")
    described = content.types.get(name, {})
    body = filled(described.get("body"))
    buttons = tuple(
        Button(label=filled(action.get("title")), payload=filled(action.get("id")))
        for action in described.get("actions", ())
    ) or tuple(
        Button(
            label=filled(item.get("item")),
            payload=filled(item.get("id")),
            listed=True,
            description=filled(item.get("description")),
        )
        for item in described.get("items", ())
    )
    fits = _fits(body, buttons, filled(described.get("button")), approved=content.approved)
    spaced = content.approved and any(re.search(r"[\n\t]| {5}", one) for one in variables.values())
    return Filled(body=body, buttons=buttons, problem=63013 if spaced or not fits else None)


def _fits(body: str, buttons: tuple[Button, ...], opener: str, *, approved: bool) -> bool:
    """Whether WhatsApp has room for it."""
    labels = [button.label for button in buttons]
    payloads = [button.payload for button in buttons]
    listed = any(button.listed for button in buttons)
    most = ITEMS if listed else ACTIONS if approved else ACTIONS_IN_SESSION
    unique = labels if not listed else payloads
    return (
        len(body) <= (BODY_LIMIT if buttons or approved else 1600)
        and len(buttons) <= most
        and len(set(unique)) == len(unique)
        and all(0 < len(label) <= (ITEM_LIMIT if listed else TITLE_LIMIT) for label in labels)
        and all(len(payload) <= ID_LIMIT for payload in payloads)
        and all(len(button.description) <= DESCRIPTION_LIMIT for button in buttons)
        and (not listed or 0 < len(opener) <= BUTTON_LIMIT)
    )
