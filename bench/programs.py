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

from bench import discord, slack, telegram, twilio
from bench.discord import Discord
from bench.end import End
from bench.slack import Slack
from bench.telegram import Telegram
from bench.twilio import Twilio

GATEWAY = """
[gateway]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
database = "sqlite:///{folder}/gateway.db"
data_dir = "{folder}"

{agent}
[channels.bench]
{channel}
[limits]
messages_per_minute = 100000000
"""

ECHO = """\
[agents.echo]
kind = "echo"
"""

READER = """\
[agents.reader]
kind = "python"
entry = "bench.reader:reader"
"""

TELEGRAM = """\
platform = "telegram"
token = "{token}"
mode = "webhook"
secret = "{secret}"
api_url = "{api}"
chat_rate = "100000/s"
group_rate = "100000/s"
overall_rate = "100000/s"
"""

DISCORD = """\
platform = "discord"
token = "{token}"
api_url = "{api}"
gateway_url = "{gateway}"
channel_rate = "0"
overall_rate = "0"
"""

SLACK = """\
platform = "slack"
bot_token = "{token}"
{mode} = "{secret}"
api_url = "{api}"
channel_rate = "0"
update_rate = "0"
stream_rate = "0"
typing_rate = "0"
"""

WHATSAPP = """\
platform = "whatsapp"
account_sid = "{account}"
auth_token = "{token}"
from = "{number}"
api_url = "{api}"
person_rate = "0"
overall_rate = "0"
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

    async def first_reply(self, end: End) -> float:
        """Seconds from the start to the first reply."""
        end.aim(self.port)
        while time.perf_counter() - self.began < 60:
            try:
                await end.ask(1, "hello")
            except OSError:
                await asyncio.sleep(0.01)
                continue
            return time.perf_counter() - self.began
        raise TimeoutError(f"{self.name} never answered; see {self.log}")


def floor(end: Telegram, folder: Path) -> Program:
    """The bare aiohttp program."""
    port = _free_port()
    return _script("floor", "bench.floor", folder, port, end.url, telegram.TOKEN, port=port)


def ptb_echo(end: Telegram, folder: Path) -> Program:
    """The stateless python-telegram-bot echo."""
    name, port = "python-telegram-bot echo", _free_port()
    return _script(name, "bench.ptb_echo", folder, port, end.url, telegram.TOKEN, port=port)


def discord_echo(end: Discord, folder: Path) -> Program:
    """The stateless discord.py echo."""
    wanted = (end.api_url, end.gateway_url, discord.TOKEN)
    return _script("discord.py echo", "bench.discord_echo", folder, *wanted)


def slack_echo(end: Slack, folder: Path) -> Program:
    """The stateless slack-bolt echo."""
    name, module, port = f"slack-bolt echo, {end.mode}", "bench.slack_echo", _free_port()
    both = (end.api_url, slack.BOT_TOKEN)
    if end.socket_mode:
        return _script(name, module, folder, "socket", *both, slack.APP_TOKEN)
    return _script(name, module, folder, "events", *both, slack.SECRET, port, port=port)


def twilio_echo(end: Twilio, folder: Path) -> Program:
    """The stateless echo with twilio's library."""
    port = _free_port()
    wanted = (port, end.url, twilio.ACCOUNT, twilio.TOKEN)
    return _script("twilio echo", "bench.twilio_echo", folder, *wanted, port=port)


def telegram_gateway(
    end: Telegram, folder: Path, name: str = "chat-gateway", agent: str = ECHO
) -> Program:
    """The gateway behind a Telegram webhook."""
    keys = {"token": telegram.TOKEN, "secret": telegram.SECRET, "api": end.url}
    return _gateway(name, folder, TELEGRAM.format(**keys), agent)


def discord_gateway(end: Discord, folder: Path) -> Program:
    """The gateway as a Discord bot."""
    keys = {"token": discord.TOKEN, "api": end.api_url, "gateway": end.gateway_url}
    return _gateway("chat-gateway", folder, DISCORD.format(**keys))


def slack_gateway(end: Slack, folder: Path) -> Program:
    """The gateway as a Slack app."""
    mode = ("app_token", slack.APP_TOKEN) if end.socket_mode else ("signing_secret", slack.SECRET)
    keys = {"token": slack.BOT_TOKEN, "api": end.api_url, "mode": mode[0], "secret": mode[1]}
    return _gateway(f"chat-gateway, {end.mode}", folder, SLACK.format(**keys))


def whatsapp_gateway(end: Twilio, folder: Path) -> Program:
    """The gateway behind a WhatsApp number's webhooks."""
    keys = {"account": twilio.ACCOUNT, "token": twilio.TOKEN, "number": twilio.NUMBER}
    return _gateway("chat-gateway", folder, WHATSAPP.format(**keys, api=end.url))


def _gateway(name: str, folder: Path, channel: str, agent: str = ECHO) -> Program:
    """The gateway: both commits, SQLite ``synchronous=FULL``, and an echo agent or another."""
    port = _free_port()
    config = folder / "gateway.toml"
    config.write_text(GATEWAY.format(port=port, folder=folder, channel=channel, agent=agent))
    command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
    return Program(name=name, command=command, port=port, log=folder / "gateway.log")


def _script(name: str, module: str, folder: Path, *arguments: object, port: int = 0) -> Program:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return Program(name=name, command=command, port=port, log=folder / f"{module}.log")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
