"""What `gateway check --online` says of an app, in words. Pure.

https://docs.slack.dev/reference/methods/auth.test,
https://docs.slack.dev/reference/methods/apps.connections.open
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from adapters.slack import manifest
from adapters.slack.fields import in_one_line
from adapters.slack.settings import SlackSettings
from gateway import Problem

APPS = "https://api.slack.com/apps"
_NEEDED = frozenset({"chat:write"})
_APP_OF_TOKEN = re.compile(r"xapp-[0-9]+-(A[A-Z0-9]{1,20})-")
_INSTALLS = "OAuth & Permissions shows the Bot User OAuth Token, after (re)installing the app"

_BOT_TOKEN: Mapping[str, tuple[str, str]] = {
    "invalid_auth": ("Slack does not know this token", _INSTALLS),
    "not_authed": ("Slack saw no token", _INSTALLS),
    "token_revoked": ("the token was revoked, or the app was removed", _INSTALLS),
    "account_inactive": ("the app or its workspace is gone", "install the app again"),
    "token_expired": (
        "the token has expired",
        "turn token rotation off for the app, and install it again",
    ),
    "not_allowed_token_type": (
        "this kind of token cannot be used here",
        'bot_token begins with "xoxb-": the Bot User OAuth Token',
    ),
    "org_login_required": ("the workspace is moving to an organisation", "try again later"),
    "ekm_access_denied": ("the organisation's keys keep the app out", "ask its administrators"),
    "team_access_not_granted": (
        "the organisation has not let the app into this workspace",
        "ask its administrators",
    ),
    "access_denied": ("Slack does not let this app in", "ask the workspace's administrators"),
}
_APP_TOKEN: Mapping[str, tuple[str, str]] = {
    "invalid_auth": ("Slack does not know this token", "generate one with connections:write"),
    "not_authed": ("Slack saw no token", "generate one with connections:write"),
    "token_revoked": ("the token was revoked", "generate another with connections:write"),
    "not_allowed_token_type": (
        "this kind of token opens no connection",
        'app_token begins with "xapp-": an app-level token',
    ),
    "missing_scope": ("the token lacks connections:write", "generate one that has it"),
    "no_permission": ("the token lacks connections:write", "generate one that has it"),
    "forbidden_team": ("the workspace does not let the app connect", "ask its administrators"),
    "socket_mode_disabled": ("Socket Mode is off for this app", "turn it on"),
}


def bot_refused(error: str, channel: str, settings: SlackSettings) -> Problem:
    """Why `auth.test` refused the bot's token, and where that is mended."""
    what, hint = _BOT_TOKEN.get(error, (f"Slack refuses it: {_code(error)}", _INSTALLS))
    page = page_of(app_id(settings), "oauth")
    return Problem(where=f"channels.{channel}.bot_token", what=what, hint=f"{hint}: {page}")


def app_refused(error: str, channel: str, settings: SlackSettings, *, app: str = "") -> Problem:
    """Why `apps.connections.open` refused the app's token. `app` is the bot's app, if known."""
    hint = "generate one with connections:write"
    what, hint = _APP_TOKEN.get(error, (f"Slack refuses it: {_code(error)}", hint))
    part = "socket-mode" if error == "socket_mode_disabled" else "general"
    page = page_of(app_id(settings) or app, part)
    return Problem(where=f"channels.{channel}.app_token", what=what, hint=f"{hint}: {page}")


def problems(
    auth: Mapping[str, Any],
    granted: str,
    bot: Mapping[str, Any],
    channel: str,
    settings: SlackSettings,
) -> list[Problem]:
    """What makes a channel unusable though Slack knows its tokens.

    `auth` is the answer of `auth.test`, `granted` the `x-oauth-scopes` header that came with it
    (empty: none came), and `bot` the object in the answer of `bots.info`, if that was to be had.
    """
    return list(_problems(auth, granted, bot, f"channels.{channel}", settings))


