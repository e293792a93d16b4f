"""What an event does not say of itself: what people are called, and what sort of place it was.

Of a chat in the older kind of agent view only new messages say that they stand in one; those that
change or delete one do not.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from adapters.slack.remembering import remember
from gateway import SendError, Unavailable

WITHIN = 0.5
"""Seconds that finding out may take; ids have to do otherwise."""
MAX_NAMES = 20
MAX_PLACES = 5000
SAYING = frozenset({"message", "app_mention"})
"""The types of events in which somebody says something."""
_MENTION = re.compile(r"<@([UW][A-Z0-9]{1,30})[|>]")

Concerns = Callable[[Mapping[str, Any]], bool]
"""Whether what somebody says is for the bot; in channels most of it is not."""
Call = Callable[..., Awaitable[Mapping[str, Any]]]


class Names(Protocol):
    """What people are called, by id."""

    async def names(self, ids: Iterable[str]) -> Mapping[str, str]:
        """As far as it can be found out soon."""
        ...

    def known(self, ids: Iterable[str]) -> Mapping[str, str] | None:
        """The same, unless somebody has to be asked for it."""
        ...


class Surroundings:
    """Finds out, and remembers for a while."""

    def __init__(self, call: Call, people: Names, concerns: Concerns) -> None:
        self._call = call
        self._people = people
        self._concerns = concerns
        self._sorts: OrderedDict[str, str] = OrderedDict()
        self._in_view: OrderedDict[tuple[str, str], None] = OrderedDict()

    def learn(self, channel: str, sort: str) -> None:
        """This is what Slack calls the sort of a channel."""
        remember(self._sorts, channel, sort, MAX_PLACES)

    def at_once(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """What can be added to an event; None where somebody has to be asked for it."""
        inner = event.get("event")
        if not isinstance(inner, dict) or inner.get("type") not in SAYING:
            return {}
        found = self._place(inner)
        if found.get("channel_type", "") is None:
            return None
        if (people := _people(inner)) and self._concerns(event):
            names = self._people.known(people)
            if names is None:
                return None
            found["names"] = dict(names)
        return found

    async def of(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The same, in half a second at most."""
        if (found := self.at_once(event)) is not None:
            return found
        inner: Mapping[str, Any] = event["event"]
        found = self._place(inner)
        if found.get("channel_type", "") is None:
            found["channel_type"] = await self._sort(inner["channel"])
        if (people := _people(inner)) and self._concerns(event):
            found["names"] = dict(await self._people.names(people))
        return found

    def _place(self, inner: Mapping[str, Any]) -> dict[str, Any]:
        """What is known of where it happens; None for a sort that is not."""
        channel, sort = inner.get("channel"), inner.get("channel_type")
        found: dict[str, Any] = {}
        if not isinstance(channel, str):
            return found
        is_direct = channel.startswith("D")
        if isinstance(sort, str):
            self.learn(channel, sort)
        elif not is_direct:
            found["channel_type"] = self._sorts.get(channel)
        if is_direct and self._stands_in_view(channel, inner):
            found["in_view"] = True
        return found

    def _stands_in_view(self, channel: str, inner: Mapping[str, Any]) -> bool:
        """Whether a change concerns a message in the agent view that was seen when it was new."""
        changed = inner.get("message") or inner.get("previous_message")
        if isinstance(changed, dict):
            return (channel, str(changed.get("thread_ts"))) in self._in_view
        if "assistant_thread" in inner and isinstance(thread := inner.get("thread_ts"), str):
            remember(self._in_view, (channel, thread), None, MAX_PLACES)
        return False

    async def _sort(self, channel: str) -> str:
        """A mention does not say whether its place is a channel or a group of people."""
        try:
            async with asyncio.timeout(WITHIN):
                answer = await self._call("conversations.info", channel=channel)
        except (SendError, Unavailable, TimeoutError):
            return ""
        about = answer.get("channel")
        sort = sort_of(about if isinstance(about, dict) else {})
        self.learn(channel, sort)
        return sort


def sort_of(channel: Mapping[str, Any]) -> str:
    """What events call the sort of a conversation.

    https://docs.slack.dev/reference/objects/conversation-object
    """
    if channel.get("is_im"):
        return "im"
    if channel.get("is_mpim"):
        return "mpim"
    return "group" if channel.get("is_private") else "channel"


def _people(inner: Mapping[str, Any]) -> list[str]:
    """Whose names are wanted: of who writes, and who is mentioned."""
    text, writer = inner.get("text"), inner.get("user")
    mentioned = _MENTION.findall(text) if isinstance(text, str) else []
    writers = [writer] if isinstance(writer, str) and writer else []
    return list(dict.fromkeys([*writers, *mentioned]))[:MAX_NAMES]
