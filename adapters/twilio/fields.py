"""Fields of a webhook's form: what they should be, and what to say of one that is not."""

from __future__ import annotations

import re
from typing import Any

from gateway import UnreadableUpdate

Fields = dict[str, Any]

# Control characters, and those that turn the direction in which text is shown.
_DISRUPTIVE = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")
_NUMBER = re.compile(r"[0-9]{1,15}")
_PICKED = re.compile(r"q:([A-Za-z0-9_-]{1,56}):([0-9]{1,4})")
# A number, a short code, or the word that a company sends by; WhatsApp's may also be an id that
# hides the number. https://www.twilio.com/docs/whatsapp/business-scoped-user-ids
_WHATSAPP = re.compile(r"whatsapp:[+A-Za-z0-9._-]{1,128}")
_PHONE = re.compile(r"\+?[A-Za-z0-9][A-Za-z0-9 &._+-]{0,63}")


def a_sid(form: Fields, field: str, kinds: tuple[str, ...]) -> str:
    """The SID in this field, of one of these kinds. Raises `UnreadableUpdate`, as the next one."""
    value = form.get(field)
    if isinstance(value, str) and _SID.fullmatch(value) and value.startswith(kinds):
        return value
    raise _wrong(form, field, f"a SID ({' or '.join(f'{kind}…' for kind in kinds)})")


def an_address(form: Fields, field: str) -> str:
    """The number in this field, or what stands for one."""
    value = form.get(field)
    if isinstance(value, str) and is_address(value):
        return value
    raise _wrong(form, field, "a number")


def is_address(text: str) -> bool:
    """Whether messages can come from there."""
    return bool(_WHATSAPP.fullmatch(text) or _PHONE.fullmatch(text))


def is_phone(address: str) -> bool:
    """Whether it is an address on a telephone, rather than a name in somebody's own program."""
    return address.startswith(("whatsapp:", "+")) or bool(_NUMBER.fullmatch(address))


def is_number(address: str) -> bool:
    """Whether it is somebody's number on the telephone network, on WhatsApp or not."""
    return bare(address).startswith("+")


def bare(address: str) -> str:
    """An address without the channel's name before it."""
    return address.removeprefix("whatsapp:")


def a_string(form: Fields, field: str) -> str:
    """The text in this field, or an empty one: for what nothing depends on."""
    value = form.get(field)
    return value if isinstance(value, str) else ""


def a_count(form: Fields, field: str) -> int:
    """The number in this field, as digits; 0 if there is none."""
    value = form.get(field)
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else 0


def is_true(form: Fields, field: str) -> bool:
    """Whether a field says so."""
    return a_string(form, field).lower() == "true"


def picked(form: Fields) -> tuple[str, int] | None:
    """The question of ours that was answered by a button or in a list, and the option's number."""
    for field in ("ButtonPayload", "ListId"):
        if match := _PICKED.fullmatch(a_string(form, field)):
            return match[1], int(match[2])
    return None


def in_one_line(text: str, longest: int = 200) -> str:
    """Text for a line of our own: nothing that breaks or turns it, cut where it gets too long."""
    line = " ".join(_DISRUPTIVE.sub(_nothing_or_space, text[: 4 * longest]).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _nothing_or_space(found: re.Match[str]) -> str:
    return " " if found[0].isspace() else ""


def _wrong(form: Fields, field: str, wanted: str) -> UnreadableUpdate:
    problem = f"is not {wanted}" if form.get(field) is not None else "is missing"
    return UnreadableUpdate(f"{field} {problem}")
