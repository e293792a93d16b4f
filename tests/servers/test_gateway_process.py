"""The gateway's process, as scenarios start and end it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.process import ROOT, GatewayFailed, GatewayProcess

CONFIG: dict[str, Any] = {
    "agents": {"echo": {"kind": "echo"}},
    "channels": {"web": {"platform": "web"}},
}
OWNER = """
import asyncio, pathlib, sys
from tests.support.process import GatewayProcess
async def main():
    process = GatewayProcess(sys.argv[2], pathlib.Path(sys.argv[1]))
    await process.start()
    print(process.process.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_it_starts_stops_and_starts_again(tmp_path: Path) -> None:
    async with GatewayProcess(CONFIG, tmp_path) as process:
        assert process.running
        await process.restart()
        assert await process.stop() == 0
        assert process.output.count('"gateway_started"') == 2
        with pytest.raises(GatewayFailed, match="was not logged"):
            await process.until_logged("never said", within=0.05)


async def test_a_kill_leaves_nothing_behind(tmp_path: Path) -> None:
    async with GatewayProcess(CONFIG, tmp_path) as process:
        process.kill()
        assert await process.ended() == -signal.SIGKILL


async def test_its_port_stays_its_own(tmp_path: Path) -> None:
    async with GatewayProcess(CONFIG, tmp_path, start=False) as process:
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", process.port))
        await process.start()


async def test_why_it_failed_is_said(tmp_path: Path) -> None:
    with pytest.raises(GatewayFailed, match="no_such_kind"):
        async with GatewayProcess({"agents": {"a": {"kind": "no_such_kind"}}}, tmp_path):
            pass


async def test_text_and_table_say_the_same(tmp_path: Path) -> None:
    text = '[gateway]\npublic_url = "http://127.0.0.1:{port}"\n[agents."é"]\nkind = "🙂\\u007f"\n'
    table = {
        "gateway": {"public_url": "http://127.0.0.1:{port}"},
        "agents": {"é": {"kind": "🙂\x7f"}},
    }
    written = []
    for config in (text, table):
        async with GatewayProcess(config, tmp_path, start=False) as process:
            written.append(process.config_file.read_text().replace(str(process.port), "PORT"))
    assert written[0] == written[1]
    assert 'public_url" = "http://127.0.0.1:PORT"' in written[0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_it_dies_with_whoever_started_it(tmp_path: Path) -> None:
    text = '[agents.echo]\nkind = "echo"\n[channels.web]\nplatform = "web"\n'
    command = [sys.executable, "-c", OWNER, str(tmp_path), text]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert psutil.pid_exists(pid)
        owner.kill()
    for _ in range(200):
        if not psutil.pid_exists(pid):
            return
        time.sleep(0.05)
    raise AssertionError("the gateway outlived its owner")
