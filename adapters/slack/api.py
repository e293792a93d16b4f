"""Slack's Web API over the gateway's one HTTP session: slack_sdk's client, its errors as verdicts.

The API knows no idempotency key, so what a failed call may have left behind decides what can be
done next:

    SlackRefused            Slack said no; `code` is its own word for it
    ├── also Rejected       it will never take this
    ├── also RecipientGone  the channel, the person or the right to write there is gone
    ├── also RateLimited    not now: `retry_after` seconds
    ├── also Unavailable    the token is refused, or lacks a scope; or the workspace is being moved
    ├── also NotAccepted    it took nothing
    └── also OutcomeUnknown it broke while at it
    Unavailable             nobody answered: not a byte has left
    NotAccepted             somebody in between refused to pass it on
    OutcomeUnknown          the request left, and no usable answer came back

No text here repeats a token or an address: those that Slack makes for files open them.

https://docs.slack.dev/apis/web-api/
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp import hdrs
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.verdicts import (
    APPS_PAGE,
    REFUSED_TOKENS,
    SlackRefused,
    not_slack,
    of_failure,
    verdict,
)
from gateway import GatewayError, NotAccepted, OutcomeUnknown, Rejected, Unavailable

__all__ = ["APPS_PAGE", "METHODS", "REFUSED_TOKENS", "SlackApi", "SlackRefused"]

METHODS = frozenset(
    {
        "apps.connections.open",
        "assistant.threads.setStatus",
        "assistant.threads.setSuggestedPrompts",
        "assistant.threads.setTitle",
        "auth.test",
        "bots.info",
        "chat.appendStream",
        "chat.delete",
        "chat.postMessage",
        "chat.startStream",
        "chat.stopStream",
        "chat.update",
        "conversations.history",
        "conversations.info",
        "conversations.replies",
        "files.completeUploadExternal",
        "files.getUploadURLExternal",
        "files.info",
        "users.conversations",
        "users.info",
    }
)
"""What the adapter calls."""

TIMEOUT = 20.0
"""Seconds that a call may take."""
_TRANSFER = aiohttp.ClientTimeout(total=300.0, connect=10.0, sock_read=20.0)
_UPLOAD = aiohttp.ClientTimeout(total=55.0, connect=10.0)
_LONGEST_ANSWER = 64 * 2**20
# These take JSON; the older ones among the others read forms only.
_TAKES_JSON = ("chat.", "assistant.")
_FAILURES = (aiohttp.ClientError, OSError, RuntimeError, ValueError)
# The SDK tells its logger what it sends, at a level that everything below WARNING passes.
_QUIET = logging.getLogger("gateway.adapters.slack.sdk")
_QUIET.setLevel(logging.CRITICAL)


class SlackApi:
    """Calls methods with one token; owns nothing that has to be closed."""

    def __init__(self, token: str, api_url: str, http: aiohttp.ClientSession, log: Any) -> None:
        self.granted = ""
        """The token's scopes, as the last answer told."""
        self._http = http
        self._log = log
        self._client = _Client(
            token, base_url=api_url, session=http, retry_handlers=[], logger=_QUIET
        )
        self._authorization = {hdrs.AUTHORIZATION: f"Bearer {token}"}
        parts = urlsplit(api_url)
        self._own = (parts.scheme, parts.netloc)
        self._trusted = {"slack.com", "files.slack.com", f"files.{parts.hostname}"}

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method by Slack's name for it; arguments that are None are left out.

        Raises what this module's docstring lists.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        failure: GatewayError
        try:
            if method.startswith(_TAKES_JSON):
                response = await self._client.api_call(method, json=given)
            else:
                response = await self._client.api_call(method, data=_form(given))
        except SlackApiError as error:
            failure = verdict(method, error.response)
        except orjson.JSONEncodeError:
            failure = Rejected(f"what {method} should say cannot be encoded")
        else:
            self.granted = response.headers.get("x-oauth-scopes", self.granted)
            return cast("dict[str, Any]", response.data)
        # Out here it has no context, so no traceback shows what was said.
        raise failure

    def is_slack(self, url: str) -> bool:
        """Whether the token may go to this address: it is Slack's, or the API's own."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        if (parts.scheme, parts.netloc) == self._own:
            return True
        return parts.scheme == "https" and parts.netloc in self._trusted

    @asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Get a file of Slack's; follows no redirect. Raises `Unavailable`."""
        failure: GatewayError | None = None
        try:
            async with self._http.get(
                url, headers=self._authorization, timeout=_TRANSFER, allow_redirects=False
            ) as response:
                yield response
        except _FAILURES as error:
            failure = of_failure("a download", error)
        if failure is not None:
            raise Unavailable(str(failure))

    async def upload(self, url: str, content: bytes) -> None:
        """Put a file where Slack said. Nobody sees it yet, so whatever fails can be done again.

        Raises `NotAccepted` and `Unavailable`.
        """
        failure: GatewayError | None = None
        try:
            async with self._http.post(
                url, data=content, timeout=_UPLOAD, allow_redirects=False
            ) as response:
                if response.status != HTTPStatus.OK:
                    failure = NotAccepted(f"Slack answers {response.status} to an upload")
        except _FAILURES as error:
            failure = of_failure("an upload", error)
        if isinstance(failure, OutcomeUnknown):
            raise NotAccepted(str(failure))
        if failure is not None:
            raise failure


class _Client(AsyncWebClient):
    """The SDK's client with the way out made short, bounded and unable to log what is said."""

    async def _request(
        self, *, http_verb: str, api_url: str, req_args: dict[str, Any]
    ) -> dict[str, Any]:
        method = api_url.rpartition("/")[2]
        said = req_args["json"]
        data = req_args["data"] if said is None else orjson.dumps(said)
        failure: GatewayError | None
        if self.session is None or self.session.closed:
            raise Unavailable("the HTTP session is closed")
        try:
            async with self.session.request(
                http_verb,
                api_url,
                data=data,
                headers=req_args["headers"],
                timeout=aiohttp.ClientTimeout(TIMEOUT, connect=10.0, sock_connect=5.0),
                allow_redirects=False,
                raise_for_status=False,
            ) as response:
                body = await _read(response)
        except _FAILURES as error:
            failure = of_failure(method, error)
        else:
            answer = _parse(body)
            if answer is not None:
                headers, status = response.headers, response.status
                return {"data": answer, "headers": headers, "status_code": status}
            failure = not_slack(method, response)
        raise failure


def _form(arguments: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in arguments.items()
    }


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LONGEST_ANSWER:
            response.close()
            raise aiohttp.ClientPayloadError
    return bytes(body)


def _parse(body: bytes) -> dict[str, Any] | None:
    """The API's answer, or nothing if somebody else wrote it."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) and isinstance(answer.get("ok"), bool) else None
