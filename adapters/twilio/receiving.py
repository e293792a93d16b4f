"""One run of a channel's receiving end: the webhook is open, and what it missed is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.twilio.api import TwilioApi
from adapters.twilio.assembling import Assembling
from adapters.twilio.catching_up import CatchingUp
from adapters.twilio.intake import Intake
from adapters.twilio.settings import TwilioSettings
from adapters.twilio.webhooks import Webhooks
from gateway import Host


class Receiving:
    """Joins the webhooks, the intake, and the asking for what neither has seen."""

    def __init__(
        self,
        settings: TwilioSettings,
        api: TwilioApi,
        host: Host,
        *,
        channel: str,
        webhooks: Webhooks,
        intake: Intake,
        log: Any,
    ) -> None:
        self._webhooks = webhooks
        self._intake = intake
        self._catching_up = CatchingUp(
            settings,
            api,
            host.bookmarks,
            channel=channel,
            rooms=Assembling(settings, api, f"{host.public_url.rstrip('/')}/webhooks/{channel}"),
            make_up_for=intake.make_up_for,
            gate=intake.catching_up,
            log=log,
        )

    async def run(self) -> None:
        """Until cancelled. Raises `Unavailable` when the store is away."""
        await self._catching_up.load()
        self._intake.behind = self._catching_up.want_soon
        self._webhooks.take = self._take
        try:
            await self._catching_up.run()
        finally:
            self._webhooks.take = None

    async def _take(self, form: Mapping[str, str], *, at: float) -> str | None:
        said = await self._intake.take(form, at=at)
        self._catching_up.heard(form, at)
        return said
