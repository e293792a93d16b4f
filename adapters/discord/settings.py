"""What a Discord channel is configured with."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr, field_validator

from gateway import ChannelSettings, RateText, Seconds


class DiscordSettings(ChannelSettings):
    """One bot. https://docs.discord.com/developers/reference"""

    # A refused token must not stand in the error that refuses it.
    model_config = ConfigDict(hide_input_in_errors=True)

    platform: Literal["discord"] = "discord"
    token: SecretStr
    """The bot's token, from its page "Bot" at https://discord.com/developers/applications."""
    application_id: str = ""
    """The application's id. The platform tells it; `gateway explain` has only this, or the token,
    to go by."""
    api_url: str = "https://discord.com/api/v10"
    """The REST API's address, for a test."""
    gateway_url: str = "wss://gateway.discord.gg/"
    """Where events come from, for a test."""
    message_content: bool = True
    """Ask for the content of messages that do not mention the bot, which the bot's page must allow
    (Message Content Intent). Without it, the bot hears mentions, direct messages and commands."""
    answer_bots: bool = False
    """Answer other bots and webhooks too. Two bots that answer each other do so for ever."""
    catch_up: Annotated[Seconds, Field(ge=0, le=14 * 86400.0)] = 86400.0
    """How far back what was said while the gateway was away is still heard; 0: not at all."""
    channel_rate: RateText = "4/5s burst 4"
    """What goes to one channel, edits and typing included; 0 means no limit."""
    overall_rate: RateText = "45/s burst 10"
    """What goes to all channels together: Discord allows 50 a second."""

    streaming: bool = True
    """Show an answer while it is being written."""
    link_previews: bool = False
    """Let Discord show a preview of a page that an answer links to."""
    commands: bool = True
    """Offer the chat commands as slash commands."""

    @property
    def bot_id(self) -> str:
        """The bot's own user id, which its token begins with in base64; empty if it does not."""
        head = self.token.get_secret_value().partition(".")[0]
        try:
            user_id = base64.b64decode(head + "=" * (-len(head) % 4), b"-_", validate=True)
        except binascii.Error:
            return ""
        return user_id.decode() if re.fullmatch(rb"[0-9]{1,20}", user_id) else ""

    @field_validator("token")
    @classmethod
    def _token_has_the_shape(cls, token: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[!-~]+", token.get_secret_value()):
            raise ValueError(
                'a bot token is one word, without "Bot " before it: copy it from the page "Bot" at'
                " https://discord.com/developers/applications"
            )
        return token

    @field_validator("application_id")
    @classmethod
    def _application_id_is_one(cls, application_id: str) -> str:
        if not re.fullmatch(r"[0-9]{0,20}", application_id):
            raise ValueError("an application id is a number of up to 20 digits, in quotes")
        return application_id

    @field_validator("api_url")
    @classmethod
    def _api_url_is_one(cls, url: str) -> str:
        if not re.match(r"https?://[^/]", url):
            raise ValueError('an address starts with "https://" or "http://"')
        return url.rstrip("/")

    @field_validator("gateway_url")
    @classmethod
    def _gateway_url_is_one(cls, url: str) -> str:
        if not re.match(r"wss?://[^/]", url):
            raise ValueError('the gateway\'s address starts with "wss://" or "ws://"')
        return url
