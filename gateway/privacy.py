"""What is kept of a person: told, handed out, erased. For their own commands, and for operators.

Whose it is follows from where they ask. In private it is everything of theirs on that channel, with
every agent; among others it is what they said there. What is told of it is told privately.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Sequence,
)
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from urllib.parse import quote

from gateway import lifecycle, receipts
from gateway import observability as obs
from gateway.channels import Channel
from gateway.commands import Decision
from gateway.domain import Address, Attachment, ConversationKind, Delivery, Session, new_id
from gateway.errors import Fenced, LimitExceeded, Unavailable
from gateway.exporting import Exporter, pieces
from gateway.files import FileRoom
from gateway.lane import Lane
from gateway.lanes import Lanes
from gateway.live import Live
from gateway.ports.records import LaneScope, PersonScope, SessionScope, Traces
from gateway.ports.store import Store
from gateway.seen import Seen

AT_ONCE = 2
"""Exports that are written at the same time."""
IN_MEMORY = 1 << 20
"""Bytes of an export before it goes to a file that has no name."""
SENT_WITHIN = 600.0
"""Seconds for which a receipt is waited for: after it, what was erased is written over."""
REMEMBERED = 1000
"""People whose exports can be taken back, beside what housekeeping does in a day."""
ZIP = "application/zip"
_LOOK_EVERY = 0.05
_LOOK_AT_LEAST_EVERY = 5.0

Kept = tuple[SessionScope, Attachment]
"""A file, and the session that it is kept for, which need not exist."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """What else in this process knows of people, and what goes on beside turns.

    ``withdraw`` keeps what was erased on lanes from being sent; ``rebuild`` condenses a session
    anew; ``sending`` says whether a delivery is still to be settled; ``tidy`` removes what has
    outlived its use.
    """

    recover: Callable[[], Awaitable[int]]
    forget_keys: Callable[[], None]
    forget_owner: Callable[[str, str], None]
    withdraw: Callable[[Collection[str]], Awaitable[None]]
    rebuild: Callable[[Session], Coroutine[Any, Any, None]]
    sending: Callable[[Delivery], bool]
    tidy: Callable[[], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], object]


class Privacy:
    """Finds, hands out and erases what is kept of people."""

    def __init__(
        self,
        *,
        store: Store,
        lanes: Lanes,
        live: Live,
        files: FileRoom,
        around: Around,
        public_url: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._live = live
        self._files = files
        self._around = around
        self._public_url = public_url.rstrip("/")
        self._clock = clock
        self._exporter = Exporter(store=store, files=files)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._erasing = asyncio.Lock()
        self._exports: OrderedDict[tuple[str, str], list[Kept]] = OrderedDict()

    # for people

    async def forget(
        self, lane: Lane, seen: Seen, channel: Channel, *, confirmed: bool
    ) -> Decision:
        """``/forget``: what there is; confirmed, it is gone when this returns."""
        scope = await self._scope(lane, seen)
        if scope is None:
            return Decision(say=receipts.NOBODY)
        apart = _is_apart(seen)
        private = channel.confide(seen.inbound) if apart else None
        if not confirmed:
            if apart and private is None:
                return Decision(say=receipts.FORGET_HERE)
            say = receipts.found(await self._store.traces(scope), apart=apart)
            return Decision(say=say, private=private, aside=receipts.PRIVATELY)
        traces = await self.erase(scope, lane=lane)
        decision = Decision(erased=True, remains=await self._remains(seen))
        if apart and private is None:
            return replace(decision, say=receipts.FORGOTTEN_HERE)
        say = receipts.receipt(traces, apart=apart)
        return replace(decision, say=say, private=private, aside=receipts.FORGOTTEN_PRIVATELY)

    async def export(self, lane: Lane, seen: Seen, channel: Channel) -> Decision:
        """``/export``: a file with everything, or how to get at it."""
        apart = _is_apart(seen)
        private = channel.confide(seen.inbound) if apart else None
        if apart and private is None:
            return Decision(say=receipts.EXPORT_ELSEWHERE)
        scope = await self._scope(lane, seen)
        if scope is None:
            return Decision(say=receipts.NOBODY)
        async with self.archive(scope, limit=self._files.limit) as (file, left_out):
            try:
                kept = await self._keep(seen, file)
            except LimitExceeded as error:
                return _told(receipts.too_large(str(error)), private)
        if lane.revoked:
            # Erased meanwhile, from another lane: what was read before has to go, too.
            await self._drop(kept)
            raise Fenced(lane.id)
        return self._handed_out(kept, channel, left_out, private)

    def done(self, decision: Decision, deliveries: Sequence[Delivery]) -> None:
        """What was decided is committed: the rest is done once it has been told."""
        if decision.erased or (deliveries and decision.attachments):
            self._around.spawn(self._afterwards(decision, tuple(deliveries)))

    # for operators, too

    async def erase(self, scope: PersonScope, *, lane: Lane | None = None) -> Traces:
        """Erase it, here and in the store; ``lane`` is the one whose turn asks for it.

        One after the other: two of one person, from two lanes, would each take the other's turn
        away, and nobody would be told. Raises ``Fenced`` where the first has done it all.
        """
        async with self._erasing:
            if lane is not None and lane.revoked:
                raise Fenced(lane.id)
            return await self._erase(scope, lane)

    async def _erase(self, scope: PersonScope, lane: Lane | None) -> Traces:
        sessions = await self._store.own_sessions(scope) if scope.owner else ()
        scopes = await self._store.own_scopes(scope) if scope.owner else ()
        keep = lane.id if lane is not None else ""
        erased = await self._store.erase(scope, keep=keep, now=self._clock())
        if lane is not None:
            lane.forget()
        for lane_id in erased.lanes:
            self._lanes.revoke(lane_id)
        await self._around.withdraw(erased.lanes)
        for session in sessions:
            self._live.cleared(session.id)
            if session.lane_id != keep:
                self._live.ended(session.id)
            if session.lane_id != keep or not await self._stands(session):
                lifecycle.deleted(session)
        owners = {scope.owner, *(s.owner for s in sessions), *(one.owner for one in scopes)}
        for owner in owners - {""}:
            self._around.forget_owner(scope.channel, owner)
        self._around.forget_keys()
        await self._files.discard(erased.digests)
        await self._take_back_exports(scope)
        await self._around.recover()
        for session in erased.rebuild:
            self._around.spawn(self._around.rebuild(session))
        obs.log.info(obs.Event.PERSON_ERASED, channel=scope.channel, lanes=len(erased.lanes))
        return erased.traces

    @asynccontextmanager
    async def archive(
        self, scope: PersonScope, *, limit: int = 0
    ) -> AsyncIterator[tuple[IO[bytes], int]]:
        """An archive of it, and how many contents of files ``limit`` left out of it."""
        with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            async with self._slots:
                left = await self._exporter.write(scope, file, now=self._clock(), limit=limit)
            yield file, left

    async def scrub(self) -> None:
        """Let no file have what was erased."""
        await self._around.tidy()
        await self._store.scrub()

    async def _stands(self, session: Session) -> bool:
        """Whether it is still there, empty: a token opens it."""
        return await self._store.session(SessionScope(session_id=session.id)) is not None

    # scopes

    async def _scope(self, lane: Lane, seen: Seen) -> PersonScope | None:
        """What is theirs, from where they ask; None where nobody knows who they are."""
        said = seen.inbound
        ids = tuple(one for one in dict.fromkeys((said.participant.id, *said.also)) if one)
        if not ids:
            return None
        shared = lane.current[0].boundary.shared
        owner = "" if shared else await self._owner(lane)
        if _is_apart(seen):
            return PersonScope(channel=seen.channel, owner=owner, senders=ids, lane_id=lane.id)
        return PersonScope(channel=seen.channel, owner=owner, senders=ids)

    async def _owner(self, lane: Lane) -> str:
        standing = lane.standing or await self._store.standing(LaneScope(lane_id=lane.id))
        return standing.owner

    async def _remains(self, seen: Seen) -> Session | None:
        """The session of this turn, where it stands still: others have a part in it, or a token
        opens it."""
        if not seen.stored:
            return None
        return await self._store.session(SessionScope(session_id=seen.session.id))

    # exports

    async def _keep(self, seen: Seen, file: IO[bytes]) -> Kept:
        """Keep an export until it is sent; where it is fetched, as long as its session."""
        session = seen.session if seen.transcript else replace(seen.session, id=new_id())
        day = datetime.fromtimestamp(self._clock(), UTC).date()
        name = f"export-{seen.channel}-{day}.zip"
        attachment = await self._files.keep(session, name, pieces(file), media_type=ZIP)
        kept = SessionScope(session_id=session.id), attachment
        if not seen.transcript:
            self._remember(seen, kept)
        return kept

    def _remember(self, seen: Seen, kept: Kept) -> None:
        self._exports.setdefault((seen.channel, seen.inbound.participant.id), []).append(kept)
        if len(self._exports) > REMEMBERED:
            self._exports.popitem(last=False)

    def _handed_out(
        self, kept: Kept, channel: Channel, left_out: int, private: Address | None
    ) -> Decision:
        attachment = kept[1]
        if channel.transcript or channel.carries(attachment):
            say = receipts.exported(left_out)
            return replace(_told(say, private), attachments=(attachment,))
        if self._public_url:
            address = f"{self._public_url}{self._files.link(attachment)}"
            return _told(receipts.linked(address, left_out), private)
        return _told(receipts.NOT_HERE, private)

    async def _take_back_exports(self, scope: PersonScope) -> None:
        for sender in scope.senders:
            for kept in self._exports.pop((scope.channel, sender), ()):
                await self._drop(kept)

    async def _drop(self, kept: Kept) -> None:
        scope, attachment = kept
        await self._files.discard(await self._store.drop_file(scope, attachment.id))

    # afterwards

    async def _afterwards(self, decision: Decision, deliveries: tuple[Delivery, ...]) -> None:
        await self._settled(deliveries)
        sent = {file.id for file in decision.attachments}
        # What this cannot do now, housekeeping does within the hour, and exports within a day.
        with suppress(Unavailable):
            for key, exports in list(self._exports.items()):
                for kept in [one for one in exports if one[1].id in sent]:
                    await self._drop(kept)
                    exports.remove(kept)
                if not exports and self._exports.get(key) is exports:
                    del self._exports[key]
            if decision.erased:
                await self.scrub()

    async def _settled(self, deliveries: Iterable[Delivery]) -> None:
        """Wait until what was told has arrived, or will not."""
        loop = asyncio.get_running_loop()
        late, pause = loop.time() + SENT_WITHIN, _LOOK_EVERY
        while any(map(self._around.sending, deliveries)) and loop.time() < late:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LOOK_AT_LEAST_EVERY)


def person(channel: str, participant: str) -> PersonScope:
    """Everything of somebody on a channel, by the id that the platform has for them. Raises
    ``ValueError`` without one: what nobody is known to have said is not anybody's."""
    if not participant.strip():
        raise ValueError("whose it is, is told by the id that the platform has for them")
    return PersonScope(
        channel=channel,
        owner=f"participant:{quote(participant, safe='')}",
        senders=(participant,),
    )


def _is_apart(seen: Seen) -> bool:
    """Whether others can read what is answered here."""
    place = seen.inbound.conversation
    return place.kind is not ConversationKind.DIRECT and not place.private


def _told(say: str, private: Address | None) -> Decision:
    return Decision(say=say, private=private, aside=receipts.PRIVATELY)
