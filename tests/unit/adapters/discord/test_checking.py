"""What the check says of a bot."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.discord.checking import said
from adapters.discord.settings import DiscordSettings
from gateway import ConfigurationError, Problem

BOT = "1180000000000001000"
USER = {"id": BOT, "username": "Helper", "discriminator": "4821", "bot": True}
GRANTED, GRANTED_TO_MANY = 1 << 19, 1 << 18
PRESENCE, MEMBERS = 1 << 13, 1 << 15
PAGE = f"https://discord.com/developers/applications/{BOT}"


def words(
    user: dict[str, Any] | None = None, keys: dict[str, Any] | None = None, **application: Any
) -> str:
    settings = DiscordSettings.model_validate({"token": "s3cr3t", **(keys or {})})
    told = {"id": BOT, "flags": GRANTED, "approximate_guild_count": 3, **application}
    return said("garden", {**USER, **(user or {})}, told, settings)


def problems(*args: Any, **application: Any) -> list[Problem]:
    with pytest.raises(ConfigurationError) as caught:
        words(*args, **application)
    assert "s3cr3t" not in str(caught.value)
    return caught.value.problems


def test_who_it_is_and_nothing_else() -> None:
    assert words() == "@Helper#4821"
    assert words({"username": "helper", "discriminator": "0"}) == "@helper"
    assert words(flags=GRANTED_TO_MANY | PRESENCE) == "@Helper#4821"
    assert words(approximate_guild_count=None) == "@Helper#4821"


@pytest.mark.parametrize("flags", [0, PRESENCE | MEMBERS])
def test_a_bot_that_may_not_read_is_told_where_that_is_mended(flags: int) -> None:
    (problem,) = problems(flags=flags)
    assert problem.where == "channels.garden.message_content"
    assert f"{PAGE}/bot" in problem.hint
    assert "message_content = false" in problem.hint
    assert words(None, {"message_content": False}, flags=flags) == "@Helper#4821"


def test_flags_that_are_not_told_are_no_problem() -> None:
    assert words(flags=None) == "@Helper#4821"


@pytest.mark.parametrize("bot", [False, None])
def test_a_person_is_no_bot(bot: object) -> None:
    (problem,) = problems({"bot": bot})
    assert (problem.where, problem.what) == (
        "channels.garden.token",
        "this token is a person's, and no bot's",
    )


def test_an_application_of_another_bot_is_told() -> None:
    (problem,) = problems(None, {"application_id": "5"})
    assert problem.where == "channels.garden.application_id"
    assert BOT in problem.what
    assert words(None, {"application_id": BOT}) == "@Helper#4821"


def test_commands_that_go_elsewhere_are_told_but_not_where_exactly() -> None:
    (problem,) = problems(interactions_endpoint_url="https://old.example.org/hidden/path")
    assert "(old.example.org)" in problem.what
    assert "hidden" not in str(problem)
    assert f"{PAGE}/information" in problem.hint


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = problems(
        {"bot": False}, {"application_id": "5"}, flags=0, interactions_endpoint_url="x"
    )
    assert len(found) == 4


def test_a_bot_that_is_nowhere_gets_an_invitation() -> None:
    found = words(approximate_guild_count=0)
    url = urlsplit(found.rpartition(" ")[2])
    asked = parse_qs(url.query)
    assert (url.hostname, asked["client_id"]) == ("discord.com", [BOT])
    assert asked["scope"] == ["bot applications.commands"]
    # View Channels, Send Messages, Attach Files, Read Message History, Send Messages in Threads.
    assert int(asked["permissions"][0]) == 274877_910_016 + (1 << 15) + (1 << 16)


def test_a_bot_that_is_to_answer_what_it_cannot_read_is_told() -> None:
    keys = {"message_content": False, "respond": "all"}
    assert 'respond = "all" cannot work' in words(None, keys)
    assert words(None, {"respond": "all"}) == "@Helper#4821"
