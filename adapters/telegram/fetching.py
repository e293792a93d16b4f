"""Gets the files that people send.

https://core.telegram.org/bots/api#getfile
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from telegram.error import BadRequest, TelegramError

from adapters.telegram.attachments import LARGEST
from adapters.telegram.bot import LeanBot
from gateway import Attachment, LimitExceeded, RateLimited, Unavailable

_MEGABYTE = 2**20


async def fetch(bot: LeanBot, attachment: Attachment) -> AsyncIterator[bytes]:
    """A file's content, piece by piece. Raises `LimitExceeded` and `Unavailable`."""
    if attachment.size > LARGEST:
        raise _too_large(attachment.size)
    path = await _path(bot, attachment)
    got = 0
    failure = ""
    try:
        async with aclosing(bot.download(path)) as chunks:
            async for chunk in chunks:
                got += len(chunk)
                if got > LARGEST:
                    raise _too_large(got)
                yield chunk
    except TelegramError as error:
        failure = bot.words(error)
    if failure:
        raise Unavailable(f"Telegram does not hand out the file now: {failure}")


async def _path(bot: LeanBot, attachment: Attachment) -> str:
    """Where the file can be had for an hour."""
    refusal: Exception
    try:
        file = await bot.call("getFile", {"file_id": attachment.ref})
    except BadRequest as error:
        refusal = _refusal(bot.words(error), attachment)
    except TelegramError as error:
        wait = error.retry_after if isinstance(error, RateLimited) else 5.0
        reason = f"Telegram does not hand out the file now: {bot.words(error)}"
        refusal = Unavailable(reason, retry_after=wait)
    else:
        return _checked(file)
    raise refusal


def _checked(file: object) -> str:
    known = file if isinstance(file, dict) else {}
    path, size = known.get("file_path"), known.get("file_size")
    if isinstance(size, int) and size > LARGEST:
        raise _too_large(size)
    if not isinstance(path, str) or not path:
        raise Unavailable("Telegram does not say where the file is")
    if path.startswith("/") or ".." in path.split("/"):
        # https://github.com/tdlib/telegram-bot-api#usage: it answers with paths on its own disk.
        raise LimitExceeded(
            "this file cannot be had: the Bot API server runs with --local and hands out none"
        )
    return path


def _refusal(words: str, attachment: Attachment) -> Exception:
    if "file is too big" in words.lower():
        return _too_large(attachment.size)
    if "temporarily" in words.lower():
        return Unavailable(f"Telegram does not hand out the file now: {words}")
    return LimitExceeded(f"Telegram does not hand out this file: {words}")


def _too_large(size: int) -> LimitExceeded:
    least = max(size, LARGEST + 1)
    has = f"this one has {-(-least // _MEGABYTE)} MB" if size else "this one is larger"
    return LimitExceeded(f"Telegram hands out files of up to {LARGEST // _MEGABYTE} MB; {has}")
