"""The chat page in a browser, and what somebody does there."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.async_api import FilePayload, Locator, Page, ViewportSize, expect

from tests.support.process import ROOT, GatewayProcess


def _python(name: str) -> dict[str, str]:
    return {"kind": "python", "entry": f"tests.support.agents:{name}", "path": str(ROOT)}


AGENTS = ("demo", "calm", "echo", "slow", "markup", "essay", "halting", "beekeeper")
CONFIG: dict[str, Any] = {
    "agents": {
        "demo": {"kind": "demo", "pace": 0.02},
        "calm": {"kind": "demo", "pace": 0.6},
        "echo": {"kind": "echo"},
        **{name: _python(name) for name in AGENTS[3:]},
    },
    "channels": {
        "web": {
            "platform": "web",
            "title": "Ask us anything",
            "agent": "demo",
            "agents": list(AGENTS),
        }
    },
    "limits": {"messages_per_minute": 0, "file_bytes": 100_000},
}
DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
one_look = pytest.mark.parametrize("look", ["desktop-light"])
"""For what scripts and the server do, whatever the width and the colours."""
NARROW = ViewportSize(width=360, height=640)
PATIENCE = 20_000
"""Milliseconds: what is waited for comes sooner or later on a busy machine, too."""
expect.set_options(timeout=PATIENCE)


def png(width: int = 240, height: int = 160, colour: bytes = b"\x12\x98\x8a") -> bytes:
    """A picture in one colour."""
    rows = (b"\0" + colour * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


class Window:
    """A page with the chat in it, and what somebody does there."""

    def __init__(self, page: Page, gateway: GatewayProcess) -> None:
        self.page = page
        self.gateway = gateway
        self.agent = "demo"
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._noted)
        page.on("request", self._requested)
        self.text = page.get_by_label("Your message")
        self.log = page.get_by_role("log")
        self.said = page.locator(".messages > .user .bubble")
        self.answers = page.locator(".log > .assistant .bubble")
        self.notices = page.locator(".log > .system .bubble")
        self.status = page.locator("#status")
        self.alert = page.get_by_role("alert")
        self.entries = page.locator("#list .entry")
        self.titles = page.locator("#list .title")
        self.tray = page.get_by_label("Files to send").locator("li")
        self.unfinished = page.locator(".dots, .draft, .waiting")

    def _noted(self, message: Any) -> None:
        # The browser itself complains of requests that fail.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def _requested(self, request: Any) -> None:
        if not request.url.startswith(self.gateway.base_url):
            self.elsewhere.append(request.url)

    async def open(self, agent: str = "demo") -> None:
        await self.gateway.until_ready()
        self.agent = agent
        await self.page.goto(f"{self.gateway.base_url}/chat/{agent}")

    async def say(self, text: str) -> None:
        await self.text.fill(text)
        await self.text.press("Enter")

    async def talk(self, text: str) -> None:
        """Say something, and wait for one more answer."""
        before = await self.answers.count()
        await self.say(text)
        await expect(self.answers).to_have_count(before + 1)

    async def ready(self) -> None:
        """The next message can be typed at once; on a phone that would raise the keyboard."""
        size = self.page.viewport_size
        if size is not None and size["width"] > PHONE["width"]:
            await expect(self.text).to_be_focused()
        else:
            await expect(self.text).to_be_enabled()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def attach(self, name: str, content: bytes, media_type: str = "text/plain") -> None:
        """Choose a file with the button."""
        payload = FilePayload(name=name, mimeType=media_type, buffer=content)
        await self.page.locator("#files").set_input_files(payload)

    async def book(self) -> list[dict[str, Any]]:
        """The conversations that the browser knows, the newest first."""
        return await self.stored("book") or []

    async def stored(self, name: str) -> Any:
        """What the browser keeps for this page."""
        key = f"chat/{self.agent}/{name}"
        return await self.page.evaluate("key => JSON.parse(localStorage.getItem(key))", key)

    async def token(self) -> str:
        """The token of the newest conversation."""
        return str((await self.book())[0]["token"])

    async def watch(self, selector: str) -> None:
        """From now on note every text that stands there, however shortly: see `seen`."""
        script = """(selector) => {
            window.seen = [];
            const look = () => document.querySelectorAll(selector).forEach(({ textContent }) => {
                if (textContent && window.seen.at(-1) !== textContent) {
                    window.seen.push(textContent);
                }
            });
            new MutationObserver(look).observe(document.body, {
                childList: true, characterData: true, subtree: true,
            });
        }"""
        await self.page.evaluate(script, selector)

    async def seen(self) -> list[str]:
        """What was noted: see `watch`."""
        return [str(text) for text in await self.page.evaluate("seen")]

    async def at_the_end(self) -> None:
        """Wait until the newest message is in sight; scrolling takes a frame or two."""
        script = """() => { const e = document.querySelector("#scroller");
            return e.scrollHeight - e.scrollTop - e.clientHeight < 2; }"""
        await self.page.wait_for_function(script)

    async def scroll(self, top: int) -> None:
        """Scroll as somebody would, to `top` pixels."""
        await self.page.locator("#scroller").evaluate("(e, top) => e.scrollTo(0, top)", top)

    async def api(
        self, method: str, path: str, body: dict[str, Any] | None = None, token: str = ""
    ) -> Any:
        """A request with the page's token, made beside the page."""
        headers = {"Authorization": f"Bearer {token or await self.token()}"}
        return await self.page.request.fetch(
            self.gateway.base_url + path, method=method, headers=headers, data=body
        )

    async def sideways(self) -> float:
        """By how many pixels the page is wider than its window."""
        script = "document.scrollingElement.scrollWidth - innerWidth"
        return float(await self.page.evaluate(script))

    def fine(self) -> None:
        """Nothing went wrong behind the scenes."""
        assert not self.errors
        assert not self.elsewhere


@contextmanager
def launched(config: dict[str, Any], folder: Any) -> Iterator[GatewayProcess]:
    """A gateway that starts while the browser does: `Window.open` waits for it."""
    process = GatewayProcess(config, folder)
    try:
        process.launch()
        yield process
    finally:
        process.close()
