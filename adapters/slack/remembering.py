"""What is remembered for as long as there is room: the oldest goes first."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def remember(those: OrderedDict[Key, Value], key: Key, value: Value, most: int) -> None:
    """Remember it as the newest, and not more than so many."""
    those[key] = value
    those.move_to_end(key)
    while len(those) > most:
        those.popitem(last=False)
