"""Words that a text must have, compared here: neither dialect folds letters of every script."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.store.text import clean


def folded(words: Sequence[str]) -> tuple[str, ...]:
    """The words as they are compared, whatever their case."""
    return tuple(clean(word).casefold() for word in words if word)


def has_all(words: tuple[str, ...], *texts: str) -> bool:
    """Whether each of the ``folded`` words is in one of the texts."""
    if not words:
        return True
    whole = "\n".join(texts).casefold()
    return all(word in whole for word in words)
