"""What `gateway check --online` says of a model."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gateway.agents import model_check
from gateway.agents.model import LlmAgent
from gateway.agents.model_settings import LlmSettings
from gateway.errors import ConfigurationError, Unavailable
from gateway.testing.openai import ModelServer

KEY = "sk-very-secret-key-1234567890"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def checked(base_url: str, model: str = "gpt-5-mini", api_key: str | None = KEY) -> str:
    settings = {"model": model, "base_url": base_url, "api_key": api_key}
    agent = LlmAgent("assistant", LlmSettings.model_validate(settings))
    try:
        return await agent.check()
    finally:
        await agent.aclose()


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(
        models=["gpt-5-mini", "gpt-5", "llama3.2:latest"], api_key=KEY
    ) as server:
        yield server


async def test_who_answers(server: ModelServer) -> None:
    host = server.url.removeprefix("http://").removesuffix("/v1")
    assert await checked(server.url) == f"gpt-5-mini at {host}"
    assert await checked(server.url, "llama3.2") == f"llama3.2 at {host}"
    assert not server.requests, "a list of models costs nothing"


async def test_no_such_model(server: ModelServer) -> None:
    with pytest.raises(ConfigurationError) as raised:
        await checked(server.url, "gpt5-mini")
    problem = raised.value.problems[0]
    assert problem.where == "agents.assistant.model"
    assert "has no model 'gpt5-mini'" in problem.what
    assert problem.hint == "it has gpt-5-mini, gpt-5 and others"


async def test_wrong_key(server: ModelServer) -> None:
    with pytest.raises(ConfigurationError, match=r"assistant\.api_key: .* not taken") as raised:
        await checked(server.url, api_key="sk-wrong-key-987654321")
    assert "987654321" not in str(raised.value)
    with pytest.raises(ConfigurationError, match=r"assistant\.api_key: .* missing"):
        await checked(server.url, api_key=None)


async def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(ConfigurationError, match=r"assistant\.base_url: .* refused"):
            await checked(url)
    with pytest.raises(ConfigurationError, match=r"assistant\.base_url: .* no such host"):
        await checked("http://no-such-host.invalid/v1")


async def test_the_path_is_missing(server: ModelServer) -> None:
    with pytest.raises(ConfigurationError, match=r"assistant\.base_url: .*end in /v1"):
        await checked(server.url.removesuffix("/v1"))


async def test_somebody_elses_page() -> None:
    async def page(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="<html></html>", content_type="text/html")

    async with served(page) as url:
        with pytest.raises(ConfigurationError, match="does not speak the OpenAI API"):
            await checked(url)


@pytest.mark.parametrize("body", ["[]", "{", '{"data": [3]}', '{"models": []}'])
async def test_something_else_that_speaks_json(body: str) -> None:
    async def other(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=body, content_type="application/json")

    async with served(other) as url:
        with pytest.raises(ConfigurationError, match="does not speak the OpenAI API"):
            await checked(url)


async def test_a_server_without_a_list_is_asked_for_one_token() -> None:
    bodies = []

    async def bare(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/v1/models":
            return web.json_response({"error": "not found"}, status=404)
        bodies.append(await request.text())
        return web.json_response({"choices": []})

    async with served(bare) as url:
        assert (await checked(url)).startswith("gpt-5-mini at")
    assert '"max_tokens":1' in bodies[0]


async def test_a_server_in_trouble_is_away() -> None:
    async def busy(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"error": {"message": "loading model"}}, status=503)

    async with served(busy) as url:
        with pytest.raises(Unavailable, match="answers 503: loading model"):
            await checked(url)


async def test_a_server_that_says_nothing_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(1)
        return web.Response()

    monkeypatch.setattr(model_check, "WITHIN", 0.1)
    async with served(silent) as url:
        with pytest.raises(Unavailable, match=r"does not answer within 0\.1 s"):
            await checked(url)
