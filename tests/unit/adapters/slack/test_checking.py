"""What the check says of an app."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.slack.checking import app_refused, bot_refused, page_of, problems, said
from adapters.slack.manifest import SCOPES
from adapters.slack.settings import SlackSettings

APP = "xapp-1-A0HELPER-3-s3cret"
AUTH = {"user": "helper", "user_id": "U0HELPER", "bot_id": "B0HELPER", "team": "Garden"}
BOT = {"id": "B0HELPER", "app_id": "A0HELPER", "name": "helper"}
ALL = ",".join(SCOPES)
PAGE = "https://api.slack.com/apps/A0HELPER"
HOOK = "https://bots.example.org/webhooks/garden"


def settings(**keys: Any) -> SlackSettings:
    given = {"bot_token": "xoxb-s3cret", "app_token": APP, **keys}
    return SlackSettings.model_validate(given)


EVENTS: dict[str, Any] = {"app_token": None, "signing_secret": "s3cret"}


def found(
    auth: dict[str, Any] = AUTH, granted: str = ALL, bot: dict[str, Any] = BOT, **keys: Any
) -> str:
    words = "\n".join(map(str, problems(auth, granted, bot, "garden", settings(**keys))))
    assert "s3cret" not in words
    return words


def words(
    auth: dict[str, Any] = AUTH,
    granted: str = ALL,
    bot: dict[str, Any] = BOT,
    url: str = HOOK,
    **keys: Any,
) -> str:
    told = said(auth, granted, bot, settings(**keys), url)
    assert "s3cret" not in told
    return told


def test_who_it_is_and_nothing_else() -> None:
    assert words() == "@helper in Garden"
    assert words(granted="", url="") == "@helper in Garden"
    assert words({**AUTH, "team": "Gar\u202eden\n"}) == "@helper in Garden"
    assert words({"team": "Garden"}) == "@helper in Garden"
    assert "whole organisation" in words({**AUTH, "is_enterprise_install": True})
    assert found() == found(granted="") == ""
    assert found(bot={}) == ""


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("invalid_auth", "Slack does not know this token"),
        ("token_revoked", "revoked"),
        ("account_inactive", "gone"),
        ("token_expired", "turn token rotation off"),
        ("not_allowed_token_type", 'begins with "xoxb-"'),
        ("something_new", "Slack refuses it: something_new"),
    ],
)
def test_a_bot_token_that_is_refused(error: str, hint: str) -> None:
    told = str(bot_refused(error, "garden", settings()))
    assert told.startswith("channels.garden.bot_token: ")
    assert hint in told
    assert f"{PAGE}/oauth" in told
    assert "s3cret" not in told


@pytest.mark.parametrize(
    ("error", "hint", "page"),
    [
        ("invalid_auth", "Slack does not know this token", "general"),
        ("not_allowed_token_type", 'begins with "xapp-"', "general"),
        ("missing_scope", "lacks connections:write", "general"),
        ("socket_mode_disabled", "Socket Mode is off", "socket-mode"),
        ("something_new", "Slack refuses it: something_new", "general"),
    ],
)
def test_an_app_token_that_is_refused(error: str, hint: str, page: str) -> None:
    told = str(app_refused(error, "garden", settings()))
    assert told.startswith("channels.garden.app_token: ")
    assert hint in told
    assert f"{PAGE}/{page}" in told


def test_nothing_that_an_answer_says_is_repeated_blindly() -> None:
    for told in (
        bot_refused("<b>xoxb-s3cret !", "garden", settings()),
        app_refused("<b>xoxb-s3cret !", "garden", settings()),
    ):
        assert "s3cret" not in str(told)
        assert "<b>" not in str(told)


def test_the_page_is_the_apps_if_that_is_known() -> None:
    anonymous = settings(app_token="0:stand-in")
    assert "https://api.slack.com/apps)" in str(bot_refused("invalid_auth", "x", anonymous))
    assert f"{PAGE}/general" in str(app_refused("invalid_auth", "x", anonymous, app="A0HELPER"))
    assert page_of("A1/../x", "oauth") == page_of("", "oauth") == "https://api.slack.com/apps"


def test_a_persons_token_is_told_apart_from_a_bots() -> None:
    person = {**AUTH, "user": "ann", "user_id": "U0ANN"}
    del person["bot_id"]
    told = found(person, bot={})
    assert "channels.garden.bot_token: is a person's token" in told
    assert f"{PAGE}/oauth" in told


def test_tokens_of_two_apps_do_not_go_together() -> None:
    told = found(bot={**BOT, "app_id": "A0OTHER"})
    assert "belongs to the app A0HELPER, and the bot_token to the app A0OTHER" in told
    assert "https://api.slack.com/apps/A0OTHER/general" in told


def test_another_bot_than_the_one_that_is_configured() -> None:
    told = found(bot_user_id="U0OTHER")
    assert "channels.garden.bot_user_id: is U0OTHER, and the bot is U0HELPER" in told
    assert found(bot_user_id="U0HELPER") == ""


def test_a_bot_that_may_not_write_is_useless() -> None:
    told = found(granted="im:history,users:read")
    assert "lacks chat:write: nothing can be answered" in told
    assert f"{PAGE}/oauth" in told


def test_other_scopes_are_missed_by_name() -> None:
    granted = ", ".join(scope for scope in SCOPES if scope not in ("files:read", "im:history"))
    assert found(granted=granted) == ""
    told = words(granted=granted)
    assert "without files:read files that people send cannot be read" in told
    assert "without im:history direct messages are not heard" in told
    assert f"{PAGE}/oauth" in told
    assert "users:read" not in told
    assert "assistant:write" not in told
    assert "without assistant:write" in words(assistant=True)
    assert words(granted=f"{ALL},assistant:write", assistant=True) == "@helper in Garden"


def test_where_events_are_expected() -> None:
    told = words(**EVENTS)
    assert f"events are expected at {HOOK}" in told
    assert f"{PAGE}/event-subscriptions" in told
    assert "signing_secret cannot be tried" in told
    assert "set gateway.public_url" in words(url="", **EVENTS)
