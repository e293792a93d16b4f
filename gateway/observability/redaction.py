"""Nothing secret leaves the process through a log line or an error message.

Settings register every secret they hold; besides, whatever looks like a credential is replaced
wherever it stands, so that a token inside a library's error text is caught as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "[hidden]"
SHORTEST = 4
"""Shorter values are not registered: hiding every "1" would hide the message."""

_LOOKS_SECRET = (
    (re.compile(r"\d+:[\w-]{30,}"), HIDDEN),
    (re.compile(r"(?i)\b(bearer)(\s+)[\w.~+/=:-]{8,}"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)\b(basic|bot)(\s+)[\w.~+/=:-]{20,}"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)\b(https?://)[^\s/:@]*:[^\s/@]+@"), rf"\1{HIDDEN}@"),
    # A password that nobody encoded may hold anything; only http has paths with ":" and "@".
    (re.compile(r"(?i)\b((?!http)[a-z][a-z0-9+.-]*://)[^\s/:@]*:\S+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(?:xox[a-z]|xapp|sk|gh[a-z])[-_][\w-]{10,}"), HIDDEN),
)
_HINT = re.compile(r"(?i):|bearer|basic|bot\s|xox|xapp|sk-|gh[a-z]_")


class _Secrets:
    """The secrets of this process, as one pattern."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        self._values.add(value)
        # The longest first, so that a secret that contains another is hidden whole.
        ordered = sorted(self._values, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(secret) for secret in ordered))

    def hide(self, text: str) -> str:
        return self._pattern.sub(HIDDEN, text) if self._pattern else text


_secrets = _Secrets()


def register_secret(value: str) -> None:
    """From now on, ``value`` is never shown."""
    if len(value) >= SHORTEST:
        _secrets.add(value)


def redact(text: str) -> str:
    """``text`` without any registered secret and without what looks like one."""
    text = _secrets.hide(text)
    if _HINT.search(text):
        for looks, instead in _LOOKS_SECRET:
            text = looks.sub(instead, text)
    return text


def redact_value(value: Any) -> Any:
    """A value for a log line: texts inside it redacted, the rest as it is or as text."""
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {redact(str(key)): redact_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(item) for item in value]
    return redact(str(value) if isinstance(value, BaseException) else repr(value))
