"""The methods that read: conversations, their messages, people.

https://docs.slack.dev/reference/methods/conversations.history
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from adapters.slack.simulation.access import Access, Method, required
from adapters.slack.simulation.errors import ApiError
from adapters.slack.simulation.model import App, Channel, JsonObject, Message
from adapters.slack.simulation.shapes import message_of
from adapters.slack.simulation.vocabulary import (
    CONVERSATION_TYPES,
    HISTORY_SCOPES,
    OPEN_SCOPES,
    READ_SCOPES,
)

MAX_LIMIT = 999
# https://docs.slack.dev/changelog/2025/05/29/tos-updates: apps sold outside the Marketplace.
RESTRICTED_LIMIT = 15
_TIMESTAMP = re.compile(r"\d+(\.\d+)?")


class Reading:
    """What an app can look up."""

    def __init__(self, access: Access, *, restricted: bool) -> None:
        self._access = access
        self._world = access.world
        self._restricted = restricted
        self.table: dict[str, Method] = {
            "bots.info": self._bots_info,
            "conversations.history": self._history,
            "conversations.info": self._info,
            "conversations.open": self._open,
            "conversations.replies": self._replies,
            "users.conversations": self._conversations,
            "users.info": self._user,
        }

    # Messages

    def _history(self, app: App, given: JsonObject) -> JsonObject:
        channel = self._access.member(app, required(given, "channel"), HISTORY_SCOPES)
        found = [
            message
            for message in reversed(channel.messages.values())
            if (not message.is_reply or message.subtype == "thread_broadcast")
            and _within(message.ts, given)
        ]
        page, cursor = self._page(found, given, 100)
        self._told(page)
        return {
            "messages": [_shown(message, given) for message in page],
            "pin_count": 0,
            **_continued(cursor),
        }

    def _replies(self, app: App, given: JsonObject) -> JsonObject:
        channel = self._access.member(app, required(given, "channel"), HISTORY_SCOPES)
        root = channel.messages.get(str(required(given, "ts")))
        if root is not None and root.is_reply:
            root = channel.messages.get(root.thread_ts or "")
        if root is None:
            raise ApiError("thread_not_found")
        found = [each for each in channel.replies(root.ts) if _within(each.ts, given)]
        page, cursor = self._page(found, given, 1000)
        # The root comes with every page, wherever that begins.
        self._told([root, *page])
        return {
            "messages": [_shown(message, given) for message in (root, *page)],
            **_continued(cursor),
        }

    def _told(self, messages: list[Message]) -> None:
        self._world.ledger.fetch({message.ts for message in messages})

    def _page(self, found: list[Any], given: JsonObject, default: int) -> tuple[list[Any], str]:
        limit = given.get("limit") or default
        if not isinstance(limit, int) or limit < 1:
            raise ApiError("invalid_limit")
        limit = min(limit, RESTRICTED_LIMIT if self._restricted else MAX_LIMIT)
        start = _position(given.get("cursor"))
        cursor = base64.b64encode(f"next:{start + limit}".encode()).decode()
        return found[start : start + limit], cursor if len(found) > start + limit else ""

    # Conversations

    def _info(self, app: App, given: JsonObject) -> JsonObject:
        channel = self._access.channel(app, required(given, "channel"), READ_SCOPES)
        return {"channel": channel.shown(app)}

    def _conversations(self, app: App, given: JsonObject) -> JsonObject:
        if app.org_install and not given.get("team_id"):
            raise ApiError("missing_argument")
        names = str(given.get("types") or "public_channel").split(",")
        if not set(names) <= CONVERSATION_TYPES.keys():
            raise ApiError("invalid_types")
        kinds = {CONVERSATION_TYPES[name] for name in names}
        for kind in sorted(kinds):
            self._access.require(app, READ_SCOPES[kind])
        found = [
            channel
            for channel in self._world.channels.values()
            if app.id in channel.apps
            and channel.kind in kinds
            and not (channel.archived and given.get("exclude_archived"))
        ]
        page, cursor = self._page(found, given, 100)
        return {"channels": [channel.shown(app) for channel in page], **_continued(cursor)}

    def _open(self, app: App, given: JsonObject) -> JsonObject:
        if given.get("channel"):
            channel = self._access.channel(app, given["channel"], READ_SCOPES)
        else:
            channel = self._together(app, str(given.get("users") or ""))
        full = channel.shown(app) if given.get("return_im") else {"id": channel.id}
        return {"channel": full}

    def _together(self, app: App, users: str) -> Channel:
        if not users:
            raise ApiError("users_list_not_supplied")
        people = [self._world.people.get(id) for id in users.split(",")]
        found = [person for person in people if person is not None]
        if len(found) < len(people):
            raise ApiError("user_not_found")
        self._access.require(app, OPEN_SCOPES["im" if len(found) == 1 else "mpim"])
        if len(found) == 1:
            return self._world.dialog(app, found[0])
        for channel in self._world.channels.values():
            everybody = channel.people.keys() == {person.id for person in found}
            if channel.kind == "mpim" and everybody and app.id in channel.apps:
                return channel
        name = "mpdm-" + "--".join(person.name.lower() for person in found)
        return self._world.add_channel("mpim", name, app, found)

    # People

    def _user(self, app: App, given: JsonObject) -> JsonObject:
        id = required(given, "user")
        person = self._world.people.get(id)
        if person is not None:
            return {"user": person.shown()}
        for other in self._world.apps.values():
            if other.user_id == id:
                return {"user": other.shown()}
        raise ApiError("user_not_found")

    def _bots_info(self, app: App, given: JsonObject) -> JsonObject:
        for other in self._world.apps.values():
            if other.bot_id == given.get("bot"):
                bot = {"id": other.bot_id, "app_id": other.id, "name": other.name}
                return {"bot": {**bot, "user_id": other.user_id, "deleted": False}}
        raise ApiError("bot_not_found")


def _within(ts: str, given: JsonObject) -> bool:
    """Whether a message's timestamp lies where a call looks; the ends count if it says so."""
    at, inclusive = _micros(ts), bool(given.get("inclusive"))
    oldest, latest = (_bound(given, name) for name in ("oldest", "latest"))
    if oldest is not None and not (at > oldest or (inclusive and at == oldest)):
        return False
    return latest is None or at < latest or (inclusive and at == latest)


def _bound(given: JsonObject, name: str) -> int | None:
    value = given.get(name)
    if value in (None, "", "0", 0):
        return None
    if not _TIMESTAMP.fullmatch(str(value)):
        raise ApiError(f"invalid_ts_{name}")
    return _micros(str(value))


def _micros(ts: str) -> int:
    """Whole microseconds: a float would mix up neighbours."""
    seconds, _, fraction = ts.partition(".")
    return int(seconds) * 1_000_000 + int(f"{fraction:0<6}"[:6])


def _shown(message: Message, given: JsonObject) -> JsonObject:
    return message_of(message, metadata=bool(given.get("include_all_metadata")))


def _position(cursor: Any) -> int:
    if not cursor:
        return 0
    try:
        decoded = base64.b64decode(str(cursor), validate=True).decode()
        return int(decoded.removeprefix("next:"))
    except (binascii.Error, ValueError):
        raise ApiError("invalid_cursor") from None


def _continued(cursor: str) -> JsonObject:
    return {"has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}
