"""What Slack keeps of conversations: which there are, and what was said in them.

https://docs.slack.dev/reference/methods/users.conversations,
https://docs.slack.dev/reference/methods/conversations.history,
https://docs.slack.dev/reference/methods/conversations.replies,
https://docs.slack.dev/reference/methods/auth.teams.list
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.slack.api import SlackRefused
from adapters.slack.fields import JsonObject, a_detail, a_string, details
from adapters.slack.positions import micros
from adapters.slack.surroundings import sort_of
from gateway import NotAccepted, OutcomeUnknown, RateLimited, SendError, Unavailable

PAGE = 100
LIST_PAGE = 500
MAX_PAGES = 10
"""Pages of one conversation or thread, and of the list of conversations."""
TRIES = 3
TRY_AGAIN_AFTER = 0.5
SORTS = ("im", "mpim", "public_channel", "private_channel")
IN_VIEW = "assistant_app_thread"
"""The subtype of the message that begins a chat of the agent view."""

Call = Callable[..., Awaitable[Mapping[str, Any]]]
"""Calls a method of the Web API with these arguments. Raises a `SendError` or `Unavailable`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A conversation: what events call its sort, and its workspace in an organisation; either may
    be unknown."""

    sort: str = ""
    team: str = ""


class History:
    """Reads, patiently: what fails and will pass is asked for again. Raises what does not pass,
    and at last what does.

    `everywhere`: the app is installed in a whole organisation, whose workspaces are asked one by
    one. `patient` waits as long as Slack asks for; otherwise that is raised, too.
    """

    def __init__(
        self, call: Call, log: Any, *, everywhere: bool = False, patient: bool = True
    ) -> None:
        self.calls = 0
        """How often Slack was asked."""
        self._call = call
        self._log = log
        self._everywhere = everywhere
        self._patient = patient
        self._told: set[str] = set()

    async def conversations(self, known: Iterable[str] = ()) -> dict[str, Listed]:
        """The conversations that the bot is in; where Slack does not tell, those that are known."""
        if not self._everywhere:
            return await self._in_workspace("")
        try:
            pages = self._pages("auth.teams.list", "teams")
            teams = [str(team["id"]) async for page in pages for team in page if team.get("id")]
        except (SendError, Unavailable) as error:
            if will_pass(error):
                raise
            self._refused("auth.teams.list", error)
            return {channel: Listed() for channel in known}
        found: dict[str, Listed] = {}
        for team in teams:
            found |= await self._in_workspace(team)
        return found

    async def _in_workspace(self, team: str) -> dict[str, Listed]:
        try:
            return await self._listed(",".join(SORTS), team)
        except (SendError, Unavailable) as error:
            if will_pass(error):
                raise
        found: dict[str, Listed] = {}
        for sort in SORTS:
            try:
                found |= await self._listed(sort, team)
            except (SendError, Unavailable) as error:
                if will_pass(error):
                    raise
                self._refused(sort, error)
        return found

    def _refused(self, place: str, error: Exception) -> None:
        """Say it once: it is the same each time."""
        if place not in self._told:
            self._log.warning("slack.catch_up_refused", place=place, error=str(error))
        self._told.add(place)

    async def messages(self, channel: str, since: str) -> list[JsonObject]:
        """The newest messages, back to that one: at least a page, for the threads' sake that they
        begin, whose replies are not among them."""
        found: list[JsonObject] = []
        async for page in self._pages("conversations.history", "messages", channel=channel):
            found += page
            if any(micros(message.get("ts")) <= micros(since) for message in page):
                break
        return found

    async def replies(self, channel: str, thread: str, since: str) -> list[JsonObject]:
        """What was said in a thread after that message."""
        pages = self._pages(
            "conversations.replies", "messages", channel=channel, ts=thread, oldest=since
        )
        found = [message async for page in pages for message in page]
        # Whatever is asked for, the first message of a thread comes too.
        begins = [message for message in found if message.get("ts") == thread]
        in_view = any(message.get("subtype") == IN_VIEW for message in begins)
        # An event says that of itself, and the history does not.
        said: JsonObject = {"assistant_thread": {}} if in_view else {}
        return [{**message, **said} for message in found if message not in begins]

    async def _listed(self, sorts: str, team: str) -> dict[str, Listed]:
        arguments = {"types": sorts, "exclude_archived": True, "limit": LIST_PAGE}
        pages = self._pages(
            "users.conversations", "channels", **arguments, **({"team_id": team} if team else {})
        )
        return {
            one["id"]: Listed(sort=sort_of(one), team=team)
            async for page in pages
            for one in page
            if isinstance(one.get("id"), str)
        }

    async def _pages(
        self, method: str, field: str, **arguments: Any
    ) -> AsyncIterator[list[JsonObject]]:
        """Everything that a method lists."""
        cursor: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            answer = await self._insist(method, **{"limit": PAGE, **arguments, **cursor})
            yield details(dict(answer), field)
            following = a_string(a_detail(dict(answer), "response_metadata"), "next_cursor")
            if not following:
                return
            cursor = {"cursor": following}
        self._log.warning("slack.catch_up_incomplete", method=method, **arguments)

    async def _insist(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        tries = limited = 0
        while True:
            self.calls += 1
            try:
                return await self._call(method, **arguments)
            except RateLimited as error:
                if not self._patient:
                    raise
                limited += 1
                await asyncio.sleep(max(error.retry_after, min(0.05 * 2.0**limited, 30.0)))
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
