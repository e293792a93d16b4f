"""A stateless echo bot as slack-bolt's documentation writes it, in either of its modes."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
import uvloop
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp, AsyncSay
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def echo(message: dict[str, Any], say: AsyncSay) -> None:
    """Say it back."""
    await say(message["text"])


def app_at(api_url: str, token: str, secret: str = "") -> AsyncApp:
    """The app, at this address."""
    client = AsyncWebClient(token=token, base_url=api_url)
    app = AsyncApp(client=client, signing_secret=secret or None)
    app.event("message")(echo)
    return app


async def in_socket_mode(api_url: str, token: str, app_token: str) -> None:
    """Stay connected until killed."""
    app = app_at(api_url, token)
    await AsyncSocketModeHandler(app, app_token).start_async()  # type: ignore[no-untyped-call]


async def behind_uvicorn(api_url: str, token: str, secret: str, port: int) -> None:
    """Serve until killed."""
    handler = AsyncSlackRequestHandler(app_at(api_url, token, secret))

    async def endpoint(request: Request) -> Response:
        return await handler.handle(request)

    api = Starlette(routes=[Route("/webhooks/bench", endpoint, methods=["POST"])])
    config = uvicorn.Config(api, host="127.0.0.1", port=port, access_log=False)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    mode, url, bot_token, other, *rest = sys.argv[1:]
    if mode == "socket":
        uvloop.run(in_socket_mode(url, bot_token, other))
    else:
        uvloop.run(behind_uvicorn(url, bot_token, other, int(rest[0])))
