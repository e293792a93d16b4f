"""The ``python`` kind: what a function may be, and what is said when it cannot be used."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.agents.python import KIND, PythonAgent
from gateway.errors import ConfigurationError, Problem, Unavailable
from gateway.ports.agent import Ask, Output, Publish, Step, Text, Turn
from gateway.testing.agent import answer_text, make_turn, run_turn

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Make a folder of modules, by file name and source."""

    def make(name: str, **sources: str) -> Path:
        path = tmp_path / name
        for file, source in sources.items():
            target = path / (file.replace("__", "/") + ".py")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source)
        return path

    return make


def create(entry: str, path: Path | None = None) -> PythonAgent:
    agent = KIND.create("mine", KIND.settings(entry=entry, path=path))
    assert isinstance(agent, PythonAgent)
    return agent


def problem(entry: str, path: Path | None = None) -> Problem:
    with pytest.raises(ConfigurationError) as raised:
        create(entry, path)
    (found,) = raised.value.problems
    return found


async def said(function: Callable[..., Any], text: str = "hello") -> list[Output]:
    return await run_turn(PythonAgent("mine", function), make_turn(text))


async def _async_function(turn: Turn) -> str:
    return f"{turn.text}!"


async def _async_generator(turn: Turn) -> AsyncIterator[str]:
    yield turn.text
    yield "!"


def _function(turn: Turn) -> str:
    return f"{turn.text}!"


def _generator(turn: Turn) -> Iterator[str]:
    yield turn.text
    yield "!"


def _promise(turn: Turn) -> Any:
    return _async_function(turn)


class _Callable:
    async def __call__(self, turn: Turn) -> str:
        return f"{turn.text}!"

    def method(self, turn: Turn) -> list[str]:
        return [turn.text, "!"]


@pytest.mark.parametrize(
    "function",
    [
        _async_function,
        _async_generator,
        _function,
        _generator,
        _promise,
        _Callable(),
        _Callable().method,
        functools.partial(_async_function),
        pytest.param(lambda turn: iter([turn.text, "!"]), id="iterator"),
        pytest.param(lambda turn: (turn.text, None, ["!"]), id="tuple"),
        pytest.param(lambda turn: Text(f"{turn.text}!"), id="output"),
    ],
)
async def test_every_kind_of_function_answers(function: Callable[..., Any]) -> None:
    assert answer_text(await said(function)) == "hello!"


@pytest.mark.parametrize("nothing", [None, "", [], [None, ""], ()], ids=repr)
async def test_nothing_may_be_said(nothing: object) -> None:
    assert await said(lambda _: nothing) == []


async def test_every_output_is_passed_on() -> None:
    events = [Step("one"), Publish("early"), Text("text"), Ask(text="why?")]
    assert await said(lambda _: events) == events


async def test_anything_else_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="agent 'mine' said int; it may say str"):
        await said(lambda _: 42)


async def test_what_does_not_await_runs_in_a_thread() -> None:
    threads: list[int] = []

    def function(_: Turn) -> Iterator[str]:
        threads.append(threading.get_ident())
        yield "one"
        threads.append(threading.get_ident())

    def plain(_: Turn) -> None:
        threads.append(threading.get_ident())

    await said(function)
    await said(plain)
    assert len(threads) == 3
    assert threading.get_ident() not in threads


async def test_a_generator_streams() -> None:
    goes_on = threading.Event()

    def function(_: Turn) -> Iterator[str]:
        yield "one"
        assert goes_on.wait(10)
        yield "two"

    run = PythonAgent("mine", function).run(make_turn())
    assert await anext(run) == Text("one")
    goes_on.set()
    assert [output async for output in run] == [Text("two")]


@pytest.mark.parametrize("error", [ValueError("no"), Unavailable(retry_after=3), KeyError("k")])
async def test_what_the_function_raises_is_raised(error: Exception) -> None:
    async def awaited(_: Turn) -> None:
        raise error

    def threaded(_: Turn) -> None:
        raise error

    def generated(_: Turn) -> Iterator[str]:
        yield "one"
        raise error

    for function in (awaited, threaded, generated):
        with pytest.raises(type(error)) as raised:
            await said(function)
        assert raised.value is error


