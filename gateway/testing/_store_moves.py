"""The store's contract: a group that goes on under another id."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from gateway.boundary import Rule, place
from gateway.domain import Conversation, ConversationKind, Outcome, Participant, TaskState, new_id
from gateway.errors import Fenced
from gateway.ports.records import Effects, RowEnd
from gateway.ports.store import Store
from gateway.testing._store_sessions import Opened
from gateway.testing._talk import CHANNEL, OPERATOR, delivery, session, waiting

OLD, NEW = "-42", "-10042"


def key(
    group: str,
    rule: Rule = Rule.PER_GROUP,
    *,
    thread: str = "",
    who: str = "7",
    channel: str = CHANNEL,
) -> str:
    """The lane's key of what this person says in the group, or in a thread of it."""
    kind = ConversationKind.THREAD if thread else ConversationKind.GROUP
    where = Conversation(kind=kind, id=thread or group, parent_id=group if thread else None)
    rules = dict.fromkeys(ConversationKind, rule)
    return place(rules, channel, where, Participant(id=who)).key


async def lane_of(store: Store, lane_key: str) -> str:
    """Where this key leads to by now."""
    talk = Opened(store, lane_key)
    return (await talk.says(control=True)).lane_id


class MoveContract:
    """Both ids lead to one lane, and nothing else moves."""

    @pytest.mark.parametrize(
        "place_of",
        [
            {"rule": Rule.PER_GROUP},
            {"rule": Rule.PER_CHANNEL},
            {"rule": Rule.PER_USER_IN_GROUP},
            {"rule": Rule.PER_THREAD, "thread": "5"},
            {"rule": Rule.PER_CHANNEL, "thread": "5"},
            {"rule": Rule.PER_GROUP, "thread": "5"},
        ],
        ids=lambda value: "-".join(map(str, value.values())),
    )
    async def test_a_groups_lanes_answer_to_the_new_id_too(
        self, store: Store, place_of: dict[str, Any]
    ) -> None:
        talk = Opened(store, key(OLD, **place_of))
        await talk.exchange()
        assert list(await store.move(CHANNEL, OLD, NEW)) == []
        assert await store.current_session(talk.lane, "echo") == talk.session
        lane_id = talk.lane_id
        for group, text in ((NEW, "again"), (OLD, "and again")):
            talk.key = key(group, **place_of)
            await talk.exchange(text)
            assert talk.lane_id == lane_id
        assert await talk.texts() == ["hello"] * 2 + ["again"] * 2 + ["and again"] * 2

    async def test_every_lane_of_the_group_does_and_none_else(self, store: Store) -> None:
        people = [key(OLD, Rule.PER_USER_IN_GROUP, who=who) for who in ("7", "8")]
        threads = [key(OLD, Rule.PER_THREAD, thread=thread) for thread in ("5", "a/b")]
        others = [
            key("-421"),
            key("-4"),
            key("-42/5"),
            key("-42%"),
            key(OLD, channel="other"),
            key("-421", Rule.PER_USER_IN_GROUP),
            key("x", Rule.PER_THREAD, thread=OLD),
            key("x", Rule.PER_USER_IN_GROUP, who=OLD),
            key("x", Rule.PER_USER, who=OLD),
        ]
        lanes = {name: await lane_of(store, name) for name in (*people, *threads, *others)}
        await store.move(CHANNEL, OLD, NEW)
        for who, name in zip(("7", "8"), people, strict=True):
            moved = key(NEW, Rule.PER_USER_IN_GROUP, who=who)
            assert await lane_of(store, moved) == lanes[name]
        for thread, name in zip(("5", "a/b"), threads, strict=True):
            assert await lane_of(store, key(NEW, Rule.PER_THREAD, thread=thread)) == lanes[name]
        for name in others:
            assert await lane_of(store, name) == lanes[name]
        unmoved = [
            *(key(NEW), key(f"{NEW}1"), key(f"{NEW}/5"), key(f"{NEW}%"), key(NEW, channel="other")),
            *(key(NEW, rule, who=NEW) for rule in (Rule.PER_USER, Rule.PER_USER_IN_GROUP)),
            *(key("x", Rule.PER_USER_IN_GROUP, who=NEW), key("x", Rule.PER_THREAD, thread=NEW)),
        ]
        for name in unmoved:
            assert await lane_of(store, name) not in lanes.values(), name

    async def test_where_only_the_new_id_is_known_the_old_one_follows(self, store: Store) -> None:
        talk = Opened(store, key(NEW))
        await talk.exchange()
        assert not await store.move(CHANNEL, OLD, NEW)
        assert await lane_of(store, key(OLD)) == talk.lane_id
        assert await lane_of(store, key(NEW)) == talk.lane_id

    async def test_nothing_is_known_and_nothing_happens(self, store: Store) -> None:
        talk = Opened(store, key("other"))
        await talk.exchange()
        for old, new in ((OLD, NEW), ("", NEW), (OLD, ""), ("other", "other"), ("", "")):
            assert not await store.move(CHANNEL, old, new)
        await talk.exchange("again")
        assert len(await talk.texts()) == 4

    @pytest.mark.parametrize("old_began_first", [True, False])
    async def test_of_two_lanes_the_one_with_the_older_session_goes_on(
        self, store: Store, old_began_first: bool
    ) -> None:
        talks = [Opened(store, key(OLD)), Opened(store, key(NEW))]
        heir, loser = talks if old_began_first else talks[::-1]
        await _founded(heir, time.time() - 60)
        await _founded(loser, time.time())
        assert list(await store.move(CHANNEL, OLD, NEW)) == [loser.lane_id]
        assert [await lane_of(store, key(group)) for group in (OLD, NEW)] == [heir.lane_id] * 2
        ended = await store.session(loser.scope)
        assert ended is not None
        assert ended.ended_at is not None
        assert await store.current_session(loser.lane, "echo") is None
        assert await store.current_session(heir.lane, "echo") == heir.session
        assert (await loser.texts(), await heir.texts()) == (["hello"] * 2, ["hello"] * 2)

    async def test_a_lane_without_a_live_session_gives_way(self, store: Store) -> None:
        old, new = Opened(store, key(OLD)), Opened(store, key(NEW))
        await _founded(old, time.time() - 60)
        await _founded(new, time.time())
        await store.end_session(old.scope, "")
        assert list(await store.move(CHANNEL, OLD, NEW)) == [old.lane_id]
        assert await lane_of(store, key(OLD)) == new.lane_id

    async def test_without_any_live_session_the_old_ids_lane_goes_on(self, store: Store) -> None:
        new, old = await lane_of(store, key(NEW)), await lane_of(store, key(OLD))
        assert list(await store.move(CHANNEL, OLD, NEW)) == [new]
        assert [await lane_of(store, key(group)) for group in (OLD, NEW)] == [old] * 2

    async def test_its_waiting_and_claimed_rows_wait_on_the_other(self, store: Store) -> None:
        old, new = Opened(store, key(OLD)), Opened(store, key(NEW))
        await _founded(old, time.time() - 60)
        await _founded(new, time.time())
        dying, hold = await new.holds("dead")
        dead = RowEnd(row_id=dying.row_id, outcome=Outcome.FAILED, task_id=dying.task_id)
        await store.commit(Effects(turn_id=new_id(), hold=hold, dead=(dead,), release=True))
        claimed, hold = await new.holds("claimed")
        behind = await new.says("behind")
        control = await new.says("control", control=True)
        assert list(await store.move(CHANNEL, OLD, NEW)) == [new.lane_id]
        rows = await waiting(store, old.lane)
        moved = [claimed.row_id, behind.row_id, control.row_id]
        assert [row.id for row in rows] == moved
        assert {row.lane_id for row in rows} == {old.lane_id}
        assert rows[0].inbound == b"inbound claimed"
        assert not await waiting(store, new.lane)
        with pytest.raises(Fenced):
            await store.commit(new.turn(claimed, hold))
        again, _ = await store.claim(old.lane_id, (claimed.row_id, behind.row_id))
        await old.commits(old.turn(claimed, again, "claimed"))
        assert (await old.texts())[2:] == ["claimed"] * 2
        assert (await store.retry_row(OPERATOR, dying.row_id)).lane_id == old.lane_id

    async def test_who_holds_the_lane_that_goes_on_keeps_it(self, store: Store) -> None:
        old, new = Opened(store, key(OLD)), Opened(store, key(NEW))
        await _founded(old, time.time() - 60)
        accepted, hold = await old.holds("running")
        await new.holds("claimed")
        assert list(await store.move(CHANNEL, OLD, NEW)) == [new.lane_id]
        await old.commits(old.turn(accepted, hold, "running"))
        assert (await old.texts())[2:] == ["running"] * 2

    async def test_what_the_other_asked_and_did_is_over(self, store: Store) -> None:
        old, new = Opened(store, key(OLD)), Opened(store, key(NEW))
        await _founded(old, time.time() - 60)
        await new.opens()
        question = await new.asked()
        pending = await store.pending(new.lane)
        accepted, hold = await new.holds("ask me")
        task = new.turn(accepted, hold).tasks[0]
        assert new.session is not None
        notice = delivery(hold.lane_id, "early", session_id=new.session.id)
        await store.commit(
            Effects(
                turn_id=new_id(),
                hold=hold,
                tasks=(replace(task, state=TaskState.WORKING),),
                deliveries=(notice,),
            )
        )
        await store.move(CHANNEL, OLD, NEW)
        # A late button comes on the lane that goes on.
        assert await store.question(old.lane, question.id) == (question, "cancelled")
        assert await new.by_token() is None
        cancelled = await store.task(new.scope, task.id)
        assert cancelled is not None
        assert cancelled.state is TaskState.CANCELED
        assert list(await store.pending(new.lane)) == [*pending, notice]
        assert notice not in await store.pending(old.lane)

    async def test_told_again_nothing_more_happens(self, store: Store) -> None:
        old, new = Opened(store, key(OLD)), Opened(store, key(NEW))
        await _founded(old, time.time() - 60)
        await _founded(new, time.time())
        await store.move(CHANNEL, OLD, NEW)
        accepted, hold = await old.holds("running")
        assert not await store.move(CHANNEL, OLD, NEW)
        await old.commits(old.turn(accepted, hold, "running"))
        assert await store.current_session(old.lane, "echo") == old.session

    async def test_a_group_may_move_on(self, store: Store) -> None:
        talk = Opened(store, key(OLD))
        await talk.exchange()
        for old, new in ((OLD, NEW), (NEW, "third"), (OLD, NEW), ("third", OLD)):
            assert not await store.move(CHANNEL, old, new)
        for group in (OLD, NEW, "third"):
            assert await lane_of(store, key(group)) == talk.lane_id

    async def test_a_lane_that_took_another_in_goes_whole(self, store: Store) -> None:
        talks = [Opened(store, key(group)) for group in (OLD, NEW, "third")]
        for place_of, talk in zip((2, 1, 3), talks, strict=True):
            await _founded(talk, time.time() - 1000 * place_of)
        old, new, third = talks
        assert list(await store.move(CHANNEL, OLD, NEW)) == [new.lane_id]
        assert list(await store.move(CHANNEL, NEW, "third")) == [old.lane_id]
        for group in (OLD, NEW, "third"):
            assert await lane_of(store, key(group)) == third.lane_id


