"""What Slack's refusals, and answers that are not Slack's, mean for what was to be done.

https://docs.slack.dev/reference/methods/chat.postMessage/#errors
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp import hdrs

from gateway import (
    GatewayError,
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
    RecipientGone,
    Rejected,
    Unavailable,
)

TOKEN_REFUSED = 60.0
"""Seconds to wait for a better token."""
APPS_PAGE = "https://api.slack.com/apps"
REFUSED_TOKENS = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "invalid_auth",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
"""What Slack says of a token that opens nothing (any more)."""

_LIMITED = frozenset({"message_limit_exceeded", "rate_limited", "ratelimited"})
_GONE = frozenset(
    {
        "cannot_dm_bot",
        "cant_post_message",
        "channel_not_found",
        "channel_type_not_supported",
        "is_archived",
        "is_inactive",
        "messages_tab_disabled",
        "not_in_channel",
        "posting_to_channel_denied",
        "team_not_found",
        "user_disabled",
        "user_not_found",
        "user_not_visible",
    }
)
_MOVING = frozenset({"external_channel_migrating", "team_added_to_org"})
_NOT_TAKEN = frozenset({"request_timeout", "insecure_request"})
_BROKEN = frozenset(
    {
        "fatal_error",
        "internal_error",
        "messaging_processing_failed",
        "service_unavailable",
        "unknown_error",
        "update_failed",
    }
)
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
# Raised while connecting, when not a byte of the request has left.
_BEFORE_SENDING = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.ServerFingerprintMismatch,
)


class SlackRefused(GatewayError):
    """Slack answered that it will not; `code` is its word for why."""

    code: str = ""


class _Rejected(SlackRefused, Rejected):
    pass


class _Gone(SlackRefused, RecipientGone):
    pass


class _Limited(SlackRefused, RateLimited):
    pass


class _Unavailable(SlackRefused, Unavailable):
    pass


class _NotTaken(SlackRefused, NotAccepted):
    pass


class _Broken(SlackRefused, OutcomeUnknown):
    pass


def not_slack(method: str, response: aiohttp.ClientResponse) -> GatewayError:
    """What it means when a proxy answers, or Slack in another way than it promises."""
    status = response.status
    words = f"the answer to {method} ({status}) is not the Web API's"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(words, retry_after=_wait(response.headers))
    if status < HTTPStatus.MULTIPLE_CHOICES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return OutcomeUnknown(words)
    return NotAccepted(words)


def of_failure(what: str, error: Exception) -> GatewayError:
    """Name a failure by its kind alone: aiohttp's own texts quote addresses."""
    name = type(error).__name__
    if isinstance(error, _BEFORE_SENDING):
        reason = getattr(error, "os_error", None)
        detail = f"{name} ({reason})" if reason else name
        return Unavailable(f"Slack cannot be reached: {detail}")
    if isinstance(error, TimeoutError):
        return OutcomeUnknown(f"no answer to {what} in time")
    return OutcomeUnknown(f"the connection broke before the answer to {what}: {name}")


def verdict(method: str, response: Any) -> SlackRefused:
    """What Slack's refusal means for what was to be done."""
    said = response.data.get("error")
    code = said if isinstance(said, str) and _CODE.fullmatch(said) else "no readable reason"
    error = _named(method, code, response)
    error.code = code
    return error


def _named(method: str, code: str, response: Any) -> SlackRefused:
    words = f"Slack says {code} to {method}"
    status = response.status_code
    if code in _LIMITED or status == HTTPStatus.TOO_MANY_REQUESTS:
        return _Limited(words, retry_after=_wait(response.headers))
    if code == "missing_scope":
        scope = _scope(response.data)
        words = f"{words}: the app lacks the scope {scope}; add it at {APPS_PAGE}, and reinstall"
        return _Unavailable(words, retry_after=TOKEN_REFUSED)
    if code in REFUSED_TOKENS:
        words = f"Slack refuses the token ({code}): {APPS_PAGE} shows the valid one"
        return _Unavailable(words, retry_after=TOKEN_REFUSED)
    if code in _MOVING:
        return _Unavailable(words, retry_after=TOKEN_REFUSED)
    if code in _GONE or code.startswith("restricted_action"):
        return _Gone(words)
    if code in _NOT_TAKEN:
        return _NotTaken(words)
    if code in _BROKEN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _Broken(words)
    return _Rejected(words)


def _scope(answer: Mapping[str, Any]) -> str:
    needed = answer.get("needed")
    return needed if isinstance(needed, str) and re.fullmatch(r"[\w:.,-]+", needed) else "it needs"


def _wait(headers: Mapping[str, str]) -> float:
    """Seconds that Slack wants to be left alone for."""
    try:
        return min(max(float(headers.get(hdrs.RETRY_AFTER, "")), 0.0), 3600.0)
    except ValueError:
        return 5.0
