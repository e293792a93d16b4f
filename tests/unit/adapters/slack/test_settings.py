"""What a Slack channel may be configured with."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from adapters.slack.settings import SlackSettings
from gateway import read_rate

BOT, APP, SIGNING = "xoxb-1-2-AbCdEf", "xapp-1-A0HELPER-3-abcdef", "0123456789abcdef" * 2


def settings(**keys: Any) -> SlackSettings:
    given = {"platform": "slack", "bot_token": BOT, "app_token": APP, **keys}
    return SlackSettings.model_validate({k: v for k, v in given.items() if v is not ...})


def problem(**keys: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        settings(**keys)
    return str(caught.value)


def test_two_tokens_are_enough() -> None:
    made = settings()
    assert (made.mode, made.api_url) == ("socket", "https://slack.com/api/")
    assert (made.streaming, made.assistant, made.follow_threads) == (True, False, True)
    assert made.catch_up == 86400.0


def test_a_signing_secret_instead_of_the_apps_token_means_the_events_api() -> None:
    assert settings(app_token=..., signing_secret=SIGNING).mode == "events"


def test_events_come_one_way() -> None:
    assert "needs an app_token" in problem(app_token=...)
    assert "signing_secret" in problem(app_token=...)
    assert "both" in problem(signing_secret=SIGNING)


@pytest.mark.parametrize("field", ["bot_token", "app_token", "signing_secret"])
def test_an_empty_secret_refuses_to_start(field: str) -> None:
    others = {"app_token": ...} if field == "signing_secret" else {}
    words = problem(**others, **{field: ""})
    assert "is empty" in words
    assert field in words


def test_secrets_are_shown_nowhere() -> None:
    for made in (settings(), settings(app_token=..., signing_secret=SIGNING)):
        shown = f"{made!r} {made} {made.model_dump()} {made.model_dump_json()}"
        for secret in (BOT, APP, SIGNING):
            assert secret not in shown


@pytest.mark.parametrize(
    ("field", "token", "words"),
    [
        ("bot_token", APP, "belongs at app_token"),
        ("bot_token", "xoxp-1-2-s3cret", "a user's token"),
        ("bot_token", "xoxe.xoxb-1-s3cret", "turn token rotation off"),
        ("bot_token", "xoxe-1-s3cret", "a refresh token"),
        ("bot_token", "xoxb-1 s3cret", "a space"),
        ("app_token", BOT, "belongs at bot_token"),
        ("app_token", "xoxp-1-2-s3cret", "a user's token"),
        ("signing_secret", BOT, "belongs at bot_token"),
        ("signing_secret", APP, "belongs at app_token"),
        ("signing_secret", "sücret", "a character that none has"),
    ],
)
def test_a_secret_at_the_wrong_place_is_told_and_not_repeated(
    field: str, token: str, words: str
) -> None:
    others = {"app_token": ...} if field == "signing_secret" else {}
    said = problem(**others, **{field: token})
    assert words in said
    assert token not in said
    assert "it should be" in said


@pytest.mark.parametrize("token", ["0:stand-in", "xoxb-test", "xoxb-" + "x" * 80])
def test_servers_of_ones_own_may_have_odd_tokens(token: str) -> None:
    made = settings(bot_token=token, app_token="0:stand-in")
    assert made.bot_token.get_secret_value() == token


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/api", "http://127.0.0.1:1/api//"])
def test_the_address_ends_in_one_slash(url: str) -> None:
    assert settings(api_url=url).api_url == "http://127.0.0.1:1/api/"


@pytest.mark.parametrize("url", ["", "slack.com/api", "ftp://slack.com", "https:///api"])
def test_what_is_no_address(url: str) -> None:
    assert "https://" in problem(api_url=url)


def test_prompts_are_at_most_four_and_say_something() -> None:
    assert settings(prompts=["a", " b "]).prompts == ("a", "b")
    assert "prompts" in problem(prompts=list("abcde"))
    assert "prompts" in problem(prompts=[" "])


@pytest.mark.parametrize(
    ("field", "value"),
    [("bot_user_id", "helper"), ("bot_user_id", "@U1"), ("command_prefix", "/x"), ("xyz", 1)],
)
def test_what_else_is_refused(field: str, value: object) -> None:
    assert field in problem(**{field: value})


@pytest.mark.parametrize("field", ["channel_rate", "update_rate", "stream_rate", "typing_rate"])
def test_what_is_no_rate(field: str) -> None:
    assert 'a rate is written as "1/s"' in problem(**{field: "fast"})


def test_a_plain_zero_is_no_limit() -> None:
    assert settings(stream_rate=0).stream_rate == "0"


def test_the_defaults_stay_below_what_slack_allows() -> None:
    made = settings()
    for text, allowed in ((made.update_rate, 50), (made.stream_rate, 100)):
        limit = read_rate(text)
        assert limit is not None
        assert limit.count / limit.per * 60 + limit.burst <= allowed
