"""The PostgreSQL that other tests stand on: it starts, dies, comes back, and leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from gateway.testing.postgres import PostgresError, PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def database(server: PostgresServer) -> Iterator[str]:
    server.start()
    server.create_database("subject")
    server.execute("CREATE TABLE kept (value integer)", database="subject")
    yield "subject"
    server.start()
    server.drop_database("subject")


async def test_takes_connections_at_its_dsn(server: PostgresServer, database: str) -> None:
    connection = await asyncpg.connect(server.dsn(database))
    try:
        assert await connection.fetchval("SELECT current_database()") == database
        assert int(await connection.fetchval("SHOW server_version_num")) >= 180_000
        assert await connection.fetchval("SELECT lower('ÄÖ')") == "äö"
    finally:
        await connection.close()


async def test_refuses_a_wrong_password(server: PostgresServer, database: str) -> None:
    dsn = server.dsn(database).replace(":gateway@", ":wrong@")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(dsn)


@pytest.mark.parametrize("end", [PostgresServer.kill, PostgresServer.stop])
async def test_what_was_committed_survives_its_end(
    server: PostgresServer, database: str, end: Callable[[PostgresServer], None]
) -> None:
    dsn = server.dsn(database)
    connection = await asyncpg.connect(dsn)
    await connection.execute("INSERT INTO kept VALUES (7)")
    open_transaction = connection.transaction()
    await open_transaction.start()
    await connection.execute("INSERT INTO kept VALUES (8)")
    end(server)
    assert not server.running
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.fetch("SELECT 1")
    connection.terminate()
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(dsn)
    server.start()
    assert server.dsn(database) == dsn
    assert server.execute("SELECT value FROM kept", database=database) == "7"


def test_kill_ends_every_process_at_once(server: PostgresServer, database: str) -> None:
    processes = _processes_of(server.folder)
    assert len(processes) > 3
    server.kill()
    assert not _processes_of(server.folder)


def test_restart_keeps_data_and_address(server: PostgresServer, database: str) -> None:
    server.execute("INSERT INTO kept VALUES (1)", database=database)
    dsn = server.dsn(database)
    server.restart()
    assert server.dsn(database) == dsn
    assert server.execute("SELECT count(*) FROM kept", database=database) == "1"


def test_start_and_stop_may_be_repeated(server: PostgresServer) -> None:
    server.start()
    server.start()
    assert server.running
    server.stop()
    server.stop()
    server.kill()
    assert not server.running


def test_waits_for_the_disk_unless_told_otherwise(
    server: PostgresServer, postgres_server: PostgresServer
) -> None:
    server.start()
    assert server.execute("SHOW fsync") == "on"
    assert server.execute("SHOW synchronous_commit") == "on"
    assert postgres_server.execute("SHOW fsync") == "off"


def test_a_failing_statement_says_why(server: PostgresServer) -> None:
    server.start()
    with pytest.raises(PostgresError, match=r'SELECT nothing: .*column "nothing" does not exist'):
        server.execute("SELECT nothing")


def test_a_server_that_cannot_start_says_why(server: PostgresServer) -> None:
    server.start()
    with PostgresServer() as other:
        other.stop()
        other.port = server.port
        with pytest.raises(PostgresError, match="could not bind"):
            other.start()
        assert not other.running


def test_close_leaves_neither_process_nor_folder() -> None:
    with PostgresServer(durable=False) as server:
        folder = server.folder
        assert folder.is_dir()
        assert _processes_of(folder)
    assert not folder.exists()
    assert not _processes_of(folder)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_whoever_started_it(death: signal.Signals) -> None:
    program = (
        "import signal, time; from gateway.testing.postgres import PostgresServer\n"
        # What runs in a shell's background is started with this signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "server = PostgresServer(); server.start(); print(server.folder, flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as owner:
        assert owner.stdout is not None
        folder = Path(os.fsdecode(owner.stdout.readline().strip()))
        assert _processes_of(folder)
        owner.send_signal(death)
    deadline = time.monotonic() + 10
    while (folder.exists() or _processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not folder.exists()
    assert not _processes_of(folder)


async def test_every_test_has_an_empty_database_of_its_own(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    other = postgres_server.create_database("neighbour")
    try:
        connection = await asyncpg.connect(postgres_url)
        await connection.execute("CREATE TABLE mine ()")
        await connection.close()
        connection = await asyncpg.connect(other)
        assert await connection.fetchval("SELECT to_regclass('mine')") is None
    finally:
        # With the connection still open: dropping a database must not wait for its users.
        postgres_server.drop_database("neighbour")
        connection.terminate()


def _processes_of(folder: Path) -> list[psutil.Process]:
    """Every live process whose working folder is the server's, its guard included."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(folder)):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
