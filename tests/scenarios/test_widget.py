"""The chat on another site's page, in a real browser: two origins, and a strict policy around."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from html import escape
from importlib.resources import files
from typing import Any

import jwt
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, FrameLocator, Page, Route, expect

from tests.support.page import DESKTOP, PATIENCE, PHONE, launched
from tests.support.process import GatewayProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SECRET = "a secret that only the shop and the gateway know"
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
FORBIDDEN = """for (const name of ["localStorage", "sessionStorage"]) {
    const get = () => { throw new DOMException("no", "SecurityError"); };
    Object.defineProperty(window, name, { get });
}"""


class Shop:
    """A site on an origin of its own, whose pages have the widget in them."""

    def __init__(self) -> None:
        self.origin = ""
        self.gateway = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve on loopback."""
        app = web.Application()
        app.router.add_get("/", self._page)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            await runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        user = escape(request.query.get("user", ""))
        policy = (
            f"default-src 'none'; script-src {self.gateway}; frame-src {self.gateway};"
            " require-trusted-types-for 'script'"
        )
        page = f"""<!doctype html><html lang="en"><title>A shop</title><main><h1>A shop</h1>
            <p>Things to buy.</p></main><script src="{self.gateway}/widget.js" data-agent="echo"
            data-label="Ask the shop" data-user-token="{user}" defer></script></html>"""
        return web.Response(
            text=page, content_type="text/html", headers={"Content-Security-Policy": policy}
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shops() -> AsyncIterator[tuple[Shop, Shop]]:
    """One that may show the chat, and one that may not."""
    shop, other = Shop(), Shop()
    async with shop.serving(), other.serving():
        yield shop, other


@pytest.fixture(scope="module")
def gateway(
    shops: tuple[Shop, Shop], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """One gateway for this module."""
    channel = {
        "platform": "web", "agent": "demo", "agents": ["demo", "echo"], "user_secret": SECRET,
        "origins": ["https://elsewhere.example", shops[0].origin],
    }  # fmt: skip
    config: dict[str, Any] = {
        "agents": {"demo": {"kind": "demo", "pace": 0}, "echo": {"kind": "echo"}},
        "channels": {"web": channel},
    }
    with launched(config, tmp_path_factory.mktemp("widget")) as process:
        for shop in shops:
            shop.gateway = process.base_url
        yield process


@pytest_asyncio.fixture(loop_scope="session")
async def device(shared_chromium: Browser) -> AsyncIterator[BrowserContext]:
    """An empty profile."""
    # What fades in has not its colours yet when they are measured.
    async with await shared_chromium.new_context(
        viewport=DESKTOP, reduced_motion="reduce"
    ) as context:
        yield context


async def late(route: Route) -> None:
    """On a slow line."""
    await asyncio.sleep(0.3)
    await route.continue_()


def token(user: str) -> str:
    """What the shop signs for one of its users."""
    return jwt.encode({"sub": user, "exp": int(time.time()) + 600}, SECRET)


class Visit:
    """A page of the shop, and the chat within it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._noted)
        self.button = page.get_by_role("button", name="Ask the shop")
        self.panel = page.get_by_role("dialog", name="Ask the shop")
        self.chat: FrameLocator = page.frame_locator("iframe")
        self.text = self.chat.get_by_label("Your message")
        self.said = self.chat.locator(".messages > .user .bubble")
        self.answers = self.chat.locator(".log > .assistant .bubble")
        self.entries = self.chat.locator("#list .entry")
        self.found = self.chat.locator("#results li")

    def _noted(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    async def say(self, text: str) -> None:
        """Write, and wait for the answer."""
        before = await self.answers.count()
        await self.text.fill(text)
        await self.text.press("Enter")
        await expect(self.answers).to_have_count(before + 1)

    async def identify(self, user: str) -> None:
        """The shop's own script says who is signed in; empty: nobody."""
        await self.page.evaluate("t => ChatGateway.identify(t)", token(user) if user else "")

    async def grave(self) -> list[Any]:
        """What axe finds that is serious or critical, on the page and in the chat."""
        found = []
        for frame in self.page.frames:
            await frame.evaluate(AXE)
            result = await frame.evaluate(
                "axe.run({ resultTypes: ['violations'], iframes: false })"
            )
            found += [one for one in result["violations"] if one["impact"] in GRAVE]
        return found


GRAVE = {"serious", "critical"}


async def visit(
    device: BrowserContext, shop: Shop, gateway: GatewayProcess, user: str = ""
) -> Visit:
    """Go to the shop, as a user that its page names."""
    await gateway.until_ready()
    visit = Visit(await device.new_page())
    await visit.page.goto(f"{shop.origin}/?user={token(user) if user else ''}")
    return visit


async def test_somebody_talks_there_by_keyboard_alone(
    device: BrowserContext, shops: tuple[Shop, Shop], gateway: GatewayProcess
) -> None:
    here = await visit(device, shops[0], gateway)
    await expect(here.panel).to_be_hidden()
    await here.page.keyboard.press("Tab")
    await expect(here.button).to_be_focused()
    await expect(here.button).to_have_attribute("aria-expanded", "false")
    await here.page.keyboard.press("Enter")
    await expect(here.panel).to_be_visible()
    await expect(here.button).to_have_attribute("aria-expanded", "true")
    await expect(here.text).to_be_focused()
    await here.page.keyboard.type("hello")
    await here.page.keyboard.press("Enter")
    await expect(here.answers).to_have_text(["hello"])
    assert not await here.grave()
    await here.page.keyboard.press("Escape")
    await expect(here.panel).to_be_hidden()
    await expect(here.button).to_be_focused()
    await here.page.keyboard.press("Enter")
    await expect(here.answers).to_have_text(["hello"])
    await expect(here.text).to_be_focused()
    await here.chat.get_by_role("button", name="Close the chat").click()
    await expect(here.panel).to_be_hidden()
    # One global, which nobody changes; and the conversation is still there next time.
    assert await here.page.evaluate("Object.isFrozen(ChatGateway)")
    await here.page.set_viewport_size(PHONE)
    await here.page.reload()
    await here.page.evaluate("ChatGateway.open()")
    await expect(here.answers).to_have_text(["hello"])
    box = await here.panel.bounding_box()
    assert box == {"x": 0, "y": 0, "width": PHONE["width"], "height": PHONE["height"]}
    assert not here.errors


async def test_whoever_the_site_knows_is_known_on_every_device(
    device: BrowserContext,
    shared_chromium: Browser,
    shops: tuple[Shop, Shop],
    gateway: GatewayProcess,
) -> None:
    # However late the script comes: nothing can be written that nobody would hear.
    await device.route("**/static/page.js", late)
    here = await visit(device, shops[0], gateway)
    await here.button.click()
    await here.say("as nobody")
    await here.identify("ann")
    await expect(here.said).to_have_count(0)
    await here.say("as Ann")
    await expect(here.entries).to_have_count(1)
    async with await shared_chromium.new_context(viewport=DESKTOP) as elsewhere:
        # Where nothing can be kept, which is how some browsers treat frames.
        await elsewhere.add_init_script(FORBIDDEN)
        there = await visit(elsewhere, shops[0], gateway, "ann")
        await there.button.click()
        await expect(there.answers).to_have_text(["as Ann"])
        await there.say("again and again")
        await expect(there.entries).to_have_count(1)
        await expect(here.answers).to_have_text(["as Ann", "again and again"])
        await there.text.press("Control+k")
        await there.chat.get_by_role("searchbox").fill("again")
        await expect(there.found).not_to_have_count(0)
        await there.identify("bob")
        await expect(there.said).to_have_count(0)
        # Nor stays what the one before looked for.
        await expect(there.found).to_have_count(0)
        await expect(there.chat.get_by_role("searchbox")).to_be_hidden()
        await expect(there.entries).to_have_count(0)
        await there.say("as Bob")
        assert not there.errors
    # Only who shows the page is listened to, and of a user nothing is kept in the browser.
    frame = here.page.frames[1]
    await frame.evaluate("t => postMessage({ chatgateway: 'identify', token: t })", token("bob"))
    kept = await frame.evaluate("JSON.stringify(Object.entries(localStorage))")
    assert "as nobody" in kept
    assert "user/" not in kept
    await here.say("still as Ann")
    await expect(here.said.last).to_have_text("still as Ann")
    await expect(here.said).to_have_count(3)
    await here.text.fill("/forget yes")
    await here.text.press("Enter")
    await expect(here.answers).to_have_count(0)
    await expect(here.said).to_have_count(0)
    await expect(here.chat.locator(".log > .system")).to_contain_text(["erased for good"])
    await expect(here.entries).to_contain_text("New conversation")
    await here.identify("")
    await expect(here.answers).to_have_text(["as nobody"])
    assert not here.errors


async def test_another_site_shows_nothing_and_is_told_nothing(
    device: BrowserContext, shops: tuple[Shop, Shop], gateway: GatewayProcess
) -> None:
    there = await visit(device, shops[1], gateway, "ann")
    await there.button.click()
    await expect(there.panel).to_be_visible()
    await there.page.wait_for_load_state("networkidle")
    assert any("frame-ancestors" in text for text in there.errors)
    assert not await there.text.count()
    # Nor does a window of the chat's own listen to whoever opened it.
    chat = await device.new_page()
    await chat.goto(f"{gateway.base_url}/chat/echo")
    await chat.evaluate("t => postMessage({ chatgateway: 'identify', token: t })", token("ann"))
    await expect(chat.get_by_label("Your message")).to_be_visible()
    await expect(chat.locator("#list .entry")).to_have_count(0)
    await expect(chat.get_by_role("button", name="Close the chat")).to_be_hidden()
