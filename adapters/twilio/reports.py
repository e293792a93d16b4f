"""What Twilio tells later of what it took: whether it arrived, and why not.

Statuses come in any order and more than once; only what says that a message failed changes
anything.
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
https://www.twilio.com/docs/conversations-classic/conversations-webhooks#ondeliveryupdated
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from adapters.twilio import outbound
from adapters.twilio.api import Product, TwilioApi
from adapters.twilio.settings import TwilioSettings
from adapters.twilio.settling import delivery_of, reached_nobody
from adapters.twilio.verdicts import OUTSIDE_WINDOW, by_code
from adapters.twilio.window import Window
from gateway import Held, Host, NotAccepted, RecipientGone, Rejected, SendError, Unavailable

_ARRIVED = frozenset({"delivered", "read"})
FAILED = frozenset({"canceled", "failed", "undelivered"})
_AS_TEMPLATE = "they last wrote more than 24 hours ago: it goes out as a template"
_WROTE_MEANWHILE = "it came before they wrote, and may be sent now"


class Reports:
    """Takes status callbacks, and what happens to messages in conversations."""

    def __init__(
        self,
        settings: TwilioSettings,
        api: TwilioApi,
        host: Host,
        *,
        channel: str,
        window: Window,
        log: Any,
    ) -> None:
        self._settings = settings
        self._api = api
        self._host = host
        self._channel = channel
        self._window = window
        self._log = log

    async def take(self, form: Mapping[str, str], query: Mapping[str, str]) -> None:
        """One form, and the query of the address it was sent to. Raises `Unavailable`."""
        if form.get("AccountSid", self._settings.account_sid) != self._settings.account_sid:
            return
        if form.get("EventType") == "onDeliveryUpdated":
            await self._of_conversation(form)
        elif form.get("From") == self._settings.from_:
            await self._of_message(form, query)

    async def take_listed(self, form: Mapping[str, str]) -> None:
        """A message to a person that is listed as failed: which delivery it was, its id tells.
        Raises `Unavailable`."""
        person, sid = form.get("To", ""), form.get("MessageSid", "")
        error = await self._why(form, is_template=False)
        await self._host.outcomes.report(self._channel, "", error, platform_id=sid)
        await self._release(person, error)

    # Messages to people

    async def _of_message(self, form: Mapping[str, str], query: Mapping[str, str]) -> None:
        delivery, sid = query.get("delivery", ""), form.get("MessageSid", "")
        status = form.get("MessageStatus") or form.get("SmsStatus", "")
        if status in _ARRIVED and delivery:
            await self._host.outcomes.report(self._channel, delivery, None)
        if status not in FAILED:
            return
        error = await self._why(form, is_template=outbound.TEMPLATE_MARK in query)
        if not delivery:
            # An invitation, or what was answered to a webhook.
            code = _number(form.get("ErrorCode"))
            self._log.warning("twilio.not_delivered", code=code, error=str(error))
            return
        await self._host.outcomes.report(self._channel, delivery, error, platform_id=sid)
        await self._release(form.get("To", ""), error)

    async def _why(self, form: Mapping[str, str], *, is_template: bool) -> SendError:
        """What a failure means for what was to be sent."""
        code, status = _number(form.get("ErrorCode")), form.get("MessageStatus", "")
        error = by_code(code, words=f"it is {status or 'failed'}")
        if code == OUTSIDE_WINDOW:
            return await self._outside(form.get("To", ""), error, is_template=is_template)
        if is_template and isinstance(error, Rejected):
            return Held(f"the template does not go out, and it is sent when they write: {error}")
        return error

    async def _release(self, person: str, error: SendError) -> None:
        """They may have written while this was being put aside."""
        if isinstance(error, Held) and self._window.is_known_open(person):
            await self._host.outcomes.release(self._channel, person)

    async def _outside(self, person: str, error: SendError, *, is_template: bool) -> SendError:
        """What becomes of what came outside the window; it may have been opened since, or another
        way may be left."""
        if not await self._was_closed(person):
            return NotAccepted(_WROTE_MEANWHILE)
        if getattr(self._settings, "template", "") and not is_template:
            return NotAccepted(_AS_TEMPLATE)
        return error

    async def _was_closed(self, person: str) -> bool:
        failure: SendError
        try:
            return await self._window.was_closed(person)
        except SendError as error:
            failure = error
        self._log.info("twilio.window_unknown", error=str(failure))
        self._window.closed(person)
        return True

    # Messages in groups

    async def _of_conversation(self, form: Mapping[str, str]) -> None:
        """Of a group's members some may miss a message, and others have it: it is not sent again.

        It failed where nobody has it.
        """
        if form.get("Status") not in FAILED:
            return
        code = _number(form.get("ErrorCode"))
        conversation, sid = form.get("ConversationSid", ""), form.get("MessageSid", "")
        error = by_code(code, words="it was not delivered")
        message = await self._message(conversation, sid)
        delivery = delivery_of(message)
        if not delivery:
            return
        if not reached_nobody(message):
            self._log.warning(
                "twilio.member_missed",
                conversation=conversation,
                participant=form.get("ParticipantSid", ""),
                error=str(error),
            )
        else:
            if isinstance(error, RecipientGone):
                # That would end what waits for others too.
                error = Rejected(str(error))
            platform_id = f"{conversation}:{sid}"
            await self._host.outcomes.report(
                self._channel, delivery, error, platform_id=platform_id
            )

    async def _message(self, conversation: str, sid: str) -> dict[str, Any]:
        path = f"{self._api.conversation_path(conversation)}/Messages/{quote(sid, safe='')}"
        failure: SendError
        try:
            return await self._api.get(Product.CONVERSATIONS, path)
        except RecipientGone:
            return {}
        except SendError as error:
            failure = error
        raise Unavailable(str(failure))


def _number(code: str | None) -> int:
    return int(code) if code and code.isascii() and code.isdigit() and len(code) < 8 else 0
