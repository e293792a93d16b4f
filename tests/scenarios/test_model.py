"""A model behind the gateway, and everything it can do wrong: what people see of it.

The model is a simulated server on loopback; the gateway is the real process. Whatever happens to
one conversation, the others, on the same model and on another agent, are answered as ever.
"""

from __future__ import annotations

import asyncio
import random
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from adapters.telegram.simulator import TelegramSimulator
from gateway.agents.model_answer import CUT
from gateway.failpoints import NAMES
from gateway.notices import AWAY, FAILED
from gateway.testing.openai import ChatRequest, ModelFault, ModelServer
from gateway.testing.simulator import running
from tests.scenarios.crash import crash_and_recover
from tests.support.agents import expected
from tests.support.configuration import configuration
from tests.support.people import at_home
from tests.support.process import GatewayProcess
from tests.support.telegram import telegram_channel
from tests.support.web import WebClient

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89"
    b"\0\0\0\nIDATx\x9cc\0\1\0\0\5\0\1\r\n-\xb4\0\0\0\0IEND\xaeB`\x82"
)
WINDOWS = sorted(NAMES)
MODELLED = ("after-commit-1", "during-run", "before-commit-2", "after-commit-2")
"""Windows in which it matters what answers: around the question to the model and its answer. In
all others, which the soak tries, nothing knows who wrote what is sent."""
in_house = pytest.mark.asyncio(loop_scope="session")
"""For tests that take the fixture `house`, which lives as long as its worker."""
KEY = "sk-scenario-key-0123456789"


def b64(data: bytes) -> str:
    return b64encode(data).decode()


def recalled(texts: Sequence[str]) -> str:
    """What the `recall` agent of the other scenarios answers."""
    return expected(texts[-1], list(texts[:-1]))


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer(recalled, api_key=KEY) as server:
        yield server
        assert not server.refusals


@asynccontextmanager
async def gateway_with(
    model: ModelServer,
    telegram: TelegramSimulator,
    folder: Path,
    *,
    start: bool = True,
    **keys: Any,
) -> AsyncIterator[GatewayProcess]:
    """Telegram and the web, answered by the model; the web also offers `other`, without one, and
    `patient`, which does not give the model up."""
    channels = {
        "chat": telegram_channel(telegram),
        "web": {"platform": "web", "agents": ["scenario", "other", "patient"]},
    }
    config = configuration(channels)
    config["agents"] = {
        "scenario": {"kind": "llm", **model.agent(**keys)},
        "other": {"kind": "echo"},
        "patient": {"kind": "llm", **model.agent(**{**keys, "stall": "1m"})},
    }
    async with GatewayProcess(config, folder, start=start) as process:
        yield process
        assert KEY not in process.output


@dataclass(frozen=True, kw_only=True)
class House:
    """A model, and a gateway that several tests talk to, each with people of its own."""

    model: ModelServer
    telegram: TelegramSimulator
    process: GatewayProcess
    http: aiohttp.ClientSession


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("modelled")
    async with (
        ModelServer(recalled, api_key=KEY) as model,
        running(TelegramSimulator(rates=None)) as telegram,
        gateway_with(
            model, telegram, folder, first_token="2s", stall="2s", max_characters=10_000
        ) as process,
        aiohttp.ClientSession() as http,
    ):
        yield House(model=model, telegram=telegram, process=process, http=http)
        assert not model.refusals
        assert not telegram.refusals


def about(*words: str) -> Callable[[ChatRequest], bool]:
    """Requests whose newest text is one of these."""
    return lambda request: request.texts[-1] in words


class Visitor:
    """Somebody on the page, in a session of their own."""

    def __init__(self, process: GatewayProcess, http: aiohttp.ClientSession) -> None:
        self.client = WebClient(http, process.base_url)

    async def ask(self, text: str, agent: str = "scenario") -> list[str]:
        """Write, and wait for all that is answered."""
        if not self.client.token:
            await self.client.open(agent=agent)
        return (await self.client.say(text, wait=100)).texts

    async def send_file(self, name: str, data: bytes) -> str:
        """Upload a file; its id."""
        form = aiohttp.FormData()
        form.add_field("file", data, filename=name)
        headers = {"Authorization": f"Bearer {self.client.token}"}
        url = f"{self.client.url}/api/files"
        async with self.client.http.post(url, data=form, headers=headers) as response:
            assert response.status == 201, await response.text()
            return str((await response.json())["id"])

    async def watch(self, text: str) -> tuple[list[str], str]:
        """Write, and watch: what was streamed in each run, and the answer."""
        await self.client.open()
        runs, answer = [""], ""
        async with self.client.stream("POST", "/api/chat", {"text": text}) as events:
            async for event in events:
                if event.kind == "delta":
                    runs[-1] += event.data["text"]
                elif event.kind == "task" and event.data["state"] == "working":
                    runs.append("")
                elif event.kind == "message" and event.data["role"] == "assistant":
                    answer = event.data["text"]
        return [run for run in runs if run], answer


