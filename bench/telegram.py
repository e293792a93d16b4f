"""The other end of a bench: Telegram's side, on bare asyncio protocols so that it costs little.

Posts webhooks over kept connections and answers the Bot API calls that come back. Latency is
counted from the webhook's first byte to the arrival of the reply's ``sendMessage``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from itertools import count

from bench.end import End
from bench.wire import Messages

TOKEN = "1234567:bench-bench-bench-bench-bench-bench"
SECRET = "bench-secret"

_CHAT = re.compile(rb'chat_id"?[=:\s]*"?(\d+)')
_METHOD = re.compile(rb"/bot[^/ ]+/(\w+)")

_RESULTS = {
    b"getMe": b'{"id":1234567,"is_bot":true,"first_name":"Bench","username":"bench_bot"}',
    b"getMyCommands": b"[]",
    b"getWebhookInfo": b'{"url":"","has_custom_certificate":false,"pending_update_count":0}',
}


class _Api(Messages):
    """The Bot API: every call succeeds."""

    numbers = count(1)

    def __init__(self, replied: Callable[[int], None]) -> None:
        super().__init__()
        self._replied = replied

    def message(self, head: bytes, body: bytes) -> None:
        method = _METHOD.search(head)
        name = method[1] if method else b""
        result = _RESULTS.get(name, b"true")
        if name == b"sendMessage":
            chat = _CHAT.search(body)
            assert chat is not None
            result = b'{"message_id":%d,"date":1,"chat":{"id":%b,"type":"private"},"text":"x"}' % (
                next(self.numbers),
                chat[1],
            )
            self._replied(int(chat[1]))
        self.answer(b'{"ok":true,"result":' + result + b"}")


class Telegram(End):
    """One bot's Telegram."""

    def __init__(self) -> None:
        super().__init__()
        self._updates = count(1)

    def peer(self) -> Messages:
        """The bot, calling."""
        return _Api(self.replied)

    async def tell(self, person: int, text: str) -> None:
        """Post an update."""
        body = _update(next(self._updates), person, text)
        await self.hooks.post(body, b"X-Telegram-Bot-Api-Secret-Token: %b\r\n" % SECRET.encode())


def _update(number: int, person: int, text: str) -> bytes:
    return (
        b'{"update_id":%d,"message":{"message_id":%d,"from":{"id":%d,"is_bot":false,'
        b'"first_name":"Ada","last_name":"L","username":"ada%d","language_code":"en"},'
        b'"chat":{"id":%d,"first_name":"Ada","username":"ada%d","type":"private"},'
        b'"date":%d,"text":"%b"}}'
        % (number, number, person, person, person, person, int(time.time()), text.encode())
    )
