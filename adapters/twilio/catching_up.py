"""What nobody took: Twilio brings a message once, its API remembers it.

What a webhook could not be reached with, did not answer in time or answered with an error is lost
to it, but stands in the API's lists. They are read at the start, soon after something could not be
taken, and every so often, because nothing tells that something did not come.

https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, NoReturn

from adapters.twilio.api import TwilioApi
from adapters.twilio.assembling import Assembling, is_gone
from adapters.twilio.fields import a_count, a_string
from adapters.twilio.history import LATE, History
from adapters.twilio.resources import (
    Resource,
    form_of,
    form_of_said,
    index_of,
    said_at,
    sent_at,
)
from adapters.twilio.settings import TwilioSettings
from gateway import (
    Bookmarks,
    RateLimited,
    Receipt,
    RecipientGone,
    Rejected,
    SendError,
    Unavailable,
    UnreadableUpdate,
)

MESSAGES = "messages"
"""The bookmark of the newest message to the number that was taken: seconds, and the SIDs of those
of the last minute before that were said in a group. A group may be gone when they are listed again:
then nothing would tell that they were not said in private."""
CONVERSATIONS = "conversations"
"""The bookmark of when all conversations were complete, as seconds."""
CONVERSATION = "conversation:"
"""The bookmarks of conversations begin so; they are indexes."""
AGAIN_AFTER = 0.5
"""Seconds until what failed is asked for again; doubled from try to try."""
AGAIN_AT_MOST = 60.0
YOUNG = 20.0
"""Seconds that a message has to come by itself, before a round takes it."""
PER_ROUND = 50
"""Conversations that a round looks into, those first into which nobody looked for longest."""
ARRIVES_WITHIN = 600.0
"""Seconds in which a message that Twilio is receiving is whole, if ever."""
STEP = 0.002
"""Seconds between two messages of which nothing tells how far they are apart."""
AT_ONCE = 50
"""Messages whose places are looked up before they are taken."""
MAX_HEARD = 20_000
MAX_ELSEWHERE = 100
MAX_PLACES = 5000

MakeUpFor = Callable[..., Awaitable[Receipt | None]]
"""Makes one form durable, called with `at`. Raises `Unavailable`, and `UnreadableUpdate`."""
Gate = Callable[[], AbstractAsyncContextManager[Any]]
"""Live messages wait at it, for a while, so that what came before them is before them."""


class CatchingUp:
    """Asks for what is missing; `heard` tells it what is not."""

    def __init__(
        self,
        settings: TwilioSettings,
        api: TwilioApi,
        bookmarks: Bookmarks,
        *,
        channel: str,
        rooms: Assembling,
        make_up_for: MakeUpFor,
        gate: Gate,
        log: Any,
    ) -> None:
        self._settings = settings
        self._api = api
        self._bookmarks = bookmarks
        self._channel = channel
        self._rooms = rooms
        self._make_up_for = make_up_for
        self._gate = gate
        self._log = log
        self._wanted = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._in_vain = 0
        self._at = 0.0
        self._position = ""
        self._complete = 0.0
        self._places: OrderedDict[str, int] = OrderedDict()
        self._others: dict[str, None] = {}
        self._elsewhere: dict[str, float] = {}
        self._heard: OrderedDict[str, float] = OrderedDict()

    async def load(self) -> None:
        """Read how far an earlier run came. On a channel's first start that is now, durably:
        nothing older is the bot's business. Raises `Unavailable`."""
        marks = await self._bookmarks.load(self._channel, under=MESSAGES)
        at, _, elsewhere = marks.get(MESSAGES, "").partition(" ")
        self._at = _seconds(at)
        for sid in elsewhere.split():
            self._elsewhere[sid] = self._at
            self._remember(sid, self._at)
        marks = await self._bookmarks.load(self._channel, under=CONVERSATIONS)
        self._complete = _seconds(marks.get(CONVERSATIONS)) or self._at
        places = await self._bookmarks.load(self._channel, under=CONVERSATION, limit=MAX_PLACES)
        for place, index in reversed(list(places.items())):
            self._places[place.removeprefix(CONVERSATION)] = int(index)
        if not self._at:
            self._at = time.time()
            self._complete = self._complete or self._at
            self._put(MESSAGES, str(self._at))
            await self._bookmarks.flush()

    def heard(self, form: Mapping[str, str], at: float) -> None:
        """This was taken as it came, at this time: it need not be asked for."""
        sid, conversation = form.get("MessageSid", ""), form.get("ConversationSid", "")
        if conversation and form.get("EventType") == "onMessageAdded":
            self._remember(f"{conversation}:{sid}", at)
            if conversation not in self._places:
                self._came_to(conversation, a_count(dict(form), "Index") - 1)
        elif sid and not conversation:
            self._remember(sid, at)

    def want_soon(self) -> None:
        """Something could not be taken."""
        if self._settings.catch_up and not self._wanted.is_set():
            self._again(AGAIN_AFTER)

    async def run(self) -> NoReturn:
        """Catch up at once, whenever it is wanted, and every so often, until cancelled."""
        if not self._settings.catch_up:
            await asyncio.get_running_loop().create_future()
        self._wanted.set()
        try:
            while True:
                try:
                    async with asyncio.timeout(self._settings.catch_up_every or None):
                        await self._wanted.wait()
                    self._wanted.clear()
                    gap = True
                except TimeoutError:
                    gap = False
                await self._try(gap=gap)
        finally:
            if self._soon is not None:
                self._soon.cancel()

    def _again(self, wait: float) -> None:
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(wait, self._due)

    def _due(self) -> None:
        self._soon = None
        self._wanted.set()

    async def _try(self, *, gap: bool) -> None:
        """Once. After a gap live messages wait meanwhile; on a round, only while any are taken."""
        self._found = 0
        try:
            async with self._gate() if gap else nullcontext():
                await self._catch_up(gap=gap)
        except (SendError, Unavailable) as error:
            asked = error.retry_after if isinstance(error, RateLimited) else 0.0
            wait = max(asked, min(AGAIN_AFTER * 2.0**self._in_vain, AGAIN_AT_MOST))
            if not self._in_vain:
                self._log.warning("twilio.catch_up_failed", error=str(error), retry_in=wait)
            self._in_vain = min(self._in_vain + 1, 20)
            self._again(wait)
        else:
            self._in_vain = 0
        if self._found:
            self._log.info("twilio.caught_up", messages=self._found)

    async def _catch_up(self, *, gap: bool) -> None:
        history = History(self._settings, self._api, self._log)
        # What could not be taken does not come by itself, and Twilio's clock may be ahead of ours.
        until = time.time() + (LATE if gap else -YOUNG)
        gate = nullcontext if gap else self._gate
        await self._messages(history, until, gate)
        if self._settings.conversations:
            await self._conversations(history, until, gate, all_of_them=gap)

    # Messages to the number

    async def _messages(self, history: History, until: float, gate: Gate) -> None:
        # A clock that was ahead, and is right again, must not hide what comes until then.
        self._at = min(self._at, time.time())
        since = max(self._at - LATE, time.time() - self._settings.catch_up)
        listed = list(self._ripe(await history.messages(since), until))
        while listed:
            batch, listed = listed[:AT_ONCE], listed[AT_ONCE:]
            groups = {
                a_string(message, "sid"): await history.group_of(message)
                for _, message in batch
                if not self._is_heard(message)
            }
            async with gate() if groups else nullcontext():
                for at, message in batch:
                    if not self._is_heard(message):
                        group = groups.get(a_string(message, "sid"))
                        await self._message(history, message, at, group)
                    self._came_at(sent_at(message))

    def _ripe(self, messages: Iterable[Resource], until: float) -> Iterator[tuple[float, Resource]]:
        """Up to the first that may still come by itself: whatever follows it is younger."""
        last = 0.0
        for message in messages:
            known = self._heard.get(a_string(message, "sid"))
            # The list has whole seconds, what comes live has more: it is kept in the list's order.
            at = max(sent_at(message), last + STEP) if known is None else known
            last = max(last, at)
            coming = message.get("status") == "receiving" and at > until - ARRIVES_WITHIN
            if known is None and (at > until or coming):
                return
            yield at, message

    async def _message(
        self, history: History, message: Resource, at: float, group: str | None
    ) -> None:
        if group is None:
            await self._take(form_of(message, await history.media(message)), at)
        elif not group:
            self._log.warning("twilio.group_text_missed", message=a_string(message, "sid"))
        if group is not None:
            # What was said in a conversation is asked for there, if it is one of ours.
            self._elsewhere[a_string(message, "sid")] = sent_at(message)
        self._remember(a_string(message, "sid"), at)

    def _is_heard(self, message: Resource) -> bool:
        return a_string(message, "sid") in self._heard

    def _came_at(self, at: float) -> None:
        """Up to here all is taken."""
        self._at = max(self._at, at)
        kept = [(sid, at) for sid, at in self._elsewhere.items() if at >= self._at - LATE]
        self._elsewhere = dict(kept[-MAX_ELSEWHERE:])
        position = " ".join([str(self._at), *self._elsewhere])
        if position != self._position:
            self._position = position
            self._put(MESSAGES, position)

    # Conversations

    async def _conversations(
        self, history: History, until: float, gate: Gate, *, all_of_them: bool
    ) -> None:
        began = time.time()
        whole = await self._discover(most=MAX_PLACES if all_of_them else PER_ROUND)
        chosen = list(self._places)
        for sid in chosen if all_of_them else chosen[:PER_ROUND]:
            try:
                await self._conversation(history, sid, until, gate)
            except (RecipientGone, Rejected) as error:
                whole = self._refused(sid, error) and whole
            else:
                self._places.move_to_end(sid)
        if whole and (all_of_them or len(chosen) <= PER_ROUND):
            self._complete = min(began, until) - LATE
            self._put(CONVERSATIONS, str(self._complete))

    async def _discover(self, *, most: int) -> bool:
        """Find conversations that are ours: made by us, or with events that come here. Whether all
        were looked at."""
        whole = True
        for conversation in await self._rooms.listed():
            sid = a_string(conversation, "sid")
            if sid in self._places or sid in self._others:
                continue
            if not self._rooms.is_ours(conversation):
                if not most:
                    return False
                most -= 1
                try:
                    here = await self._rooms.comes_here(sid)
                except (RecipientGone, Rejected) as error:
                    whole = self._refused(sid, error) and whole
                    continue
                if not here:
                    self._others[sid] = None
                    continue
            self._places[sid] = -1
        return whole

    async def _conversation(self, history: History, sid: str, until: float, gate: Gate) -> None:
        after, oldest = self._places[sid], time.time() - self._settings.catch_up
        since = oldest if after >= 0 else max(oldest, self._complete - LATE)
        said = await history.said(sid, after, since)
        async with gate() if any(not self._is_known(one, sid) for one in said) else nullcontext():
            for message in said:
                if not self._is_known(message, sid):
                    if said_at(message) > until:
                        return
                    await self._take(form_of_said(message), said_at(message))
                    self._remember(f"{sid}:{a_string(message, 'sid')}", said_at(message))
                self._came_to(sid, index_of(message))

    def _refused(self, conversation: str, error: SendError) -> bool:
        """One that Twilio does not show keeps nobody from the others; whether it is no more."""
        if is_gone(error):
            self._places.pop(conversation, None)
            self._log.info("twilio.conversation_gone", conversation=conversation)
            return True
        if conversation in self._places:
            self._places.move_to_end(conversation)
        self._log.warning(
            "twilio.conversation_refused", conversation=conversation, error=str(error)
        )
        return False

    def _is_known(self, message: Resource, conversation: str) -> bool:
        """Whether it was taken, or is our own."""
        mine = a_string(message, "author") == self._settings.identity_name
        return mine or f"{conversation}:{a_string(message, 'sid')}" in self._heard

    def _came_to(self, conversation: str, index: int) -> None:
        if index > self._places.get(conversation, -2):
            self._places[conversation] = index
            self._put(f"{CONVERSATION}{conversation}", str(index))

    # Both

    async def _take(self, form: dict[str, str], at: float) -> None:
        try:
            receipt = await self._make_up_for(form, at=at)
        except UnreadableUpdate as error:
            self._log.warning("twilio.event_skipped", error=str(error))
        else:
            if receipt is not None and receipt.outcome == "accepted":
                self._found += not receipt.duplicate

    def _remember(self, key: str, at: float) -> None:
        self._heard[key] = at
        if len(self._heard) > MAX_HEARD:
            self._heard.popitem(last=False)

    def _put(self, place: str, position: str) -> None:
        lasting = not place.startswith(CONVERSATION)
        self._bookmarks.put(self._channel, place, position, lasting=lasting)


def _seconds(position: str | None) -> float:
    try:
        return max(0.0, float(position or 0))
    except ValueError:
        return 0.0
