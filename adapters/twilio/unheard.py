"""Failures that were told while nobody listened: looked for among what was sent.

Twilio tells once what became of a message, and repeats that only where no connection was made; its
list of messages remembers. It is read at the start, soon after a report could not be taken, and
every so often. Of groups it says nothing: what became of their messages is not looked for.

https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from adapters.twilio.api import Product, TwilioApi
from adapters.twilio.fields import a_string
from adapters.twilio.reports import FAILED, Reports
from adapters.twilio.resources import Resource, rfc_2822
from adapters.twilio.settings import TwilioSettings
from gateway import Bookmarks, RateLimited, SendError, Unavailable

PLACE = "reports"
"""The bookmark of when it was looked last, as seconds."""
LOOK_BACK = 4 * 3600.0
"""Seconds after which what has not arrived is mostly known not to: so far before the bookmark is
looked where reports may have been lost."""
ON_A_ROUND = 900.0
"""The same, where none is known to be lost."""
YOUNG = 20.0
"""Seconds that a failure has to be told by itself."""
AGAIN_AFTER = 1.0
"""Seconds until what failed is asked for again; doubled from try to try."""
AGAIN_AT_MOST = 60.0
PAGE = "1000"
MAX_LISTED = 20_000
MAX_TOLD = 20_000


class Unheard:
    """Takes reports as they come, and asks for those that did not."""

    def __init__(
        self,
        settings: TwilioSettings,
        api: TwilioApi,
        bookmarks: Bookmarks,
        *,
        channel: str,
        reports: Reports,
        log: Any,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._api = api
        self._bookmarks = bookmarks
        self._channel = channel
        self._reports = reports
        self._log = log
        self._clock = clock
        self._told: OrderedDict[str, None] = OrderedDict()
        self._lost = asyncio.Event()
        self._lost.set()

    async def take(self, form: Mapping[str, str], query: Mapping[str, str]) -> None:
        """One as it comes. Raises `Unavailable`: then it is looked for soon."""
        try:
            await self._reports.take(form, query)
        except Unavailable:
            self._lost.set()
            raise

    async def run(self) -> NoReturn:
        """Look at once, whenever one was lost, and every so often, until cancelled."""
        if not self._settings.catch_up:
            await asyncio.get_running_loop().create_future()
        in_vain = 0
        while True:
            wait = min(AGAIN_AFTER * 2.0**in_vain, AGAIN_AT_MOST)
            try:
                await self._look()
                in_vain = 0
            except (SendError, Unavailable) as error:
                self._lost.set()
                if not in_vain:
                    self._log.warning("twilio.reports_not_read", error=str(error))
                asked = error.retry_after if isinstance(error, RateLimited) else 0.0
                wait, in_vain = max(wait, asked), min(in_vain + 1, 10)
            # What is lost now may be lost because nothing can be stored.
            await asyncio.sleep(wait)
            await self._until_wanted()

    async def _until_wanted(self) -> None:
        try:
            async with asyncio.timeout(self._settings.catch_up_every or None):
                await self._lost.wait()
        except TimeoutError:
            return

    async def _look(self) -> None:
        """Raises as `TwilioApi.get`, and `Unavailable` for the store: nothing is skipped then."""
        began, reach = self._clock(), LOOK_BACK if self._lost.is_set() else ON_A_ROUND
        self._lost.clear()
        since = await self._looked()
        if since:
            oldest = max(since - reach, began - self._settings.catch_up)
            for message in await self._failed(oldest, began - YOUNG):
                sid = a_string(message, "sid")
                if sid not in self._told:
                    await self._reports.take_listed(_form(message))
                    self._remember(sid)
        self._bookmarks.put(self._channel, PLACE, f"{began:.0f}", lasting=True)

    async def _looked(self) -> float:
        """When it was looked last; 0 for never: what was sent before is nobody's business."""
        found = await self._bookmarks.load(self._channel, under=PLACE)
        try:
            return float(found.get(PLACE, "0"))
        except ValueError:
            return 0.0

    async def _failed(self, since: float, until: float) -> list[Resource]:
        """What was sent since then and is known, not only just now, to have failed; the oldest
        first."""
        path = f"{self._api.account_path}/Messages.json"
        asked = {"From": self._settings.from_, "PageSize": PAGE}
        found: list[Resource] = []
        listed = 0
        async for message in self._api.pages(
            Product.API, path, "messages", asked, limit=MAX_LISTED
        ):
            made = rfc_2822(message.get("date_created"))
            if 0.0 < made < since:
                break
            if message.get("status") in FAILED and rfc_2822(message.get("date_updated")) <= until:
                found.append(message)
            listed += 1
        if listed >= MAX_LISTED:
            self._log.warning("twilio.catch_up_incomplete", messages=listed)
        return found[::-1]

    def _remember(self, sid: str) -> None:
        self._told[sid] = None
        if len(self._told) > MAX_TOLD:
            self._told.popitem(last=False)


def _form(message: Resource) -> dict[str, str]:
    """The status callback that it came, or should have come, with."""
    code = message.get("error_code")
    return {
        "MessageSid": str(message.get("sid") or ""),
        "MessageStatus": str(message.get("status") or ""),
        "From": str(message.get("from") or ""),
        "To": str(message.get("to") or ""),
        "ErrorCode": str(code) if code else "",
    }
