"""The part of the store that forgets people: ``Erasing``, over SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from gateway.belongings import Found
from gateway.domain import Message, Session
from gateway.ports.records import (
    Erased,
    OperatorScope,
    OwnerScope,
    PersonScope,
    SessionScope,
    Traces,
)
from gateway.store import erasing, files, owing, people, retiring, sessions, summaries
from gateway.store.acting import Acting
from gateway.store.batches import Act
from gateway.store.erasing import Gone, Unsaid
from gateway.store.lanes import Writer
from gateway.store.people import Open, Said
from gateway.store.retiring import Old

_RETENTION = OperatorScope(why="what has outlived its time")


class Tally:
    """What was erased so far."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.digests: set[str] = set()
        self.lanes: set[str] = set()
        self.rebuild: list[Session] = []

    def add(self, gone: Gone) -> int:
        """One act's; how many rows it dropped."""
        self.counts.update(gone.counts)
        self.digests.update(gone.digests)
        return gone.number


class Erasure(Acting):
    """``gateway.ports.shelves.Erasing``."""

    async def traces(self, scope: PersonScope) -> Traces:
        """As ``Erasing.traces``."""
        counts: Counter[str] = Counter()
        for session in await self._read(people.own_sessions, scope):
            counts.update(await self._read(people.count, scope, session.id))
        for lane_id in await self._read(people.own_lanes, scope):
            counts.update(await self._read(people.count_lane, scope, lane_id))
        if scope.owner:
            counts.update(await self._read(people.count_kept, scope))
        for session in await self._read(people.shared_sessions, scope):
            if said := await self._said(scope, session):
                one = SessionScope(session_id=session.id)
                counts.update(said.counts(await self._read(summaries.one, one)))
        waiting = await self._read(people.open_rows, scope)
        counts["events"] += sum(row.state != "claimed" for row in waiting)
        return Traces(**counts)

    async def own_sessions(self, scope: PersonScope) -> Sequence[Session]:
        """As ``Erasing.own_sessions``."""
        return await self._read(people.own_sessions, scope)

    async def own_scopes(self, scope: PersonScope) -> Sequence[OwnerScope]:
        """As ``Erasing.own_scopes``."""
        return await self._read(people.own_scopes, scope)

    async def own_messages(
        self, scope: PersonScope, *, after: tuple[str, int] = ("", 0), limit: int = 500
    ) -> Sequence[Found]:
        """As ``Erasing.own_messages``."""
        found: list[Found] = []
        session_id, number = after
        for session in await self._read(people.shared_sessions, scope):
            last = number if session.id == session_id else 0
            while session.id >= session_id and len(found) < limit:
                page = await self._read(people.page_of, scope, session, last)
                if not page:
                    break
                found += people.written(session, scope.senders, page)
                last = page[-1].number
        return found[: max(limit, 0)]

    async def erase(self, scope: PersonScope, *, keep: str = "", now: float) -> Erased:
        """As ``Erasing.erase``: act by act, each of which may be the last before a crash."""
        tally = Tally()
        if keep:
            await self._act(partial(erasing.mark, lane_id=keep, now=now))
        await self._erase_own(scope, keep, tally)
        await self._erase_said(scope, keep, tally)
        return Erased(
            traces=Traces(**tally.counts),
            digests=await self._loose(tally.digests),
            lanes=tuple(sorted(tally.lanes - {keep})),
            rebuild=tuple(tally.rebuild),
        )

    async def drop_file(self, scope: SessionScope, file_id: str) -> Sequence[str]:
        """As ``Erasing.drop_file``."""
        digests: list[str] = await self._act(
            lambda connection, _: files.drop(connection, scope.session_id, file_id)
        )
        return digests

    async def scrub(self) -> None:
        """As ``Erasing.scrub``."""
        number = await self.unscrubbed()
        await self._backend.scrub()
        if number:
            await self._act(partial(owing.settle, number=number))

    async def unscrubbed(self) -> int:
        """As ``Erasing.unscrubbed``."""
        return await self._read(owing.owed, _RETENTION)

    async def retire(
        self, *, dormant_before: float | None, ended_before: float | None, kept_before: float | None
    ) -> Erased:
        """As ``Erasing.retire``."""
        tally = Tally()
        await self._retire_sessions(Old(dormant_before, ended_before), tally)
        for name in retiring.names() if kept_before else ():
            await self._retire_things(name, kept_before or 0.0, tally)
        return Erased(
            traces=Traces(**tally.counts),
            digests=await self._loose(tally.digests),
            lanes=tuple(sorted(tally.lanes)),
        )

    async def _clear_lanes(self) -> int:
        """Clear lanes on which somebody was erased; how many deliveries were left there."""
        number, after = 0, ""
        while rests := await self._read(retiring.forgotten_lanes, _RETENTION, after):
            for rest in rests:
                number += await self._all(partial(retiring.clear_lane, rest=rest))
            after = rests[-1].lane_id
        return number

    # The owner's own.

    async def _erase_own(self, scope: PersonScope, keep: str, tally: Tally) -> None:
        lane_ids = await self._read(people.own_lanes, scope)
        for lane_id in lane_ids:
            kept = lane_id == keep
            await self._one(tally, partial(erasing.silence, lane_id=lane_id, kept=kept))
        if scope.owner:
            # Before any lane goes: by them it is known what the owner is called within groups.
            await self._one(tally, lambda c, _: erasing.drop_kept(c, scope))
        for session in await self._read(people.own_sessions, scope):
            await self._erase_session(session.id, keep, tally)
        for lane_id in lane_ids:
            kept = lane_id == keep
            await self._each(tally, partial(erasing.drop_deliveries, lane_id=lane_id, kept=kept))
            if not kept:
                await self._act(partial(erasing.drop_lane, lane_id=lane_id))
        tally.lanes.update(lane_ids)

    async def _erase_session(self, session_id: str, keep: str, tally: Tally) -> None:
        await self._each(tally, partial(erasing.shorten, session_id=session_id))
        await self._one(tally, partial(erasing.clear, session_id=session_id, kept_lane=keep))

    # What somebody said beside others.

    async def _erase_said(self, scope: PersonScope, keep: str, tally: Tally) -> None:
        by_lane: dict[str, list[Open]] = {}
        for row in await self._read(people.open_rows, scope):
            by_lane.setdefault(row.lane_id, []).append(row)
        for lane_id, rows in by_lane.items():
            await self._interrupt(lane_id, rows, keep, tally)
        for session in await self._read(people.shared_sessions, scope):
            await self._erase_in(session, scope, keep, tally)

    async def _interrupt(self, lane_id: str, rows: Sequence[Open], keep: str, tally: Tally) -> None:
        kept = lane_id == keep
        act = partial(erasing.interrupt, lane_id=lane_id, rows=rows, kept=kept)
        await self._one(tally, act)
        tally.lanes.add(lane_id)

    async def _erase_in(
        self, session: Session, scope: PersonScope, keep: str, tally: Tally
    ) -> None:
        kept, changed, summarised = session.lane_id == keep, False, False
        # Once more, until nothing is found: turns may have ended meanwhile.
        while said := await self._said(scope, session):
            await self._interrupt(session.lane_id, (), keep, tally)
            repeated = said.repeated()
            await self._act(partial(erasing.unquote, session=session, numbers=repeated))
            for batch in said.batches(erasing.AT_ONCE):
                unsaid = await self._unsay(session, batch, scope, kept)
                tally.add(unsaid.gone)
                summarised = summarised or unsaid.summarised
            changed = True
        if changed:
            await self._all(partial(erasing.drop_sent, session=session))
        one = SessionScope(session_id=session.id)
        now = await self._read(sessions.one, one) if summarised else None
        tally.rebuild += [] if now is None else [now]

    async def _unsay(
        self, session: Session, batch: Sequence[Message], scope: PersonScope, kept: bool
    ) -> Unsaid:
        unsay = partial(
            erasing.unsay, session=session, said=batch, senders=scope.senders, kept=kept
        )
        unsaid: Unsaid = await self._act(_owing(unsay))
        return unsaid

    async def _said(self, scope: PersonScope, session: Session) -> Said:
        said = Said()
        while page := await self._read(people.page_of, scope, session, said.upto):
            said.take(scope.senders, page)
        return said

    # What outlived its time.

    async def _retire_sessions(self, old: Old, tally: Tally) -> None:
        after = ""
        while ids := await self._read(retiring.old_sessions, _RETENTION, old, after):
            for session_id in ids:
                close = partial(retiring.close, session_id=session_id, old=old)
                lane_id: str | None = await self._act(close)
                if lane_id is not None:
                    await self._erase_session(session_id, "", tally)
                    left = partial(retiring.leave, lane_id=lane_id, session_id=session_id)
                    await self._act(left)
                    tally.lanes.add(lane_id)
            after = ids[-1]

    async def _retire_things(self, name: str, before: float, tally: Tally) -> None:
        while keys := await self._read(retiring.old_things, _RETENTION, name, before):
            drop = partial(retiring.drop_things, name=name, keys=keys, before=before)
            await self._one(tally, drop)

    # Acts.

    async def _one(self, tally: Tally, act: Act) -> int:
        return tally.add(await self._act(_owing(act)))

    async def _each(self, tally: Tally, act: Act) -> None:
        while await self._one(tally, act):
            pass

    async def _all(self, act: Act) -> int:
        total = 0
        while number := await self._act(_owing(act)):
            total += number
        return total

    async def _loose(self, digests: Iterable[str]) -> tuple[str, ...]:
        """Those that nothing has: something may have come while others went."""
        wanted = sorted(digests)
        scope = OperatorScope(why="what is on disk for nothing")
        return tuple(sorted(set(wanted) - await self._read(files.known, scope, wanted)))


def _owing(act: Act) -> Act:
    """An act that erases: unless it found nothing, a scrub is owed."""

    def erase(connection: Connection, writer: Writer) -> Any:
        done = act(connection, writer)
        if done != 0:
            owing.owe(connection)
        return done

    return erase
