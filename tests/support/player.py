"""The one agent of the scenarios that run on every platform: it does as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from gateway import Ask, File, Output, Publish, QuestionKind, Role, Text, Turn
from tests.support.agents import expected, gated
from tests.support.keeper import kept


async def player(turn: Turn) -> AsyncIterator[Output]:
    """Answer what `recall` would; do otherwise where the first word says so.

    ``ask …`` offers two colours, ``choose A;B;…`` these things, ``approve …`` wants a yes,
    ``sleep S …`` takes so many seconds, ``hold K`` lasts until somebody says ``free K``, wherever
    that is; ``write N S …`` streams so many words, so many seconds
    apart, ``drip S …`` streams what follows, ``send N …`` sends a file of so many bytes,
    ``publish …`` speaks twice, ``recap`` tells what older messages came to, ``voices`` who said
    what, ``set K V`` keeps a variable, ``variables`` tells all, ``teach K V`` changes the agent's
    own data, ``taught`` tells it, ``consult …`` searches its books. Files that came are named with
    their sizes. See ``keeper`` for what outlives a session.
    """
    if turn.answer is not None:
        yield Text(f"{turn.answer.question.text} {turn.answer.text} {turn.answer.approved}")
        return
    word, *rest = turn.text.split(" ")
    match word, rest:
        case "ask", _:
            colours = ("Red", "Blue")
            yield Ask(text=f"colour for {turn.text}?", kind=QuestionKind.CHOICE, options=colours)
        case "choose", _:
            options = tuple(turn.text.removeprefix("choose ").split(";"))
            yield Ask(text=f"what of {turn.text}?", kind=QuestionKind.CHOICE, options=options)
        case "approve", _:
            yield Ask(text=f"may I {turn.text}?", kind=QuestionKind.APPROVAL)
        case "hold" | "free", _:
            await gated(turn.text)
            yield Text(f"done {turn.text}")
        case "sleep", [seconds, *_]:
            await _rest(float(seconds))
            yield Text(f"slept {seconds}")
        case "write", [count, pause, *_]:
            yield Text(f"writing {count}.")
            for number in range(int(count)):
                await asyncio.sleep(float(pause))
                yield Text(f" w{number}")
        case "drip", [pause, *said]:
            for piece in _pieces(" ".join(said)):
                yield Text(piece)
                await asyncio.sleep(float(pause))
        case "send", [size, *_]:
            yield File(name=f"{size}.txt", data=b"x" * int(size), media_type="text/plain")
            yield Text(f"sent {size}")
        case "recap", _:
            yield Text(f"{turn.summary.upto} {' '.join(turn.summary.topics)}\n{turn.summary.text}")
        case "voices", _:
            before = [f"{m.sender}: {m.text}" for m in turn.messages if m.role is Role.USER]
            yield Text("|".join([*before, f"{turn.participant.name}: {turn.text}"]))
        case "set", [key, *value]:
            turn.variables[key] = " ".join(value)
            yield Text(f"done {turn.text}")
        case "teach", [key, *value]:
            try:
                turn.agent_data[key] = " ".join(value)
            except TypeError:
                yield Text("it is not mine to teach")
            else:
                yield Text(f"done {turn.text}")
        case (("variables" | "taught"), _):
            told = turn.variables if word == "variables" else turn.agent_data
            yield Text(json.dumps(told, sort_keys=True))
        case "consult", words:
            found = await turn.knowledge.search(" ".join(words))
            yield Text("|".join(passage.text for passage in found) or "no book says so")
        case "publish", _:
            for text in ("one", "two")[len(turn.published) :]:
                yield Publish(f"{text} of {turn.text}")
            yield Text(f"done {turn.text}")
        case _:
            spoke = False
            async for output in kept(turn):
                spoke = True
                yield output
            if not spoke:
                yield Text(await _said(turn))


async def _rest(seconds: float) -> None:
    # In small steps, so that it can be stopped between them.
    for _ in range(int(seconds * 20)):
        await asyncio.sleep(0.05)


def _pieces(text: str) -> list[str]:
    return [text[start : start + 9] for start in range(0, len(text), 9)]


async def _said(turn: Turn) -> str:
    files = [f"{file.name} {len(await turn.read(file))}" for file in turn.attachments]
    before = [message.text for message in turn.messages if message.role is Role.USER]
    return " with ".join([expected(turn.text, before), *files])
