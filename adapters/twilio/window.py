"""When a person on WhatsApp may be written to freely: for 24 hours after they wrote.

https://www.twilio.com/docs/whatsapp/key-concepts#the-24-hour-customer-service-window
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.twilio import outbound
from adapters.twilio.api import Product, TwilioApi
from adapters.twilio.resources import sent_at
from adapters.twilio.settings import TwilioSettings
from gateway import Address, RecipientGone, Rejected

OPEN_FOR = 86400.0
MARGIN = 60.0
"""Seconds that it closes earlier here: clocks differ, and a message takes its time."""
MAX_PEOPLE = 20_000
"""Of so many it is remembered when they wrote; of others Twilio is asked."""
ASK_EVERY = 300.0
"""Seconds for which Twilio's answer holds: what is written meanwhile is heard here."""


@dataclass(slots=True)
class _Known:
    """When somebody wrote last, when Twilio said that their window is closed, and when it was
    asked about them."""

    wrote: float = 0.0
    closed: float = 0.0
    asked: float = 0.0


class Window:
    """What is known of people's windows. On SMS there are none."""

    def __init__(
        self,
        settings: TwilioSettings,
        api: TwilioApi,
        log: Any,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._api = api
        self._log = log
        self._clock = clock
        self._people: OrderedDict[str, _Known] = OrderedDict()

    def heard(self, address: str, at: float) -> None:
        """They wrote, at this time; it may be told late, and more than once."""
        if self._settings.whatsapp:
            known = self._known(address)
            known.wrote = max(known.wrote, at)

    def closed(self, address: str) -> None:
        """Twilio says that it is closed now, whatever we know."""
        if self._settings.whatsapp:
            self._known(address).closed = self._clock()

    def is_known_open(self, address: str) -> bool:
        """Whether it is open as far as is known here."""
        known = self._people.get(address)
        return known is not None and self._is_open(known)

    async def was_closed(self, address: str) -> bool:
        """Twilio says that it was closed for a message; whether it still is. They may have written
        meanwhile, which Twilio is asked for; raises as `TwilioApi.get` does."""
        known = self._known(address)
        known.wrote, known.asked = await self._asked(address), self._clock()
        if self._clock() - known.wrote < OPEN_FOR - MARGIN:
            # Twilio's clock has whole seconds: what it said before may look newer than this.
            known.closed = 0.0
            return False
        self.closed(address)
        return True

    async def is_open(self, address: Address) -> bool:
        """Whether a person may be written to freely, or nobody can tell before it is tried. Asks
        Twilio where nothing newer is known. Raises `Unavailable` and `RateLimited`."""
        if not self._settings.whatsapp or outbound.is_group(address):
            return True
        person = outbound.person(address)
        known = self._known(person)
        known.wrote = max(known.wrote, _when(address.data.get("at")))
        if not self._is_open(known) and self._clock() - known.asked > ASK_EVERY:
            try:
                known.wrote = max(known.wrote, await self._asked(person))
            except (Rejected, RecipientGone) as error:
                # That it does not say is no verdict on what is to be sent.
                self._log.info("twilio.window_unknown", error=str(error))
                return not known.wrote and not known.closed
            known.asked = self._clock()
        return self._is_open(known)

    def _is_open(self, known: _Known) -> bool:
        if known.wrote <= known.closed:
            return False
        return self._clock() - known.wrote < OPEN_FOR - MARGIN

    def _known(self, address: str) -> _Known:
        known = self._people.pop(address, None) or _Known()
        self._people[address] = known
        if len(self._people) > MAX_PEOPLE:
            self._people.popitem(last=False)
        return known

    async def _asked(self, person: str) -> float:
        """When they wrote last, as Twilio has it; 0 for never."""
        path = f"{self._api.account_path}/Messages.json"
        params = {"From": person, "To": self._settings.from_, "PageSize": "1"}
        async for one in self._api.pages(Product.API, path, "messages", params, limit=1):
            return sent_at(one)
        return 0.0


def _when(at: Any) -> float:
    is_time = isinstance(at, int | float) and not isinstance(at, bool)
    return float(at) if is_time else 0.0
