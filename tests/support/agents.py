"""Agents that scenarios run in the real process, by ``kind = "python"``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from gateway import Ask, Output, Publish, QuestionKind, Role, Text, Turn, Unavailable

LONG = 3000
"""How often the word is repeated in a long answer: three parts on Telegram."""


async def recall(turn: Turn) -> str | Ask:
    """Say what was said now, and everything this person said before; long, or ask, on demand."""
    if turn.answer is not None:
        return f"{turn.answer.question.text} {turn.answer.text}"
    if turn.text.startswith("ask"):
        return Ask(
            text=f"colour for {turn.text}?", kind=QuestionKind.CHOICE, options=("Red", "Blue")
        )
    return expected(turn.text, [m.text for m in turn.messages if m.role is Role.USER])


def expected(text: str, before: list[str]) -> str:
    """What ``recall`` answers."""
    answer = f"{text} after {'|'.join(before) or 'nothing'}"
    if text.startswith("long"):
        answer += "".join(f" w{number}" for number in range(LONG))
    return answer


async def canary(turn: Turn) -> str:
    """Keep a canary in a variable, and say every canary within reach."""
    seen = [word for m in turn.messages for word in m.text.split() if word.startswith("canary-")]
    kept = turn.variables.setdefault("canary", turn.text)
    return " ".join(["saw", *sorted({*seen, kept, turn.text})])


async def slow(turn: Turn) -> AsyncIterator[Output]:
    """Sleep as long as the text says, streaming; ``publish`` speaks first."""
    word, _, seconds = turn.text.partition(" ")
    if word == "publish":
        for text in ("one", "two")[len(turn.published) :]:
            yield Publish(f"{text} of {turn.text}")
    for _ in range(int(float(seconds or 0) * 20)):
        yield Text("")
        await asyncio.sleep(0.05)
    yield Text(f"done {turn.text}")


async def faulty(turn: Turn) -> str:
    """Fail as told: ``away N`` is unavailable N times, ``absent S`` for S seconds, ``broken N``
    raises N times."""
    word, _, times = turn.text.partition(" ")
    _tries[turn.task_id] = tried = _tries.get(turn.task_id, 0) + 1
    if word == "absent":
        if time.monotonic() - _since.setdefault(turn.task_id, time.monotonic()) < float(times):
            raise Unavailable("the model is away", retry_after=0.5)
        return f"back from {turn.text}"
    if word == "away" and tried <= int(times):
        raise Unavailable("the model is away", retry_after=0.1)
    if word == "broken" and tried <= int(times):
        raise ValueError("broken on purpose")
    return f"{turn.text} on try {tried}"


_tries: dict[str, int] = {}
_since: dict[str, float] = {}
