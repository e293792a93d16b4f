"""Agents that scenarios run in the real process, by ``kind = "python"``."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

from gateway import Ask, File, Output, Publish, QuestionKind, Role, Text, Turn, Unavailable

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
    """Sleep as long as the text says, streaming; ``publish`` speaks first. ``hang`` comes to an end
    in another process only, after a crash; ``hold`` and ``free`` are those of `gated`. Both may
    follow ``publish``."""
    word, _, rest = turn.text.partition(" ")
    if word == "publish":
        for text in ("one", "two")[len(turn.published) :]:
            yield Publish(f"{text} of {turn.text}")
    if "hang" in (word, rest):
        yield Text("")
        await _hang(turn.task_id)
    elif word in GATED or rest.startswith(GATED):
        yield Text("")
        await gated(turn.text.removeprefix("publish "))
    else:
        for _ in range(int(float(rest or 0) * 20)):
            yield Text("")
            await asyncio.sleep(0.05)
    yield Text(f"done {turn.text}")


HANGING = "hanging-"
"""How files in the gateway's folder begin, one for each task that hangs."""
GATED = ("hold", "free")
_gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


async def gated(text: str) -> None:
    """``hold KEY`` lasts until somebody in this process says ``free KEY``, wherever that is."""
    word, _, key = text.partition(" ")
    if word == "hold":
        await _gates[key].wait()
    elif word == "free":
        _gates[key].set()


async def _hang(task_id: str) -> None:
    """For ever, unless a process that is dead by now has begun it before."""
    begun = Path(f"{HANGING}{task_id}")
    if not await asyncio.to_thread(begun.exists):
        await asyncio.to_thread(begun.touch)
        await asyncio.Event().wait()


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


async def writer(turn: Turn) -> AsyncIterator[Output]:
    """Write ``w0 w1 …``: so many words, so many seconds apart, after ``mine:`` and what it was
    told; then say what it sees of the conversation."""
    _, count, pause = (*turn.text.split(), "0", "0")[:3]
    yield Text(f"mine: {turn.text}.")
    for number in range(int(count)):
        yield Text(f" w{number}")
        await asyncio.sleep(float(pause))
    said = [message.text for message in turn.messages]
    yield Text(f" after {said}")


async def filer(turn: Turn) -> AsyncIterator[Output]:
    """Read what came, and send files of the sizes it is told: ``send 10 20``."""
    for attachment in (*turn.attachments, *(a for m in turn.messages for a in m.attachments)):
        data = await turn.read(attachment)
        yield Text(f"{attachment.name} {attachment.media_type} {len(data)} {data[:4].hex()}; ")
    for size in turn.text.split()[1:] if turn.text.startswith("send") else ():
        yield File(name=f"{size}.txt", data=b"x" * int(size), media_type="text/plain")
    yield Text(f"said {turn.text}")


async def essay(turn: Turn) -> AsyncIterator[Output]:
    """Stream about 3000 words of Markdown, in bursts of 15 chapters."""
    for number in range(60):
        for word in _chapter(number).split(" "):
            yield Text(f"{word} ")
        if number % 15 == 14:
            await asyncio.sleep(0.3)


async def markup(turn: Turn) -> AsyncIterator[Output]:
    """Say what was said, but as an agent: as Markdown, in pieces of seven characters."""
    for start in range(0, len(turn.text), 7):
        yield Text(turn.text[start : start + 7])


def _chapter(number: int) -> str:
    prose = "The *keeper* of the gate knew **every voice** that had asked to pass, and `none` twice"
    rows = "\n".join(
        f"| {row} | {row * number} | [more](https://example.org/{row}) |" for row in range(3)
    )
    return (
        f"## Chapter {number}\n\n{prose}. {prose}.\n\n- one\n- two\n  - three\n\n"
        f"```python\ndef chapter{number}(voice: str) -> bool:\n    return voice in KNOWN\n```\n\n"
        f"| row | product | link |\n|---|---|---|\n{rows}\n\n> {prose}\n\n"
    )


async def halting(turn: Turn) -> AsyncIterator[Output]:
    """Say a few words, and then the rest, very slowly."""
    yield Text("These words are here, **and they stay**.")
    for _ in range(600):
        await asyncio.sleep(0.05)
        yield Text("")
    yield Text(" And these never come.")


async def beekeeper(turn: Turn) -> AsyncIterator[Output]:
    """Talk about bees, for pictures."""
    scene = _BEES[min(len(turn.messages) // 2, len(_BEES) - 1)]
    for word in scene.split(" "):
        yield Text(f"{word} ")


_PLAN = """\
Lovely idea. Three things decide whether a first year goes well:

1. **One gentle colony**, bought locally in May
2. A *sunny, sheltered* place, facing south-east
3. Somebody nearby who has done it before

Shall I put together what it costs?"""
_COSTS = """\
Roughly this, without the honey you will save on:

| What | Price | When |
|---|---|---|
| Hive and frames | 180 € | March |
| Veil, gloves, smoker | 75 € | April |
| Colony | 140 € | May |

As a formula, for your own spreadsheet:

```python
def first_year(hives: int) -> int:
    return hives * (180 + 140) + 75
```

So **395 €** for one hive, and 320 € for each one more."""
_BEES = (_PLAN, _COSTS)


async def witness(turn: Turn) -> str:
    """Say all that came: the text, what it quotes, its files as read, and the texts before."""
    said = [turn.text]
    if turn.quote is not None:
        whose = "me" if turn.quote.from_agent else turn.quote.sender
        said.append(f"quoting {whose}: {turn.quote.text}")
    for file in turn.attachments:
        content = await turn.read(file)
        said.append(f"with {file.name} {file.media_type} {len(content)} {content[-9:].hex()}")
    before = "|".join(message.text for message in turn.messages if message.role is Role.USER)
    return " / ".join([*said, f"after {before or 'nothing'}"])


async def fickle(turn: Turn) -> AsyncIterator[Output]:
    """Begin to write, fail, and then have nothing to say."""
    _tries[turn.task_id] = tried = _tries.get(turn.task_id, 0) + 1
    if tried == 1:
        yield Text("These words are never kept.")
        await asyncio.sleep(2.0)
        raise ValueError("broken on purpose")


async def namesake(turn: Turn) -> str:
    """Say who said it: name and id."""
    return f"{turn.participant.name} ({turn.participant.id}) said {turn.text}"


async def knows(turn: Turn) -> str | Ask:
    """Say all that outlives this session and what it turned on; or ask."""
    if turn.text.startswith("ask"):
        return Ask(text="which?", kind=QuestionKind.CHOICE, options=("Red", "Blue"))
    facts = [fact.text for fact in await turn.facts.recall()]
    shelf = {
        item.name: (await turn.shelf.read(item.name)).decode() for item in await turn.shelf.list()
    }
    return f"{turn.data} {turn.agent_data} {turn.overrides} {facts} {shelf}"
