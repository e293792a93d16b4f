"""The platforms that scenarios run on, and the browser with the chat page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.simulator import running
from tests import browser
from tests.scenarios.town import Town, town
from tests.support.page import CONFIG, DESKTOP, PHONE, Window, launched
from tests.support.process import GatewayProcess


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSimulator]:
    """Telegram without flood control; whatever it refused fails the test at its end."""
    async with running(TelegramSimulator(rates=None)) as simulator:
        yield simulator
        assert not simulator.refusals


@pytest_asyncio.fixture(scope="session", loop_scope="session", name="town")
async def shared_town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """One gateway for each worker, with bots for tests that bring their own people."""
    async with town(tmp_path_factory.mktemp("town")) as built:
        yield built


@pytest.fixture(scope="session")
def paged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One gateway for each worker, for the page's tests that leave it as they found it."""
    with launched(CONFIG, tmp_path_factory.mktemp("paged")) as process:
        yield process


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_chromium() -> AsyncIterator[Browser]:
    """One Chromium for each worker; every test has a profile of its own in it."""
    executable = browser.find()
    if executable is None:
        pytest.skip(browser.MISSING)
    async with browser.launched(executable) as instance:
        yield instance


@pytest.fixture(params=["desktop-light", "phone-dark"])
def look(request: pytest.FixtureRequest) -> str:
    """How the page is looked at: at each width, and in each of its colours."""
    return str(request.param)


@pytest_asyncio.fixture(loop_scope="session")
async def context(shared_chromium: Browser, look: str) -> AsyncIterator[BrowserContext]:
    """An empty profile."""
    phone = look == "phone-dark"
    async with await shared_chromium.new_context(
        viewport=PHONE if phone else DESKTOP,
        has_touch=phone,
        color_scheme="dark" if phone else "light",
        reduced_motion="reduce",
    ) as context:
        yield context


@pytest_asyncio.fixture(loop_scope="session")
async def window(context: BrowserContext, paged: GatewayProcess) -> AsyncIterator[Window]:
    """The default agent's page."""
    window = Window(await context.new_page(), paged)
    await window.open()
    yield window
    window.fine()


@pytest_asyncio.fixture(loop_scope="session")
async def frail(
    context: BrowserContext, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Window]:
    """A page whose gateway may be killed."""
    with launched(CONFIG, tmp_path_factory.mktemp("frail")) as process:
        window = Window(await context.new_page(), process)
        await window.open()
        yield window
        window.fine()
