"""Sizes, rates and slots: what one person may ask of everybody's gateway.

A configured limit of 0 means none. Every refusal says what the limit is, in words for people.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import orjson

from gateway import observability as obs
from gateway.errors import LimitExceeded
from gateway.ports.coordinator import Coordinator, Rate

TEXT_LENGTH = 100_000
"""The longest text a person may send, in characters; beyond what any chat platform carries."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def exceeded(limit: str, words: str) -> LimitExceeded:
    """Somebody met the limit of this name in ``[limits]``: counted, and ``words`` are for them."""
    obs.LIMITS.labels(limit).inc()
    return LimitExceeded(words)


def incoming_text(text: str, *, longest: int = TEXT_LENGTH) -> str:
    """What a person wrote, as it can be stored: NULs and lone surrogates become U+FFFD.

    Raises ``LimitExceeded`` beyond ``longest`` characters.
    """
    if longest and len(text) > longest:
        raise LimitExceeded(f"a message of {len(text):,} characters; {longest:,} are allowed")
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def tokens(*texts: str) -> int:
    """About how many tokens a model reads in them: one for every four bytes of UTF-8, begun ones
    counted.

    The rule of thumb for English is four characters a token
    (https://help.openai.com/en/articles/4936856-what-are-tokens-and-how-to-count-them); scripts
    that take more bytes a character take more tokens too.
    """
    return sum((len(text if text.isascii() else text.encode()) + 3) // 4 for text in texts)


def json_object(values: Mapping[str, Any], name: str) -> bytes:
    """As JSON in UTF-8. Raises ``TypeError`` that says what of ``name`` is none."""
    try:
        return orjson.dumps(values)
    except TypeError:
        for key, value in values.items():
            if not isinstance(key, str):
                raise TypeError(f"{name} has the key {key!r}; keys must be texts") from None
            try:
                orjson.dumps({key: value})
            except TypeError as error:
                raise TypeError(f"{name}[{key!r}] cannot be kept as JSON: {error}") from None
        raise


def variables_json(variables: Mapping[str, Any], most: int) -> bytes:
    """A session's variables as JSON in UTF-8.

    Raises ``LimitExceeded`` above ``most`` bytes, naming the largest variable, and ``TypeError``
    when they are no JSON object.
    """
    encoded = json_object(variables, "turn.variables")
    if most and len(encoded) > most:
        largest = max(variables, key=lambda name: len(orjson.dumps(variables[name])))
        raise exceeded(
            "variables_bytes",
            f"the session's variables take {len(encoded):,} bytes, most of it {largest!r};"
            f" {most:,} are allowed (limits.variables_bytes)",
        )
    return encoded


class Notices:
    """Tells the same thing once in ``window`` seconds for each key, over all replicas."""

    def __init__(self, coordinator: Coordinator, window: float) -> None:
        self._coordinator = coordinator
        self._rate = Rate(count=1, per=window)

    async def due(self, key: str) -> bool:
        """Whether to tell it now; true once, then false until the window has passed."""
        return await self._coordinator.wait_for(f"notice/{key}", self._rate) == 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """Whether a message may pass, else when (in seconds), and whether to tell its author now."""

    allowed: bool
    retry_after: float = 0.0
    tell: bool = False


_ALLOWED = Allowance(allowed=True)


class MessageRate:
    """So many messages a minute on a lane; they may come all at once. One notice a minute."""

    def __init__(self, coordinator: Coordinator, per_minute: int) -> None:
        self._coordinator = coordinator
        self._rate = Rate(count=per_minute, per=60.0, burst=per_minute) if per_minute else None
        self._notices = Notices(coordinator, 60.0)

    async def take(self, lane: str) -> Allowance:
        """Count one message on ``lane`` (any string that is its own), unless it is one too many."""
        if self._rate is None:
            return _ALLOWED
        key = f"messages/{lane}"
        wait = await self._coordinator.wait_for(key, self._rate)
        if not wait:
            return _ALLOWED
        obs.LIMITS.labels("messages_per_minute").inc()
        return Allowance(allowed=False, retry_after=wait, tell=await self._notices.due(key))


class RunningSlots:
    """How many sessions may run at once; whoever waited longest is next.

    ``async with slots:`` holds one slot. ``running`` and ``waiting`` count sessions right now.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queue: deque[asyncio.Future[None]] = deque()
        self.running = 0

    @property
    def waiting(self) -> int:
        """How many stand in the queue."""
        return len(self._queue)

    def take(self) -> bool:
        """Take a slot if one is free this instant and nobody waits for it."""
        if self._limit and (self.running >= self._limit or self._queue):
            return False
        self.running += 1
        return True

    async def acquire(
        self, late: Callable[[], Awaitable[None]] | None = None, after: float = 0.0
    ) -> None:
        """Take a slot, waiting for one if need be; cancelling gives up the place in the queue.

        ``late`` is called once where that takes longer than ``after`` seconds.
        """
        if self.take():
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        taken = False
        try:
            if late is not None:
                await asyncio.wait((turn,), timeout=after)
                if not turn.done():
                    await late()
            await turn
            taken = True
        finally:
            if not taken:
                self._give_up(turn)

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn in self._queue:
            self._queue.remove(turn)
        elif turn.done() and not turn.cancelled():
            self.release()

    def release(self) -> None:
        """Give a slot back; it passes to whoever waited longest."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
