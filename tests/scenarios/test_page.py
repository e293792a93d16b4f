"""The chat page in a real browser, against the real process."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, ViewportSize, expect

from tests.support.process import ROOT, GatewayProcess

pytestmark = pytest.mark.browser

CONFIG: dict[str, Any] = {
    "agents": {
        "demo": {"kind": "demo", "pace": 0.1},
        "calm": {"kind": "demo", "pace": 0.6},
        "echo": {"kind": "echo"},
        "slow": {"kind": "python", "entry": "tests.support.agents:slow", "path": str(ROOT)},
    },
    "channels": {
        "web": {
            "platform": "web",
            "title": "Ask us anything",
            "agent": "demo",
            "agents": ["demo", "calm", "echo", "slow"],
        }
    },
    "limits": {"messages_per_minute": 0},
}
IMAGES = ROOT / "docs" / "images"
DESKTOP = ViewportSize(width=1180, height=820)
PHONE = ViewportSize(width=360, height=640)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One gateway for the tests that leave it as they found it."""
    process = GatewayProcess(CONFIG, tmp_path_factory.mktemp("gateway"))
    process.launch()
    yield process
    process.close()


@pytest.fixture
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayProcess]:
    """A gateway to kill."""
    async with GatewayProcess(CONFIG, tmp_path_factory.mktemp("own")) as process:
        yield process


class Window:
    """A page with the chat in it, and what somebody does there."""

    def __init__(self, page: Page, gateway: GatewayProcess) -> None:
        self.page = page
        self.gateway = gateway
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._noted)
        page.on("request", self._requested)
        self.text = page.get_by_label("Your message")
        self.log = page.get_by_role("log")
        self.said = page.locator(".messages > .user .bubble")
        self.answers = page.locator("#log > .assistant .bubble")
        self.notices = page.locator("#log > .system .bubble")
        self.status = page.get_by_role("status")
        self.alert = page.get_by_role("alert")

    def _noted(self, message: Any) -> None:
        # The browser itself complains of requests that fail.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def _requested(self, request: Any) -> None:
        if not request.url.startswith(self.gateway.base_url):
            self.elsewhere.append(request.url)

    async def open(self, path: str = "/") -> None:
        await self.gateway.until_ready()
        await self.page.goto(self.gateway.base_url + path)

    async def say(self, text: str) -> None:
        await self.text.fill(text)
        await self.text.press("Enter")

    async def talk(self, text: str) -> None:
        """Say something, and wait for one more answer."""
        before = await self.answers.count()
        await self.say(text)
        await expect(self.answers).to_have_count(before + 1)

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    async def kept(self, name: str, agent: str = "demo") -> Any:
        """What the browser keeps for this page."""
        key = f"chat/{agent}/{name}"
        return await self.page.evaluate("key => JSON.parse(localStorage.getItem(key))", key)

    async def at_the_end(self) -> None:
        """Wait until the newest message is in sight; scrolling takes a frame or two."""
        script = """() => { const e = document.querySelector("#scroller");
            return e.scrollHeight - e.scrollTop - e.clientHeight < 2; }"""
        await self.page.wait_for_function(script, timeout=5000)

    async def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """A request with the page's token, made beside the page."""
        headers = {"Authorization": f"Bearer {await self.kept('token')}"}
        return await self.page.request.fetch(
            self.gateway.base_url + path, method=method, headers=headers, data=body
        )

    def fine(self) -> None:
        """Nothing went wrong behind the scenes."""
        assert not self.errors
        assert not self.elsewhere


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    async with await chromium.new_context(viewport=DESKTOP, reduced_motion="reduce") as context:
        yield context


@pytest.fixture
async def window(context: BrowserContext, running: GatewayProcess) -> AsyncIterator[Window]:
    """The default agent's page."""
    window = Window(await context.new_page(), running)
    await window.open()
    yield window
    window.fine()


