"""The store's contract: what is left of people who ask to be forgotten."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.belongings import Fact, Item
from gateway.domain import (
    Attachment,
    DeliveryState,
    Question,
    QuestionKind,
    Summary,
    TaskState,
    new_id,
)
from gateway.errors import Fenced
from gateway.ports.records import (
    AgentScope,
    Effects,
    Keeping,
    Mark,
    OwnerScope,
    PersonScope,
    Traces,
)
from gateway.ports.store import Store
from gateway.testing._store_files import stored
from gateway.testing._store_sessions import Opened
from gateway.testing._talk import (
    CHANNEL,
    OPERATOR,
    arrival,
    delivery,
    ended,
    hashed,
    session,
    waiting,
)

Dump = Callable[[Store], Awaitable[str]]
"""Everything in every table, as text."""


class Person(Opened):
    """Somebody who is known in every table, with a canary in each."""

    def __init__(self, store: Store, canary: str) -> None:
        super().__init__(store, f"contract/user/{canary}")
        self.canary = canary
        self.owner = f"participant:{self.key}"

    @property
    def person(self) -> PersonScope:
        """Everything of theirs."""
        return PersonScope(channel=CHANNEL, owner=self.owner, senders=(self.canary,))

    @property
    def owned(self) -> OwnerScope:
        """What they have with the agent."""
        return OwnerScope(channel=CHANNEL, agent="echo", owner=self.owner)

    async def lives(self) -> None:
        """Leave traces everywhere."""
        c = self.canary
        for number in range(3):
            await self.exchange(f"{c} {number} " + "long " * 700 * (number == 1))
        await self.keeps()
        await self.asks()
        await self.dies()
        await self.sends()

    async def keeps(self) -> None:
        """A name, variables, a summary, files, data, facts and something on the shelf."""
        c = self.canary
        assert self.session is not None
        file = stored(self.scope.session_id, name=f"{c}.txt", digest=digest(f"{c} file"))
        await self.store.add_file(file)
        carried = Attachment(name=c, id=file.id)
        accepted, hold = await self.holds(c)
        turn = self.turn(accepted, hold, c)
        changed = replace(turn.sessions[0], variables={"k": c}, overrides={"prompt": c}, name=c)
        said = tuple(
            replace(e, message=replace(e.message, attachments=(carried,), sender=c, sender_id=c))
            for e in turn.entries
        )
        everything = replace(turn, sessions=(changed,), entries=said)
        await self.commits(replace(everything, renamed=True, overridden=True))
        summary = Summary(text=c, topics=(c,), upto=2)
        assert await self.store.put_summary(self.scope, summary)
        kept = Item(id=new_id(), name=c, created_at=1.0, text=c, digest=digest(f"{c} item"))
        fact = Fact(id=new_id(), text=c, created_at=1.0, session_id=self.scope.session_id)
        for agent in ("echo", "other"):
            scope = OwnerScope(channel=CHANNEL, agent=agent, owner=self.owner)
            await self.store.keep(Keeping(scope=scope, data={c: c}, facts=(fact,), items=(kept,)))

    async def asks(self) -> None:
        """A question, and a task with steps."""
        assert self.session is not None
        accepted, hold = await self.holds(self.canary)
        question = Question(
            id=new_id(),
            session_id=self.session.id,
            task_id=accepted.task_id,
            addressee=self.canary,
            kind=QuestionKind.CHOICE,
            text=self.canary,
            options=(self.canary,),
        )
        turn = self.turn(accepted, hold, self.canary, questions=(question,))
        tasks = (replace(turn.tasks[0], state=TaskState.INPUT_REQUIRED, steps=(self.canary,)),)
        asking = delivery(hold.lane_id, self.canary, question=question, session_id=self.session.id)
        await self.commits(replace(turn, tasks=tasks, deliveries=(asking,)))

    async def dies(self) -> None:
        """A dead-lettered row."""
        accepted, hold = await self.holds(self.canary)
        dead = Effects(turn_id=new_id(), hold=hold, dead=(ended(accepted),), release=True)
        await self.store.commit(dead)

    async def sends(self) -> None:
        """Deliveries in every state."""
        for state in DeliveryState:
            accepted, hold = await self.holds(self.canary)
            made = delivery(hold.lane_id, self.canary, state=state, error=self.canary)
            await self.commits(self.turn(accepted, hold, self.canary, deliveries=(made,)))


def digest(text: str) -> str:
    """As long as a digest is."""
    return text.encode().hex().ljust(64, "0")[:64]


async def kept_of(store: Store, person: Person) -> tuple[Any, ...]:
    """What a neighbour has."""
    return (
        await store.own_sessions(person.person),
        await store.own_scopes(person.person),
        await store.traces(person.person),
        await person.texts(),
        await store.summary(person.scope),
        [row.id for row in await waiting(store, person.lane)],
    )


class EraseContract:
    """Everything of one person goes, and nothing of anybody else."""

    async def test_no_table_knows_an_erased_person(self, store: Store, dump: Dump | None) -> None:
        ann, bob = Person(store, "c4n4ry"), Person(store, "b0b")
        for person in (ann, bob):
            await person.lives()
        before = await kept_of(store, bob)
        if dump is not None:
            assert "c4n4ry" in await dump(store)
        assert await store.traces(ann.person) != Traces()
        await store.erase(ann.person, now=time.time())
        assert await store.traces(ann.person) == Traces()
        assert await store.own_sessions(ann.person) == []
        assert not await store.has_lane(ann.key)
        assert await kept_of(store, bob) == before
        if dump is not None:
            assert "c4n4ry" not in await dump(store)

    async def test_what_was_erased_is_what_was_there(self, store: Store) -> None:
        ann = Person(store, "c4n4ry")
        await ann.lives()
        traces = await store.traces(ann.person)
        assert all(getattr(traces, name) for name in Traces.__slots__), traces
        erased = await store.erase(ann.person, now=time.time())
        assert erased.traces == traces
        assert erased.lanes == (ann.lane_id,)
        assert sorted(erased.digests) == sorted(
            digest(f"c4n4ry {what}") for what in ("file", "item")
        )
        again = await store.erase(ann.person, now=time.time())
        assert (again.traces, again.digests, again.rebuild) == (Traces(), (), ())

    async def test_a_file_of_somebody_else_stays_on_disk(self, store: Store) -> None:
        ann, bob = Person(store, "c4n4ry"), Person(store, "b0b")
        for person in (ann, bob):
            await person.lives()
        await store.add_file(stored(bob.scope.session_id, digest=digest("c4n4ry file")))
        erased = await store.erase(ann.person, now=time.time())
        assert erased.digests == (digest("c4n4ry item"),)

    async def test_neither_other_channels_nor_the_agent_lose_anything(self, store: Store) -> None:
        ann = Person(store, "c4n4ry")
        await ann.lives()
        theirs = OwnerScope(channel="other", agent="echo", owner=ann.owner)
        scopes: list[OwnerScope | AgentScope] = [theirs, AgentScope(agent="echo")]
        for scope in scopes:
            await store.keep(Keeping(scope=scope, data={"a": 1}))
        elsewhere = session("", ann.key, channel="other", owner=ann.owner)
        await Opened(store, "elsewhere").opens(channel="other", owner=ann.owner)
        assert elsewhere.owner == ann.owner
        await store.erase(ann.person, now=time.time())
        for scope in scopes:
            assert await store.data(scope) == {"a": 1}
        there = PersonScope(channel="other", owner=ann.owner)
        assert len(await store.own_sessions(there)) == 1

    async def test_a_turn_under_way_commits_nothing(self, store: Store) -> None:
        ann = Person(store, "c4n4ry")
        await ann.exchange()
        accepted, hold = await ann.holds("c4n4ry")
        late = ann.turn(accepted, hold, "c4n4ry")
        await store.erase(ann.person, now=time.time())
        with pytest.raises(Fenced):
            await store.commit(late)
        assert not await waiting(store)
        assert not await store.pending(OPERATOR)

    async def test_a_redelivery_is_still_a_duplicate(self, store: Store) -> None:
        ann = Person(store, "c4n4ry")
        first = arrival(ann.key, event_id="c4n4ry", fingerprint="print")
        accepted = await store.accept(first)
        assert accepted.hold is not None
        await ann.commits(ann.turn(accepted, accepted.hold))
        await store.erase(ann.person, now=time.time())
        again = await store.accept(replace(first, row_id=new_id()))
        assert (again.duplicate, again.conflict, again.row_id) == (True, False, accepted.row_id)
        other = await store.accept(replace(first, row_id=new_id(), fingerprint="other"))
        assert other.conflict
        # Who writes again is somebody new.
        ann.session = None
        await ann.exchange("again")
        assert ann.lane_id != accepted.lane_id
        assert await ann.texts() == ["again"] * 2

    async def test_a_long_session_goes_in_pieces(self, store: Store) -> None:
        ann = Person(store, "c4n4ry")
        await ann.exchange()
        for _ in range(6):
            accepted, hold = await ann.holds()
            turn = ann.turn(accepted, hold)
            first = turn.entries[0]
            assert ann.session is not None
            last = ann.session.last_number
            many = tuple(
                replace(first, message=replace(first.message, number=last + n))
                for n in range(1, 201)
            )
            after = replace(turn.sessions[0], last_number=last + 200)
            await ann.commits(replace(turn, entries=many, sessions=(after,)))
        erased = await store.erase(ann.person, now=time.time())
        assert erased.traces.messages == 1202


class KeepContract:
    """Who asks to be forgotten is told so: the lane that asks stays as long as it must."""

    async def test_the_asking_lane_keeps_its_hold_and_what_waits(self, store: Store) -> None:
        ann = Person(store, "c4n4ry")
        await ann.lives()
        asking, hold = await ann.holds("/forget")
        behind = await ann.says("later")
        due = [item.id for item in await store.pending(ann.lane)]
        erased = await store.erase(ann.person, keep=hold.lane_id, now=time.time())
        assert erased.lanes == ()
        assert [item.id for item in await store.pending(ann.lane)] == due
        assert [row.id for row in await waiting(store)] == [behind.row_id]
        assert await store.session(ann.scope) is None
        receipt = delivery(hold.lane_id, "gone", created_at=time.time() + 1)
        done = Effects(
            turn_id=new_id(),
            hold=hold,
            rows=(ended(asking),),
            deliveries=(receipt,),
            claim_next=(behind.row_id,),
        )
        following = await store.commit(done)
        assert following is not None
        ann.session = None
        await ann.commits(ann.turn(behind, following, "later"))
        assert await ann.texts() == ["later"] * 2

    async def test_what_is_left_goes_when_nothing_is_due(
        self, store: Store, dump: Dump | None
    ) -> None:
        ann = Person(store, "c4n4ry")
        await ann.lives()
        asking, hold = await ann.holds("/forget")
        await store.erase(ann.person, keep=hold.lane_id, now=time.time())
        later = time.time() + 1
        await store.forget(rows_before=0.0, now=later)
        assert await store.has_lane(ann.key)
        receipt = delivery(hold.lane_id, "gone", created_at=later)
        rows = (ended(asking),)
        await store.commit(
            Effects(turn_id=new_id(), hold=hold, rows=rows, deliveries=(receipt,), release=True)
        )
        await store.forget(rows_before=0.0, now=later)
        assert await store.has_lane(ann.key)
        for item in (*await store.pending(ann.lane), *await store.held(OPERATOR)):
            await store.mark([Mark(delivery_id=item.id, state=DeliveryState.SENT)])
        gone = await store.forget(rows_before=0.0, now=later)
        assert gone.deliveries
        assert not await store.has_lane(ann.key)
        if dump is not None:
            assert "c4n4ry" not in await dump(store)
        await ann.holds("again")

    async def test_who_wrote_again_keeps_what_is_new(self, store: Store) -> None:
        ann = Person(store, "c4n4ry")
        old = await ann.exchange("old")
        asking, hold = await ann.holds("/forget")
        await store.erase(ann.person, keep=hold.lane_id, now=time.time())
        await store.commit(
            Effects(turn_id=new_id(), hold=hold, rows=(ended(asking),), release=True)
        )
        ann.session = None
        new = await ann.exchange("new")
        for effects in (old, new):
            sent = effects.deliveries[0].id
            await store.mark([Mark(delivery_id=sent, state=DeliveryState.SENT)])
        for _ in range(2):
            await store.forget(rows_before=0.0, now=time.time())
        assert await store.delivery(OPERATOR, old.deliveries[0].id) is None
        assert await store.delivery(OPERATOR, new.deliveries[0].id) is not None
        assert await ann.texts() == ["new"] * 2

    async def test_a_token_s_session_stays_empty(self, store: Store, dump: Dump | None) -> None:
        ann = Person(store, "c4n4ry")
        await ann.opens()
        await ann.lives()
        made = ann.session
        assert made is not None
        summary = await store.summary(ann.scope)
        asking, hold = await ann.holds("/forget")
        await store.erase(ann.person, keep=hold.lane_id, now=time.time())
        found = await ann.by_token()
        assert found is not None
        same = (found.id, found.last_number, found.lane_id, found.ended_at)
        assert same == (made.id, made.last_number, made.lane_id, None)
        assert (found.name, found.message_count) == ("", 0)
        assert (found.variables, found.overrides) == ({}, {})
        assert found.version > made.version
        assert await ann.texts() == []
        # What was being made of it comes too late.
        assert not await store.put_summary(ann.scope, replace(summary, revision=0))
        assert not await store.put_summary(ann.scope, summary)
        await ann.commits(replace(ann.turn(asking, hold, "new"), sessions=()))
        assert [m.number for m in await store.history(ann.scope)] == [
            made.last_number + 1,
            made.last_number + 2,
        ]

    async def test_other_sessions_of_the_owner_go_with_their_tokens(
        self, store: Store, dump: Dump | None
    ) -> None:
        ann, device = Person(store, "c4n4ry"), Opened(store, "another device")
        await ann.opens()
        await device.opens(owner=ann.owner)
        await device.exchange("c4n4ry")
        _, hold = await ann.holds("/forget")
        erased = await store.erase(ann.person, keep=hold.lane_id, now=time.time())
        assert erased.lanes == (device.lane_id,)
        assert await device.by_token() is None
        assert await ann.by_token() is not None
        if dump is not None:
            assert hashed(device.token) not in await dump(store)
