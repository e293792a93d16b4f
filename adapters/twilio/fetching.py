"""Gets the files that people send.

They are behind the account's token, and Twilio leads on to where they are kept: there the token
does not go.
https://www.twilio.com/docs/messaging/api/media-resource
https://help.twilio.com/articles/223183748
https://www.twilio.com/docs/conversations-classic/api/media-resource
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import aiohttp

from adapters.twilio.api import Product, TwilioApi
from gateway import Attachment, LimitExceeded, RateLimited, RecipientGone, SendError, Unavailable

CHUNK = 64 * 1024
MAX_REDIRECTS = 3
CONVERSATION = "conv:"
"""How the reference of a conversation's file begins: "conv:CH…:IM…:ME…"."""

_GONE = "Twilio no longer has this file"
_ELSEWHERE = "this file is not kept at Twilio, so it is not fetched"
_SIDS = re.compile(r"conv:(CH[0-9A-Za-z]{1,64}):(IM[0-9A-Za-z]{1,64}):(ME[0-9A-Za-z]{1,64})")
_URL = re.compile(r"https?://[!-~]+")
_KEPT = re.compile(
    r"(?:[a-z0-9-]+\.)*(?:twilio\.com|twiliocdn\.com)"
    r"|(?:[a-z0-9-]+\.)*s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com"
)


async def fetch(api: TwilioApi, attachment: Attachment) -> AsyncIterator[bytes]:
    """A file's content, piece by piece. Raises `LimitExceeded` and `Unavailable`."""
    url, trusted = await _address(api, attachment.ref)
    for _ in range(MAX_REDIRECTS + 1):
        if not _may_be_fetched(api, url):
            raise LimitExceeded(_ELSEWHERE)
        async with api.open(url, authorized=trusted) as response:
            location = _led_on(response)
            if location is None:
                async for chunk in response.content.iter_chunked(CHUNK):
                    yield chunk
                return
        url, trusted = _joined(url, location), False
    raise LimitExceeded("Twilio leads on and on to where this file is kept")


async def _address(api: TwilioApi, ref: str) -> tuple[str, bool]:
    """Where a file is, and whether the token belongs there."""
    if ref.startswith(CONVERSATION):
        return await _of_conversation(api, ref), False
    return _joined(f"{api.base(Product.API)}/", ref), True


async def _of_conversation(api: TwilioApi, ref: str) -> str:
    """The address that opens a conversation's file for a while, without a token."""
    sids = _SIDS.fullmatch(ref)
    if sids is None:
        raise LimitExceeded(_GONE)
    failure: Exception
    try:
        service = await api.service_of(sids[1])
        answer = await api.get(Product.MEDIA, f"/v1/Services/{service}/Media/{sids[3]}")
    except RecipientGone:
        failure = LimitExceeded(_GONE)
    except SendError as error:
        wait = error.retry_after if isinstance(error, RateLimited) else 5.0
        failure = Unavailable(f"Twilio does not hand out the file now: {error}", retry_after=wait)
    else:
        links = answer.get("links")
        url = links.get("content_direct_temporary") if isinstance(links, dict) else None
        if isinstance(url, str) and url:
            return url
        failure = LimitExceeded("Twilio does not say where this file is")
    raise failure


def _may_be_fetched(api: TwilioApi, url: str) -> bool:
    """Whether this is an address of Twilio's, or of where it keeps files."""
    if _URL.fullmatch(url) is None:
        return False
    if api.is_own(url):
        return True
    try:
        parts = urlsplit(url)
        is_plain = parts.port in {None, 443} and parts.username is None
    except ValueError:
        return False
    kept = api.is_twilio and parts.scheme == "https" and is_plain
    return kept and _KEPT.fullmatch(parts.hostname or "") is not None


def _led_on(response: aiohttp.ClientResponse) -> str | None:
    """Where the file is instead; None for here. Raises unless it is somewhere."""
    status = response.status
    if status == HTTPStatus.OK:
        return None
    location = response.headers.get("Location", "")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST and location:
        return location
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise LimitExceeded(_GONE)
    raise Unavailable(f"Twilio does not hand out the file now ({status})")


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise LimitExceeded(_ELSEWHERE) from None
