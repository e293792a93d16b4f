"""Text of people and agents, made harmless for a terminal. Pure."""

from __future__ import annotations

import re

# What a terminal obeys (C0, DEL, C1), what turns the direction of other text around (bidirectional
# embeddings, overrides and isolates; Unicode TR 9), and halves of characters, which no encoding
# takes. Line breaks and tabs stay.
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = re.compile("\r\n?|[\u2028\u2029]")
_PICTURES = 0x2400


def safe(text: str) -> str:
    """The text with every character that would steer the terminal shown instead of obeyed.

    C0 controls become their pictures (U+2400 and on), the others U+FFFD, one for one.
    """
    return _HARMFUL.sub(_shown, _BREAKS.sub("\n", text))


def one_line(text: str, limit: int = 200) -> str:
    """The same on one line, cut when it is longer than ``limit`` characters."""
    line = " ".join(safe(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def file_name(name: str) -> str:
    """A name for a file that somebody sent: no folder, nothing hidden, nothing that steers."""
    plain = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in safe(name))
    stem, dot, suffix = plain.strip(" .")[-200:].rpartition(".")
    plain = f"{stem or 'file'}{dot}{suffix}" if dot else suffix
    return plain or "file"


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(_PICTURES + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"
