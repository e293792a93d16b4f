"""The sessions of the gateway, and which events a bot has taken over through them.

An event counts as taken once the bot said so: a heartbeat or a resume that names its sequence
number or a later one. A bot that is careful names only what it has stored. What was not
dispatched to a session that is connected now also counts once a history request covered it: that
is the other way to get it.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from adapters.discord.simulation.model import Bot, Intents, JsonObject
from adapters.discord.simulation.news import News

View = Callable[[bool], JsonObject]
"""An event's data; with the contents of messages or without."""


class Connection(Protocol):
    """Where a session's events go while somebody listens."""

    def send(self, frame: str) -> None:
        """Send a frame, in order."""
        ...


@dataclass(kw_only=True, slots=True, eq=False)
class Session:
    """A gateway session. `log` is what was dispatched; `lost_at` is when its connection went."""

    bot: Bot
    intents: Intents
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    seq: int = 0
    log: deque[tuple[int, str]] = field(default_factory=deque)
    connection: Connection | None = None
    lost_at: float = 0.0
    dead: bool = False

    def dispatch(self, name: str, data: bytes) -> int:
        """Give an event its number, keep it, and send it when somebody listens."""
        self.seq += 1
        frame = b'{"op":0,"t":%s,"s":%d,"d":%s}' % (orjson.dumps(name), self.seq, data)
        self.log.append((self.seq, frame.decode()))
        if self.connection is not None:
            self.connection.send(self.log[-1][1])
        return self.seq

    def after(self, seq: int) -> list[str]:
        """What was dispatched since."""
        return [frame for number, frame in self.log if number > seq]


@dataclass(kw_only=True, slots=True, eq=False)
class Event:
    """Something that people did and a bot has not taken over. `channel_id` is where its history
    shows it too, as `message_id`; without, there is no other way to it than the session."""

    id: str
    bot: Bot
    channel_id: int | None = None
    message_id: int = 0
    sessions: dict[Session, int] = field(default_factory=dict)

    def connected(self) -> bool:
        """Whether somebody is being told of it now."""
        return any(session.connection is not None for session in self.sessions)

    def resumable(self) -> bool:
        """Whether somebody may still be told of it by a session."""
        return any(not session.dead for session in self.sessions)


class Sessions:
    """All of them, and what is left to be taken over. `keep` bounds how much can be replayed."""

    def __init__(
        self, clock: Callable[[], float], news: News, *, lifetime: float, keep: int | None
    ) -> None:
        self.pending: list[Event] = []
        self.lost: list[str] = []
        self._clock = clock
        self._news = news
        self._lifetime = lifetime
        self._keep = keep
        self._by_id: dict[str, Session] = {}

    def open(self, bot: Bot, intents: Intents, connection: Connection) -> Session:
        """Begin a session; what only an unconnected one of the bot's could tell is lost now."""
        session = Session(bot=bot, intents=intents, connection=connection)
        session.log = deque(maxlen=self._keep)
        self._by_id[session.id] = session
        self._forget(
            lambda event: event.bot is bot and event.channel_id is None and not event.connected()
        )
        return session

    def find(self, session_id: str, bot: Bot) -> Session | None:
        """A session of the bot's that can be resumed."""
        session = self._by_id.get(session_id)
        if session is None or session.bot is not bot:
            return None
        return None if session.dead or self._expired(session) else session

    def of(self, bot: Bot) -> list[Session]:
        """Those of a bot that are not over."""
        for session in [each for each in self._by_id.values() if self._expired(each)]:
            self.end(session)
        return [each for each in self._by_id.values() if each.bot is bot]

    def release(self, session: Session, connection: Connection, *, for_good: bool) -> None:
        """The connection is gone; `for_good` when the client ended the session with it."""
        if session.connection is connection:
            session.connection, session.lost_at = None, self._clock()
            if for_good:
                self.end(session)
        self._news.tell()

    def end(self, session: Session) -> None:
        """No resuming any more."""
        session.dead = True
        self._by_id.pop(session.id, None)
        self._forget(lambda event: event.channel_id is None and not event.resumable())

    def tell(self, bot: Bot, name: str, intent: Intents, view: View) -> dict[Session, int]:
        """Dispatch an event to the bot's sessions that asked for such; its number in each."""
        shown: dict[bool, bytes] = {}
        told = {}
        for session in self.of(bot):
            if intent and not session.intents & intent:
                continue
            full = bool(session.intents & Intents.MESSAGE_CONTENT)
            if full not in shown:
                shown[full] = orjson.dumps(view(full))
            told[session] = session.dispatch(name, shown[full])
        self._news.tell()
        return told

    def expect(self, event: Event) -> None:
        """Remember that the bot has to take this over; lost at once if nothing can bring it."""
        if event.channel_id is None and not event.resumable():
            self.lost.append(event.id)
        else:
            self.pending.append(event)

    def confirm(self, session: Session, seq: int) -> None:
        """The bot has everything of this session up to a number."""
        self._keep_only(lambda event: event.sessions.get(session, seq + 1) > seq)

    def shown(self, bot: Bot, channel_id: int, after: int, ids: Iterable[int]) -> None:
        """The bot asked for a channel's history after a message, and was shown these."""
        seen = set(ids)
        self._keep_only(
            lambda event: (
                event.bot is not bot
                or event.channel_id != channel_id
                or event.connected()
                or (event.message_id > after and event.message_id not in seen)
            )
        )

    def _expired(self, session: Session) -> bool:
        return session.connection is None and self._clock() - session.lost_at > self._lifetime

    def _forget(self, which: Callable[[Event], Any]) -> None:
        self.lost += [event.id for event in self.pending if which(event)]
        self._keep_only(lambda event: not which(event))

    def _keep_only(self, which: Callable[[Event], Any]) -> None:
        self.pending = [event for event in self.pending if which(event)]
        self._news.tell()
