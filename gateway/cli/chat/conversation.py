"""One conversation with an agent, over connections that may break and a gateway that may restart.

Everything said has an id of ours, so it is simply said again when its answer was cut off: the
gateway takes it once, and a repetition returns the first one's answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from gateway.cli.chat.client import JSON, Away, Client, Happened, Refused, SessionOver
from gateway.cli.chat.remembered import Remembered
from gateway.domain import new_id

_PAUSES = (0.2, 0.5, 1.0, 2.0, 3.0)
_GIVE_UP_AFTER = 60.0
"""Seconds without the gateway, or with one that breaks off again and again."""

_STEADY = 5.0
"""Seconds after which a connection counts as having been good."""

_LATER = frozenset({429, 503})

_RESTARTS = ("/reset", "/new")


class Conversation:
    """Says things, and yields what happens: the API's events, each message once, and besides

    - ``away``: the connection is gone, and what had been streamed is void; it is tried again;
    - ``over``: the session had ended elsewhere; another was opened, and this is said in it.
    """

    def __init__(self, client: Client, remembered: Remembered, agent: str) -> None:
        self.client = client
        self.agent = agent
        self.last = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._remembered = remembered
        self._known: set[int] = set()

    async def begin(self, *, fresh: bool) -> JSON | None:
        """Take the last conversation up again; its session, or None: this is a new one.

        Raises ``Refused``, ``SessionOver`` (it takes a signed-in user) or ``Away``.
        """
        self.client.token = "" if fresh else self._remembered.token
        if self.client.token:
            try:
                session = await self.client.session()
            except SessionOver:
                self.client.token = ""
            else:
                self.agent = session["agent"]
                return session
        await self._open()
        return None

    async def recent(self, limit: int) -> Sequence[JSON]:
        """The newest messages, oldest first; they count as heard."""
        found = await self.client.history(limit)
        for message in found:
            self._new(message)
        return found

    async def say(self, text: str, attachments: Sequence[str] = ()) -> AsyncGenerator[Happened]:
        """Say something and follow it to its end. Raises ``Refused`` or ``Away`` for good."""
        message_id, lost, tries = new_id(), 0.0, 0
        self._quiet.clear()
        try:
            while True:
                began = time.monotonic()
                try:
                    async with aclosing(self._heard(text, message_id, attachments)) as events:
                        async for event in events:
                            yield event
                    return
                except SessionOver as over:
                    text = _left_to_say(text)
                    await self._open()
                    yield Happened(kind="over", data={"reason": str(over)})
                    if not text:
                        return
                except (Away, Refused) as error:
                    if not tries or time.monotonic() - began > _STEADY:
                        lost, tries = time.monotonic(), 0
                        yield Happened(kind="away", data={"reason": str(error)})
                    await self._pause(error, tries, lost)
                    tries += 1
        finally:
            self._quiet.set()

    async def _heard(
        self, text: str, message_id: str, attachments: Sequence[str]
    ) -> AsyncGenerator[Happened]:
        async with aclosing(self.client.say(text, message_id, attachments)) as events:
            async for event in events:
                if self._take(event):
                    yield event
                if event.kind == "done":
                    return
        raise Away("the connection was closed")

    async def stop(self) -> None:
        """Stop the answer being written."""
        await self.client.command("/stop")

    async def unasked(self) -> AsyncGenerator[JSON]:
        """Messages that nobody is waiting for, as they come, while the connection lasts."""
        async for event in self.client.watch(self.last):
            if event.kind == "ended":
                return
            if event.kind == "message":
                await self._quiet.wait()
                if self._new(event.data):
                    yield event.data

    async def _open(self) -> None:
        self.client.token = ""
        self._entered(await self.client.open(self.agent))

    def _entered(self, ticket: JSON) -> None:
        self.client.token = ticket["token"]
        self.last = 0
        self._known.clear()
        self._remembered.keep(self.client.token)

    def _take(self, event: Happened) -> bool:
        """Whether this is news, and is shown."""
        if event.kind == "session":
            self._entered(event.data)
        return event.kind != "message" or self._new(event.data)

    def _new(self, message: JSON) -> bool:
        number = message["id"]
        if number in self._known:
            return False
        if number:
            self._known.add(number)
            self.last = max(self.last, number)
        return bool(message["role"] != "user")

    async def _pause(self, error: Away | Refused, tries: int, lost: float) -> None:
        """Wait before the next try, or raise what is final."""
        if time.monotonic() - lost > _GIVE_UP_AFTER:
            raise error
        if isinstance(error, Away):
            await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
        elif error.retry_after is not None and error.status in _LATER:
            await asyncio.sleep(min(error.retry_after, _GIVE_UP_AFTER))
        else:
            raise error


def _left_to_say(text: str) -> str:
    """What a fresh session still has to be told: a reset whose answer was lost was done."""
    command, _, rest = text.strip().partition(" ")
    return rest.strip() if command.casefold() in _RESTARTS else text
