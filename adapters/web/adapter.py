"""The web: a chat page, and the API it stands on. Its people hold a token, not an account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from starlette.routing import BaseRoute

from adapters.web import inbound
from adapters.web.api import Api
from adapters.web.exchange import Line
from adapters.web.pages import Pages
from adapters.web.settings import WebSettings
from gateway import ConversationKind, Delivery, Host, Ignored, Inbound, Receive, Rule, Rules, Sent


class WebAdapter:
    """One web channel. What is said in a session is read from the session itself, so nothing is
    ever sent: a delivery has arrived when its turn is committed."""

    platform: ClassVar[str] = "web"
    Settings: ClassVar[type[WebSettings]] = WebSettings
    # Each session has its own conversation, which outlives a reset.
    boundary: ClassVar[Rules] = {ConversationKind.DIRECT: Rule.PER_CHANNEL}
    transcript: ClassVar[bool] = True
    single: ClassVar[bool] = True

    def __init__(self, name: str, settings: WebSettings, host: Host) -> None:
        self.name = name
        self.settings = settings
        self._line = Line(host)
        self._api = Api(name, settings, self._line, self._agent)
        self._pages = Pages(
            settings.title,
            settings.theme,
            self._agent,
            file_bytes=host.files.limit,
            origins=settings.origins,
        )

    def routes(self) -> Sequence[BaseRoute]:
        """The API, then the pages."""
        return [*self._api.routes(), *self._pages.routes()]

    async def run(self, receive: Receive) -> None:
        """Serve until cancelled; then open streams end, and posts that wait are answered."""
        await self._line.hold(receive)

    async def send(self, delivery: Delivery) -> Sent:
        """Nothing to do: who reads the session has read it."""
        return Sent()

    def parse(self, raw: bytes) -> Inbound | Ignored:
        """See ``inbound``."""
        return inbound.read(raw)

    def _agent(self, name: str) -> str:
        offered = self.settings.agents or (self.settings.agent,)
        if not name:
            return self.settings.agent or offered[0]
        return name if name in offered else ""
