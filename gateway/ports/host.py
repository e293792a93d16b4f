"""What the gateway offers an adapter: sessions opened by a token, files, bookmarks, HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gateway.domain import JSON, Attachment, Message, Participant, Question, Session, Task
from gateway.errors import SendError
from gateway.ports.coordinator import LiveEvent
from gateway.ports.records import Owned

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A session and a token that opens it; the token is stored only as a hash.

    ``expires_at`` is when the token dies, if that is before its session does. ``created``: the
    session is new.
    """

    session: Session
    token: str
    expires_at: float | None = None
    created: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A task and what it has said so far. ``settled`` when nothing more will come by itself."""

    task: Task
    messages: tuple[Message, ...]
    settled: bool
    question: Question | None = None


class Sessions(Protocol):
    """Token-opened sessions, for channels whose people hold a token (web). Each call needs one."""

    async def create(
        self,
        channel: str,
        *,
        agent: str = "",
        name: str = "",
        who: Participant | None = None,
        place: str = "",
        variables: JSON | None = None,
        overrides: JSON | None = None,
    ) -> Ticket:
        """A new session, called ``name``: of ``who``, or of a new anonymous participant, whose
        sessions expire.

        ``place`` is the id of its conversation: where a session with this agent lives there
        already, that is opened as it stands, however many ask at once. It never expires, and is its
        place's own where nobody else's. Raises ``LookupError`` (no such agent, or ``who`` is not
        whose the place is) and ``LimitExceeded`` (more variables than a session may have).
        """
        ...

    async def of(
        self, channel: str, who: Participant, *, agent: str = "", after: str = "", limit: int = 50
    ) -> Sequence[Owned]:
        """This participant's live sessions, with one agent or any: the newest activity first, in
        pages; those behind the one with the id ``after``."""
        ...

    async def open(self, channel: str, who: Participant, session_id: str) -> Ticket:
        """One more token for a live session of this participant. Raises ``LookupError`` for any
        other."""
        ...

    async def authenticate(self, channel: str, token: str) -> Session | None:
        """The token's session, if it exists, is unexpired, matches and is active; else None.

        The conversation's title is then what the token's holder is called, where that is known.
        """
        ...

    async def history(
        self, session: Session, *, before: int | None = None, limit: int = 50
    ) -> Sequence[Message]:
        """The newest ``limit`` messages below number ``before``, oldest first."""
        ...

    async def after(self, session: Session, number: int) -> Sequence[Message]:
        """Every message above ``number``, oldest first."""
        ...

    async def search(self, session: Session, text: str, *, limit: int = 50) -> Sequence[Message]:
        """The newest messages of this session with ``text`` in them, in any case, newest first."""
        ...

    async def rename(self, session: Session, name: str) -> Session:
        """Call it by another name."""
        ...

    async def questions(self, session: Session) -> Sequence[Question]:
        """The session's open questions."""
        ...

    async def progress(self, session: Session, task_id: str) -> Progress | None:
        """How a task of this session stands; None when it is not this session's."""
        ...

    async def reset(self, session: Session) -> Ticket:
        """End this session and start its successor: the old token dies, the running turn is
        cancelled, what waits is answered "session ended"."""
        ...

    async def end(self, session: Session) -> None:
        """End and delete this session with everything in it."""
        ...

    def watch(self, session: Session) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        """What happens in this session from now on."""
        ...


class Files(Protocol):
    """Files of messages. One belongs to one session, and goes when that is deleted."""

    limit: int
    """Bytes that one file may have; 0: any number."""

    async def keep(
        self, session: Session, name: str, content: AsyncIterator[bytes], *, media_type: str = ""
    ) -> Attachment:
        """Store a file; what it is, is read from its content and not believed of its name.

        Raises ``LimitExceeded``, in words for people.
        """
        ...

    async def find(self, session: Session, file_id: str) -> Attachment | None:
        """One of this session's files."""
        ...

    async def read(self, attachment: Attachment) -> bytes:
        """A stored file's content. Raises ``LookupError`` when it is gone."""
        ...

    def link(self, attachment: Attachment) -> str:
        """A path that opens the file for a while, signed: ``/files/ID?exp=…&sig=…``. Put
        ``Host.public_url`` before it where the reader is elsewhere."""
        ...


class Bookmarks(Protocol):
    """How far a channel has read: what it missed while it was away is fetched from there on.

    Places and positions are the adapter's own words: a chat and the id of the newest message taken,
    a connection and what resumes it. They are advisory: a crash may forget the last second of
    them, and what is fetched twice is recognised by its event id.
    """

    async def load(self, channel: str, *, limit: int = 1000, under: str = "") -> Mapping[str, str]:
        """The positions of the places where something happened last, the newest first; of those
        whose names begin with ``under``."""
        ...

    def put(self, channel: str, place: str, position: str, *, lasting: bool = False) -> None:
        """Remember it; written within a second, with what else came in that time.

        A position that does not change for months is forgotten, unless it is ``lasting``.
        """
        ...

    async def flush(self) -> None:
        """Write what is not written yet. Raises ``Unavailable``."""
        ...


class Outcomes(Protocol):
    """What becomes of deliveries after the platform took them, where it tells later."""

    async def report(
        self, channel: str, delivery_id: str, error: SendError | None, *, platform_id: str = ""
    ) -> None:
        """It arrived (None), or did not, and why; told more than once and in any order.

        A failure counts though the delivery was taken: ``Held`` keeps it, ``NotAccepted`` and
        ``RateLimited`` send it again, anything else ends it. ``platform_id`` is the message that
        this is told of: once the delivery became another, it changes nothing. By it alone (without
        ``delivery_id``) a delivery of the last days is found. Raises ``Unavailable``.
        """
        ...

    async def release(self, channel: str, destination: str) -> int:
        """Send what is held for there, in its order; returns how many. Cheap where nothing is."""
        ...


class Host(Protocol):
    """What the gateway offers an adapter."""

    http: aiohttp.ClientSession
    public_url: str
    sessions: Sessions
    agents: Sequence[str]
    files: Files
    bookmarks: Bookmarks
    outcomes: Outcomes
