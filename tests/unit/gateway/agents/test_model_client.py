"""What a model's server may send, byte by byte, and what is sent to it."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agents import model_http
from gateway.agents.model import LlmAgent
from gateway.agents.model_client import MOST_UNSEEN
from gateway.agents.model_errors import NoModel
from gateway.agents.model_settings import LlmSettings
from gateway.domain import Role
from gateway.errors import ModelFailed, Unavailable
from gateway.testing.agent import answer_text, make_turn, run_turn
from gateway.testing.openai import ModelServer

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
DONE = b"data: [DONE]\n\n"


def event(delta: dict[str, Any] | None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + orjson.dumps({"choices": [choice]}) + b"\n\n"


@asynccontextmanager
async def agent_of(handler: Handler, **keys: Any) -> AsyncIterator[LlmAgent]:
    """An agent whose server is `handler`."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    agent = LlmAgent("a", LlmSettings(**{"model": "m", "base_url": url, **keys}))
    try:
        yield agent
    finally:
        await agent.aclose()
        await runner.cleanup()


async def heard(*data: bytes, hold: float = 0.0, **keys: Any) -> str:
    """What a person hears of a stream of these bytes, after which the server says nothing."""

    async def speak(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for each in data:
            await response.write(each)
            await asyncio.sleep(0)
        await asyncio.sleep(hold)
        return response

    async with agent_of(speak, **keys) as agent:
        return answer_text(await run_turn(agent, make_turn()))


STOP = event({}, "stop")


@given(st.text(), st.integers(1, 7))
@settings(max_examples=25, deadline=None)
def test_however_the_bytes_arrive_the_text_is_the_same(text: str, size: int) -> None:
    data = b"".join(event({"content": letter}) for letter in text) + STOP + DONE
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert asyncio.run(heard(*pieces)) == text.lstrip()


@pytest.mark.parametrize(
    "data",
    [
        b": OPENROUTER PROCESSING\n\n",
        b"event: ping\ndata: {}\n\n",
        b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 0}}\n\n',
        b'data: {"choices": null}\n\n',
        b'data: {"choices": [{"delta": null}]}\n\n',
        event({"role": "assistant", "content": "", "refusal": None}),
    ],
)
async def test_what_says_nothing_is_no_beginning(data: bytes) -> None:
    with pytest.raises(Unavailable, match="said nothing"):
        await heard(data, hold=1.0, first_token=0.1)
    assert await heard(data, event({"content": "Yes"}), STOP) == "Yes"


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "Hm"},
        {"reasoning": "Hm"},
        {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "x", "arguments": ""}}]},
    ],
)
async def test_thoughts_and_tools_are_a_beginning_but_not_shown(delta: dict[str, Any]) -> None:
    with pytest.raises(ModelFailed, match="fell silent"):
        await heard(event(delta), hold=1.0, stall=0.1)
    assert await heard(event(delta), event({"content": "Yes"}), STOP) == "Yes"


async def test_dialects() -> None:
    whole = b'data:{"choices":[{"delta":{"content":"no space"},"finish_reason":"stop"}]}\r\n\r\n'
    assert await heard(whole) == "no space"
    parts = [{"type": "text", "text": "a"}, {"type": "thinking"}, {"type": "text", "text": "b"}]
    assert await heard(event({"content": parts}), STOP) == "ab"
    assert await heard(event({"content": "x"}), event({}, "eos"), DONE) == "x"


@pytest.mark.parametrize("opened", ["<think>", "<think>Hm"])
@pytest.mark.parametrize("closed", ["</think>", "</think>\n\n"])
async def test_tags_of_a_thought_may_be_pieces_or_parts_of_them(opened: str, closed: str) -> None:
    said = [event({"content": each}) for each in (opened, "SECRET", closed, "Yes")]
    assert await heard(*said, STOP) == "Yes"


async def test_an_answer_that_has_ended_has_ended() -> None:
    """Whatever the server does with the line then."""
    said = (event({"content": "Yes"}), STOP)
    assert await heard(*said, hold=1.0, stall=0.1) == "Yes"
    assert await heard(*said, b"data: {\n\n") == "Yes"


@pytest.mark.parametrize("end", [b"", DONE, b"data: [DONE]"])
async def test_without_a_reason_to_end_it_has_broken_off(end: bytes) -> None:
    with pytest.raises(ModelFailed, match="broke off"):
        await heard(event({"content": "Yes, but"}), end)


@pytest.mark.parametrize(
    "data", [b"data: {\n\n", b"data: 3\n\n", b"data: [1]\n\n", b"data: \xff\n\n"]
)
async def test_what_is_no_chunk_fails(data: bytes) -> None:
    with pytest.raises(ModelFailed, match=r"not JSON|no chunk"):
        await heard(event({"content": "Yes"}), data, STOP)


async def test_an_event_without_end_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_http, "LONGEST_LINE", 500)
    with pytest.raises(ModelFailed, match="more than 500 bytes"):
        await heard(event({"content": "Yes"}), b"data: " + b"x" * 490, b"x" * 20)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"code": 502, "message": "gone"}, "answers 502: gone"),
        ({"code": "rate_limit_exceeded", "message": "slow"}, "answers 429: slow"),
        ({"message": "who knows"}, "answers 500: who knows"),
        ("just words", "answers 500"),
    ],
)
async def test_an_error_at_the_start_of_a_stream_is_somebody_away(error: Any, words: str) -> None:
    with pytest.raises(Unavailable, match=words):
        await heard(b"data: " + orjson.dumps({"error": error}) + b"\n\n")


