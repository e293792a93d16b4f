"""Slash commands and buttons show people at once that they arrived, whatever becomes of them.

Discord wants an answer within three seconds, or tells people that they failed. A command then shows
that its answer is being written, and the answer takes that message's place: what goes there waits
until Discord has made it.

https://docs.discord.com/developers/interactions/receiving-and-responding
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import quote

from adapters.discord.backoff import Backoff
from adapters.discord.rest import ALREADY_ACKNOWLEDGED, Refused, Rest
from gateway import Receipt, SendError, Unavailable

TIMEOUT = 3.0
"""Seconds after which Discord takes no answer any more."""
PATIENCE = 2.0
"""Seconds of them that committing may take."""
LONGEST_WAIT = 0.4

_COMMAND, _BUTTON = 2, 3
_SHOW_THINKING, _SHOW_NOTHING = 5, 6
_ANSWERS: Mapping[object, int] = {_COMMAND: _SHOW_THINKING, _BUTTON: _SHOW_NOTHING}

Spawn = Callable[[Coroutine[Any, Any, None]], object]
Then = Callable[[Receipt | None], None]


async def acknowledge(rest: Rest, interaction: Mapping[str, Any]) -> None:
    """Say that it arrived: a command then shows that an answer will come, a button stops spinning.

    Does nothing for what asks for no such answer, and is no error when it was said before. Raises
    what `Rest.call` does.
    """
    kind = interaction.get("type")
    answer = _ANSWERS.get(kind) if isinstance(kind, int) else None
    if answer is None:
        return
    path = f"/interactions/{_segment(interaction, 'id')}/{_segment(interaction, 'token')}/callback"
    try:
        await rest.call("POST", path, body={"type": answer}, auth=False, timeout=TIMEOUT)
    except Refused as error:
        if error.code != ALREADY_ACKNOWLEDGED:
            raise


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

        def tell(receipt: Receipt | None) -> None:
            # When a run ends, nobody may want to know any more.
            if not taken.done():
                taken.set_result(receipt)

        return tell

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
        late = asyncio.get_running_loop().time() + TIMEOUT
        try:
            await asyncio.wait([taken], timeout=PATIENCE)
            known = await self._acknowledge(interaction, late)
        finally:
            # Two that came without an id are here under the same one.
            self._pending.pop(str(interaction.get("id")), None)
            shown.set_result(None)
        if known and not _is_answered(await taken):
            await self._take_back(interaction)

    async def _acknowledge(self, interaction: Mapping[str, Any], late: float) -> bool:
        backoff, clock = Backoff(LONGEST_WAIT), asyncio.get_running_loop().time
        while True:
            try:
                await acknowledge(self._rest, interaction)
            except (SendError, Unavailable) as error:
                if isinstance(error, Refused) or clock() > late:
                    self._log.info("discord.not_acknowledged", error=str(error))
                    return False
                await backoff.wait()
            else:
                return True

    async def _take_back(self, interaction: Mapping[str, Any]) -> None:
        """Nothing will come: do not let people wait for it."""
        if interaction.get("type") != _COMMAND:
            return
        hook = f"{_segment(interaction, 'application_id')}/{_segment(interaction, 'token')}"
        path = f"/webhooks/{hook}/messages/@original"
        try:
            await self._rest.call("DELETE", path, auth=False)
        except (SendError, Unavailable) as error:
            self._log.info("discord.not_acknowledged", error=str(error))


def _segment(interaction: Mapping[str, Any], name: str) -> str:
    return quote(str(interaction.get(name, "")), safe="")


def _is_answered(receipt: Receipt | None) -> bool:
    """Whether something will be said to it, or was: then the first one has seen to it."""
    return receipt is not None and receipt.outcome == "accepted" and not receipt.settled
