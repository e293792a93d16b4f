"""The Messages resource; https://www.twilio.com/docs/messaging/api/message-resource."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from adapters.twilio.simulation.access import Access, Method
from adapters.twilio.simulation.contents import Filled, fill, read_variables
from adapters.twilio.simulation.errors import ApiError, too_many
from adapters.twilio.simulation.journeys import Journeys
from adapters.twilio.simulation.model import Content, JsonObject, Number, Person, StoredFile, Text
from adapters.twilio.simulation.paging import listed
from adapters.twilio.simulation.parameters import Call
from adapters.twilio.simulation.rates import RateLimits
from adapters.twilio.simulation.vocabulary import MMS_FILES
from adapters.twilio.simulation.world import ADDRESS, E164

BODY_LIMIT = 1600
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(T[\d:.]+Z?)?")


class Messages:
    """Sends messages, and tells of them."""

    def __init__(self, access: Access, journeys: Journeys, limits: RateLimits) -> None:
        self._access = access
        self._world = access.world
        self._shapes = access.shapes
        self._journeys = journeys
        self._limits = limits
        self.table: dict[str, Method] = {
            "CreateMessage": self._create,
            "DeleteMessage": self._delete,
            "FetchMedia": self._fetch_media,
            "FetchMessage": self._fetch,
            "ListMedia": self._list_media,
            "ListMessage": self._list,
        }

    def _create(self, call: Call) -> JsonObject:
        self._access.check_account(call)
        to, body, urls = call.get("To"), call.get("Body"), call.form.get("MediaUrl", [])
        number = self._sender(call.get("From"))
        person = self._recipient(number, to)
        template, filled = self._content(call, number)
        if filled is not None:
            body = filled.body
        elif not body.strip() and not urls:
            raise ApiError(21602)
        if len(body) > BODY_LIMIT:
            raise ApiError(21617)
        _check_media(urls, 1 if number.kind == "whatsapp" else MMS_FILES)
        callback = call.get("StatusCallback")
        if callback and not _is_url(callback):
            raise ApiError(21609)
        if person is not None and person.phone in number.opted_out:
            raise ApiError(21610)
        if wait := self._limits.post(number.address, sandbox=number.sandbox):
            raise too_many(wait, 63018 if number.sandbox else 20429)
        text = self.send(
            number, person, to, body, urls=urls, callback=callback, filled=filled, template=template
        )
        return self._created(text)

    def _created(self, text: Text) -> JsonObject:
        """Whatever became of it since: what is answered is that it waits."""
        media = str(len(text.media_urls))
        waits = {"status": "queued", "date_sent": None, "error_code": None, "num_media": media}
        return {**self._shapes.text(text), **waits}

    def send(
        self,
        number: Number,
        person: Person | None,
        to: str,
        body: str,
        *,
        urls: list[str] | None = None,
        callback: str = "",
        filled: Filled | None = None,
        template: bool = False,
        direction: str = "outbound-api",
    ) -> Text:
        """Accept a message."""
        text = Text(
            sid=self._world.new_id("MM" if urls else "SM"),
            number=number,
            person=person,
            other=to,
            inbound=False,
            body=body,
            at=self._world.clock(),
            buttons=filled.buttons if filled is not None else (),
            media_urls=tuple(urls or ()),
            status="queued",
            direction=direction,
            callback=callback,
        )
        self._world.remember(text)
        problem = filled.problem if filled is not None else None
        self._journeys.begin(text, template=template, problem=problem)
        return text

    def _sender(self, address: str) -> Number:
        if not address:
            raise ApiError(21603)
        number = self._world.numbers.get(address)
        if number is None:
            raise ApiError(63007 if address.startswith("whatsapp:") else 21606)
        return number

    def _recipient(self, number: Number, to: str) -> Person | None:
        if not to:
            raise ApiError(21604)
        if not ADDRESS.fullmatch(to):
            raise ApiError(21211)
        if to.startswith("whatsapp:") != (number.kind == "whatsapp"):
            raise ApiError(21910)
        if number.kind == "sms" and not E164.fullmatch(to):
            raise ApiError(21211)
        return self._world.people.get(to)

    def _content(self, call: Call, number: Number) -> tuple[bool, Filled | None]:
        """The content that is to be sent, and whether WhatsApp approved it."""
        sid, variables = call.get("ContentSid"), call.get("ContentVariables")
        if not sid:
            if variables:
                raise ApiError(21654)
            return False, None
        content: Content | None = self._world.contents.get(sid)
        if content is None:
            raise ApiError(21655)
        filled = fill(content, read_variables(variables))
        if number.kind == "sms":
            # What has no buttons shows the text alone.
            filled = Filled(body=filled.body)
        return content.approved, filled

    def _list(self, call: Call) -> JsonObject:
        self._access.check_account(call)
        found = [text for text in reversed(self._world.texts.values()) if _fits(text, call.query)]
        page = listed(call.path, call.query, "messages", found, self._shapes.text)
        for shown in page["messages"]:
            self._world.ledger.listed(shown["sid"])
        return page

    def _fetch(self, call: Call) -> JsonObject:
        return self._shapes.text(self._text(call))

    def _delete(self, call: Call) -> None:
        del self._world.texts[self._text(call).sid]

    def _list_media(self, call: Call) -> JsonObject:
        text = self._text(call)
        return listed(
            call.path,
            call.query,
            "media_list",
            text.files,
            lambda file: self._shapes.media(text, file),
        )

    def _fetch_media(self, call: Call) -> JsonObject:
        return self._shapes.media(self._text(call), self.file(call))

    def file(self, call: Call) -> StoredFile:
        """The file of a message that a path names."""
        for file in self._text(call).files:
            if file.sid == call.names["Media"]:
                return file
        raise ApiError(20404)

    def _text(self, call: Call) -> Text:
        self._access.check_account(call)
        text = self._world.texts.get(call.names["Sid"])
        if text is None:
            raise ApiError(20404)
        return text


def _check_media(urls: list[str], most: int) -> None:
    if len(urls) > most:
        raise ApiError(21623)
    if not all(_is_url(url) for url in urls):
        raise ApiError(21620)


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _fits(text: Text, query: Mapping[str, str]) -> bool:
    """Whether a message is one that is asked for; dates are days, and both ends count."""
    who, us = ("From", "To") if text.inbound else ("To", "From")
    # Whoever hides a number is found by either of their addresses.
    theirs = {text.other} if text.person is None else {text.person.phone, text.person.user_id}
    if query.get(who, text.other) not in theirs or query.get(us) not in {None, text.number.address}:
        return False
    day = f"{datetime.fromtimestamp(text.at, UTC):%Y-%m-%d}"
    first, last = _day(query, "DateSent>"), _day(query, "DateSent<")
    return first <= day and (not last or day <= last) and _day(query, "DateSent") in {"", day}


def _day(query: Mapping[str, str], name: str) -> str:
    value = query.get(name, "")
    if not value:
        return ""
    found = _DATE.fullmatch(value)
    if found is None:
        raise ApiError(20001, f"{name} is no date")
    return found[1]
