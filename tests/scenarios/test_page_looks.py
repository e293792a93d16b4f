"""How the chat page looks, moves and reads: to people with any screen, keyboard or eyes."""

from __future__ import annotations

import gzip
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, BrowserContext, Response, ViewportSize, expect

from tests.support.page import DESKTOP, NARROW, PHONE, Window, one_look, png
from tests.support.process import ROOT, GatewayProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

IMAGES = ROOT / "docs" / "images"
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
WEIGHT = 60_000
TOUCHED = 8000
"""Characters of a page that may change between two frames while an answer is written."""
RICH = "# Bees\n\n**bold** `code` [link](https://example.org)\n\n```py\nx\n```\n\n|a|b|\n|-|-|\n|1|2|\n"

Scheme = Literal["light", "dark"]


async def phone(browser: Browser, scheme: Scheme = "light", **more: Any) -> BrowserContext:
    size = more.pop("viewport", PHONE)
    return await browser.new_context(
        viewport=size, is_mobile=True, has_touch=True, color_scheme=scheme, **more
    )


async def faults(window: Window) -> list[str]:
    """What axe finds that is serious or critical."""
    if not await window.page.evaluate("Boolean(window.axe)"):
        await window.page.evaluate(AXE)
    found = await window.page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_nobody_is_kept_out(
    shared_chromium: Browser, paged: GatewayProcess, scheme: Scheme, size: ViewportSize
) -> None:
    make = shared_chromium.new_context
    async with await make(
        viewport=size, color_scheme=scheme, has_touch=size == PHONE, reduced_motion="reduce"
    ) as context:
        window = Window(await context.new_page(), paged)
        await window.open("markup")
        assert await faults(window) == []
        await window.talk(RICH)
        await window.attach("red.png", png(), "image/png")
        await window.attach("empty.txt", b"")
        await expect(window.alert).to_be_visible()
        await expect(window.page.locator("#tray .ready")).to_have_count(1)
        assert await faults(window) == []
        await window.say("look")
        await expect(window.answers).to_have_count(2)
        await window.page.keyboard.press("Control+k")
        await window.page.get_by_role("searchbox").fill("bees")
        await expect(window.page.locator("#results button").first).to_be_visible()
        assert await faults(window) == []
        await window.page.keyboard.press("Escape")
        if size == PHONE:
            await window.page.locator("#menu").click()
            assert await faults(window) == []
        await window.page.get_by_role("button", name="Delete").first.click()
        assert await faults(window) == []
        await window.button("Keep it").click()
        await window.open("demo")
        await window.say("forget everything")
        await window.say("remember my cat")
        await window.say("ask me something")
        await expect(window.button("Tea")).to_be_enabled()
        await window.say("/help")
        await expect(window.notices).to_have_count(1)
        assert await faults(window) == []
        window.fine()


async def test_nothing_is_wider_than_a_small_phone(
    shared_chromium: Browser, paged: GatewayProcess
) -> None:
    async with await phone(shared_chromium, viewport=NARROW) as context:
        window = Window(await context.new_page(), paged)
        await window.open("markup")
        assert await window.sideways() == 0
        await window.talk("w" * 300)
        await window.talk("`" + "c" * 200 + "` https://example.org/" + "l" * 200)
        await window.talk(
            "```\n" + "c" * 300 + "\n```\n\n|" + "wide words|" * 20 + "\n|" + "-|" * 20
        )
        await window.attach("n" * 180 + ".txt", b"x")
        await expect(window.page.locator("#tray .ready")).to_have_count(1)
        assert await window.sideways() == 0
        await window.talk("file")
        assert await window.sideways() == 0
        for element in (window.text, window.button("Send"), window.answers.last):
            box = await element.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= NARROW["width"]
            assert box["y"] + box["height"] <= NARROW["height"]
        await window.page.locator("#menu").tap()
        assert await window.sideways() == 0
        await expect(window.page.get_by_label("Close the list")).to_be_in_viewport()
        window.fine()


@pytest.mark.parametrize(("scheme", "other"), [("light", "Dark"), ("dark", "Light")])
async def test_colours_follow_the_visitor(
    shared_chromium: Browser, paged: GatewayProcess, scheme: Scheme, other: str
) -> None:
    async with await shared_chromium.new_context(color_scheme=scheme) as context:
        window = Window(await context.new_page(), paged)
        await window.open()
        assert await dark(window) is (scheme == "dark")
        await window.page.get_by_label(other, exact=True).check()
        assert await dark(window) is (scheme != "dark")
        await window.page.reload()
        assert await dark(window) is (scheme != "dark")
        await window.page.get_by_label("Auto", exact=True).check()
        assert await dark(window) is (scheme == "dark")


