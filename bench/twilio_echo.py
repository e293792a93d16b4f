"""A stateless echo bot with twilio's own library, as its documentation has it: a signed webhook, an
answer by the REST API, and a route for what became of it.

The library knows no other address than Twilio's, so that one method sends its calls to the bench's.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import uvloop
from aiohttp import web
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client


class HttpClient(AsyncTwilioHttpClient):  # type: ignore[misc]  # it has no types
    """Calls this address for all of Twilio's hosts."""

    def __init__(self, api_url: str) -> None:
        super().__init__()
        self._api_url = api_url

    async def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """As the library's own."""
        return await super().request(method, self._api_url + urlsplit(url).path, *args, **kwargs)


class Echo:
    """Says back what people write."""

    def __init__(self, client: Client, validator: RequestValidator, public_url: str) -> None:
        self._client = client
        self._validator = validator
        self._public_url = public_url

    async def webhook(self, request: web.Request) -> web.Response:
        """Somebody wrote."""
        form = await self._signed(request)
        await self._client.messages.create_async(
            to=form["From"],
            from_=form["To"],
            body=form["Body"],
            status_callback=f"{self._public_url}/webhooks/bench/status",
        )
        return web.Response(text="<Response/>", content_type="text/xml")

    async def status(self, request: web.Request) -> web.Response:
        """What became of an answer."""
        await self._signed(request)
        return web.Response(status=204)

    async def _signed(self, request: web.Request) -> Mapping[str, Any]:
        form = await request.post()
        signature = request.headers.get("X-Twilio-Signature", "")
        if not self._validator.validate(self._public_url + request.path_qs, form, signature):
            raise web.HTTPForbidden
        return form


async def main(port: int, api_url: str, account: str, token: str) -> None:
    """Serve until killed."""
    async with HttpClient(api_url) as http:
        client = Client(account, token, http_client=http)
        echo = Echo(client, RequestValidator(token), f"http://127.0.0.1:{port}")
        app = web.Application()
        app.router.add_post("/webhooks/bench", echo.webhook)
        app.router.add_post("/webhooks/bench/status", echo.status)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), *sys.argv[2:]))
