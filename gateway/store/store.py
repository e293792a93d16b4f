"""The store over SQL: the contract's methods, each a function of its noun's module."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection

from gateway.domain import (
    Delivery,
    DeliveryState,
    Message,
    Outcome,
    Question,
    Session,
    Summary,
    Task,
)
from gateway.ports.records import (
    Accepted,
    Arrival,
    Counts,
    Credential,
    Dead,
    Effects,
    FileScope,
    Forgotten,
    Hold,
    LaneScope,
    Mark,
    OperatorScope,
    Revision,
    Row,
    SessionQuery,
    SessionScope,
    StoredFile,
    TokenScope,
)
from gateway.store import (
    bookmarks,
    deliveries,
    edits,
    endings,
    files,
    housekeeping,
    inbox,
    lanes,
    messages,
    moves,
    questions,
    sessions,
    summaries,
    tasks,
)
from gateway.store.batches import Act, Kind
from gateway.store.erasure import Erasure
from gateway.store.housekeeping import Dropped
from gateway.store.lanes import Writer
from gateway.store.shelving import Shelving
from gateway.store.tickets import Tickets

PAGE = 200


class SqlStore(Shelving, Erasure, Tickets):
    """A ``Store`` over whatever ``backend`` talks to."""

    # life

    async def open(self) -> None:
        """As ``Store.open``."""
        await self._backend.open()

    async def close(self) -> None:
        """As ``Store.close``."""
        await self._backend.close()

    async def ping(self) -> None:
        """As ``Store.ping``."""
        await self._act(_nothing)

    # writes

    async def accept(self, arrival: Arrival) -> Accepted:
        """As ``Store.accept``."""
        accepted: Accepted = await self._backend.write(Kind.ACCEPT, arrival)
        return accepted

    async def claim(self, lane_id: str, row_ids: tuple[str, ...]) -> tuple[Hold, Sequence[Row]]:
        """As ``Store.claim``."""
        claimed: tuple[Hold, list[Row]] = await self._act(
            partial(inbox.claim, lane_id=lane_id, row_ids=row_ids)
        )
        return claimed

    async def commit(self, effects: Effects) -> Hold | None:
        """As ``Store.commit``."""
        hold: Hold | None = await self._backend.write(Kind.COMMIT, effects)
        return hold

    async def mark(self, marks: Sequence[Mark], *, patient: bool = False) -> None:
        """As ``Store.mark``."""
        await self._backend.write(Kind.MARK, marks, patient=patient)

    async def end_control(self, row_id: str, outcome: Outcome, notices: Sequence[Delivery]) -> None:
        """As ``Store.end_control``."""
        await self._act(lambda c, _: inbox.end_control(c, row_id, outcome, notices))

    async def revise(self, row_id: str, scope: LaneScope, revisions: Sequence[Revision]) -> bool:
        """As ``Store.revise``."""
        found: bool = await self._act(lambda c, _: edits.revise(c, scope, row_id, revisions))
        return found

    async def preview(self, row_id: str, message_id: str) -> None:
        """As ``Store.preview``."""
        await self._act(lambda c, _: inbox.preview(c, row_id, message_id))

    async def move(self, channel: str, old_id: str, new_id: str) -> Sequence[str]:
        """As ``Store.move``."""
        lost: list[str] = await self._act(
            partial(moves.move, channel=channel, old_id=old_id, new_id=new_id)
        )
        return lost

    async def link(self, channel: str, owner: str, keys: tuple[str, str]) -> Sequence[str]:
        """As ``Store.link``."""
        lost: list[str] = await self._act(
            partial(moves.link, channel=channel, owner=owner, names=keys)
        )
        return lost

    async def put_summary(self, scope: SessionScope, summary: Summary) -> bool:
        """As ``Store.put_summary``."""
        stored: bool = await self._act(lambda c, _: summaries.put(c, scope, summary))
        return stored

    async def bookmark(
        self, marks: Mapping[tuple[str, str], str], now: float, *, lasting: bool = False
    ) -> None:
        """As ``Store.bookmark``."""
        await self._act(lambda c, _: bookmarks.put(c, marks, now, lasting=lasting))

    async def rename_session(self, scope: SessionScope, name: str) -> Session:
        """As ``Store.rename_session``."""
        renamed: Session = await self._act(lambda c, _: endings.rename(c, scope, name))
        return renamed

    async def add_file(self, file: StoredFile) -> None:
        """As ``Store.add_file``."""
        await self._act(lambda c, _: files.add(c, file))

    async def create_session(self, session: Session, lane_key: str, key: Credential) -> Session:
        """As ``Store.create_session``."""
        created: Session = await self._act(
            partial(endings.create, session=session, lane_key=lane_key, key=key)
        )
        return created

    async def replace_session(
        self, scope: SessionScope, successor: Session, key: Credential, notice: str
    ) -> Session:
        """As ``Store.replace_session``."""
        begun: Session = await self._act(
            lambda c, _: endings.supersede(c, scope, successor, key, notice)
        )
        return begun

    async def end_session(self, scope: SessionScope, notice: str) -> None:
        """As ``Store.end_session``."""
        await self._act(lambda c, _: endings.end(c, scope, notice))

    async def delete_session(self, scope: SessionScope) -> Sequence[str]:
        """As ``Store.delete_session``."""
        digests: list[str] = await self._act(lambda c, writer: endings.delete(c, scope, writer))
        return digests

    async def retry_row(self, scope: OperatorScope, row_id: str) -> Row:
        """As ``Store.retry_row``."""
        row: Row = await self._act(lambda c, _: inbox.retry_row(c, scope, row_id))
        return row

    async def discard_row(self, scope: OperatorScope, row_id: str) -> None:
        """As ``Store.discard_row``."""
        await self._act(lambda c, _: inbox.discard_row(c, scope, row_id))

    async def forget(self, *, rows_before: float, now: float) -> Forgotten:
        """As ``Store.forget``; in many small transactions, so that nobody waits long for it."""
        rows = await self._all_of(partial(housekeeping.forget_rows, before=rows_before))
        ended = await self._all_of(partial(housekeeping.forget_sessions, now=now))
        left = await self._clear_lanes()
        sent = await self._all_of(partial(housekeeping.forget_deliveries, before=rows_before))
        loose = await self._all_of(partial(housekeeping.forget_files, now=now))
        await self._all_of(partial(housekeeping.forget_bookmarks, now=now))
        return Forgotten(
            rows=rows.number,
            sessions=ended.number,
            deliveries=left + sent.number,
            digests=await self._unknown({*ended.digests, *loose.digests}),
        )

    # reads

    async def waiting(self, scope: LaneScope | OperatorScope) -> AsyncIterator[Row]:
        """As ``Store.waiting``."""
        ids = await self._read(inbox.waiting_ids, scope)
        for start in range(0, len(ids), PAGE):
            for row in await self._read(inbox.waiting_page, scope, ids[start : start + PAGE]):
                yield row

    async def current_session(self, scope: LaneScope, agent: str) -> Session | None:
        """As ``Store.current_session``."""
        return await self._read(sessions.current, scope, agent)

    async def session(self, scope: SessionScope | TokenScope) -> Session | None:
        """As ``Store.session``."""
        return await self._read(sessions.one, scope)

    async def window(self, scope: SessionScope, limit: int) -> Sequence[Message]:
        """As ``Store.window``."""
        return await self._read(messages.window, scope, limit)

    async def history(
        self, scope: SessionScope, *, before: int | None = None, after: int = 0, limit: int = 50
    ) -> Sequence[Message]:
        """As ``Store.history``."""
        return await self._read(messages.history, scope, before, after, limit)

    async def search(self, scope: SessionScope, text: str, limit: int = 50) -> Sequence[Message]:
        """As ``Store.search``."""
        return await self._read(messages.search, scope, text, limit)

    async def file(self, scope: SessionScope | FileScope, file_id: str) -> StoredFile | None:
        """As ``Store.file``."""
        return await self._read(files.one, scope, file_id)

    async def known_digests(self, scope: OperatorScope, digests: Sequence[str]) -> frozenset[str]:
        """As ``Store.known_digests``."""
        return await self._read(files.known, scope, digests)

    async def task(self, scope: SessionScope, task_id: str) -> Task | None:
        """As ``Store.task``."""
        return await self._read(tasks.one, scope, task_id)

    async def task_messages(self, scope: SessionScope, task_id: str) -> Sequence[Message]:
        """As ``Store.task_messages``."""
        return await self._read(messages.of_task, scope, task_id)

    async def open_questions(self, scope: SessionScope) -> Sequence[Question]:
        """As ``Store.open_questions``."""
        return await self._read(questions.still_open, scope)

    async def summary(self, scope: SessionScope) -> Summary:
        """As ``Store.summary``."""
        return await self._read(summaries.one, scope)

    async def sessions_on(self, scope: LaneScope, agent: str, limit: int) -> Sequence[Session]:
        """As ``Store.sessions_on``."""
        return await self._read(sessions.on_lane, scope, agent, limit)

    async def question(self, scope: LaneScope, question_id: str) -> tuple[Question, str] | None:
        """As ``Store.question``."""
        return await self._read(questions.one, scope, question_id)

    async def pending(
        self, scope: LaneScope | OperatorScope, *, destination: str = "", limit: int = 1000
    ) -> Sequence[Delivery]:
        """As ``Store.pending``."""
        return await self._read(deliveries.pending, scope, destination, limit)

    async def last_sent(self, scope: LaneScope, destination: str) -> str:
        """As ``Store.last_sent``."""
        return await self._read(deliveries.last_sent, scope, destination)

    async def has_lane(self, lane_key: str) -> bool:
        """As ``Store.has_lane``."""
        return await self._read(lanes.known, lane_key)

    async def bookmarks(self, channel: str, limit: int, under: str = "") -> Mapping[str, str]:
        """As ``Store.bookmarks``."""
        return await self._read(bookmarks.newest, channel, limit, under)

    async def sessions(self, scope: OperatorScope, query: SessionQuery) -> Sequence[Session]:
        """As ``Store.sessions``."""
        return await self._read(sessions.listed, scope, query)

    async def asking(self, scope: OperatorScope, session_ids: Sequence[str]) -> frozenset[str]:
        """As ``Store.asking``."""
        return await self._read(questions.asking, scope, session_ids)

    async def deliveries(
        self, scope: OperatorScope, states: Sequence[DeliveryState], limit: int = 100
    ) -> Sequence[Delivery]:
        """As ``Store.deliveries``."""
        return await self._read(deliveries.in_states, scope, states, limit)

    async def held(
        self, scope: OperatorScope, *, channel: str = "", destination: str = ""
    ) -> Sequence[Delivery]:
        """As ``Store.held``."""
        return await self._read(deliveries.held, scope, channel, destination)

    async def sent_as(
        self, scope: OperatorScope, channel: str, platform_id: str
    ) -> Delivery | None:
        """As ``Store.sent_as``."""
        return await self._read(deliveries.sent_as, scope, channel, platform_id)

    async def delivery(self, scope: OperatorScope, delivery_id: str) -> Delivery | None:
        """As ``Store.delivery``."""
        return await self._read(deliveries.one, scope, delivery_id)

    async def dead_rows(self, scope: OperatorScope, limit: int = 100) -> Sequence[Dead]:
        """As ``Store.dead_rows``."""
        return await self._read(inbox.dead_rows, scope, limit)

    async def counts(self, scope: OperatorScope) -> Counts:
        """As ``Store.counts``."""
        return await self._read(inbox.counts, scope)

    async def _all_of(self, some: Act) -> Dropped:
        number, digests = 0, set[str]()
        while (done := await self._act(some)).number:
            number += done.number
            digests.update(done.digests)
        return Dropped(number, sorted(digests))

    async def _unknown(self, digests: set[str]) -> tuple[str, ...]:
        """Those that no file has: one may have come while others went."""
        if not digests:
            return ()
        scope = OperatorScope(why="what is on disk for nothing")
        return tuple(sorted(digests - await self._read(files.known, scope, sorted(digests))))


def _nothing(_: Connection, __: Writer) -> None:
    pass