async def _founded(talk: Opened, at: float) -> None:
    """An exchange in a session that began then."""
    accepted, hold = await talk.holds()
    talk.session = session(hold.lane_id, talk.key, created_at=at)
    plain = talk.turn(accepted, hold)
    await talk.commits(replace(plain, sessions=(), new_sessions=plain.sessions))


ONE, OTHER = (key("", Rule.PER_USER, who=who) for who in ("+1", "US.1"))


class LinkContract:
    """Two ids of one person lead to one lane."""

    async def test_the_lane_of_either_answers_to_both(self, store: Store) -> None:
        for number, first in enumerate((0, 1)):
            keys = tuple(key("", Rule.PER_USER, who=f"{number}-{name}") for name in ("a", "b"))
            talk = Opened(store, keys[first])
            await talk.exchange()
            assert list(await store.link(CHANNEL, "owner", (keys[0], keys[1]))) == []
            assert {await lane_of(store, name) for name in keys} == {talk.lane_id}

    async def test_a_lane_is_founded_for_both(self, store: Store) -> None:
        assert list(await store.link(CHANNEL, "participant:+1", (ONE, OTHER))) == []
        lane_id = await lane_of(store, OTHER)
        assert await lane_of(store, ONE) == lane_id
        assert list(await store.link(CHANNEL, "participant:+1", (OTHER, ONE))) == []
        assert await lane_of(store, OTHER) == lane_id

    async def test_of_two_lanes_the_older_session_goes_on(self, store: Store) -> None:
        old = Opened(store, ONE)
        await old.exchange("from the number")
        new = Opened(store, OTHER)
        await new.exchange("from the hidden name")
        waits = await new.says("who answers this?")
        assert list(await store.link(CHANNEL, "owner", (ONE, OTHER))) == [new.lane_id]
        (row,) = await waiting(store)
        assert (row.id, row.lane_id) == (waits.row_id, old.lane_id)
        assert await lane_of(store, OTHER) == old.lane_id

    async def test_nobody_else_is_touched(self, store: Store) -> None:
        strangers = [key("", Rule.PER_USER, who=who) for who in ("+11", "US.12")]
        lanes = [await lane_of(store, name) for name in strangers]
        await store.link(CHANNEL, "owner", (ONE, OTHER))
        assert [await lane_of(store, name) for name in strangers] == lanes
