"""What people see of the apps on the simulated Slack."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from adapters.slack.simulation.blocks import buttons, label, text_of
from adapters.slack.simulation.model import JsonObject, Message
from adapters.slack.simulation.stage import Stage
from adapters.slack.simulation.texts import Named, shown
from gateway.testing.simulator import SentFile, SentMessage, SimulatedPerson, SimulatedPlace, Until

# A status that no message followed disappears after so many seconds;
# https://docs.slack.dev/reference/methods/assistant.threads.setStatus.
STATUS_LIFETIME = 120.0


class Screen(Stage):
    """The part of the simulator that shows what happened."""

    def sent(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """What people see of the apps.

        Of a channel what stands at top level, of a thread the replies in it (`thread_of` finds the
        one that a message began); of direct messages and groups everything, but for threads that
        are places of their own. Markdown stands there as it was written, mrkdwn as it looks.
        """
        pool = self._world.sent if place is None else self._where(place)[0].sent
        return self._seen(self._within(pool, place))

    async def wait_until(self, holds: Callable[[], bool], *, timeout: float = 30.0) -> None:
        """Wait for anything."""
        await self._news.until(holds, timeout)

    async def wait_sent(
        self, until: Until, place: SimulatedPlace | None = None, *, timeout: float = 30.0
    ) -> list[SentMessage]:
        """Wait for what people see."""
        try:
            await self.wait_until(partial(self._reached, until, place), timeout=timeout)
        except TimeoutError:
            texts = [message.text for message in self.sent(place)]
            raise TimeoutError(f"after {timeout:g} s, {len(texts)} were sent: {texts}") from None
        return self.sent(place)

    def duplicates(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """Messages accepted directly after one with the same text, blocks and files."""
        pool = self._world.sent if place is None else self._where(place)[0].sent
        last: dict[tuple[str, str, str], object] = {}
        repeated = []
        for message in self._within(pool, place, deleted=True):
            account = message.app.id if message.app is not None else ""
            where = (message.channel.id, message.channel.room(message), account)
            if last.get(where) == message.accepted:
                repeated.append(message)
            last[where] = message.accepted
        return self._seen(repeated)

    def pings(self) -> list[SentMessage]:
        """Messages that call somebody, or did: a mention, or a link that hides another address.

        In Markdown, mrkdwn and blocks, code or not, also where nobody but one person sees it.
        """
        return self._seen(self._world.pinged)

    def ephemerals(
        self, person: SimulatedPerson, place: SimulatedPlace | None = None
    ) -> list[SentMessage]:
        """What only this person sees of the apps: also the answers to their commands."""
        found = [each for each in self._world.ephemerals if each.ephemeral_to == person.id]
        channel = None if place is None else self._where(place)[0]
        return self._seen(each for each in found if channel in {None, each.channel})

    def streaming(self, place: SimulatedPlace) -> list[SentMessage]:
        """Messages that are being written there."""
        pool = self._within(self._where(place)[0].sent, place)
        return self._seen(each for each in pool if each.streaming is not None)

    def status(self, place: SimulatedPlace) -> str:
        """What an app says there that it is doing; of direct messages, in the latest thread."""
        channel, thread = self._where(place)
        statuses = [channel.statuses.get(each) for each in _threads(channel.statuses, thread)]
        now = self._clock()
        fresh = [each[0] for each in statuses if each and now - each[1] <= STATUS_LIFETIME]
        return fresh[-1] if fresh else ""

    def title(self, place: SimulatedPlace) -> str:
        """What a thread of the agent view is called."""
        channel, thread = self._where(place)
        titles = [channel.titles[each] for each in _threads(channel.titles, thread)]
        return titles[-1] if titles else ""

    def prompts(self, place: SimulatedPlace) -> list[JsonObject]:
        """What a thread of the agent view suggests to ask: `title` and `message` of each."""
        channel, thread = self._where(place)
        prompts = [channel.prompts[each] for each in _threads(channel.prompts, thread)]
        return prompts[-1] if prompts else []

    def unacknowledged(self) -> list[str]:
        """What the apps have not taken over: `CHANNEL:TS` of messages.

        What Slack gave up on stays until an app has read it in the history, unless no history
        has it: presses and commands, deletions.
        """
        return self._world.ledger.unacknowledged()

    def lost(self) -> list[str]:
        """What Slack gave up on, once for every event."""
        return list(self._world.ledger.lost)

    def ack_times(self) -> list[float]:
        """How many seconds each acknowledgement took."""
        return list(self._world.ledger.ack_times)

    def responses(self) -> list[JsonObject]:
        """What stood in acknowledgements."""
        return list(self._world.ledger.responses)

    def _reached(self, until: Until, place: SimulatedPlace | None) -> bool:
        if not isinstance(until, int):
            return until(self.sent(place))
        pool = self._world.sent if place is None else self._where(place)[0].sent
        return len(pool) >= until and len(self._within(pool, place)) >= until

    def _seen(self, messages: Iterable[Message]) -> list[SentMessage]:
        return [as_sent(message, self._world.named) for message in messages]


def _threads(kept: Iterable[str], thread: str | None) -> list[str]:
    """The threads of which something is kept, or only the one asked for."""
    return [each for each in kept if thread in {None, each}]


def as_sent(message: Message, named: Named) -> SentMessage:
    """A message as people see it; blocks stand for its text."""
    return SentMessage(
        place_id=message.channel.room(message) or message.channel.id,
        message_id=message.ts,
        text=_seen_text(message, named),
        buttons=tuple(label(button) for _, button in buttons(message.blocks)),
        reply_to=message.thread_ts if message.is_reply else None,
        edited=message.flagged,
        at=message.at,
        account=message.app.id if message.app is not None else "",
        files=tuple(
            SentFile(name=file.name, media_type=file.media_type, content=file.content)
            for file in message.files
        ),
    )


def _seen_text(message: Message, named: Named) -> str:
    blocks = text_of(message.blocks, named)
    if message.markdown is not None:
        return "\n".join(filter(None, (message.markdown, blocks)))
    if message.blocks:
        return blocks
    return shown(message.text, named, formatted=message.mrkdwn)
