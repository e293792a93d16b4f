"""Several conversations side by side on the chat page, and looking for words in all of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import BrowserContext, expect

from tests.support.page import PHONE, Window, one_look

# Where the list is beside the conversation; on a phone it is behind a button.
pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    one_look,
]


async def two(window: Window) -> dict[str, Any]:
    """Begin two conversations; the second is in sight, and the first one's record returned."""
    await window.talk("my name is Grace")
    await window.button("New conversation").click()
    await expect(window.said).to_have_count(0)
    await window.talk("my name is Heidi")
    await expect(window.titles).to_have_text(["my name is Heidi", "my name is Grace"])
    return (await window.book())[1]


async def test_each_has_its_own_words_and_memory(window: Window) -> None:
    await expect(window.entries).to_have_count(0)
    await two(window)
    await window.text.fill("half a sen")
    await window.titles.nth(1).click()
    await expect(window.said).to_have_text(["my name is Grace"])
    await expect(window.text).to_have_value("")
    await expect(window.text).to_be_focused()
    await window.talk("what is my name?")
    await expect(window.answers.last).to_have_text("You are Grace.")
    await expect(window.titles).to_have_text(["my name is Grace", "my name is Heidi"])
    await expect(window.page.locator("[aria-current]")).to_have_text(re.compile("Grace"))
    await window.page.reload()
    await expect(window.answers.last).to_have_text("You are Grace.")
    await window.titles.nth(1).click()
    await expect(window.said).to_have_text(["my name is Heidi"])
    await expect(window.text).to_have_value("half a sen")


async def test_a_new_one_is_only_kept_with_words_in_it(window: Window) -> None:
    await window.talk("hello")
    await window.button("New conversation").click()
    await window.button("New conversation").click()
    await expect(window.entries).to_have_count(1)
    await window.page.reload()
    await expect(window.said).to_have_text(["hello"])


async def test_one_is_renamed(window: Window) -> None:
    await two(window)
    await window.button("Rename my name is Heidi").click()
    field = window.page.get_by_label("Name of the conversation")
    await expect(field).to_be_focused()
    await field.fill("Nothing of that")
    await field.press("Escape")
    await expect(window.titles.first).to_have_text("my name is Heidi")
    await window.button("Rename my name is Heidi").click()
    await field.fill("<b>Mountains</b>")
    await field.press("Enter")
    await expect(window.titles).to_have_text(["<b>Mountains</b>", "my name is Grace"])
    await expect(window.page.locator("#title")).to_have_text("<b>Mountains</b>")
    session = await (await window.api("GET", "/api/session")).json()
    assert session["name"] == "<b>Mountains</b>"
    # By whatever way it was named.
    await window.api("PATCH", "/api/session", {"name": "Alps"})
    await window.page.reload()
    await expect(window.titles.first).to_have_text("Alps")
    await window.titles.nth(1).click()
    await window.say("/name Himalaya")
    await expect(window.titles).to_have_text(["Himalaya", "Alps"])


async def test_one_is_deleted_and_the_others_stay(window: Window) -> None:
    await two(window)
    token = await window.token()
    await window.button("Delete my name is Heidi").click()
    dialog = window.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("my name is Heidi")
    await window.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await window.button("Delete my name is Heidi").click()
    await window.button("Keep it").click()
    await expect(window.entries).to_have_count(2)
    await window.button("Delete my name is Heidi").click()
    await window.button("Delete").click()
    await expect(window.titles).to_have_text(["my name is Grace"])
    await expect(window.said).to_have_text(["my name is Grace"])
    assert (await window.api("GET", "/api/session", token=token)).status == 401
    await window.button("Delete my name is Grace").click()
    await window.button("Delete").click()
    await expect(window.entries).to_have_count(0)
    await window.talk("hello")
    await expect(window.entries).to_have_count(1)


async def test_what_was_not_read_is_marked(window: Window) -> None:
    grace = await two(window)
    unread = window.page.locator(".entry:has(.unread)")
    await window.api("POST", "/api/chat", {"text": "what is my name?"}, grace["token"])
    await expect(unread).to_have_text(re.compile("Grace"))
    await expect(window.page).to_have_title("• Ask us anything")
    await unread.click()
    await expect(window.answers.last).to_have_text("You are Grace.")
    await expect(unread).to_have_count(0)
    await expect(window.page).to_have_title("Ask us anything")


async def test_what_was_said_while_the_page_was_closed_is_marked(window: Window) -> None:
    grace = await two(window)
    await window.page.goto("about:blank")
    await window.api("POST", "/api/chat", {"text": "hello"}, grace["token"])
    await window.open()
    await expect(window.said).to_have_text(["my name is Heidi"])
    await expect(window.page.locator(".entry:has(.unread)")).to_have_text(re.compile("Grace"))
    window.elsewhere.clear()


