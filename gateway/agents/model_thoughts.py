"""Tells what a model says from what it thinks aloud before it says it. Pure."""

from __future__ import annotations

_OPEN, _CLOSE = "<think>", "</think>"


class Thoughts:
    """Leaves out white space before an answer, and what a model thinks aloud in front of it.

    Servers that know a model's reasoning send it in a field of its own; others leave it in the
    text, between ``<think>`` and ``</think>``.
    """

    def __init__(self) -> None:
        self._answering = False
        self._thinking = False
        self._held = ""

    def visible(self, text: str) -> str:
        """What of the next piece of text is for people."""
        if self._answering:
            return text
        self._held += text
        if self._thinking:
            return self._end_of_thought()
        self._held = self._held.lstrip()
        if len(self._held) < len(_OPEN) and _OPEN.startswith(self._held):
            return ""
        if self._held.startswith(_OPEN):
            self._thinking = True
            return self._end_of_thought()
        return self.rest()

    def rest(self) -> str:
        """What was held back, now that nothing more can follow it."""
        held, self._held = self._held, ""
        self._answering = True
        return "" if self._thinking else held

    def _end_of_thought(self) -> str:
        _, closed, after = self._held.partition(_CLOSE)
        if not closed:
            self._held = self._held[-len(_CLOSE) :]
            return ""
        self._thinking, self._held = False, ""
        return self.visible(after)
