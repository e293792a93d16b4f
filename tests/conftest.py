"""What every test may ask for: a real PostgreSQL, a real Chromium, the platforms' own papers."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.async_api import Browser, Page

from gateway.observability import redaction
from gateway.testing.postgres import PostgresServer
from tests import browser

pytest.register_assert_rewrite(
    *(
        f"gateway.testing.{name}"
        for name in ("_parsing", "_receiving", "_scene", "_sending", "_showing")
    ),
    *(f"gateway.testing.{name}" for name in ("agent", "coordinator", "store")),
    "tests.scenarios.crash",
)

# The same examples each time, so that no build breaks by luck, and no clock: machines are busy. To
# go looking for others: make test ARGS="--hypothesis-profile=search".
settings.register_profile(
    "suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", settings.get_profile("suite"), derandomize=False)
settings.load_profile("suite")

ROOT = Path(__file__).parent.parent
NO_REFERENCE_DATA = "no reference data beside the checkout"


SEEDS = 50
"""How often the soak repeats a test that asks for a ``seed``."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The soak's seeds, of which other runs need not collect thousands."""
    soak = metafunc.definition.get_closest_marker("soak")
    if soak is not None and "seed" in metafunc.fixturenames:
        left_out = "not soak" in str(metafunc.config.getoption("markexpr"))
        metafunc.parametrize("seed", range(1 if left_out else SEEDS))


@pytest.fixture(autouse=True)
def _secrets_of_this_test() -> Iterator[None]:
    """What one test configures as a secret, others may say."""
    before, redaction._secrets = redaction._secrets, redaction._Secrets()
    yield
    redaction._secrets = before


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for each worker; it does not wait for the disk, so start your own to crash it."""
    with PostgresServer(durable=False) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database, this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A headless Chromium, this test's own; skips the test where none is installed."""
    executable = browser.find()
    if executable is None:
        pytest.skip(browser.MISSING)
    async with browser.launched(executable) as instance:
        yield instance


@pytest.fixture
async def page(chromium: Browser) -> Page:
    """An empty page in a fresh profile."""
    return await chromium.new_page()


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of the platforms' descriptions and payloads; skips the test where it is away."""
    folder = Path(os.environ.get("GATEWAY_REFERENCE_DATA", ROOT.parent / "shared"))
    if not (folder / "payloads").is_dir():
        pytest.skip(NO_REFERENCE_DATA)
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly, in one line each, what could not be tested on this machine."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for reason, remedy in (
        (browser.MISSING, "install Chromium, or name it in CHROMIUM"),
        (NO_REFERENCE_DATA, "name its folder in GATEWAY_REFERENCE_DATA"),
    ):
        if count := sum(reason in report for report in skipped):
            terminalreporter.write_line(
                f"WARNING: {count} tests DID NOT RUN: {reason}; {remedy}", red=True, bold=True
            )
