"""The programs measured, each a process of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.telegram import SECRET, TOKEN, Telegram

GATEWAY = """
[gateway]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
database = "sqlite:///{folder}/gateway.db"
data_dir = "{folder}"

[agents.echo]
kind = "echo"

[channels.bench]
platform = "telegram"
agent = "echo"
token = "{token}"
mode = "webhook"
secret = "{secret}"
api_url = "{api}"
chat_rate = "100000/s"
group_rate = "100000/s"
overall_rate = "100000/s"

[limits]
messages_per_minute = 100000000
"""


@dataclass
class Program:
    """A bot under measurement."""

    name: str
    command: list[str]
    port: int
    log: Path
    process: psutil.Process | None = None
    began: float = 0.0
    _popen: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it."""
        self.began = time.perf_counter()
        environ = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
        with self.log.open("wb") as log:
            self._popen = subprocess.Popen(
                self.command, stdout=log, stderr=subprocess.STDOUT, env=environ
            )
        self.process = psutil.Process(self._popen.pid)

    def stop(self) -> None:
        """Kill it."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()

    def cpu(self) -> float:
        """CPU seconds so far, all threads."""
        assert self.process is not None
        times = self.process.cpu_times()
        return times.user + times.system

    def memory(self) -> float:
        """Resident memory in MB."""
        assert self.process is not None
        return self.process.memory_info().rss / 1e6

    async def first_reply(self, telegram: Telegram) -> float:
        """Seconds from the start to the first reply."""
        telegram.aim(self.port)
        while time.perf_counter() - self.began < 60:
            try:
                await telegram.ask(1, "hello")
            except OSError:
                await asyncio.sleep(0.01)
                continue
            return time.perf_counter() - self.began
        raise TimeoutError(f"{self.name} never answered; see {self.log}")


def floor(telegram: Telegram, folder: Path) -> Program:
    """The bare aiohttp program."""
    return _script("floor", "bench.floor", telegram, folder)


def ptb_echo(telegram: Telegram, folder: Path) -> Program:
    """The stateless python-telegram-bot echo."""
    return _script("python-telegram-bot echo", "bench.ptb_echo", telegram, folder)


def gateway(telegram: Telegram, folder: Path, name: str = "chat-gateway") -> Program:
    """The gateway: both commits, SQLite ``synchronous=FULL``, an echo agent."""
    port = _free_port()
    text = GATEWAY.format(port=port, folder=folder, token=TOKEN, secret=SECRET, api=telegram.url)
    config = folder / "gateway.toml"
    config.write_text(text)
    command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
    return Program(name=name, command=command, port=port, log=folder / "gateway.log")


def _script(name: str, module: str, telegram: Telegram, folder: Path) -> Program:
    port = _free_port()
    command = [sys.executable, "-m", module, str(port), telegram.url, TOKEN]
    return Program(name=name, command=command, port=port, log=folder / f"{module}.log")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
