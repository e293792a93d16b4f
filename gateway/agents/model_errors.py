"""What went wrong between the gateway and a model, in the gateway's words.

What fails before the first token is somebody being away (``Unavailable``) unless the server has
said that it never will; whatever goes wrong after it is a failed attempt (``ModelFailed``). The
libraries' errors quote servers, which quote keys: none of them is chained to ours.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from json import JSONDecodeError
from socket import gaierror
from time import time

import httpx2
import orjson
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelAPIError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
)

from gateway import observability as obs
from gateway.agents.model_http import Endpoint
from gateway.errors import ModelFailed, Unavailable

SOON = 1.0
RETRY_AFTER = 5.0
NEEDS_A_PERSON = 60.0
"""Seconds to wait where only the operator can help: a wrong key, an empty account."""

_SAID = 300
_TOO_LONG = re.compile(
    r"context[_ ](length|window|size)|maximum context|too many tokens|prompt is too long",
    re.IGNORECASE,
)
_FILTERED = re.compile(r"content_filter|content_policy|ResponsibleAIPolicy", re.IGNORECASE)
_NO_TOOLS = re.compile(
    r"does not support tools|unsupported param: tools|tools param requires"
    r"|tool choice requires|support tool use",
    re.IGNORECASE,
)
"""Ollama's words (https://github.com/ollama/ollama/issues/6027), llama.cpp's, with status 500
(https://github.com/ggml-org/llama.cpp/issues/10920), vLLM's, and OpenRouter's."""
_NO_MODEL = re.compile(
    r"model_not_found|invalid_model|invalid model|not a valid model|model not exist"
    r"|\bmodel\b.{0,200}(does not exist|not found)",
    re.IGNORECASE,
)
"""As OpenAI, vLLM and Ollama say it (with status 404), Mistral, OpenRouter and DeepSeek (400), and
OpenAI of a model that the key's project may not use (403)."""
_UNPAID = {"insufficient_quota", "billing_hard_limit_reached"}
_BUSY = {408, 409, 425, 429}
_UNREADABLE = (JSONDecodeError, UnicodeDecodeError)


class TooLong(ModelFailed):
    """The conversation does not fit into what the model can take in."""


class Filtered(ModelFailed):
    """The server's content filter does not let the question through."""


class NoTools(ModelFailed):
    """The server, or its model, does not take tools."""


class NoModel(ModelFailed):
    """The server does not know the model."""


def failure(endpoint: Endpoint, error: AgentRunError, *, begun: bool) -> Unavailable | ModelFailed:
    """The error for what pydantic-ai raised; ``begun``: the model had produced something."""
    if isinstance(error, ModelAPIError) and (error.in_stream or isinstance(error, ModelHTTPError)):
        return _refused(endpoint, error, begun=begun)
    if isinstance(error.__cause__, _UNREADABLE):
        return ModelFailed("the model's server sent an event that is not JSON")
    if begun:
        return ModelFailed(f"{endpoint.host} broke off its answer")
    if not isinstance(error, ModelConnectionError):
        words = f"{endpoint.host}: the answer ended before it began"
        return Unavailable(words, retry_after=SOON)
    pause = RETRY_AFTER if error.phase == "connect" else SOON
    return Unavailable(f"{endpoint.host}: {unreachable(error)}", retry_after=pause)


def late(endpoint: Endpoint, *, begun: bool, over: bool) -> Unavailable | ModelFailed:
    """The error for a silence; ``over``: it was the whole answer that took too long."""
    if over:
        return ModelFailed(f"{endpoint.host} took longer for its answer than the agent's timeout")
    if begun:
        return ModelFailed(f"{endpoint.host} fell silent for {endpoint.stall:g} s amid its answer")
    words = f"{endpoint.host} said nothing for {endpoint.first_token:g} s"
    return Unavailable(words, retry_after=SOON)


def _refused(endpoint: Endpoint, error: ModelAPIError, *, begun: bool) -> Unavailable | ModelFailed:
    """The error for a status and a body that is one."""
    code, said = explained(error.body)
    # An error inside a stream may come without the status that it would have had before it.
    status = error.status_code if isinstance(error, ModelHTTPError) else 500
    shown = f"{endpoint.host} answers {status}" + (f": {said}" if said else "")
    if begun:
        return ModelFailed(f"the answer broke off: {shown}")
    if status in {400, 403, 404} and _NO_MODEL.search(f"{code} {said}"):
        return NoModel(f"{shown} (agents.{endpoint.agent}.model)")
    if status in {401, 403}:
        what = "is refused" if endpoint.api_key else "is missing"
        words = f"{endpoint.host} answers {status}: agents.{endpoint.agent}.api_key {what}"
        return Unavailable(words, retry_after=NEEDS_A_PERSON)
    if _NO_TOOLS.search(said):
        return NoTools(f"{shown} (agents.{endpoint.agent}.tools)")
    if status == 402 or code in _UNPAID:
        return Unavailable(shown, retry_after=NEEDS_A_PERSON)
    if status in _BUSY or status >= 500:
        headers = error.headers if isinstance(error, ModelHTTPError) else None
        return Unavailable(shown, retry_after=retry_after(headers or {}))
    if status == 404:
        return ModelFailed(f"{shown} (agents.{endpoint.agent}.model or base_url)")
    unfit = isinstance(error, ModelContextWindowExceededError) or status == 413
    if unfit or _TOO_LONG.search(f"{code} {said}"):
        return TooLong(shown)
    return Filtered(shown) if _FILTERED.search(f"{code} {said}") else ModelFailed(shown)


def explained(body: object) -> tuple[str, str]:
    """Code and message of an error's body, whichever server's way; secrets are taken out."""
    found = _read(body) if isinstance(body, bytes | str) else body
    error = found.get("error", found) if isinstance(found, dict) else found
    if error is None:
        return "", ""
    if not isinstance(error, dict):
        error = {"message": error}
    code = error.get("code") or error.get("type") or ""
    said = error.get("message") or error.get("detail") or ""
    # Redacted before it is cut: a cut secret would not be recognised.
    return obs.redact(str(code)), obs.redact(" ".join(str(said).split()))[:_SAID]


def _read(body: bytes | str) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that a server asks to wait (RFC 9110, 10.2.3), else ``RETRY_AFTER``.

    ``headers`` have lower-case names.
    """
    value = headers.get("retry-after", "").strip()
    try:
        return max(float(value), 0.1)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(value).timestamp() - time(), 0.1)
    except ValueError:
        return RETRY_AFTER


def unreachable(error: BaseException) -> str:
    """Why a server cannot be talked to, in words."""
    causes = list(_causes(error))
    for kind, words in (
        (gaierror, "there is no such host"),
        (ssl.SSLError, "its certificate is not trusted, or it does not speak TLS"),
        (ConnectionRefusedError, "the connection is refused"),
        ((httpx2.ConnectError, httpx2.ConnectTimeout), "it cannot be reached"),
    ):
        if any(isinstance(cause, kind) for cause in causes):
            return words
    return "the connection broke off"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and all that it was raised for; anyio tries several addresses at once."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        error = error.__cause__ or error.__context__
