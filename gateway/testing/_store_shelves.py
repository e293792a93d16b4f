"""The store's contract: data, facts and shelves, each its owner's or agent's alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.belongings import Fact, Item
from gateway.domain import new_id
from gateway.errors import LimitExceeded
from gateway.ports.records import (
    AgentScope,
    FileScope,
    Keeping,
    LaneScope,
    OperatorScope,
    OwnerScope,
    PersonScope,
    SessionScope,
    TokenScope,
)
from gateway.ports.store import Store
from gateway.testing._store_files import stored
from gateway.testing._store_sessions import Opened
from gateway.testing._talk import CHANNEL, OPERATOR

ADA = OwnerScope(channel=CHANNEL, agent="echo", owner="participant:ada")
ECHO = AgentScope(agent="echo")
Scope = OwnerScope | AgentScope
NEIGHBOURS: list[Scope] = [
    replace(ADA, owner="participant:ad"),
    replace(ADA, owner="participant:adam"),
    replace(ADA, owner="conversation:ada"),
    replace(ADA, owner="echo"),
    replace(ADA, agent="echo2"),
    replace(ADA, agent="participant:ada"),
    replace(ADA, channel="contract2"),
    replace(ADA, channel="echo"),
    ECHO,
    AgentScope(agent="echo2"),
    AgentScope(agent="participant:ada"),
    AgentScope(agent=CHANNEL),
]
WRONG: list[Any] = [
    LaneScope(lane_id="x"),
    SessionScope(session_id="x"),
    TokenScope(channel="x", token_hash="x"),  # noqa: S106 - opens nothing
    OwnerScope(channel="x", agent="x", owner="x"),
    AgentScope(agent="x"),
    PersonScope(channel="x", owner="x"),
    OperatorScope(why="x"),
    FileScope(file_id="x"),
    "x",
    None,
]
NOTHING: list[Any] = [{}, [], [], None, (0, 0)]
"""What ``everything`` is where there is nothing."""
ODD = "a\nb 'c' \"d\" \u2028 🎉 ünï {name} % _ \\"


def fact(text: str, **changes: Any) -> Fact:
    """Something remembered."""
    values: dict[str, Any] = {"id": new_id(), "text": text, "created_at": 1.5, "session_id": "s"}
    return Fact(**{**values, **changes})


def item(name: str, **changes: Any) -> Item:
    """Something on a shelf."""
    values: dict[str, Any] = {"id": new_id(), "name": name, "created_at": 1.5, "text": "some"}
    return Item(**{**values, **changes})


async def everything(store: Store, scope: Scope) -> list[Any]:
    """All that this scope reads."""
    return [
        await store.data(scope),
        await store.facts(scope, limit=1000),
        await store.items(scope, limit=1000),
        await store.item(scope, "canary"),
        await store.shelf_size(scope),
    ]


async def keeps_canaries(store: Store, scope: Scope, word: str = "canary") -> None:
    """Something of each kind."""
    await store.keep(
        Keeping(
            scope=scope,
            data={word: word},
            facts=(fact(word, id=f"f-{word}"),),
            items=(item(word, id=f"i-{word}", size=7, digest=f"d-{word}"),),
        )
    )


class DataContract:
    """One JSON object, changed key by key."""

    async def test_there_is_none_at_first(self, store: Store) -> None:
        for scope in (ADA, ECHO):
            assert await everything(store, scope) == NOTHING

    async def test_keys_are_put_and_removed_and_the_others_stay(self, store: Store) -> None:
        for scope in (ADA, ECHO):
            await store.keep(Keeping(scope=scope, data={"a": 1, "b": {"c": [None, "ü"]}}))
            await store.keep(Keeping(scope=scope, data={"d": True}, unset=("a", "unknown")))
            assert await store.data(scope) == {"b": {"c": [None, "ü"]}, "d": True}
            await store.keep(Keeping(scope=scope, data={"b": 2, "d": None}, unset=("d",)))
            assert await store.data(scope) == {"b": 2, "d": None}
            await store.keep(Keeping(scope=scope, unset=("b", "d")))
            assert await store.data(scope) == {}

    async def test_changes_of_the_same_instant_all_count(self, store: Store) -> None:
        changes = (Keeping(scope=ADA, data={f"k{n}": n}) for n in range(20))
        await asyncio.gather(*map(store.keep, changes))
        assert await store.data(ADA) == {f"k{n}": n for n in range(20)}

    async def test_what_would_be_too_much_changes_nothing(self, store: Store) -> None:
        await keeps_canaries(store, ADA)
        before = await everything(store, ADA)
        too_much = Keeping(
            scope=ADA,
            data={"text": "ü" * 40},
            data_bytes=100,
            facts=(fact("other"),),
            items=(item("other"),),
            dropped=("f-canary", "i-canary"),
        )
        with pytest.raises(LimitExceeded, match=r"1\d\d bytes .* at most 100"):
            await store.keep(too_much)
        assert await everything(store, ADA) == before
        await store.keep(replace(too_much, data={"text": "ü" * 30}))
        assert len(await store.facts(ADA)) == 1

    async def test_no_limit_takes_all_and_a_lower_one_still_takes_less(self, store: Store) -> None:
        await store.keep(Keeping(scope=ADA, data={"a": "x" * 2000, "b": "x" * 2000}))
        await store.keep(Keeping(scope=ADA, unset=("a",), data={"c": 1}, data_bytes=100))
        assert set(await store.data(ADA)) == {"b", "c"}
        with pytest.raises(LimitExceeded):
            await store.keep(Keeping(scope=ADA, data={"d": 1}, data_bytes=100))

    async def test_what_is_no_json_fails_alone(self, store: Store) -> None:
        good = Keeping(scope=ADA, data={"a": 1})
        bad = Keeping(scope=ADA, data={"b": object()})
        results = await asyncio.gather(store.keep(good), store.keep(bad), return_exceptions=True)
        assert [type(result) for result in results] == [type(None), TypeError]
        assert await store.data(ADA) == {"a": 1}

    async def test_text_of_any_kind_comes_back(self, store: Store) -> None:
        await store.keep(Keeping(scope=ADA, data={ODD: ODD, "nul\0": "nul\0", "half\ud800": 1}))
        kept = {ODD: ODD, "nul\ufffd": "nul\ufffd", "half\ufffd": 1}
        assert await store.data(ADA) == kept
        await store.keep(Keeping(scope=ADA, unset=("nul\0", ODD)))
        assert await store.data(ADA) == {"half\ufffd": 1}


class FactContract:
    """Facts: the same text once, found by their words."""

    async def test_they_come_the_newest_first(self, store: Store) -> None:
        kept = [fact(f"fact {n}", created_at=float(n % 7)) for n in range(20)]
        await store.keep(Keeping(scope=ADA, facts=tuple(kept)))
        newest = sorted(kept, key=lambda one: (one.created_at, one.id), reverse=True)
        assert list(await store.facts(ADA)) == newest
        assert list(await store.facts(ADA, limit=3)) == newest[:3]
        assert not await store.facts(ADA, limit=0)

    async def test_all_words_must_be_there_whatever_their_case(self, store: Store) -> None:
        likes, hates = fact("Ada mag GRÜSSE und Ökologie"), fact("Ada hasst Straßen")
        await store.keep(Keeping(scope=ADA, facts=(likes, hates)))
        found = {
            ("ada",): [hates, likes],
            ("grüße", "ADA"): [likes],
            ("ökologie", "ada"): [likes],
            ("STRASSEN",): [hates],
            ("ada", "nobody"): [],
            ("%",): [],
            ("", "ada"): [hates, likes],
            ("a\0",): [],
        }
        for words, facts in found.items():
            assert sorted(f.id for f in await store.facts(ADA, words)) == sorted(
                f.id for f in facts
            ), words

    async def test_the_same_text_is_kept_once(self, store: Store) -> None:
        first, again = fact("same\0", created_at=1.0), fact("same\ufffd", created_at=2.0)
        await store.keep(Keeping(scope=ADA, facts=(first,)))
        await store.keep(Keeping(scope=ADA, facts=(again, again)))
        assert list(await store.facts(ADA)) == [again]
        other = replace(again, text=ODD)
        await store.keep(Keeping(scope=ADA, facts=(other,)))
        assert list(await store.facts(ADA)) == [other]

    async def test_more_than_a_page_is_read(self, store: Store) -> None:
        kept = tuple(fact(f"number {n} of many") for n in range(1100))
        await store.keep(Keeping(scope=ADA, facts=kept))
        assert list(await store.facts(ADA, ["number 3 "])) == [kept[3]]
        assert [f.id for f in await store.facts(ADA, limit=1050)] == [
            one.id for one in kept[:49:-1]
        ]


class ItemContract:
    """A shelf: names are unique on it, what is saved again replaces."""

    async def test_what_is_saved_again_replaces(self, store: Store) -> None:
        first = item("notes", text="old", size=3, created_at=1.0)
        file = item(
            "pïcture", text="", media_type="image/png", size=2**40, digest="d", session_id="s"
        )
        await store.keep(Keeping(scope=ADA, items=(first, file)))
        assert await store.item(ADA, "notes") == first
        assert await store.shelf_size(ADA) == (2, 2**40 + 3)
        again = item("notes", text=ODD, size=5, created_at=9.0)
        await store.keep(Keeping(scope=ADA, items=(again,)))
        assert await store.item(ADA, "notes") == again
        assert list(await store.items(ADA)) == [again, file]
        renamed = replace(again, name="other\0")
        await store.keep(Keeping(scope=ADA, items=(renamed,)))
        assert await store.item(ADA, "notes") is None
        assert await store.item(ADA, "other\0") == replace(again, name="other\ufffd")
        assert await store.shelf_size(ADA) == (2, 2**40 + 5)

    async def test_words_are_sought_in_name_and_text(self, store: Store) -> None:
        cake = item("Rezept KÄSE.txt", text="Mehl\nund Süßes", created_at=2.0)
        soup = item("soup", text="käse and salt", created_at=1.0)
        await store.keep(Keeping(scope=ADA, items=(soup, cake)))
        found: dict[tuple[str, ...], list[Item]] = {
            (): [cake, soup],
            ("käse",): [cake, soup],
            ("käse", "SÜSSES"): [cake],
            ("soup", "SALT"): [soup],
            ("_",): [],
        }
        for words, items in found.items():
            assert list(await store.items(ADA, words)) == items, words
        assert list(await store.items(ADA, limit=1)) == [cake]
        assert not await store.items(ADA, limit=-1)

    async def test_more_than_a_page_is_read(self, store: Store) -> None:
        kept = tuple(item(f"number {n} of many", created_at=float(n)) for n in range(120))
        await store.keep(Keeping(scope=ADA, items=kept))
        assert list(await store.items(ADA, ["number 3 "])) == [kept[3]]
        assert list(await store.items(ADA, limit=110)) == list(kept[:9:-1])
        assert await store.shelf_size(ADA) == (120, 0)

    async def test_a_name_no_database_takes_is_refused(self, store: Store) -> None:
        longest = "ü" * 500
        await store.keep(Keeping(scope=ADA, items=(item(longest),)))
        assert await store.item(ADA, longest) is not None
        with pytest.raises(LimitExceeded, match="1001 bytes"):
            await store.keep(Keeping(scope=ADA, data={"a": 1}, items=(item(f"{longest}x"),)))
        assert await store.data(ADA) == {}

    async def test_a_content_on_a_shelf_is_known(self, store: Store) -> None:
        await keeps_canaries(store, ADA)
        await store.keep(Keeping(scope=ADA, items=(item("a text has none"),)))
        assert await store.known_digests(OPERATOR, ["d-canary", "", "other"]) == {"d-canary"}
        await store.keep(Keeping(scope=ADA, dropped=("i-canary",)))
        assert not await store.known_digests(OPERATOR, ["d-canary"])

    async def test_a_deleted_sessions_file_stays_on_the_shelf(self, store: Store) -> None:
        await keeps_canaries(store, ADA)
        for digest, left in (("d-canary", []), ("other", ["other"])):
            talk = Opened(store)
            await talk.opens()
            await store.add_file(stored(talk.scope.session_id, digest=digest))
            assert list(await store.delete_session(talk.scope)) == left


class BelongingsContract:
    """Nothing crosses an owner, an agent or a channel."""

    async def test_neighbours_see_and_change_nothing(self, store: Store) -> None:
        await keeps_canaries(store, ADA)
        before = await everything(store, ADA)
        for neighbour in NEIGHBOURS:
            assert await everything(store, neighbour) == NOTHING, neighbour
            # The same names, ids and texts, and then none of them.
            await keeps_canaries(store, neighbour)
            assert await everything(store, ADA) == before, neighbour
            assert await everything(store, neighbour) == before, neighbour
            gone = Keeping(scope=neighbour, unset=("canary",), dropped=("f-canary", "i-canary"))
            await store.keep(gone)
            assert await everything(store, ADA) == before, neighbour
            assert await everything(store, neighbour) == NOTHING, neighbour

    async def test_the_same_keeping_twice_has_the_effect_of_once(self, store: Store) -> None:
        for scope in (ADA, ECHO):
            await keeps_canaries(store, scope)
            before = await everything(store, scope)
            await keeps_canaries(store, scope)
            assert await everything(store, scope) == before
            assert "canary" in repr(before)

    async def test_owners_are_those_that_have_anything(self, store: Store) -> None:
        bob, eve = replace(ADA, owner="participant:bob"), replace(ADA, agent="another")
        await store.keep(Keeping(scope=bob, facts=(fact("a"), fact("b"))))
        await store.keep(Keeping(scope=ADA, data={"a": 1}))
        await store.keep(Keeping(scope=eve, items=(item("a"),)))
        await keeps_canaries(store, ADA)
        await keeps_canaries(store, ECHO)
        assert list(await store.owners(OPERATOR)) == [eve, ADA, bob]
        assert list(await store.owners(OPERATOR, limit=2)) == [eve, ADA]
        await store.keep(Keeping(scope=eve, dropped=tuple(i.id for i in await store.items(eve))))
        await store.keep(Keeping(scope=eve, data={"a": 1}))
        await store.keep(Keeping(scope=eve, unset=("a",)))
        assert list(await store.owners(OPERATOR)) == [ADA, bob]

    async def test_a_wrong_scope_is_a_type_error(self, store: Store) -> None:
        both = {OwnerScope, AgentScope}
        reads: list[tuple[set[type], Any]] = [
            (both, store.data),
            (both, store.facts),
            (both, store.items),
            (both, lambda scope: store.item(scope, "x")),
            (both, store.shelf_size),
            ({LaneScope}, store.standing),
            ({OwnerScope}, lambda scope: store.owned_sessions(scope, 1)),
            ({OwnerScope}, lambda scope: store.search_sessions(scope, ["x"], ["x"])),
            ({OwnerScope}, lambda scope: store.search_sessions(scope, [], [])),
            ({OperatorScope}, lambda scope: store.search_all(scope, ["x"])),
            ({OperatorScope}, store.owners),
            ({SessionScope}, lambda scope: store.override(scope, {})),
            (both, lambda scope: store.keep(Keeping(scope=scope, data={"a": 1}))),
            (both, lambda scope: store.keep(Keeping(scope=scope, facts=(fact("a"),)))),
        ]
        for allowed, read in reads:
            for scope in WRONG:
                if type(scope) not in allowed:
                    with pytest.raises(TypeError):
                        await read(scope)
