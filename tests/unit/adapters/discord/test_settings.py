"""What a Discord channel may be configured with."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from adapters.discord.settings import DiscordSettings
from gateway import Rate, read_rate

TOKEN = "MTE4MDAwMDAwMDAwMDAwMTAwMA.GaRdEn.s3cr3t-of-the_bot"
BOT = "1180000000000001000"


def settings(**keys: Any) -> DiscordSettings:
    return DiscordSettings.model_validate({"platform": "discord", "token": TOKEN, **keys})


def problem(**keys: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        settings(**keys)
    return str(caught.value)


def test_a_token_is_enough() -> None:
    made = settings()
    assert (made.api_url, made.gateway_url) == (
        "https://discord.com/api/v10",
        "wss://gateway.discord.gg/",
    )
    assert (made.message_content, made.answer_bots, made.catch_up) == (True, False, 86400.0)
    assert (made.streaming, made.link_previews, made.commands) == (True, False, True)
    assert made.application_id == ""


def test_the_token_is_shown_nowhere() -> None:
    made = settings()
    assert "s3cr3t" not in f"{made!r} {made} {made.model_dump()} {made.model_dump_json()}"


def test_a_token_tells_whose_it_is() -> None:
    assert settings().bot_id == BOT
    assert settings(token="MTAwMQ.x.y").bot_id == "1001"
    assert settings(token="MTAwMQ==.x.y").bot_id == "1001"


@pytest.mark.parametrize("token", ["nonsense", "x", "MTAwM.x.y", "!!!.x", "YWJj.x.y", ".x.y"])
def test_a_token_that_does_not_tell_may_be_one_all_the_same(token: str) -> None:
    assert settings(token=token).bot_id == ""


@pytest.mark.parametrize("token", ["", " ", "Bot MTAwMQ.s3cr3t.x", "MTAwMQ.s3cr3t.ü", "s3cr3t\n"])
def test_a_token_is_one_word_and_not_repeated(token: str) -> None:
    words = problem(token=token)
    assert 'without "Bot " before it' in words
    assert "s3cr3t" not in words


@pytest.mark.parametrize("application", ["abc", "1" * 21, "-5", "１"])
def test_an_application_is_a_number(application: str) -> None:
    assert "up to 20 digits" in problem(application_id=application)
    assert settings(application_id=BOT).application_id == BOT


def test_an_address_may_end_in_a_slash() -> None:
    assert settings(api_url="http://127.0.0.1:81/api/v10/").api_url == "http://127.0.0.1:81/api/v10"


@pytest.mark.parametrize("url", ["", "discord.com/api", "wss://x", "https://"])
def test_an_address_is_one(url: str) -> None:
    assert 'starts with "https://"' in problem(api_url=url)


@pytest.mark.parametrize("url", ["", "gateway.discord.gg", "https://x", "wss:///"])
def test_the_gateways_address_is_one(url: str) -> None:
    assert 'starts with "wss://"' in problem(gateway_url=url)
    assert settings(gateway_url="ws://127.0.0.1:82/").gateway_url == "ws://127.0.0.1:82/"


def test_the_usual_rates_stay_below_discords() -> None:
    made = settings()
    assert read_rate(made.channel_rate) == Rate(count=4, per=5, burst=4)
    assert read_rate(made.overall_rate) == Rate(count=45, per=1, burst=10)


@pytest.mark.parametrize(
    "keys",
    [{"catch_up": "15d"}, {"catch_up": -1}, {"platform": "slack"}, {"tokn": "x"}],
)
def test_what_discord_does_not_take(keys: dict[str, Any]) -> None:
    assert problem(**keys)


def test_catching_up_may_be_turned_off() -> None:
    assert settings(catch_up=0).catch_up == 0
    assert settings(catch_up="90s").catch_up == 90
