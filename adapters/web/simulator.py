"""People with browsers, for tests: each talks to a running gateway as the chat page does.

Unlike other platforms' simulators this one is the client: it is given the gateway's address, and
there is nothing of it to configure. Each person has one session, opened by their first message. For
the protocol see `gateway.testing.simulator`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import aiohttp

from adapters.web.client import Browser, Network, Refused, Said, Shown
from gateway import new_id
from gateway.testing.simulator import (
    Fault,
    FaultPlan,
    PlaceKind,
    ReceivedCall,
    SentMessage,
    SimulatedPerson,
    SimulatedPlace,
    Until,
)

POST = "POST /api/chat"
_LOST_BEFORE = {Fault.RESET, Fault.MALFORMED}
_LOST_AFTER = {Fault.RESET_AFTER_ACCEPT, Fault.TIMEOUT_AFTER_ACCEPT, Fault.TRUNCATED_BODY}


class WebSimulator:
    """`gateway.testing.simulator.Simulator` for the web. There is one account, the page itself.

    `agent` is the one the page is for; empty means the channel's own. Of the faults only those of a
    connection can happen to a browser, and only to a post: lost before the gateway has it (`RESET`,
    `MALFORMED`), or accepted and its answer lost (`RESET_AFTER_ACCEPT`, `TIMEOUT_AFTER_ACCEPT`,
    `TRUNCATED_BODY`); each is posted again. What the gateway refused for good is in `refusals`.
    """

    def __init__(self, url: str, *, agent: str = "") -> None:
        self._agent = agent
        self._network = Network(url, self._post)
        self._browsers: dict[str, Browser] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._started = False
        self._faults = FaultPlan(lambda method: method == POST)
        self._calls: list[ReceivedCall] = []

    # The platform as a whole

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self._network.url

    async def start(self) -> None:
        """Let the browsers talk; what was said before starts to be sent."""
        self._started = True
        self._network.open()
        self._tasks = [asyncio.create_task(one.run()) for one in self._browsers.values()]

    async def close(self) -> None:
        """Close every browser."""
        self._started = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._network.close()

    def settings(self, account: str = "") -> Mapping[str, str]:
        """Nothing: a browser needs no account."""
        return {}

    def fail_next(
        self, fault: Fault, times: int = 1, *, method: str | None = None, retry_after: float = 1.0
    ) -> None:
        """Break the next posts on their way. Raises `ValueError` for what cannot happen to them."""
        if fault not in _LOST_BEFORE | _LOST_AFTER:
            raise ValueError(f"a browser cannot suffer {fault}: it asks the gateway")
        self._faults.add(fault, times, method=method, retry_after=retry_after)

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""
        self._faults.clear()

    async def disconnect(self) -> None:
        """Break every connection; the browsers come back at once."""
        await self._network.close()
        self._network.open()

    async def outage(self, on: bool) -> None:
        """While on, no browser reaches the gateway."""
        await self._network.close()
        if not on:
            self._network.open()

    # Who and where

    def person(self, name: str) -> SimulatedPerson:
        """Let somebody open the page. The gateway knows no more of them than their session."""
        return SimulatedPerson(id=new_id(), name=name)

    def place(
        self,
        kind: PlaceKind,
        *,
        people: Sequence[SimulatedPerson] = (),
        parent: SimulatedPlace | None = None,
        account: str = "",
    ) -> SimulatedPlace:
        """The person's own page; there are no others."""
        if kind != "direct" or len(people) != 1 or parent or account:
            raise ValueError("the web has one direct place for each person, and nothing else")
        place = SimulatedPlace(kind="direct", id=people[0].id)
        if place.id not in self._browsers:
            browser = self._browsers[place.id] = Browser(self._network, self._agent)
            if self._started:
                self._tasks.append(asyncio.create_task(browser.run()))
        return place

    # What people do

    async def say(
        self,
        text: str,
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        mention: bool = False,
        reply_to: str | None = None,
    ) -> str:
        """Let a person write; return the message's id, which their browser made up."""
        return self._put(place, Said(id=new_id(), text=text))

    async def send_file(
        self,
        content: bytes,
        name: str,
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        caption: str = "",
    ) -> str:
        """Let a person send a file, with a text or without; return the message's id."""
        return self._put(place, Said(id=new_id(), text=caption, files=((name, content),)))

    async def press(self, label: str, *, person: SimulatedPerson, place: SimulatedPlace) -> str:
        """Press the button on the newest message that has it; return the message's id."""
        for shown in reversed(self._browsers[place.id].shown):
            question = shown.message.get("question", {"options": []})
            if label in question["options"]:
                option = question["options"].index(label)
                said = Said(id=new_id(), text=label, question=question["id"], option=option)
                return self._put(place, said)
        raise LookupError(f"nobody sees a button {label!r}")

    def _put(self, place: SimulatedPlace, said: Said) -> str:
        self._browsers[place.id].put(said)
        return said.id

    # What people see

    def sent(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """What the pages show of the gateway, also of sessions that were reset since."""
        places = self._browsers if place is None else [place.id]
        found = [_sent(id, shown) for id in places for shown in self._browsers[id].shown]
        return sorted(found, key=lambda message: message.at)

    async def wait_until(self, holds: Callable[[], bool], *, timeout: float = 30.0) -> None:
        """Wait until it holds; looks after everything that happens to a browser."""
        async with asyncio.timeout(timeout):
            while not holds():
                self._network.changed.clear()
                await self._network.changed.wait()

    async def wait_sent(
        self, until: Until, place: SimulatedPlace | None = None, *, timeout: float = 30.0
    ) -> list[SentMessage]:
        """Wait until `sent(place)` has at least so many messages, or is as wanted; return it."""

        def enough() -> bool:
            sent = self.sent(place)
            return until(sent) if callable(until) else len(sent) >= until

        try:
            await self.wait_until(enough, timeout=timeout)
        except TimeoutError:
            texts = [message.text for message in self.sent(place)]
            raise TimeoutError(f"after {timeout} s people see {texts}") from None
        return self.sent(place)

    def duplicates(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """Messages shown directly after one with the same text."""
        places = self._browsers if place is None else [place.id]
        pairs = [
            (_sent(id, before), _sent(id, after))
            for id in places
            for before, after in pairwise(self._browsers[id].shown)
        ]
        return [after for before, after in pairs if before.text == after.text]

    def calls(self, method: str | None = None) -> list[ReceivedCall]:
        """Every post, however often repeated, in order."""
        return [call for call in self._calls if method in {None, call.method}]

    def unacknowledged(self) -> list[str]:
        """Ids of the messages that the gateway has not confirmed, in each browser's order."""
        return [said.id for browser in self._browsers.values() for said in browser.unsent]

    def refusals(self, place: SimulatedPlace) -> list[Refused]:
        """What the gateway would not take from here."""
        return self._browsers[place.id].refusals

    def ended(self, place: SimulatedPlace) -> int:
        """How many sessions were found dead here, without having been reset by their person."""
        return self._browsers[place.id].ended

    async def _post(self, said: Said, post: Callable[[], Awaitable[Any]]) -> Any:
        self._calls.append(ReceivedCall(method=POST, parameters=said.body(), at=time.time()))
        planned = self._faults.take(POST)
        if planned and planned[0] in _LOST_BEFORE:
            raise aiohttp.ClientError("lost on the way there")
        answer = await post()
        if planned:
            raise aiohttp.ClientError("lost on the way back")
        return answer


def _sent(place_id: str, shown: Shown) -> SentMessage:
    question = shown.message.get("question", {"options": []})
    return SentMessage(
        place_id=place_id,
        message_id=f"{shown.session_id}/{shown.message['id']}",
        text=shown.message["text"],
        buttons=tuple(question["options"]),
        at=shown.at,
    )
