"""Both stores pass the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.ports.store import Store
from gateway.store import connect
from gateway.testing.store import MakeStore, StoreContract


def maker(url: str) -> MakeStore:
    """What opens a store at this address."""

    async def make() -> Store:
        store = connect(url, replica="test")
        await store.open()
        return store

    return make


class TestSqlite(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        return maker(f"sqlite:///{tmp_path / 'gateway.db'}")


class TestPostgresql(StoreContract):
    @pytest.fixture
    def make_store(self, postgres_url: str) -> MakeStore:
        return maker(postgres_url)
