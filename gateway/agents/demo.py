"""The ``demo`` kind: needs no key, and shows what the gateway can do.

It is the first thing a new user talks to, so it is brief, in plain words, and always names one
thing to try. What it knows of somebody is in the session's variables and nowhere else.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.agents import phrases
from gateway.domain import ConversationKind, QuestionKind, Role
from gateway.ports.agent import AgentKind, Ask, Output, Publish, Step, Text, Turn
from gateway.settings import Model, Seconds

HINTS = (
    "remember my cat is called Ada",
    "ask me something",
    "count to ten",
    "tell me a story",
    "interview me",
    "work for a while",
    "roll a die",
    "which session is this?",
    "what did I say first?",
    "what do you remember?",
)
"""What a visitor may try; each is understood as it stands here."""

MOST_FACTS = 50
LONG_ABSENCE = 86_400.0

_DRINK = "What may I bring you?"
_FUN = (
    "Two questions; take your time, I wait for days if need be. First: what do you like to do when"
    " nobody needs you?"
)
_DREAM = "And what would you do with a whole free week?"
_FORGET = "Shall I really forget everything you told me?"


class DemoSettings(Model):
    """The keys of a ``demo`` agent."""

    pace: Seconds = 0.4
    """The pause between pieces of what is said bit by bit."""


BEAT = None
Script = Iterator[Output | None]
"""What is said, with a pause at each ``BEAT``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One turn, with what the demo needs to know beyond it."""

    turn: Turn
    now: float
    die: int

    @property
    def name(self) -> str:
        """Who speaks: in a group by the name they have there, alone by the one they chose."""
        turn = self.turn
        chosen = "" if turn.shared else str(turn.variables.get("name", ""))
        return chosen or (turn.participant.name if turn.shared else "")

    @property
    def facts(self) -> list[str]:
        """What was told to be remembered, oldest first; the list is a copy."""
        facts = self.turn.variables.get("facts", [])
        return [str(fact) for fact in facts] if isinstance(facts, list) else []

    def called(self, greeting: str) -> str:
        """``greeting``, with the name of whoever speaks when it is known."""
        return f"{greeting}, {self.name}" if self.name else greeting

    @property
    def hint(self) -> str:
        """Another thing to try each time."""
        return HINTS[int(self.turn.variables.get("message_count", 0)) // 2 % len(HINTS)]


class DemoAgent:
    """Implements ``gateway.Agent``; ``clock`` gives seconds since the epoch, ``roll`` a die."""

    def __init__(
        self,
        name: str,
        settings: DemoSettings,
        *,
        clock: Callable[[], float] = time.time,
        roll: Callable[[], int] = lambda: 1 + secrets.randbelow(6),
    ) -> None:
        self.name = name
        self._pace = settings.pace
        self._clock = clock
        self._roll = roll

    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        """Answer one turn."""
        for item in script(Visit(turn=turn, now=self._clock(), die=self._roll())):
            if item is BEAT:
                await asyncio.sleep(self._pace)
            else:
                yield item


def script(visit: Visit) -> Script:
    """What the demo says, and where it pauses. Changes only the turn's own variables."""
    answer = visit.turn.answer
    if answer is not None:
        yield from _ANSWERS.get(answer.question.text, _stray_answer)(visit)
        return
    last = _last_visit(visit.turn)
    if last and visit.now - last >= LONG_ABSENCE and not visit.turn.shared:
        yield Text(
            f"{visit.called('Welcome back')}! You were here {phrases.ago(visit.now - last)}.\n\n"
        )
    text = " ".join(visit.turn.text.split())
    for pattern, scene in _SCENES:
        if match := pattern.fullmatch(text):
            yield from scene(visit, match)
            return
    yield from _small_talk(visit, text)


def _greet(visit: Visit, _: re.Match[str]) -> Script:
    if visit.turn.messages:
        yield Text(f"{visit.called('Hello again')}! Try: {visit.hint}")
    else:
        yield Text(_introduction(visit))


def _introduction(visit: Visit) -> str:
    return (
        f"{visit.called('Hello')}! I am the demo that comes with the gateway: no key, no cloud,"
        f" and a good memory. Try one of these:\n\n{phrases.listed(HINTS[:4])}\n\n"
        "Or ask: what can you do?"
    )


def _explain(visit: Visit, _: re.Match[str]) -> Script:
    yield Text(
        f"I show what an agent can do here. Say any of these:\n\n{phrases.listed(HINTS)}\n\n"
        "/reset starts afresh, /stop interrupts me, /help shows all commands."
    )


def _take_name(visit: Visit, match: re.Match[str]) -> Script:
    name = match["what"].strip(" .!\"'“”")[:40]
    if visit.turn.shared:
        yield Text(f"Here I go by the name everybody sees: you are {visit.name or name}.")
    else:
        visit.turn.variables["name"] = name
        yield Text(f"Nice to meet you, {name}! I will know you until you say /reset.")


