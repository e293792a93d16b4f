"""The methods by which a bot gets its updates: polling, or a webhook."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from adapters.telegram.simulation.errors import bad_request, conflict
from adapters.telegram.simulation.model import JsonObject
from adapters.telegram.simulation.webhook import Webhook, WebhookPolicy
from adapters.telegram.simulation.world import Bot

LONGEST_POLL = 50
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
WEBHOOK_ACTIVE = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook"
    " first"
)

AsyncMethod = Callable[[Bot, JsonObject], Awaitable[Any]]


class Receiving:
    """One or the other for each bot, as on Telegram never both."""

    def __init__(self, policy: WebhookPolicy) -> None:
        self._policy = policy
        self._http: aiohttp.ClientSession | None = None
        self._paused = False
        self.table: dict[str, AsyncMethod] = {
            "deleteWebhook": self._delete_webhook,
            "getUpdates": self._get_updates,
            "getWebhookInfo": self._get_webhook_info,
            "setWebhook": self._set_webhook,
        }

    async def close(self, bots: list[Bot]) -> None:
        """Stop delivering."""
        for bot in bots:
            await _remove(bot)
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    def pause(self, bots: list[Bot], on: bool) -> None:
        """Hold all deliveries back, or go on with them."""
        self._paused = on
        for bot in bots:
            if bot.webhook is not None:
                (bot.webhook.pause if on else bot.webhook.resume)()

    async def _get_updates(self, bot: Bot, given: JsonObject) -> list[JsonObject]:
        if bot.webhook is not None:
            raise conflict(WEBHOOK_ACTIVE)
        _choose(bot, given)
        return await bot.updates.poll(
            given.get("offset", 0),
            given.get("limit", 100),
            min(given.get("timeout", 0), LONGEST_POLL),
        )

    async def _set_webhook(self, bot: Bot, given: JsonObject) -> bool:
        url, secret = given.get("url", ""), given.get("secret_token")
        connections = given.get("max_connections", 40)
        if secret is not None and not SECRET.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        if not 1 <= connections <= 100:
            raise bad_request("max_connections must be between 1 and 100")
        await self._delete_webhook(bot, given)
        _choose(bot, given)
        if url:
            bot.updates.interrupt("terminated by setWebhook request")
            self._connect(bot, url, secret, connections)
        return True

    def _connect(self, bot: Bot, url: str, secret: str | None, connections: int) -> None:
        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        bot.webhook = Webhook(
            bot.updates,
            self._http,
            self._policy,
            url=url,
            secret=secret,
            max_connections=connections,
        )
        (bot.webhook.pause if self._paused else bot.webhook.resume)()

    async def _delete_webhook(self, bot: Bot, given: JsonObject) -> bool:
        await _remove(bot)
        if given.get("drop_pending_updates"):
            bot.updates.drop()
        return True

    async def _get_webhook_info(self, bot: Bot, _: JsonObject) -> JsonObject:
        webhook = bot.webhook
        info: JsonObject = {
            "url": webhook.url if webhook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(bot.updates.pending()),
        }
        if webhook is not None:
            info["max_connections"] = webhook.max_connections
            if webhook.last_error is not None:
                info["last_error_date"], info["last_error_message"] = webhook.last_error
        if bot.updates.allowed is not None:
            info["allowed_updates"] = sorted(bot.updates.allowed)
        return info


async def _remove(bot: Bot) -> None:
    webhook, bot.webhook = bot.webhook, None
    if webhook is not None:
        await webhook.close()


def _choose(bot: Bot, given: JsonObject) -> None:
    """Take note of the updates a bot wants: as before if it says nothing, the usual if none."""
    wanted = given.get("allowed_updates")
    if wanted is not None:
        bot.updates.allowed = frozenset(wanted) or None
