"""The store's contract: what is too old goes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.belongings import Fact, Item
from gateway.domain import Session, new_id
from gateway.errors import Fenced
from gateway.ports.records import AgentScope, Effects, Keeping, OwnerScope, SessionScope, Traces
from gateway.ports.store import Store
from gateway.testing._store_erasing import Dump, digest
from gateway.testing._talk import CHANNEL, Talk, session


class RetireContract:
    """What is older than it may be goes, where an operator said so."""

    async def test_old_sessions_go_and_young_ones_stay(
        self, store: Store, dump: Dump | None
    ) -> None:
        now = time.time()
        made: dict[str, Session] = {}
        for name, active, over in (
            ("c4n4ry dormant", now - 100, None),
            ("c4n4ry ended", now - 100, now - 50),
            ("young", now - 1, None),
            ("young, ended", now - 1, now - 1),
        ):
            talk = Talk(store, name)
            await talk.exchange(name)
            assert talk.session is not None
            made[name] = await self._changed(talk, last_activity=active, ended_at=over)
        nothing = await store.retire(dormant_before=None, ended_before=None, kept_before=None)
        assert (nothing.traces, nothing.lanes) == (Traces(), ())
        ended_only = await store.retire(
            dormant_before=None, ended_before=now - 10, kept_before=None
        )
        assert ended_only.lanes == (made["c4n4ry ended"].lane_id,)
        gone = await store.retire(dormant_before=now - 10, ended_before=None, kept_before=None)
        assert gone.lanes == (made["c4n4ry dormant"].lane_id,)
        assert (gone.traces.sessions, gone.traces.messages) == (1, 2)
        left = [
            name
            for name, one in made.items()
            if await store.session(SessionScope(session_id=one.id)) is not None
        ]
        assert left == ["young", "young, ended"]
        if dump is not None:
            assert "c4n4ry" not in await dump(store)

    async def test_an_old_session_in_which_somebody_just_wrote_stays(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        await self._changed(talk, last_activity=1.0)
        accepted, hold = await talk.holds("new")
        gone = await store.retire(dormant_before=2.0, ended_before=None, kept_before=None)
        assert gone.lanes == ()
        await talk.commits(talk.turn(accepted, hold, "new"))
        assert len(await talk.texts()) == 4

    async def test_who_would_go_on_in_a_retired_session_is_refused(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        await self._changed(talk, last_activity=1.0)
        hold, _ = await store.claim(talk.lane_id, ())
        # On whose account the lane stays.
        other = session(talk.lane_id, talk.key, agent="other")
        begun = Effects(turn_id=new_id(), hold=hold, new_sessions=(other,))
        assert await store.commit(begun) == hold
        await store.retire(dormant_before=2.0, ended_before=None, kept_before=None)
        with pytest.raises(Fenced):
            await store.commit(Effects(turn_id=new_id(), hold=hold, release=True))

    async def test_what_nobody_changed_goes(self, store: Store) -> None:
        old, new = (
            OwnerScope(channel=CHANNEL, agent="echo", owner=name) for name in ("old", "new")
        )
        agent = AgentScope(agent="echo")
        now = time.time()
        scopes: Sequence[tuple[OwnerScope | AgentScope, float]] = (
            (old, 1.0),
            (new, now),
            (agent, 1.0),
        )
        for scope, at in scopes:
            fact = Fact(id=new_id(), text="x", created_at=at)
            item = Item(id=new_id(), name="x", created_at=at, digest=digest(f"{at}{scope}"))
            await store.keep(Keeping(scope=scope, facts=(fact,), items=(item,)))
        await store.keep(Keeping(scope=new, data={"a": 1}))
        gone = await store.retire(dormant_before=None, ended_before=None, kept_before=now - 10)
        assert gone.digests == (digest(f"1.0{old}"),)
        assert gone.traces == Traces(facts=1, items=1)
        for scope, _ in scopes:
            left = (len(await store.facts(scope)), len(await store.items(scope)))
            assert left == ((0, 0) if scope == old else (1, 1))
        assert await store.data(new) == {"a": 1}
        await store.retire(dormant_before=None, ended_before=None, kept_before=time.time() + 1)
        assert await store.data(new) == {}

    async def _changed(self, talk: Talk, **changes: Any) -> Session:
        assert talk.session is not None
        hold, _ = await talk.store.claim(talk.lane_id, ())
        after = replace(talk.session, version=talk.session.version + 1, **changes)
        await talk.commits(Effects(turn_id=new_id(), hold=hold, sessions=(after,), release=True))
        talk.session = after
        return after