def _tell_name(visit: Visit, _: re.Match[str]) -> Script:
    if visit.name:
        yield Text(f"You are {visit.name}.")
    else:
        yield Text("You have not told me yet. Try: my name is Grace")


def _remember(visit: Visit, match: re.Match[str]) -> Script:
    fact = match["what"].rstrip(" .!")[:200]
    owner = f"{visit.name}: " if visit.turn.shared and visit.name else ""
    kept = [known for known in visit.facts if known != owner + fact]
    visit.turn.variables["facts"] = [*kept, owner + fact][-MOST_FACTS:]
    yield Text(f"I will remember: {phrases.reflected(fact)}. Ask me later: what do you remember?")


def _recall(visit: Visit, _: re.Match[str]) -> Script:
    known = [fact if visit.turn.shared else phrases.reflected(fact) for fact in visit.facts]
    if visit.name and not visit.turn.shared:
        known.insert(0, f"your name is {visit.name}")
    if known:
        yield Text(f"I remember:\n\n{phrases.listed(known)}")
    else:
        yield Text(f"Nothing yet. Try: {HINTS[0]}")


def _quote(visit: Visit, match: re.Match[str]) -> Script:
    said = [message for message in visit.turn.messages if message.role is Role.USER]
    if not said:
        yield Text("This is the first thing said here. Ask me again next time.")
        return
    first = "first" in match[0].lower()
    message = said[0 if first else -1]
    who = f"{message.sender} said" if visit.turn.shared and message.sender else "You said"
    yield Text(f"{who} {'first' if first else 'before'}: “{phrases.short(message.text)}”")


def _ask_something(visit: Visit, _: re.Match[str]) -> Script:
    yield Ask(text=_DRINK, kind=QuestionKind.CHOICE, options=("Tea", "Coffee", "Water"))


def _drink_chosen(visit: Visit) -> Script:
    drink = visit.turn.answer.text if visit.turn.answer else ""
    yield Text(
        f"{visit.called(drink)}. A button, its name or its number would all have done, even after"
        " a restart of mine. Try: interview me"
    )


def _ask_to_forget(visit: Visit, _: re.Match[str]) -> Script:
    if visit.facts or "name" in visit.turn.variables:
        yield Ask(text=_FORGET, kind=QuestionKind.APPROVAL)
    else:
        yield Text(f"There is nothing to forget yet. Try: {HINTS[0]}")


def _forget_answered(visit: Visit) -> Script:
    if visit.turn.answer and visit.turn.answer.approved:
        for name in ("name", "facts"):
            visit.turn.variables.pop(name, None)
        yield Text("Done. I have forgotten it all. (/reset would forget this talk, too.)")
    else:
        yield Text("Good, I keep it.")


def _interview(visit: Visit, _: re.Match[str]) -> Script:
    yield Ask(text=_FUN)


def _fun_answered(visit: Visit) -> Script:
    visit.turn.variables[f"fun of {visit.turn.participant.id}"] = phrases.short(visit.turn.text)
    yield Ask(text=_DREAM)


def _dream_answered(visit: Visit) -> Script:
    fun = visit.turn.variables.pop(f"fun of {visit.turn.participant.id}", "")
    yield Text(
        f"{visit.called('Thank you')}. So on an ordinary day it is “{fun}”, and for a"
        f" whole week “{phrases.short(visit.turn.text)}”. I would read that book."
    )


def _stray_answer(visit: Visit) -> Script:
    yield Text(
        f"You answered “{phrases.short(visit.turn.text)}”, and I forgot what I had asked. Sorry!"
    )


def _count(visit: Visit, match: re.Match[str]) -> Script:
    wanted = match["what"].lower()
    last = int(wanted) if wanted.isascii() and wanted.isdigit() else _NUMBERS.index(wanted) + 1
    if not 1 <= last <= len(_NUMBERS):
        yield Text("I only learnt to count from one to ten. Try: count to ten")
        return
    for number, word in enumerate(_NUMBERS[:last]):
        if number:
            yield BEAT
        yield Text(f", {word}" if number else word.capitalize())
    yield Text(".")


def _story(visit: Visit, _: re.Match[str]) -> Script:
    hero = visit.name or "a traveller"
    for piece in _STORY:
        yield Text(piece.replace("HERO", hero))
        yield BEAT
    yield Text("\n\nThe end.")


def _work(visit: Visit, _: re.Match[str]) -> Script:
    started = "I am on it. This message came before I was done; /stop would interrupt me."
    yield Step("Reading the request")
    if started not in visit.turn.published:  # a run after a crash goes on from here
        yield Publish(started)
    for title in ("Looking busy", "Checking the result twice"):
        yield BEAT
        yield Step(title)
    yield BEAT
    yield Text("Done: three steps, and had I been restarted in between, I would have gone on.")


def _count_messages(visit: Visit, _: re.Match[str]) -> Script:
    count = int(visit.turn.variables.get("message_count", 0))
    mine = "one message" if count == 1 else f"{count} messages"
    yield Text(f"Before this one, {mine} in this session, yours and mine together.")