async def others(
    telegram: TelegramSimulator, process: GatewayProcess, http: aiohttp.ClientSession
) -> float:
    """Two on Telegram, one on the page, and one there with another agent; who waits longest?"""
    waits = []

    async def timed(answer: Coroutine[Any, Any, object], wanted: object) -> None:
        began = time.monotonic()
        assert await answer == wanted
        waits.append(time.monotonic() - began)

    people = [at_home(telegram, name) for name in ("Bob", "Cyd")]
    page, other = Visitor(process, http), Visitor(process, http)
    for n, before in enumerate(("nothing", "a0", "a0|a1")):
        answer = f"a{n} after {before}"
        await asyncio.gather(
            *(timed(home.ask(f"a{n}"), answer) for home in people),
            timed(page.ask(f"a{n}"), [answer]),
            timed(other.ask(f"a{n}", "other"), [f"a{n}"]),
        )
    return max(waits)


@pytest.mark.parametrize(
    "fault",
    [ModelFault.STALL, ModelFault.STALL_MIDWAY, ModelFault.CUT_OFF, ModelFault.BROKEN_JSON],
)
@in_house
async def test_a_model_that_fails_one_is_felt_by_nobody_else(
    house: House, fault: ModelFault
) -> None:
    """They wait, and are answered once and whole; what a failed run had streamed is void."""
    model, process, http = house.model, house.process, house.http
    ada = at_home(house.telegram, "Ada")
    usual = await others(house.telegram, process, http)
    for word in ("trouble", "bother"):
        model.fail_next(fault, after=1, only=about(word))
    troubled = asyncio.gather(
        ada.ask("trouble", timeout=30), Visitor(process, http).watch("bother")
    )
    during = await others(house.telegram, process, http)
    heard, (streamed, answer) = await troubled
    assert await ada.ask("so?") == "so? after trouble"
    assert (heard, answer) == ("trouble after nothing", "bother after nothing")
    # A run's pieces are shown live or not at all, but never after those of another.
    assert len(streamed) <= 2
    assert all(answer.startswith(run) for run in streamed)
    if fault is ModelFault.STALL_MIDWAY:
        assert streamed[0] == "both"
    assert ada.texts() == ["trouble after nothing", "so? after trouble"]
    assert during < max(3 * usual, 1.5)


@pytest.mark.parametrize(
    "seconds", [3.0, pytest.param(60.0, marks=pytest.mark.soak)], ids=["short", "minute"]
)
@in_house
async def test_too_many_requests_for_a_while(house: House, seconds: float) -> None:
    """Nobody's attempts burn; who waits for more than 30 seconds is told so, once."""
    process, http = house.process, house.http
    ada, bob = at_home(house.telegram, "Ada"), at_home(house.telegram, "Bob")
    away = process.output.count("agent_away")
    house.model.fail_next(ModelFault.RATE_LIMIT, seconds=seconds, retry_after=0.5)
    began = time.monotonic()
    page = asyncio.create_task(Visitor(process, http).ask("three"))
    await ada.say("one")
    await ada.say("two")
    await bob.say("one")
    assert await Visitor(process, http).ask("hi", "other") == ["hi"]
    assert time.monotonic() - began < seconds
    last = ["two after one"]
    for home, wanted in ((ada, ["one after nothing", *last]), (bob, ["one after nothing"])):
        told = [AWAY] if seconds > 30 else []
        assert await home.heard(len([*told, *wanted]), timeout=90) == [*told, *wanted]
    assert (await page)[-1] == "three after nothing"
    assert process.output.count("agent_away") == away + 1
    assert "429" in process.output


