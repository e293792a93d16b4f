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
from typing import Any, NamedTuple, cast
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
        "conversations.open",
        "conversations.replies",
        "files.completeUploadExternal",
        "files.getUploadURLExternal",
        "files.info",
        "users.conversations",
        "users.info",
    }
)
"""What the adapter calls."""

TIMEOUT = aiohttp.ClientTimeout(20.0, connect=10.0, sock_connect=5.0)
"""What a call may take."""
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
        self._client = _Client(token, base_url=api_url, session=http)
        self._authorization = {hdrs.AUTHORIZATION: f"Bearer {token}"}
        parts = urlsplit(api_url)
        self._own = (parts.scheme, parts.netloc)
        self._trusted = {"slack.com", "files.slack.com", f"files.{parts.hostname}"}

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method by Slack's name for it; arguments that are None are left out.

        Raises what this module's docstring lists.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        answer: Any
        try:
            if method.startswith(_TAKES_JSON):
                answer = await self._client.tell(method, given)
            else:
                answer = await self._client.api_call(method, data=_form(given))
        except SlackApiError as error:
            answer = error.response
        except orjson.JSONEncodeError:
            answer = None
        # Out here an error has no context, so no traceback shows what was said.
        if answer is None:
            raise Rejected(f"what {method} should say cannot be encoded")
        if answer.status_code != HTTPStatus.OK or not answer.data["ok"]:
            raise verdict(method, answer)
        self.granted = answer.headers.get("x-oauth-scopes", self.granted)
        return cast("dict[str, Any]", answer.data)

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


class _Answer(NamedTuple):
    """What the Web API answered; in names, and in what they hold, like the SDK's."""

    data: dict[str, Any]
    headers: Mapping[str, str]
    status_code: int


class _Client(AsyncWebClient):
    """The SDK's client with the way out made short, bounded and unable to log what is said."""

    def __init__(self, token: str, **options: Any) -> None:
        super().__init__(token, retry_handlers=[], logger=_QUIET, **options)
        self._telling = {
            **self.headers,
            hdrs.AUTHORIZATION: f"Bearer {token.strip()}",
            hdrs.CONTENT_TYPE: "application/json;charset=utf-8",
        }

    async def tell(self, method: str, arguments: Mapping[str, Any]) -> _Answer:
        """As `api_call`, for a method that takes JSON, and is called for each message: without
        what that looks at and copies first."""
        return await self._post(self.base_url + method, orjson.dumps(arguments), self._telling)

    async def _request(
        self, *, http_verb: str, api_url: str, req_args: dict[str, Any]
    ) -> dict[str, Any]:
        answer = await self._post(api_url, req_args["data"], req_args["headers"])
        return answer._asdict()

    async def _post(self, url: str, data: Any, headers: Mapping[str, str]) -> _Answer:
        method = url.rpartition("/")[2]
        failure: GatewayError | None
        if self.session is None or self.session.closed:
            raise Unavailable("the HTTP session is closed")
        try:
            async with self.session.post(
                url,
                data=data,
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                raise_for_status=False,
            ) as response:
                body = await _read(response)
        except _FAILURES as error:
            failure = of_failure(method, error)
        else:
            answer = _parse(body)
            if answer is not None:
                return _Answer(answer, response.headers, response.status)
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