def _which_session(visit: Visit, _: re.Match[str]) -> Script:
    turn = visit.turn
    last = _last_visit(turn)
    lines = [
        f"Session {turn.session.id}",
        _boundary(turn),
        f"Begun {phrases.ago(visit.now - turn.session.created_at)}",
        f"Last visit: {'never before' if last is None else phrases.ago(visit.now - last)}",
        f"Messages so far: {turn.variables.get('message_count', 0)}",
        f"Things I remember: {len(visit.facts)}",
    ]
    yield Text(f"{phrases.listed(lines)}\n\n/reset ends it, and the next message starts another.")


def _boundary(turn: Turn) -> str:
    if turn.conversation.kind is ConversationKind.DIRECT:
        return "A direct conversation: it is yours alone"
    title = turn.conversation.title
    place = f"this {turn.conversation.kind}" + (f" “{title}”" if title else "")
    if turn.shared:
        return f"All of {place} share it: everybody here talks to one memory"
    return f"It is yours alone within {place}"


def _roll(visit: Visit, _: re.Match[str]) -> Script:
    yield Text(f"🎲 {visit.called(_NUMBERS[visit.die - 1].capitalize())}.")


def _thanks(visit: Visit, _: re.Match[str]) -> Script:
    yield Text(f"{visit.called('With pleasure')}.")


def _farewell(visit: Visit, _: re.Match[str]) -> Script:
    yield Text(f"{visit.called('See you')}! I will know where we were.")


def _small_talk(visit: Visit, text: str) -> Script:
    if not visit.turn.messages:
        yield Text(_introduction(visit))
    elif not text:
        yield Text(f"I heard nothing. Try: {visit.hint}")
    elif text.endswith("?"):
        yield Text(
            f"“{phrases.short(text)}” A good question for a cleverer agent. Try: {visit.hint}"
        )
    else:
        yield Text(f"“{phrases.short(text)}” – {visit.called('I see')}. Try: {visit.hint}")


def _last_visit(turn: Turn) -> float | None:
    value: Any = turn.variables.get("last_visit")
    try:
        return datetime.fromisoformat(value).timestamp() if value else None
    except (TypeError, ValueError):
        return None


_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_STORY = (
    "One evening HERO came to a gate in the hills.",
    " The keeper knew every voice that had ever asked to pass,",
    " and never took one for another.",
    " Then the storm put out the lamp.",
    " When it burned again, the keeper only said:",
    " “You were telling me about your cat.”",
)

Scene = Callable[[Visit, re.Match[str]], Script]


def _scene(pattern: str, scene: Scene) -> tuple[re.Pattern[str], Scene]:
    return re.compile(rf"(?:please )?(?:{pattern})(?: please)?[ .!?]*", re.IGNORECASE), scene


_SCENES = (
    _scene(
        r"(?:(?:hi|hello|hey)[,.!]? )?(?:my name is|call me|i(?: am|['’]m) called) (?P<what>.+)",
        _take_name,
    ),
    _scene(r"(?:hi|hello|hey|good (?:morning|day|evening|afternoon))\b[^?]{0,20}", _greet),
    _scene(r"what can (?:you|i) do|help|help me|who are you|what are you|tour", _explain),
    _scene(r"what(?:'s| is) my name|who am i", _tell_name),
    _scene(r"what do you (?:remember|know)(?: about me| about us)?", _recall),
    _scene(r"remember(?: that)?:? (?P<what>.+)", _remember),
    _scene(r"what (?:did (?:i|we) (?:say|tell you)|was said) first", _quote),
    _scene(r"what did i (?:just )?say(?: before| last| just now)?", _quote),
    _scene(r"ask me (?:something|anything|a question)", _ask_something),
    _scene(r"(?:delete|forget|erase) (?:everything|all|it all)(?: .*)?", _ask_to_forget),
    _scene(r"interview me", _interview),
    _scene(rf"count (?:up )?to (?P<what>[0-9]{{1,9}}|{'|'.join(_NUMBERS)})", _count),
    _scene(r"tell (?:me|us) (?:a|another) story|a story", _story),
    _scene(r"work(?: for a (?:while|bit|moment))?", _work),
    _scene(r"how many messages.*|count (?:my|our|the) messages", _count_messages),
    _scene(r"which session is (?:this|it)|what session is this|session", _which_session),
    _scene(r"(?:roll|throw) (?:a|the) (?:die|dice)|roll", _roll),
    _scene(r"thanks?(?: you)?.{0,20}|thx", _thanks),
    _scene(r"(?:good ?)?bye|see you.{0,20}|good ?night", _farewell),
)

_ANSWERS: dict[str, Callable[[Visit], Script]] = {
    _DRINK: _drink_chosen,
    _FORGET: _forget_answered,
    _FUN: _fun_answered,
    _DREAM: _dream_answered,
}

KIND = AgentKind(settings=DemoSettings, create=DemoAgent)
