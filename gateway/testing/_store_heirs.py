"""The store's contract: what becomes of belongings when a session goes or a lane gives way."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from gateway.domain import DeliveryState, new_id
from gateway.ports.records import Keeping, Mark, Standing
from gateway.ports.store import Store
from gateway.testing._store_files import stored
from gateway.testing._store_moves import NEW, OLD, _founded, key, lane_of
from gateway.testing._store_outliving import owner_of
from gateway.testing._store_sessions import Opened
from gateway.testing._store_shelves import (
    ECHO,
    NOTHING,
    Scope,
    everything,
    fact,
    item,
    keeps_canaries,
)
from gateway.testing._talk import CHANNEL, OPERATOR, Talk


class LeavingContract:
    """Belongings outlive sessions, but not those of people who are nobody afterwards."""

    async def test_they_outlive_a_session_that_never_expires(self, store: Store) -> None:
        talk = Opened(store)
        await talk.opens()
        await keeps_canaries(store, owner_of(talk))
        before = await everything(store, owner_of(talk))
        await store.delete_session(talk.scope)
        assert await everything(store, owner_of(talk)) == before

    @pytest.mark.parametrize("swept", [True, False])
    async def test_they_go_with_the_last_session_that_expires(
        self, store: Store, swept: bool
    ) -> None:
        past = time.time() - 1
        talk, neighbour = Opened(store), Opened(store)
        await talk.opens(expires_at=past)
        await neighbour.opens()
        mine: list[Scope] = [owner_of(talk), owner_of(talk, agent="another")]
        theirs: list[Scope] = [owner_of(neighbour), owner_of(talk, channel="other"), ECHO]
        for scope in mine:
            await keeps_canaries(store, scope)
        await store.keep(Keeping(scope=owner_of(talk), items=(item("shared", digest="d-shared"),)))
        await store.keep(Keeping(scope=ECHO, items=(item("shared", digest="d-shared"),)))
        for scope in theirs:
            await store.keep(Keeping(scope=scope, data={"a": 1}))
        before = [await everything(store, scope) for scope in theirs]
        await store.add_file(stored(neighbour.scope.session_id, digest="d-other"))
        if swept:
            digests = list((await store.forget(rows_before=0.0, now=time.time())).digests)
        else:
            digests = list(await store.delete_session(talk.scope))
        assert digests == ["d-canary"]
        for scope in mine:
            assert await everything(store, scope) == NOTHING
        assert [await everything(store, scope) for scope in theirs] == before

    async def test_they_stay_while_another_session_is_there(self, store: Store) -> None:
        first, second = Opened(store), Opened(store)
        soon = time.time() + 60
        await first.opens(expires_at=soon)
        await second.opens(owner=f"participant:{first.key}", expires_at=soon, agent="another")
        await keeps_canaries(store, owner_of(first))
        before = await everything(store, owner_of(first))
        await store.delete_session(first.scope)
        assert await everything(store, owner_of(first)) == before
        await store.delete_session(second.scope)
        assert await everything(store, owner_of(first)) == NOTHING

    async def test_a_content_on_a_shelf_outlives_its_file(self, store: Store) -> None:
        anonymous = Opened(store)
        await anonymous.opens(expires_at=time.time() + 60)
        keeper = Talk(store)
        await store.add_file(stored(anonymous.scope.session_id, digest="d-canary"))
        await keeps_canaries(store, owner_of(anonymous))
        await store.keep(Keeping(scope=owner_of(keeper), items=(item("a", digest="d-canary"),)))
        assert not await store.delete_session(anonymous.scope)


class InheritContract:
    """Of two lanes that become one, the one that goes on has what both had."""

    async def test_data_facts_and_shelves_follow(self, store: Store) -> None:
        loser, heir = await _two(store)
        old, new = owner_of(loser), owner_of(heir)
        await store.keep(Keeping(scope=old, data={"a": 1, "b": 1}))
        await store.keep(Keeping(scope=new, data={"b": 2, "c": 2}))
        both, same = fact("both know"), fact("both know")
        alone = fact("one knows")
        await store.keep(Keeping(scope=old, facts=(both, alone)))
        await store.keep(Keeping(scope=new, facts=(same,)))
        kept, lost = item("name", text="heir's", created_at=9.0), item("name", text="other's")
        more = item("more")
        await store.keep(Keeping(scope=old, items=(lost, more)))
        await store.keep(Keeping(scope=new, items=(kept,)))
        await store.move(CHANNEL, OLD, NEW)
        assert await store.data(new) == {"a": 1, "b": 2, "c": 2}
        assert sorted(f.id for f in await store.facts(new)) == sorted((same.id, alone.id))
        assert list(await store.items(new)) == [kept, more]
        assert await everything(store, old) == NOTHING

    async def test_with_every_agent_and_of_nobody_else(self, store: Store) -> None:
        loser, heir = await _two(store)
        second = owner_of(loser, agent="second")
        await keeps_canaries(store, second)
        before = await everything(store, second)
        strangers: list[Scope] = [
            owner_of(loser, channel="other"),
            replace(owner_of(loser), owner=f"participant:{loser.key}1"),
            ECHO,
        ]
        for scope in strangers:
            await keeps_canaries(store, scope)
        await store.move(CHANNEL, OLD, NEW)
        assert await everything(store, owner_of(heir, agent="second")) == before
        assert await everything(store, owner_of(heir)) == NOTHING
        for scope in strangers:
            assert await everything(store, scope) == before

    async def test_its_sessions_follow_with_all_that_was_said(self, store: Store) -> None:
        loser, heir = await _two(store)
        await store.end_session(loser.scope, "")
        again = Opened(store, loser.key)
        await again.exchange("canary")
        await store.move(CHANNEL, OLD, NEW)
        scope = owner_of(heir)
        found = await store.owned_sessions(scope, 10)
        assert {one.id for one in found} == {talk.scope.session_id for talk in (loser, heir, again)}
        assert {(one.lane_id, one.owner) for one in found} == {(heir.lane_id, scope.owner)}
        assert [one.ended_at is None for one in found].count(True) == 1
        assert len(await store.sessions_on(heir.lane, "echo", 10)) == 3
        assert not await store.sessions_on(loser.lane, "echo", 10)
        assert not await store.owned_sessions(owner_of(loser), 10)
        ids = [one.id for one in found]
        assert len(await store.search_sessions(scope, ids, ["canary"])) == 2

    async def test_the_heirs_agent_stays(self, store: Store) -> None:
        loser, heir = await _two(store)
        for talk, agent in ((loser, "losers"), (heir, "heirs")):
            accepted, hold = await talk.holds()
            await talk.commits(talk.turn(accepted, hold, agent=agent))
        await store.move(CHANNEL, OLD, NEW)
        expected = Standing(owner=f"participant:{heir.key}", agent="heirs")
        assert await store.standing(heir.lane) == expected
        assert (await store.standing(loser.lane)).owner == expected.owner

    async def test_what_was_sent_there_goes_with_its_session(self, store: Store) -> None:
        talks = [Opened(store, key(group)) for group in (OLD, NEW, "third")]
        for place, talk in zip((2, 1, 3), talks, strict=True):
            await _founded(talk, time.time() - 1000 * place)
        for talk in talks:
            await talk.exchange("more")
        old, new, third = talks
        await store.move(CHANNEL, OLD, NEW)
        await store.move(CHANNEL, NEW, "third")
        assert await lane_of(store, key(OLD)) == third.lane_id
        (first, *_) = await store.pending(new.lane)
        await store.mark([Mark(delivery_id=first.id, state=DeliveryState.SENT)])
        await store.delete_session(new.scope)
        assert not await store.pending(new.lane)
        assert await store.delivery(OPERATOR, first.id) is None
        assert len(await store.pending(old.lane)) == len(await store.pending(third.lane)) == 2
        for talk in (old, third):
            await store.delete_session(talk.scope)
            assert not await store.pending(talk.lane)

    async def test_two_names_of_one_person_have_the_same_things(self, store: Store) -> None:
        names = ("+1", "US.1")
        keys = tuple(f"contract/{name}-{new_id()}" for name in names)
        heir, loser = (Talk(store, name) for name in keys)
        for talk in (heir, loser):
            await talk.exchange()
        await keeps_canaries(store, owner_of(loser))
        before = await everything(store, owner_of(loser))
        lost = await store.link(CHANNEL, f"participant:{heir.key}", (keys[0], keys[1]))
        assert list(lost) == [loser.lane_id]
        assert await everything(store, owner_of(heir)) == before
        assert await everything(store, owner_of(loser)) == NOTHING
        assert len(await store.owned_sessions(owner_of(heir), 10)) == 2


async def _two(store: Store) -> tuple[Opened, Opened]:
    """A lane that will give way, and the one that will go on."""
    heir, loser = Opened(store, key(OLD)), Opened(store, key(NEW))
    await _founded(heir, time.time() - 60)
    await _founded(loser, time.time())
    return loser, heir
