"""The configuration and the database, as commands read them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from gateway import plugins
from gateway.ports.store import Store
from gateway.settings import (
    GatewaySection,
    KnowledgeSection,
    Settings,
    find,
    load,
    load_gateway,
    load_knowledge,
)

T = TypeVar("T")


def configuration(config: Path | None, *, only: str = "", stand_in: str = "") -> Settings:
    """The whole configuration, or as ``load`` limits it. Raises ``ConfigurationError``."""
    path = find(config, os.environ)
    adapters, kinds = plugins.adapters(), plugins.agent_kinds()
    return load(path, os.environ, adapters, kinds, only=only, stand_in=stand_in)


def gateway_section(config: Path | None) -> GatewaySection:
    """``[gateway]`` alone: an operator's shell needs no token of any platform."""
    return load_gateway(find(config, os.environ), os.environ)


def knowledge_sections(
    config: Path | None,
) -> tuple[GatewaySection, Mapping[str, KnowledgeSection]]:
    """``[gateway]`` and the knowledge bases alone."""
    return load_knowledge(find(config, os.environ), os.environ)


def read(config: Path | None, work: Callable[[Store], Awaitable[T]]) -> T:
    """Read from the database, beside a gateway that may be running."""

    async def within() -> T:
        async with reading(gateway_section(config).database) as store:
            return await work(store)

    return asyncio.run(within())


@asynccontextmanager
async def reading(database: str) -> AsyncIterator[Store]:
    """The database, for reading only and without taking its lock."""
    from gateway.store import connect

    store = connect(database, read_only=True)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
