"""The ``python`` kind: a function of yours answers.

The function is called with the ``Turn``. It may be async or not, return or yield. What is not
async runs in a thread, and is therefore not interrupted when its turn is cancelled; what it says
after that is dropped.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import threading
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

from gateway.agents import folders
from gateway.errors import ConfigurationError, Problem
from gateway.ports.agent import AgentKind, Ask, File, Output, Publish, Step, Text, Turn
from gateway.settings import Model

Function = Callable[[Turn], Any]


class PythonSettings(Model):
    """The keys of a ``python`` agent."""

    entry: str
    """The function that answers, as ``package.module:function``."""
    path: Path | None = None
    """A folder to import from, before what is installed."""


class PythonAgent:
    """Answers each turn with what ``function`` returns or yields.

    Text (``str``) that it yields, or returns in a list, is a piece of one answer; ``None`` says
    nothing; any ``Output`` is passed on. What the function raises is raised by ``run``.
    """

    def __init__(self, name: str, function: Function) -> None:
        self.name = name
        self._function = function
        self._blocking = not _runs_in_loop(function)

    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        """Call the function once, and yield what it says as it says it."""
        try:
            async with self._items(await self._call(turn)) as items:
                async for item in items:
                    for output in self._outputs(item):
                        yield output
        except SystemExit as exit_:  # would end the whole gateway
            raise RuntimeError(f"agent {self.name!r} called exit({exit_.code!r})") from exit_

    async def _call(self, turn: Turn) -> object:
        if self._blocking:
            result = await asyncio.to_thread(_call, self._function, turn)
        else:
            result = self._function(turn)
        return await result if inspect.isawaitable(result) else result

    def _items(self, result: object) -> AbstractAsyncContextManager[AsyncIterator[object]]:
        if isinstance(result, AsyncGenerator):
            return aclosing(result)
        if isinstance(result, AsyncIterator):
            return nullcontext(result)
        if isinstance(result, Iterator):
            return aclosing(_in_threads(result))
        return aclosing(_once(result))

    def _outputs(self, item: object) -> Iterator[Output]:
        if isinstance(item, str):
            if item:
                yield Text(item)
        elif isinstance(item, Text | Publish | Ask | File | Step):
            yield item
        elif isinstance(item, list | tuple):
            for each in item:
                yield from self._outputs(each)
        elif item is not None:
            raise TypeError(
                f"agent {self.name!r} said {type(item).__name__}; it may say str, None, or"
                " gateway.Text, Publish, Ask, File and Step"
            )


def _runs_in_loop(function: Function) -> bool:
    """Whether calling it does no work of its own: async, or a generator that only starts later."""
    return any(
        inspect.iscoroutinefunction(each)
        or inspect.isasyncgenfunction(each)
        or inspect.isgeneratorfunction(each)
        for each in (function, type(function).__call__)
    )


def _call(function: Function, turn: Turn) -> object:
    try:
        return function(turn)
    except StopIteration as stop:  # a future cannot carry it, and would wait for ever
        raise RuntimeError("the function raised StopIteration") from stop


async def _once(item: object) -> AsyncGenerator[object, None]:
    yield item


async def _in_threads(items: Iterator[object]) -> AsyncGenerator[object, None]:
    """Each item as a thread computes it. Left early, the generator is closed where it stands, or
    by its own thread once that comes back."""
    stopped = threading.Event()
    running = threading.Lock()
    end = object()

    def advance() -> object:
        with running:
            item = end if stopped.is_set() else next(items, end)
            if stopped.is_set():
                close()
            return item

    def finish() -> None:
        with running:
            close()

    def close() -> None:
        if isinstance(items, Generator):
            items.close()

    try:
        while (item := await asyncio.to_thread(advance)) is not end:
            yield item
    finally:
        stopped.set()
        if not running.locked():
            await asyncio.to_thread(finish)


def create(name: str, settings: PythonSettings) -> PythonAgent:
    """Import the function. Raises ``ConfigurationError`` that says why it cannot be used."""
    where = f"agents.{name}.entry"
    module_name, _, attribute = settings.entry.partition(":")
    if not module_name or not attribute:
        what = f"{settings.entry!r} does not name a function"
        raise _problem(where, what, "write it as package.module:function")
    module = _module(name, module_name, settings.path)
    function: object = module
    for part in attribute.split("."):
        function = getattr(function, part, None)
    if function is None:
        what = f"{_place(module)} has no {attribute!r}"
        raise _problem(where, what, _names(module))
    return PythonAgent(name, _checked(where, attribute, function))


def _module(name: str, module_name: str, path: Path | None) -> ModuleType:
    where = f"agents.{name}.entry"
    if path is not None and not path.is_dir():
        raise _problem(f"agents.{name}.path", f"there is no folder {path}")
    try:
        if path is None:
            return importlib.import_module(module_name)
        return folders.load(module_name, path)
    except (Exception, SystemExit) as error:  # anything may happen in a module of theirs
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            what = f"there is no module {missing!r} " + (f"in {path}" if path else "installed")
            hint = "" if path else 'path = "FOLDER" names a folder to import from'
            raise _problem(where, what, hint) from error
        what = f"{module_name!r} cannot be imported: {_summary(error, path)}"
        hint = f'python -c "import {module_name}"' + (" in that folder" if path else "")
        raise _problem(where, what, f"{hint} shows all of it") from error


def _checked(where: str, attribute: str, function: object) -> Function:
    if inspect.isclass(function) or not callable(function):
        what = f"{attribute!r} is a {'class' if callable(function) else type(function).__name__}"
        raise _problem(where, what, "it must be a function that takes the turn")
    try:
        signature = inspect.signature(function)
    except ValueError:  # written in C: only a call can tell
        return function
    try:
        signature.bind(None)
    except TypeError as error:
        what = f"{attribute}{signature} cannot be called with one argument, the turn"
        raise _problem(where, what, f"write it as def {attribute}(turn)") from error
    return function


def _summary(error: BaseException, path: Path | None) -> str:
    """File, line and exception: the innermost line of the user's own, without the traceback."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: SyntaxError: {error.msg}"
    said = f"{type(error).__name__}: {error}".partition("\n")[0]
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and frame.filename not in (__file__, folders.__file__)
    ]
    home = path and path.resolve()
    own = [frame for frame in frames if home and Path(frame.filename).is_relative_to(home)]
    for frame in (own or frames)[-1:]:
        return f"{frame.filename}:{frame.lineno}: {said}"
    return said


def _names(module: ModuleType) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and name[0] != "_"
    ]
    return f"it has {', '.join(names)}" if names else ""


def _place(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or module.__name__


def _problem(where: str, what: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Problem(where=where, what=what, hint=hint)])


KIND = AgentKind(settings=PythonSettings, create=create)
