"""One gateway for each worker, with every platform; each test brings its own people."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.stage import PLATFORMS, Stage, Theatre, theatre


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Theatre]:
    """The gateway, and a stage for every platform."""
    async with theatre(tmp_path_factory.mktemp("theatre")) as opened:
        yield opened


@pytest.fixture(params=list(PLATFORMS))
def stage(request: pytest.FixtureRequest, house: Theatre) -> Stage:
    """Each platform in turn."""
    return house.stages[request.param]


@pytest.fixture(params=[name for name, one in PLATFORMS.items() if one.shared])
def shared_stage(request: pytest.FixtureRequest, house: Theatre) -> Stage:
    """Each platform on which people share sessions."""
    return house.stages[request.param]
