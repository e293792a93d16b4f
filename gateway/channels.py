"""A channel as the stations see it: its adapter, its rules, and what it accepts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway import observability as obs
from gateway.boundary import Boundary, Explanation, Rules, place
from gateway.domain import (
    Action,
    Address,
    Attachment,
    ConversationKind,
    Ignored,
    Inbound,
    Moved,
    Question,
    Session,
)
from gateway.errors import BoundaryError, UnreadableUpdate
from gateway.ports.adapter import (
    Act,
    Adapter,
    Budgeted,
    Carrying,
    Confiding,
    Part,
    Spelling,
    Splitting,
    Transcript,
)
from gateway.ports.coordinator import Rate
from gateway.settings import Reset

_ALBUMS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the channel's rules say of one raw event, before anything is stored. ``follows``: it is
    accepted nevertheless if its lane exists."""

    outcome: Literal["accepted", "ignored", "refused"]
    reason: str
    inbound: Inbound | None = None
    moved: Moved | None = None
    boundary: Boundary | None = None
    unreadable: bool = False
    follows: bool = False


class Channel:
    """One account on one platform, bound to one default agent, the first of those it offers."""

    def __init__(
        self,
        *,
        name: str,
        adapter: Adapter,
        agent: str,
        rules: Rules,
        respond: Mapping[ConversationKind, str],
        agents: Sequence[str] = (),
        allow: Iterable[str] = (),
        admins: Iterable[str] = (),
        on_unknown: Literal["resend", "hold"] = "resend",
        resets: Mapping[ConversationKind, Reset] | None = None,
    ) -> None:
        self.name = name
        self.adapter = adapter
        self.agent = agent
        self.agents = tuple(dict.fromkeys((agent, *agents)))
        self.rules = rules
        self.respond = respond
        self.allow = frozenset(allow)
        self.admins = frozenset(admins)
        self.on_unknown = on_unknown
        self.resets = {kind: reset for kind, reset in (resets or {}).items() if reset}
        self.transcript = isinstance(adapter, Transcript)
        # Kept here: looking a metric's child up costs more than counting.
        self.accepted = obs.ACCEPTED.labels(name)
        self.last_inbound = obs.LAST_INBOUND.labels(name)
        self.sent = obs.SEND_ATTEMPTS.labels(name, "Sent")
        self._splitting = adapter if isinstance(adapter, Splitting) else None
        self._spelling = adapter if isinstance(adapter, Spelling) else None
        self._budgeted = adapter if isinstance(adapter, Budgeted) else None
        self._carrying = adapter if isinstance(adapter, Carrying) else None
        self._confiding = adapter if isinstance(adapter, Confiding) else None
        self._called: OrderedDict[tuple[str, str], None] = OrderedDict()

    def judge(self, raw: bytes) -> Verdict:
        """Read one raw event and apply the channel's rules."""
        try:
            read = self.adapter.parse(raw)
        except UnreadableUpdate as error:
            return Verdict(outcome="ignored", reason=f"unreadable: {error}", unreadable=True)
        if isinstance(read, Ignored):
            return Verdict(outcome="ignored", reason=read.reason)
        if isinstance(read, Moved):
            reason = f"the group {read.old_id} goes on as {read.new_id}"
            return Verdict(outcome="accepted", reason=reason, moved=read)
        # Of a deletion many platforms do not say whose it is; it only takes away.
        listed = read.action is Action.DELETE or not self.allow
        if not listed and not self.allow.intersection(
            (read.participant.id, *read.participant.aliases)
        ):
            return Verdict(outcome="refused", reason="not on the allow list", inbound=read)
        asked = self._asked(read)
        if not asked and not read.follows:
            return Verdict(outcome="ignored", reason="not addressed to the bot", inbound=read)
        try:
            boundary = place(self.rules, self.name, read.conversation, read.participant)
        except BoundaryError as error:
            return Verdict(outcome="refused", reason=str(error), inbound=read)
        if not asked:
            return Verdict(
                outcome="ignored",
                reason="not addressed to the bot, unless it takes part here already",
                inbound=read,
                boundary=boundary,
                follows=True,
            )
        reason = f"{boundary.rule} for a {read.conversation.kind} conversation"
        return Verdict(outcome="accepted", reason=reason, inbound=read, boundary=boundary)

    def place(self, inbound: Inbound) -> Boundary:
        """The boundary of an event that was accepted. Raises ``BoundaryError``."""
        return place(self.rules, self.name, inbound.conversation, inbound.participant)

    def _asked(self, read: Inbound) -> bool:
        """Whether the bot is meant. Only one part of an album says so, for all of them."""
        if self.respond.get(read.conversation.kind, "all") != "mentions":
            return True
        if not read.album:
            return read.addressed
        key = (read.conversation.id, read.album)
        if read.addressed:
            self._called[key] = None
            if len(self._called) > _ALBUMS:
                self._called.popitem(last=False)
        return key in self._called

    def over(self, session: Session, now: float) -> str:
        """What to tell people of a session that is over by now; empty if it is not."""
        reset = self.resets.get(session.conversation.kind)
        return reset.over(session, now) if reset is not None else ""

    def spell(self, text: str, question: Question | None, address: Address) -> str:
        """What asks ``question``: its text, and its options where the platform has no buttons."""
        if question is None or self._spelling is None:
            return text
        return self._spelling.spell(text, question, address)

    def split(self, text: str, *, markdown: bool) -> Sequence[Part]:
        """The parts in which the platform takes ``text``."""
        if self._splitting is None:
            return (Part(text=text),)
        return self._splitting.split(text, markdown=markdown)

    def carries(self, attachment: Attachment) -> bool:
        """Whether the platform takes this file."""
        return self._carrying is not None and self._carrying.carries(attachment)

    def confide(self, inbound: Inbound) -> Address | None:
        """Where whoever said this can be told something that others there do not read."""
        if self._confiding is None:
            return None
        return self._confiding.confide(inbound.address, inbound.participant)

    def budgets(self, address: Address, act: Act = Act.SEND) -> Sequence[tuple[str, Rate]]:
        """What one call to ``address`` takes from."""
        return self._budgeted.budgets(address, act) if self._budgeted else ()


def explain(channel: Channel, raw: bytes) -> Explanation:
    """Which session a raw update goes to, and why; needs neither network nor a valid token."""
    verdict = channel.judge(raw)
    inbound, boundary = verdict.inbound, verdict.boundary
    return Explanation(
        outcome=verdict.outcome,
        reason=verdict.reason,
        event_id=inbound.event_id if inbound else None,
        rule=boundary.rule.value if boundary else None,
        lane=boundary.key if boundary else None,
        conversation=inbound.conversation if inbound else None,
        participant=inbound.participant if inbound else None,
        text=inbound.text if inbound else None,
    )
