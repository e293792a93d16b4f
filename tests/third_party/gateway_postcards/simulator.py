"""A post office on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from time import time
from typing import Any

import orjson
from aiohttp import web

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

KEY = "opens-the-mailbox-4711"


class PostcardSimulator:
    """``gateway.testing.simulator.Simulator`` for postcards: one mailbox, direct places only."""

    def __init__(self) -> None:
        self._server = web.Server(self._handle, handler_cancellation=True)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=0.1)
        self._port = 0
        self._numbers = count(1)
        self._mail: dict[int, dict[str, Any]] = {}
        self._acknowledged = 0
        self._sent: list[SentMessage] = []
        self._repeated: list[SentMessage] = []
        self._choices: dict[str, list[str]] = {}
        self._calls: list[ReceivedCall] = []
        self._faults = FaultPlan(lambda method: method == "POST")
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        """Where the post office is."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Open it."""
        await self._runner.setup()
        await self._listen()

    async def close(self) -> None:
        """Close it for good."""
        await self.disconnect()
        await self._runner.cleanup()

    def settings(self, account: str = "") -> Mapping[str, str]:
        """Address and key."""
        return {"url": self.url, "key": KEY}

    def person(self, name: str) -> SimulatedPerson:
        """Somebody with an address."""
        return SimulatedPerson(id=f"{name.lower()}-{next(self._numbers)}", name=name)

    def place(
        self,
        kind: PlaceKind,
        *,
        people: Sequence[SimulatedPerson] = (),
        parent: SimulatedPlace | None = None,
        account: str = "",
    ) -> SimulatedPlace:
        """Somebody's letter box."""
        if kind != "direct" or len(people) != 1:
            raise ValueError("a postcard goes to one person")
        return SimulatedPlace(kind="direct", id=people[0].id)

    async def say(
        self,
        text: str,
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        mention: bool = False,
        reply_to: str | None = None,
    ) -> str:
        """Mail a card to the gateway."""
        return self.deliver({"from": {"id": person.id, "name": person.name}, "text": text})

    async def press(self, label: str, *, person: SimulatedPerson, place: SimulatedPlace) -> str:
        """Tick a choice and mail the card back."""
        for message in reversed(self.sent(place)):
            if label in message.buttons:
                choice = [self._choices[message.message_id][0], message.buttons.index(label)]
                card = {"from": {"id": person.id, "name": person.name}, "text": ""}
                return self.deliver({**card, "choice": choice})
        raise LookupError(f"no card offers {label!r}")

    def deliver(self, card: Mapping[str, Any]) -> str:
        """Put any card into the mailbox."""
        number = next(self._numbers)
        self._mail[number] = {"id": number, **card}
        self._tell()
        return str(number)

    def sent(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """What people got."""
        return [m for m in self._sent if place is None or m.place_id == place.id]

    async def wait_sent(
        self, until: Until, place: SimulatedPlace | None = None, *, timeout: float = 30.0
    ) -> list[SentMessage]:
        """Wait for the postman."""

        def enough() -> bool:
            sent = self.sent(place)
            return len(sent) >= until if isinstance(until, int) else until(sent)

        try:
            await self.wait_until(enough, timeout=timeout)
        except TimeoutError:
            raise TimeoutError(f"there are only {self.sent(place)}") from None
        return self.sent(place)

    async def wait_until(self, holds: Callable[[], bool], *, timeout: float = 30.0) -> None:
        """Wait for anything."""
        async with asyncio.timeout(timeout):
            while not holds():
                await self._news.wait()

    def duplicates(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """Cards that came twice."""
        return [m for m in self._repeated if place is None or m.place_id == place.id]

    def calls(self, method: str | None = None) -> list[ReceivedCall]:
        """What was asked of the post office."""
        return [call for call in self._calls if method in {None, call.method}]

    def unacknowledged(self) -> list[str]:
        """Cards that still lie in the mailbox."""
        return [str(number) for number in self._mail if number > self._acknowledged]

    def fail_next(
        self, fault: Fault, times: int = 1, *, method: str | None = None, retry_after: float = 1.0
    ) -> None:
        """Let something go wrong."""
        self._faults.add(fault, times, method=method, retry_after=retry_after)

    def clear_faults(self) -> None:
        """Let everything go well."""
        self._faults.clear()

    async def disconnect(self) -> None:
        """Hang up."""
        for connection in list(self._server.connections):
            if connection.transport is not None:
                connection.transport.abort()

    async def outage(self, on: bool) -> None:
        """Close for a while."""
        if on:
            for site in tuple(self._runner.sites):
                await site.stop()
            await self.disconnect()
        else:
            await self._listen()

    async def _listen(self) -> None:
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        card = orjson.loads(await request.read() or b"{}")
        self._calls.append(ReceivedCall(method=request.method, parameters=card, at=time()))
        self._tell()
        if request.headers.get("Key") != KEY:
            return web.Response(status=401)
        fault = self._faults.take(request.method)
        if fault is not None:
            return await self._suffer(request, card, *fault)
        return await self._answer(request, card)

    async def _answer(self, request: web.BaseRequest, card: dict[str, Any]) -> web.Response:
        if request.path == "/mailbox":
            return web.json_response({"owner": "the gateway"})
        if request.method == "GET":
            return web.json_response(await self._collect(int(request.query["after"])))
        if not isinstance(card.get("text"), str) or len(card["text"]) > 500:
            return web.Response(status=400)
        return web.json_response({"id": self._post(card)})

    async def _collect(self, after: int) -> list[dict[str, Any]]:
        self._acknowledged = max(self._acknowledged, after)
        self._tell()
        while not (waiting := [int(number) for number in self.unacknowledged()]):
            await self._news.wait()
        return [self._mail[number] for number in waiting]

    def _post(self, card: dict[str, Any]) -> str:
        choices = card.get("choices", [""])
        message = SentMessage(
            place_id=card["to"],
            message_id=str(next(self._numbers)),
            text=card["text"],
            buttons=tuple(choices[1:]),
            at=time(),
        )
        if [m.text for m in self._sent if m.place_id == card["to"]][-1:] == [message.text]:
            self._repeated.append(message)
        self._choices[message.message_id] = choices
        self._sent.append(message)
        self._tell()
        return message.message_id

    async def _suffer(
        self, request: web.BaseRequest, card: dict[str, Any], fault: Fault, retry_after: float
    ) -> web.StreamResponse:
        match fault:
            case Fault.RATE_LIMIT:
                return web.Response(status=429, headers={"Retry-After": str(retry_after)})
            case Fault.SERVER_ERROR:
                return web.Response(status=500)
            case Fault.BLOCKED:
                return web.Response(status=410)
            case Fault.MALFORMED:
                return web.Response(text="<html>", content_type="text/html")
        if fault is not Fault.RESET:
            self._post(card)
        if fault is Fault.TIMEOUT_AFTER_ACCEPT:
            await asyncio.get_running_loop().create_future()
        response = web.StreamResponse(headers={"Content-Length": "100"})
        if fault is Fault.TRUNCATED_BODY:
            await response.prepare(request)
            await response.write(b'{"id": ')
        if request.transport is not None:
            request.transport.abort()
        return response
