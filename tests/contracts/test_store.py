"""Both stores pass the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, MetaData, select

from gateway.ports.store import Store
from gateway.store import connect
from gateway.store.store import SqlStore
from gateway.testing.store import Dump, MakeStore, StoreContract


def maker(url: str) -> MakeStore:
    """What opens a store at this address."""

    async def make() -> Store:
        store = connect(url, replica="test")
        await store.open()
        return store

    return make


def everything(connection: Connection) -> str:
    """All rows of all tables, whichever there are."""
    found = MetaData()
    found.reflect(connection)
    return "\n".join(
        f"{table.name} {tuple(row)!r}"
        for table in found.sorted_tables
        for row in connection.execute(select(table))
    )


async def dumped(store: Store) -> str:
    """Everything in every table, as text."""
    assert isinstance(store, SqlStore)
    return await store._backend.read(everything)


class Sql(StoreContract):
    @pytest.fixture
    def dump(self) -> Dump:
        return dumped


class TestSqlite(Sql):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        return maker(f"sqlite:///{tmp_path / 'gateway.db'}")


class TestPostgresql(Sql):
    @pytest.fixture
    def make_store(self, postgres_url: str) -> MakeStore:
        return maker(postgres_url)
