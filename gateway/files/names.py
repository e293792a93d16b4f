"""What a file may be called. Pure."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 200
"""Characters that a name may have."""

NAMELESS = "file"

_LOOKED_AT = 4096
_LONGEST_EXTENSION = 20
_PATHS = re.compile(r"[/\\]")
# They join emoji, and letters of Persian and Hindi; other invisible characters only deceive.
_JOINERS = "\u200c\u200d"
_HIDDEN = frozenset({"Cc", "Cf", "Cs"})


def safe_name(name: str) -> str:
    """``name`` as it is stored and shown: without folders, controls and changes of direction, at
    most 200 characters with the extension kept, never empty."""
    parts = [part for part in _PATHS.split(name[-_LOOKED_AT:]) if part.strip(" .\0")]
    text = unicodedata.normalize("NFC", parts[-1]) if parts else ""
    shown = "".join(" " if one.isspace() else one for one in text if _shows(one))
    shown = " ".join(shown.split()).rstrip(". ")
    if not shown.strip("." + _JOINERS):
        return NAMELESS
    return shown if len(shown) <= LONGEST else _cut(shown)


def _shows(one: str) -> bool:
    return one.isspace() or one in _JOINERS or unicodedata.category(one) not in _HIDDEN


def _cut(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > _LONGEST_EXTENSION:
        return name[:LONGEST]
    return f"{stem[: LONGEST - len(extension) - 1]}.{extension}"


def in_words(size: int) -> str:
    """A limit in bytes, for people: ``10 MB`` where it comes out even."""
    for unit, factor in (("MB", 1 << 20), ("KB", 1 << 10)):
        if size >= factor:
            return f"{round(size / factor, 1):g} {unit}"
    return f"{size} bytes"