async def test_stop_iteration_does_not_hang() -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await said(lambda _: next(iter([])))


@pytest.mark.parametrize("in_thread", [True, False])
async def test_exit_does_not_end_the_gateway(in_thread: bool) -> None:
    def threaded(_: Turn) -> None:
        sys.exit(3)

    async def awaited(_: Turn) -> None:
        sys.exit(3)

    with pytest.raises(RuntimeError, match=r"agent 'mine' called exit\(3\)"):
        await said(threaded if in_thread else awaited)


async def _next(run: AsyncIterator[Output]) -> Output:
    return await anext(run)


async def test_an_async_generator_is_closed_when_left() -> None:
    closed = False

    async def function(_: Turn) -> AsyncIterator[str]:
        nonlocal closed
        try:
            yield "one"
            await asyncio.sleep(60)
        finally:
            closed = True

    run = PythonAgent("mine", function).run(make_turn())
    await anext(run)
    await run.aclose()  # type: ignore[attr-defined]
    assert closed


@pytest.mark.parametrize("inside", [True, False], ids=["while it computes", "between items"])
async def test_a_generator_is_closed_when_left(inside: bool) -> None:
    closed, computing = threading.Event(), threading.Event()

    def function(_: Turn) -> Iterator[str]:
        try:
            yield "one"
            computing.set()
            time.sleep(0.05)
            yield "two"
        finally:
            closed.set()

    run = PythonAgent("mine", function).run(make_turn())
    await anext(run)
    if inside:
        going_on = asyncio.create_task(_next(run))
        await asyncio.to_thread(computing.wait, 10)
        going_on.cancel()
        await asyncio.wait([going_on])
        assert going_on.cancelled()
    await run.aclose()  # type: ignore[attr-defined]
    assert await asyncio.to_thread(closed.wait, 10)


