"""What becomes of a message after it was accepted, and who is told.

https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from adapters.twilio.simulation.forms import status_form
from adapters.twilio.simulation.model import Shown, StoredFile, Text
from adapters.twilio.simulation.postings import Postings
from adapters.twilio.simulation.rates import RateLimits
from adapters.twilio.simulation.vocabulary import (
    MMS_LIMIT,
    MMS_TYPES,
    WHATSAPP_IMAGE_LIMIT,
    WHATSAPP_LIMIT,
    WHATSAPP_TYPES,
)
from adapters.twilio.simulation.world import World


class Journeys:
    """Brings messages to people. `pace` are the seconds from one status to the next.

    With `scramble`, callbacks of a message go out the newest first. While `broken`, no media is
    fetched with success.
    """

    def __init__(
        self, world: World, limits: RateLimits, *, reads: bool, pace: float, scramble: bool
    ) -> None:
        self._world = world
        self._limits = limits
        self._reads = reads
        self._pace = pace
        self._scramble = scramble
        self.broken = False
        self.postings: Postings | None = None
        self._fetching: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()

    def begin(self, text: Text, *, template: bool, problem: int | None) -> Shown:
        """Let a message that was accepted go its way; `problem` is what is wrong with it."""
        world = self._world
        person = text.person
        shown = Shown(
            key=(text.number.address, person.phone if person is not None else text.other),
            place=person.shown if person is not None else text.other,
            account=text.number.address,
            message=text,
            visible=False,
        )
        world.show(shown)
        code = problem or self._problem(text, template=template)
        if code is None and text.media_urls:
            task = asyncio.get_running_loop().create_task(self._fetch(text, shown))
            self._fetching.add(task)
            task.add_done_callback(self._fetching.discard)
        else:
            self._end(text, shown, code)
        return shown

    async def fetched(self) -> None:
        """Wait until the media of everything accepted so far is there."""
        if self._fetching:
            await asyncio.wait(self._fetching)

    async def close(self) -> None:
        """Stop."""
        for timer in self._timers:
            timer.cancel()
        for task in self._fetching:
            task.cancel()
        await asyncio.gather(*self._fetching, return_exceptions=True)

    def _problem(self, text: Text, *, template: bool) -> int | None:
        """Why it will not arrive, as far as that can be seen now."""
        number, person = text.number, text.person
        if number.kind == "sms":
            return None if person is not None and person.reachable else 30003
        if person is None or not person.reachable:
            return 63024
        if number.sandbox and person.phone not in number.joined:
            return 63015
        if not template and not self._world.window_open(number, person):
            return 63016
        return None if self._limits.pair(number.address, person.phone) else 63018

    async def _fetch(self, text: Text, shown: Shown) -> None:
        """Get the media. https://www.twilio.com/docs/messaging/guides/accepted-mime-types."""
        files = []
        code: int | None = None
        for url in text.media_urls:
            if self.postings is None:
                return
            status, media_type, name, content = await self.postings.fetch(url)
            whatsapp = text.number.kind == "whatsapp"
            if self.broken or status != 200:
                code = 63019 if whatsapp else 11200
            else:
                code = code or _media_problem(media_type, len(content), whatsapp=whatsapp)
            files.append(self._stored(name or url, media_type, content))
        if code is None:
            text.files = files
        self._end(text, shown, code)

    def _stored(self, name: str, media_type: str, content: bytes) -> StoredFile:
        last = name.partition("?")[0].rpartition("/")[2]
        return self._world.keep_file(last, media_type, content)

    def _end(self, text: Text, shown: Shown, code: int | None) -> None:
        """It arrived, or it did not; tell, one status after the other."""
        if code is None:
            shown.visible = True
            reads = self._reads and text.number.kind == "whatsapp"
            statuses = ["sent", "delivered", *(["read"] if reads else [])]
        else:
            text.code = code
            self._world.fail(shown, text.sid, code)
            statuses = ["undelivered" if 30000 <= code < 40000 or code == 63024 else "failed"]
        self._world.news.tell()
        steps = ["queued", *statuses]
        if self._scramble:
            self._last(text, steps)
            return
        for number, status in enumerate(steps):
            if self._pace:
                loop = asyncio.get_running_loop()
                self._timers.add(loop.call_later(number * self._pace, self._tell, text, status))
            else:
                self._tell(text, status)

    def _last(self, text: Text, steps: Sequence[str]) -> None:
        for status in reversed(steps):
            self._tell(text, status)
        text.status = steps[-1]

    def _tell(self, text: Text, status: str) -> None:
        text.status = status
        if text.callback:
            form = status_form(self._world.account_sid, text, status)
            self._world.post("status", text.sid, f"status {text.sid}", text.callback, form)
        self._world.news.tell()


def _media_problem(media_type: str, size: int, *, whatsapp: bool) -> int | None:
    """Why a file cannot be sent: its type, or its size."""
    types = WHATSAPP_TYPES if whatsapp else MMS_TYPES
    if not types.fullmatch(media_type):
        return 63005 if whatsapp else 12300
    if not whatsapp:
        return 11751 if size > MMS_LIMIT else None
    limit = WHATSAPP_IMAGE_LIMIT if media_type.startswith("image/") else WHATSAPP_LIMIT
    return 63019 if size > limit else None
