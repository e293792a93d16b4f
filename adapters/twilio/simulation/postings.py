"""Webhooks, Twilio's side: signed forms, one retry where no connection came about.

https://www.twilio.com/docs/usage/webhooks/webhooks-security,
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urldefrag, urlencode

import aiohttp
from twilio.request_validator import RequestValidator

from adapters.twilio.simulation.deliveries import Delivery, Ledger, Patience

FORM = "application/x-www-form-urlencoded; charset=UTF-8"
# What goes wrong, as a retry policy (`rp`) calls it; the default retries `ct` alone.
CONNECTION, TIMEOUT = "ct", "rt"
JITTER = 0.03


def signed(auth_token: str, url: str, form: Mapping[str, str], token: str) -> dict[str, str]:
    """The headers with which Twilio posts a form. What follows `#` is for Twilio alone."""
    signature = RequestValidator(auth_token).compute_signature(urldefrag(url).url, dict(form))
    return {
        "Content-Type": FORM,
        "User-Agent": "TwilioProxy/1.1",
        "X-Twilio-Signature": signature,
        "I-Twilio-Idempotency-Token": token,
    }


class Postings:
    """Posts what happens: in one lane one after the other, each once its predecessor is over.

    Answers to messages go to `on_answer`, with their media type and content. With `shuffle`
    everything goes out by itself.
    """

    def __init__(
        self,
        auth_token: str,
        ledger: Ledger,
        patience: Patience,
        on_answer: Callable[[Delivery, str, bytes], int | None],
        *,
        shuffle: bool,
    ) -> None:
        self._auth_token = auth_token
        self._ledger = ledger
        self._patience = patience
        self._on_answer = on_answer
        # Two runs are the same run.
        self._random = random.Random("twilio") if shuffle else None  # noqa: S311
        self._http: aiohttp.ClientSession | None = None
        self._paused = False
        self._dropping = 0
        self._lanes: dict[str, deque[Delivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[Delivery] = []

    def attach(self, http: aiohttp.ClientSession) -> None:
        """Post with this session."""
        self._http = http
        self.resume()

    def offer(self, delivery: Delivery) -> None:
        """Post something new."""
        self._ledger.add(delivery)
        if self._dropping and delivery.watched:
            self._dropping -= 1
            self._ledger.lose(delivery, 11205, "")
        else:
            self._deliver(delivery)

    def drop(self, times: int) -> None:
        """Lose the next so many things on the way."""
        self._dropping = times

    def _deliver(self, delivery: Delivery) -> None:
        if self._paused or not delivery.url() or self._http is None:
            self._held.append(delivery)
            return
        lane = delivery.lane if self._random is None else f"{id(delivery)}"
        if lane in self._lanes:
            self._lanes[lane].append(delivery)
            return
        self._lanes[lane] = waiting = deque([delivery])
        worker = asyncio.get_running_loop().create_task(self._work(lane, waiting, self._http))
        self._tasks.add(worker)
        worker.add_done_callback(self._tasks.discard)

    async def _work(self, name: str, lane: deque[Delivery], http: aiohttp.ClientSession) -> None:
        if self._random is not None:
            await asyncio.sleep(self._random.uniform(0.0, JITTER))
        while lane:
            await self._bring(lane[0], http)
            lane.popleft()
        del self._lanes[name]

    async def _bring(self, delivery: Delivery, http: aiohttp.ClientSession) -> None:
        """Post until it is taken, or nothing more is tried."""
        url = delivery.url()
        retries, reasons = _overrides(url)
        while True:
            began = time.monotonic()
            problem = await self._post(delivery, url, http)
            if problem is None:
                self._ledger.take(delivery, time.monotonic() - began)
                return
            if delivery.attempt >= retries or not reasons & {problem, problem[:1] + "xx", "all"}:
                self._ledger.lose(delivery, 11205 if problem == CONNECTION else 11200, url)
                return
            delivery.attempt += 1

    async def _post(self, delivery: Delivery, url: str, http: aiohttp.ClientSession) -> str | None:
        """One attempt; why it failed, as a retry policy calls it, or the status."""
        form = delivery.form
        if delivery.kind == "conversation":
            form = {**form, "RetryCount": str(delivery.attempt)}
            within = self._patience.conversations_within
        else:
            within = self._patience.answer_within
        try:
            async with http.post(
                urldefrag(url).url,
                data=urlencode(form).encode(),
                headers=signed(self._auth_token, url, form, delivery.token),
                timeout=aiohttp.ClientTimeout(within),
                allow_redirects=False,
            ) as response:
                content = await response.read()
        except TimeoutError:
            return TIMEOUT
        except aiohttp.ClientError:
            return CONNECTION
        if not 200 <= response.status < 300:
            return str(response.status)
        if delivery.kind == "message":
            code = self._on_answer(delivery, response.content_type, content)
            if code is not None:
                self._ledger.complain(delivery, code, url)
        return None

    async def reach(self, url: str, form: Mapping[str, str]) -> bool:
        """Post a form once, beside all others; return whether the answer was 2xx."""
        if self._http is None:
            return False
        headers = signed(self._auth_token, url, form, "00000000-0000-4000-8000-000000000000")
        timeout = aiohttp.ClientTimeout(self._patience.answer_within)
        try:
            async with self._http.post(
                urldefrag(url).url, data=urlencode(form).encode(), headers=headers, timeout=timeout
            ) as response:
                return 200 <= response.status < 300
        except (TimeoutError, aiohttp.ClientError):
            return False

    async def fetch(self, url: str) -> tuple[int, str, str, bytes]:
        """Get what a `MediaUrl` names: status, media type, name, content. Status 0: unreached."""
        if self._http is None:
            return 0, "", "", b""
        timeout = aiohttp.ClientTimeout(self._patience.answer_within)
        try:
            async with self._http.get(url, timeout=timeout) as response:
                content = await response.read()
        except (TimeoutError, aiohttp.ClientError, aiohttp.InvalidURL):
            return 0, "", "", b""
        disposition = response.content_disposition
        name = disposition.filename if disposition is not None else None
        return response.status, response.content_type, name or "", content

    def resume(self) -> None:
        """Post what was held back."""
        held, self._held = self._held, []
        for delivery in held:
            self._deliver(delivery)

    def pause(self, on: bool) -> None:
        """Nothing goes out; what is under way starts anew afterwards."""
        self._paused = on
        if on:
            self._held = [*(each for lane in self._stop() for each in lane), *self._held]
        else:
            self.resume()

    def disconnect(self) -> None:
        """What is under way fails for want of a connection; what waits behind it does not."""
        for under_way, *waiting in self._stop():
            retries, reasons = _overrides(under_way.url())
            if under_way.attempt >= retries or not reasons & {CONNECTION, "all"}:
                self._ledger.lose(under_way, 11205, under_way.url())
            else:
                under_way.attempt += 1
                self._deliver(under_way)
            for delivery in waiting:
                self._deliver(delivery)

    def _stop(self) -> list[deque[Delivery]]:
        """End what is under way; return what is not delivered by that, by lanes."""
        for task in self._tasks:
            task.cancel()
        lanes, self._lanes = self._lanes, {}
        return [lane for lane in lanes.values() if lane]

    async def close(self) -> None:
        """Stop for good."""
        self._paused = True
        self._stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _overrides(url: str) -> tuple[int, set[str]]:
    """How often, and after what, a URL asks for a retry."""
    asked = parse_qs(urldefrag(url).fragment)
    count = asked.get("rc", ["1"])[0]
    reasons = set(",".join(asked.get("rp", [CONNECTION])).split(","))
    return min(int(count), 5) if count.isdigit() else 1, reasons
