"""A message that was hit is given out only to its owner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway.ports.records import OwnerScope
from gateway.store import earlier
from gateway.store.earlier import Hit
from gateway.store.sqlite import SqliteBackend
from gateway.store.store import SqlStore
from gateway.testing._store_outliving import owner_of
from gateway.testing._talk import OPERATOR, Talk


async def test_hits_of_others_and_of_what_is_gone_are_left_out(tmp_path: Path) -> None:
    backend = SqliteBackend(tmp_path / "gateway.db", replica="test")
    await backend.open()
    talk = Talk(SqlStore(backend))
    await talk.exchange("canary")
    session_id, mine = talk.scope.session_id, owner_of(talk)
    hits = [Hit(1.0, session_id, number) for number in (2, 1, 3)] + [Hit(1.0, "gone", 1)]
    found = await backend.read(earlier.of_owner, mine, hits)
    assert [one.message.number for one in found] == [2, 1]
    assert await backend.read(earlier.of_anybody, OPERATOR, hits) == found
    strangers: list[OwnerScope] = [
        replace(mine, owner="participant:x"),
        replace(mine, agent="x"),
        replace(mine, channel="x"),
    ]
    for scope in strangers:
        assert await backend.read(earlier.of_owner, scope, hits) == []
    await backend.close()
