"""The store's contract: sessions of known users and of service clients, and what opens them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain import new_id
from gateway.ports.records import Owned, PersonScope, SessionScope, TokenScope
from gateway.ports.store import Store
from gateway.testing._store_sessions import Opened
from gateway.testing._talk import CHANNEL, credential, hashed, session

ANN = PersonScope(channel=CHANNEL, owner="participant:ann")
BOB = PersonScope(channel=CHANNEL, owner="participant:bob")


def anns(key: str = "place", **changes: Any) -> Any:
    """A session of Ann's, not on any lane yet."""
    return session("", key, **{"owner": "participant:ann", **changes})


async def opens(store: Store, token: str) -> str:
    """The id of the session that the token opens; empty for none."""
    found = await store.session(TokenScope(channel=CHANNEL, token_hash=hashed(token)))
    return found.id if found else ""


class EnsureContract:
    """One live session under one key."""

    async def test_twenty_at_once_make_one_session(self, store: Store) -> None:
        made = await asyncio.gather(
            *(
                store.ensure_session(anns(), "place", credential(f"t{n}", 9e9 + n), strict=True)
                for n in range(20)
            )
        )
        assert len({found.id for found, _ in made}) == 1
        assert sorted(new for _, new in made) == [False] * 19 + [True]
        opened = await asyncio.gather(*(opens(store, f"t{n}") for n in range(20)))
        assert set(opened) == {made[0][0].id}

    async def test_a_session_of_its_own_for_each_agent_and_key(self, store: Store) -> None:
        ways = [("place", "echo"), ("place", "other"), ("elsewhere", "echo")]
        for n, (key, agent) in enumerate(ways):
            more = {"variables": {"n": n}, "overrides": {"model": f"m{n}"}}
            made = anns(key, agent=agent, **more)
            found, new = await store.ensure_session(made, key, credential(f"t{n}"), strict=True)
            assert (new, found.id) == (True, made.id)
            stored = await store.session(SessionScope(session_id=made.id))
            assert stored == found
            assert {"variables": found.variables, "overrides": found.overrides} == more

    async def test_what_is_there_stays_as_it_is(self, store: Store) -> None:
        first = anns(variables={"a": 1}, name="Order")
        await store.ensure_session(first, "place", credential("t"), strict=True)
        again = anns(variables={"a": 2}, name="Other")
        found, new = await store.ensure_session(again, "place", credential("u"), strict=True)
        assert (found.id, found.variables, found.name, new) == (first.id, {"a": 1}, "Order", False)

    async def test_after_a_reset_it_is_the_successor_and_after_an_end_another(
        self, store: Store
    ) -> None:
        first, _ = await store.ensure_session(anns(), "place", credential("a"), strict=True)
        heir = replace(first, id=new_id())
        await store.replace_session(
            SessionScope(session_id=first.id), heir, credential("b"), "over"
        )
        found, new = await store.ensure_session(anns(), "place", credential("c"), strict=True)
        assert (found.id, new) == (heir.id, False)
        assert [await opens(store, token) for token in "abc"] == ["", heir.id, heir.id]
        await store.delete_session(SessionScope(session_id=heir.id))
        found, new = await store.ensure_session(anns(), "place", credential("d"), strict=True)
        assert new
        assert [await opens(store, token) for token in "bcd"] == ["", "", found.id]

    async def test_somebody_elses_place_opens_for_nobody_who_says_who_they_are(
        self, store: Store
    ) -> None:
        first, _ = await store.ensure_session(anns(), "place", credential("a"), strict=True)
        bobs = anns(owner="participant:bob")
        with pytest.raises(LookupError):
            await store.ensure_session(bobs, "place", credential("b"), strict=True)
        assert await opens(store, "b") == ""
        found, new = await store.ensure_session(bobs, "place", credential("c"), strict=False)
        assert (found.id, found.owner, new) == (first.id, "participant:ann", False)
        await store.end_session(SessionScope(session_id=first.id), "over")
        with pytest.raises(LookupError):
            await store.ensure_session(bobs, "place", credential("b"), strict=True)
        found, new = await store.ensure_session(bobs, "place", credential("d"), strict=False)
        assert (found.owner, new) == ("participant:ann", True)


class OpenContract:
    """Several tokens open one session, which stays its owner's."""

    async def test_one_more_token_opens_it_for_its_owner_alone(self, store: Store) -> None:
        made = await store.create_session(anns(), "place", credential("a"))
        opened = await store.open_session(ANN, made.id, credential("b"))
        assert opened == made
        assert [await opens(store, token) for token in "ab"] == [made.id] * 2
        elsewhere = replace(ANN, channel="another")
        nobody = PersonScope(channel=CHANNEL, senders=("ann",))
        for scope in (BOB, elsewhere, nobody):
            with pytest.raises(LookupError):
                await store.open_session(scope, made.id, credential("c"))
        assert await opens(store, "c") == ""
        await store.end_session(SessionScope(session_id=made.id), "over")
        with pytest.raises(LookupError):
            await store.open_session(ANN, made.id, credential("d"))
        assert [await opens(store, token) for token in "abd"] == ["", "", ""]

    async def test_of_dated_tokens_the_newest_twenty_open_it(self, store: Store) -> None:
        made = await store.create_session(anns(), "place", credential("first"))
        now = time.time()
        await store.open_session(ANN, made.id, credential("dead", now - 1))
        for n in range(22):
            await store.open_session(ANN, made.id, credential(f"t{n}", now + 100 + n))
        found = [await opens(store, f"t{n}") for n in range(22)]
        assert found == ["", ""] + [made.id] * 20
        assert await opens(store, "first") == made.id


class OwnedContract:
    """Somebody's live sessions, and nobody else's."""

    async def test_newest_first_and_in_pages(self, store: Store) -> None:
        made = [
            await store.create_session(
                anns(f"p{n}", agent="other" if n % 2 else "echo", last_activity=1000.0 + n),
                f"p{n}",
                credential(f"t{n}"),
            )
            for n in range(5)
        ]
        bobs = session("", "bob", owner="participant:bob", last_activity=9e9)
        await store.create_session(bobs, "bob", credential("bob"))
        far = session("", "far", owner="participant:ann", channel="another")
        await store.create_session(far, "far", credential("far"))
        await store.end_session(SessionScope(session_id=made[4].id), "over")
        past = anns("past", expires_at=time.time() - 1)
        await store.create_session(past, "past", credential("past"))
        newest = [made[n].id for n in (3, 2, 1, 0)]

        async def ids(scope: PersonScope = ANN, **query: Any) -> list[str]:
            return [one.session.id for one in await store.live_sessions(scope, **query)]

        assert await ids() == newest
        assert await ids(agent="other") == [made[3].id, made[1].id]
        assert await ids(limit=2) == newest[:2]
        assert await ids(limit=2, after_id=newest[1]) == newest[2:]
        assert await ids(after_id=bobs.id) == []
        assert await ids(BOB) == [bobs.id]
        with pytest.raises(LookupError):
            await ids(PersonScope(channel=CHANNEL, senders=("ann",)))

    async def test_how_it_begins_and_whether_it_waits(self, store: Store) -> None:
        talk = Opened(store, "ann")
        await talk.opens()
        text = "hello there " + "x" * 300
        await talk.exchange(text)
        (found,) = await store.live_sessions(ANN)
        assert found == Owned(session=found.session, first=text[:200])
        await talk.asked(expires_at=1.0)
        (found,) = await store.live_sessions(ANN)
        assert not found.waiting
        await talk.asked()
        (found,) = await store.live_sessions(ANN)
        assert (found.waiting, found.first) == (True, text[:200])
