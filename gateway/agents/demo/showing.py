"""Scenes that show what can be done: greeting, streaming, steps, files, sessions."""

from __future__ import annotations

import re

from gateway.agents import phrases
from gateway.agents.demo.visit import BEAT, HINTS, Script, Visit, last_visit
from gateway.domain import ConversationKind
from gateway.ports.agent import File, Publish, Step, Text, Turn

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_STORY = (
    "One evening HERO came to a gate in the hills.",
    " The keeper knew every voice that had ever asked to pass,",
    " and never took one for another.",
    " Then the storm put out the lamp.",
    " When it burned again, the keeper only said:",
    " “You were telling me about your cat.”",
)

_FORMATTING = """\
Answers are **Markdown**, and each platform shows of it what it can:

1. *emphasis*, `code` and [links](https://commonmark.org)
2. lists, also
   - one in another

| a table | of two |
|---|---|
| columns | and rows |

> and what somebody else said

```python
async def answer(turn):
    return f"You said {turn.text}"
```
"""


def greet(visit: Visit, _: re.Match[str]) -> Script:
    if visit.turn.messages:
        yield Text(f"{visit.called('Hello again')}! Try: {visit.hint}")
    else:
        yield Text(introduction(visit))


def introduction(visit: Visit) -> str:
    return (
        f"{visit.called('Hello')}! I am the demo that comes with the gateway: no key, no cloud,"
        f" and a good memory. Try one of these:\n\n{phrases.listed(HINTS[:4])}\n\n"
        "Or ask: what can you do?"
    )


def explain(visit: Visit, _: re.Match[str]) -> Script:
    yield Text(
        f"I show what an agent can do here. Say any of these:\n\n{phrases.listed(HINTS)}\n\n"
        "/reset starts afresh, /stop interrupts me, /help shows all commands."
    )


def count(visit: Visit, match: re.Match[str]) -> Script:
    wanted = match["what"].lower()
    last = int(wanted) if wanted.isascii() and wanted.isdigit() else NUMBERS.index(wanted) + 1
    if not 1 <= last <= len(NUMBERS):
        yield Text("I only learnt to count from one to ten. Try: count to ten")
        return
    for number, word in enumerate(NUMBERS[:last]):
        if number:
            yield BEAT
        yield Text(f", {word}" if number else word.capitalize())
    yield Text(".")


def story(visit: Visit, _: re.Match[str]) -> Script:
    hero = visit.name or "a traveller"
    for piece in _STORY:
        yield Text(piece.replace("HERO", hero))
        yield BEAT
    yield Text("\n\nThe end.")


def work(visit: Visit, _: re.Match[str]) -> Script:
    started = "I am on it. This message came before I was done; /stop would interrupt me."
    yield Step("Reading the request")
    if started not in visit.turn.published:  # a run after a crash goes on from here
        yield Publish(started)
    for title in ("Looking busy", "Checking the result twice"):
        yield BEAT
        yield Step(title)
    yield BEAT
    yield Text("Done: three steps, and had I been restarted in between, I would have gone on.")


def count_messages(visit: Visit, _: re.Match[str]) -> Script:
    count = int(visit.turn.variables.get("message_count", 0))
    mine = "one message" if count == 1 else f"{count} messages"
    yield Text(f"Before this one, {mine} in this session, yours and mine together.")


def which_session(visit: Visit, _: re.Match[str]) -> Script:
    turn = visit.turn
    last = last_visit(turn)
    lines = [
        f"Session {turn.session.id}",
        boundary(turn),
        f"Begun {phrases.ago(visit.now - turn.session.created_at)}",
        f"Last visit: {'never before' if last is None else phrases.ago(visit.now - last)}",
        f"Messages so far: {turn.variables.get('message_count', 0)}",
        f"Things I remember: {len(visit.facts)}",
    ]
    yield Text(f"{phrases.listed(lines)}\n\n/reset ends it, and the next message starts another.")


def boundary(turn: Turn) -> str:
    if turn.conversation.kind is ConversationKind.DIRECT:
        return "A direct conversation: it is yours alone"
    title = turn.conversation.title
    place = f"this {turn.conversation.kind}" + (f" “{title}”" if title else "")
    if turn.shared:
        return f"All of {place} share it: everybody here talks to one memory"
    return f"It is yours alone within {place}"


def roll(visit: Visit, _: re.Match[str]) -> Script:
    yield Text(f"🎲 {visit.called(NUMBERS[visit.die - 1].capitalize())}.")


def thanks(visit: Visit, _: re.Match[str]) -> Script:
    yield Text(f"{visit.called('With pleasure')}.")


def farewell(visit: Visit, _: re.Match[str]) -> Script:
    yield Text(f"{visit.called('See you')}! I will know where we were.")


def small_talk(visit: Visit, text: str) -> Script:
    if not visit.turn.messages:
        yield Text(introduction(visit))
    elif not text:
        yield Text(f"I heard nothing. Try: {visit.hint}")
    elif text.endswith("?"):
        yield Text(
            f"“{phrases.short(text)}” A good question for a cleverer agent. Try: {visit.hint}"
        )
    else:
        yield Text(f"“{phrases.short(text)}” – {visit.called('I see')}. Try: {visit.hint}")


def show_formatting(_visit: Visit, _: re.Match[str]) -> Script:
    yield Text(_FORMATTING)


def send_file(visit: Visit, _: re.Match[str]) -> Script:
    lines = [f"{message.role.value}: {message.text}" for message in visit.turn.messages]
    lines.append(f"user: {visit.turn.text}")
    yield Text(f"{visit.called('Here you are')}: our conversation so far. Send me a file, too!")
    yield File(name="conversation.txt", data="\n".join(lines).encode(), media_type="text/plain")


def take_files(visit: Visit) -> Script:
    got = [
        f"{file.name}, {file.media_type}, {file.size:,} bytes" for file in visit.turn.attachments
    ]
    yield Text(
        f"{visit.called('Thank you')}! I got:\n\n{phrases.listed(got)}\n\n"
        "It belongs to this session and to no other. A model behind me could look at it."
    )
