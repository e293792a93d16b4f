"""What a web channel is configured with."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from adapters.web.visitors import networks
from gateway import ChannelSettings


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    networks(texts)
    return texts


class WebSettings(ChannelSettings):
    """A chat page and its API."""

    platform: str = "web"
    title: str = "Chat"
    """What the page is called, in its heading and in the browser's tab."""
    agents: tuple[str, ...] = ()
    """The agents offered, each at /chat/NAME; empty: only the channel's own."""
    theme: Literal["auto", "light", "dark"] = "auto"
    """The page's colours; "auto" follows the visitor's system."""
    anonymous: bool = True
    """Whether a session can be opened without proving who one is."""
    sessions_per_minute: int = Field(default=30, ge=0)
    """How many sessions one address may open in a minute; 0 means any number."""
    files_per_minute: int = Field(default=60, ge=0)
    """How many files one address may send in a minute; 0 means any number."""
    trusted_proxies: Annotated[tuple[str, ...], AfterValidator(_networks)] = ("127.0.0.1", "::1")
    """Addresses and networks of proxies before the gateway, whose X-Forwarded-For is believed."""

    @field_validator("reset")
    @classmethod
    def _stays(cls, reset: object) -> object:
        if reset != "never":
            raise ValueError("a page's people open new conversations themselves; leave it out here")
        return reset
