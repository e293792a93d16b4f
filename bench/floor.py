"""The floor: a bare aiohttp program that answers each Telegram webhook with a ``sendMessage``.

Nothing is stored, parsed into objects, limited or retried. What any program on this path has to do.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web


async def main(port: int, api: str, token: str) -> None:
    """Serve until killed."""
    connector = TCPConnector(limit=0)
    async with ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as session:
        answers: set[asyncio.Task[None]] = set()

        async def answer(chat: int, text: str) -> None:
            body = {"chat_id": chat, "text": text}
            async with session.post(f"{api}/bot{token}/sendMessage", json=body) as response:
                await response.read()

        async def webhook(request: web.Request) -> web.Response:
            message = (await request.json())["message"]
            task = asyncio.create_task(answer(message["chat"]["id"], message["text"]))
            answers.add(task)
            task.add_done_callback(answers.discard)
            return web.Response()

        app = web.Application()
        app.router.add_post("/webhooks/bench", webhook)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
