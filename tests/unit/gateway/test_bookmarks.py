"""Positions are written once a second, the newest of each place, and none is lost meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway import bookmarks as module
from gateway.bookmarks import Ledger
from gateway.errors import Unavailable
from gateway.ports.store import Store
from gateway.store import connect


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = connect(f"sqlite:///{tmp_path / 'gateway.db'}")
    await opened.open()
    yield opened
    await opened.close()


async def test_what_was_put_is_read_at_once_and_written_when_flushed(store: Store) -> None:
    ledger, other = Ledger(store), Ledger(store)
    ledger.put("c", "x", "1")
    ledger.put("c", "x", "2")
    assert dict(await ledger.load("c")) == {"x": "2"}
    assert dict(await other.load("c")) == {}
    await ledger.flush()
    assert dict(await other.load("c")) == {"x": "2"}


async def test_it_writes_by_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRITE_EVERY", 0.01)
    ledger = Ledger(store)
    task = asyncio.create_task(ledger.run())
    ledger.put("c", "x", "1")
    for _ in range(400):
        await asyncio.sleep(0.005)
        if await store.bookmarks("c", 1):
            break
    task.cancel()
    await asyncio.wait((task,))
    assert dict(await store.bookmarks("c", 1)) == {"x": "1"}


async def test_a_store_that_is_away_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(store)
    ledger.put("c", "x", "1")
    ledger.put("c", "y", "1")

    async def away(*_: object, **__: object) -> None:
        # Meanwhile one goes on.
        ledger.put("c", "x", "2")
        raise Unavailable("the store is away")

    with monkeypatch.context() as broken:
        broken.setattr(store, "bookmark", away)
        with pytest.raises(Unavailable):
            await ledger.flush()
    await ledger.flush()
    assert dict(await store.bookmarks("c", 9)) == {"x": "2", "y": "1"}


async def test_the_last_of_both_kinds_counts(store: Store) -> None:
    ledger = Ledger(store)
    ledger.put("c", "x", "1", lasting=True)
    ledger.put("c", "x", "2")
    ledger.put("c", "y", "1")
    ledger.put("c", "y", "2", lasting=True)
    assert dict(await ledger.load("c")) == {"x": "2", "y": "2"}
    await ledger.flush()
    assert dict(await store.bookmarks("c", 9)) == {"x": "2", "y": "2"}


async def test_two_flushes_at_once_lose_nothing(store: Store) -> None:
    ledger = Ledger(store)
    ledger.put("a", "x", "1")
    ledger.put("a", "kept", "1", lasting=True)
    flushes = [asyncio.create_task(ledger.flush()) for _ in range(3)]
    await asyncio.sleep(0)
    ledger.put("a", "y", "2")
    await asyncio.gather(*flushes)
    await ledger.flush()
    assert dict(await store.bookmarks("a", 10)) == {"x": "1", "y": "2", "kept": "1"}