async def dark(window: Window) -> bool:
    colour = await window.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, colour[4:-1].split(","))) < 150


@one_look
async def test_whoever_listens_hears_whole_messages_once(window: Window) -> None:
    await window.open("calm")
    await window.page.evaluate("""() => {
        window.heard = [];
        const live = [...document.querySelectorAll("[aria-live], [role=status], [role=alert]")];
        const note = (all) => all.forEach(({ target }) => {
            const region = (target.closest ?? target.parentElement.closest)
                .call(target.closest ? target : target.parentElement, "[aria-live], [role]");
            if (region.textContent) window.heard.push(region.textContent);
        });
        for (const one of live) {
            if (one.getAttribute("aria-live") === "off") continue;
            new MutationObserver(note).observe(one, { childList: true, subtree: true });
        }
    }""")
    await window.talk("count to five")
    assert await window.page.evaluate("heard") == ["One, two, three, four, five."]
    await window.say("ask me something")
    await expect(window.button("Tea")).to_be_enabled()
    assert await window.page.evaluate("heard.at(-1)") == "What may I bring you?. Tea, Coffee, Water"
    # History is there to be read, and not read out.
    await window.page.reload()
    await expect(window.answers).to_have_count(2)
    assert await window.page.locator("#announcer").text_content() == ""
    await expect(window.log).to_have_attribute("aria-live", "off")


async def test_what_was_written_before_a_stop_stays(window: Window) -> None:
    await window.open("halting")
    await window.say("go on")
    await expect(window.page.locator(".writing strong")).to_have_text("and they stay")
    await expect(window.button("Send")).to_be_hidden()
    await window.text.fill("next")
    await expect(window.button("Send")).to_be_enabled()
    await expect(window.button("Stop")).to_be_enabled()
    await window.text.fill("")
    await window.page.keyboard.press("Escape")
    await expect(window.notices).to_have_text(["Stopped."])
    await expect(window.button("Stop")).to_be_hidden()
    await expect(window.button("Send")).to_be_visible()
    await expect(window.unfinished).to_have_count(0)
    kept = window.page.get_by_text("These words are here, and they stay.")
    await expect(kept).to_have_count(1)
    said = await window.log.locator(".bubble").all_inner_texts()
    assert [text.strip() for text in said] == [
        "go on", "These words are here, and they stay.", "/stop", "Stopped.",
    ] or [text.strip() for text in said] == [
        "go on", "These words are here, and they stay.", "Stopped.",
    ]  # fmt: skip


async def test_a_long_answer_streams_without_a_stutter(window: Window) -> None:
    """However much comes at once, and however long the answer is by then, little of the page is
    touched between two frames. How long a frame takes is printed, not judged: that is the
    machine's."""
    await window.open("essay")
    await window.page.evaluate("""() => {
        let last = performance.now();
        let touched = 0;
        window.frames = { worst: 0, most: 0, all: 0 };
        new MutationObserver((changes) => {
            // On a slow machine the answer is handed over as it stands before all of it is shown.
            const taken = changes.flatMap(({ removedNodes }) => [...removedNodes]);
            const moved = new Set(taken.filter((node) => node.isConnected));
            const size = (nodes) => [...nodes].filter((node) => !moved.has(node))
                .reduce((sum, node) => sum + node.textContent.length, 0);
            for (const { type, target, addedNodes, removedNodes } of changes) {
                touched += type === "characterData"
                    ? target.length : size(addedNodes) + size(removedNodes);
            }
        }).observe(document.querySelector("[role=log]"), {
            childList: true, characterData: true, subtree: true,
        });
        const frame = (now) => {
            const { worst, most, all } = window.frames;
            const writing = document.querySelector(".writing") !== null;
            window.frames = {
                worst: Math.max(worst, now - last),
                most: Math.max(most, writing ? touched : 0),
                all: all + (writing ? touched : 0),
            };
            last = now;
            touched = 0;
            requestAnimationFrame(frame);
        };
        requestAnimationFrame(frame);
    }""")
    await window.say("write")
    await expect(window.page.locator(".writing h4").first).to_be_attached()
    await expect(window.answers).to_have_count(1, timeout=30_000)
    await expect(window.page.locator(".writing")).to_have_count(0)
    text = await window.answers.last.inner_text()
    assert len(text.split()) > 2500
    frames = await window.page.evaluate("frames")
    print(
        f"worst frame {frames['worst']:.0f} ms; {frames['most']} characters in one, of {len(text)}"
    )
    assert frames["most"] < TOUCHED
    assert len(text) / 2 < frames["all"] < 6 * len(text)
    await window.at_the_end()


