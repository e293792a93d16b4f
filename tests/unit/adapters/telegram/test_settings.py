"""What a Telegram channel may be configured with."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from adapters.telegram.settings import TelegramSettings
from gateway import Rate, read_rate

TOKEN = "123456:ABC-def_1234567890"


def settings(**keys: Any) -> TelegramSettings:
    return TelegramSettings.model_validate({"platform": "telegram", "token": TOKEN, **keys})


def problem(**keys: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        settings(**keys)
    return str(caught.value)


def test_a_token_is_enough() -> None:
    made = settings()
    assert (made.mode, made.api_url, made.bot_id) == (
        "polling",
        "https://api.telegram.org",
        123456,
    )
    assert (made.poll_timeout, made.max_connections) == (50.0, 40)


def test_secrets_are_shown_nowhere() -> None:
    made = settings(mode="webhook", secret="very-secret")
    shown = f"{made!r} {made} {made.model_dump()} {made.model_dump_json()}"
    assert "ABC-def" not in shown
    assert "very-secret" not in shown


@pytest.mark.parametrize("token", ["", "nonsense", "777", ":s3cr3t", "12a:s3cr3t", "1:s3 cr3t"])
def test_a_token_has_a_shape_and_is_not_repeated(token: str) -> None:
    words = problem(token=token)
    assert "digits, a colon and a secret" in words
    assert not token or token not in words


@pytest.mark.parametrize("token", ["1:x", "1000001:simulated", "987:AAH-_" + "x" * 40])
def test_servers_of_ones_own_may_have_odd_tokens(token: str) -> None:
    assert settings(token=token).token.get_secret_value() == token


def test_a_webhook_needs_its_secret() -> None:
    assert "needs a secret" in problem(mode="webhook")
    assert "needs a secret" in problem(mode="webhook", secret="")
    assert settings(mode="webhook", secret="a" * 256).secret
    for secret in ("a" * 257, "with space", "ümlaut", "semi;colon"):
        words = problem(mode="webhook", secret=secret)
        assert '1 to 256 letters, digits, "_" and "-"' in words
        assert secret not in words


@pytest.mark.parametrize("url", ["http://127.0.0.1:8081", "http://127.0.0.1:8081/"])
def test_an_address_may_end_in_a_slash(url: str) -> None:
    assert settings(api_url=url).api_url == "http://127.0.0.1:8081"


@pytest.mark.parametrize("url", ["", "api.telegram.org", "ftp://x", "https://"])
def test_an_address_is_one(url: str) -> None:
    assert 'starts with "https://"' in problem(api_url=url)


def test_a_username_is_written_with_or_without_its_sign() -> None:
    assert settings(username="@Helper_bot").username == "Helper_bot"
    assert settings(username="Helper_bot").username == "Helper_bot"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1/s", Rate(count=1, per=1)),
        ("25/s burst 5", Rate(count=25, per=1, burst=5)),
        ("17/60s burst 3", Rate(count=17, per=60, burst=3)),
        ("20 / m", Rate(count=20, per=60)),
        ("0.5/500ms", Rate(count=0.5, per=0.5)),
        ("0", None),
    ],
)
def test_rates_are_text(text: str, expected: Rate | None) -> None:
    assert read_rate(text) == expected
    assert settings(chat_rate=text).chat_rate == text


def test_the_usual_rates_stay_below_telegrams() -> None:
    made = settings()
    assert read_rate(made.chat_rate) == Rate(count=1, per=1, burst=2)
    assert read_rate(made.group_rate) == Rate(count=17, per=60, burst=3)
    assert read_rate(made.overall_rate) == Rate(count=25, per=1, burst=5)


def test_no_rate_is_a_plain_zero() -> None:
    assert settings(group_rate=0).group_rate == "0"


@pytest.mark.parametrize(
    "value", ["", "1", "fast", "1/", "0/s", "1/0s", "1/s burst", 5, True, None]
)
def test_what_is_no_rate(value: object) -> None:
    assert problem(overall_rate=value)


@pytest.mark.parametrize(
    "keys",
    [
        {"poll_timeout": "2m"},
        {"poll_timeout": 0},
        {"max_connections": 0},
        {"max_connections": 101},
        {"mode": "socket"},
        {"platform": "discord"},
        {"tokn": "1:x"},
    ],
)
def test_what_telegram_does_not_take(keys: dict[str, Any]) -> None:
    assert problem(**keys)
