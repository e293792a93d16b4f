"""The account, its numbers and senders, contents, and typing."""

from __future__ import annotations

import re

from adapters.twilio.simulation.access import Access, Method
from adapters.twilio.simulation.contents import read_content
from adapters.twilio.simulation.errors import ApiError
from adapters.twilio.simulation.model import Content, JsonObject
from adapters.twilio.simulation.paging import listed
from adapters.twilio.simulation.parameters import Call

_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")


class Accounts:
    """What an account has."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._world = access.world
        self._shapes = access.shapes
        self.table: dict[str, Method] = {
            "CreateContent": self._create_content,
            "CreateTypingIndicator": self._type,
            "DeleteContent": self._delete_content,
            "FetchApprovalFetch": self._approval,
            "FetchAccount": self._account,
            "FetchContent": self._fetch_content,
            "ListChannelsSender": self._senders,
            "ListContent": self._contents,
            "ListIncomingPhoneNumber": self._numbers,
            "ListShortCode": self._short_codes,
        }

    def _account(self, call: Call) -> JsonObject:
        self._access.check_account(call)
        return self._shapes.account()

    def _numbers(self, call: Call) -> JsonObject:
        self._access.check_account(call)
        wanted = call.query.get("PhoneNumber", "")
        found = [
            number
            for number in self._world.numbers.values()
            # The sandbox is everybody's.
            if not number.sandbox and "+" in number.address and wanted in number.address
        ]
        return listed(call.path, call.query, "incoming_phone_numbers", found, self._shapes.number)

    def _short_codes(self, call: Call) -> JsonObject:
        self._access.check_account(call)
        wanted = call.query.get("ShortCode", "")
        numbers = self._world.numbers.values()
        found = [one for one in numbers if "+" not in one.address and wanted in one.address]
        return listed(call.path, call.query, "short_codes", found, self._shapes.short_code)

    def _senders(self, call: Call) -> JsonObject:
        """https://www.twilio.com/docs/whatsapp/api/senders."""
        channel = call.query.get("Channel", "")
        if channel not in {"whatsapp", "rcs"}:
            raise ApiError(20001, "Channel is required")
        found = [
            number
            for number in self._world.numbers.values()
            if number.kind == channel and not number.sandbox
        ]
        return self._access.page(call, "senders", found, self._shapes.sender)

    def _type(self, call: Call) -> JsonObject:
        """https://www.twilio.com/docs/whatsapp/api/typing-indicators-resource."""
        if call.get("channel") != "whatsapp":
            raise ApiError(20001, "channel is whatsapp or nothing")
        text = self._world.texts.get(call.get("messageId"))
        if not _SID.fullmatch(call.get("messageId")) or text is None or not text.inbound:
            raise ApiError(20404)
        if text.number.kind != "whatsapp" or text.person is None:
            raise ApiError(20001, "this is no message on WhatsApp")
        self._world.typed.append((text.number.address, text.person.phone))
        return {"success": True}

    # Contents

    def _create_content(self, call: Call) -> JsonObject:
        if call.json is None:
            raise ApiError(20001, "the body is no JSON")
        content = read_content(call.json, self._world.new_id("HX"), self._world.clock())
        self._world.contents[content.sid] = content
        return self._shapes.content(content)

    def _contents(self, call: Call) -> JsonObject:
        found = list(self._world.contents.values())
        return self._access.page(call, "contents", found, self._shapes.content, 500)

    def _fetch_content(self, call: Call) -> JsonObject:
        return self._shapes.content(self._content(call))

    def _approval(self, call: Call) -> JsonObject:
        return self._shapes.approval(self._content(call))

    def _delete_content(self, call: Call) -> None:
        del self._world.contents[self._content(call).sid]

    def _content(self, call: Call) -> Content:
        content = self._world.contents.get(call.names["Sid"])
        if content is None:
            raise ApiError(20404)
        return content
