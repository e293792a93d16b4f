"""Invites people to write, when something waits for them that may not be sent before they do.

What is sent outside the 24-hour window is an approved template; one a day is enough of that.
https://www.twilio.com/docs/whatsapp/tutorial/send-whatsapp-notification-messages-templates
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from adapters.twilio import outbound
from adapters.twilio.api import Product, TwilioApi
from adapters.twilio.settings import TwilioSettings
from gateway import Delivery, Host, NotAccepted, OutcomeUnknown, Rejected

ONCE_IN = 86400.0
PLACE = "invited:"
"""In the bookmarks, before whom: when they were invited last."""


class Inviting:
    """Who was invited, remembered durably."""

    def __init__(
        self,
        settings: TwilioSettings,
        api: TwilioApi,
        host: Host,
        *,
        channel: str,
        log: Any,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._api = api
        self._host = host
        self._channel = channel
        self._log = log
        self._clock = clock

    async def invite(self, delivery: Delivery) -> None:
        """Send the template to whom this waits for, unless they were invited today.

        Raises `RateLimited`, `Unavailable` and `RecipientGone`: nobody was invited.
        """
        place = f"{PLACE}{outbound.person(delivery.address)}"
        if self._clock() - await self._invited(place) < ONCE_IN:
            return
        try:
            await self._send(delivery)
        except (Rejected, NotAccepted) as error:
            # What waits goes out without it, when they write.
            self._log.warning("twilio.template_refused", error=str(error))
            return
        except OutcomeUnknown as error:
            self._log.info("twilio.invitation_unknown", error=str(error))
        self._host.bookmarks.put(self._channel, place, f"{self._clock():.0f}")

    async def _invited(self, place: str) -> float:
        positions = await self._host.bookmarks.load(self._channel, under=place)
        try:
            return float(positions.get(place, "0"))
        except ValueError:
            return 0.0

    async def _send(self, delivery: Delivery) -> None:
        filled = outbound.template(self._settings, outbound.invitation(delivery, self._settings))
        callback = outbound.callback(self._host.public_url, self._channel, template=True)
        form = outbound.message(delivery, self._settings, callback=callback, filled=filled)
        await self._api.post(Product.API, f"{self._api.account_path}/Messages.json", form)
