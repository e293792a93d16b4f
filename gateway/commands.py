"""What people may command in a chat. Decides; does no I/O of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.domain import Message, Participant, Role, Session
from gateway.notices import NOTHING_RUNS
from gateway.ports.adapter import NativeCommand

DESCRIPTIONS: Mapping[str, str] = {
    "reset": "forget this conversation and start afresh",
    "new": "start afresh; text after it is the first message",
    "stop": "stop the answer that is being written",
    "status": "where this conversation stands",
    "history": "what was said lately",
    "name": "give this conversation a name",
    "sessions": "your conversations here; with a number, go on in that one",
    "whoami": "how the gateway knows you",
    "help": "what you can do here",
}
"""The commands offered natively where the platform can, in this order."""

_TRANSLATED: Mapping[str, Mapping[str, str]] = {
    "de": {
        "reset": "diese Unterhaltung vergessen und neu beginnen",
        "new": "neu beginnen; was danach steht, ist die erste Nachricht",
        "stop": "die laufende Antwort abbrechen",
        "status": "wie es um diese Unterhaltung steht",
        "history": "was zuletzt gesagt wurde",
        "name": "dieser Unterhaltung einen Namen geben",
        "sessions": "deine Unterhaltungen hier; mit einer Nummer dort weiterreden",
        "whoami": "wie das Gateway dich kennt",
        "help": "was du hier tun kannst",
    },
    "es": {
        "reset": "olvidar esta conversación y empezar de nuevo",
        "new": "empezar de nuevo; lo que siga es el primer mensaje",
        "stop": "detener la respuesta en curso",
        "status": "cómo va esta conversación",
        "history": "lo último que se dijo",
        "name": "dar un nombre a esta conversación",
        "sessions": "tus conversaciones aquí; con un número, seguir en esa",
        "whoami": "cómo te conoce la pasarela",
        "help": "lo que puedes hacer aquí",
    },
    "fr": {
        "reset": "oublier cette conversation et repartir de zéro",
        "new": "repartir de zéro ; la suite est le premier message",
        "stop": "arrêter la réponse en cours",
        "status": "où en est cette conversation",
        "history": "ce qui vient d'être dit",
        "name": "donner un nom à cette conversation",
        "sessions": "vos conversations ici ; avec un numéro, reprendre celle-là",
        "whoami": "sous quel nom la passerelle vous connaît",
        "help": "ce que vous pouvez faire ici",
    },
    "pt": {
        "reset": "esquecer esta conversa e começar de novo",
        "new": "começar de novo; o que vier a seguir é a primeira mensagem",
        "stop": "parar a resposta em andamento",
        "status": "como está esta conversa",
        "history": "o que foi dito por último",
        "name": "dar um nome a esta conversa",
        "sessions": "suas conversas aqui; com um número, continuar nela",
        "whoami": "como o gateway conhece você",
        "help": "o que você pode fazer aqui",
    },
    "ru": {
        "reset": "забыть этот разговор и начать заново",
        "new": "начать заново; текст после команды станет первым сообщением",
        "stop": "остановить текущий ответ",
        "status": "как обстоят дела с этим разговором",
        "history": "что было сказано в последнее время",
        "name": "дать этому разговору имя",
        "sessions": "ваши разговоры здесь; с номером — продолжить тот",
        "whoami": "под каким именем вас знает шлюз",
        "help": "что здесь можно делать",
    },
}
_ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    "new": {
        "en": "the first message of the new conversation",
        "de": "die erste Nachricht der neuen Unterhaltung",
        "es": "el primer mensaje de la nueva conversación",
        "fr": "le premier message de la nouvelle conversation",
        "pt": "a primeira mensagem da nova conversa",
        "ru": "первое сообщение нового разговора",
    },
    "name": {
        "en": "what to call it",
        "de": "wie sie heißen soll",
        "es": "cómo llamarla",
        "fr": "comment l'appeler",
        "pt": "como chamá-la",
        "ru": "как его назвать",
    },
    "sessions": {
        "en": "the number of the one to go on in",
        "de": "die Nummer der Unterhaltung, die weitergehen soll",
        "es": "el número de la que se retoma",
        "fr": "le numéro de celle à reprendre",
        "pt": "o número da que continua",
        "ru": "номер того, который продолжить",
    },
}
_PERSONAL = frozenset({"history", "sessions", "whoami"})

NATIVE = tuple(
    NativeCommand(
        name=name,
        descriptions={"en": text, **{lang: words[name] for lang, words in _TRANSLATED.items()}},
        personal=name in _PERSONAL,
        argument=_ARGUMENTS.get(name, {}),
    )
    for name, text in DESCRIPTIONS.items()
)
"""The same as platforms are offered them."""

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
    """What a command may know of the place it was given in."""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What a command does: what to say, and what becomes of the session."""

    say: str = ""
    end_session: bool = False
    first_message: str = ""
    rename: str | None = None
    resume: Session | None = None


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
        case "whoami":
            return Decision(say=_whoami(facts))
        case "stop":
            return Decision(say=NOTHING_RUNS)
        case _:
            return Decision(say=_help(greet=command.name == "start"))


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


def _whoami(facts: Facts) -> str:
    who = facts.participant
    name = f"{who.name} ({who.id})" if who.name else who.id
    return f"You are {name} on {facts.channel}. Sessions here are kept {facts.rule}."


def _help(*, greet: bool) -> str:
    lines = ["Hello! Write to me, and I will remember our conversation."] if greet else []
    lines += [f"/{name} - {text}" for name, text in DESCRIPTIONS.items()]
    return "\n".join(lines)
