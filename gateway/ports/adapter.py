"""The adapter's contract: five members, and small optional protocols the gateway asks for.

An adapter is made by its factory, a class registered under the entry-point group
``gateway.adapters``: see ``AdapterFactory``. One adapter instance serves one channel.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from gateway.boundary import Rules
from gateway.domain import (
    JSON,
    Address,
    Attachment,
    Delivery,
    Ignored,
    Inbound,
    Message,
    Moved,
    Question,
    Session,
    Task,
)
from gateway.ports.coordinator import LiveEvent, Rate

if TYPE_CHECKING:
    import aiohttp
    from starlette.routing import BaseRoute


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What became of a received event; when it exists, it is durable and may be acknowledged.

    ``outcome`` is ``accepted``, ``ignored`` or ``refused``; ``duplicate`` says that the same event
    was accepted before, and ``task_id`` is then the first one's. ``retry_after`` is set when a rate
    limit refused it. ``settled``: it was a control (``/stop``), applied at once; nothing follows.
    """

    outcome: str
    reason: str = ""
    row_id: str = ""
    task_id: str = ""
    duplicate: bool = False
    conflict: bool = False
    settled: bool = False
    retry_after: float | None = None


Receive = Callable[[bytes], Awaitable[Receipt]]
"""Commit one raw event. Raises ``Unavailable`` when the store is away: then do not acknowledge."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """The platform took it; ``platform_id`` is its id there. ``moved`` says what it told besides:
    that the group it went to has another id now."""

    platform_id: str = ""
    moved: Moved | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A piece of a text as the platform takes it: what people read, and the adapter's own data on
    how it is shown, which comes back as ``Delivery.format``."""

    text: str
    format: JSON = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """An answer that is being written: all of its text so far, in Markdown.

    ``message_id`` is the platform's id of the message that shows it already; empty at first, and
    always where the platform shows it otherwise.
    """

    address: Address
    task_id: str
    text: str
    message_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NativeCommand:
    """A chat command to offer natively. ``descriptions`` is by language (ISO 639-1), ``en`` always
    among them; ``personal`` commands make no sense in groups. ``argument`` says, by language too,
    what the rest of its line may be; empty where there is none."""

    name: str
    descriptions: Mapping[str, str]
    personal: bool = False
    argument: Mapping[str, str] = field(default_factory=dict)


class Act(StrEnum):
    """What a call is made for; platforms limit each in their own way."""

    SEND = "send"
    PREVIEW = "preview"
    TYPING = "typing"


class Adapter(Protocol):
    """Speaks one platform for one channel."""

    settings: Any

    def routes(self) -> Sequence[BaseRoute]:
        """HTTP routes this channel serves; webhooks at ``/webhooks/CHANNEL``."""
        ...

    async def run(self, receive: Receive) -> None:
        """Stay connected until cancelled, handing every raw event to ``receive`` before it is
        acknowledged. May raise: the gateway runs it again, with backoff."""
        ...

    async def send(self, delivery: Delivery) -> Sent:
        """Send one item. Raises a ``SendError`` that says what became of it, or ``Unavailable``."""
        ...

    def parse(self, raw: bytes) -> Inbound | Moved | Ignored:
        """Read one raw event. Pure; raises ``UnreadableUpdate``."""
        ...


class AdapterFactory(Protocol):
    """What an entry point names: usually the adapter class itself.

    ``boundary`` is the platform's row of the boundary table; ``Settings`` a pydantic model derived
    from ``gateway.ChannelSettings`` with the platform's own keys. A factory may offer
    ``identity(settings) -> str``, what no two channels may share (default: their ``token``), and
    ``single = True`` when its routes stand at fixed paths, so that one channel has them all.
    """

    platform: ClassVar[str]
    Settings: ClassVar[type[Any]]
    boundary: ClassVar[Rules]

    def __call__(self, name: str, settings: Any, host: Host) -> Adapter: ...


@runtime_checkable
class Splitting(Protocol):
    """Cuts long texts into parts the platform takes, and says how they are shown."""

    def split(self, text: str, *, markdown: bool) -> Sequence[Part]:
        """The parts of ``text``, in order, none beyond the platform's limit. Pure.

        An agent's text is Markdown; a notice is not, and is shown as it stands.
        """
        ...


