"""The description of an app from which Slack makes one: what it may do, and where events go.

https://docs.slack.dev/reference/app-manifest
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.slack.actions import DEFAULT_PREFIX
from adapters.slack.fields import JsonObject
from adapters.slack.settings import SlackSettings
from gateway import ConfigurationError, NativeCommand, Problem

RESERVED = frozenset(
    {
        *("active", "apps", "archive", "away", "call", "close", "collapse", "dm", "dnd", "expand"),
        *("feed", "feedback", "giphy", "help", "hide", "huddle", "invite", "invite_people", "join"),
        *("keys", "kick", "leave", "me", "msg", "mute", "open", "part", "prefs", "remind"),
        *("remove", "rename", "search", "shortcuts", "shrug", "star", "status", "todo", "topic"),
        *("unarchive", "unhide", "who"),
    }
)
"""Names of Slack's own commands, now or once: an app may not take them, or is never called by them.
https://slack.com/help/articles/201259356-Slash-commands-in-Slack"""

SCOPES: Mapping[str, str] = {
    "app_mentions:read": "mentions are not heard where the bot is no member",
    "channels:history": "messages in public channels are not heard",
    "channels:read": "what was missed in public channels is not found again",
    "chat:write": "nothing can be answered",
    "commands": "there are no slash commands",
    "files:read": "files that people send cannot be read",
    "files:write": "files cannot be sent",
    "groups:history": "messages in private channels are not heard",
    "groups:read": "what was missed in private channels is not found again",
    "im:history": "direct messages are not heard",
    "im:read": "what was missed in direct messages is not found again",
    "im:write": "nobody is sent a file in private who asked for it among others",
    "mpim:history": "messages in group chats are not heard",
    "mpim:read": "what was missed in group chats is not found again",
    "users:read": "people are called by their ids",
}
"""What the bot may do, and what is the matter without it. https://docs.slack.dev/reference/scopes"""

ASSISTANT_SCOPES: Mapping[str, str] = {
    "assistant:write": "chats in the agent view get neither titles nor prompts",
}

EVENTS = (
    "app_mention",
    "channel_id_changed",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
)
ASSISTANT_EVENTS = ("app_home_opened",)
"""New apps only get the agent view, which tells by this that somebody opened a chat.
https://docs.slack.dev/ai/migrating-to-agent-messaging/"""

_LONGEST_NAME = 35
_LONGEST_COMMAND = 32
_DESCRIPTION = "Answers, and remembers each conversation by itself."


def manifest(
    settings: SlackSettings | None,
    *,
    channel: str,
    public_url: str,
    commands: Sequence[NativeCommand],
    name: str = "",
    mode: str = "",
    assistant: bool | None = None,
    prefix: str | None = None,
) -> JsonObject:
    """The manifest for a channel; what is not given is as its settings say, or for Socket Mode.

    Raises `ConfigurationError` for an address or a name that Slack would not take.
    """
    mode = mode or (settings.mode if settings else "socket")
    if assistant is None:
        assistant = settings.assistant if settings else False
    if prefix is None:
        prefix = settings.command_prefix if settings else ""
    url = _webhook(public_url, channel) if mode == "events" else ""
    shown = _app_name(name or channel)
    return {
        "display_information": {"name": shown, "description": _DESCRIPTION},
        "features": {
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": shown, "always_online": True},
            "slash_commands": [_command(command, prefix, url) for command in commands],
            **(_agent_view(settings) if assistant else {}),
        },
        "oauth_config": {"scopes": {"bot": sorted(scopes(assistant=assistant))}},
        "settings": {
            "event_subscriptions": _located({"bot_events": list(events(assistant))}, url),
            "interactivity": _located({"is_enabled": True}, url),
            "org_deploy_enabled": False,
            "socket_mode_enabled": mode == "socket",
            # The gateway keeps one token, and does not exchange it every few hours.
            "token_rotation_enabled": False,
        },
    }


def scopes(*, assistant: bool) -> Mapping[str, str]:
    """What the bot has to be allowed, and what is the matter without it."""
    return {**SCOPES, **ASSISTANT_SCOPES} if assistant else SCOPES


def events(assistant: bool) -> Sequence[str]:
    """What Slack is to tell of."""
    return sorted((*EVENTS, *ASSISTANT_EVENTS)) if assistant else EVENTS


def command_name(name: str, prefix: str = "") -> str:
    """A command as it is called in Slack, where the plain name may be Slack's own."""
    if not prefix and name in RESERVED:
        prefix = DEFAULT_PREFIX
    return f"/{prefix}-{name}" if prefix else f"/{name}"


def _command(command: NativeCommand, prefix: str, url: str) -> JsonObject:
    called = command_name(command.name, prefix)
    if len(called) > _LONGEST_COMMAND:
        what = f"the command {called} is longer than {_LONGEST_COMMAND} characters"
        raise _wrong("--prefix", what, "take a shorter prefix")
    entry = {"command": called, "description": command.descriptions["en"], "should_escape": False}
    if hint := command.argument.get("en"):
        entry["usage_hint"] = f"[{hint}]"
    return {**entry, "url": url} if url else entry


def _agent_view(settings: SlackSettings | None) -> JsonObject:
    view: JsonObject = {"agent_description": _DESCRIPTION}
    if settings and settings.prompts:
        view["suggested_prompts"] = [{"title": p, "message": p} for p in settings.prompts]
    return {"agent_view": view}


def _located(part: JsonObject, url: str) -> JsonObject:
    return {"request_url": url, **part} if url else part


def _webhook(public_url: str, channel: str) -> str:
    if not public_url:
        hint = 'set gateway.public_url, or give --public-url "https://bots.example.org"'
        raise _wrong("gateway.public_url", "Slack needs an address to send events to", hint)
    if not public_url.startswith("https://"):
        what = f"{public_url} does not begin with https://, and Slack sends nowhere else"
        raise _wrong("gateway.public_url", what, "or use Socket Mode, which needs no address")
    return f"{public_url.rstrip('/')}/webhooks/{channel}"


def _app_name(name: str) -> str:
    shown = " ".join(name.split())
    if not shown or len(shown) > _LONGEST_NAME or not shown.isprintable():
        what = f"an app's name has 1 to {_LONGEST_NAME} characters, not {len(shown)}"
        raise _wrong("--name", what, "give another")
    return shown


def _wrong(where: str, what: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Problem(where=where, what=what, hint=hint)])
