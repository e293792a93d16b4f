"""What Slack keeps of conversations: which there are, and what was said in them.

https://docs.slack.dev/reference/methods/users.conversations,
https://docs.slack.dev/reference/methods/conversations.history,
https://docs.slack.dev/reference/methods/conversations.replies
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from adapters.slack.api import SlackRefused
from adapters.slack.positions import micros
from adapters.slack.surroundings import sort_of
from gateway import NotAccepted, OutcomeUnknown, RateLimited, SendError, Unavailable

PAGE = 100
MAX_PAGES = 10
"""Pages of one conversation or thread, and of the list of conversations."""
TRIES = 3
TRY_AGAIN_AFTER = 0.5
SORTS = ("im", "mpim", "public_channel", "private_channel")
IN_VIEW = "assistant_app_thread"
"""The subtype of the message that begins a chat of the agent view."""

Call = Callable[..., Awaitable[Mapping[str, Any]]]
"""Calls a method of the Web API with these arguments. Raises a `SendError` or `Unavailable`."""
JsonObject = dict[str, Any]


class History:
    """Reads, patiently: what fails and will pass is asked for again. Raises what does not pass,
    and at last what does."""

    def __init__(self, call: Call, log: Any) -> None:
        self._call = call
        self._log = log

    async def conversations(self) -> dict[str, str]:
        """The conversations that the bot is in, and what events call their sort."""
        try:
            return await self._listed(",".join(SORTS))
        except (SendError, Unavailable) as error:
            if will_pass(error):
                raise
        found: dict[str, str] = {}
        for sort in SORTS:
            try:
                found |= await self._listed(sort)
            except (SendError, Unavailable) as error:
                if will_pass(error):
                    raise
                self._log.warning("slack.catch_up_refused", place=sort, error=str(error))
        return found

    async def messages(self, channel: str, since: str) -> list[JsonObject]:
        """The newest messages, back to that one: at least a page, for the threads' sake that they
        begin, whose replies are not among them."""
        found = []
        async for message in self._paged("conversations.history", "messages", channel=channel):
            found.append(message)
            if len(found) >= PAGE and micros(message.get("ts")) <= micros(since):
                break
        return found

    async def replies(self, channel: str, thread: str, since: str) -> list[JsonObject]:
        """What was said in a thread after that message."""
        paged = self._paged(
            "conversations.replies", "messages", channel=channel, ts=thread, oldest=since
        )
        found = [message async for message in paged]
        # Whatever is asked for, the first message of a thread comes too.
        begins = [message for message in found if message.get("ts") == thread]
        in_view = any(message.get("subtype") == IN_VIEW for message in begins)
        # An event says that of itself, and the history does not.
        said: JsonObject = {"assistant_thread": {}} if in_view else {}
        return [{**message, **said} for message in found if message not in begins]

    async def _listed(self, sorts: str) -> dict[str, str]:
        arguments = {"types": sorts, "exclude_archived": True}
        paged = self._paged("users.conversations", "channels", **arguments)
        return {one["id"]: sort_of(one) async for one in paged if isinstance(one.get("id"), str)}

    async def _paged(self, method: str, field: str, **arguments: Any) -> AsyncIterator[JsonObject]:
        """Everything that a method lists, page by page."""
        cursor: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            answer = await self._insist(method, limit=PAGE, **arguments, **cursor)
            entries = answer.get(field)
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict):
                    yield entry
            metadata = answer.get("response_metadata")
            following = metadata.get("next_cursor") if isinstance(metadata, dict) else None
            if not following:
                return
            cursor = {"cursor": str(following)}
        self._log.warning("slack.catch_up_incomplete", method=method, **arguments)

    async def _insist(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        tries = 0
        while True:
            try:
                return await self._call(method, **arguments)
            except RateLimited as error:
                await asyncio.sleep(max(0.1, error.retry_after))
            except (SendError, Unavailable) as error:
                tries += 1
                if tries >= TRIES or not will_pass(error):
                    raise
                await asyncio.sleep(TRY_AGAIN_AFTER * tries)


def will_pass(error: SendError | Unavailable) -> bool:
    """Whether to ask again later; not what the app may not read, or is not in."""
    if isinstance(error, SlackRefused) and error.code == "missing_scope":
        return False
    return isinstance(error, RateLimited | NotAccepted | OutcomeUnknown | Unavailable)
