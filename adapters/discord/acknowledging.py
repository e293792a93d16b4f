"""Slash commands and buttons show people at once that they arrived, whatever becomes of them.

A command then shows that its answer is being written, and the answer takes that message's place:
what goes there waits until Discord has made it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from adapters.discord import interactions
from adapters.discord.rest import Refused, Rest
from adapters.discord.waiting import Backoff
from gateway import Receipt, SendError, Unavailable

PATIENCE = 2.0
"""Seconds that committing may take; after three Discord tells people that it failed."""
LONGEST_WAIT = 0.4

Spawn = Callable[[Coroutine[Any, Any, None]], object]
Then = Callable[[Receipt | None], None]


class Acknowledging:
    """Answers interactions in time, committed or not."""

    def __init__(self, rest: Rest, *, log: Any) -> None:
        self._rest = rest
        self._log = log
        self._pending: dict[str, asyncio.Future[None]] = {}

    def expect(self, interaction: Mapping[str, Any], spawn: Spawn) -> Then:
        """An interaction has arrived; what is returned wants to know what became of it."""
        loop = asyncio.get_running_loop()
        shown: asyncio.Future[None] = loop.create_future()
        taken: asyncio.Future[Receipt | None] = loop.create_future()
        self._pending[str(interaction.get("id"))] = shown
        spawn(self._answer(interaction, shown, taken))
        return taken.set_result

    async def shown(self, interaction_id: object) -> None:
        """Wait until Discord was told about an interaction, if that is under way."""
        pending = self._pending.get(str(interaction_id))
        if pending is not None:
            await asyncio.wait([pending])

    async def _answer(
        self,
        interaction: Mapping[str, Any],
        shown: asyncio.Future[None],
        taken: asyncio.Future[Receipt | None],
    ) -> None:
        late = asyncio.get_running_loop().time() + interactions.TIMEOUT
        try:
            await asyncio.wait([taken], timeout=PATIENCE)
            known = await self._acknowledge(interaction, late)
        finally:
            del self._pending[str(interaction.get("id"))]
            shown.set_result(None)
        if known and not _is_answered(await taken):
            await self._take_back(interaction)

    async def _acknowledge(self, interaction: Mapping[str, Any], late: float) -> bool:
        backoff, clock = Backoff(LONGEST_WAIT), asyncio.get_running_loop().time
        while True:
            try:
                await interactions.acknowledge(self._rest, interaction)
            except (SendError, Unavailable) as error:
                if isinstance(error, Refused) or clock() > late:
                    self._log.info("discord.not_acknowledged", error=str(error))
                    return False
                await backoff.wait()
            else:
                return True

    async def _take_back(self, interaction: Mapping[str, Any]) -> None:
        """Nothing will come: do not let people wait for it."""
        if interaction.get("type") != interactions.COMMAND:
            return
        application, token = interaction.get("application_id"), interaction.get("token")
        path = f"/webhooks/{application}/{token}/messages/@original"
        try:
            await self._rest.call("DELETE", path, auth=False)
        except (SendError, Unavailable) as error:
            self._log.info("discord.not_acknowledged", error=str(error))


def _is_answered(receipt: Receipt | None) -> bool:
    """Whether something will be said to it, or was: then the first one has seen to it."""
    return receipt is not None and receipt.outcome == "accepted" and not receipt.settled