class TestImporting:
    async def test_from_what_is_installed(
        self, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.syspath_prepend(folder("site", installed="def answer(turn): return 'yes'"))
        agent = create("installed:answer")
        assert answer_text(await run_turn(agent, make_turn())) == "yes"
        assert problem("json:dumps.missing").what.endswith("has no 'dumps.missing'")

    async def test_from_a_folder(self, folder: Folder) -> None:
        path = folder("bots", bot="async def answer(turn): return turn.text.upper()")
        assert answer_text(await run_turn(create("bot:answer", path), make_turn("hi"))) == "HI"

    async def test_from_a_package_and_an_attribute(self, folder: Folder) -> None:
        path = folder(
            "bots",
            team____init__="",
            team__helper="WORD = 'helped'",
            team__bot="""
from . import helper
class Bot:
    def answer(self, turn):
        from .helper import WORD
        return f"{helper.WORD} {WORD}"
bot = Bot()
""",
        )
        agent = create("team.bot:bot.answer", path)
        assert answer_text(await run_turn(agent, make_turn())) == "helped helped"

    async def test_equal_names_in_two_folders_never_mix(self, folder: Folder) -> None:
        source = """
import shared_name
from package import part
def early(turn): return f"{WHO} {shared_name.WHO} {part.WHO}"
def late(turn):
    import late_name, shared_name
    from package import late_part
    return f"{WHO} {shared_name.WHO} {late_name.WHO} {late_part.WHO}"
"""
        folders = {
            who: folder(
                who,
                same=f"WHO = {who!r}{source}",
                shared_name=f"WHO = {who!r}",
                late_name=f"WHO = {who!r}",
                package____init__="",
                package__part=f"WHO = {who!r}",
                package__late_part=f"WHO = {who!r}",
            )
            for who in ("left", "right", "third")
        }
        early = {who: create("same:early", path) for who, path in folders.items()}
        late = {who: create("same:late", path) for who, path in folders.items()}
        for _ in range(2):
            for who in folders:
                assert answer_text(await run_turn(early[who], make_turn())) == f"{who} {who} {who}"
                assert answer_text(await run_turn(late[who], make_turn())) == " ".join([who] * 4)

    def test_one_folder_is_one_world(self, folder: Folder) -> None:
        path = folder("bots", bot="state = []\ndef one(turn): ...\ndef two(turn): ...")
        one, two = create("bot:one", path), create("bot:two", path / ".." / "bots")
        assert _state(one) is _state(two)

    def test_modules_are_ordinary_ones(self, folder: Folder) -> None:
        path = folder("bots", ordinary="def answer(turn): ...")
        function = create("ordinary:answer", path)._function
        assert sys.modules["ordinary"].answer is function
        assert str(path) not in sys.path

    def test_a_folder_does_not_replace_what_is_loaded(self, folder: Folder) -> None:
        path = folder(
            "bots",
            gateway="raise RuntimeError('the wrong gateway')",
            bot="from gateway import Text\ndef answer(turn): return Text('right')",
        )
        create("bot:answer", path)
        assert "already taken by" in problem("gateway:answer", path).what


def _state(agent: PythonAgent) -> object:
    return agent._function.__globals__["state"]


class TestProblems:
    @pytest.mark.parametrize("entry", ["", "module", "module:", ":function"])
    def test_an_entry_that_names_no_function(self, entry: str) -> None:
        found = problem(entry)
        assert found.where == "agents.mine.entry"
        assert "package.module:function" in found.hint

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        found = problem("bot:answer", tmp_path / "nowhere")
        assert (found.where, "nowhere" in found.what) == ("agents.mine.path", True)

    def test_a_module_that_is_not_there(self, folder: Folder) -> None:
        found = problem("no_such_module:answer")
        assert found.what == "there is no module 'no_such_module' installed"
        assert "path" in found.hint
        assert "'no_such_module' in" in problem("no_such_module.x:answer", folder("b", bot="")).what

    def test_a_name_that_is_not_there(self, folder: Folder) -> None:
        found = problem("bot:anwser", folder("bots", bot="def answer(turn): ...\n_x = 1"))
        assert found.what.endswith("bot.py has no 'anwser'")
        assert found.hint == "it has answer"

    @pytest.mark.parametrize("source", ["answer = 42", "class answer: ..."])
    def test_something_that_is_no_function(self, folder: Folder, source: str) -> None:
        found = problem("bot:answer", folder("bots", bot=source))
        assert "'answer' is a" in found.what
        assert "must be a function" in found.hint

    @pytest.mark.parametrize(
        "source", ["def answer(): ...", "def answer(a, b): ...", "async def answer(*, turn): ..."]
    )
    def test_a_function_that_does_not_take_a_turn(self, folder: Folder, source: str) -> None:
        found = problem("bot:answer", folder("bots", bot=source))
        assert "cannot be called with one argument" in found.what
        assert found.hint == "write it as def answer(turn)"

    @pytest.mark.parametrize(
        ("source", "summary"),
        [
            ("x = 1\nx / 0", "bot.py:2: ZeroDivisionError: division by zero"),
            ("def answer(turn:\n", "bot.py:1: SyntaxError: '(' was never closed"),
            ("\n\nimport surely_missing", "bot.py:3: ModuleNotFoundError: No module named 'sur"),
            ("import sys\nsys.exit(2)", "bot.py:2: SystemExit: 2"),
            ("import json\njson.loads('')", "bot.py:2: JSONDecodeError: Expecting value"),
            ("raise ValueError('one\\ntwo')", "bot.py:1: ValueError: one"),
            ("import helper", "helper.py:1: NameError: name 'oops' is not defined"),
        ],
    )
    def test_a_module_that_breaks(self, folder: Folder, source: str, summary: str) -> None:
        found = problem("bot:answer", folder("bots", bot=source, helper="oops"))
        assert summary in found.what
        assert "Traceback" not in str(found)
        assert "\n" not in str(found)

    async def test_a_module_that_broke_can_be_repaired(self, folder: Folder) -> None:
        path = folder("bots", bot="import helper", helper="oops")
        problem("bot:answer", path)
        folder(
            "bots", bot="import helper\ndef answer(turn): return helper.WORD", helper="WORD='ok'"
        )
        assert answer_text(await run_turn(create("bot:answer", path), make_turn())) == "ok"
