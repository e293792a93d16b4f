"""What Twilio's API remembers of what people wrote.

https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
https://www.twilio.com/docs/messaging/api/media-resource
https://www.twilio.com/docs/conversations-classic/api/conversation-message-resource
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from adapters.twilio.api import Product, TwilioApi
from adapters.twilio.assembling import Place, is_gone, places_of
from adapters.twilio.attachments import MAX_FILES
from adapters.twilio.fields import a_count, a_string
from adapters.twilio.resources import Resource, index_of, said_at, sent_at
from adapters.twilio.settings import TwilioSettings
from gateway import RecipientGone, Rejected

PAGE = 200
MAX_MESSAGES = 5000
"""That are asked for at once, the newest."""
MAX_SAID = 1000
"""The same, in one conversation."""
LATE = 60.0
"""Seconds by which a message may stand at the wrong place of a list, or two clocks differ."""
SAME = 120.0
"""Seconds within which the same words of one person are one message."""
LONG_TEXT = 459
"""Characters beyond which phones send a text as an MMS: three SMS' worth."""


class History:
    """Asks for it, and keeps what it was told of people's places for as long as it exists.

    Each raises what `TwilioApi.get` does.
    """

    def __init__(self, settings: TwilioSettings, api: TwilioApi, log: Any) -> None:
        self._settings = settings
        self._api = api
        self._log = log
        self._places: dict[str, list[Place]] = {}
        self._late: dict[str, list[Resource]] = {}

    # Messages to the number

    async def messages(self, since: float) -> list[Resource]:
        """What came to the number since then, the oldest first; the newest, if it was too much."""
        # Twilio compares days only, and lists the newest first.
        day = datetime.fromtimestamp(max(0.0, since), UTC).date().isoformat()
        asked = {"To": self._settings.from_, "DateSent>": day, "PageSize": str(PAGE)}
        path = f"{self._api.account_path}/Messages.json"
        found: list[Resource] = []
        async for message in self._api.pages(
            Product.API, path, "messages", asked, limit=MAX_MESSAGES
        ):
            at = sent_at(message)
            if at < since - LATE:
                break
            if at >= since and message.get("direction") == "inbound":
                found.append(message)
        else:
            if len(found) >= MAX_MESSAGES:
                self._log.warning("twilio.catch_up_incomplete", messages=len(found))
        # Those of one second stay in the order of the list.
        found.reverse()
        found.sort(key=sent_at)
        return found

    async def media(self, message: Resource) -> list[tuple[str, str]]:
        """The addresses and media types of a message's files; empty ones for those of which Twilio
        tells nothing."""
        count = min(a_count(message, "num_media"), MAX_FILES)
        if not count:
            return []
        sid = quote(a_string(message, "sid"), safe="")
        path = f"{self._api.account_path}/Messages/{sid}/Media.json"
        pages = self._api.pages(Product.API, path, "media_list", limit=MAX_FILES)
        try:
            return [
                (
                    self._api.base(Product.API) + url.removesuffix(".json"),
                    a_string(one, "content_type"),
                )
                async for one in pages
                if (url := a_string(one, "uri")).startswith("/")
            ]
        except (RecipientGone, Rejected) as error:
            # What was said with them is not lost for that, nor what came after it.
            self._log.warning("twilio.media_missed", message=sid, error=str(error))
            return [("", "")] * count

    async def group_of(self, message: Resource) -> str | None:
        """The conversation in which a message to the number was said; None: it was said to the
        number alone, and empty: to a group text that nobody has made a conversation of, or that
        Twilio does not show.

        The list of messages does not tell: whatever comes to a number is in it.
        """
        author = a_string(message, "from")
        texts = []
        for place in await self._places_of(author):
            if not _was_open(place, sent_at(message)):
                continue
            if place.proxy == self._settings.from_ and place.ended is None:
                return place.conversation
            if place.proxy in {"", self._settings.from_}:
                texts.append(place.conversation)
        for conversation in texts:
            try:
                if await self._was_said_in(conversation, message):
                    return conversation
            except (RecipientGone, Rejected) as error:
                if is_gone(error):
                    continue
                self._log.warning(
                    "twilio.conversation_refused", conversation=conversation, error=str(error)
                )
                return ""
        return "" if self._is_group_text(message) else None

    def _is_group_text(self, message: Resource) -> bool:
        """Whether it came as an MMS though it is a short text: phones send group texts so."""
        if self._settings.whatsapp or a_count(message, "num_media"):
            return False
        short = len(a_string(message, "body")) <= LONG_TEXT
        return short and a_string(message, "sid").startswith("MM")

    async def _places_of(self, author: str) -> list[Place]:
        if author not in self._places:
            try:
                self._places[author] = await places_of(self._api, author, closed=True)
            except (RecipientGone, Rejected) as error:
                # Then the account has no conversations.
                self._log.info("twilio.no_conversations", error=str(error))
                self._places[author] = []
        return self._places[author]

    async def _was_said_in(self, conversation: str, message: Resource) -> bool:
        if conversation not in self._late:
            since = sent_at(message) - SAME
            self._late[conversation] = await self.said(conversation, -1, since)
        return any(
            a_string(said, "author") == a_string(message, "from")
            and a_string(said, "body") == a_string(message, "body")
            and abs(said_at(said) - sent_at(message)) <= SAME
            for said in self._late[conversation]
        )

    # Conversations

    async def said(self, conversation: str, after: int, since: float) -> list[Resource]:
        """What was said there behind this index and since then, the oldest first."""
        path = f"{self._api.conversations_path}/{quote(conversation, safe='')}/Messages"
        asked = {"Order": "desc", "PageSize": "50"}
        found: list[Resource] = []
        async for message in self._api.pages(
            Product.CONVERSATIONS, path, "messages", asked, limit=MAX_SAID
        ):
            if index_of(message) <= after or said_at(message) < since:
                break
            found.append(message)
        else:
            if len(found) >= MAX_SAID:
                self._log.warning("twilio.catch_up_incomplete", conversation=conversation)
        return found[::-1]


def _was_open(place: Place, at: float) -> bool:
    """Whether something could be said there at this time; when it was closed is told roughly."""
    ended = place.ended is not None and place.ended < at - LATE
    return place.began <= at + LATE and not ended