async def test_a_reader_above_is_left_alone_while_it_streams(window: Window) -> None:
    await window.open("essay")
    await window.say("write")
    await window.page.wait_for_selector(".writing h4:nth-of-type(9)", state="attached")
    await window.scroll(50)
    jump = window.button("Jump to newest")
    await expect(jump).to_be_visible()
    await expect(window.answers).to_have_count(1)
    assert await window.page.locator("#scroller").evaluate("e => e.scrollTop") == 50
    await jump.click()
    await window.at_the_end()
    await expect(jump).to_be_hidden()


@one_look
async def test_being_offline_is_said(window: Window) -> None:
    await window.talk("hello")
    await window.page.context.set_offline(True)
    await expect(window.status).to_contain_text("You are offline")
    await window.say("my name is Grace")
    await expect(window.page.locator(".waiting")).to_have_count(1)
    await window.page.context.set_offline(False)
    await expect(window.answers).to_have_count(2)
    await expect(window.status).to_be_empty()


@one_look
async def test_every_button_has_a_name_and_takes_the_keyboard(window: Window) -> None:
    await window.talk("hello")
    for button in await window.page.locator("button:not([hidden])").all():
        name = (await button.text_content() or "").strip()
        assert name or await button.get_attribute("aria-label")
    await window.page.locator("#new").focus()
    await window.page.keyboard.press("Tab")
    await expect(window.button("Search")).to_be_focused()
    outline = await window.button("Search").evaluate("e => getComputedStyle(e).outlineStyle")
    assert outline == "solid"


async def test_the_page_weighs_little_and_is_there_at_once(
    shared_chromium: Browser, paged: GatewayProcess
) -> None:
    async with await shared_chromium.new_context(viewport=DESKTOP) as context:
        page = await context.new_page()
        loaded: list[Response] = []

        def note(response: Response) -> None:
            loaded.append(response)

        page.on("response", note)
        window = Window(page, paged)
        await window.open()
        await expect(window.text).to_be_focused()
        await page.wait_for_load_state("networkidle")
        bodies = [await response.body() for response in loaded if "/api/" not in response.url]
        weight = sum(len(gzip.compress(body)) for body in bodies)
        names = {Path(response.url).name for response in loaded}
        assert {"page.js", "chat.css", "smd.min.js", "purify.min.js", "icon.svg"} <= names
        paint = await page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
        ready = await page.evaluate("performance.timing.loadEventEnd - performance.timeOrigin")
        print(f"{weight} bytes, first paint after {paint:.0f} ms, loaded after {ready:.0f} ms")
        assert weight < WEIGHT
        assert 0 < paint < 5000


@pytest.mark.skipif(
    not os.environ.get("GATEWAY_UPDATE_IMAGES"), reason="GATEWAY_UPDATE_IMAGES is not set"
)
async def test_the_pictures_for_the_readme(shared_chromium: Browser, paged: GatewayProcess) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    make = shared_chromium.new_context
    async with await make(viewport=DESKTOP, device_scale_factor=2) as context:
        window = Window(await context.new_page(), paged)
        await window.open("beekeeper")
        for text in ("A birthday speech for Mum", "Trains to Lisbon in May", "Bees"):
            await window.say(text)
            await expect(window.answers).to_have_count(1)
            await window.button("New conversation").click()
        await window.talk("I would like to keep bees. Where do I begin?")
        await window.talk("Yes please, and keep it simple.")
        await window.page.mouse.move(700, 5)
        await window.page.wait_for_timeout(600)
        await window.page.screenshot(path=IMAGES / "chat-page.png")
    async with await phone(shared_chromium, "dark", device_scale_factor=2) as context:
        window = Window(await context.new_page(), paged)
        await window.open("beekeeper")
        await window.talk("I would like to keep bees. Where do I begin?")
        await window.open("demo")
        await window.talk("Remember that my cat is called Ada")
        await window.talk("What do you remember?")
        await window.say("Ask me something")
        await expect(window.button("Tea")).to_be_visible()
        await window.page.wait_for_timeout(600)
        await window.page.screenshot(path=IMAGES / "chat-page-phone.png")
    assert re.search(rb"PNG", (IMAGES / "chat-page-phone.png").read_bytes()[:8])
