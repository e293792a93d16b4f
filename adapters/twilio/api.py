"""Twilio's REST APIs over the gateway's one HTTP session: a thin client, its errors as verdicts.

No send carries an idempotency key, so what a failed call may have left behind decides what can be
done next:

    TwilioRefused           Twilio said no; `code` is its own number for why, `status` HTTP's
    ├── also Rejected       it will never take this
    ├── also RecipientGone  the number cannot be written to, or wants nothing more
    ├── also Held           not before the person writes again
    ├── also RateLimited    not now: `retry_after` seconds
    ├── also Unavailable    the token is refused, or the account may not do this now
    ├── also NotAccepted    it took nothing
    └── also OutcomeUnknown it broke while at it
    Unavailable             nobody answered: not a byte has left
    NotAccepted             somebody in between refused to pass it on
    OutcomeUnknown          the request left, and no usable answer came back

What only asks (`get`, `pages`) leaves nothing behind: there `Unavailable` stands for the last two.
No text here repeats the token, a number or what was said.

https://www.twilio.com/docs/usage/requests-to-twilio
https://www.twilio.com/docs/usage/twilios-response
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import orjson
from aiohttp import hdrs
from yarl import URL

from adapters.twilio.settings import DEFAULT_API, TwilioSettings
from adapters.twilio.verdicts import TwilioRefused, not_twilio, of_failure, verdict
from gateway import GatewayError, NotAccepted, OutcomeUnknown, Rejected, Unavailable

__all__ = ["Parameters", "Product", "TwilioApi", "TwilioRefused"]

TIMEOUT = 20.0
"""Seconds that a call may take."""
PAGE_SIZE = 100

Parameters = Mapping[str, str] | Sequence[tuple[str, str]]

_TRANSFER = aiohttp.ClientTimeout(total=300.0, connect=10.0, sock_read=20.0)
_UPLOAD = 55.0
_LONGEST_ANSWER = 16 * 2**20
_FORM = "application/x-www-form-urlencoded"
_FAILURES = (aiohttp.ClientError, OSError, RuntimeError, ValueError)


class Product(StrEnum):
    """The APIs that the adapter calls, by the names of their hosts."""

    API = "api"
    MESSAGING = "messaging"
    CONVERSATIONS = "conversations"
    CONTENT = "content"
    MEDIA = "mcs.us1"


class TwilioApi:
    """Calls with one account's token; owns nothing that has to be closed."""

    def __init__(self, settings: TwilioSettings, http: aiohttp.ClientSession, log: Any) -> None:
        self._http = http
        self._log = log
        self._url = settings.api_url.rstrip("/")
        secret = f"{settings.account_sid}:{settings.auth_token.get_secret_value()}"
        self._authorization: dict[str, str] = {
            hdrs.AUTHORIZATION: f"Basic {b64encode(secret.encode()).decode()}"
        }
        self.account_path = f"/2010-04-01/Accounts/{quote(settings.account_sid, safe='')}"
        self.service = quote(settings.conversation_service, safe="")
        within = f"/v1/Services/{self.service}" if self.service else "/v1"
        self.conversations_path = f"{within}/Conversations"

    def conversation_path(self, sid: str) -> str:
        """Where a conversation is."""
        return f"{self.conversations_path}/{quote(sid, safe='')}"

    @property
    def is_twilio(self) -> bool:
        """Whether it is Twilio that is called, and not what stands in for it."""
        return self._url == DEFAULT_API

    def base(self, product: Product) -> str:
        """Where an API is: at its host of Twilio's, or where `api_url` says all of them are."""
        return f"https://{product}.twilio.com" if self.is_twilio else self._url

    # Calls

    async def get(self, product: Product, path: str, params: Parameters = ()) -> dict[str, Any]:
        """Ask. Raises `Unavailable`, `RateLimited`, and what Twilio refuses."""
        return await self._ask(self._address(product, path, params))

    async def post(
        self, product: Product, path: str, form: Parameters = (), *, json: Any = None
    ) -> dict[str, Any]:
        """Make or change something, of a form or of JSON. Raises what the module's docstring
        lists."""
        if json is None:
            body, media_type = _encoded(form), _FORM
        else:
            body, media_type = _dumped(json), "application/json"
        return await self._call("POST", self._address(product, path), body, media_type)

    async def delete(self, product: Product, path: str) -> None:
        """Take something away."""
        await self._call("DELETE", self._address(product, path))

    async def upload(
        self, product: Product, path: str, content: bytes, media_type: str
    ) -> dict[str, Any]:
        """Bring a file. Nobody sees it yet, so whatever fails can be done again."""
        address = self._address(product, path)
        failure: OutcomeUnknown
        try:
            return await self._call("POST", address, content, media_type, timeout=_UPLOAD)
        except OutcomeUnknown as error:
            failure = error
        raise NotAccepted(str(failure))

    async def pages(
        self,
        product: Product,
        path: str,
        key: str,
        params: Parameters = (),
        *,
        limit: int = 1000,
    ) -> AsyncIterator[dict[str, Any]]:
        """The entries of a list, at most `limit`, page by page as they are read."""
        address: URL | None = self._address(product, path, params)
        while address is not None:
            answer = await self._ask(address)
            given = answer.get(key)
            entries = given if isinstance(given, list) else []
            # An empty page may lead on to others, but not for ever.
            limit -= not entries
            for entry in entries:
                if limit <= 0:
                    return
                limit -= 1
                if isinstance(entry, dict):
                    yield entry
            address = self._next(product, answer) if limit > 0 else None

    def _next(self, product: Product, answer: Mapping[str, Any]) -> URL | None:
        """Where the next page is; whatever host is named, it is asked where this one was."""
        meta = answer.get("meta")
        named = meta.get("next_page_url") if isinstance(meta, dict) else None
        named = named or answer.get("next_page_uri")
        if not isinstance(named, str) or not named:
            return None
        try:
            parts = urlsplit(named)
        except ValueError:
            return None
        return URL(f"{self.base(product)}{parts.path}?{parts.query}", encoded=True)

    async def service_of(self, conversation: str) -> str:
        """The service that a conversation belongs to: the configured one, or the account's own.
        Raises as `get`."""
        if self.service:
            return self.service
        answer = await self.get(Product.CONVERSATIONS, self.conversation_path(conversation))
        return quote(str(answer.get("chat_service_sid") or ""), safe="")

    # Files

    def is_own(self, url: str) -> bool:
        """Whether the token may go to this address: it is one of Twilio's APIs, where we call."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        bases = (urlsplit(self.base(product)) for product in Product)
        return any((parts.scheme, parts.netloc) == (base.scheme, base.netloc) for base in bases)

    @asynccontextmanager
    async def open(
        self, url: str, *, authorized: bool = True
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Get a file, with the token only where it belongs; follows no redirect.

        Raises `Unavailable`.
        """
        headers = self._authorization if authorized and self.is_own(url) else {}
        failure: GatewayError | None = None
        try:
            async with self._http.get(
                URL(url, encoded=True), headers=headers, timeout=_TRANSFER, allow_redirects=False
            ) as response:
                yield response
        except _FAILURES as error:
            failure = of_failure("a download", error)
        if failure is not None:
            raise Unavailable(str(failure))

    # HTTP

    def _address(self, product: Product, path: str, params: Parameters = ()) -> URL:
        query = _encoded(params).decode()
        return URL(f"{self.base(product)}{path}{'?' if query else ''}{query}", encoded=True)

    async def _ask(self, address: URL) -> dict[str, Any]:
        failure: GatewayError
        try:
            return await self._call("GET", address)
        except (OutcomeUnknown, NotAccepted) as error:
            failure = error
        raise Unavailable(str(failure))

    async def _call(
        self,
        verb: str,
        address: URL,
        body: bytes | None = None,
        media_type: str = "",
        *,
        timeout: float = 0.0,
    ) -> dict[str, Any]:
        what = f"{verb} {_named(address)}"
        headers = {**self._authorization, hdrs.ACCEPT: "application/json"}
        if media_type:
            headers[hdrs.CONTENT_TYPE] = media_type
        failure: GatewayError
        try:
            async with self._http.request(
                verb,
                address,
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(timeout or TIMEOUT, connect=10.0, sock_connect=5.0),
                allow_redirects=False,
            ) as response:
                text = await _read(response)
        except _FAILURES as error:
            failure = of_failure(what, error)
        else:
            answer = _parsed(text)
            if response.status == HTTPStatus.NO_CONTENT:
                return {}
            if answer is not None and HTTPStatus.OK <= response.status < 300:
                return answer
            if answer is not None and _is_twilios(answer):
                failure = verdict(response.status, answer, response.headers)
            else:
                failure = not_twilio(what, response.status, response.headers)
        # Out here it has no context, so no traceback shows what was said.
        raise failure


def _named(address: URL) -> str:
    """A path in words: of its parts those that are names, not ids or numbers of people."""
    parts = (part.partition(".")[0] for part in address.raw_path.split("/"))
    return "/".join(part for part in parts if part.isalpha()) or "/"


def _encoded(values: Parameters) -> bytes:
    pairs = list(values.items()) if isinstance(values, Mapping) else list(values)
    try:
        return urlencode(pairs).encode()
    except UnicodeEncodeError:
        pass
    raise Rejected("what should be said cannot be encoded")


def _dumped(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        pass
    raise Rejected("what should be said cannot be encoded")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LONGEST_ANSWER:
            response.close()
            raise aiohttp.ClientPayloadError
    return bytes(body)


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None


def _is_twilios(answer: Mapping[str, Any]) -> bool:
    """Whether a refusal reads as Twilio's do, and not as some proxy's."""
    return isinstance(answer.get("code"), int) or isinstance(answer.get("message"), str)
