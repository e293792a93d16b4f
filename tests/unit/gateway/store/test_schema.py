"""Migrations lead to the tables, a wrong schema is named, the views say what is documented."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import gateway.store.migrations
from gateway.errors import SchemaMismatch, StoreLocked
from gateway.store import connect, migrate, schema, schema_state, views
from gateway.store.sqlite import driver
from gateway.store.tables import metadata
from gateway.testing._talk import Talk

DOCUMENT = Path(__file__).parents[4] / "docs" / "database.md"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'gateway.db'}"
    else:
        yield request.getfixturevalue("postgres_url")


def run(url: str, work: Any) -> Any:
    """Call ``work`` with a connection, in a transaction."""
    if url.startswith("sqlite"):
        engine = sqlalchemy.create_engine(url, module=driver())
        with engine.begin() as connection:
            result = work(connection)
        engine.dispose()
        return result
    return asyncio.run(_run(url, work))


async def _run(url: str, work: Any) -> Any:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        result = await connection.run_sync(work)
    await engine.dispose()
    return result


def execute(url: str, *statements: str) -> None:
    run(url, lambda connection: [connection.exec_driver_sql(text) for text in statements])


async def open_and_close(url: str) -> None:
    store = connect(url)
    await store.open()
    await store.close()


def difference(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    found: list[Any] = compare_metadata(context, metadata)
    return found


def catalogue(connection: Connection) -> list[Any]:
    """What the database itself says about tables, indexes and views."""
    if connection.dialect.name == "sqlite":
        query = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
    else:
        query = """
            SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT 'view', viewname, definition FROM pg_views
             WHERE schemaname = 'public'
            UNION ALL SELECT table_name, column_name,
                   concat_ws(' ', data_type, is_nullable, column_default, collation_name,
                             ordinal_position)
              FROM information_schema.columns WHERE table_schema = 'public'
             ORDER BY 1, 2"""
    rows = connection.exec_driver_sql(query).all()
    return [tuple(re.sub(r"[\s\"]+", "", str(value)) for value in row) for row in rows]


def test_the_versions_are_those_of_the_scripts() -> None:
    config = Config()
    folder = Path(gateway.store.migrations.__file__).parent
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    oldest_first = [script.revision for script in scripts.walk_revisions()][::-1]
    assert tuple(oldest_first) == schema.VERSIONS


def test_migrations_lead_to_the_tables(url: str) -> None:
    assert migrate(url) == list(schema.VERSIONS)
    assert run(url, difference) == []
    migrated = run(url, catalogue)
    again = url.replace("gateway.db", "other.db")
    if again == url:
        execute(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    asyncio.run(open_and_close(again))
    assert run(again, catalogue) == migrated
    assert run(again, difference) == []


def test_a_migrated_database_is_opened(url: str) -> None:
    migrate(url)
    asyncio.run(open_and_close(url))
    assert migrate(url) == []
    assert schema_state(url).current


def test_the_state_of_nothing_is_empty_and_stays_so(url: str, tmp_path: Path) -> None:
    state = schema_state(url)
    assert state.empty
    assert state.pending == schema.VERSIONS
    assert not list(tmp_path.iterdir())


def test_an_older_schema_is_not_opened(url: str) -> None:
    asyncio.run(open_and_close(url))
    execute(url, "UPDATE alembic_version SET version_num = '0000'")
    monkeypatch = pytest.MonkeyPatch()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "VERSIONS", ("0000", "0001"))
        assert schema_state(url).pending == ("0001",)
        for read_only in (False, True):
            store = connect(url, read_only=read_only)
            with pytest.raises(SchemaMismatch, match="gateway migrate"):
                asyncio.run(store.open())


def test_a_newer_schema_is_neither_opened_nor_migrated(url: str) -> None:
    asyncio.run(open_and_close(url))
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaMismatch, match="upgrade chat-gateway"):
        asyncio.run(open_and_close(url))
    with pytest.raises(SchemaMismatch, match="upgrade chat-gateway"):
        migrate(url)
    assert schema_state(url).pending == ()


def test_somebody_elses_database_is_left_alone(url: str) -> None:
    execute(url, "CREATE TABLE theirs (id INTEGER)")
    with pytest.raises(SchemaMismatch, match="not a database of chat-gateway"):
        asyncio.run(open_and_close(url))
    with pytest.raises(SchemaMismatch, match="not a database of chat-gateway"):
        migrate(url)
    assert run(url, lambda c: sqlalchemy.inspect(c).get_table_names()) == ["theirs"]


def test_a_failed_migration_changes_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Connection) -> None:
        raise ArithmeticError

    monkeypatch.setattr(views, "create", fail)
    with pytest.raises(ArithmeticError):
        migrate(url)
    monkeypatch.undo()
    assert schema_state(url).empty


async def test_a_held_database_is_not_migrated(url: str) -> None:
    store = connect(url)
    await store.open()
    try:
        with pytest.raises(StoreLocked):
            await asyncio.to_thread(migrate, url)
    finally:
        await store.close()


async def _filled(url: str) -> None:
    store = connect(url)
    await store.open()
    talk = Talk(store)
    await talk.exchange("a question")
    await store.close()


def documented() -> list[str]:
    """The example queries, as the document has them."""
    return re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


def test_the_views_are_as_documented(url: str) -> None:
    asyncio.run(_filled(url))
    rows = re.findall(r"^\| `(\w+)` \| `([\w ]+)` \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert {view for view, _ in rows} == set(views.NAMES)
    for view, columns in rows:
        query = f"SELECT * FROM {view}"
        found = run(url, lambda c, query=query: c.exec_driver_sql(query).keys())
        assert list(found) == columns.split(), view


def test_the_documented_queries_run(url: str) -> None:
    asyncio.run(_filled(url))
    assert len(documented()) >= 3
    for query in documented():
        run(url, lambda c, query=query: c.exec_driver_sql(query.strip().rstrip(";")).all())


def test_the_views_are_fit_for_sqlite_of_any_age(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    asyncio.run(_filled(f"sqlite:///{path}"))
    with closing(sqlite3.connect(path)) as connection:
        (state, created) = connection.execute("SELECT state, created_at FROM sessions").fetchone()
    assert state == "active"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created)
