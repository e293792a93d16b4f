"""The adapter's contract: five members, and small optional protocols the gateway asks for.

An adapter is made by its factory, a class registered under the entry-point group
``gateway.adapters``: see ``AdapterFactory``. One adapter instance serves one channel.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from gateway.boundary import Rules
from gateway.domain import Address, Delivery, Ignored, Inbound, Message, Question, Session, Task
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
    """The platform took it; ``platform_id`` is its id there."""

    platform_id: str = ""


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

    def parse(self, raw: bytes) -> Inbound | Ignored:
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
    """Cuts long texts into parts the platform takes."""

    def split(self, text: str) -> Sequence[str]:
        """The parts of ``text``, in order, none beyond the platform's limit. Pure."""
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

    def budgets(self, address: Address) -> Sequence[tuple[str, Rate]]:
        """The budgets one call to ``address`` takes from: (key within the channel, rate). Pure."""
        ...


@runtime_checkable
class Commanded(Protocol):
    """Registers chat commands natively."""

    async def register_commands(self, commands: Sequence[tuple[str, str]]) -> None:
        """Offer exactly these (name, description); called at each start. May raise."""
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


class Host(Protocol):
    """What the gateway offers an adapter."""

    http: aiohttp.ClientSession
    public_url: str
    sessions: Sessions
    agents: Sequence[str]
