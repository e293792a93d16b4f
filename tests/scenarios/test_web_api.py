"""The web API over HTTP, against the real process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import jsonschema
import pytest

from adapters.web import models
from tests.support.process import ROOT, GatewayProcess
from tests.support.web import Answer, Event, WebClient

CONFIG: dict[str, Any] = {
    "agents": {
        "echo": {"kind": "echo", "prefix": "echo: "},
        "demo": {"kind": "demo", "pace": 0.02},
        "slow": {"kind": "python", "entry": "tests.support.agents:slow", "path": str(ROOT)},
    },
    "channels": {
        "page": {
            "platform": "web",
            "title": 'Ask <us> & "them"',
            "agent": "echo",
            "agents": ["echo", "demo", "slow"],
        }
    },
    "limits": {"messages_per_minute": 0},
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One gateway for the tests that leave it as they found it."""
    process = GatewayProcess(CONFIG, tmp_path_factory.mktemp("gateway"))
    process.launch()
    yield process
    process.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=30)
    plain = {"Accept-Encoding": "identity"}
    async with aiohttp.ClientSession(
        timeout=timeout, headers=plain, auto_decompress=False
    ) as session:
        yield session


@pytest.fixture
async def client(running: GatewayProcess, http: aiohttp.ClientSession) -> WebClient:
    """A client without a session."""
    await running.until_ready()
    return WebClient(http, running.base_url)


@pytest.fixture
async def visitor(client: WebClient) -> WebClient:
    """A client in a session with the echo agent."""
    await client.open()
    return client


@pytest.fixture
async def other(visitor: WebClient) -> WebClient:
    """Somebody else."""
    stranger = WebClient(visitor.http, visitor.url)
    await stranger.open()
    return stranger


