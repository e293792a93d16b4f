"""What Slack tells, made durable: in order within a conversation, before Slack hears that it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import orjson

from adapters.slack.actions import NEEDS_THREAD, PLAIN
from adapters.slack.authors import Me
from adapters.slack.positions import Positions
from adapters.slack.surroundings import SAYING
from adapters.slack.turns import Turns
from gateway import Receipt, Receive, Unavailable, UnreadableUpdate

INSIST_FOR = 2.0
"""Seconds to try for what Slack will not tell again: presses and commands, which it wants
acknowledged within three."""
INSIST_EVERY = 0.1
HELD_BACK = "app_rate_limited"
"""What Slack tells instead of events when there are too many.
https://docs.slack.dev/reference/events/app_rate_limited"""
# What opens something for whoever reads it, and is not needed: events are stored.
_SECRETS = frozenset({"action_token", "response_url", "response_urls", "token"})

Aftermath = Callable[[dict[str, Any], Receipt], None]
"""Sets off what depends on an event that was taken, and nothing waits for."""


class Around(Protocol):
    """Finds out what an event does not say of itself."""

    def at_once(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """None: somebody has to be asked."""
        ...

    async def of(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, if need be."""
        ...


class Spot(NamedTuple):
    """Where a message stands: its channel, its thread unless it begins one, and when."""

    channel: str
    thread: str
    ts: str


class Intake:
    """Hands events to the gateway."""

    def __init__(
        self,
        receive: Receive,
        *,
        turns: Turns,
        positions: Positions,
        around: Around,
        me: Me,
        aftermath: Aftermath,
        log: Any,
    ) -> None:
        self.behind: Callable[[], None] = lambda: None
        """Called when a message could not be taken, or Slack holds some back."""
        self._receive = receive
        self._turns = turns
        self._positions = positions
        self._around = around
        self._me = me
        self._aftermath = aftermath
        self._log = log
        self._paused = False

    async def take(self, event: dict[str, Any]) -> Mapping[str, Any] | None:
        """Make one live event durable; what to answer its sender with, if anything.

        Raises `Unavailable`: then Slack tells it again, and if that is in vain too, the history.
        """
        if self.passes(event):
            return None
        added = self._around.at_once(event)
        # Begun at once: where many wait for each other, they need not wait for names in turn.
        looking = None if added is not None else asyncio.ensure_future(self._around.of(event))
        try:
            async with self._turns.turn(_channel(event)):
                if looking is not None:
                    added = await looking
                receipt = await self._commit(event, added or {})
        finally:
            if looking is not None:
                looking.cancel()
        return _answer(event, receipt)

    def passes(self, event: Mapping[str, Any]) -> bool:
        """Whether an event needs nothing but to be noted, which it is now."""
        if not is_own(event, self._me):
            return False
        if spot := spot_of(event):
            self._positions.heard(spot.channel, spot.ts)
        return True

    async def make_up_for(self, event: dict[str, Any]) -> Receipt:
        """Make durable what was missed. Raises `Unavailable`."""
        return await self._commit(event, await self._around.of(event))

    async def _commit(self, event: dict[str, Any], added: dict[str, Any]) -> Receipt:
        spot = spot_of(event)
        try:
            receipt = await self._insist(_stored(event, added), event)
        except Unavailable as error:
            self._pause(error)
            if spot:
                self.behind()
            raise
        self._paused = False
        if spot:
            self._remember(spot, receipt)
        elif event.get("type") == HELD_BACK:
            self.behind()
        self._aftermath(event, receipt)
        return receipt

    async def _insist(self, raw: bytes, event: Mapping[str, Any]) -> Receipt:
        clock = asyncio.get_running_loop().time
        until = clock() + (0.0 if event.get("type") == "event_callback" else INSIST_FOR)
        while True:
            try:
                return await self._receive(raw)
            except Unavailable:
                if clock() >= until:
                    raise
            await asyncio.sleep(INSIST_EVERY)

    def _pause(self, error: Unavailable) -> None:
        if not self._paused:
            self._log.warning("slack.intake_paused", error=str(error))
        self._paused = True

    def _remember(self, spot: Spot, receipt: Receipt) -> None:
        self._positions.heard(spot.channel, spot.ts)
        if receipt.outcome != "accepted":
            # Threads that the bot has no part in are too many to remember.
            return
        if spot.thread or not spot.channel.startswith("D"):
            # Answers to it stand in a thread, and so does what is said to them.
            self._positions.takes_part(spot.channel, spot.thread or spot.ts, spot.ts)


def is_own(event: Mapping[str, Any], me: Me) -> bool:
    """Whether it tells that the bot said something, or changed it, which `inbound` ignores.

    Each answer comes back like that, and while one is being written, each change of it.
    """
    inner = event.get("event")
    if not isinstance(inner, dict) or inner.get("type") != "message":
        return False
    message = inner.get("message") if inner.get("subtype") == "message_changed" else inner
    if not isinstance(message, dict):
        return False
    if message.get("subtype") not in {None, "bot_message"}:
        return False
    user, bot = message.get("user"), message.get("bot_id")
    return bool((user and user == me.user_id) or (bot and bot == me.bot_id))


def spot_of(event: Mapping[str, Any]) -> Spot | None:
    """Where something was said; None for any other event."""
    inner = event.get("event")
    if not isinstance(inner, dict) or inner.get("type") not in SAYING:
        return None
    channel, ts, thread = inner.get("channel"), inner.get("ts"), inner.get("thread_ts")
    if not (isinstance(channel, str) and isinstance(ts, str)):
        return None
    if inner.get("subtype") in {"message_changed", "message_deleted"}:
        return None
    in_thread = isinstance(thread, str) and thread != ts
    return Spot(channel=channel, thread=str(thread) if in_thread else "", ts=ts)


def _stored(event: Mapping[str, Any], added: Mapping[str, Any]) -> bytes:
    """An event as it is kept: without what opens anything, and with what was found out. Raises
    `UnreadableUpdate`."""
    kept = _without_secrets(event)
    inner = kept.get("event")
    if isinstance(inner, dict):
        kept["event"] = inner = _without_secrets(inner)
        thread = inner.get("assistant_thread")
        if isinstance(thread, dict):
            inner["assistant_thread"] = _without_secrets(thread)
    if added:
        kept["gateway"] = added
    else:
        kept.pop("gateway", None)
    try:
        return orjson.dumps(kept)
    except orjson.JSONEncodeError:
        raise UnreadableUpdate("the event is nested too deeply") from None


def _without_secrets(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name not in _SECRETS}


def _channel(event: Mapping[str, Any]) -> str:
    """Where something happens: within one place the order matters."""
    inner = event.get("event", event)
    place = inner.get("channel") if isinstance(inner, dict) else None
    if isinstance(place, dict):
        place = place.get("id")
    place = place or event.get("channel_id")
    return place if isinstance(place, str) else ""


def _answer(event: Mapping[str, Any], receipt: Receipt) -> Mapping[str, Any] | None:
    """A command in a channel is told where it belongs; only who gave it sees that."""
    command = event.get("command")
    if not isinstance(command, str) or receipt.reason != NEEDS_THREAD:
        return None
    name = command.removeprefix("/").rpartition("-")[2]
    word = name if name in PLAIN else f"!{name}"
    text = f"{NEEDS_THREAD.capitalize()}: write `{word}` in the one that you mean."
    return {"response_type": "ephemeral", "text": text}
