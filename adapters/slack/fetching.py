"""Gets the files that people send.

https://docs.slack.dev/reference/objects/file-object#authentication
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus

import aiohttp

from adapters.slack.api import APPS_PAGE, SlackApi, SlackRefused
from adapters.slack.fields import a_detail, a_string
from gateway import Attachment, LimitExceeded, RateLimited, SendError, Unavailable

CHUNK = 64 * 1024

_NOT_ALLOWED = (
    "Slack shows its sign-in page instead of the file: the app lacks the scope files:read;"
    f" add it at {APPS_PAGE}, and reinstall the app"
)
_GONE = "Slack no longer has this file"
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


async def fetch(api: SlackApi, attachment: Attachment) -> AsyncIterator[bytes]:
    """A file's content, piece by piece. Raises `LimitExceeded` and `Unavailable`."""
    url = attachment.ref if "://" in attachment.ref else await _address(api, attachment.ref)
    if not api.is_slack(url):
        raise LimitExceeded("this file is not kept at Slack, so it is not fetched")
    async with api.open(url) as response:
        _check(response, attachment)
        async for chunk in response.content.iter_chunked(CHUNK):
            yield chunk


async def _address(api: SlackApi, file_id: str) -> str:
    """Where a file is of which only the id was told."""
    failure: Exception
    try:
        answer = await api.call("files.info", file=file_id)
    except (SendError, Unavailable) as error:
        failure = _refusal(error)
    else:
        file = a_detail(answer, "file")
        url = a_string(file, "url_private_download") or a_string(file, "url_private")
        if url:
            return url
        failure = LimitExceeded("Slack does not say where this file is")
    raise failure


def _refusal(error: SendError | Unavailable) -> Exception:
    code = error.code if isinstance(error, SlackRefused) else ""
    if code == "missing_scope":
        return LimitExceeded(_NOT_ALLOWED)
    if code in {"file_deleted", "file_not_found", "not_visible"}:
        return LimitExceeded(_GONE)
    wait = error.retry_after if isinstance(error, RateLimited | Unavailable) else 5.0
    return Unavailable(f"Slack does not hand out the file now: {error}", retry_after=wait)


def _check(response: aiohttp.ClientResponse, attachment: Attachment) -> None:
    """Raise unless what comes is the file."""
    status = response.status
    if status == HTTPStatus.OK:
        if response.content_type == "text/html" and attachment.media_type != "text/html":
            raise LimitExceeded(_NOT_ALLOWED)
        return
    if status in _REFUSED or HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise LimitExceeded(_NOT_ALLOWED)
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise LimitExceeded(_GONE)
    raise Unavailable(f"Slack does not hand out the file now ({status})")