@pytest.fixture
async def frail(context: BrowserContext, own: GatewayProcess) -> AsyncIterator[Window]:
    """A page whose gateway may be killed."""
    window = Window(await context.new_page(), own)
    await window.open()
    yield window
    window.fine()


async def test_somebody_talks(window: Window) -> None:
    await expect(window.page).to_have_title("Ask us anything")
    await expect(window.page.get_by_text("How can I help?")).to_be_visible()
    await expect(window.text).to_be_focused()
    await expect(window.button("Send")).to_be_disabled()
    await window.say("hello")
    await expect(window.said).to_have_text(["hello"])
    await expect(window.answers).to_contain_text(["I am the demo"])
    await expect(window.page.get_by_text("How can I help?")).to_be_hidden()
    await expect(window.text).to_have_value("")
    await expect(window.text).to_be_focused()
    await expect(window.page.locator(".dots, .draft, .waiting")).to_have_count(0)


async def test_an_example_is_a_first_message(window: Window) -> None:
    await window.button("What can you do?").click()
    await expect(window.answers.first).to_contain_text("I show what an agent can do here")
    await expect(window.text).to_be_focused()


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
    await window.open("/chat/calm")
    await window.say("count to four")
    writing = window.page.locator(".draft .writing")
    await expect(writing).to_contain_text("One, two")
    assert "four" not in (await writing.text_content() or "")
    await expect(window.answers).to_have_text(["One, two, three, four."])
    await expect(window.page.locator(".draft")).to_have_count(0)


async def test_steps_are_shown_while_they_last(window: Window) -> None:
    await window.open("/chat/calm")
    await window.say("work")
    await expect(window.page.locator(".step")).to_contain_text("Looking busy")
    await expect(window.answers).to_have_count(2)
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
    await expect(window.text).to_be_focused()


@pytest.mark.parametrize("typed", ["tea", "1"])
async def test_a_choice_is_typed(window: Window, typed: str) -> None:
    await window.say("ask me something")
    await expect(window.button("Tea")).to_be_enabled()
    await window.say(typed)
    await expect(window.answers.last).to_contain_text("Tea. A button")
    await expect(window.button("Coffee")).to_be_disabled()
    await expect(window.page.locator(".chosen")).to_have_text(["Tea"])
    await expect(window.page.locator(".waiting, .draft")).to_have_count(0)


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


async def test_a_long_history_comes_in_pages(window: Window) -> None:
    await window.open("/chat/echo")
    await window.talk("0")
    token = await window.kept("token", "echo")
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
    await window.page.locator("#scroller").evaluate("e => e.scrollTo(0, 0)")
    await window.button("Show earlier messages").click()
    await expect(window.said).to_have_count(40)
    assert await window.said.all_text_contents() == [str(number) for number in range(40)]
    await expect(window.button("Show earlier messages")).to_be_hidden()


async def test_starting_anew_by_button(window: Window) -> None:
    await expect(window.button("New chat")).to_be_hidden()
    await window.talk("remember my cat is called Ada")
    token = await window.kept("token")
    await window.button("New chat").click()
    await window.button("Keep this one").click()
    await expect(window.answers).to_have_count(1)
    await window.button("New chat").click()
    await window.page.keyboard.press("Escape")
    await expect(window.page.get_by_role("dialog")).to_be_hidden()
    await window.button("New chat").click()
    await window.button("Start new").click()
    await expect(window.page.get_by_text("I have forgotten our conversation")).to_be_visible()
    await expect(window.answers).to_have_count(0)
    await expect(window.text).to_be_focused()
    assert await window.kept("token") != token
    await window.talk("what do you remember?")
    await expect(window.answers).to_contain_text(["Nothing yet"])


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


async def test_other_commands_are_answered_as_notices(window: Window) -> None:
    await window.say("/help")
    await expect(window.notices).to_contain_text(["/reset"])
    await expect(window.page.locator(".waiting, .draft")).to_have_count(0)


