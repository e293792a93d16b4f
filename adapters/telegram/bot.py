"""python-telegram-bot's `Bot`, called without building its objects; its errors in our words."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any, cast
from urllib.parse import quote

import aiohttp
from telegram import Bot
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    TelegramError,
)

from adapters.telegram.transport import AiohttpRequest
from gateway import (
    GatewayError,
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
    RecipientGone,
    Rejected,
    SendError,
    Unavailable,
)

TOKEN_REFUSED = 60.0
FIRST_WAIT = 0.1
LONGEST_WAIT = 15.0

# What Telegram says, in lower case, of a place that takes nothing any more.
_GONE = (
    "chat not found",
    "user not found",
    "bot was kicked",
    "bot was blocked",
    "user is deactivated",
    "user_is_blocked",
    "peer_id_invalid",
    "group chat was deactivated",
    "not enough rights to send",
    "have no rights to send",
    "chat_write_forbidden",
    "chat_restricted",
    "message thread not found",
    "topic_deleted",
    "topic_closed",
    "business connection not found",
    "business_connection_invalid",
    "business_connection_not_allowed",
    "business_peer_invalid",
    "business_peer_usage_missing",
)


class LeanBot(Bot):
    """A bot that returns what the API answers as it is.

    `Bot.send_message` builds a `telegram.Message` of every answer, which costs more than the call.
    """

    __slots__ = ()

    def __init__(self, token: str, *, api_url: str, http: aiohttp.ClientSession) -> None:
        request = AiohttpRequest(http)
        super().__init__(
            token,
            base_url=f"{api_url}/bot",
            base_file_url=f"{api_url}/file/bot",
            request=request,
            get_updates_request=request,
        )

    def __repr__(self) -> str:
        """PTB's own shows the token."""
        return type(self).__name__

    async def call(
        self, method: str, parameters: dict[str, Any] | None = None, *, read_timeout: float = 20.0
    ) -> Any:
        """Call a method by Telegram's name for it. Raises a `TelegramError`."""
        return await self._do_post(method, parameters or {}, read_timeout=read_timeout)

    def download(self, path: str) -> AsyncGenerator[bytes, None]:
        """A file's content by the path that `getFile` told. Raises a `TelegramError`."""
        request = cast("AiohttpRequest", self.request)
        return request.stream(f"{self.base_file_url}/{quote(path)}")

    async def insist(
        self, method: str, parameters: dict[str, Any] | None = None, *, log: Any
    ) -> Any:
        """Call until it is answered. Raises `InvalidToken`, against which patience is no help."""
        backoff = Backoff()
        said = ""
        while True:
            try:
                return await self.call(method, parameters)
            except InvalidToken:
                raise
            except TelegramError as error:
                if (words := self.words(error)) != said:
                    log.warning("telegram.call_failed", method=method, error=words)
                said = words
                await backoff.wait(asked_to_wait(error))

    def words(self, error: TelegramError) -> str:
        """What an error says, without the token."""
        return str(error).replace(self.token, "TOKEN")

    def verdict(self, error: TelegramError) -> GatewayError:
        """What an error of a call means for the delivery that needed it."""
        words = self.words(error)
        match error:
            case NotAccepted() if is_unreachable(error):
                return Unavailable(f"Telegram cannot be reached: {words}")
            case SendError():
                return error
            case InvalidToken():
                reason = f"Telegram refuses the bot's token ({words}): get a valid one"
                return Unavailable(f"{reason} from @BotFather", retry_after=TOKEN_REFUSED)
            case Forbidden() | ChatMigrated():
                return RecipientGone(words)
            case BadRequest():
                gone = any(phrase in words.lower() for phrase in _GONE)
                return RecipientGone(words) if gone else Rejected(words)
            case Conflict():
                return NotAccepted(words)
        return OutcomeUnknown(words)


def is_unreachable(error: TelegramError) -> bool:
    """Whether there was nobody to talk to: then it says nothing about what was to be sent."""
    return isinstance(error, NotAccepted) and str(error).startswith(
        ("no connection", "the HTTP session is closed")
    )


class Backoff:
    """Waits that double from try to try, each shortened by chance so that not all come at once."""

    def __init__(self) -> None:
        self.tries = 0

    def reset(self) -> None:
        """Begin anew, after a success."""
        self.tries = 0

    async def wait(self, at_least: float = 0.0) -> None:
        """Sleep before the next try."""
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0**self.tries)
        self.tries = min(self.tries + 1, 20)
        await asyncio.sleep(at_least + random.uniform(longest / 2, longest))  # noqa: S311 - jitter


def asked_to_wait(error: TelegramError) -> float:
    """Seconds that the platform wants to be left alone for."""
    return error.retry_after if isinstance(error, RateLimited) else 0.0
