"""What `gateway check --online` says of a bot, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from adapters.telegram.settings import TelegramSettings

MANY_PENDING = 100


def said(
    user: Mapping[str, Any], webhook: Mapping[str, Any], settings: TelegramSettings, url: str
) -> str:
    """Who the bot is, and what may surprise. `url` is where its webhook belongs, if anywhere."""
    name = f"@{user.get('username', '')}"
    return "; ".join([name, *_privacy(user, settings), *_webhook(webhook, settings, url)])


def _privacy(user: Mapping[str, Any], settings: TelegramSettings) -> Iterator[str]:
    if settings.respond == "all" and user.get("can_read_all_group_messages") is False:
        yield (
            'privacy mode is on, so that respond = "all" cannot work in groups:'
            " turn it off with @BotFather (/setprivacy), then add the bot to its groups again"
        )


def _webhook(webhook: Mapping[str, Any], settings: TelegramSettings, url: str) -> Iterator[str]:
    current = str(webhook.get("url") or "")
    if settings.mode == "polling":
        if current:
            yield f"a webhook is set ({_host(current)}), which the gateway will remove"
        return
    if not current:
        yield "no webhook is set yet" + ("" if url else ": set gateway.public_url")
    elif url and current != url:
        yield f"its webhook is another one ({_host(current)}), which the gateway will replace"
    if webhook.get("last_error_message"):
        yield f"the webhook's last error: {webhook['last_error_message']}"
    pending = webhook.get("pending_update_count")
    if isinstance(pending, int) and pending >= MANY_PENDING:
        yield f"{pending} updates wait"


def _host(url: str) -> str:
    """Only that: a path may hold a secret."""
    return urlsplit(url).hostname or "somewhere"
