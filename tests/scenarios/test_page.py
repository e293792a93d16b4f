"""The chat page in a real browser, against the real process."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.support.page import Window, one_look

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_somebody_talks(window: Window) -> None:
    await expect(window.page).to_have_title("Ask us anything")
    await expect(window.page.get_by_text("How can I help?")).to_be_visible()
    await window.ready()
    await expect(window.button("Send")).to_be_disabled()
    await window.say("hello")
    await expect(window.said).to_have_text(["hello"])
    await expect(window.answers).to_contain_text(["I am the demo"])
    await expect(window.page.get_by_text("How can I help?")).to_be_hidden()
    await expect(window.text).to_have_value("")
    await window.ready()
    await expect(window.unfinished).to_have_count(0)


async def test_an_example_is_a_first_message(window: Window) -> None:
    await window.button("What can you do?").click()
    await expect(window.answers.first).to_contain_text("I show what an agent can do here")
    await window.ready()


async def test_enter_sends_and_shift_enter_does_not(window: Window) -> None:
    await window.text.press_sequentially("one")
    await window.text.press("Shift+Enter")
    await window.text.press_sequentially("two")
    await expect(window.text).to_have_value("one\ntwo")
    await window.text.press("Enter")
    await expect(window.said).to_have_text(["one\ntwo"])
    await window.text.press_sequentially("   ")
    await window.text.press("Enter")
    await expect(window.said).to_have_count(1)


async def test_an_answer_is_written_before_ones_eyes(window: Window) -> None:
    await window.open("calm")
    await window.watch(".draft .writing")
    await window.say("count to four")
    await expect(window.answers).to_have_text(["One, two, three, four."])
    await expect(window.page.locator(".draft")).to_have_count(0)
    shown = await window.seen()
    assert any("One, two" in text and "four" not in text for text in shown), shown


async def test_steps_are_shown_while_they_last(window: Window) -> None:
    await window.open("calm")
    await window.watch(".step")
    await window.say("work")
    await expect(window.answers).to_have_count(2)
    shown = await window.seen()
    assert any("Looking busy" in text for text in shown), shown
    await expect(window.page.locator(".step")).to_have_count(0)
    texts = await window.answers.all_text_contents()
    assert texts[0].startswith("I am on it")
    assert texts[1].startswith("Done")


async def test_a_choice_is_pressed(window: Window) -> None:
    await window.say("ask me something")
    await window.button("Coffee").click()
    await expect(window.answers.last).to_contain_text("Coffee. A button")
    await expect(window.said.last).to_have_text("Coffee")
    for name in ("Tea", "Coffee", "Water"):
        await expect(window.button(name)).to_be_disabled()
    await expect(window.page.locator(".chosen")).to_have_text(["Coffee"])
    await window.ready()


@one_look
@pytest.mark.parametrize("typed", ["tea", "1"])
async def test_a_choice_is_typed(window: Window, typed: str) -> None:
    await window.say("ask me something")
    await expect(window.button("Tea")).to_be_enabled()
    await window.say(typed)
    await expect(window.answers.last).to_contain_text("Tea. A button")
    await expect(window.button("Coffee")).to_be_disabled()
    await expect(window.page.locator(".chosen")).to_have_text(["Tea"])
    await expect(window.unfinished).to_have_count(0)


async def test_an_approval_is_given(window: Window) -> None:
    await window.talk("remember my cat is called Ada")
    await window.say("forget everything")
    await window.button("Yes").click()
    await expect(window.answers.last).to_contain_text("I have forgotten it all")
    await expect(window.button("No")).to_be_disabled()


async def test_a_question_can_be_answered_after_a_reload(window: Window) -> None:
    await window.say("ask me something")
    await expect(window.button("Tea")).to_be_enabled()
    await window.page.reload()
    await window.button("Water").click()
    await expect(window.answers.last).to_contain_text("Water. A button")


@one_look
async def test_a_reload_shows_the_same(window: Window) -> None:
    await window.talk("my name is Grace")
    await window.talk("what is my name?")
    await window.text.fill("half a sen")
    before = await window.log.locator(".bubble").all_text_contents()
    await window.page.reload()
    await expect(window.answers).to_have_count(2)
    assert await window.log.locator(".bubble").all_text_contents() == before
    await expect(window.text).to_have_value("half a sen")
    await expect(window.button("Send")).to_be_enabled()
    await window.at_the_end()


@one_look
async def test_a_long_history_comes_in_pages(window: Window) -> None:
    await window.open("echo")
    await window.talk("0")
    token = await window.token()
    for number in range(1, 40):
        answer = await window.page.request.post(
            f"{window.gateway.base_url}/api/chat",
            headers={"Authorization": f"Bearer {token}"},
            data={"text": f"{number}"},
        )
        assert answer.ok
    await window.page.reload()
    await expect(window.answers.last).to_have_text("39")
    await expect(window.said).to_have_count(25)
    await window.scroll(0)
    await window.button("Show earlier messages").click()
    await expect(window.said).to_have_count(40)
    assert await window.said.all_text_contents() == [str(number) for number in range(40)]
    await expect(window.button("Show earlier messages")).to_be_hidden()


@one_look
async def test_starting_anew_by_command(window: Window) -> None:
    await window.talk("remember my cat is called Ada")
    await window.say("/reset")
    await expect(window.page.get_by_text("I have forgotten our conversation")).to_be_visible()
    await expect(window.said).to_have_count(0)
    await window.talk("remember my dog is called Bo")
    await window.say("/new what do you remember?")
    await expect(window.answers).to_contain_text(["Nothing yet"])
    await expect(window.said).to_have_text(["what do you remember?"])
    await window.page.reload()
    await expect(window.answers).to_contain_text(["Nothing yet"])
    await expect(window.said).to_have_text(["what do you remember?"])


@one_look
async def test_other_commands_are_answered_as_notices(window: Window) -> None:
    await window.say("/help")
    await expect(window.notices).to_contain_text(["/reset"])
    await expect(window.unfinished).to_have_count(0)


async def test_an_answer_is_stopped(window: Window) -> None:
    await window.open("slow")
    await expect(window.button("Stop")).to_be_hidden()
    await window.say("wait 30")
    await window.button("Stop").click()
    await expect(window.notices).to_have_text(["Stopped."])
    await expect(window.button("Stop")).to_be_hidden()
    await expect(window.page.locator(".draft")).to_have_count(0)
    await window.talk("wait 0")


@one_look
async def test_a_restart_of_the_gateway_is_survived(frail: Window) -> None:
    await frail.talk("remember my cat is called Ada")
    frail.gateway.kill()
    await expect(frail.status).to_contain_text("Connection lost")
    await frail.say("what do you remember?")
    await expect(frail.page.locator(".waiting .bubble")).to_have_text(["what do you remember?"])
    await frail.gateway.start()
    await expect(frail.answers).to_have_count(2, timeout=20_000)
    await expect(frail.answers.last).to_contain_text("your cat is called Ada")
    await expect(frail.status).to_be_empty()
    await expect(frail.unfinished).to_have_count(0)
    await expect(frail.said).to_have_count(2)


@one_look
async def test_what_was_said_elsewhere_meanwhile_appears(frail: Window) -> None:
    await frail.talk("hello")
    await frail.gateway.restart()
    await frail.api("POST", "/api/chat", {"text": "said elsewhere"})
    await expect(frail.said).to_have_text(["hello", "said elsewhere"], timeout=20_000)
    await expect(frail.answers).to_have_count(2)


@one_look
async def test_an_answer_that_a_crash_interrupts_comes_after_it(frail: Window) -> None:
    await frail.open("slow")
    await frail.say("hang")
    await expect(frail.page.locator(".draft")).to_have_count(1)
    await frail.gateway.until_hanging()
    frail.gateway.kill()
    await frail.gateway.start()
    await expect(frail.answers).to_have_text(["done hang"], timeout=20_000)
    await expect(frail.said).to_have_text(["hang"])
    await expect(frail.unfinished).to_have_count(0)


@one_look
async def test_an_answer_that_came_while_nobody_listened(frail: Window) -> None:
    await frail.open("slow")
    await frail.say("hang")
    await expect(frail.page.locator(".draft")).to_have_count(1)
    await frail.gateway.until_hanging()
    frail.gateway.kill()
    await frail.page.route("**/api/chat/events", lambda route: route.abort())
    await frail.gateway.start()
    while "done" not in await (await frail.api("GET", "/api/chat/history")).text():
        await frail.page.wait_for_timeout(50)
    await frail.page.unroute_all(behavior="ignoreErrors")
    await expect(frail.answers).to_have_text(["done hang"], timeout=20_000)
    await expect(frail.unfinished).to_have_count(0)
    await expect(frail.button("Stop")).to_be_hidden()


@one_look
async def test_a_message_whose_confirmation_was_lost_is_sent_once(window: Window) -> None:
    await window.talk("hello")
    posts: list[str] = []

    async def lose(route: Route) -> None:
        posts.append((route.request.post_data_json or {})["message_id"])
        await route.fetch()
        await route.abort()

    await window.page.route("**/api/chat", lose)
    await window.page.route("**/api/chat/events", lambda route: route.abort())
    await window.page.reload()
    await window.say("my name is Grace")
    await expect(window.page.locator(".waiting")).to_have_count(1)
    while len(posts) < 2:
        await window.page.wait_for_timeout(50)
    assert len(set(posts)) == 1
    await window.page.unroute_all(behavior="ignoreErrors")
    await window.page.reload()
    await expect(window.answers).to_have_count(2)
    await expect(window.said).to_have_text(["hello", "my name is Grace"])
    await expect(window.unfinished).to_have_count(0)
    key = (await window.book())[0]["key"]
    assert await window.stored(f"{key}/unsent") is None
    history = await (await window.api("GET", "/api/chat/history")).json()
    assert len(history["messages"]) == 4


@one_look
async def test_a_session_that_ended_elsewhere_is_followed_by_another(window: Window) -> None:
    await window.talk("remember my cat is called Ada")
    await window.api("DELETE", "/api/session")
    await expect(window.page.get_by_text("That conversation has ended")).to_be_visible()
    await window.say("what do you remember?")
    await expect(window.answers.last).to_contain_text("Nothing yet")
    window.errors.clear()


@one_look
async def test_text_that_a_dead_session_refused_is_kept(window: Window) -> None:
    await window.talk("hello")
    script = """() => { const book = JSON.parse(localStorage.getItem("chat/demo/book"));
        book[0].token = "dead";
        localStorage.setItem("chat/demo/book", JSON.stringify(book)); }"""
    await window.page.evaluate(script)
    await window.page.route("**/api/chat/history*", lambda route: route.abort())
    await window.page.route("**/api/chat/events", lambda route: route.abort())
    await window.page.reload()
    await window.say("do not lose me")
    await expect(window.text).to_have_value("do not lose me")
    await expect(window.alert).to_contain_text("it is in the box below")
    await window.page.unroute_all(behavior="ignoreErrors")
    await window.text.press("Enter")
    await expect(window.answers).to_have_count(1)
    await expect(window.said).to_have_text(["do not lose me"])


@one_look
async def test_a_message_that_is_refused_can_be_tried_again(window: Window) -> None:
    await window.talk("hello")
    problem = {"status": 429, "headers": {"Retry-After": "9", "Content-Type": "application/json"}}
    body = '{"detail": "Too many messages. Please try again in 9 s."}'
    await window.page.route(
        "**/api/chat", lambda route: route.fulfill(body=body, **problem), times=1
    )
    await window.say("my name is Grace")
    failure = window.page.locator(".failure")
    await expect(failure).to_contain_text("Too many messages")
    await failure.get_by_role("button").click()
    await expect(window.answers).to_have_count(2)
    await expect(failure).to_have_count(0)


@one_look
async def test_two_windows_show_one_conversation(window: Window, context: BrowserContext) -> None:
    await window.talk("hello")
    second = Window(await context.new_page(), window.gateway)
    await second.open()
    await expect(second.answers).to_have_count(1)
    await second.say("my name is Grace")
    await expect(window.said).to_have_text(["hello", "my name is Grace"])
    await expect(window.answers).to_have_count(2)
    await second.say("/reset")
    await expect(window.answers).to_have_count(0)
    await window.say("what is my name?")
    await expect(second.answers.last).to_contain_text("You have not told me yet")
    second.fine()


@one_look
async def test_agents_do_not_share_a_conversation(window: Window) -> None:
    await window.talk("my name is Grace")
    await window.open("echo")
    await expect(window.said).to_have_count(0)
    await window.talk("hello")
    await window.open()
    await expect(window.said).to_have_text(["my name is Grace"])


async def test_the_newest_message_stays_in_sight_for_who_looks_at_it(window: Window) -> None:
    await window.open("echo")
    for number in range(6):
        await window.talk(f"{number}\n.\n.\n.\n.\n.")
        await window.at_the_end()
    await window.scroll(100)
    token = await window.token()
    await window.page.request.post(
        f"{window.gateway.base_url}/api/chat",
        headers={"Authorization": f"Bearer {token}"},
        data={"text": "unasked"},
    )
    await expect(window.answers.last).to_have_text("unasked")
    assert await window.page.locator("#scroller").evaluate("e => e.scrollTop") == 100
    await window.button("Jump to newest").click()
    await expect(window.button("Jump to newest")).to_be_hidden()
    await window.at_the_end()


@one_look
async def test_the_description_is_readable(window: Window) -> None:
    await window.page.goto(f"{window.gateway.base_url}/docs")
    await expect(window.page.locator("article").first).to_contain_text("/api/chat")
    assert await window.page.locator("article").count() > 10


@one_look
async def test_a_question_stays_open_however_late_its_post_is_confirmed(window: Window) -> None:
    async def late(route: Route) -> None:
        await route.fetch()
        await expect(window.button("Tea")).to_be_visible()
        # The same post again: by now its task waits for the answer.
        await route.fulfill(response=await route.fetch())
        confirmed.set()

    confirmed = asyncio.Event()

    await window.open("demo")
    await window.page.route("**/api/chat", late)
    await window.say("ask me something")
    await expect(window.button("Tea")).to_be_visible()
    await asyncio.wait_for(confirmed.wait(), 10)
    await expect(window.page.locator(".waiting")).to_have_count(0)
    await expect(window.button("Tea")).to_be_enabled()
