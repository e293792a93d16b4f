"""An agent that is told secrets and puts them wherever it can; it repeats none of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway import Ask, File, Output, Publish, QuestionKind, Text, Turn


async def confidant(turn: Turn) -> AsyncIterator[Output]:
    """Put what is said where its first word says; answer how many messages there are so far."""
    word, _, secret = turn.text.partition(" ")
    if turn.answer is not None:
        turn.variables["answer"] = turn.answer.text
    match word:
        case "fact":
            await turn.facts.remember(secret)
        case "data":
            turn.data["told"] = secret
        case "note":
            await turn.drive.save("note", secret)
        case "shelve":
            await turn.drive.save("shelved.txt", secret.encode(), "text/plain")
        case "variable":
            turn.variables["told"] = secret
        case "prompt":
            turn.overrides["prompt"] = secret
        case "make":
            yield File(name=f"{secret}.txt", data=secret.encode(), media_type="text/plain")
        case "publish":
            if not turn.published:
                yield Publish(f"early {secret}")
        case "ask":
            yield Ask(text=f"What of {secret}?", kind=QuestionKind.TEXT)
            return
    yield Text(f"heard after {len(turn.messages)}")
