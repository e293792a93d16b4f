"""Imports that cost memory and serve nobody."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hidden(name: str) -> Iterator[None]:
    """Let an optional dependency look absent to what is imported inside the block.

    Libraries import rich, 6 MB, for tracebacks we do not print and commands nobody runs. Whoever
    imported it before, or does so afterwards, has it.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
