"""One gateway for each worker, with every platform; each test brings its own people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.support.databases import empty
from tests.support.rows import Rows, rows
from tests.support.stage import PLATFORMS, Stage, Theatre, theatre

DESCRIPTIONS: Mapping[str, str] = {
    "telegram-polling": "telegram/aiogram-schema-10.3.json",
    "telegram-webhook": "telegram/aiogram-schema-10.3.json",
    "discord": "discord/openapi.json",
    "slack-socket": "slack/slack_web_methods_2026-05.json",
    "slack-events": "slack/slack_web_methods_2026-05.json",
}
TWILIO = ("api_v2010", "conversations_v1", "content_v1", "messaging_v1", "messaging_v2")


@pytest.fixture(scope="session")
def described(request: pytest.FixtureRequest) -> Mapping[str, Mapping[str, Any]]:
    """The platforms' own descriptions of what may be called, where they are at hand."""
    try:
        folder: Path = request.getfixturevalue("reference_data")
    except pytest.skip.Exception:
        return {}
    specs = folder / "specs"
    twilio = [orjson.loads((specs / f"twilio/twilio_{name}.json").read_bytes()) for name in TWILIO]
    return {
        **{
            name: {"schema": orjson.loads((specs / path).read_bytes())}
            for name, path in DESCRIPTIONS.items()
        },
        **{name: {"schema": twilio} for name in ("whatsapp", "sms")},
    }


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(
    tmp_path_factory: pytest.TempPathFactory, described: Mapping[str, Mapping[str, Any]]
) -> AsyncIterator[Theatre]:
    """The gateway, and a stage for every platform; every call is as the platform describes it."""
    async with theatre(tmp_path_factory.mktemp("theatre"), simulated=described) as opened:
        yield opened


@pytest.fixture(params=list(PLATFORMS))
def stage(request: pytest.FixtureRequest, house: Theatre) -> Stage:
    """Each platform in turn."""
    return house.stages[request.param]


@pytest.fixture(params=[name for name, one in PLATFORMS.items() if one.shared])
def shared_stage(request: pytest.FixtureRequest, house: Theatre) -> Stage:
    """Each platform on which people share sessions."""
    return house.stages[request.param]


@pytest_asyncio.fixture(
    scope="session", loop_scope="session", name="rows", params=["sqlite", "postgresql"]
)
async def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Rows]:
    """One gateway for each worker and database; see ``tests.support.rows``."""
    folder = tmp_path_factory.mktemp("rows")
    with empty(request.param, folder, request) as database:
        async with rows(folder, database) as opened:
            yield opened
