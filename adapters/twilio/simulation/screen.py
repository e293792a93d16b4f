"""What people see of the numbers on the simulated Twilio."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from adapters.twilio.simulation.deliveries import Notice
from adapters.twilio.simulation.model import Shown, Text
from adapters.twilio.simulation.stage import Stage
from gateway.testing.simulator import SentFile, SentMessage, SimulatedPlace, Until


class Screen(Stage):
    """The part of the simulator that shows what happened."""

    def sent(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """What people see of the numbers: in a group everything once. What failed nobody sees."""
        return _seen(self._visible(place))

    async def wait_until(self, holds: Callable[[], bool], *, timeout: float = 30.0) -> None:
        """Wait for anything."""
        await self._news.until(holds, timeout)

    async def wait_sent(
        self, until: Until, place: SimulatedPlace | None = None, *, timeout: float = 30.0
    ) -> list[SentMessage]:
        """Wait for what people see."""
        try:
            await self._news.until(partial(self._reached, until, place), timeout)
        except TimeoutError:
            texts = [message.text for message in self.sent(place)]
            told = f"after {timeout:g} s, {len(texts)} were sent: {texts}"
            if failed := self.failed(place):
                told += f"; of what was accepted, these failed: {failed}"
            raise TimeoutError(told) from None
        return self.sent(place)

    def duplicates(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """Messages accepted directly after one with the same text, buttons and files."""
        last: dict[tuple[str, str], object] = {}
        repeated = []
        for shown in self._visible(place):
            if last.get(shown.key) == shown.accepted:
                repeated.append(shown)
            last[shown.key] = shown.accepted
        return _seen(repeated)

    def failed(self, place: SimulatedPlace | None = None) -> list[tuple[str, int]]:
        """The sids of what was accepted and never seen, each with Twilio's code for why."""
        keys = {each.key for each in self._within(place)}
        return [(sid, code) for key, sid, code in self._world.failed if key in keys]

    def pings(self) -> list[SentMessage]:
        """Messages that call somebody: here nothing does."""
        return []

    def typing(self, place: SimulatedPlace) -> int:
        """How often somebody was shown that an answer is being written."""
        person = self._world.people[place.id]
        key = (self._number(place.account).address, person.phone)
        return sum(each == key for each in self._world.typed)

    def unacknowledged(self) -> list[str]:
        """What is posted just now, or waits to be: `MessageSid`, or `CH…:IM…`."""
        return self._world.ledger.unacknowledged()

    def lost(self) -> list[str]:
        """What Twilio gave up on, in order."""
        return list(self._world.ledger.lost)

    def missing(self) -> list[str]:
        """What Twilio gave up on, and no list of the API's has shown since."""
        return self._world.ledger.missing()

    def ack_times(self) -> list[float]:
        """How many seconds each acknowledgement took."""
        return list(self._world.ledger.ack_times)

    @property
    def debugger(self) -> list[Notice]:
        """The console's error log: what webhooks did wrong."""
        return list(self._world.ledger.debugger)

    def _visible(self, place: SimulatedPlace | None) -> list[Shown]:
        return [each for each in self._within(place) if each.visible]

    def _reached(self, until: Until, place: SimulatedPlace | None) -> bool:
        if isinstance(until, int):
            return len(self._visible(place)) >= until
        return until(self.sent(place))


def _seen(pool: Iterable[Shown]) -> list[SentMessage]:
    return [_as_sent(each) for each in pool]


def _as_sent(shown: Shown) -> SentMessage:
    message = shown.message
    labels = tuple(button.label for button in message.buttons) if isinstance(message, Text) else ()
    return SentMessage(
        place_id=shown.place,
        message_id=message.sid,
        text=message.body,
        buttons=labels,
        at=message.at,
        account=shown.account,
        files=tuple(
            SentFile(name=file.name, media_type=file.media_type, content=file.content)
            for file in message.files
        ),
    )