@runtime_checkable
class Previewing(Protocol):
    """Can show an answer while it is written: cosmetic. ``preview_every`` 0: not on this one."""

    preview_every: float

    async def preview(self, preview: Preview) -> str:
        """Show it, or more of it: at most every ``preview_every`` seconds. Returns the id of a real
        message that now shows it and that the answer's first delivery ``replaces``; empty where a
        preview is none and vanishes by itself. May raise."""
        ...


@runtime_checkable
class Fetching(Protocol):
    """Can get the files that people send."""

    def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The content of ``attachment.ref``, piece by piece, as the platform has it.

        Raises ``Unavailable``, and ``LimitExceeded`` for one the platform does not hand out, in
        words for people.
        """
        ...


@runtime_checkable
class Carrying(Protocol):
    """Can send files: ``send`` takes deliveries with an ``attachment``."""

    def carries(self, attachment: Attachment) -> bool:
        """Whether the platform takes this one; otherwise people are told in words. Pure."""
        ...


@runtime_checkable
class Typing(Protocol):
    """Can show that an answer is being written."""

    typing_every: ClassVar[float]

    async def typing(self, address: Address) -> None:
        """Show it once; the gateway repeats it every ``typing_every`` seconds. May raise."""
        ...


@runtime_checkable
class Budgeted(Protocol):
    """Has budgets that everything sent to a destination shares."""

    def budgets(self, address: Address, act: Act) -> Sequence[tuple[str, Rate]]:
        """The budgets one call to ``address`` takes from: (key within the channel, rate). Pure.

        The first is held when the platform asks to wait.
        """
        ...


@runtime_checkable
class Settling(Protocol):
    """Can find out what became of a delivery whose outcome is unknown."""

    async def settle(self, delivery: Delivery, after: str) -> Sent | None:
        """Look where it would stand: ``Sent`` if it does, None if it may be sent (again).

        None also where sending once more cannot double it. ``after`` is the platform's id of what
        went to the same destination before it, empty if there is none known. May raise
        ``SendError`` or ``Unavailable``: then it is looked for again later.
        """
        ...


@runtime_checkable
class Retracting(Protocol):
    """Can take away a preview that no answer became."""

    async def retract(self, address: Address, message_id: str) -> None:
        """Delete it. Cosmetic; may raise."""
        ...


@runtime_checkable
class Commanded(Protocol):
    """Registers chat commands natively."""

    async def register_commands(self, commands: Sequence[NativeCommand]) -> None:
        """Offer exactly these; called at each start. May raise."""
        ...


@runtime_checkable
class Checked(Protocol):
    """Can try its credentials."""

    async def check(self) -> str:
        """Call the platform; returns who we are there. Raises ``ConfigurationError``."""
        ...


@runtime_checkable
class Transcript(Protocol):
    """Reads its answers from the session itself: a delivery is sent when its turn is committed."""

    transcript: ClassVar[bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A fresh session and the one token that opens it; the token is stored only as a hash."""

    session: Session
    token: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A task and what it has said so far. ``settled`` when nothing more will come by itself."""

    task: Task
    messages: tuple[Message, ...]
    settled: bool
    question: Question | None = None


class Sessions(Protocol):
    """Token-opened sessions, for channels whose people hold a token (web). Each call needs one."""

    async def create(self, channel: str, *, agent: str = "", name: str = "") -> Ticket:
        """A new session for a new anonymous participant. Raises ``LookupError``: no such agent."""
        ...

    async def authenticate(self, channel: str, token: str) -> Session | None:
        """The token's session, if it exists, is unexpired, matches and is active; else None."""
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

    async def load(self, channel: str, *, limit: int = 1000) -> Mapping[str, str]:
        """The positions of the places where something happened last, the newest first."""
        ...

    def put(self, channel: str, place: str, position: str) -> None:
        """Remember it; written within a second, with what else came in that time."""
        ...

    async def flush(self) -> None:
        """Write what is not written yet. Raises ``Unavailable``."""
        ...


class Host(Protocol):
    """What the gateway offers an adapter."""

    http: aiohttp.ClientSession
    public_url: str
    sessions: Sessions
    agents: Sequence[str]
    files: Files
    bookmarks: Bookmarks
