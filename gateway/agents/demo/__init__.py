"""The ``demo`` kind: needs no key, and shows what the gateway can do.

It is the first thing a new user talks to, so it is brief, in plain words, and always names one
thing to try. What it knows of somebody is in the session's variables; only notes are in the owner's
data, where they outlive the session.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable

from gateway.agents import phrases
from gateway.agents.demo import memory, showing
from gateway.agents.demo.visit import BEAT, Script, Visit, last_visit
from gateway.ports.agent import AgentKind, Output, Text, Turn
from gateway.settings import Model, Seconds

LONG_ABSENCE = 86_400.0


class DemoSettings(Model):
    """The keys of a ``demo`` agent."""

    pace: Seconds = 0.4
    """The pause between pieces of what is said bit by bit."""


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
    """What the demo says, and where it pauses. Changes only the turn's own variables and data."""
    answer = visit.turn.answer
    if answer is not None:
        yield from memory.ANSWERS.get(answer.question.text, memory.stray_answer)(visit)
        return
    if visit.turn.attachments:
        yield from showing.take_files(visit)
        return
    last = last_visit(visit.turn)
    if last and visit.now - last >= LONG_ABSENCE and not visit.turn.shared:
        yield Text(
            f"{visit.called('Welcome back')}! You were here {phrases.ago(visit.now - last)}.\n\n"
        )
    text = " ".join(visit.turn.text.split())
    for pattern, scene in _SCENES:
        if match := pattern.fullmatch(text):
            yield from scene(visit, match)
            return
    yield from showing.small_talk(visit, text)


Scene = Callable[[Visit, re.Match[str]], Script]


def _scene(pattern: str, scene: Scene) -> tuple[re.Pattern[str], Scene]:
    return re.compile(rf"(?:please )?(?:{pattern})(?: please)?[ .!?]*", re.IGNORECASE), scene


_SCENES = (
    _scene(
        r"(?:(?:hi|hello|hey)[,.!]? )?(?:my name is|call me|i(?: am|['’]m) called) (?P<what>.+)",
        memory.take_name,
    ),
    _scene(r"(?:hi|hello|hey|good (?:morning|day|evening|afternoon))\b[^?]{0,20}", showing.greet),
    _scene(r"what can (?:you|i) do|help|help me|who are you|what are you|tour", showing.explain),
    _scene(r"what(?:'s| is) my name|who am i", memory.tell_name),
    _scene(r"what do you (?:remember|know)(?: about me| about us)?", memory.recall),
    _scene(r"remember(?: that)?:? (?P<what>.+)", memory.remember),
    _scene(r"(?:make a |take a )?note(?: down)?(?: that)?:? (?P<what>.+)", memory.note),
    _scene(r"(?:show |read )?(?:me )?(?:my|our|the) notes", memory.show_notes),
    _scene(r"what (?:did (?:i|we) (?:say|tell you)|was said) first", memory.quote),
    _scene(r"what did i (?:just )?say(?: before| last| just now)?", memory.quote),
    _scene(r"ask me (?:something|anything|a question)", memory.ask_something),
    _scene(r"(?:delete|forget|erase) (?:everything|all|it all)(?: .*)?", memory.ask_to_forget),
    _scene(r"interview me", memory.interview),
    _scene(rf"count (?:up )?to (?P<what>[0-9]{{1,9}}|{'|'.join(showing.NUMBERS)})", showing.count),
    _scene(r"tell (?:me|us) (?:a|another) story|a story", showing.story),
    _scene(r"work(?: for a (?:while|bit|moment))?", showing.work),
    _scene(r"how many messages.*|count (?:my|our|the) messages", showing.count_messages),
    _scene(r"which session is (?:this|it)|what session is this|session", showing.which_session),
    _scene(r"(?:roll|throw) (?:a|the) (?:die|dice)|roll", showing.roll),
    _scene(r"(?:send|give) (?:me|us) (?:a|some|the) files?", showing.send_file),
    _scene(r"show (?:me|us) (?:some |the )?(?:formatting|markdown)", showing.show_formatting),
    _scene(r"thanks?(?: you)?.{0,20}|thx", showing.thanks),
    _scene(r"(?:good ?)?bye|see you.{0,20}|good ?night", showing.farewell),
)

KIND = AgentKind(settings=DemoSettings, create=DemoAgent)