def said(
    auth: Mapping[str, Any],
    granted: str,
    bot: Mapping[str, Any],
    settings: SlackSettings,
    url: str,
) -> str:
    """Who the bot is, and what may surprise. `url` is its webhook's address, if it has one."""
    who = f"@{_word(auth, 'user') or _word(bot, 'name')} in {_word(auth, 'team')}"
    if auth.get("is_enterprise_install") is True:
        who += ", and in the whole organisation"
    app = _text(bot, "app_id") or app_id(settings)
    return "; ".join([who, *_lacking(granted, settings, app), *_webhook(settings, url, app)])


def app_id(settings: SlackSettings) -> str:
    """The app whose token the app's token is: it says so itself."""
    token = settings.app_token.get_secret_value() if settings.app_token else ""
    match = _APP_OF_TOKEN.match(token)
    return match[1] if match else ""


def page_of(app: str, part: str) -> str:
    """The page on which it is mended, of this app if it is known."""
    return f"{APPS}/{app}/{part}" if re.fullmatch(r"A[A-Z0-9]{1,20}", app) else APPS


def missing(granted: str, settings: SlackSettings) -> list[str]:
    """The scopes that the bot's token lacks; none where Slack did not say what it has."""
    has = {scope.strip() for scope in granted.split(",")} - {""}
    return [
        scope for scope in manifest.scopes(assistant=settings.assistant) if scope not in has
    ] * (bool(has))


def _problems(
    auth: Mapping[str, Any],
    granted: str,
    bot: Mapping[str, Any],
    where: str,
    settings: SlackSettings,
) -> Iterator[Problem]:
    of_token, of_bot = app_id(settings), _text(bot, "app_id")
    oauth = page_of(of_bot or of_token, "oauth")
    if not _text(auth, "bot_id"):
        what = "is a person's token: everything would be said in that person's name"
        hint = f'take the Bot User OAuth Token, which begins with "xoxb-": {oauth}'
        yield Problem(where=f"{where}.bot_token", what=what, hint=hint)
        return
    if of_token and of_bot and of_token != of_bot:
        what = f"belongs to the app {of_token}, and the bot_token to the app {of_bot}"
        hint = f"generate one for the bot's app: {page_of(of_bot, 'general')}"
        yield Problem(where=f"{where}.app_token", what=what, hint=hint)
    user = _text(auth, "user_id")
    if settings.bot_user_id and user and settings.bot_user_id != user:
        what = f"is {settings.bot_user_id}, and the bot is {_code(user)}"
        hint = "is it the token of another bot or workspace? Or remove the key: Slack tells it"
        yield Problem(where=f"{where}.bot_user_id", what=what, hint=hint)
    lacks = [scope for scope in missing(granted, settings) if scope in _NEEDED]
    if lacks:
        what = f"lacks {', '.join(lacks)}: {manifest.SCOPES[lacks[0]]}"
        hint = f"add it, and install the app again: {oauth}"
        yield Problem(where=f"{where}.bot_token", what=what, hint=hint)


def _lacking(granted: str, settings: SlackSettings, app: str) -> Iterator[str]:
    lacks = [scope for scope in missing(granted, settings) if scope not in _NEEDED]
    reasons = manifest.scopes(assistant=settings.assistant)
    yield from (f"without {scope} {reasons[scope]}" for scope in lacks)
    if lacks:
        yield f"add what is wanted and install the app again: {page_of(app, 'oauth')}"


def _webhook(settings: SlackSettings, url: str, app: str) -> Iterator[str]:
    if settings.mode == "socket":
        return
    page = page_of(app, "event-subscriptions")
    if url:
        yield f"events are expected at {url}, which belongs into the Request URL at {page}"
    else:
        yield f"set gateway.public_url, and the Request URL at {page}"
    yield "the signing_secret cannot be tried: Slack proves it with the first event"


def _text(of: Mapping[str, Any], field: str) -> str:
    value = of.get(field)
    return value if isinstance(value, str) else ""


def _word(of: Mapping[str, Any], field: str) -> str:
    return in_one_line(_text(of, field), 80)


def _code(text: str) -> str:
    """What Slack calls an error or an id: nothing else of an answer is repeated."""
    return text if re.fullmatch(r"[A-Za-z0-9_:.-]{1,80}", text) else "something it does not say"
