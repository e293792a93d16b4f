"""Files on the chat page: sent by button, drop and paste, and shown in messages."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from tests.support.page import Window, one_look, png

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def bring(window: Window, event: str, *names: str) -> None:
    """Drop or paste text files with these names."""
    script = """([event, names]) => {
        const data = new DataTransfer();
        for (const name of names) data.items.add(new File([`this is ${name}`], name));
        const text = document.querySelector("#text");
        text.dispatchEvent(event === "paste"
            ? new ClipboardEvent(event, { clipboardData: data, bubbles: true, cancelable: true })
            : new DragEvent(event, { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""
    await window.page.evaluate(script, [event, list(names)])


async def test_a_picture_is_sent_and_shown(window: Window) -> None:
    await window.open("echo")
    await window.attach("red <b>.png", png(), "image/png")
    await expect(window.tray).to_have_class("ready")
    await expect(window.tray.locator("img")).to_be_visible()
    await expect(window.button("Send")).to_be_enabled()
    await window.say("look")
    await expect(window.tray).to_have_count(0)
    await expect(window.answers).to_have_count(1)
    picture = window.page.locator(".user .thumbnail img")
    await expect(picture).to_have_attribute("alt", "red <b>.png")
    assert await picture.evaluate("e => e.decode().then(() => e.naturalWidth)") == 240
    await window.page.reload()
    await expect(picture).to_be_visible()
    assert await picture.evaluate("e => e.decode().then(() => e.naturalWidth)") == 240
    await expect(window.said).to_have_text(["look"])


async def test_a_file_without_words_is_a_message(window: Window) -> None:
    await window.attach("notes.txt", b"some notes")
    await expect(window.tray).to_have_class("ready")
    await window.text.press("Enter")
    chip = window.page.locator(".log .user .file")
    await expect(chip).to_have_text(re.compile("notes.txt.*10 B"))
    await expect(window.unfinished).to_have_count(0)
    await expect(window.titles).to_have_text(["notes.txt"])
    async with window.page.expect_download() as download:
        await chip.click()
    saved = await (await download.value).path()
    assert await asyncio.to_thread(Path(saved).read_bytes) == b"some notes"
    assert (await download.value).suggested_filename == "notes.txt"


@pytest.mark.parametrize("event", ["drop", "paste"])
async def test_files_are_dropped_and_pasted(window: Window, event: str) -> None:
    if event == "drop":
        await bring(window, "dragover", "a.txt")
        await expect(window.page.get_by_text("Drop files to attach them")).to_be_visible()
    await bring(window, event, "a.txt", "b.txt", "c.txt")
    await expect(window.page.get_by_text("Drop files to attach them")).to_be_hidden()
    await expect(window.tray.locator("visible=true")).to_have_count(3)
    await expect(window.page.locator("#tray .ready")).to_have_count(3)
    await window.button("Remove b.txt").click()
    await window.say("two files")
    await expect(window.page.locator(".log .user .file .name")).to_have_text(["a.txt", "c.txt"])


@one_look
async def test_one_that_is_too_large_is_refused_in_words(window: Window) -> None:
    await expect(window.page.get_by_label("Attach files")).to_have_attribute(
        "title", "Attach files, at most 100 kB each"
    )
    await window.attach("film.mov", b"x" * 100_001)
    words = "film.mov: It is too large: 100 kB, and at most 100 kB can be sent."
    await expect(window.alert).to_have_text(words)
    await expect(window.tray).to_have_class("failed")
    await window.attach("nothing.txt", b"")
    await expect(window.alert).to_have_text("nothing.txt: It is empty.")
    await expect(window.button("Send")).to_be_disabled()
    await window.button("Remove film.mov").click()
    await window.button("Remove nothing.txt").click()
    await expect(window.tray).to_have_count(0)


@one_look
async def test_what_the_server_refuses_is_told_too(window: Window) -> None:
    # A page that was opened before the limit was lowered.
    await window.page.route(
        re.compile("/chat/demo$"),
        _widened,
    )
    await window.page.reload()
    await window.attach("film.mov", b"x" * 100_001)
    await expect(window.alert).to_contain_text("film.mov: It is too large.")
    await window.talk("hello")


async def _widened(route: Route) -> None:
    response = await route.fetch()
    text = (await response.text()).replace('data-file-bytes="100000"', 'data-file-bytes="0"')
    await route.fulfill(response=response, body=text)


async def test_progress_is_shown_and_can_be_cancelled(window: Window) -> None:
    await window.talk("hello")
    go = asyncio.Event()

    async def hold(route: Route) -> None:
        await go.wait()
        await route.continue_()

    await window.page.route("**/api/files", hold)
    for name in ("a.txt", "b.txt", "c.txt"):
        await window.attach(name, b"x" * 1000)
    bars = window.page.get_by_role("progressbar")
    await expect(bars).to_have_count(3)
    await window.text.fill("here they are")
    await expect(window.button("Send")).to_be_disabled()
    await window.text.press("Enter")
    await expect(window.said).to_have_count(1)
    await window.button("Cancel b.txt").click()
    await expect(bars).to_have_count(2)
    go.set()
    await expect(bars).to_have_count(0)
    await window.text.press("Enter")
    await expect(window.page.locator(".log .user .file .name")).to_have_text(["a.txt", "c.txt"])


@one_look
async def test_a_lost_connection_is_not_a_lost_file(window: Window) -> None:
    await window.talk("hello")
    await window.page.route("**/api/files", lambda route: route.abort(), times=1)
    await window.attach("a.txt", b"x")
    await expect(window.tray).to_have_class("failed")
    await expect(window.alert).to_have_text("a.txt: The connection was lost.")
    await window.button("Try a.txt again").click()
    await expect(window.tray).to_have_class("ready")
    await expect(window.alert).to_be_hidden()


@one_look
async def test_addresses_that_have_expired_are_renewed(window: Window) -> None:
    await window.open("echo")
    await window.attach("red.png", png(), "image/png")
    await expect(window.tray).to_have_class("ready")
    await window.attach("a.txt", b"text")
    await expect(window.page.locator("#tray .ready")).to_have_count(2)
    await window.talk("look")
    asked: list[str] = []

    async def stale(route: Route) -> None:
        response = await route.fetch()
        body = re.sub(r"exp=\d+", "exp=1", await response.text())
        asked.append(route.request.url)
        await route.fulfill(response=response, body=body)

    await window.page.route("**/api/chat/history*", stale, times=1)
    await window.page.reload()
    picture = window.page.locator(".user .thumbnail img")
    await expect(picture).to_be_visible()
    await window.page.wait_for_function(
        "() => document.querySelector('.user .thumbnail img')?.naturalWidth === 240"
    )
    async with window.page.expect_download() as download:
        await window.page.locator(".user .file").click()
    assert await (await download.value).failure() is None
    assert len(asked) == 1