async def test_an_answer_is_stopped(window: Window) -> None:
    await window.open("/chat/slow")
    await expect(window.button("Stop")).to_be_hidden()
    await window.say("wait 30")
    await window.button("Stop").click()
    await expect(window.notices).to_have_text(["Stopped."])
    await expect(window.button("Stop")).to_be_hidden()
    await expect(window.page.locator(".draft")).to_have_count(0)
    await window.talk("wait 0")


HOSTILE = (
    "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
    "<b>bold</b> [link](javascript:alert(1)) javascript:alert(1) {{title}} &lt;"
)


async def test_markup_is_text(window: Window) -> None:
    await window.open("/chat/echo")
    await window.talk(HOSTILE)
    await expect(window.answers).to_have_text([HOSTILE])
    await expect(window.said).to_have_text([HOSTILE])
    await window.page.reload()
    await expect(window.answers).to_have_text([HOSTILE])
    assert await window.log.locator("img, script, b, a").count() == 0
    assert await window.page.evaluate("window.hacked") is None


async def test_addresses_are_links_and_nothing_else_is(window: Window) -> None:
    await window.open("/chat/echo")
    await window.talk('see (https://example.org/a?b=1&c="2"), or http://example.com/x.')
    links = window.answers.locator("a")
    assert await links.all_text_contents() == [
        "https://example.org/a?b=1&c=",
        "http://example.com/x",
    ]
    assert await links.first.get_attribute("rel") == "noopener noreferrer nofollow"
    assert await links.first.get_attribute("target") == "_blank"


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
    await expect(frail.page.locator(".waiting, .draft")).to_have_count(0)
    await expect(frail.said).to_have_count(2)


async def test_what_was_said_elsewhere_meanwhile_appears(frail: Window) -> None:
    await frail.talk("hello")
    await frail.gateway.restart()
    await frail.api("POST", "/api/chat", {"text": "said elsewhere"})
    await expect(frail.said).to_have_text(["hello", "said elsewhere"], timeout=20_000)
    await expect(frail.answers).to_have_count(2)


async def test_an_answer_that_a_crash_interrupts_comes_after_it(frail: Window) -> None:
    await frail.open("/chat/slow")
    await frail.say("wait 1")
    await expect(frail.page.locator(".draft")).to_have_count(1)
    frail.gateway.kill()
    await frail.gateway.start()
    await expect(frail.answers).to_have_text(["done wait 1"], timeout=20_000)
    await expect(frail.said).to_have_text(["wait 1"])
    await expect(frail.page.locator(".waiting, .draft")).to_have_count(0)


async def test_an_answer_that_came_while_nobody_listened(frail: Window) -> None:
    await frail.open("/chat/slow")
    await frail.say("wait 0.5")
    await expect(frail.page.locator(".draft")).to_have_count(1)
    frail.gateway.kill()
    await frail.page.route("**/api/chat/events", lambda route: route.abort())
    await frail.gateway.start()
    await frail.page.wait_for_timeout(1500)
    await frail.page.unroute_all(behavior="ignoreErrors")
    await expect(frail.answers).to_have_text(["done wait 0.5"], timeout=20_000)
    await expect(frail.page.locator(".waiting, .draft")).to_have_count(0)
    await expect(frail.button("Stop")).to_be_hidden()


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
    await expect(window.page.locator(".waiting, .draft")).to_have_count(0)
    assert await window.kept("unsent") is None
    history = await (await window.api("GET", "/api/chat/history")).json()
    assert len(history["messages"]) == 4


async def test_a_session_that_ended_elsewhere_is_followed_by_another(window: Window) -> None:
    await window.talk("remember my cat is called Ada")
    await window.api("DELETE", "/api/session")
    await expect(window.page.get_by_text("That conversation has ended")).to_be_visible()
    await window.say("what do you remember?")
    await expect(window.answers.last).to_contain_text("Nothing yet")
    window.errors.clear()


