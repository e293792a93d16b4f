"""What a Slack channel is configured with."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from gateway import ChannelSettings, RateText, Seconds

# How Slack's tokens begin. https://docs.slack.dev/authentication/tokens
_BEGINNINGS = {
    "xapp-": "an app-level token, which belongs at app_token",
    "xoxb-": "a bot token, which belongs at bot_token",
    "xoxp-": "a user's token, which would let the bot act as that user",
    "xoxe.xoxb-": "a bot token that expires: turn token rotation off for the app",
    "xoxe.xoxp-": "a user's token, which would let the bot act as that user",
    "xoxe-": "a refresh token",
    "xwfp-": "a workflow's token",
    "xoxc-": "a browser's token",
    "xoxa-": "a token of an old kind of app",
    "xoxr-": "a refresh token",
}
_WANTED = {
    "bot_token": ("xoxb-", 'the Bot User OAuth Token, which begins with "xoxb-"'),
    "app_token": ("xapp-", 'an app-level token, which begins with "xapp-"'),
    "signing_secret": ("", "the Signing Secret: 32 hexadecimal digits"),
}


Prompt = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class SlackSettings(ChannelSettings):
    """One app in one workspace, or in an organisation's. https://docs.slack.dev/apis/"""

    platform: Literal["slack"] = "slack"
    bot_token: SecretStr
    """The bot's token, "xoxb-…": the app's page, OAuth & Permissions, Bot User OAuth Token."""
    app_token: SecretStr | None = None
    """For Socket Mode, which needs no public address: an app-level token, "xapp-…", with the scope
    connections:write. Give either this or signing_secret."""
    signing_secret: SecretStr | None = None
    """For the Events API at /webhooks/CHANNEL: what Slack signs its requests with. The app's page,
    Basic Information, Signing Secret. Give either this or app_token."""
    api_url: str = "https://slack.com/api/"
    """The Web API's address, for GovSlack or a test."""
    streaming: bool = True
    """Show an answer while it is being written."""
    assistant: bool = False
    """The app has its agent view on: each chat that people begin there is one of its own."""
    follow_threads: bool = True
    """In a thread that the bot takes part in, answer without being mentioned again."""
    prompts: Annotated[tuple[Prompt, ...], Field(max_length=4)] = ()
    """At most four things to ask, which the agent view offers where a chat begins."""
    command_prefix: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9_-]{0,15})?$")] = ""
    """What the names of all slash commands begin with, as in /helper-reset, for several apps in one
    workspace. Empty: only those that Slack has itself are called otherwise: /chat-status."""
    bot_user_id: Annotated[str, Field(pattern=r"^([UW][A-Z0-9]{1,30})?$")] = ""
    """The bot's own user id. The platform tells it; `gateway explain` has only this to go by."""
    answer_bots: bool = False
    """Hear what other bots write; two that answer each other never stop."""
    catch_up: Seconds = 86400.0
    """How far back to look for messages missed while nothing was connected; 0: not at all."""
    link_previews: bool = False
    """Let Slack show a preview of a page that an answer links to."""
    channel_rate: RateText = "1/s burst 2"
    """Messages to one channel, group or person: Slack allows one a second, and short bursts."""
    update_rate: RateText = "40/60s burst 5"
    """Changes to messages that show an answer being written: Slack allows 50 a minute."""
    stream_rate: RateText = "80/60s burst 10"
    """Pieces of streamed answers, to all chats together: Slack allows 100 a minute."""
    typing_rate: RateText = "120/60s burst 10"
    """How often it is shown, to all chats together, that an answer is being written."""

    @property
    def mode(self) -> Literal["socket", "events"]:
        """How events come: over a connection of ours, or sent by Slack to /webhooks/CHANNEL."""
        return "socket" if self.app_token is not None else "events"

    @field_validator("bot_token", "app_token", "signing_secret")
    @classmethod
    def _is_what_it_should_be(
        cls, secret: SecretStr | None, info: ValidationInfo
    ) -> SecretStr | None:
        if secret is None:
            return None
        beginning, wanted = _WANTED[str(info.field_name)]
        text = secret.get_secret_value()
        if not text:
            raise ValueError(f"is empty; it should be {wanted}")
        if not re.fullmatch("[!-~]+", text):
            raise ValueError(f"holds a space or a character that none has; it should be {wanted}")
        for other, words in _BEGINNINGS.items():
            if text.startswith(other) and other != beginning:
                raise ValueError(f"is {words}; it should be {wanted}")
        return secret

    @field_validator("api_url")
    @classmethod
    def _api_url_is_one(cls, url: str) -> str:
        if not re.match(r"https?://[^/]", url):
            raise ValueError('an address starts with "https://" or "http://"')
        # The SDK puts a method's name right behind it.
        return f"{url.rstrip('/')}/"

    @model_validator(mode="after")
    def _events_come_one_way(self) -> Self:
        if self.app_token is None and self.signing_secret is None:
            raise ValueError(
                "it needs an app_token (Socket Mode: no public address needed)"
                " or a signing_secret (Events API: only Slack can then write to the webhook)"
            )
        if self.app_token is not None and self.signing_secret is not None:
            raise ValueError(
                "it has both an app_token and a signing_secret: events come over Socket Mode"
                " (app_token) or the Events API (signing_secret), so remove the other"
            )
        return self
