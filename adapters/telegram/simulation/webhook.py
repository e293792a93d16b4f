"""Updates on their way to a webhook: tried again until the other side says 2xx."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from adapters.telegram.simulation.updates import UpdateQueue

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookPolicy:
    """How patiently deliveries are tried: real waits are minutes, these suit tests.

    An attempt without an answer fails after `timeout` seconds; the wait before the next doubles
    from `first_wait` to `longest_wait`.
    """

    timeout: float = 5.0
    first_wait: float = 0.02
    longest_wait: float = 0.5


class Webhook:
    """One bot's webhook: up to `max_connections` deliveries at a time, in no promised order."""

    def __init__(
        self,
        queue: UpdateQueue,
        http: aiohttp.ClientSession,
        policy: WebhookPolicy,
        *,
        url: str,
        secret: str | None,
        max_connections: int,
    ) -> None:
        self.url = url
        self.max_connections = max_connections
        self.last_error: tuple[int, str] | None = None
        self._queue = queue
        self._http = http
        self._policy = policy
        self._headers = {"Content-Type": "application/json"}
        if secret is not None:
            self._headers[SECRET_HEADER] = secret
        self._ready = deque(queue.pending())
        self._attempts: dict[int, int] = {}
        self._waiting: dict[int, asyncio.TimerHandle] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._paused = False
        queue.on_arrival = self._offer

    def pause(self) -> None:
        """Cut off what is under way and start nothing new; the updates stay."""
        self._paused = True
        self._cancel()

    def resume(self) -> None:
        """Deliver everything that is not acknowledged."""
        self._paused = False
        self._ready = deque(self._queue.pending())
        self._hire()

    async def close(self) -> None:
        """Stop for good; what was not acknowledged stays in the queue."""
        self._paused = True
        self._queue.on_arrival = None
        workers = self._cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    def _cancel(self) -> list[asyncio.Task[None]]:
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        self._ready.clear()
        workers = list(self._workers)
        for worker in workers:
            worker.cancel()
        return workers

    def _offer(self, update_id: int) -> None:
        self._waiting.pop(update_id, None)
        if not self._paused:
            self._ready.append(update_id)
            self._hire()

    def _hire(self) -> None:
        for _ in range(min(len(self._ready), self.max_connections - len(self._workers))):
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._release)

    def _release(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        # Something may have arrived between the worker's last look and its end.
        self._hire()

    async def _work(self) -> None:
        while self._ready:
            update_id = self._ready.popleft()
            update = self._queue.pending().get(update_id)
            if update is None:
                continue
            problem = await self._deliver(update)
            if problem is None:
                self._attempts.pop(update_id, None)
                self._queue.acknowledge([update_id])
            else:
                self.last_error = (int(time.time()), problem)
                self._try_later(update_id)

    async def _deliver(self, update: dict[str, Any]) -> str | None:
        """Return what went wrong, in the words of `getWebhookInfo`."""
        try:
            async with self._http.post(
                self.url,
                data=orjson.dumps(update),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(self._policy.timeout),
                allow_redirects=False,
            ) as response:
                await response.read()
        except TimeoutError:
            return "Read timeout expired"
        except aiohttp.ClientError as error:
            return f"Connection failed: {type(error).__name__}"
        if response.ok and response.status < 300:
            return None
        return f"Wrong response from the webhook: {response.status} {response.reason}"

    def _try_later(self, update_id: int) -> None:
        attempts = self._attempts[update_id] = self._attempts.get(update_id, 0) + 1
        wait = min(self._policy.first_wait * 2 ** (attempts - 1), self._policy.longest_wait)
        loop = asyncio.get_running_loop()
        self._waiting[update_id] = loop.call_later(wait, self._offer, update_id)
