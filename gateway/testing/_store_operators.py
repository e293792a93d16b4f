"""The store's contract, for operators: which sessions there are, and how much waits."""

from __future__ import annotations

import time
from typing import Any

from gateway.domain import DeliveryState, new_id
from gateway.ports.records import SessionQuery, SessionScope
from gateway.ports.store import Store
from gateway.testing._store_sessions import Opened
from gateway.testing._talk import OPERATOR, Talk, credential, delivery, session


class OperatorContract:
    """What operators see."""

    async def test_sessions_are_found_the_most_recent_first(self, store: Store) -> None:
        keys = ("ann", "bob", "cy")
        for place, key in enumerate(keys):
            at = time.time() - 10_000 * (2 - place)
            made = session("", key, name=f"about 100% {key}", last_activity=at)
            await store.create_session(made, key, credential(new_id()))
        await store.end_session(
            SessionScope(session_id=(await store.sessions(OPERATOR, SessionQuery()))[0].id), ""
        )

        async def owners(**query: Any) -> list[str]:
            found = await store.sessions(OPERATOR, SessionQuery(**query))
            return [item.owner.removeprefix("participant:") for item in found]

        assert await owners() == ["cy", "bob", "ann"]
        assert await owners(state="ended") == ["cy"]
        assert await owners(state="dormant") == ["bob", "ann"]
        assert await owners(state="active") == []
        assert await owners(owner="participant:ann") == ["ann"]
        assert await owners(text="100% BOB") == ["bob"]
        assert await owners(text="1_0") == []
        assert await owners(channel="other") == []
        assert await owners(agent="nobody") == []
        assert await owners(state="active", idle_after=15_000) == ["bob"]
        first = (await store.sessions(OPERATOR, SessionQuery(limit=1)))[0]
        assert await owners(after_id=first.id) == ["bob", "ann"]

    async def test_who_waits_for_an_answer(self, store: Store) -> None:
        asked, other = Opened(store), Opened(store)
        waits, talks = await asked.opens(), await other.opens()
        await asked.asked()

        async def found(state: str) -> set[str]:
            return {one.id for one in await store.sessions(OPERATOR, SessionQuery(state=state))}

        assert await store.asking(OPERATOR, [waits.id, talks.id]) == {waits.id}
        assert await store.asking(OPERATOR, [talks.id]) == frozenset()
        assert (await found("waiting"), await found("active")) == ({waits.id}, {talks.id})
        await store.end_session(asked.scope, "")
        assert await store.asking(OPERATOR, [waits.id]) == frozenset()
        assert (await found("waiting"), await found("ended")) == (set(), {waits.id})

    async def test_who_waited_too_long_waits_no_more(self, store: Store) -> None:
        talk = Opened(store)
        waited = await talk.opens()
        await talk.asked(expires_at=time.time() - 1.0)
        assert await store.asking(OPERATOR, [waited.id]) == frozenset()
        assert not await store.sessions(OPERATOR, SessionQuery(state="waiting"))

    async def test_counts(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        await talk.says()
        failed = delivery(hold.lane_id, state=DeliveryState.DEAD)
        await talk.commits(talk.turn(accepted, hold, deliveries=(delivery(hold.lane_id), failed)))
        counts = await store.counts(OPERATOR)
        assert (counts.waiting_rows, counts.dead_rows, counts.pending_deliveries) == (1, 0, 1)
        assert counts.by_state == {"pending": 1, "dead": 1}
