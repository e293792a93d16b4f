"""The store's contract: what older messages come to, and the sessions of a lane."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain import Summary
from gateway.ports.records import OperatorScope, Revision
from gateway.ports.store import Store
from gateway.testing._store_changes import Placed
from gateway.testing._store_sessions import Opened

FIRST = Summary(text="Ada: My name is Ada.", topics=("names", "boats"), upto=4)


class SummaryContract:
    """One for each session, changed by whoever knows the one that stands."""

    async def test_there_is_none_at_first(self, store: Store) -> None:
        talk = Opened(store)
        await talk.exchange()
        found = await store.summary(talk.scope)
        assert found == Summary()
        assert not found

    async def test_each_is_made_of_the_one_before(self, store: Store) -> None:
        talk = Opened(store)
        await talk.exchange()
        assert await store.put_summary(talk.scope, FIRST)
        stored = await store.summary(talk.scope)
        assert stored == replace(FIRST, revision=1)
        assert not await store.put_summary(talk.scope, replace(FIRST, text="late"))
        assert await store.put_summary(talk.scope, replace(stored, text="next", upto=9))
        assert not await store.put_summary(talk.scope, replace(stored, text="late", upto=12))
        assert await store.summary(talk.scope) == replace(FIRST, text="next", upto=9, revision=2)

    @pytest.mark.parametrize("text", ["other", None], ids=["edited", "deleted"])
    @pytest.mark.parametrize("stands", [True, False])
    async def test_what_was_made_of_changed_messages_is_dropped(
        self, store: Store, text: str | None, stands: bool
    ) -> None:
        talk = Placed(store)
        await talk.writes("p/1")
        if stands:
            assert await store.put_summary(talk.scope, FIRST)
        before = await store.summary(talk.scope)
        assert await talk.revises(Revision(origin="p/1", text=text))
        assert not await store.summary(talk.scope)
        # What was being made of it meanwhile comes too late.
        assert not await store.put_summary(talk.scope, replace(before, text="secret", upto=4))
        assert not (await store.summary(talk.scope)).text

    @pytest.mark.parametrize("text", ["other", None], ids=["edited", "deleted"])
    async def test_one_that_has_nothing_of_a_changed_message_stays(
        self, store: Store, text: str | None
    ) -> None:
        talk = Placed(store)
        await talk.writes("p/1")
        await talk.writes("p/2")
        assert await store.put_summary(talk.scope, replace(FIRST, upto=2))
        before = await store.summary(talk.scope)
        assert await talk.revises(Revision(origin="p/2", text=text))
        kept = await store.summary(talk.scope)
        assert kept == replace(before, revision=kept.revision)
        assert not await store.put_summary(talk.scope, replace(before, text="secret", upto=4))
        assert await store.put_summary(talk.scope, replace(kept, text="next", upto=4))

    async def test_it_goes_with_its_session_and_is_nobody_elses(self, store: Store) -> None:
        talk, other = Opened(store, "one"), Opened(store, "two")
        await talk.exchange()
        await other.exchange()
        await store.put_summary(talk.scope, FIRST)
        assert not await store.summary(other.scope)
        await store.delete_session(talk.scope)
        assert not await store.summary(talk.scope)
        assert not await store.put_summary(talk.scope, FIRST)
        assert not await store.summary(talk.scope)

    async def test_text_of_any_kind_comes_back(self, store: Store) -> None:
        talk = Opened(store)
        await talk.exchange()
        odd = Summary(text="a\nb 'c' \"d\" \u2028 🎉", topics=("ünï", 'q"uote'), upto=1)
        await store.put_summary(talk.scope, odd)
        assert await store.summary(talk.scope) == replace(odd, revision=1)

    async def test_an_operators_scope_reads_none(self, store: Store) -> None:
        scope = OperatorScope(why="a test")
        with pytest.raises(TypeError):
            await store.summary(scope)  # type: ignore[arg-type]


class LaneSessionsContract:
    """The sessions that one lane had."""

    async def test_they_come_the_latest_first_also_those_that_ended(self, store: Store) -> None:
        talk, other = Opened(store, "one"), Opened(store, "two")
        await other.exchange()
        made = []
        for number in range(3):
            if number:
                await store.end_session(talk.scope, "")
                talk.session = None
            await talk.exchange(f"hello {number}")
            made.append(talk.scope.session_id)
        found = await store.sessions_on(talk.lane, "echo", 10)
        assert [one.id for one in found] == made[::-1]
        assert [one.ended_at is None for one in found] == [True, False, False]
        assert [one.id for one in await store.sessions_on(talk.lane, "echo", 2)] == made[:0:-1]
        assert not await store.sessions_on(talk.lane, "another", 10)
