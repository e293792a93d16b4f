"""What a Telegram channel is configured with."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from gateway import ChannelSettings, RateText, Seconds


class TelegramSettings(ChannelSettings):
    """One bot. https://core.telegram.org/bots/api"""

    # A refused token must not stand in the error that refuses it.
    model_config = ConfigDict(hide_input_in_errors=True)

    platform: Literal["telegram"] = "telegram"
    token: SecretStr
    """The bot's token, from @BotFather: digits, a colon, a secret."""
    mode: Literal["polling", "webhook"] = "polling"
    """How updates come: asked for, or sent by Telegram to /webhooks/CHANNEL."""
    secret: SecretStr | None = None
    """What Telegram proves itself with at the webhook: 1 to 256 letters, digits, "_" and "-"."""
    username: str = ""
    """The bot's @name. The platform tells it; `gateway explain` has only this to go by."""
    api_url: str = "https://api.telegram.org"
    """The Bot API's address, for a server of your own or a test."""
    poll_timeout: Annotated[Seconds, Field(ge=1, le=50)] = 50.0
    """How long a request for updates stays open: 1 to 50 seconds."""
    max_connections: Annotated[int, Field(ge=1, le=100)] = 40
    """How many webhook requests Telegram may make at once."""
    chat_rate: RateText = "1/s burst 2"
    """What goes to one private chat, typing and edits included; 0 means no limit."""
    group_rate: RateText = "17/60s burst 3"
    """What goes to one group or channel: Telegram allows 20 a minute."""
    overall_rate: RateText = "25/s burst 5"
    """What goes to all chats together: Telegram allows 30 a second."""

    markdown: bool = True
    """Show agents' Markdown as bold, links, code and the like; otherwise as it is written."""
    streaming: bool = True
    """Show an answer while it is being written."""
    link_previews: bool = False
    """Let Telegram show a preview of a page that an answer links to."""
    reaction: str = ""
    """An emoji, as in "👀", that the bot reacts with to what it takes on; empty: none."""

    @property
    def bot_id(self) -> int:
        """The bot's own user id, which its token begins with."""
        return int(self.token.get_secret_value().partition(":")[0])

    @field_validator("token")
    @classmethod
    def _token_has_the_shape(cls, token: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[0-9]{1,19}:[!-~]+", token.get_secret_value()):
            raise ValueError('a bot token is digits, a colon and a secret, as in "123456:ABC-DEF"')
        return token

    @field_validator("username")
    @classmethod
    def _username_without_at(cls, username: str) -> str:
        return username.removeprefix("@")

    @field_validator("api_url")
    @classmethod
    def _api_url_is_one(cls, url: str) -> str:
        if not re.match(r"https?://[^/]", url):
            raise ValueError('an address starts with "https://" or "http://"')
        return url.rstrip("/")

    @model_validator(mode="after")
    def _webhook_has_a_secret(self) -> Self:
        secret = self.secret.get_secret_value() if self.secret else ""
        if self.mode == "webhook" and not secret:
            raise ValueError('mode "webhook" needs a secret, so that only Telegram can write to it')
        if secret and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
            raise ValueError('the secret may hold 1 to 256 letters, digits, "_" and "-"')
        return self
