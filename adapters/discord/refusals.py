"""Why Discord wants a client no more, in words.

https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
"""

from __future__ import annotations

from adapters.discord.settings import DiscordSettings
from gateway import ConfigurationError, Problem

TOKEN_REFUSED = 4004

PORTAL = "https://discord.com/developers/applications"
_INTENT = (
    "message_content",
    "Discord does not let this bot read the content of messages",
    (
        'switch "Message Content Intent" on at {page}, or set message_content = false: then the bot'
        " reads direct messages, mentions and commands only"
    ),
)
_REFUSED = ("gateway_url", "Discord ended the connection for good", "see {page}")
_REFUSALS = {
    TOKEN_REFUSED: (
        "token",
        "Discord does not know this token",
        "{page} gives out a new one: Reset Token",
    ),
    4011: (
        "token",
        "this bot is in more servers than one connection may serve (2500)",
        "it would need shards, which are not supported: let another bot serve some of them",
    ),
    4012: ("gateway_url", "Discord speaks this version no more", "a newer chat-gateway is needed"),
    4013: _INTENT,
    4014: _INTENT,
}


def refusal(code: int, name: str, settings: DiscordSettings, words: str = "") -> ConfigurationError:
    """What a close code that no patience helps against asks of the operator."""
    application = settings.application_id or settings.bot_id
    page = f"{PORTAL}/{application}/bot" if application else PORTAL
    where, what, hint = _REFUSALS.get(code, _REFUSED)
    return ConfigurationError(
        [
            Problem(
                where=f"channels.{name}.{where}",
                what=f"{what}: {words or f'close code {code}'}",
                hint=hint.format(page=page),
            )
        ]
    )
