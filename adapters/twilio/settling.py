"""Finds what may have been sent: among the messages to a person, or in a conversation.

https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from adapters.twilio import outbound
from adapters.twilio.api import Product, TwilioApi
from adapters.twilio.assembling import places_of
from adapters.twilio.resources import rfc_2822
from adapters.twilio.settings import TwilioSettings
from gateway import Delivery, RecipientGone, Rejected, Sent

SKEW = 60.0
"""Seconds that Twilio's clock and ours may differ by."""
PAGE = "100"
MAX_LOOKED = 500
RELAYED_WITHIN = 30.0
"""Seconds in which what is said in a group has gone to a member."""

# What was taken and is known not to have arrived does not stand there.
_NOT_SENT = frozenset({"canceled", "failed", "undelivered"})
# What a trial account's messages begin with.
# https://www.twilio.com/docs/messaging/guides/how-to-use-your-free-trial-account
_TRIAL = "Sent from your Twilio trial account -"

Message = dict[str, Any]


class Settling:
    """What is known of a delivery in doubt. Raises as `TwilioApi.get` does, and `Rejected` where
    too much was sent since."""

    def __init__(self, settings: TwilioSettings, api: TwilioApi) -> None:
        self._settings = settings
        self._api = api

    async def in_messages(self, delivery: Delivery, after: str) -> Sent | None:
        """Look among what went to a person after what went before: of equal texts, each is the one
        that came next."""
        path = f"{self._api.account_path}/Messages.json"
        params = {
            "To": outbound.person(delivery.address),
            "From": self._settings.from_,
            "PageSize": PAGE,
        }
        found: list[Message] = []
        oldest = delivery.created_at - SKEW
        pages = self._api.pages(Product.API, path, "messages", params, limit=MAX_LOOKED)
        async for message in _bounded(pages):
            if (after and message.get("sid") == after) or _made(message) < oldest:
                break
            if self._is_it(message, delivery):
                found.append(message)
        if found:
            await self._leave_out_relayed(found, delivery, oldest)
        # Newest first: the first one after what went before is the last one seen.
        return Sent(platform_id=str(found[-1].get("sid") or "")) if found else None

    async def _leave_out_relayed(
        self, found: list[Message], delivery: Delivery, oldest: float
    ) -> None:
        """What was said in a group with this person came to them as such a message too."""
        if not self._settings.conversations:
            return
        for at, text in await self._said_with(outbound.person(delivery.address), oldest):
            for message in reversed(found):
                if _said(message) == text and abs(_made(message) - at) <= RELAYED_WITHIN:
                    found.remove(message)
                    break

    async def _said_with(self, person: str, oldest: float) -> list[tuple[float, str]]:
        """When what was said in the groups that a person is in."""
        try:
            places = await places_of(self._api, person)
        except (RecipientGone, Rejected):
            # Then the account has no conversations.
            return []
        said = []
        for place in places:
            path = f"{self._api.conversation_path(place.conversation)}/Messages"
            params = {"Order": "desc", "PageSize": PAGE}
            async for message in self._api.pages(
                Product.CONVERSATIONS, path, "messages", params, limit=MAX_LOOKED
            ):
                if _made(message) < oldest:
                    break
                said.append((_made(message), _said(message)))
        return said

    def _is_it(self, message: Message, delivery: Delivery) -> bool:
        if message.get("status") in _NOT_SENT:
            return False
        said = _said(message)
        # What says nothing is a file, which Twilio may not have counted yet.
        is_file = not said or str(message.get("num_media") or "0") != "0"
        if is_file != (delivery.attachment is not None):
            return False
        if said == outbound.collapsed(delivery.text):
            return True
        spelled = outbound.collapsed(outbound.spelled(delivery, self._settings))
        in_template = bool(getattr(self._settings, "template", ""))
        return bool(spelled) and (said == spelled or (in_template and spelled in said))

    async def in_conversation(self, delivery: Delivery, conversation: str) -> Sent | None:
        """Look in a conversation, whose messages say which deliveries they are."""
        path = f"{self._api.conversation_path(conversation)}/Messages"
        params = {"Order": "desc", "PageSize": PAGE}
        oldest = delivery.created_at - SKEW
        pages = self._api.pages(Product.CONVERSATIONS, path, "messages", params, limit=MAX_LOOKED)
        async for message in _bounded(pages):
            if delivery_of(message) == delivery.id and not reached_nobody(message):
                return Sent(platform_id=f"{conversation}:{message.get('sid') or ''}")
            if _made(message) < oldest:
                break
        return None


async def _bounded(pages: AsyncIterator[Message]) -> AsyncIterator[Message]:
    """The messages, as many as are looked at."""
    count = 0
    async for message in pages:
        yield message
        count += 1
    if count >= MAX_LOOKED:
        raise Rejected("what was sent cannot be looked up: too much was sent since")


def delivery_of(message: Message) -> str:
    """The delivery that a conversation's message is; empty for any other."""
    given = message.get("attributes")
    try:
        attributes = orjson.loads(given) if isinstance(given, str) else given
    except orjson.JSONDecodeError:
        return ""
    found = attributes.get("delivery") if isinstance(attributes, dict) else None
    return found if isinstance(found, str) else ""


def reached_nobody(message: Mapping[str, Any]) -> bool:
    """Whether a group's message failed for all of them, as far as Twilio knows.

    https://www.twilio.com/docs/conversations-classic/delivery-receipts
    """
    told = message.get("delivery")
    if not isinstance(told, dict):
        return False
    return "all" in (told.get("failed"), told.get("undelivered"))


def _said(message: Message) -> str:
    return outbound.collapsed(str(message.get("body") or "")).removeprefix(_TRIAL).strip()


def _made(message: Message) -> float:
    """When it was made; what does not say is as new as can be."""
    created = message.get("date_created")
    return rfc_2822(created) or _iso(created) or float("inf")


def _iso(text: Any) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0
