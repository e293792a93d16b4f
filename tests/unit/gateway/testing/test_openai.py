"""The simulated model: what it takes, what it refuses, how it breaks down."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from gateway.testing.openai import Call, ModelFault, ModelServer, numbered

KEY = "sk-simulated"
USER = {"role": "user", "content": "hi"}
ANSWER = {"role": "assistant", "content": "hello"}


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(api_key=KEY) as server:
        yield server


async def ask(
    server: ModelServer, *messages: Any, key: str = KEY, model: str = "test-model", **more: Any
) -> tuple[int, str]:
    """Status and body of one call."""
    body = orjson.dumps({"model": model, "messages": list(messages) or [USER], **more})
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{server.url}/chat/completions"
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, data=body, headers=headers) as response,
    ):
        return response.status, await response.text()


def chunks(body: str) -> list[dict[str, Any]]:
    events = [line[6:] for line in body.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    return [orjson.loads(event) for event in events[:-1]]


def streamed(body: str) -> str:
    found = [c["choices"][0]["delta"].get("content") for c in chunks(body) if c["choices"]]
    return "".join(filter(None, found))


async def test_answers_whole_and_streamed(server: ModelServer) -> None:
    status, body = await ask(server)
    assert (status, orjson.loads(body)["choices"][0]["message"]["content"]) == (
        200,
        "1: hi after nothing",
    )
    status, body = await ask(server, USER, ANSWER, {**USER, "content": "so"}, stream=True)
    assert streamed(body) == "2: so after hi"
    assert chunks(body)[-1]["choices"][0]["finish_reason"] == "stop"
    assert [request.texts for request in server.requests] == [("hi",), ("hi", "so")]


async def test_says_what_it_used_when_asked(server: ModelServer) -> None:
    _, body = await ask(server, stream=True, stream_options={"include_usage": True})
    assert chunks(body)[-1]["usage"]["total_tokens"] == 4
    assert chunks(body)[-1]["choices"] == []


async def test_has_a_list_of_models(server: ModelServer) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{server.url}/models", headers=headers) as response,
    ):
        assert [model["id"] for model in (await response.json())["data"]] == ["test-model"]


def test_numbered_shows_what_was_told() -> None:
    assert numbered(["a"]) == "1: a after nothing"
    assert numbered(["a", "b", "c"]) == "3: c after a|b"


@pytest.mark.parametrize(
    ("messages", "more"),
    [
        ([{"role": "robot", "content": "hi"}], {}),
        ([{"role": "user"}], {}),
        ([{"role": "user", "content": []}], {}),
        ([{"role": "user", "content": [{"type": "text", "text": ""}]}], {}),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}], {}),
        ([{"role": "user", "content": [{"type": "sound"}]}], {}),
        ([ANSWER], {}),
        ([USER, USER], {}),
        ([USER, ANSWER], {}),
        ([USER], {"temperature": 3}),
        ([USER], {"max_tokens": 0}),
        ([USER], {"colour": "red"}),
    ],
)
async def test_refuses_what_real_servers_refuse(
    server: ModelServer, messages: list[Any], more: dict[str, Any]
) -> None:
    status, body = await ask(server, *messages, **more)
    assert status == 400
    assert orjson.loads(body)["error"]["message"]
    assert len(server.refusals) == 1
    assert not server.requests


async def test_refuses_strangers_and_unknown_models(server: ModelServer) -> None:
    assert (await ask(server, key="sk-other"))[0] == 401
    status, body = await ask(server, model="gpt-none")
    assert (status, orjson.loads(body)["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("fault", "status", "pattern"),
    [
        (ModelFault.RATE_LIMIT, 429, "Rate limit"),
        (ModelFault.SERVER_ERROR, 500, "server had an error"),
        (ModelFault.TOO_LONG, 400, "context_length_exceeded"),
        (ModelFault.HTML, 200, "<html>"),
        (ModelFault.NO_EVENTS, 200, "Bad gateway"),
        (ModelFault.EMPTY, 200, r"\[DONE\]"),
        (ModelFault.TOOL_CALL, 200, "weather"),
        (ModelFault.REFUSAL, 200, r"refusal.:.I cannot"),
        (ModelFault.THINKING, 200, "<thi"),
        (ModelFault.FILTERED, 200, "content_filter"),
        (ModelFault.LENGTH, 200, "length"),
        (ModelFault.ERROR_MIDWAY, 200, "overloaded"),
        (ModelFault.BROKEN_JSON, 200, r'"content": "\n'),
    ],
)
async def test_faults_happen_once(
    server: ModelServer, fault: ModelFault, status: int, pattern: str
) -> None:
    server.fail_next(fault)
    got, body = await ask(server, stream=True)
    assert got == status
    assert re.search(pattern, body)
    assert streamed((await ask(server, stream=True))[1]) == "1: hi after nothing"


@pytest.mark.parametrize("fault", [ModelFault.RESET, ModelFault.CUT_OFF])
async def test_connections_break(server: ModelServer, fault: ModelFault) -> None:
    server.fail_next(fault)
    with pytest.raises(aiohttp.ClientError):
        await ask(server, stream=True)
    assert (await ask(server))[0] == 200


@pytest.mark.parametrize("fault", [ModelFault.STALL, ModelFault.STALL_MIDWAY, ModelFault.ENDLESS])
async def test_it_notices_who_hangs_up(server: ModelServer, fault: ModelFault) -> None:
    server.fail_next(fault)
    asking = asyncio.create_task(ask(server, stream=True))
    await server.wait_until(lambda: len(server.requests) == 1)
    await asyncio.sleep(0.02)
    assert server.hung_up == 0
    asking.cancel()
    await server.wait_until(lambda: server.hung_up == 1)


async def test_faults_are_for_whom_they_are_meant(server: ModelServer) -> None:
    server.fail_next(ModelFault.SERVER_ERROR, only=lambda request: "bad" in request.texts)
    assert (await ask(server))[0] == 200
    assert (await ask(server, {**USER, "content": "bad"}))[0] == 500
    server.fail_next(ModelFault.RATE_LIMIT, seconds=1.0, retry_after=2)
    assert [(await ask(server))[0] for _ in range(3)] == [429] * 3
    await asyncio.sleep(1.0)
    assert (await ask(server))[0] == 200
    server.fail_next(ModelFault.SERVER_ERROR)
    server.clear_faults()
    assert (await ask(server))[0] == 200


async def test_a_context_has_an_end() -> None:
    async with ModelServer(context=10) as server:
        assert (await ask(server))[0] == 200
        assert "context_length" in (await ask(server, {**USER, "content": "x" * 11}))[1]
        assert not server.refusals


async def test_over_an_outage_it_keeps_its_address(server: ModelServer) -> None:
    url = server.url
    await server.outage(True)
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(server)
    await server.outage(False)
    assert server.url == url
    assert (await ask(server))[0] == 200


async def test_it_can_be_played_with(unused_tcp_port: int) -> None:
    module = ["-m", "gateway.testing.openai", "--pace", "0"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *module, "--port", str(unused_tcp_port)
    )
    try:
        async with asyncio.timeout(10):
            assert await _models(f"http://127.0.0.1:{unused_tcp_port}/v1/models") == 1
            process.terminate()
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _models(url: str) -> int:
    """How many there are, once the server is up."""
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url) as response:
                    return len((await response.json())["data"])
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.02)


# tools


TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
CALLED = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALLED]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "nothing"}


async def test_calls_are_streamed_in_pieces(server: ModelServer) -> None:
    server.call_next(Call("look", {"where": "everywhere"}), Call("wait"), saying="Well.")
    status, body = await ask(server, stream=True)
    assert (status, streamed(body)) == (200, "1: hi after nothing"), "it was offered no tools"
    _, body = await ask(server, stream=True, tools=[TOOL])
    assert streamed(body) == "Well."
    choices = [chunk["choices"][0] for chunk in chunks(body)]
    parts = [part for each in choices for part in each["delta"].get("tool_calls", ())]
    assert [part["function"]["name"] for part in parts if "id" in part] == ["look", "wait"]
    for index, given in enumerate(('{"where":"everywhere"}', "{}")):
        own = [part["function"]["arguments"] for part in parts if part["index"] == index]
        assert "".join(own) == given
    assert len(parts) > 4
    assert choices[-1]["finish_reason"] == "tool_calls"
    assert server.requests[-1].tools == ("look",)


async def test_results_stand_between_a_question_and_its_answer(server: ModelServer) -> None:
    status, _ = await ask(server, USER, CALLING, RESULT, tools=[TOOL], stream=True)
    assert status == 200
    assert server.requests[-1].results == ("nothing",)
    status, _ = await ask(server, USER, CALLING, RESULT, ANSWER, USER, tools=[TOOL])
    assert status == 200


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([USER, CALLING], "without their tool messages"),
        ([USER, CALLING, USER], "must be followed by tool messages"),
        ([USER, RESULT], "must follow its 'tool_calls'"),
        ([USER, CALLING, RESULT, RESULT], "must follow its 'tool_calls'"),
        ([USER, {**CALLING, "tool_calls": [{"id": "c1"}]}, RESULT], "Invalid 'tool_calls'"),
        (
            [
                USER,
                {
                    **CALLING,
                    "tool_calls": [{**CALLED, "function": {"name": "look", "arguments": "{"}}],
                },
                RESULT,
            ],
            "Invalid 'arguments'",
        ),
    ],
)
async def test_calls_and_results_that_do_not_fit_are_refused(
    server: ModelServer, messages: list[Any], words: str
) -> None:
    status, body = await ask(server, *messages, tools=[TOOL])
    assert status == 400
    assert words in body


@pytest.mark.parametrize("tools", [[{}], [{**TOOL, "function": {"name": "a b"}}], "look"])
async def test_what_is_no_tool_is_refused(server: ModelServer, tools: Any) -> None:
    status, body = await ask(server, tools=tools)
    assert status == 400
    assert "'tools" in body
