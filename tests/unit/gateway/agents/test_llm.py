"""A model's answers, and everything that can be wrong with them, as one agent meets it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from gateway.agents import model_client
from gateway.agents.llm import create
from gateway.agents.model import LlmAgent
from gateway.agents.model_answer import CUT, DECLINED, TOO_LONG, WITHHELD
from gateway.agents.model_errors import NEEDS_A_PERSON, RETRY_AFTER
from gateway.agents.model_settings import LlmSettings
from gateway.errors import ConfigurationError, GatewayError, LimitExceeded, ModelFailed, Unavailable
from gateway.ports.agent import Text, Turn
from gateway.testing.agent import answer_text, make_turn, run_turn
from gateway.testing.openai import ModelFault, ModelServer

KEY = "sk-very-secret-key-1234567890"
HELLO = "1: hello after nothing"
SECRET = {"api_key": KEY}
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    """A server of any kind; what `base_url` is to be."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(api_key=KEY) as server:
        yield server


@asynccontextmanager
async def agent_of(server: ModelServer, **keys: Any) -> AsyncIterator[LlmAgent]:
    agent = LlmAgent("assistant", LlmSettings(**server.agent(**keys)))
    try:
        yield agent
    finally:
        await agent.aclose()


async def said(agent: LlmAgent, turn: Turn | None = None) -> str:
    return answer_text(await run_turn(agent, turn or make_turn()))


async def test_answers_from_the_history_and_streams(server: ModelServer) -> None:
    history = [("user", "one"), ("assistant", "yes"), ("user", "two"), ("assistant", "good")]
    async with agent_of(server, instructions="Be kind.", temperature=0.5, max_tokens=9) as agent:
        assert await said(agent, make_turn("three", messages=history)) == "3: three after one|two"
    assert server.requests[0].messages[0] == {"role": "system", "content": "Be kind."}
    body = server.requests[0].body
    assert (body["temperature"], body["max_tokens"], body["stream"]) == (0.5, 9, True)
    assert not server.refusals


async def test_pieces_arrive_while_the_model_still_speaks(server: ModelServer) -> None:
    server.fail_next(ModelFault.SLOW, pace=0.05)
    async with agent_of(server) as agent:
        times = [time.monotonic() async for _ in agent.run(make_turn())]
    assert times[-1] - times[0] > 0.1


async def test_one_connection_serves_turn_after_turn(server: ModelServer) -> None:
    async with agent_of(server) as agent:
        for _ in range(3):
            assert await said(agent) == HELLO
    assert server.connections == 1


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (ModelFault.THINKING, HELLO),
        (ModelFault.SLOW, HELLO),
        (ModelFault.REFUSAL, "I cannot help with that."),
        (ModelFault.FILTERED, f"1: hello{WITHHELD}"),
        (ModelFault.LENGTH, f"1: hello{CUT}"),
    ],
)
async def test_unusual_answers_in_words(server: ModelServer, fault: ModelFault, text: str) -> None:
    server.fail_next(fault, pace=0.01)
    async with agent_of(server) as agent:
        assert await said(agent) == text


async def test_a_filter_that_lets_nothing_through_declines(server: ModelServer) -> None:
    server.fail_next(ModelFault.FILTERED, after=0)
    async with agent_of(server) as agent:
        assert await said(agent) == DECLINED


@pytest.mark.parametrize("fault", [ModelFault.EMPTY, ModelFault.TOOL_CALL])
async def test_an_empty_answer_is_asked_for_once_more(
    server: ModelServer, fault: ModelFault
) -> None:
    async with agent_of(server) as agent:
        server.fail_next(fault)
        assert await said(agent) == HELLO
        server.fail_next(fault, 2)
        assert await run_turn(agent, make_turn()) == []
    assert len(server.requests) == 4


async def test_nonsense_without_end_is_cut(server: ModelServer) -> None:
    server.fail_next(ModelFault.ENDLESS)
    async with agent_of(server, max_characters=5_000) as agent:
        text = await said(agent)
        assert len(text) == 5_000 + len(CUT)
        assert text.endswith(CUT)
        await server.wait_until(lambda: server.hung_up == 1)
        assert await said(agent) == HELLO


async def test_a_long_answer_is_not_cut_by_a_character(server: ModelServer) -> None:
    async with agent_of(server, max_characters=len(HELLO)) as agent:
        assert await said(agent) == HELLO
    async with agent_of(server, max_characters=len(HELLO) - 1) as agent:
        assert await said(agent) == HELLO[:-1] + CUT


# away: the turn waits, and no attempt burns


