"""What the player does with what outlives a session: keeps as told, and says what there is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from gateway import File, Output, Text, Turn

NOTHING = "nothing is known"


async def kept(turn: Turn) -> AsyncIterator[Output]:
    """Nothing, unless the first word asks for it.

    ``learn …`` remembers a fact, ``unlearn …`` drops those that have it, ``note K V`` changes the
    owner's data, ``shelve NAME …`` saves a text as a file, or the file that came, ``fetch NAME``
    sends it, ``prefer M`` turns a model on for the session, ``earlier …`` searches the earlier
    sessions, ``belongings`` tells everything.
    """
    word, _, rest = turn.text.partition(" ")
    key, _, value = rest.partition(" ")
    match word:
        case "learn":
            await turn.facts.remember(rest)
        case "unlearn":
            for fact in await turn.facts.recall(rest):
                await turn.facts.forget(fact.id)
        case "note":
            turn.data[key] = value
        case "shelve":
            await turn.drive.save(key, turn.attachments[0] if turn.attachments else value.encode())
        case "fetch":
            yield File(name=f"{rest}.txt", data=await turn.drive.read(rest))
        case "prefer":
            turn.overrides["model"] = rest
        case "earlier":
            found = await turn.earlier.search(rest)
            yield Text("; ".join(one.message.text for one in found) or NOTHING)
            return
        case "belongings":
            yield Text(await belongings(turn))
            return
        case _:
            return
    yield Text(f"done {turn.text}")


async def belongings(turn: Turn) -> str:
    """All of the owner's that the turn can see, in one line."""
    facts = sorted(fact.text for fact in await turn.facts.recall(limit=1000))
    items = sorted(item.name for item in await turn.drive.list(limit=1000))
    parts = [
        f"facts {', '.join(facts)}" if facts else "",
        f"data {json.dumps(turn.data, sort_keys=True)}" if turn.data else "",
        f"drive {', '.join(items)}" if items else "",
        f"model {turn.overrides['model']}" if turn.overrides else "",
        f"sessions {len(await turn.earlier.sessions())}" if await turn.earlier.sessions() else "",
    ]
    return "; ".join(part for part in parts if part) or NOTHING


async def ledger(turn: Turn) -> str:
    """Count this attempt in everything that is kept with a turn, each by its own count; say what
    each had counted before."""
    turns = turn.variables.get("turns", 0)
    data, prompt = turn.data.get("turns", 0), int(turn.overrides.get("prompt", "0"))
    facts, items = await turn.facts.recall(limit=1000), await turn.drive.list(limit=1000)
    turn.variables["turns"] = turns + 1
    turn.data["turns"] = data + 1
    turn.overrides["prompt"] = str(prompt + 1)
    await turn.facts.remember(f"attempt {turn.id}")
    await turn.drive.save(f"attempt {turn.id}", turn.id.encode())
    counted = (len(turn.messages) // 2, turns, data, prompt, len(facts), len(items))
    return " ".join(map(str, counted))


async def reader(turn: Turn) -> str:
    """Say what can be read of the session: up to where the summary goes, whether it says anything,
    and where the messages begin that are seen in full."""
    first = turn.messages[0].number if turn.messages else 1
    return f"{turn.summary.upto} {bool(turn.summary.text)} {first}"
