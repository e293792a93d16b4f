"""The real `gateway run`, as a process that a test starts, stops, kills and starts again."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.support.agents import HANGING

PR_SET_PDEATHSIG = 1
WAITING = "SELECT count(*) FROM inbox WHERE control = 0 AND state <> 'done'"
UNSETTLED = """
SELECT (SELECT count(*) FROM inbox WHERE control <> 0 AND state <> 'done')
     + (SELECT count(*) FROM deliveries WHERE state = 'pending')
"""
ROOT = Path(__file__).parents[2]
# What a developer's own environment must not change in a test.
KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV")


class GatewayFailed(Exception):
    """The process did not do what was asked of it; the text ends with what it wrote."""


class GatewayProcess:
    """One gateway below `folder`: its configuration, data, log, and a port of its own.

    The port is the same over every restart and nobody else's, so `base_url` is known before the
    first start. The configuration is TOML text, in which `{port}` stands for it, or what such text
    parses to; `[gateway]` gets `listen`, `data_dir` and `database` unless it says otherwise, and
    relative paths lie in `folder`. As an asynchronous context manager it is started (unless
    `start=False` leaves that to you), and what is left is killed at the end; the process never
    outlives this one, however that ends.
    """

    def __init__(
        self,
        config: str | Mapping[str, Any],
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        start: bool = True,
    ) -> None:
        self.folder = folder
        self.env = dict(env or {})
        self.log_file = folder / "gateway.log"
        self.config_file = folder / "gateway.toml"
        self.process: subprocess.Popen[bytes] | None = None
        self._start = start
        # Bound but not listening: with SO_REUSEADDR on both sides the gateway may listen here, and
        # the system gives the port to nobody else.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port: int = self._reserved.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.configure(config)
        except BaseException:
            self._reserved.close()
            raise

    def configure(self, config: str | Mapping[str, Any]) -> None:
        """Write another configuration, for the next start."""
        text = config if isinstance(config, str) else toml(config)
        given = tomllib.loads(text.replace("{port}", str(self.port)))
        section = {
            "listen": f"127.0.0.1:{self.port}",
            "data_dir": "data",
            "database": "sqlite:///data/gateway.db",
            **given.get("gateway", {}),
        }
        self.config_file.write_text(toml({**given, "gateway": section}))

    async def start(self, *, within: float = 20.0, env: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it is ready. `env` is for this start only.

        Raises `GatewayFailed` when it ends before that, or takes longer than `within` seconds.
        """
        self.launch(env=env)
        await self.until_ready(within=within)

    def launch(self, *, env: Mapping[str, str] | None = None) -> None:
        """Start it, and wait for nothing."""
        if self.running:
            raise GatewayFailed("it runs already")
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "run", "--config", str(self.config_file)],
                cwd=self.folder,
                env={**kept, "PYTHONPATH": str(ROOT), **self.env, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Between fork and exec it makes one system call, which takes no lock.
                preexec_fn=_die_with_parent(),  # noqa: PLW1509
            )

    async def until_ready(self, *, within: float = 20.0) -> None:
        """Wait until `/readyz` says 200."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
            for _ in _until(within):
                if not self.running:
                    raise GatewayFailed(f"it ended with {await self.ended()}\n{self.tail()}")
                try:
                    async with http.get(f"{self.base_url}/readyz") as response:
                        if response.status == 200:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.02)
        raise GatewayFailed(f"not ready within {within} s\n{self.tail()}")

    async def stop(self, *, within: float = 30.0) -> int:
        """Ask it to end (SIGTERM); return its exit code. Killed, and reported, if it does not."""
        if self.process is None:
            return 0
        if self.running:
            self.process.terminate()
        try:
            return await self.ended(within=within)
        except GatewayFailed:
            self.kill()
            raise

    def kill(self) -> None:
        """End it with all its children at once (SIGKILL), as a power failure would."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    async def restart(self, *, env: Mapping[str, str] | None = None) -> None:
        """Stop it in order, and start it again."""
        await self.stop()
        await self.start(env=env)

    async def ended(self, *, within: float = 30.0) -> int:
        """Wait until it has ended by itself, for instance at a failpoint; return its exit code.

        A process that a signal ended has the signal's number as a negative code.
        """
        for _ in _until(within):
            if self.process is not None and (code := self.process.poll()) is not None:
                return code
            await asyncio.sleep(0.01)
        raise GatewayFailed(f"still running after {within} s\n{self.tail()}")

    async def until_logged(self, text: str, *, within: float = 20.0) -> None:
        """Wait until it has written `text`, since the test began."""
        for _ in _until(within):
            if text in self.output:
                return
            await asyncio.sleep(0.02)
        raise GatewayFailed(f"{text!r} was not logged within {within} s\n{self.tail()}")

    async def until_settled(self, *, within: float = 20.0) -> None:
        """Wait until all that it has to send is marked as sent, and every stop, edit and deletion
        that it took over is carried out: a moment after people see it. In an SQLite database.
        """
        await self._until_counted(UNSETTLED, 0, within)

    async def settled(self) -> bool:
        """Whether that is so now."""
        return await asyncio.to_thread(self._counted, UNSETTLED) == 0

    async def an_hour_passes(self) -> None:
        """All that happened is an hour older, in the database (SQLite) of the next process."""
        assert await self.stop() == 0
        path = self.folder / "data" / "gateway.db"
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("UPDATE session_rows SET last_activity = last_activity - 3600")
            database.commit()
        await self.start()

    async def until_waiting(self, count: int, *, within: float = 20.0) -> None:
        """Wait until so many messages are taken over and not answered. In an SQLite database."""
        await self._until_counted(WAITING, count, within)

    async def until_hanging(self, *, within: float = 20.0) -> None:
        """Wait until an agent of this gateway was told to hang, and does."""
        for _ in _until(within):
            if await asyncio.to_thread(lambda: any(self.folder.glob(f"{HANGING}*"))):
                return
            await asyncio.sleep(0.01)
        raise GatewayFailed(f"nobody hangs within {within} s\n{self.tail()}")

    async def _until_counted(self, query: str, count: int, within: float) -> None:
        for _ in _until(within):
            if await asyncio.to_thread(self._counted, query) == count:
                return
            await asyncio.sleep(0.01)
        raise GatewayFailed(f"not {count} within {within} s: {query}\n{self.tail()}")

    def _counted(self, query: str) -> int:
        path = self.folder / "data" / "gateway.db"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return int(database.execute(query).fetchone()[0])

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    @property
    def output(self) -> str:
        """Everything it wrote, over all its lives."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def tail(self, lines: int = 40) -> str:
        """The end of its output."""
        return "\n".join(self.output.splitlines()[-lines:])

    async def __aenter__(self) -> Self:
        if self._start:
            try:
                await self.start()
            except BaseException:
                self.close()
                raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            # pytest shows it with the failure.
            print(self.tail(200))
        self.close()

    def close(self) -> None:
        """Kill what is left, and give the port back."""
        self.kill()
        self._reserved.close()


def toml(config: Mapping[str, Any]) -> str:
    """A configuration as TOML, a line for each section."""
    return "".join(f"{_key(name)} = {_value(table)}\n" for name, table in config.items())


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(name)} = {_value(one)}" for name, one in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    # TOML takes JSON's strings, numbers and booleans, except for a lone DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _until(seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield


def _die_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask
