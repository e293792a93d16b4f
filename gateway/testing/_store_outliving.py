"""The store's contract: what a turn keeps and turns on, and what was said in earlier sessions."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain import Message, Role, Session
from gateway.errors import Fenced, LimitExceeded
from gateway.ports.records import (
    Entry,
    Keeping,
    LaneScope,
    OwnerScope,
    SessionQuery,
    SessionScope,
    Standing,
)
from gateway.ports.store import Store
from gateway.testing._store_sessions import Opened
from gateway.testing._store_shelves import ECHO, NOTHING, everything, fact, item
from gateway.testing._talk import CHANNEL, OPERATOR, Talk, session

ADA = "participant:ada"
OTHERS: list[dict[str, str]] = [
    {"owner": "participant:ad"},
    {"owner": "participant:adam"},
    {"owner": ADA, "agent": "echo2"},
    {"owner": ADA, "channel": "other"},
]
"""Whose sessions are not Ada's with this agent on this channel."""


def owner_of(talk: Talk, **changes: str) -> OwnerScope:
    """May read what whoever talks there has."""
    values = {"channel": CHANNEL, "agent": "echo", "owner": f"participant:{talk.key}"}
    return OwnerScope(**{**values, **changes})


class KeepingContract:
    """What a turn keeps commits with it, or not at all."""

    async def test_it_comes_with_the_turn(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        mine = owner_of(talk)
        await store.keep(Keeping(scope=mine, data={"a": 1, "b": 2}))
        accepted, hold = await talk.holds()
        kept = Keeping(scope=mine, data={"b": 3, "c": 4}, unset=("a",), facts=(fact("a"),))
        again = Keeping(scope=mine, data={"d": 5}, items=(item("a", size=1),))
        agents = Keeping(scope=ECHO, data={"d": 6})
        await talk.commits(talk.turn(accepted, hold, keepings=(kept, again, agents)))
        assert await store.data(mine) == {"b": 3, "c": 4, "d": 5}
        assert list(await store.facts(mine)) == list(kept.facts)
        assert list(await store.items(mine)) == list(again.items)
        assert await store.data(ECHO) == {"d": 6}

    async def test_a_fenced_commit_leaves_none(self, store: Store) -> None:
        talk = Talk(store)
        accepted, old = await talk.holds()
        kept = Keeping(scope=owner_of(talk), data={"a": 1}, facts=(fact("a"),), items=(item("a"),))
        effects = talk.turn(accepted, old, keepings=(kept,), agent="other")
        await store.claim(talk.lane_id, (accepted.row_id,))
        with pytest.raises(Fenced):
            await store.commit(effects)
        assert await everything(store, owner_of(talk)) == NOTHING
        assert (await store.standing(talk.lane)).agent == ""

    async def test_the_same_turn_twice_keeps_once(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        kept = Keeping(scope=owner_of(talk), data={"a": 1})
        effects = talk.turn(accepted, hold, keepings=(kept,), agent="other")
        await talk.commits(effects)
        await store.keep(replace(kept, data={"a": 2}))
        assert await store.commit(effects) is None
        assert await store.data(owner_of(talk)) == {"a": 2}

    async def test_too_much_takes_no_neighbour_down(self, store: Store) -> None:
        talks = [Talk(store) for _ in range(5)]
        turns = []
        for number, talk in enumerate(talks):
            accepted, hold = await talk.holds()
            kept = Keeping(scope=ECHO, data={f"{number}": "x" * 9}, data_bytes=5 * 18)
            if number == 2:
                kept = replace(kept, data={f"{number}": "x" * 99})
            turns.append(talk.turn(accepted, hold, keepings=(kept,)))
        results = await asyncio.gather(*map(store.commit, turns), return_exceptions=True)
        assert [type(result) for result in results] == [
            LimitExceeded if number == 2 else type(None) for number in range(5)
        ]
        assert set(await store.data(ECHO)) == {"0", "1", "3", "4"}
        assert await store.current_session(talks[2].lane, "echo") is None
        # Its lane is still held, and says less.
        await talks[2].commits(replace(turns[2], keepings=()))

    async def test_lanes_of_one_owner_change_different_keys(self, store: Store) -> None:
        scope, turns = owner_of(Talk(store, "shared")), []
        for number in range(6):
            talk = Talk(store)
            accepted, hold = await talk.holds()
            kept = Keeping(scope=scope, data={f"{number}": number}, unset=("none",))
            turns.append(talk.turn(accepted, hold, keepings=(kept,)))
        await asyncio.gather(*map(store.commit, turns))
        assert await store.data(scope) == {f"{n}": n for n in range(6)}

    async def test_the_lane_remembers_the_agent_that_was_chosen(self, store: Store) -> None:
        talk, other = Talk(store), Talk(store)
        await other.exchange()
        await talk.exchange()
        assert await store.standing(talk.lane) == Standing(owner=f"participant:{talk.key}")
        for agent, stands in (("second", "second"), ("", "second"), ("third", "third")):
            accepted, hold = await talk.holds()
            kept = Keeping(scope=owner_of(talk), data={"a": 1})
            await talk.commits(talk.turn(accepted, hold, agent=agent, keepings=(kept,)))
            assert (await store.standing(talk.lane)).agent == stands
        assert (await store.standing(other.lane)).agent == ""
        with pytest.raises(LookupError):
            await store.standing(LaneScope(lane_id="unknown"))


class OverrideContract:
    """What a session turned on for itself is its own."""

    async def test_a_turn_changes_it(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        on = {"model": "big", "tools": ["a", "ü"]}
        founded = session(hold.lane_id, talk.key, overrides=on)
        await talk.commits(talk.turn(accepted, hold, new_sessions=(founded,), entries=()))
        assert await store.session(talk.scope) == founded
        accepted, hold = await talk.holds()
        changed = replace(founded, overrides={"prompt": "Be\0brief"}, version=1)
        turn = talk.turn(accepted, hold, sessions=(changed,), entries=())
        await talk.commits(replace(turn, overridden=True))
        found = await store.current_session(talk.lane, "echo")
        assert found == replace(changed, overrides={"prompt": "Be\ufffdbrief"})
        await talk.exchange()

    async def test_it_is_replaced_from_outside(self, store: Store) -> None:
        talk, other = Opened(store), Opened(store)
        await other.opens()
        before = await talk.opens(overrides={"model": "big"})
        found = await store.override(talk.scope, {"knowledge": ["boats"]})
        expected = replace(before, overrides={"knowledge": ["boats"]}, version=before.version + 1)
        assert found == expected
        assert await store.session(talk.scope) == expected
        assert await store.session(other.scope) == other.session
        assert (await store.override(talk.scope, {})).overrides == {}

    async def test_a_turn_under_way_puts_nothing_back(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        accepted, hold = await talk.holds()
        first = talk.turn(accepted, hold, "early", rows=(), tasks=(), release=False)
        changed = await store.override(talk.scope, {"model": "big"})
        await talk.commits(first)
        await talk.commits(talk.turn(accepted, hold, "late"))
        found = await store.session(talk.scope)
        assert found is not None
        assert (found.overrides, found.last_number) == ({"model": "big"}, 6)
        assert found.version > changed.version + 1

    async def test_what_is_over_turns_nothing_on(self, store: Store) -> None:
        ended, expired = Opened(store), Opened(store)
        await ended.opens()
        await store.end_session(ended.scope, "")
        await expired.opens(expires_at=time.time() - 1)
        for scope in (ended.scope, expired.scope, SessionScope(session_id="unknown")):
            with pytest.raises(LookupError):
                await store.override(scope, {"model": "big"})


class EarlierContract:
    """An owner's sessions, and what was said in them."""

    async def test_they_are_the_owners_alone(self, store: Store) -> None:
        mine, scope = await _three_sessions(store)
        found = await store.owned_sessions(scope, 10)
        assert [one.id for one in found] == [one.id for one in mine[::-1]]
        assert [one.ended_at is None for one in found] == [True, False, False]
        assert [one.id for one in await store.owned_sessions(scope, 2)] == [mine[2].id, mine[1].id]
        assert not await store.owned_sessions(scope, 0)
        for other in _others():
            ids = {one.id for one in await store.owned_sessions(other, 10)}
            assert not ids & {one.id for one in mine}

    async def test_only_the_owners_messages_are_found(self, store: Store) -> None:
        mine, scope = await _three_sessions(store)
        ids = [one.id for one in mine]
        theirs = [
            one.id for one in await store.sessions(OPERATOR, SessionQuery()) if one.id not in ids
        ]
        assert len(theirs) == 4
        found = await store.search_sessions(scope, [*theirs, *ids, ids[0], "x"], ["CANARY", "ü"])
        assert [(f.session.id, f.message.text) for f in found] == [
            (one.id, f"canary {n} Ü") for n, one in reversed(list(enumerate(mine))) for _ in "ab"
        ]
        assert [f.message.number for f in found[:2]] == [2, 1]
        some = await store.search_sessions(scope, [ids[1]], [])
        assert {f.session.id for f in some} == {ids[1]}
        assert not await store.search_sessions(scope, theirs, ["canary"])
        assert not await store.search_sessions(scope, [], ["canary"])
        assert not await store.search_sessions(scope, ids, ["canary", "nobody"])
        assert len(await store.search_sessions(scope, ids, ["canary"], limit=3)) == 3
        assert not await store.search_sessions(scope, ids, ["canary"], limit=0)
        # Those of others are newer, and take no place away.
        few = await store.search_sessions(scope, [*theirs, *ids], ["canary"], limit=2)
        assert {f.session.id for f in few} == {ids[2]}
        for other in _others():
            assert not await store.search_sessions(other, ids, [])

    async def test_what_agents_never_see_is_not_found(self, store: Store) -> None:
        talk, scope = await _said(
            store,
            *((role, f"{role} {seen}", seen, 5.0) for role in Role for seen in (True, False)),
        )
        found = await store.search_sessions(scope, [talk.scope.session_id], [])
        assert [f.message.text for f in found] == ["assistant True", "user True"]
        everything = await store.search_all(OPERATOR, ["e"])
        assert {f.message.role for f in everything} == {Role.USER, Role.ASSISTANT}
        assert len(everything) == 4

    async def test_times_bound_what_is_found(self, store: Store) -> None:
        talk, scope = await _said(
            store, *((Role.USER, f"at {n}", True, float(n)) for n in range(1, 6))
        )
        ids = [talk.scope.session_id]
        between = await store.search_sessions(scope, ids, ["AT"], since=2.0, until=4.0)
        assert [f.message.text for f in between] == ["at 3", "at 2"]
        since = await store.search_sessions(scope, ids, [], since=5.0)
        assert [f.message.text for f in since] == ["at 5"]
        assert len(await store.search_sessions(scope, ids, [], until=5.0)) == 4

    async def test_more_than_a_page_is_searched(self, store: Store) -> None:
        said = [(Role.USER, f"number {n} of many", True, float(n)) for n in range(1, 1201)]
        talk, scope = await _said(store, *said)
        ids = [talk.scope.session_id]
        (found,) = await store.search_sessions(scope, ids, ["many", "NUMBER 3 "])
        assert (found.session, found.message.number) == (talk.session, 3)
        assert list(await store.search_all(OPERATOR, ["number 3 "])) == [found]
        assert len(await store.search_sessions(scope, ids, ["number"], limit=1100)) == 1100

    async def test_operators_search_all_sessions(self, store: Store) -> None:
        await _three_sessions(store)
        await _said(store, (Role.USER, "canary late", True, time.time() + 60), channel="other")
        found = await store.search_all(OPERATOR, ["Canary"])
        assert len(found) == 2 * 7 + 1
        assert found[0].message.text == "canary late"
        times = [f.message.created_at for f in found]
        assert times == sorted(times, reverse=True)
        on_channel = await store.search_all(OPERATOR, ["canary"], channel="other")
        assert {f.session.channel for f in on_channel} == {"other"}
        assert len(on_channel) == 2 + 1
        assert list(await store.search_all(OPERATOR, ["canary"], limit=2)) == list(found[:2])
        assert not await store.search_all(OPERATOR, ["canary"], channel="nowhere")


async def _three_sessions(store: Store) -> tuple[list[Session], OwnerScope]:
    """Ada's: two on one lane that ended, and one elsewhere; and one of each of the others."""
    mine = []
    for number, lane in enumerate(("ada", "ada", "elsewhere")):
        talk = Opened(store, lane)
        await talk.opens(owner=ADA)
        await talk.exchange(f"canary {number} Ü")
        if lane == "ada":
            await store.end_session(talk.scope, "")
        found = await store.session(talk.scope)
        assert found is not None
        mine.append(found)
    for changes in OTHERS:
        talk = Opened(store)
        await talk.opens(**changes)
        await talk.exchange("canary of another Ü")
    return mine, OwnerScope(channel=CHANNEL, agent="echo", owner=ADA)


def _others() -> list[OwnerScope]:
    plain = {"channel": CHANNEL, "agent": "echo"}
    return [OwnerScope(**{**plain, **changes}) for changes in OTHERS]


async def _said(
    store: Store, *said: tuple[Role, str, bool, float], **changes: Any
) -> tuple[Opened, OwnerScope]:
    """A session in which this was said: by whom, what, whether agents see it, and when."""
    talk = Opened(store)
    session_id = (await talk.opens(**changes)).id
    accepted, hold = await talk.holds()
    entries = tuple(
        Entry(
            session_id=session_id,
            message=Message(number=n, role=role, text=text, in_context=seen, created_at=at),
        )
        for n, (role, text, seen, at) in enumerate(said, 1)
    )
    await talk.commits(talk.turn(accepted, hold, entries=entries))
    return talk, owner_of(talk)
