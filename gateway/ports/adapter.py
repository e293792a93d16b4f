"""The adapter's contract: five members, and small optional protocols the gateway asks for.

An adapter is made by its factory, a class registered under the entry-point group
``gateway.adapters``: see ``AdapterFactory``. One adapter instance serves one channel.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
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
    Moved,
    Participant,
    Question,
)
from gateway.ports.coordinator import Rate
from gateway.ports.host import Host

if TYPE_CHECKING:
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
    ``identity(settings) -> str``, what no two channels may share (default: their ``token``),
    ``single = True`` when its routes stand at fixed paths, so that one channel has them all, and
    ``manifest``: see ``Manifested``.
    """

    platform: ClassVar[str]
    Settings: ClassVar[type[Any]]
    boundary: ClassVar[Rules]

    def __call__(self, name: str, settings: Any, host: Host) -> Adapter: ...


@runtime_checkable
class Manifested(Protocol):
    """A factory whose platform makes an app from its description; ``gateway slack-manifest``."""

    def manifest(
        self,
        settings: Any,
        *,
        channel: str,
        public_url: str,
        commands: Sequence[NativeCommand],
        name: str = "",
        mode: str = "",
        assistant: bool | None = None,
        prefix: str | None = None,
    ) -> JSON:
        """The description, for the platform to take as JSON. Pure.

        ``settings`` are the channel's, or None for an app that none is configured for yet; what is
        left out is as they say. Raises ``ConfigurationError`` for what the platform would refuse.
        """
        ...


@runtime_checkable
class Splitting(Protocol):
    """Cuts long texts into parts the platform takes, and says how they are shown."""

    def split(self, text: str, *, markdown: bool) -> Sequence[Part]:
        """The parts of ``text``, in order, none beyond the platform's limit. Pure.

        An agent's text is Markdown; a notice is not, and is shown as it stands.
        """
        ...


@runtime_checkable
class Spelling(Protocol):
    """Has no buttons, or not for every question: then the options stand in the text."""

    def spell(self, text: str, question: Question, address: Address) -> str:
        """The text of a question (Markdown), with what the platform does not show of it as
        buttons there written below; the same where it shows them all. Pure."""
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
class Confiding(Protocol):
    """Can tell a person something in private whom it met among others."""

    def confide(self, address: Address, participant: Participant) -> Address | None:
        """Where that is, coming from ``address``; None for somebody who has no such place. Pure:
        whether the platform lets us write there shows when it is tried."""
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
        went to the same destination before it, empty if there is none known. Raises ``RateLimited``
        or ``Unavailable`` to be asked again later, and another ``SendError`` where it cannot be
        told: then the channel's ``on_unknown`` decides.
        """
        ...


@runtime_checkable
class Retracting(Protocol):
    """Can take away a preview that no answer became."""

    async def retract(self, address: Address, message_id: str) -> None:
        """Delete it. Cosmetic; may raise."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A group that the gateway has made; ``members`` are ids of participants."""

    id: str
    title: str
    members: tuple[str, ...]


@runtime_checkable
class Grouping(Protocol):
    """On its platform an account makes groups and adds people itself; ``gateway groups``.

    Each raises ``ConfigurationError`` in words for what the platform refuses, and ``Unavailable``.
    """

    async def groups(self) -> Sequence[Group]:
        """Every group of this channel."""
        ...

    async def create_group(self, title: str, members: Sequence[str]) -> Group:
        """A new one, with these people in it."""
        ...

    async def change_group(
        self, group_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> Group:
        """Let people in and out; those who are in, or out, already stay so."""
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
