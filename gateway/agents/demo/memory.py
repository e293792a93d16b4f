"""Scenes about what the demo is told: names, facts, questions and their answers."""

from __future__ import annotations

import re
from collections.abc import Callable

from gateway.agents import phrases
from gateway.agents.demo.visit import HINTS, Script, Visit
from gateway.domain import QuestionKind, Role
from gateway.ports.agent import Ask, Text

MOST_FACTS = 50

_DRINK = "What may I bring you?"
_FUN = (
    "Two questions; take your time, I wait for days if need be. First: what do you like to do when"
    " nobody needs you?"
)
_DREAM = "And what would you do with a whole free week?"
_FORGET = "Shall I really forget everything you told me?"


def take_name(visit: Visit, match: re.Match[str]) -> Script:
    name = match["what"].strip(" .!\"'“”")[:40]
    if visit.turn.shared:
        yield Text(f"Here I go by the name everybody sees: you are {visit.name or name}.")
    else:
        visit.turn.variables["name"] = name
        yield Text(f"Nice to meet you, {name}! I will know you until you say /reset.")


def tell_name(visit: Visit, _: re.Match[str]) -> Script:
    if visit.name:
        yield Text(f"You are {visit.name}.")
    else:
        yield Text("You have not told me yet. Try: my name is Grace")


def remember(visit: Visit, match: re.Match[str]) -> Script:
    fact = match["what"].rstrip(" .!")[:200]
    owner = f"{visit.name}: " if visit.turn.shared and visit.name else ""
    kept = [known for known in visit.facts if known != owner + fact]
    visit.turn.variables["facts"] = [*kept, owner + fact][-MOST_FACTS:]
    yield Text(f"I will remember: {phrases.reflected(fact)}. Ask me later: what do you remember?")


def recall(visit: Visit, _: re.Match[str]) -> Script:
    known = [fact if visit.turn.shared else phrases.reflected(fact) for fact in visit.facts]
    if visit.name and not visit.turn.shared:
        known.insert(0, f"your name is {visit.name}")
    if known:
        yield Text(f"I remember:\n\n{phrases.listed(known)}")
    else:
        yield Text(f"Nothing yet. Try: {HINTS[0]}")


def note(visit: Visit, match: re.Match[str]) -> Script:
    text = match["what"].rstrip(" .!")[:200]
    kept = [known for known in visit.notes if known != text]
    visit.turn.data["notes"] = [*kept, text][-MOST_FACTS:]
    yield Text("Noted, and /reset will not take it away. Ask me any time: show my notes")


def show_notes(visit: Visit, _: re.Match[str]) -> Script:
    if visit.notes:
        whose = "Noted for everybody here" if visit.turn.shared else "You had me note"
        yield Text(f"{whose}:\n\n{phrases.listed(visit.notes)}")
    else:
        yield Text("No notes yet. Try: note: water the plants")


def quote(visit: Visit, match: re.Match[str]) -> Script:
    said = [message for message in visit.turn.messages if message.role is Role.USER]
    if not said:
        yield Text("This is the first thing said here. Ask me again next time.")
        return
    first = "first" in match[0].lower()
    message = said[0 if first else -1]
    who = f"{message.sender} said" if visit.turn.shared and message.sender else "You said"
    yield Text(f"{who} {'first' if first else 'before'}: “{phrases.short(message.text)}”")


def ask_something(visit: Visit, _: re.Match[str]) -> Script:
    yield Ask(text=_DRINK, kind=QuestionKind.CHOICE, options=("Tea", "Coffee", "Water"))


def drink_chosen(visit: Visit) -> Script:
    drink = visit.turn.answer.text if visit.turn.answer else ""
    yield Text(
        f"{visit.called(drink)}. A button, its name or its number would all have done, even after"
        " a restart of mine. Try: interview me"
    )


def ask_to_forget(visit: Visit, _: re.Match[str]) -> Script:
    if visit.facts or visit.notes or "name" in visit.turn.variables:
        yield Ask(text=_FORGET, kind=QuestionKind.APPROVAL)
    else:
        yield Text(f"There is nothing to forget yet. Try: {HINTS[0]}")


def forget_answered(visit: Visit) -> Script:
    if visit.turn.answer and visit.turn.answer.approved:
        for name in ("name", "facts"):
            visit.turn.variables.pop(name, None)
        visit.turn.data.pop("notes", None)
        yield Text("Done. I have forgotten it all. (/reset would forget this talk, too.)")
    else:
        yield Text("Good, I keep it.")


def interview(visit: Visit, _: re.Match[str]) -> Script:
    yield Ask(text=_FUN)


def fun_answered(visit: Visit) -> Script:
    visit.turn.variables[f"fun of {visit.turn.participant.id}"] = phrases.short(visit.turn.text)
    yield Ask(text=_DREAM)


def dream_answered(visit: Visit) -> Script:
    fun = visit.turn.variables.pop(f"fun of {visit.turn.participant.id}", "")
    yield Text(
        f"{visit.called('Thank you')}. So on an ordinary day it is “{fun}”, and for a"
        f" whole week “{phrases.short(visit.turn.text)}”. I would read that book."
    )


def stray_answer(visit: Visit) -> Script:
    yield Text(
        f"You answered “{phrases.short(visit.turn.text)}”, and I forgot what I had asked. Sorry!"
    )


ANSWERS: dict[str, Callable[[Visit], Script]] = {
    _DRINK: drink_chosen,
    _FORGET: forget_answered,
    _FUN: fun_answered,
    _DREAM: dream_answered,
}
"""What is said to the answer of each question."""