@in_house
async def test_nonsense_for_ever_is_cut(house: House) -> None:
    model, process, http = house.model, house.process, house.http
    ada = at_home(house.telegram, "Ada")
    usual = await others(house.telegram, process, http)
    hung_up = model.hung_up
    model.fail_next(ModelFault.ENDLESS, 2, only=about("trouble"))
    page = asyncio.create_task(Visitor(process, http).ask("trouble"))
    await ada.say("trouble")
    during = await others(house.telegram, process, http)
    heard = await ada.heard(3)
    assert [text.endswith(CUT.strip()) for text in heard] == [False, False, True]
    (said,) = await page
    assert len(said) == 10_000 + len(CUT)
    await model.wait_until(lambda: model.hung_up == hung_up + 2)
    assert (await ada.ask("so?")).startswith("so? after trouble")
    assert during < max(3 * usual, 1.5)


@in_house
async def test_a_model_that_fails_for_good_is_a_notice(house: House) -> None:
    model = house.model
    ada = at_home(house.telegram, "Ada")
    model.fail_next(ModelFault.CUT_OFF, seconds=60, only=about("doom"))
    page = asyncio.create_task(Visitor(house.process, house.http).ask("doom"))
    assert await ada.ask("doom", timeout=30) == FAILED
    assert await page == [FAILED]
    assert await ada.ask("so?") == "so? after nothing"
    assert len([r for r in model.requests if r.texts[-1] == "doom"]) == 10


@in_house
async def test_a_picture_is_seen_now_and_later(house: House) -> None:
    before = len(house.model.requests)
    visitor = Visitor(house.process, house.http)
    await visitor.client.open()
    picture = await visitor.send_file("cat.png", PNG)
    await visitor.client.say("look", attachments=[picture])
    assert (await visitor.ask("and?"))[0].startswith("and? after look[image]")
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64(PNG)}"}}
    now, later = house.model.requests[before:]
    for request in (now, later):
        assert image in request.messages[0]["content"]


@in_house
async def test_stop_hangs_up(house: House) -> None:
    model, visitor = house.model, Visitor(house.process, house.http)
    hung_up = model.hung_up
    model.fail_next(ModelFault.STALL_MIDWAY, only=about("halt"))
    await visitor.client.open(agent="patient")
    halted = await visitor.client.say("halt", wait=0)
    await model.wait_until(lambda: any(r.texts[-1] == "halt" for r in model.requests))
    await visitor.client.say("/stop")
    await model.wait_until(lambda: model.hung_up == hung_up + 1)
    stopped = await visitor.client.ask("GET", halted.headers["Location"])
    for _ in range(200):
        # That it hung up is not yet that the turn is over.
        if stopped.texts:
            break
        await asyncio.sleep(0.05)
        stopped = await visitor.client.ask("GET", halted.headers["Location"])
    assert "Stopped." in stopped.texts


async def test_a_wrong_key_is_one_clear_line_for_the_operator(
    model: ModelServer, telegram: TelegramSimulator, tmp_path: Path
) -> None:
    wrong = "sk-wrong-key-987654321"
    people = [at_home(telegram, name) for name in ("Ada", "Bob")]
    async with gateway_with(model, telegram, tmp_path, api_key=wrong) as process:
        for home in people:
            await home.say("hello")
        await process.until_logged("agents.scenario.api_key is refused")
        await model.wait_until(lambda: len(model.refusals) >= len(people))
        await asyncio.sleep(0.5)
        assert process.output.count("agents.scenario.api_key") == 1
        assert wrong not in process.output
        assert "Traceback" not in process.output
    assert model.refusals
    model.refusals.clear()


@pytest.mark.parametrize("window", MODELLED)
async def test_nothing_is_lost_with_a_model(
    model: ModelServer, telegram: TelegramSimulator, tmp_path: Path, window: str
) -> None:
    await killed(model, telegram, tmp_path, window, seed=3)


@pytest.mark.soak
@pytest.mark.parametrize("window", WINDOWS)
async def test_soak_with_a_model(
    model: ModelServer, telegram: TelegramSimulator, tmp_path: Path, window: str, seed: int
) -> None:
    await killed(model, telegram, tmp_path, window, seed=seed)


async def killed(
    model: ModelServer, telegram: TelegramSimulator, folder: Path, window: str, *, seed: int
) -> None:
    """As `test_crash_telegram`: everybody hears what they had heard without the crash."""
    at = random.Random(f"{window} {seed}").randint(1, 6 if window == "between-parts" else 12)
    async with gateway_with(model, telegram, folder, start=False) as process:
        await crash_and_recover(process, telegram, failpoint=window, at=at)
