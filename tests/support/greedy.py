"""An agent that wants as much as it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from gateway import File, Output, Text, Turn


async def greedy(turn: Turn) -> AsyncIterator[Output]:
    """``variables N``, ``data N`` and ``drive N`` keep so many bytes, ``facts N`` remembers so many
    facts, ``file N`` sends so many bytes; ``rest S`` takes so many seconds."""
    word, _, rest = turn.text.partition(" ")
    if word == "rest":
        await asyncio.sleep(float(rest))
    elif word == "variables":
        turn.variables["kept"] = "x" * int(rest)
    elif word == "data":
        turn.data["kept"] = "x" * int(rest)
    elif word == "drive":
        await turn.drive.save("kept", "x" * int(rest))
    elif word == "facts":
        for number in range(int(rest)):
            await turn.facts.remember(f"fact {number}")
    elif word == "file":
        yield File(name="big.txt", data=b"x" * int(rest), media_type="text/plain")
    yield Text(f"done {turn.text}")
