"""Two transactions that change one owner's data at once: both changes count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.ports.records import AgentScope, Keeping, OwnerScope
from gateway.store import data, migrate

ADA = OwnerScope(channel="c", agent="a", owner="ada")
ECHO = AgentScope(agent="a")


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    await asyncio.to_thread(migrate, postgres_url)
    url = postgres_url.replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(url, poolclass=NullPool)
    yield engine
    await engine.dispose()


async def change(connection: AsyncConnection, *keepings: Keeping) -> None:
    await connection.run_sync(data.change_all, keepings)


@asynccontextmanager
async def _two(engine: AsyncEngine) -> AsyncIterator[tuple[AsyncConnection, AsyncConnection]]:
    """Two transactions; the second commits at the end."""
    async with engine.connect() as first, engine.connect() as second:
        for connection in (first, second):
            transaction = await connection.begin()
            assert transaction.is_active
        yield first, second
        await second.commit()


async def kept(engine: AsyncEngine, scope: OwnerScope | AgentScope) -> object:
    async with engine.connect() as connection:
        return await connection.run_sync(data.one, scope)


@pytest.mark.parametrize("before", [{}, {"old": 0}])
async def test_keys_of_two_transactions_are_both_kept(
    engine: AsyncEngine, before: dict[str, int]
) -> None:
    async with engine.begin() as connection:
        await change(connection, Keeping(scope=ADA, data=before))
    async with _two(engine) as (first, second), asyncio.timeout(20):
        await change(first, Keeping(scope=ADA, data={"first": 1}))
        waits = asyncio.create_task(change(second, Keeping(scope=ADA, data={"second": 2})))
        done, _ = await asyncio.wait([waits], timeout=0.1)
        assert not done
        await first.commit()
        await waits
    assert await kept(engine, ADA) == {**before, "first": 1, "second": 2}


async def test_what_another_removes_meanwhile_is_made_anew(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await change(connection, Keeping(scope=ADA, data={"old": 0}))
    async with _two(engine) as (first, second), asyncio.timeout(20):
        await change(first, Keeping(scope=ADA, unset=("old",)))
        waits = asyncio.create_task(change(second, Keeping(scope=ADA, data={"second": 2})))
        await asyncio.wait([waits], timeout=0.1)
        await first.commit()
        await waits
    assert await kept(engine, ADA) == {"second": 2}


async def test_the_order_of_keepings_locks_nobody_out(engine: AsyncEngine) -> None:
    ours, theirs = (Keeping(scope=scope, data={"a": 1}) for scope in (ADA, ECHO))
    async with engine.begin() as connection:
        await change(connection, ours, theirs)

    async def both(*keepings: Keeping) -> None:
        async with engine.begin() as connection:
            for _ in range(3):
                await change(connection, *keepings)

    turns = [both(*pair) for pair in ((ours, theirs), (theirs, ours)) for _ in range(4)]
    async with asyncio.timeout(20):
        await asyncio.gather(*turns)