async def test_one_that_ended_says_so_and_the_others_live(window: Window) -> None:
    grace = await two(window)
    await window.page.goto("about:blank")
    await window.api("DELETE", "/api/session", token=grace["token"])
    await window.open()
    ended = window.page.locator("#list .ended")
    await expect(ended).to_contain_text("Grace")
    await ended.locator(".entry").click()
    await expect(window.log).to_contain_text("That conversation has ended")
    await window.say("my name is Ivan")
    await expect(window.titles).to_have_text(
        ["my name is Ivan", "my name is Heidi", "my name is Grace"]
    )
    await window.titles.nth(1).click()
    await window.talk("what is my name?")
    await expect(window.answers.last).to_have_text("You are Heidi.")
    await window.button("Delete my name is Grace").click()
    await window.button("Delete").click()
    await expect(window.entries).to_have_count(2)
    window.elsewhere.clear()


async def test_windows_share_the_list(window: Window, context: BrowserContext) -> None:
    await two(window)
    second = Window(await context.new_page(), window.gateway)
    await second.open()
    await expect(second.titles).to_have_count(2)
    await second.titles.nth(1).click()
    await second.button("Delete my name is Heidi").click()
    await second.button("Delete").click()
    await expect(window.said).to_have_text(["my name is Grace"])
    await second.talk("what is my name?")
    await expect(window.answers.last).to_have_text("You are Grace.")
    # What is erased is in no window any more.
    await second.say("/forget yes")
    for each in (window, second):
        await expect(each.notices).to_contain_text(["erased for good"])
        await expect(each.said).to_have_count(0)
        await expect(each.answers).to_have_count(0)
        await expect(each.titles).to_have_text(["New conversation"])
    second.fine()


async def test_what_a_full_browser_cannot_keep_is_there_until_the_page_is_left(
    window: Window,
) -> None:
    await window.talk("my name is Grace")
    full = "() => { throw new DOMException('', 'QuotaExceededError'); }"
    await window.page.evaluate(f"() => {{ Storage.prototype.setItem = {full}; }}")
    await window.button("New conversation").click()
    await window.talk("my name is Heidi")
    await window.talk("what is my name?")
    await expect(window.answers.last).to_have_text("You are Heidi.")
    await expect(window.titles).to_have_text(["my name is Heidi", "my name is Grace"])


async def test_the_list_by_keyboard(window: Window) -> None:
    await two(window)
    await window.entries.first.focus()
    await window.page.keyboard.press("ArrowDown")
    await expect(window.entries.nth(1)).to_be_focused()
    await window.page.keyboard.press("Home")
    await window.page.keyboard.press("End")
    await window.page.keyboard.press("Enter")
    await expect(window.said).to_have_text(["my name is Grace"])


async def test_the_list_on_a_phone_is_a_drawer(window: Window) -> None:
    await two(window)
    await window.page.set_viewport_size(PHONE)
    menu = window.page.locator("#menu")
    await expect(window.entries.first).to_be_hidden()
    await menu.click()
    await expect(window.page.locator("#list [aria-current]")).to_be_focused()
    assert await window.text.evaluate("e => Boolean(e.closest('[inert]'))")
    await window.page.keyboard.press("Escape")
    await expect(menu).to_be_focused()
    await expect(window.entries.first).to_be_hidden()
    await menu.click()
    await window.titles.nth(1).click()
    await expect(window.said).to_have_text(["my name is Grace"])
    await expect(window.entries.first).to_be_hidden()
    await window.page.get_by_label("Start another conversation").click()
    await expect(window.said).to_have_count(0)


async def test_words_are_found_in_every_conversation(window: Window) -> None:
    await two(window)
    await window.page.keyboard.press("Control+k")
    query = window.page.get_by_role("searchbox")
    results = window.page.locator("#results button")
    await expect(query).to_be_focused()
    await query.fill("MY NAME")
    await expect(results).to_have_count(2)
    await expect(results.locator("mark")).to_have_text(["my name", "my name"])
    await expect(window.page.locator("#found")).to_have_text("2 messages found.")
    await query.press("ArrowDown")
    await expect(results.first).to_be_focused()
    await window.page.keyboard.press("ArrowDown")
    await window.page.keyboard.press("Enter")
    found = window.page.locator(".found")
    await expect(found).to_have_text(re.compile("my name is Grace"))
    await expect(found).to_be_focused()
    await expect(window.page.locator("#title")).to_have_text("my name is Grace")
    await window.button("Search").click()
    await query.fill("nobody said this %_")
    await expect(window.page.locator("#found")).to_have_text("Nothing found.")
    await window.page.keyboard.press("Escape")
    await expect(query).to_be_hidden()


async def test_what_was_found_long_ago_is_shown(window: Window) -> None:
    await window.open("echo")
    await window.talk("a needle in it")
    for number in range(60):
        await window.api("POST", "/api/chat", {"text": f"hay {number}"})
    await window.page.reload()
    await expect(window.answers.last).to_have_text("hay 59")
    await expect(window.page.get_by_text("needle").locator("visible=true")).to_have_count(2)
    await window.page.keyboard.press("Control+k")
    await window.page.get_by_role("searchbox").fill("needle")
    await expect(window.page.locator("#results button")).to_have_count(2)
    await window.page.locator("#results button").last.click()
    found = window.page.locator(".log .found")
    await expect(found).to_have_text(re.compile("a needle in it"))
    await expect(found).to_be_in_viewport()
    await expect(window.said).to_have_count(61)