@pytest.mark.parametrize(
    ("fault", "retry_after", "expected"),
    [
        (ModelFault.RATE_LIMIT, 17.0, 17.0),
        (ModelFault.RATE_LIMIT, None, RETRY_AFTER),
        (ModelFault.SERVER_ERROR, None, RETRY_AFTER),
        (ModelFault.RESET, None, 1.0),
    ],
)
async def test_away_before_the_first_token(
    server: ModelServer, fault: ModelFault, retry_after: float | None, expected: float
) -> None:
    server.fail_next(fault, retry_after=retry_after)
    async with agent_of(server) as agent:
        with pytest.raises(Unavailable) as raised:
            await said(agent)
        assert raised.value.retry_after == expected
        assert len(server.requests) == 1, "the library must not try by itself"
        assert await said(agent) == HELLO


async def test_a_model_that_never_begins_is_away(server: ModelServer) -> None:
    server.fail_next(ModelFault.STALL)
    async with agent_of(server, first_token=0.2) as agent:
        with pytest.raises(Unavailable, match=r"said nothing for 0\.2 s"):
            await said(agent)
    await server.wait_until(lambda: server.hung_up == 1)


async def test_silence_after_the_headers_is_away_too(server: ModelServer) -> None:
    server.fail_next(ModelFault.STALL_MIDWAY, after=0)
    async with agent_of(server, first_token=0.2) as agent:
        with pytest.raises(Unavailable, match="said nothing"):
            await said(agent)


async def test_a_server_that_is_down_is_away(server: ModelServer) -> None:
    async with agent_of(server) as agent:
        await server.outage(True)
        with pytest.raises(Unavailable, match="the connection is refused"):
            await said(agent)
        await server.outage(False)
        assert await said(agent) == HELLO


async def test_a_host_that_does_not_exist_is_away() -> None:
    settings = LlmSettings(model="m", base_url="http://no-such-host.invalid/v1")
    agent = LlmAgent("assistant", settings)
    with pytest.raises(Unavailable, match=r"no-such-host\.invalid: there is no such host"):
        await said(agent)
    await agent.aclose()


async def test_a_wrong_key_is_named_and_never_shown(server: ModelServer) -> None:
    wrong = "sk-wrong-key-987654321"
    async with agent_of(server, api_key=wrong) as agent:
        with pytest.raises(Unavailable, match=r"agents\.assistant\.api_key is refused") as raised:
            await said(agent)
    assert raised.value.retry_after == NEEDS_A_PERSON
    assert wrong not in str(raised.value)


async def test_a_missing_key_is_named(server: ModelServer) -> None:
    agent = LlmAgent("assistant", LlmSettings(model="test-model", base_url=server.url))
    with pytest.raises(Unavailable, match=r"agents\.assistant\.api_key is missing"):
        await said(agent)
    await agent.aclose()


# failed: an attempt burns


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (ModelFault.CUT_OFF, "broke off"),
        (ModelFault.STALL_MIDWAY, r"fell silent for 0\.2 s"),
        (ModelFault.ERROR_MIDWAY, "broke off: .* overloaded"),
        (ModelFault.BROKEN_JSON, "not JSON"),
        (ModelFault.HTML, "text/html"),
    ],
)
async def test_an_answer_that_cannot_be_used(
    server: ModelServer, fault: ModelFault, words: str
) -> None:
    server.fail_next(fault)
    async with agent_of(server, stall=0.2) as agent:
        with pytest.raises(ModelFailed, match=words):
            await said(agent)
        assert len(server.requests) == 1
        assert await said(agent) == HELLO


async def test_a_stream_without_an_end_is_cut_off_or_away(server: ModelServer) -> None:
    server.fail_next(ModelFault.NO_EVENTS)
    async with agent_of(server) as agent:
        with pytest.raises(Unavailable, match="ended before it began"):
            await said(agent)


async def test_the_whole_answer_has_a_deadline(server: ModelServer) -> None:
    server.fail_next(ModelFault.SLOW, pace=0.15)
    async with agent_of(server, timeout=0.4) as agent:
        with pytest.raises(ModelFailed, match="timeout"):
            await said(agent)
    await server.wait_until(lambda: server.hung_up == 1)


async def test_an_unknown_model_is_a_failure_that_says_so(server: ModelServer) -> None:
    async with agent_of(server, model="gpt-none") as agent:
        with pytest.raises(ModelFailed, match=r"`gpt-none` does not exist.*agents\.assistant"):
            await said(agent)


async def test_too_long_a_history_is_halved_once() -> None:
    history = [(("user", "assistant")[n % 2], f"{n:04} " * 20) for n in range(10)]
    async with ModelServer(context=700) as server, agent_of(server) as agent:
        assert (await said(agent, make_turn("now", messages=history))).startswith("3: now after")
        assert len(server.requests) == 2
        assert not server.refusals
        with pytest.raises(LimitExceeded, match=TOO_LONG[:20]):
            await said(agent, make_turn("x" * 800, messages=history))
        assert len(server.requests) == 4
        with pytest.raises(LimitExceeded):
            await said(agent, make_turn("x" * 800))
        assert len(server.requests) == 5


