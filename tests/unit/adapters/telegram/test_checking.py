"""What the check says of a bot."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.telegram.checking import said
from adapters.telegram.settings import TelegramSettings
from tests.unit.adapters.telegram.channel import channel

OURS = "https://bots.example.org/webhooks/garden"


def words(webhook: dict[str, Any], url: str = OURS, *, reads: bool = True, **keys: Any) -> str:
    settings = TelegramSettings.model_validate({"token": "1:x", **keys})
    user = {"username": "Helper_bot", "can_read_all_group_messages": reads}
    return said(user, webhook, settings, url)


def test_who_it_is_and_nothing_else() -> None:
    assert words({"url": ""}) == "@Helper_bot"
    assert words({"url": OURS}, mode="webhook", secret="s") == "@Helper_bot"
    assert words({"url": ""}, reads=False) == "@Helper_bot"
    assert words({}, reads=True, respond="all") == "@Helper_bot"


def test_privacy_mode_keeps_what_it_is_to_answer_from_it() -> None:
    assert "privacy mode is on" in words({}, reads=False, respond="all")


@pytest.mark.parametrize(
    ("webhook", "url", "hint"),
    [
        ({}, OURS, "no webhook is set yet"),
        ({}, "", "set gateway.public_url"),
        ({"url": "https://old.example.org/s3cr3t"}, OURS, "another one (old.example.org)"),
        ({"url": OURS, "last_error_message": "Bad Gateway"}, OURS, "last error: Bad Gateway"),
        ({"url": OURS, "pending_update_count": 500}, OURS, "500 updates wait"),
    ],
)
def test_what_is_the_matter_with_the_webhook(webhook: Any, url: str, hint: str) -> None:
    found = words(webhook, url, mode="webhook", secret="s")
    assert hint in found
    assert "s3cr3t" not in found


async def test_a_webhook_in_the_way_of_polling_is_told() -> None:
    async with channel() as tg:
        await tg.adapter._bot.call("setWebhook", {"url": "http://127.0.0.1:1/s3cr3t"})
        found = await tg.adapter.check()
        assert "a webhook is set (127.0.0.1)" in found
        assert "s3cr3t" not in found
