"""Where the gateway is: at an address that was given, where the configuration says, or here."""

from __future__ import annotations

import os
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp

from gateway import observability as obs
from gateway.cli.acting import ANYWHERE
from gateway.cli.chat.client import Client
from gateway.cli.chat.remembered import LOG, private
from gateway.cli.reading import configuration, gateway_section
from gateway.errors import GatewayError, StoreLocked
from gateway.settings import EMBEDDED, Settings, embedded, find

_LOOPBACK = "127.0.0.1:0"
_NO_WEB = """{source} has no web channel, through which the terminal talks. Add one:

    [channels.web]
    platform = "web"
"""


@asynccontextmanager
async def found(
    config: Path | None, url: str, http: aiohttp.ClientSession, folder: Path
) -> AsyncIterator[tuple[str, str]]:
    """A gateway's address, and what to call it. One that was started here ends with the block."""
    if url:
        if not url.startswith(("http://", "https://")):
            raise GatewayError(f"{url} is no address: it begins with http:// or https://")
        yield url.rstrip("/"), url
        return
    channel = _web_channel(config)
    listen = gateway_section(config)
    host = ANYWHERE.get(listen.host, listen.host)
    address = f"http://{f'[{host}]' if ':' in host else host}:{listen.port}"
    if listen.port and await Client(http, address).alive():
        yield address, address
        return
    settings = _of_its_own(configuration(config, only=channel), channel)
    with private(folder / LOG).open("a", encoding="utf-8") as log:
        obs.configure("console", settings.gateway.log_level, log)
        from gateway import app

        try:
            async with app.gateway(settings) as address:
                yield address, "a gateway of its own"
        except StoreLocked as locked:
            what = f"{locked}; and none answers at {listen.listen}: name its address with --url"
            raise GatewayError(what) from None


def _web_channel(config: Path | None) -> str:
    """The web channel's name, read before the rest is: other channels' tokens are not needed."""
    path = find(config, os.environ)
    try:
        text = embedded() if path is None else path.read_text(encoding="utf-8")
        channels = tomllib.loads(text).get("channels", {})
        return next(str(name) for name, keys in channels.items() if keys.get("platform") == "web")
    except (OSError, ValueError, AttributeError):
        # What is wrong with it is for the reader of configurations to say.
        configuration(config)
        raise
    except StopIteration:
        raise GatewayError(_NO_WEB.format(source=path or EMBEDDED)) from None


def _of_its_own(settings: Settings, channel: str) -> Settings:
    """The configuration for a gateway that serves nobody but this terminal: any agent of it."""
    section = settings.channels[channel]
    offered = {"agents": tuple(settings.agents), "anonymous": True}
    web = replace(section, settings=section.settings.model_copy(update=offered))
    gateway = settings.gateway.model_copy(update={"listen": _LOOPBACK})
    return replace(settings, gateway=gateway, channels={channel: web})
