"""A room for files over a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.files import FileRoom
from gateway.ports.store import Store
from gateway.store import connect


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = connect(f"sqlite:///{tmp_path}/gateway.db", replica="test")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def now() -> list[float]:
    """What time it is; change it."""
    return [1_800_000_000.0]


@pytest.fixture
def room(store: Store, folder: Path, now: list[float]) -> FileRoom:
    return FileRoom(folder=folder, store=store, limit=1_000_000, clock=lambda: now[0])
