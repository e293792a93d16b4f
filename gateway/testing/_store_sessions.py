"""The store's contract, third part: how sessions begin and end, and that none sees another."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain import (
    DeliveryState,
    Question,
    QuestionKind,
    Role,
    Session,
    TaskState,
    new_id,
)
from gateway.errors import Fenced
from gateway.ports.records import (
    FileScope,
    LaneScope,
    OperatorScope,
    SessionQuery,
    SessionScope,
    TokenScope,
)
from gateway.ports.store import Store
from gateway.testing._store_files import stored
from gateway.testing._talk import (
    CHANNEL,
    OPERATOR,
    Talk,
    arrival,
    credential,
    hashed,
    session,
    waiting,
)


class Opened(Talk):
    """A talk in a session that a token opens."""

    token = ""

    async def opens(self, **changes: Any) -> Session:
        """The session, made before anything is said."""
        self.token = new_id()
        made = await self.store.create_session(
            session("", self.key, **changes), self.key, credential(self.token)
        )
        self.session, self.lane_id = made, made.lane_id
        return made

    async def by_token(self, token: str = "") -> Session | None:
        """What the token opens."""
        wanted = hashed(token or self.token)
        return await self.store.session(TokenScope(channel=CHANNEL, token_hash=wanted))

    async def replaced(self, notice: str = "session ended") -> Session:
        """The successor, opened by another token."""
        self.token = new_id()
        return await self.store.replace_session(
            self.scope, session("", self.key), credential(self.token), notice
        )

    async def asked(self, *, expires_at: float | None = None) -> Question:
        """A question that stays open."""
        assert self.session is not None
        accepted, hold = await self.holds("ask me")
        question = Question(
            id=new_id(),
            session_id=self.session.id,
            task_id=accepted.task_id,
            addressee="7",
            kind=QuestionKind.TEXT,
            text="What?",
            expires_at=expires_at,
        )
        await self.commits(self.turn(accepted, hold, "ask me", questions=(question,)))
        return question


class SessionContract:
    """Sessions with tokens, and their ends."""

    async def test_a_token_opens_its_session(self, store: Store) -> None:
        talk = Opened(store)
        made = await talk.opens()
        assert made.lane_id
        assert await talk.by_token() == made
        assert (await talk.says()).lane_id == made.lane_id

    async def test_no_other_token_does(self, store: Store) -> None:
        talk = Opened(store)
        await talk.opens()
        assert await talk.by_token("wrong") is None
        scope = TokenScope(channel="other", token_hash=hashed(talk.token))
        assert await store.session(scope) is None

    async def test_an_expired_token_or_session_is_not_opened(self, store: Store) -> None:
        past = time.time() - 1
        for expiry, token_expiry in ((past, None), (None, past)):
            key = new_id()
            made = session("", key, expires_at=expiry)
            await store.create_session(made, key, credential(key, token_expiry))
            assert await store.session(TokenScope(channel=CHANNEL, token_hash=hashed(key))) is None

    async def test_an_expired_session_is_not_the_lanes_current_one(self, store: Store) -> None:
        talk = Opened(store)
        await talk.opens(expires_at=time.time() - 1)
        assert await store.current_session(talk.lane, "echo") is None

    async def test_a_successor_takes_the_lane_and_the_old_token_dies(self, store: Store) -> None:
        talk = Opened(store)
        first = await talk.opens()
        await talk.exchange()
        old = talk.token
        second = await talk.replaced()
        assert second.lane_id == first.lane_id
        assert await talk.by_token(old) is None
        assert await talk.by_token() == second
        assert await store.current_session(talk.lane, "echo") == second
        ended = await store.session(talk.scope)
        assert ended is not None
        assert ended.ended_at is not None
        assert await talk.texts() == ["hello", "hello"]

    async def test_a_replaced_sessions_running_turn_is_refused(self, store: Store) -> None:
        talk = Opened(store)
        await talk.opens()
        accepted, hold = await talk.holds()
        await talk.replaced()
        with pytest.raises(Fenced):
            await store.commit(talk.turn(accepted, hold))
        assert not await store.pending(OPERATOR)

    async def test_what_waited_is_cancelled_and_told_so(self, store: Store) -> None:
        talk = Opened(store)
        await talk.opens()
        await talk.exchange()
        running, waited = await talk.says("running"), await talk.says("waiting")
        successor = await talk.replaced("session ended")
        assert not await waiting(store)
        for row in (running, waited):
            (told,) = await store.task_messages(talk.scope, row.task_id)
            assert (told.text, told.role, told.in_context) == ("session ended", Role.SYSTEM, False)
            task = await store.task(talk.scope, row.task_id)
            assert task is not None
            assert task.state is TaskState.CANCELED
        assert not await store.history(SessionScope(session_id=successor.id))
        assert [message.text for message in await store.window(talk.scope, 50)] == ["hello"] * 2

    async def test_a_control_row_outlives_the_session(self, store: Store) -> None:
        talk = Opened(store)
        await talk.opens()
        control = await talk.says(control=True)
        await talk.replaced()
        assert [row.id for row in await waiting(store)] == [control.row_id]

    async def test_the_lane_goes_on_with_the_successor(self, store: Store) -> None:
        talk = Opened(store)
        await talk.opens()
        await talk.says()
        talk.session = await talk.replaced()
        await talk.exchange("again")
        assert await talk.texts() == ["again"] * 2

    async def test_open_questions_are_cancelled(self, store: Store) -> None:
        talk = Opened(store)
        await talk.opens()
        question = await talk.asked()
        await talk.replaced()
        assert not await store.open_questions(talk.scope)
        assert await store.question(talk.lane, question.id) == (question, "cancelled")

    async def test_what_is_over_cannot_be_ended_again(self, store: Store) -> None:
        talk = Opened(store)
        await talk.opens()
        await store.end_session(talk.scope, "over")
        with pytest.raises(LookupError):
            await store.end_session(talk.scope, "over")
        with pytest.raises(LookupError):
            await talk.replaced()
        with pytest.raises(LookupError):
            await store.end_session(SessionScope(session_id="unknown"), "over")

    async def test_a_session_that_a_turn_ended_is_not_opened(self, store: Store) -> None:
        talk = Opened(store)
        made = await talk.opens()
        accepted, hold = await talk.holds()
        over = replace(made, ended_at=time.time())
        await store.commit(talk.turn(accepted, hold, sessions=(over,), entries=()))
        assert await talk.by_token() is None
        assert await store.current_session(talk.lane, "echo") is None

    async def test_after_an_end_the_lane_starts_afresh(self, store: Store) -> None:
        talk = Opened(store)
        await talk.opens()
        waits = await talk.says()
        await store.end_session(talk.scope, "over")
        assert await talk.by_token() is None
        assert await store.current_session(talk.lane, "echo") is None
        assert [m.text for m in await store.task_messages(talk.scope, waits.task_id)] == ["over"]
        talk.session = None
        await talk.exchange("fresh")
        assert await talk.texts() == ["fresh"] * 2

    async def test_of_a_deleted_session_nothing_is_left(self, store: Store) -> None:
        talk, other = Opened(store), Opened(store)
        await other.opens()
        await other.exchange("kept")
        await talk.opens()
        sent = (await talk.exchange("secret")).deliveries[0]
        question = await talk.asked()
        first = await store.accept(arrival(talk.key, "secret", event_id="known"))
        await store.delete_session(talk.scope)
        assert await talk.by_token() is None
        assert await store.session(talk.scope) is None
        assert not await store.history(talk.scope)
        assert await store.task(talk.scope, first.task_id) is None
        assert await store.question(talk.lane, question.id) is None
        assert await store.delivery(OPERATOR, sent.id) is None
        assert not await waiting(store)
        assert (await store.accept(arrival(talk.key, event_id="known"))).duplicate
        assert await other.texts() == ["kept"] * 2
        assert [found.text for found in await store.pending(OPERATOR)] == ["kept"]
        with pytest.raises(LookupError):
            await store.delete_session(talk.scope)

    async def test_a_deleted_sessions_key_founds_a_lane_again(self, store: Store) -> None:
        talk = Opened(store)
        await talk.opens()
        await store.delete_session(talk.scope)
        talk.session = None
        await talk.exchange("anew")
        assert await talk.texts() == ["anew"] * 2


class HistoryContract:
    """What was said, in pages."""

    async def test_the_window_is_the_newest_that_agents_may_see(self, store: Store) -> None:
        talk = Talk(store)
        for number in range(4):
            await talk.exchange(f"{number}")
        window = await store.window(talk.scope, 3)
        assert [message.text for message in window] == ["2", "3", "3"]
        assert len(await store.window(talk.scope, -1)) == 8
        assert not await store.window(talk.scope, 0)

    async def test_pages_of_the_history(self, store: Store) -> None:
        talk = Talk(store)
        for number in range(5):
            await talk.exchange(f"{number}")

        async def numbers(**page: int) -> list[int]:
            return [message.number for message in await store.history(talk.scope, **page)]

        assert await numbers() == list(range(1, 11))
        assert await numbers(limit=3) == [8, 9, 10]
        assert await numbers(before=8, limit=3) == [5, 6, 7]
        assert await numbers(after=8) == [9, 10]
        assert await numbers(after=2, before=6) == [3, 4, 5]
        assert await numbers(before=1) == []


class ScopeContract:
    """No read crosses a session or a lane, and none can be asked without a scope."""

    async def test_reads_stay_in_their_scope(self, store: Store) -> None:
        mine, theirs = Opened(store), Opened(store)
        await mine.opens()
        await mine.exchange("mine")
        await theirs.opens()
        effects = await theirs.exchange("canary")
        question = await theirs.asked()
        await theirs.says("canary")
        waits = await theirs.says("canary")
        file = stored(theirs.scope.session_id, name="canary")
        await store.add_file(file)
        scope, lane = mine.scope, mine.lane
        found: list[Any] = [
            await store.search(scope, ""),
            await store.file(scope, file.id),
            await store.window(scope, 50),
            await store.history(scope),
            await store.task_messages(scope, effects.tasks[0].id),
            await store.task(scope, effects.tasks[0].id),
            await store.task(scope, waits.task_id),
            await store.open_questions(scope),
            await store.question(lane, question.id),
            await store.pending(lane),
            await waiting(store, lane),
            await store.session(scope),
            await store.current_session(lane, "echo"),
        ]
        assert "canary" not in repr(found)
        assert theirs.session is not None
        assert theirs.session.id not in repr(found)
        assert "mine" in repr(found)

    async def test_agents_of_one_lane_have_sessions_of_their_own(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange("with echo")
        assert await store.current_session(talk.lane, "other") is None
        accepted, hold = await talk.holds()
        other = session(hold.lane_id, talk.key, agent="other")
        await store.commit(
            talk.turn(accepted, hold, new_sessions=(other,), sessions=(), entries=(), tasks=())
        )
        assert await store.current_session(talk.lane, "other") == other
        assert await store.current_session(talk.lane, "echo") == talk.session
        assert not await store.history(SessionScope(session_id=other.id))

    async def test_a_wrong_scope_is_a_type_error(self, store: Store) -> None:
        anything: Any = [
            LaneScope(lane_id="x"),
            SessionScope(session_id="x"),
            TokenScope(channel="x", token_hash="x"),  # noqa: S106 - opens nothing
            OperatorScope(why="x"),
            FileScope(file_id="x"),
            "x",
            None,
        ]
        reads: list[tuple[set[type], Any]] = [
            ({LaneScope, OperatorScope}, lambda scope: waiting(store, scope)),
            ({LaneScope}, lambda scope: store.current_session(scope, "echo")),
            ({SessionScope, TokenScope}, store.session),
            ({SessionScope}, lambda scope: store.window(scope, 1)),
            ({SessionScope}, store.history),
            ({SessionScope}, lambda scope: store.search(scope, "x")),
            ({SessionScope, FileScope}, lambda scope: store.file(scope, "x")),
            ({OperatorScope}, lambda scope: store.known_digests(scope, ["x"])),
            ({SessionScope}, lambda scope: store.task(scope, "x")),
            ({SessionScope}, lambda scope: store.task_messages(scope, "x")),
            ({SessionScope}, store.open_questions),
            ({LaneScope}, lambda scope: store.question(scope, "x")),
            ({LaneScope, OperatorScope}, store.pending),
            ({OperatorScope}, lambda scope: store.sessions(scope, SessionQuery())),
            ({OperatorScope}, lambda scope: store.asking(scope, ["x"])),
            ({OperatorScope}, lambda scope: store.deliveries(scope, [DeliveryState.SENT])),
            ({OperatorScope}, lambda scope: store.delivery(scope, "x")),
            ({OperatorScope}, store.dead_rows),
            ({OperatorScope}, store.counts),
            (set(), lambda scope: store.retry_row(scope, "x")),
            (set(), store.delete_session),
            (set(), lambda scope: store.rename_session(scope, "x")),
            ({LaneScope}, lambda scope: store.revise("x", scope, ())),
        ]
        for allowed, read in reads:
            for scope in anything:
                if type(scope) in allowed or (not allowed and scope in (anything[1], anything[3])):
                    continue
                with pytest.raises(TypeError):
                    await read(scope)
