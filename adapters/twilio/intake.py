"""What Twilio brings, made durable before it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from xml.sax.saxutils import escape

import orjson

from adapters.twilio import inbound, opting_out
from adapters.twilio.conversations import DELIVERED
from adapters.twilio.fields import is_address
from adapters.twilio.opting_out import OptingOut, Wish
from adapters.twilio.settings import TwilioSettings
from adapters.twilio.webhooks import Report
from adapters.twilio.window import Window
from gateway import Action, Host, Inbound, Receipt, Receive, Unavailable, UnreadableUpdate

WAIT = 3.0
"""Seconds that a live message waits for those that were missed before it."""
ANSWER_WITHIN = 12.0
"""Seconds for an answer in all: Messaging waits fifteen.
https://www.twilio.com/docs/usage/webhooks/messaging-webhooks"""
ANSWER_GROUPS_WITHIN = 4.5
"""The same for Conversations, which wait five.
https://www.twilio.com/docs/conversations-classic/conversations-webhooks"""

_WRITTEN = frozenset({Action.MESSAGE, Action.PRESS})


class Intake:
    """Hands forms to the gateway, and tells those who wait for somebody that they wrote."""

    def __init__(
        self,
        receive: Receive,
        *,
        settings: TwilioSettings,
        host: Host,
        channel: str,
        window: Window,
        opting_out: OptingOut,
        report: Report,
        log: Any,
    ) -> None:
        self.behind: Callable[[], None] = lambda: None
        """Called when something could not be taken: Twilio does not bring it again."""
        self._receive = receive
        self._settings = settings
        self._host = host
        self._channel = channel
        self._window = window
        self._opting_out = opting_out
        self._report = report
        self._log = log
        self._in_step = asyncio.Event()
        self._in_step.set()
        self._paused = False

    @asynccontextmanager
    async def catching_up(self) -> AsyncIterator[None]:
        """While it lasts, live messages wait a little, so that what was said before comes first."""
        self._in_step.clear()
        try:
            yield
        finally:
            self._in_step.set()

    async def take(self, form: Mapping[str, str], *, at: float) -> str | None:
        """Make a live form durable; returns TwiML to answer with, if anything is to be said.

        Raises `Unavailable`, and `UnreadableUpdate`.
        """
        within = ANSWER_GROUPS_WITHIN if "ConversationSid" in form else ANSWER_WITHIN
        try:
            async with asyncio.timeout(within):
                if form.get("EventType") == DELIVERED:
                    await self._report(form, {})
                    return None
                await self._wait_in_step()
                return await self._take(form, at)
        except (TimeoutError, Unavailable) as error:
            self._pause(error)
            raise Unavailable("nothing could be stored") from None

    async def make_up_for(self, form: Mapping[str, str], *, at: float) -> Receipt:
        """Make durable what was missed. Raises `Unavailable`, and `UnreadableUpdate`."""
        await self._heed(form, at)
        return await self._commit(form, at, fetched=True)

    async def _wait_in_step(self) -> None:
        try:
            async with asyncio.timeout(WAIT):
                await self._in_step.wait()
        except TimeoutError:
            return

    async def _take(self, form: Mapping[str, str], at: float) -> str | None:
        said = await self._heed(form, at)
        await self._commit(form, at)
        self._paused = False
        return said

    async def _heed(self, form: Mapping[str, str], at: float) -> str | None:
        """Keep to what somebody wants of us; what to tell them of it."""
        wanted = opting_out.wish(dict(form), self._settings)
        if wanted is None or wanted is Wish.HELP or not _is_for(form, self._settings):
            return None
        sender = form.get("From", "")
        addresses = (sender, *inbound.also(dict(form), sender))
        sid = form.get("MessageSid", "")
        new = await self._opting_out.take(wanted, addresses, at=at, sid=sid)
        if wanted is Wish.START:
            await self._may_write(addresses, at)
        if not new or form.get("OptOutType"):
            # Whom Twilio answered, we need not.
            return None
        return _message(opting_out.STOPPED if wanted is Wish.STOP else opting_out.STARTED)

    async def _commit(
        self, form: Mapping[str, str], at: float, *, fetched: bool = False
    ) -> Receipt:
        raw = orjson.dumps({"form": form, "at": at, **({"fetched": True} if fetched else {})})
        receipt = await self._receive(raw)
        if receipt.outcome == "accepted":
            await self._wrote(raw, at)
        return receipt

    async def _wrote(self, raw: bytes, at: float) -> None:
        """Let go what waits for somebody to write, under each of their addresses."""
        try:
            event = inbound.parse(raw, self._settings)
        except UnreadableUpdate:
            return
        if not isinstance(event, Inbound) or event.action not in _WRITTEN:
            return
        await self._may_write((event.participant.id, *event.also), at)
        if event.address.destination != event.participant.id:
            await self._host.outcomes.release(self._channel, event.address.destination)

    async def _may_write(self, addresses: Iterable[str], at: float) -> None:
        """They may be written to again, and what waits for it goes out."""
        for address in addresses:
            self._window.heard(address, at)
            await self._host.outcomes.release(self._channel, address)

    def _pause(self, error: Exception) -> None:
        if not self._paused:
            words = str(error) or "it took too long"
            self._log.warning("twilio.intake_paused", error=words)
        self._paused = True
        self.behind()


def _is_for(form: Mapping[str, str], settings: TwilioSettings) -> bool:
    """Whether somebody wrote it to this number."""
    sender = form.get("From", "")
    ours = form.get("AccountSid") == settings.account_sid and form.get("To") == settings.from_
    return ours and is_address(sender) and sender != settings.from_


def _message(text: str) -> str:
    """An answer in TwiML. https://www.twilio.com/docs/messaging/twiml"""
    return f"<Response><Message>{escape(text)}</Message></Response>"