async def test_text_that_a_dead_session_refused_is_kept(window: Window) -> None:
    await window.talk("hello")
    await window.page.evaluate("localStorage.setItem('chat/demo/token', JSON.stringify('dead'))")
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


async def test_agents_do_not_share_a_conversation(window: Window) -> None:
    await window.talk("my name is Grace")
    await window.open("/chat/echo")
    await expect(window.said).to_have_count(0)
    await window.talk("hello")
    await window.open()
    await expect(window.said).to_have_text(["my name is Grace"])


async def test_the_newest_message_stays_in_sight_for_who_looks_at_it(window: Window) -> None:
    await window.open("/chat/echo")
    for number in range(6):
        await window.talk(f"{number}\n.\n.\n.\n.\n.")
        await window.at_the_end()
    await window.page.locator("#scroller").evaluate("e => e.scrollTo(0, 100)")
    token = await window.kept("token", "echo")
    await window.page.request.post(
        f"{window.gateway.base_url}/api/chat",
        headers={"Authorization": f"Bearer {token}"},
        data={"text": "unasked"},
    )
    await expect(window.answers.last).to_have_text("unasked")
    assert await window.page.locator("#scroller").evaluate("e => e.scrollTop") == 100
    await window.button("Latest messages").click()
    await expect(window.button("Latest messages")).to_be_hidden()
    await window.at_the_end()


async def test_the_page_fits_a_phone(chromium: Browser, running: GatewayProcess) -> None:
    async with await chromium.new_context(
        viewport=PHONE, is_mobile=True, has_touch=True
    ) as context:
        window = Window(await context.new_page(), running)
        await window.open("/chat/echo")
        await window.say("w" * 300)
        await expect(window.answers).to_have_count(1)
        await window.say("ordinary words, enough of them for more than a single line")
        await expect(window.answers).to_have_count(2)
        width = await window.page.evaluate("document.scrollingElement.scrollWidth")
        assert width == PHONE["width"]
        for element in (window.text, window.button("Send"), window.answers.last):
            box = await element.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= PHONE["width"]
            assert box["y"] + box["height"] <= PHONE["height"]
        window.fine()


async def test_readers_are_told_what_arrives(window: Window) -> None:
    await window.talk("hello")
    await expect(window.log).to_have_attribute("aria-label", "Conversation")
    unnamed = "button:not([hidden])"
    for button in await window.page.locator(unnamed).all():
        name = (await button.text_content() or "").strip() or await button.get_attribute(
            "aria-label"
        )
        assert name


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
async def test_colours_follow_the_visitor(
    chromium: Browser, running: GatewayProcess, scheme: Any, dark: bool
) -> None:
    async with await chromium.new_context(color_scheme=scheme) as context:
        window = Window(await context.new_page(), running)
        await window.open()
        colour = await window.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, colour[4:-1].split(","))) < 150) is dark


async def test_the_description_is_readable(window: Window) -> None:
    await window.open("/docs")
    await expect(window.page.locator("article").first).to_contain_text("/api/chat")
    assert await window.page.locator("article").count() > 10


@pytest.mark.skipif(
    not os.environ.get("GATEWAY_UPDATE_IMAGES"), reason="GATEWAY_UPDATE_IMAGES is not set"
)
async def test_the_picture_for_the_readme(chromium: Browser, running: GatewayProcess) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    context = await chromium.new_context(
        viewport={"width": 1000, "height": 760}, color_scheme="light", device_scale_factor=2
    )
    async with context:
        window = Window(await context.new_page(), running)
        await window.open()
        await window.talk("Remember that my cat is called Ada")
        await window.talk("What do you remember?")
        await window.say("Ask me something")
        await expect(window.button("Tea")).to_be_visible()
        await window.page.wait_for_timeout(600)
        await window.page.screenshot(path=IMAGES / "chat-page.png")
