"""What a web channel is configured with."""

from typing import Literal

from gateway import ChannelSettings


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
