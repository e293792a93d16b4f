"""What people are called: Slack's events tell only their ids.

https://docs.slack.dev/reference/methods/users.info, https://docs.slack.dev/reference/objects/user-object
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

from adapters.slack.api import SlackApi
from adapters.slack.fields import JsonObject, a_detail, a_string, in_one_line
from adapters.slack.remembering import remember
from gateway import SendError, Unavailable

KNOWN_FOR = 3600.0
"""Seconds for which a name is good."""
UNKNOWN_FOR = 60.0
"""Seconds for which one that could not be learned is not asked for again."""
MAX_KNOWN = 10_000
MAX_AT_ONCE = 20


class People:
    """The names of one workspace's people, as far as they were asked for."""

    def __init__(self, api: SlackApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[None]] = {}

    async def names(self, ids: Iterable[str], within: float = 0.5) -> dict[str, str]:
        """What these are called, as far as it can be learned in so many seconds. Never raises."""
        wanted = list(dict.fromkeys(ids))
        unknown = [user for user in wanted if not self._is_known(user)][:MAX_AT_ONCE]
        if unknown:
            await self._learn(unknown, within)
        return self._called(wanted)

    def known(self, ids: Iterable[str]) -> dict[str, str] | None:
        """What these are called, if nobody has to be asked for it; otherwise None."""
        wanted = list(ids)
        return self._called(wanted) if all(map(self._is_known, wanted)) else None

    def _called(self, ids: Iterable[str]) -> dict[str, str]:
        found = {user: self._known[user][0] for user in ids if user in self._known}
        return {user: name for user, name in found.items() if name}

    def _is_known(self, user: str) -> bool:
        known = self._known.get(user)
        return known is not None and known[1] > self._clock()

    async def _learn(self, ids: list[str], within: float) -> None:
        """Ask for these; what others have asked for already is waited for with them."""
        own = [self._ask(user) for user in ids if user not in self._asked]
        try:
            await asyncio.wait([self._asked[user] for user in ids], timeout=within)
        finally:
            for task in own:
                task.cancel()
            await asyncio.gather(*own, return_exceptions=True)
        for user in ids:
            if not self._is_known(user):
                # Not waited for again with every message.
                self._keep(user, self._known.get(user, ("", 0.0))[0], UNKNOWN_FOR)

    def _ask(self, user: str) -> asyncio.Task[None]:
        task = self._asked[user] = asyncio.get_running_loop().create_task(self._look_up(user))
        task.add_done_callback(lambda _: self._asked.pop(user, None))
        return task

    async def _look_up(self, user: str) -> None:
        try:
            answer = await self._api.call("users.info", user=user)
        except (SendError, Unavailable):
            # An id does as well; without the scope users:read it has to.
            return
        self._keep(user, _name(a_detail(answer, "user")), KNOWN_FOR)

    def _keep(self, user: str, name: str, seconds: float) -> None:
        remember(self._known, user, (name, self._clock() + seconds), MAX_KNOWN)


def _name(user: JsonObject) -> str:
    profile = a_detail(user, "profile")
    names = (
        a_string(profile, "display_name"),
        a_string(profile, "real_name"),
        a_string(user, "real_name"),
        a_string(user, "name"),
    )
    return next((line for name in names if (line := in_one_line(name))), "")