async def test_leaving_hangs_up_at_once(server: ModelServer) -> None:
    server.fail_next(ModelFault.SLOW, pace=0.05)
    async with agent_of(server) as agent:
        async with aclosing(agent.run(make_turn())) as run:  # type: ignore[type-var]
            assert await anext(run) == Text("1: h")
        await server.wait_until(lambda: server.hung_up == 1)


@pytest.mark.parametrize("fault", [ModelFault.STALL, ModelFault.STALL_MIDWAY])
async def test_cancelling_hangs_up_at_once(server: ModelServer, fault: ModelFault) -> None:
    server.fail_next(fault)
    async with agent_of(server) as agent:
        running = asyncio.create_task(said(agent))
        await server.wait_until(lambda: len(server.requests) == 1)
        await asyncio.sleep(0.05)
        running.cancel()
        await server.wait_until(lambda: server.hung_up == 1)
        assert (await asyncio.gather(running, return_exceptions=True))[0].__class__ is (
            asyncio.CancelledError
        )


@pytest.mark.parametrize("fault", list(ModelFault))
async def test_the_key_is_in_no_error(server: ModelServer, fault: ModelFault) -> None:
    """Not even when the server says it back."""
    server.fail_next(fault, pace=0.0)
    async with agent_of(server, first_token=0.1, stall=0.1, max_characters=1000) as agent:
        try:
            text = await said(agent)
        except GatewayError as error:
            text = f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"
        assert KEY not in text
        assert KEY not in repr(agent._client.endpoint)


@pytest.mark.parametrize("status", [400, 401, 404, 413, 429, 500])
async def test_a_server_that_says_the_key_back_is_not_quoted(status: int) -> None:
    async def indiscreet(request: web.BaseRequest) -> web.StreamResponse:
        key = request.headers["Authorization"].removeprefix("Bearer ")
        words = f"{'x' * 273} your header is {key}"
        return web.json_response({"error": {"message": words, "code": KEY}}, status=status)

    async with served(indiscreet) as url:
        agent = LlmAgent("a", LlmSettings.model_validate({"model": "m", "base_url": url} | SECRET))
        with pytest.raises(GatewayError) as raised:
            await said(agent)
        await agent.aclose()
    error: BaseException | None = raised.value
    while error is not None:
        assert KEY[:10] not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__


async def test_the_key_follows_no_redirect(server: ModelServer) -> None:
    async def elsewhere(request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.removeprefix("/v1")
        return web.Response(status=307, headers={"Location": f"{server.url}{path}"})

    async with served(elsewhere) as url:
        agent = LlmAgent(
            "a", LlmSettings.model_validate({"model": "test-model", "base_url": url} | SECRET)
        )
        with pytest.raises(ModelFailed, match="answers 307"):
            await said(agent)
        with pytest.raises(ConfigurationError, match="does not speak the OpenAI API"):
            await agent.check()
        await agent.aclose()
    assert server.connections == 0


# settings


def test_models_may_be_named_with_openai_before_them() -> None:
    assert LlmSettings(model="openai:gpt-5-mini").model == "gpt-5-mini"
    assert LlmSettings(model="llama3.2:3b").model == "llama3.2:3b"


@pytest.mark.parametrize(
    "keys",
    [
        {"model": "openai:"},
        {"base_url": "localhost:8000"},
        {"base_url": "http://user:password@localhost/v1"},
        {"base_url": "http://localhost/v1?key=1"},
        {"api_key": "sk-kéy"},
        {"api_key": "sk-key\n"},
        {"api_key": ""},
        {"first_token": 0},
        {"temperature": 3},
        {"max_tokens": 0},
        {"unknown": 1},
    ],
)
def test_settings_that_cannot_be_meant(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="validation error") as raised:
        LlmSettings(**{"model": "m", **keys})
    assert "sk-k" not in str(raised.value)


def test_openai_needs_a_key_and_others_do_not() -> None:
    with pytest.raises(ConfigurationError, match=r"agents\.a\.api_key: OpenAI needs a key"):
        create("a", LlmSettings(model="m"))
    made = create("a", LlmSettings(model="m", base_url="http://127.0.0.1:1/v1/"))
    assert isinstance(made, LlmAgent)


async def test_openai_gets_the_newer_name_of_the_limit(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_client, "OPENAI_HOST", "127.0.0.1")
    async with agent_of(server, max_tokens=5) as agent:
        assert await said(agent) == HELLO
    body = server.requests[0].body
    assert (body["max_completion_tokens"], "max_tokens" in body) == (5, False)


def test_without_an_llm_agent_nothing_of_it_is_imported() -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from gateway.settings import load\n"
        "import gateway.app\n"
        "from gateway import plugins\n"
        "assert 'llm' in plugins.agent_kinds()\n"
        "plugins.agent_kinds()['echo'], plugins.agent_kinds()['demo']\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    loaded = set(done.stdout.split())
    assert "gateway.agents.demo" in loaded
    heavy = ("llm", "agents.model", "pydantic_ai", "openai", "httpx2")
    assert not {name for name in loaded if any(part in name for part in heavy)}