async def test_a_page_of_errors_is_read_only_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_http, "ERROR_BYTES", 1000)
    sent = 0

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        while True:
            await response.write(b"x" * 1000)
            sent += 1
            await asyncio.sleep(0.001)

    async with agent_of(endless, first_token=5) as agent:
        with pytest.raises(Unavailable, match="answers 500"):
            await run_turn(agent, make_turn())
    assert sent < 1000


# what is sent


AMBIENT = {
    "OPENAI_API_KEY": "sk-ambient-key-1234567890",
    "OPENAI_ADMIN_KEY": "sk-ambient-admin-1234567890",
    "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
    "OPENAI_ORG_ID": "org-ambient",
    "OPENAI_PROJECT_ID": "proj-ambient",
    "OPENAI_CUSTOM_HEADERS": "X-Ambient: ambient\nAuthorization: Bearer ambient",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "ALL_PROXY": "http://127.0.0.1:1",
}


@pytest.mark.parametrize("key", [None, "sk-configured-key-1234567890"])
async def test_nothing_of_the_environment_is_sent(
    monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    for name, value in AMBIENT.items():
        monkeypatch.setenv(name, value)
    told: list[dict[str, str]] = []

    async def curious(request: web.BaseRequest) -> web.StreamResponse:
        told.append({name.lower(): value for name, value in request.headers.items()})
        return web.json_response(
            {"data": [{"id": "m"}]}, status=200 if request.path.endswith("/models") else 400
        )

    async with agent_of(curious, api_key=key) as agent:
        with pytest.raises(ModelFailed, match="400"):
            await run_turn(agent, make_turn())
        told.clear()
        await agent.check()
        with pytest.raises(ModelFailed, match="400"):
            await run_turn(agent, make_turn())
    wanted = {"accept", "accept-encoding", "connection", "host", "user-agent"}
    wanted |= {"authorization"} if key else set()
    assert [headers.keys() - {"content-type", "content-length"} for headers in told] == [wanted] * 2
    assert [headers.get("authorization") for headers in told] == [key and f"Bearer {key}"] * 2
    assert "ambient" not in str(told)


def test_the_libraries_print_and_log_nothing() -> None:
    """Not even where they are asked to: what people say is not for the log."""
    program = (
        "import asyncio\n"
        "from gateway.agents.model import LlmAgent\n"
        "from gateway.agents.model_settings import LlmSettings\n"
        "from gateway.testing.agent import make_turn, run_turn\n"
        "from gateway.testing.openai import ModelServer\n"
        "async def main():\n"
        "    async with ModelServer() as server:\n"
        "        agent = LlmAgent('a', LlmSettings(**server.agent()))\n"
        "        assert await run_turn(agent, make_turn())\n"
        "        await agent.aclose()\n"
        "asyncio.run(main())\n"
    )
    env = {"PATH": "/usr/bin:/bin", "OPENAI_LOG": "debug", "AI_AGENT": "somebody"}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert logging.getLogger("openai").level == logging.WARNING


async def test_words_of_the_system_stand_where_they_were_said() -> None:
    async with ModelServer(alternate=False) as server:
        agent = LlmAgent("a", LlmSettings(**server.agent(instructions="Be kind.")))
        history = [("user", "one"), ("assistant", "yes"), (str(Role.SYSTEM), "note")]
        await run_turn(agent, make_turn("two", messages=history))
        await agent.aclose()
    assert [(m["role"], m["content"]) for m in server.requests[0].messages] == [
        ("system", "Be kind."),
        ("user", "one"),
        ("assistant", "yes"),
        ("system", "note"),
        ("user", "two"),
    ]


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "hm " * 10_000},
        {"content": "<think>" + "hm " * 10_000},
        {
            "tool_calls": [
                {"index": 0, "id": "c", "function": {"name": "f", "arguments": "1" * 30_000}}
            ]
        },
    ],
    ids=["reasoning", "tags", "arguments"],
)
async def test_what_nobody_sees_has_an_end_too(delta: dict[str, Any]) -> None:
    data = [event(delta) for _ in range(MOST_UNSEEN // 30_000 + 1)]
    with pytest.raises(ModelFailed, match="without end"):
        await heard(*data, STOP, DONE)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, {"code": "model_not_found", "message": "The model `m` does not exist"}),
        (404, {"message": 'model "m" not found, try pulling it first'}),
        (400, {"message": "m is not a valid model ID"}),
        (400, {"message": "Invalid model: m", "type": "invalid_model"}),
        (400, {"message": "Model Not Exist"}),
        (403, {"code": "model_not_found", "message": "Project `p` has no access to model `m`"}),
        (404, {"message": "page not found"}),
        (400, {"message": "this model does not take pictures"}),
    ],
)
async def test_a_model_that_is_not_there_is_told_from_other_mistakes(
    status: int, error: dict[str, str]
) -> None:
    async def refuse(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"error": error}, status=status)

    async with agent_of(refuse) as agent:
        with pytest.raises(ModelFailed) as raised:
            await run_turn(agent, make_turn())
    other = error["message"] in {"page not found", "this model does not take pictures"}
    assert isinstance(raised.value, NoModel) is not other
