"""The Events API, Slack's side: signed requests to one address; https://docs.slack.dev/apis."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections import deque
from urllib.parse import urlencode

import aiohttp
import orjson

from adapters.slack.simulation.deliveries import Courier, Delivery, Ledger, Patience, Stopwatch
from adapters.slack.simulation.model import App, JsonObject

FORM = "application/x-www-form-urlencoded"


def signed(app: App, body: bytes, at: float | None = None) -> dict[str, str]:
    """The headers that prove a body to be Slack's.

    https://docs.slack.dev/authentication/verifying-requests-from-slack
    """
    timestamp = str(int(time.time() if at is None else at))
    base = b"v0:" + timestamp.encode() + b":" + body
    digest = hmac.new(app.signing_secret.encode(), base, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}


class Postings(Courier):
    """One app's request URL. What happens in one conversation is posted one after the other.

    Slack promises no order: ask for `shuffle`, and everything goes out by itself.
    """

    def __init__(self, app: App, ledger: Ledger, patience: Patience, *, shuffle: bool) -> None:
        super().__init__(app, ledger, patience, shuffle=shuffle)
        self._http: aiohttp.ClientSession | None = None
        self._lanes: dict[str, deque[Delivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[Delivery] = []

    def attach(self, http: aiohttp.ClientSession) -> None:
        """Post with this session."""
        self._http = http
        self.resume()

    def _deliver(self, delivery: Delivery) -> None:
        if self._paused or not self.app.url or self._http is None:
            self._held.append(delivery)
            return
        alone = self._random is not None or delivery.attempt
        lane = f"{id(delivery)}" if alone else delivery.place
        if lane in self._lanes:
            self._lanes[lane].append(delivery)
            return
        self._lanes[lane] = waiting = deque([delivery])
        worker = asyncio.get_running_loop().create_task(self._work(lane, waiting, self._http))
        self._tasks.add(worker)
        worker.add_done_callback(self._tasks.discard)

    async def _work(self, name: str, lane: deque[Delivery], http: aiohttp.ClientSession) -> None:
        while lane:
            problem = await self._post(lane[0], http)
            if problem is None or not self._failed(lane[0], problem):
                lane.popleft()
        del self._lanes[name]

    async def _post(self, delivery: Delivery, http: aiohttp.ClientSession) -> str | None:
        """One attempt; why it failed, in Slack's words."""
        body, media_type = _encoded(delivery)
        headers = {"Content-Type": media_type, **signed(self.app, body)}
        if delivery.attempt:
            headers["X-Slack-Retry-Num"] = str(delivery.attempt)
            headers["X-Slack-Retry-Reason"] = delivery.reason
        watch = Stopwatch()
        try:
            async with http.post(
                self.app.url,
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(self._patience.ack_within),
                allow_redirects=False,
            ) as response:
                content = await response.read()
        except TimeoutError:
            return "http_timeout"
        except aiohttp.ClientError:
            return "connection_failed"
        if 200 <= response.status < 300:
            self._ledger.take(delivery, watch.seconds(), _answer(content))
            return None
        if response.headers.get("X-Slack-No-Retry") == "1":
            delivery.attempt = len(self._patience.waits)
        return "too_many_redirects" if 300 <= response.status < 400 else "http_error"

    async def verify(self) -> bool:
        """Ask the request URL for its challenge; return whether it was answered."""
        if self._http is None:
            return False
        challenge = hashlib.sha256(self.app.id.encode()).hexdigest()
        body = orjson.dumps(
            {"token": "simulated", "challenge": challenge, "type": "url_verification"}
        )
        headers = {"Content-Type": "application/json", **signed(self.app, body)}
        async with self._http.post(self.app.url, data=body, headers=headers) as response:
            content = await response.read()
        return response.status == 200 and challenge.encode() in content

    def resume(self) -> None:
        """Post what was held back."""
        held, self._held = self._held, []
        for delivery in held:
            self._deliver(delivery)

    def pause(self, on: bool) -> None:
        """Nothing goes out."""
        self._paused = on
        if on:
            self._held = [*self._held, *self._stop(), *self._waiting()]
        else:
            self.resume()

    def disconnect(self) -> None:
        """What is under way fails."""
        for delivery in self._stop():
            if self._failed(delivery, "connection_failed"):
                self._deliver(delivery)

    def _stop(self) -> list[Delivery]:
        """End what is under way; return what is not delivered by that."""
        for task in self._tasks:
            task.cancel()
        lanes, self._lanes = self._lanes, {}
        return [delivery for lane in lanes.values() for delivery in lane]

    async def close(self) -> None:
        """Stop for good."""
        await super().close()
        self._stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _encoded(delivery: Delivery) -> tuple[bytes, str]:
    """Events are JSON; presses and commands are forms."""
    if delivery.kind == "events_api":
        return orjson.dumps(delivery.payload), "application/json"
    if delivery.kind == "slash_commands":
        return urlencode(delivery.payload).encode(), FORM
    return urlencode({"payload": orjson.dumps(delivery.payload).decode()}).encode(), FORM


def _answer(content: bytes) -> JsonObject:
    """What stands in an acknowledgement: JSON, or a text to show."""
    if not content.strip():
        return {}
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {"text": content.decode(errors="replace")}
    return found if isinstance(found, dict) else {}