def refused(answer: Answer, status: int) -> str:
    """What a problem document says, having checked its form."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = models.Problem.model_validate(answer.json)
    assert problem.status == status
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    return problem.detail


async def collect(events: AsyncIterator[Event], last: str) -> list[Event]:
    """Events until one of kind `last`."""
    found = []
    async for event in events:
        found.append(event)
        if event.kind == last:
            return found
    raise AssertionError(f"the stream ended without {last!r}: {found}")


# Sessions


async def test_a_session_is_opened_with_a_strong_token(client: WebClient) -> None:
    answer = await client.open()
    models.Ticket.model_validate(answer.json)
    assert len(answer.json["token"]) == 43
    left = datetime.fromisoformat(answer.json["expires_at"]) - datetime.now(UTC)
    assert 6.9 < left.total_seconds() / 86400 <= 7
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["token"] != (await client.open()).json["token"]


async def test_a_session_is_shown(client: WebClient) -> None:
    opened = await client.open(agent="demo", name="My cat")
    await client.say("hello")
    answer = await client.ask("GET", "/api/session")
    shown = models.Session.model_validate(answer.json)
    assert shown.session_id == opened.json["session_id"]
    assert (shown.agent, shown.name, shown.state) == ("demo", "My cat", "active")
    assert shown.message_count == 2


async def test_only_the_agents_offered_can_be_had(client: WebClient) -> None:
    refused(await client.ask("POST", "/api/session", {"agent": "secret"}), 404)


async def test_an_unknown_user_token_opens_nothing(client: WebClient) -> None:
    refused(await client.ask("POST", "/api/session", {"user_token": "me"}), 401)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic {token}", "{token}"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/chat"),
        ("GET", "/api/chat/events"),
        ("GET", "/api/chat/history"),
        ("GET", "/api/chat/tasks/1"),
        ("GET", "/api/session"),
        ("PATCH", "/api/session"),
        ("GET", "/api/chat/search?q=x"),
        ("POST", "/api/files"),
        ("DELETE", "/api/session"),
        ("POST", "/api/session/reset"),
    ],
)
async def test_nothing_is_open_without_a_token(
    visitor: WebClient, method: str, path: str, header: str
) -> None:
    headers = {"Authorization": header.format(token=visitor.token)} if header else {}
    visitor.token = ""
    refused(await visitor.ask(method, path, {"text": "x"}, headers), 401)


@pytest.mark.parametrize("name", ["token", "access_token"])
async def test_a_token_in_an_address_is_refused(visitor: WebClient, name: str) -> None:
    refused(await visitor.ask("GET", f"/api/session?{name}={visitor.token}"), 401)
    token, visitor.token = visitor.token, ""
    refused(await visitor.ask("GET", f"/api/session?{name}={token}"), 401)


async def test_a_deleted_session_is_gone(visitor: WebClient) -> None:
    await visitor.say("hello")
    answer = await visitor.ask("DELETE", "/api/session")
    assert (answer.status, answer.body) == (204, b"")
    refused(await visitor.say("still there?"), 401)


# Talking


async def test_a_message_is_answered(visitor: WebClient) -> None:
    answer = await visitor.say("hello")
    chat = models.Chat.model_validate(answer.json)
    assert answer.status == 200
    assert chat.task.state == "completed"
    assert [(m.role, m.text, m.id) for m in chat.messages] == [("assistant", "echo: hello", 2)]


async def test_history_comes_in_pages_oldest_first(visitor: WebClient) -> None:
    for text in ("one", "two", "three"):
        await visitor.say(text)
    whole = await visitor.history()
    models.History.model_validate(whole.json)
    assert whole.texts == ["one", "echo: one", "two", "echo: two", "three", "echo: three"]
    page = await visitor.history("?limit=2&before=5")
    assert page.texts == ["two", "echo: two"]
    refused(await visitor.history("?limit=0"), 422)
    refused(await visitor.history("?before=x"), 422)


async def test_what_is_said_stays_in_its_session(visitor: WebClient, other: WebClient) -> None:
    said = await visitor.say("my secret", message_id="m1")
    task = said.json["task"]["id"]
    assert (await other.history()).texts == []
    assert (await visitor.ask("GET", f"/api/chat/tasks/{task}")).texts == ["echo: my secret"]
    refused(await other.ask("GET", f"/api/chat/tasks/{task}"), 404)
    assert (await other.say("mine", message_id="m1")).texts == ["echo: mine"]


async def test_a_repeated_message_is_answered_once(visitor: WebClient) -> None:
    first = await visitor.say("hello", message_id="m1")
    again = await visitor.say("hello", message_id="m1")
    assert again.json == first.json
    refused(await visitor.say("another", message_id="m1"), 409)
    assert (await visitor.history()).texts == ["hello", "echo: hello"]


async def test_repetitions_at_the_same_time_are_one(client: WebClient) -> None:
    await client.open(agent="slow")
    answers = await asyncio.gather(*(client.say("wait 0.3", message_id="same") for _ in range(5)))
    assert [answer.texts for answer in answers] == [["done wait 0.3"]] * 5
    assert len((await client.history()).texts) == 2


async def test_messages_are_answered_in_their_order(visitor: WebClient) -> None:
    posts = []
    for number in range(10):
        posts.append(asyncio.create_task(visitor.say(str(number), wait=10)))
        await asyncio.sleep(0.02)
    answers = await asyncio.gather(*posts)
    assert [answer.texts for answer in answers] == [[f"echo: {n}"] for n in range(10)]
    told = (await visitor.history()).texts
    assert told[1::2] == [f"echo: {text}" for text in told[::2]]


async def test_a_long_task_is_answered_later(client: WebClient) -> None:
    helper = WebClient(client.http, client.url)
    await helper.open(agent="slow")
    await client.open(agent="slow")
    text = "publish hold long"
    async with asyncio.timeout(20):
        while len((await client.say(text, message_id="m", wait=0.05)).texts) < 2:
            pass
    began = time.monotonic()
    answer = await client.say(text, message_id="m", wait=0.4)
    assert 0.35 < time.monotonic() - began < 5
    assert answer.status == 202
    assert answer.json["task"]["state"] == "working"
    assert answer.texts == [f"one of {text}", f"two of {text}"]
    await helper.say("free long")
    later = await client.say(text, message_id="m")
    assert later.status == 200
    assert later.texts == [f"one of {text}", f"two of {text}", f"done {text}"]
    assert (await client.ask("GET", answer.headers["Location"])).json == later.json


async def test_nothing_is_waited_for_on_request(client: WebClient) -> None:
    await client.open(agent="slow")
    answer = await client.say("wait 5", wait=0)
    assert (answer.status, answer.texts) == (202, [])
    assert (await client.say("/stop")).status == 200
    said = await client.say("wait 0", message_id="behind it")
    assert said.texts == ["done wait 0"]
    stopped = await client.ask("GET", answer.headers["Location"])
    assert stopped.json["task"]["state"] == "canceled"
    assert stopped.texts == ["Stopped."]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff", 400),
        ({}, 422),
        ({"text": "  \n"}, 422),
        ({"text": 7}, 422),
        ({"text": "x", "message_id": ""}, 422),
        ({"text": "x", "message_id": "y" * 129}, 422),
        ({"text": "x", "message_id": "a\x00b"}, 422),
        ({"text": "x", "wait": 121}, 422),
        ({"text": "x", "wait": -1}, 422),
        ({"text": "x", "surprise": 1}, 422),
        ({"text": "x", "question": "q"}, 422),
        ({"text": "x", "attachments": ["f"]}, 404),
        ({"text": "", "attachments": ["f"]}, 404),
        ({"text": "x", "attachments": ["f"] * 11}, 422),
        ({"text": "x", "attachments": [""]}, 422),
        ({"text": "/new x", "attachments": ["f"]}, 422),
        ({"question": "q", "option": 0, "attachments": ["f"]}, 422),
        ({"text": "x" * 32_769}, 413),
        (b'{"text": "' + b"x" * 1_100_000 + b'"}', 413),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
async def test_what_cannot_be_taken_is_refused_in_words(
    visitor: WebClient, body: Any, status: int
) -> None:
    assert refused(await visitor.ask("POST", "/api/chat", body), status)
    assert (await visitor.history()).texts == []


async def test_a_body_of_unknown_length_is_bounded_too(visitor: WebClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    headers = {"Authorization": f"Bearer {visitor.token}"}
    url = f"{visitor.url}/api/chat"
    async with visitor.http.post(url, data=endless(), headers=headers) as response:
        assert response.status == 413


async def test_text_of_any_kind_comes_back_unchanged(visitor: WebClient) -> None:
    text = "<b>&amp;</b> \u202e 🧑‍🚀 'q' \"q\" \\ \t\nline two\r\n{name} %s"
    assert (await visitor.say(text)).texts == [f"echo: {text}"]


async def test_a_wrong_method_is_named(visitor: WebClient) -> None:
    answer = await visitor.ask("PUT", "/api/session")
    refused(answer, 405)
    assert answer.headers["Allow"] == "DELETE, GET, PATCH, POST"


async def test_a_session_gets_another_name(visitor: WebClient) -> None:
    answer = await visitor.ask("PATCH", "/api/session", {"name": "My dog"})
    assert models.Session.model_validate(answer.json).name == "My dog"
    assert (await visitor.ask("GET", "/api/session")).json == answer.json
    refused(await visitor.ask("PATCH", "/api/session", {"name": "x" * 201}), 422)
    refused(await visitor.ask("PATCH", "/api/session", {}), 422)
    refused(await visitor.ask("PATCH", "/api/session", {"name": "x", "agent": "demo"}), 422)
    emptied = await visitor.ask("PATCH", "/api/session", {"name": ""})
    assert emptied.json["name"] == ""


async def test_messages_are_found_by_a_part_of_them(visitor: WebClient, other: WebClient) -> None:
    for text in ("Tea at five", "100% sure", "more TEA_"):
        await visitor.say(text)

    async def found(client: WebClient, query: str) -> list[str]:
        answer = await client.ask("GET", f"/api/chat/search?{query}")
        models.Found.model_validate(answer.json)
        return answer.texts

    assert await found(visitor, "q=tea") == [
        "echo: more TEA_", "more TEA_", "echo: Tea at five", "Tea at five",
    ]  # fmt: skip
    assert await found(visitor, "q=tea&limit=1") == ["echo: more TEA_"]
    assert await found(visitor, "q=0%25") == ["echo: 100% sure", "100% sure"]
    assert await found(visitor, "q=_") == ["echo: more TEA_", "more TEA_"]
    assert await found(visitor, "q=coffee") == []
    assert await found(other, "q=tea") == []


@pytest.mark.parametrize("query", ["", "q=", "q=%20", f"q={'x' * 201}", "q=x&limit=0", "q=x&a=b"])
async def test_a_search_needs_something_to_look_for(visitor: WebClient, query: str) -> None:
    refused(await visitor.ask("GET", f"/api/chat/search?{query}"), 422)


# Commands


async def test_commands_are_answered_beside_the_conversation(visitor: WebClient) -> None:
    answer = await visitor.say("/help")
    assert "/reset" in answer.texts[0]
    assert all(message["notice"] for message in answer.json["messages"])
    assert [m["notice"] for m in (await visitor.history()).json["messages"]] == [True, True]


@pytest.mark.parametrize("command", ["/reset", "/RESET", "/new"])
async def test_a_reset_changes_the_token(visitor: WebClient, command: str) -> None:
    await visitor.say("remember me")
    answer = await visitor.say(command)
    chat = models.Chat.model_validate(answer.json)
    assert chat.session is not None
    assert [(m.id, m.role, m.notice) for m in chat.messages] == [(0, "system", True)]
    refused(await visitor.say("hello?"), 401)
    visitor.token = chat.session.token
    assert (await visitor.history()).texts == []
    assert (await visitor.say("hello")).texts == ["echo: hello"]


async def test_a_new_session_may_begin_with_a_message(visitor: WebClient) -> None:
    await visitor.say("remember me")
    answer = await visitor.say("/new hello\nthere", message_id="m")
    assert answer.texts[1:] == ["echo: hello\nthere"]
    visitor.token = answer.json["session"]["token"]
    assert (await visitor.history()).texts == ["hello\nthere", "echo: hello\nthere"]


async def test_a_reset_by_request(visitor: WebClient) -> None:
    before = await visitor.ask("GET", "/api/session")
    answer = await visitor.ask("POST", "/api/session/reset")
    ticket = models.Ticket.model_validate(answer.json)
    assert ticket.session_id != before.json["session_id"]
    refused(await visitor.ask("POST", "/api/session/reset"), 401)
    visitor.token = ticket.token
    assert (await visitor.say("hello")).texts == ["echo: hello"]


async def test_a_reset_cancels_what_runs_and_what_waits(
    own: GatewayProcess, http: aiohttp.ClientSession
) -> None:
    client = WebClient(http, own.base_url)
    await client.open(agent="slow")
    running = asyncio.create_task(client.say("hang"))
    await own.until_hanging()
    waiting = asyncio.create_task(client.say("wait 20"))
    await own.until_waiting(2)
    assert (await client.ask("POST", "/api/session/reset")).status == 200
    for answer in await asyncio.gather(running, waiting):
        assert answer.status == 200
        assert answer.json["task"]["state"] == "canceled"


# Questions


@pytest.mark.parametrize(
    "said", [{"text": "coffee"}, {"text": "2"}, {"option": 1}], ids=["label", "number", "button"]
)
async def test_a_choice_is_answered(client: WebClient, said: dict[str, Any]) -> None:
    await client.open(agent="demo")
    asked = await client.say("ask me something")
    assert asked.json["task"]["state"] == "input-required"
    question = models.Message.model_validate(asked.json["messages"][-1]).question
    assert question is not None
    assert question.options == ["Tea", "Coffee", "Water"]
    if "option" in said:
        said["question"] = question.id
    answer = await client.ask("POST", "/api/chat", said)
    assert answer.texts[0].startswith("Coffee")
    assert answer.json["task"] == {"id": asked.json["task"]["id"], "state": "completed"}
    assert "Coffee" in (await client.history()).texts


async def test_an_open_question_is_in_the_history_until_it_is_answered(client: WebClient) -> None:
    await client.open(agent="demo")
    await client.say("ask me something")
    assert "question" in (await client.history()).json["messages"][-1]
    await client.say("tea")
    assert not any("question" in m for m in (await client.history()).json["messages"])


async def test_a_late_button_is_told_so(client: WebClient, other: WebClient) -> None:
    await client.open(agent="demo")
    asked = await client.say("ask me something")
    press = {"question": asked.json["messages"][-1]["question"]["id"], "option": 0}
    assert "no longer" in (await other.ask("POST", "/api/chat", press)).texts[0]
    assert (await client.ask("POST", "/api/chat", press)).texts[0].startswith("Tea")
    assert "no longer" in (await client.ask("POST", "/api/chat", press)).texts[0]


async def test_each_turn_of_a_task_is_answered_with_its_own_messages(client: WebClient) -> None:
    await client.open(agent="demo")
    first = await client.say("interview me", message_id="1")
    second = await client.say("sleep", message_id="2")
    third = await client.say("sleep more", message_id="3")
    assert [len(answer.texts) for answer in (first, second, third)] == [1, 1, 1]
    again = await client.say("sleep", message_id="2")
    assert again.texts == second.texts


# Streams


async def test_an_answer_is_streamed(client: WebClient) -> None:
    await client.open(agent="demo")
    async with client.stream("POST", "/api/chat", {"text": "count to five"}) as stream:
        events = [event async for event in stream]
    kinds = [event.kind for event in events]
    assert kinds[0] == "task"
    assert kinds[-3:] == ["message", "task", "done"]
    deltas = [event for event in events if event.kind == "delta"]
    assert len(deltas) > 3
    done = models.Chat.model_validate(events[-1].data)
    assert "".join(event.data["text"] for event in deltas) == done.messages[0].text
    assert events[-3].id == str(done.messages[0].id)
    assert not any(event.id for event in events if event.kind != "message")


async def test_steps_and_early_messages_are_streamed(client: WebClient) -> None:
    await client.open(agent="demo")
    async with client.stream("POST", "/api/chat", {"text": "work"}) as stream:
        kinds = [event.kind for event in await collect(stream, "done")]
    assert kinds.count("step") == 3
    assert kinds.count("message") == 2
    assert kinds.index("message") < kinds.index("delta")


async def test_a_repeated_post_streams_the_same_messages(client: WebClient) -> None:
    await client.open(agent="demo")
    body = {"text": "count to three", "message_id": "m"}
    async with client.stream("POST", "/api/chat", body) as stream:
        first = await collect(stream, "done")
    async with client.stream("POST", "/api/chat", body) as stream:
        again = await collect(stream, "done")
    assert [event.kind for event in again] == ["task", "message", "done"]
    assert again[-1] == first[-1]


async def test_a_typed_answer_is_streamed_under_the_task_that_asked(client: WebClient) -> None:
    await client.open(agent="demo")
    asked = await client.say("ask me something")
    async with client.stream("POST", "/api/chat", {"text": "water"}) as stream:
        events = await collect(stream, "done")
    assert events[-1].data["task"]["id"] == asked.json["task"]["id"]
    assert "delta" in {event.kind for event in events}


async def test_a_streamed_reset_tells_the_token_first(visitor: WebClient) -> None:
    async with visitor.stream("POST", "/api/chat", {"text": "/new hello"}) as stream:
        events = await collect(stream, "done")
    assert [event.kind for event in events[:2]] == ["session", "message"]
    assert events[-1].data["session"] == events[0].data
    assert events[1].id == ""


async def test_a_refusal_is_no_stream(visitor: WebClient) -> None:
    headers = {"Accept": "text/event-stream"}
    refused(await visitor.ask("POST", "/api/chat", {"text": ""}, headers), 422)


async def test_the_session_is_watched_and_resumed(visitor: WebClient) -> None:
    await visitor.say("before")
    async with visitor.stream("GET", "/api/chat/events") as stream:
        posted = asyncio.create_task(visitor.say("one"))
        live = await collect(stream, "task")
        await posted
    messages = [event for event in live if event.kind == "message"]
    assert [(m.id, m.data["role"], m.data["text"]) for m in messages] == [
        ("3", "user", "one"),
        ("4", "assistant", "echo: one"),
    ]
    await visitor.say("two")
    async with visitor.stream("GET", "/api/chat/events", None, {"Last-Event-ID": "3"}) as stream:
        missed = [await anext(stream) for _ in range(3)]
        assert [event.data["text"] for event in missed] == ["echo: one", "two", "echo: two"]
        posted = asyncio.create_task(visitor.say("three"))
        live = await collect(stream, "task")
        await posted
        assert [event.id for event in live if event.kind == "message"] == ["7", "8"]


async def test_every_window_of_a_session_sees_everything(visitor: WebClient) -> None:
    async with (
        visitor.stream("GET", "/api/chat/events") as one,
        visitor.stream("GET", "/api/chat/events") as two,
    ):
        posted = asyncio.create_task(visitor.say("hello"))
        assert await collect(one, "task") == await collect(two, "task")
        await posted


async def test_a_stranger_sees_nothing(visitor: WebClient, other: WebClient) -> None:
    async with other.stream("GET", "/api/chat/events") as stream:
        await visitor.say("hello")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await anext(stream)


@pytest.mark.parametrize("how", ["/reset", "POST /api/session/reset", "DELETE /api/session"])
async def test_a_stream_ends_with_its_session(visitor: WebClient, how: str) -> None:
    async with visitor.stream("GET", "/api/chat/events") as stream:
        if how == "/reset":
            await visitor.say("/reset")
        else:
            method, _, path = how.partition(" ")
            await visitor.ask(method, path)
        assert (await anext(stream)).kind == "ended"
        assert await anext(stream, None) is None


async def test_a_stream_says_that_what_was_said_is_erased(visitor: WebClient) -> None:
    await visitor.say("hello")
    async with visitor.stream("GET", "/api/chat/events") as stream:
        await visitor.say("/forget yes")
        kinds = [event.kind for event in await collect(stream, "message")]
        assert kinds.count("cleared") == 1
    # Also to whoever was away meanwhile, and only to them.
    (receipt,) = (await visitor.history()).json["messages"]
    for last, cleared in ((2, 1), (receipt["id"], 0)):
        headers = {"Last-Event-ID": str(last)}
        async with visitor.stream("GET", "/api/chat/events", headers=headers) as stream:
            await visitor.say("hello again")
            kinds = [event.kind for event in await collect(stream, "message")]
            assert kinds.count("cleared") == cleared


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 30])
async def test_a_resumption_needs_a_number(visitor: WebClient, last: str) -> None:
    headers = {"Last-Event-ID": last}
    refused(await visitor.ask("GET", "/api/chat/events", None, headers), 400)


# Descriptions and pages


async def test_the_description_is_true(client: WebClient) -> None:
    described = (await client.ask("GET", "/openapi.json")).json
    assert described["openapi"].startswith("3.")

    def check(method: str, path: str, answer: Answer) -> None:
        response = described["paths"][path][method]["responses"][str(answer.status)]
        kind = answer.headers["Content-Type"]
        schema = {"components": described["components"], **response["content"][kind]["schema"]}
        jsonschema.Draft202012Validator(schema).validate(answer.json)

    check("post", "/api/session", await client.open(agent="demo"))
    check("post", "/api/chat", await client.say("ask me something"))
    check("post", "/api/chat", await client.say("count to ten", wait=0.01))
    check("post", "/api/chat", await client.say(""))
    check("get", "/api/chat/history", await client.history())
    check("get", "/api/session", await client.ask("GET", "/api/session"))
    check("get", "/api/chat/search", await client.ask("GET", "/api/chat/search?q=a"))
    check("patch", "/api/session", await client.ask("PATCH", "/api/session", {"name": "x"}))
    check("patch", "/api/session", await client.ask("PATCH", "/api/session", {"name": 1}))
    check("post", "/api/files", await client.ask("POST", "/api/files", {}))
    check("get", "/api/chat/tasks/{task_id}", await client.ask("GET", "/api/chat/tasks/1"))
    check("post", "/api/chat", await client.say("/reset"))
    check("get", "/api/session", await client.ask("GET", "/api/session"))


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/chat/demo", 200), ("/chat/secret", 404), ("/docs", 200), ("/static/a.js", 404)],
)
async def test_pages_allow_nothing_from_elsewhere(
    client: WebClient, path: str, status: int
) -> None:
    answer = await client.ask("GET", path)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert b"Ask &lt;us&gt; &amp; &quot;them&quot;" in answer.body
    assert b"Ask <us>" not in answer.body
    assert b"style=" not in answer.body


async def test_pages_are_not_sent_twice(client: WebClient) -> None:
    first = await client.ask("GET", "/static/chat.js")
    packed = await client.ask("GET", "/static/chat.js", None, {"Accept-Encoding": "gzip"})
    assert len(packed.body) < len(first.body) / 2
    again = await client.ask(
        "GET", "/static/chat.js", None, {"If-None-Match": first.headers["ETag"]}
    )
    assert (again.status, again.body) == (304, b"")


# What only a gateway of one's own can show


@pytest.fixture
async def own(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[GatewayProcess]:
    config = {**CONFIG, "gateway": {"shutdown_grace": 0.3}}
    async with GatewayProcess(config, tmp_path_factory.mktemp("own")) as process:
        yield process


async def test_everything_survives_a_crash(
    own: GatewayProcess, http: aiohttp.ClientSession
) -> None:
    client = WebClient(http, own.base_url)
    await client.open(agent="demo")
    first = await client.say("ask me something", message_id="m1")
    own.kill()
    await own.start()
    assert (await client.say("ask me something", message_id="m1")).json == first.json
    refused(await client.say("something else", message_id="m1"), 409)
    assert (await client.say("tea")).texts[0].startswith("Tea")
    async with client.stream("GET", "/api/chat/events", None, {"Last-Event-ID": "0"}) as stream:
        assert [(await anext(stream)).id for _ in range(4)] == ["1", "2", "3", "4"]


async def test_an_interrupted_post_can_be_repeated(
    own: GatewayProcess, http: aiohttp.ClientSession
) -> None:
    client = WebClient(http, own.base_url)
    await client.open(agent="slow")
    posted = asyncio.create_task(client.say("hang", message_id="m"))
    await own.until_hanging()
    own.kill()
    with pytest.raises(aiohttp.ClientError):
        await posted
    await own.start()
    assert (await client.say("hang", message_id="m")).texts == ["done hang"]
    assert (await client.history()).texts == ["hang", "done hang"]


async def test_a_stop_ends_streams_and_waiting_posts(
    own: GatewayProcess, http: aiohttp.ClientSession
) -> None:
    client = WebClient(http, own.base_url)
    await client.open(agent="slow")
    async with client.stream("GET", "/api/chat/events") as stream:
        posted = asyncio.create_task(client.say("hang", message_id="m"))
        await own.until_hanging()
        began = time.monotonic()
        stopped = asyncio.create_task(own.stop())
        answer = await posted
        assert {event.kind async for event in stream} <= {"delta"}
    assert answer.status == 202
    assert await stopped == 0
    # A stream that went on would be waited for five seconds.
    assert time.monotonic() - began < 5
    await own.start()
    assert (await client.say("hang", message_id="m")).texts == ["done hang"]
    assert (await client.history()).texts == ["hang", "done hang"]


async def test_too_many_messages(
    tmp_path_factory: pytest.TempPathFactory, http: aiohttp.ClientSession
) -> None:
    config = {**CONFIG, "limits": {"messages_per_minute": 3}}
    async with GatewayProcess(config, tmp_path_factory.mktemp("limited")) as process:
        client = WebClient(http, process.base_url)
        await client.open()
        answers = [await client.say(str(number)) for number in range(5)]
        assert [answer.status for answer in answers[:3]] == [200] * 3
        refused(answers[-1], 429)
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 60


async def test_a_page_for_known_users_only(
    tmp_path_factory: pytest.TempPathFactory, http: aiohttp.ClientSession
) -> None:
    page = {**CONFIG["channels"]["page"], "anonymous": False}
    config = {**CONFIG, "channels": {"page": page}}
    async with GatewayProcess(config, tmp_path_factory.mktemp("private")) as process:
        refused(await WebClient(http, process.base_url).ask("POST", "/api/session", {}), 401)


async def test_a_name_given_either_way_stays_until_the_next(visitor: WebClient) -> None:
    await visitor.say("hello")
    for name in ("one", "two"):
        await visitor.ask("PATCH", "/api/session", {"name": f"patched {name}"})
        await visitor.say("something in between")
        assert (await visitor.ask("GET", "/api/session")).json["name"] == f"patched {name}"
        await visitor.say(f"/name typed {name}")
        assert (await visitor.ask("GET", "/api/session")).json["name"] == f"typed {name}"
