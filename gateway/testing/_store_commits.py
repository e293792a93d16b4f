"""The store's contract, second part: commit 2, and what shares a transaction with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain import (
    DeliveryState,
    Message,
    Question,
    QuestionKind,
    Role,
    Task,
    TaskState,
    new_id,
)
from gateway.errors import Fenced
from gateway.ports.records import Effects, Entry, Hold, Mark, QuestionEnd
from gateway.ports.store import Store
from gateway.testing._talk import OPERATOR, Talk, arrival, delivery, session, states, waiting


class CommitContract:
    """All of a turn's effects, once, or nothing."""

    async def test_a_turn_leaves_everything_it_did(self, store: Store) -> None:
        talk = Talk(store)
        effects = await talk.exchange("grüße")
        assert await talk.texts() == ["grüße", "grüße"]
        assert await store.current_session(talk.lane, "echo") == talk.session
        assert await store.task(talk.scope, effects.tasks[0].id) == effects.tasks[0]
        assert list(await store.pending(talk.lane)) == list(effects.deliveries)
        assert not await waiting(store)

    async def test_every_field_of_a_message_is_kept(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        message = Message(
            number=1,
            role=Role.TOOL,
            text="said",
            created_at=12.5,
            sender="Ada",
            sender_id="7",
            task_id="task",
            row_id="row",
            in_context=False,
            question_id="question",
        )
        plain = talk.turn(accepted, hold)
        entry = Entry(session_id=plain.new_sessions[0].id, message=message)
        await talk.commits(replace(plain, entries=(entry,)))
        assert list(await store.history(talk.scope)) == [message]

    async def test_every_field_of_a_session_is_kept_and_changed(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        founded = session(
            hold.lane_id, talk.key, name="first", variables={"a": [1, None, "ü"]}, expires_at=9e9
        )
        await talk.commits(talk.turn(accepted, hold, new_sessions=(founded,), entries=()))
        assert await store.session(talk.scope) == founded
        accepted, hold = await talk.holds()
        changed = replace(
            founded,
            name="second",
            variables={},
            version=2,
            message_count=3,
            last_number=4,
            last_activity=founded.last_activity + 5,
            expires_at=8e9,
        )
        turn = talk.turn(accepted, hold, sessions=(changed,), entries=())
        await talk.commits(replace(turn, renamed=True))
        assert await store.session(talk.scope) == changed

    async def test_a_new_session_ends_the_one_in_its_place(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        old, first = talk.scope, talk.session
        accepted, hold = await talk.holds()
        successor = session(hold.lane_id, talk.key)
        await talk.commits(
            talk.turn(accepted, hold, sessions=(), new_sessions=(successor,), entries=())
        )
        assert await store.current_session(talk.lane, "echo") == successor
        ended = await store.session(old)
        assert ended is not None
        assert first is not None
        assert ended.ended_at is not None
        assert ended.ended_at >= first.created_at

    async def test_a_tasks_birth_does_not_change(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        assert talk.session is not None
        accepted, hold = await talk.holds()
        first = Task(
            id="t",
            session_id=talk.session.id,
            state=TaskState.WORKING,
            created_at=1.0,
            updated_at=1.0,
        )
        said = talk.turn(accepted, hold, tasks=(first,), rows=(), entries=(), release=False)
        assert await talk.commits(said) == hold
        steps = ("looked", "found")
        later = replace(
            first, state=TaskState.COMPLETED, created_at=5.0, updated_at=6.0, steps=steps
        )
        await talk.commits(talk.turn(accepted, hold, tasks=(later,), entries=()))
        assert await store.task(talk.scope, "t") == replace(later, created_at=1.0)

    async def test_an_early_publish_keeps_the_lane(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        early = talk.turn(accepted, hold, "early", rows=(), tasks=(), release=False)
        assert await talk.commits(early) == hold
        assert await talk.texts() == ["early", "early"]
        assert (await talk.says()).hold is None
        await talk.commits(talk.turn(accepted, hold, "late"))
        assert await talk.texts() == ["early", "early", "late", "late"]

    async def test_under_an_old_fence_nothing_is_written(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        for wrong in (
            replace(hold, fence=hold.fence - 1),
            replace(hold, fence=hold.fence + 1),
            Hold(lane_id="nowhere", fence=1),
        ):
            with pytest.raises(Fenced):
                await store.commit(talk.turn(accepted, wrong))
        assert await store.current_session(talk.lane, "echo") is None
        assert not await store.pending(OPERATOR)
        await talk.commits(talk.turn(accepted, hold))

    async def test_a_released_lane_is_not_committed_on(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        await talk.commits(talk.turn(accepted, hold))
        with pytest.raises(Fenced):
            await store.commit(talk.turn(accepted, hold))
        assert await talk.texts() == ["hello", "hello"]

    async def test_a_turn_is_committed_once(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        behind = await talk.says()
        effects = talk.turn(accepted, hold, claim_next=(behind.row_id,), release=False)
        following = await talk.commits(effects)
        assert await store.commit(effects) == following
        assert await talk.texts() == ["hello", "hello"]
        assert following is not None
        last = talk.turn(behind, following)
        assert await talk.commits(last) is None
        assert await store.commit(last) is None
        assert await talk.texts() == ["hello"] * 4

    async def test_so_is_what_was_published_early(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        early = talk.turn(accepted, hold, "early", rows=(), tasks=(), release=False)
        for _ in range(2):
            assert await talk.commits(early) == hold
        assert await talk.texts() == ["early", "early"]

    async def test_a_turn_repeated_much_later_is_not_committed_again(self, store: Store) -> None:
        talk = Talk(store)
        first = await talk.exchange()
        await talk.exchange()
        assert await store.commit(first) is None
        assert await talk.texts() == ["hello"] * 4

    async def test_a_row_has_one_outcome(self, store: Store) -> None:
        talk, other = Talk(store), Talk(store)
        theirs, _ = await other.holds()
        accepted, hold = await talk.holds()
        rows = (*talk.turn(accepted, hold).rows, *other.turn(theirs, hold).rows)
        await talk.commits(talk.turn(accepted, hold, rows=rows))
        _, still = await store.claim(other.lane_id, (theirs.row_id,))
        assert [row.id for row in still] == [theirs.row_id]

    async def test_deliveries_may_be_stored_started_or_sent(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        sent = delivery(hold.lane_id, "sent", state=DeliveryState.SENT, platform_id="55")
        begun = delivery(hold.lane_id, "begun", started=True)
        await talk.commits(talk.turn(accepted, hold, deliveries=(sent, begun)))
        assert list(await store.pending(talk.lane)) == [begun]
        assert await store.delivery(OPERATOR, sent.id) == sent

    async def test_a_question_is_asked_and_ends(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        assert talk.session is not None
        accepted, hold = await talk.holds()
        question = Question(
            id=new_id(),
            session_id=talk.session.id,
            task_id=accepted.task_id,
            addressee="7",
            kind=QuestionKind.CHOICE,
            text="Which?",
            options=("one", "two"),
            created_at=3.5,
            expires_at=4e9,
        )
        offer = delivery(hold.lane_id, "Which?", question=question)
        asked = talk.turn(accepted, hold, questions=(question,), deliveries=(offer,))
        await talk.commits(asked)
        assert list(await store.open_questions(talk.scope)) == [question]
        assert await store.question(talk.lane, question.id) == (question, "open")
        assert (await store.pending(talk.lane))[-1].question == question
        accepted, hold = await talk.holds()
        ends = (
            QuestionEnd(question_id=question.id, state="answered", answer="one"),
            QuestionEnd(question_id=question.id, state="expired"),
        )
        await talk.commits(talk.turn(accepted, hold, question_ends=ends))
        assert not await store.open_questions(talk.scope)
        assert await store.question(talk.lane, question.id) == (question, "answered")


class BatchContract:
    """What is written at the same instant shares a transaction, and nothing else."""

    async def test_many_talk_at_once(self, store: Store) -> None:
        talks = [Talk(store) for _ in range(40)]
        for number in range(3):
            await asyncio.gather(*(talk.exchange(f"message {number}") for talk in talks))
        expected = [f"message {n}" for n in range(3) for _ in range(2)]
        for talk in talks:
            assert await talk.texts() == expected

    async def test_a_fenced_turn_harms_no_neighbour(self, store: Store) -> None:
        talks = [Talk(store) for _ in range(8)]
        held = [await talk.holds() for talk in talks]
        turns: list[Awaitable[Hold | None]] = []
        for place, (talk, (accepted, hold)) in enumerate(zip(talks, held, strict=True)):
            wrong = replace(hold, fence=hold.fence + 1) if place == 3 else hold
            turns.append(talk.commits(talk.turn(accepted, wrong)))
        results = await asyncio.gather(*turns, return_exceptions=True)
        assert [isinstance(result, Fenced) for result in results] == [n == 3 for n in range(8)]
        assert results.count(None) == 7

    async def test_a_turn_that_cannot_be_written_harms_no_neighbour(self, store: Store) -> None:
        talks = [Talk(store) for _ in range(8)]
        for talk in talks:
            await talk.exchange()
        held = [await talk.holds() for talk in talks]
        turns = [
            talk.turn(accepted, hold) for talk, (accepted, hold) in zip(talks, held, strict=True)
        ]
        # A message number that is taken.
        first = replace(turns[5].entries[0].message, number=1)
        turns[5] = replace(
            turns[5], entries=(Entry(session_id=turns[5].entries[0].session_id, message=first),)
        )
        arrivals = [arrival(f"fine {n}") for n in range(4)] + [arrival("odd", order=2**70)]
        results = await asyncio.gather(
            *(store.commit(effects) for effects in turns),
            *(store.accept(arrived) for arrived in arrivals),
            return_exceptions=True,
        )
        failed = [place for place, r in enumerate(results) if isinstance(r, Exception)]
        assert failed == [5, 12]
        for place, talk in enumerate(talks):
            assert len(await talk.texts()) == (2 if place == 5 else 4)

    async def test_text_that_no_database_likes(self, store: Store) -> None:
        for text in ("a\0b", "a\ud800b", "\udc00", "\ud83d\ude00", "\0", ""):
            talk, neighbour = Talk(store), Talk(store)
            await asyncio.gather(self._says_everywhere(talk, text), neighbour.exchange("neighbour"))
            assert await neighbour.texts() == ["neighbour"] * 2
            kept = await talk.texts()
            assert len(kept) == 2
            assert len(kept[0]) >= len(text) - 1
            assert kept[0].replace("\ufffd", "").isprintable() or "\0" in kept[0]

    async def test_two_turns_of_one_lane_in_one_instant(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        early = talk.turn(accepted, hold, "early", rows=(), tasks=(), release=False)
        first = talk.commits(early)
        talk.session = early.new_sessions[0]
        late = talk.turn(accepted, hold, "late")
        results = await asyncio.gather(first, talk.commits(late))
        assert list(results) == [hold, None]
        talk.session = late.sessions[0]
        assert await talk.texts() == ["early", "early", "late", "late"]

    async def test_two_ends_of_one_turn_in_one_instant(self, store: Store) -> None:
        talk = Talk(store)
        _, hold = await talk.holds()
        ends = [
            Effects(turn_id=new_id(), hold=hold, deliveries=(delivery(hold.lane_id),), release=True)
            for _ in range(2)
        ]
        results = await asyncio.gather(*map(store.commit, ends), return_exceptions=True)
        assert results[0] is None
        assert isinstance(results[1], Fenced)
        assert list(await store.pending(OPERATOR)) == list(ends[0].deliveries)

    async def test_who_gives_up_waiting_undoes_nothing(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        effects = talk.turn(accepted, hold)
        await _given_up(store, store.commit(effects))
        assert [found.text for found in await store.pending(talk.lane)] == ["hello"]
        assert await store.commit(effects) is None

    async def test_a_claim_that_nobody_learns_of_is_undone(self, store: Store) -> None:
        talk = Talk(store)
        await _given_up(store, talk.says())
        (row,) = await waiting(store)
        assert row.attempts == 0
        hold, (claimed,) = await store.claim(row.lane_id, (row.id,))
        assert claimed.attempts == 1
        await _given_up(store, store.claim(row.lane_id, (row.id,)))
        (row,) = await waiting(store)
        with pytest.raises(Fenced):
            await store.commit(Effects(turn_id=new_id(), hold=hold, release=True))

    async def _says_everywhere(self, talk: Talk, text: str) -> None:
        accepted = await talk.says(text, owner=text or "o", event_id=text or "e")
        assert accepted.hold is not None
        named = session(
            accepted.lane_id, talk.key, name=text, owner=text, variables={text or "k": [text]}
        )
        sent = delivery(accepted.lane_id, text, error=text)
        effects = talk.turn(
            accepted, accepted.hold, text, new_sessions=(named,), deliveries=(sent,)
        )
        entries = tuple(replace(e, session_id=named.id) for e in effects.entries)
        tasks = tuple(replace(t, session_id=named.id, steps=(text,)) for t in effects.tasks)
        await talk.commits(replace(effects, entries=entries, tasks=tasks))
        await talk.store.mark(
            [Mark(delivery_id=sent.id, state=DeliveryState.SENT, platform_id=text, error=text)]
        )
        assert (await states(talk.store))[DeliveryState.SENT]


async def _given_up(store: Store, call: Coroutine[Any, Any, Any]) -> None:
    task = asyncio.create_task(call)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    # Each of these waits for the transaction under way: the given up one, and what undoes it.
    for _ in range(3):
        await store.ping()
