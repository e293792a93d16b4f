"""What a web channel is configured with."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator

from adapters.web.visitors import networks
from gateway import ChannelSettings

SECRET = 32
"""Bytes of a secret: as many as its hash has (RFC 7518, 3.2)."""

_ORIGIN = re.compile(
    r"https?://(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
    r"|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?"
)


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    networks(texts)
    return texts


def _long(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < SECRET:
        raise ValueError(f"has to be at least {SECRET} characters long, and hard to guess")
    return secret


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError("write a site as https://shop.example, with a port where it has one")
    port = {"http": ":80", "https": ":443"}[text.partition(":")[0]]
    if text.endswith(port):
        raise ValueError(f"leave {port} out: browsers do")
    return text


class WebSettings(ChannelSettings):
    """A chat page and its API."""

    platform: str = "web"
    title: str = "Chat"
    """What the page is called, in its heading and in the browser's tab."""
    theme: Literal["auto", "light", "dark"] = "auto"
    """The page's colours; "auto" follows the visitor's system."""
    anonymous: bool = True
    """Whether a session can be opened without proving who one is."""
    sessions_per_minute: int = Field(default=30, ge=0)
    """How many sessions one address may open in a minute, and a known user list or open again; 0
    means any number."""
    files_per_minute: int = Field(default=60, ge=0)
    """How many files one address may send in a minute; 0 means any number."""
    trusted_proxies: Annotated[tuple[str, ...], AfterValidator(_networks)] = ("127.0.0.1", "::1")
    """Addresses and networks of proxies before the gateway, whose X-Forwarded-For is believed."""

    user_secret: Annotated[SecretStr, AfterValidator(_long)] | None = None
    """What the embedding site signs its users' tokens with, at least 32 characters; left out: no
    users are known here."""
    service_keys: tuple[Annotated[SecretStr, AfterValidator(_long)], ...] = ()
    """What services show that open sessions under ids of their own, at least 32 characters each."""
    origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    """The sites that may show the chat within their pages, as in https://shop.example; empty:
    none."""

    @field_validator("reset")
    @classmethod
    def _stays(cls, reset: object) -> object:
        if reset != "never":
            raise ValueError("a page's people open new conversations themselves; leave it out here")
        return reset
