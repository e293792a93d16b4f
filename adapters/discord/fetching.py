"""Gets the files that people send.

https://docs.discord.com/developers/reference#signed-attachment-cdn-urls
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from adapters.discord.rest import Gone, Refused, Rest
from gateway import Attachment, LimitExceeded, RateLimited, SendError, Unavailable

_MEGABYTE = 2**20


async def fetch(rest: Rest, attachment: Attachment, *, limit: int = 0) -> AsyncIterator[bytes]:
    """A file's content, piece by piece. Raises `LimitExceeded` and `Unavailable`.

    Its address is good for a day: the message is read again for a fresh one. `limit` is in bytes,
    0 for none.
    """
    file = await _file(rest, attachment)
    size = file.get("size")
    most = size if isinstance(size, int) and size > 0 else limit
    if limit and most > limit:
        raise _too_large(attachment, limit)
    got = 0
    failure: Exception | None = None
    try:
        async with aclosing(rest.download(file["url"])) as chunks:
            async for chunk in chunks:
                got += len(chunk)
                if most and got > most:
                    raise _too_large(attachment, most)
                yield chunk
    except Refused as error:
        failure = LimitExceeded(f"Discord does not hand out {attachment.name}: {error}")
    if failure is not None:
        raise failure


async def _file(rest: Rest, attachment: Attachment) -> dict[str, Any]:
    """What Discord tells of the file now."""
    channel, _, rest_of_it = attachment.ref.partition("/")
    message, _, file_id = rest_of_it.partition("/")
    names = (quote(name, safe="") for name in ("channels", channel, "messages", message))
    refusal: Exception
    try:
        told = await rest.call("GET", "/" + "/".join(names))
    except (Refused, Gone) as error:
        refusal = LimitExceeded(f"Discord does not hand out {attachment.name}: {error}")
    except RateLimited as error:
        reason = f"Discord does not hand out the file now: {error}"
        refusal = Unavailable(reason, retry_after=error.retry_after)
    except SendError as error:
        refusal = Unavailable(f"Discord does not hand out the file now: {error}")
    else:
        for file in _files(told):
            if file.get("id") == file_id and _is_address(file.get("url")):
                return file
        refusal = LimitExceeded(f"{attachment.name} was deleted before it could be read")
    raise refusal


def _files(message: object) -> Iterator[dict[str, Any]]:
    """A message's files, and those of what it forwards."""
    if not isinstance(message, dict):
        return
    for file in message.get("attachments") or ():
        if isinstance(file, dict):
            yield file
    for forwarded in message.get("message_snapshots") or ():
        if isinstance(forwarded, dict):
            yield from _files(forwarded.get("message"))


def _is_address(url: object) -> bool:
    return isinstance(url, str) and url.startswith(("https://", "http://"))


def _too_large(attachment: Attachment, limit: int) -> LimitExceeded:
    most = f"{limit / _MEGABYTE:.3g} MB" if limit >= _MEGABYTE else f"{limit} bytes"
    return LimitExceeded(f"{attachment.name} is larger than {most}")
