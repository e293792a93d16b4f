"""What people may command in a chat. Decides; does no I/O of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.domain import Address, Attachment, Message, Participant, Role, Session
from gateway.notices import NOTHING_RUNS
from gateway.offered import DESCRIPTIONS, offered

NAMES = frozenset({*DESCRIPTIONS, "start"})
_SHOWN = 10
_CLIPPED = 200
_DIGITS = 4
SESSIONS_SHOWN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command and the rest of its line."""

    name: str
    rest: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a command may know of the place it was given in.

    ``agents`` are all that its channel offers; ``elsewhere``: each in a place of its own.
    """

    session: Session | None
    participant: Participant
    channel: str
    agent: str
    rule: str
    shared: bool
    may_reset: bool
    waiting: int
    now: float
    recent: Sequence[Message] = ()
    sessions: Sequence[Session] = ()
    agents: Sequence[str] = ()
    elsewhere: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What a command does: what to say, and what becomes of the session.

    ``attachments`` go with what is said; with ``private``, both go there, and here ``aside`` is
    said. ``erased``: what the turn saw is gone, but for ``remains``, its session as it stands now.
    """

    say: str = ""
    end_session: bool = False
    first_message: str = ""
    rename: str | None = None
    resume: Session | None = None
    agent: str = ""
    attachments: tuple[Attachment, ...] = ()
    private: Address | None = None
    aside: str = ""
    erased: bool = False
    remains: Session | None = None


def parse(text: str) -> Command | None:
    """The command that ``text`` is, or None when it is something said to the agent."""
    if not text.startswith("/"):
        return None
    head, _, rest = text[1:].partition(" ")
    name, newline, more = head.partition("\n")
    name = name.casefold()
    if name not in NAMES:
        return None
    return Command(name=name, rest=(more + " " + rest if newline else rest).strip())


def is_stop(text: str) -> bool:
    """Whether ``text`` commands to stop, which does not wait its turn."""
    return text[:5].casefold() == "/stop" and text.strip().casefold() == "/stop"


def decide(command: Command, facts: Facts) -> Decision:
    """What ``command`` does here."""
    match command.name:
        case "reset" | "new":
            return _reset(command, facts)
        case "status":
            return Decision(say=_status(facts))
        case "history":
            return Decision(say=_history(facts))
        case "name":
            return _name(command, facts)
        case "sessions":
            return _sessions(command, facts)
        case "agent":
            return _agent(command, facts)
        case "whoami":
            return Decision(say=_whoami(facts))
        case "stop":
            return Decision(say=NOTHING_RUNS)
        case _:
            return Decision(say=_help(facts, greet=command.name == "start"))


def _reset(command: Command, facts: Facts) -> Decision:
    if not facts.may_reset:
        return Decision(say="Only this conversation's admins may reset it.")
    if command.rest:
        return Decision(end_session=True, first_message=command.rest)
    return Decision(say="Fresh start: I have forgotten our conversation.", end_session=True)


def _status(facts: Facts) -> str:
    session = facts.session
    if session is None:
        return f"No conversation yet. You would be talking to {facts.agent}."
    since = datetime.fromtimestamp(session.created_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [
        f"Talking to {facts.agent}" + (f' in "{session.name}"' if session.name else ""),
        f"Conversation {session.id[:8]}, since {since}, {session.message_count} messages",
        "Shared with everybody here" if facts.shared else "Yours alone",
    ]
    if facts.waiting:
        lines.append(f"Messages waiting: {facts.waiting}")
    return "\n".join(lines)


def _history(facts: Facts) -> str:
    if not facts.recent:
        return "Nothing was said yet."
    return "\n".join(_line(message, facts.agent) for message in facts.recent[-_SHOWN:])


def _line(message: Message, agent: str) -> str:
    who = message.sender or "You" if message.role is Role.USER else agent
    text = " ".join(message.text.split())
    return f"{who}: {text[:_CLIPPED]}{'…' if len(text) > _CLIPPED else ''}"


def _name(command: Command, facts: Facts) -> Decision:
    if facts.session is None:
        return Decision(say="There is no conversation to name yet.")
    if not command.rest:
        current = facts.session.name
        return Decision(
            say=f"This conversation is called {current}." if current else "No name yet."
        )
    name = command.rest[:_CLIPPED]
    return Decision(say=f"This conversation is now called {name}.", rename=name)


def _sessions(command: Command, facts: Facts) -> Decision:
    if not command.rest:
        return Decision(say=_list(facts))
    wanted = command.rest.removeprefix("#")
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < _DIGITS else 0
    if not 1 <= number <= len(facts.sessions):
        return Decision(say=f"There is no conversation {command.rest[:_CLIPPED]} here.")
    if not facts.may_reset:
        return Decision(say="Only this conversation's admins may change to another.")
    session = facts.sessions[number - 1]
    if facts.session is not None and session.id == facts.session.id:
        return Decision(say="You are in it.")
    say = f"We go on where we were: {_titled(session)}."
    return Decision(say=say, end_session=facts.session is not None, resume=session)


def _list(facts: Facts) -> str:
    if not facts.sessions:
        return "No conversation yet."
    here = facts.session.id if facts.session else ""
    lines = [
        f"{number}. {_titled(session)}{' (this one)' if session.id == here else ''}"
        for number, session in enumerate(facts.sessions, start=1)
    ]
    return "\n".join([*lines, "", "/sessions and a number goes on in that one."])


def _titled(session: Session) -> str:
    last = datetime.fromtimestamp(session.last_activity, UTC).strftime("%Y-%m-%d %H:%M UTC")
    name = f"{session.name}, " if session.name else ""
    return f"{name}{session.message_count} messages, the last on {last}"


def _agent(command: Command, facts: Facts) -> Decision:
    if not command.rest:
        return Decision(say=_agents(facts))
    chosen = _called(command.rest, facts.agents)
    if not chosen:
        unknown = f"Nobody here is called {command.rest[:_CLIPPED]}."
        return Decision(say=f"{unknown}\n\n{_agents(facts)}")
    if chosen == facts.agent:
        return Decision(say=f"You are talking to {chosen} already.")
    if facts.elsewhere:
        return Decision(say=f"Here it is {facts.agent} who answers; {chosen} is at /chat/{chosen}.")
    if not facts.may_reset:
        return Decision(say="Only this conversation's admins may change to another agent.")
    return Decision(say=f"From now on {chosen} answers.", agent=chosen)


def _called(name: str, agents: Sequence[str]) -> str:
    """The agent of this name, or else of one that differs in case only."""
    alike = [agent for agent in agents if agent.casefold() == name.casefold()]
    return name if name in alike else next(iter(alike), "")


def _agents(facts: Facts) -> str:
    lines = [
        f"{'at /chat/' if facts.elsewhere and name != facts.agent else ''}{name}"
        f"{' (this one)' if name == facts.agent else ''}"
        for name in facts.agents
    ]
    if len(lines) < 2 or facts.elsewhere:
        return "\n".join(lines)
    return "\n".join([*lines, "", "/agent and a name changes to that one."])


def _whoami(facts: Facts) -> str:
    who = facts.participant
    name = f"{who.name} ({who.id})" if who.name else who.id
    return f"You are {name} on {facts.channel}. Sessions here are kept {facts.rule}."


def _help(facts: Facts, *, greet: bool) -> str:
    lines = ["Hello! Write to me, and I will remember our conversation."] if greet else []
    names = (name for name in DESCRIPTIONS if offered(name, facts.agents))
    lines += [f"/{name} - {DESCRIPTIONS[name]}" for name in names]
    return "\n".join(lines)
