"""What slash commands and buttons mean."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.discord.inbound import Me
from gateway import Action, UnreadableUpdate
from tests.unit.adapters.discord.events import (
    ANN,
    BO,
    BOT,
    DIRECT,
    GARDEN,
    GARDENERS,
    GUILD,
    MESSAGE,
    command,
    ignored,
    outcome,
    press,
    read,
)

TEXT = {"type": 3, "name": "text"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "/new"),
        ([{**TEXT, "value": "How deep do roses go?"}], "/new How deep do roses go?"),
        ([{**TEXT, "value": "two\nlines"}], "/new two\nlines"),
        ([{**TEXT, "value": "/reset"}], "/new /reset"),
        ([{**TEXT, "value": ""}], "/new"),
        ([{**TEXT, "value": None}], "/new"),
        ([{**TEXT, "value": ["x"]}, "junk", None], "/new"),
        ([{**TEXT, "value": "a\0b"}], "/new a\ufffdb"),
        ([{"type": 4, "value": 3}, {"type": 10, "value": 0.5}], "/new 3 0.5"),
        ([{"type": 5, "value": True}, {"type": 5, "value": False}], "/new true false"),
        ([{"type": 6, "value": BO}, {"type": 6, "value": ANN}], f"/new @bo.ek @{ANN}"),
        ([{"type": 7, "value": GARDEN}], "/new #garden"),
        ([{"type": 8, "value": GARDENERS}], "/new @Gardeners"),
        ([{"type": 9, "value": GARDENERS}, {"type": 9, "value": BO}], "/new @Gardeners @bo.ek"),
        ([{**TEXT, "value": f"<@{BO}> in <#{GARDEN}>"}], "/new @bo.ek in #garden"),
        ([{"type": 1, "name": "here", "options": [{**TEXT, "value": "x"}]}], "/new here x"),
    ],
)
def test_a_command_reads_as_people_would_type_it(options: list[Any], text: str) -> None:
    resolved = {
        "users": {BO: {"id": BO, "username": "bo.ek"}},
        "roles": {GARDENERS: {"name": "Gardeners"}},
        "channels": {GARDEN: {"name": "garden"}},
    }
    assert read(command(*options, resolved=resolved)).text == text


def test_subcommands_end_somewhere() -> None:
    option: dict[str, Any] = {**TEXT, "value": "x"}
    for _ in range(50):
        option = {"type": 2, "name": "in", "options": [option]}
    assert read(command(option)).text == "/new in in in"


def test_an_answer_is_shown_to_be_on_its_way() -> None:
    event = read(command())
    assert (event.preview, event.addressed, event.message_id) == ("@original", True, "")
    assert event.address.data == {
        "channel": DIRECT,
        "interaction": {"id": event.event_id, "token": "t0ken", "application": BOT},
    }


def test_an_application_that_is_not_named_is_the_bots_own() -> None:
    bare = command()
    del bare["application_id"]
    assert read(bare).address.data["interaction"]["application"] == BOT
    with pytest.raises(UnreadableUpdate, match="application_id is missing"):
        outcome(bare, Me(id=BOT))


def test_a_channel_is_named_in_one_of_two_ways() -> None:
    bare = command(channel={"id": GARDEN, "name": "garden"}, guild_id=GUILD)
    del bare["channel_id"]
    where = read(bare).conversation
    assert (where.id, where.title) == (GARDEN, "garden")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": 1}, "a ping"),
        ({"type": 4}, "a command that is still being typed"),
        ({"type": 5}, "a form, which the gateway does not show"),
        ({"type": 99}, "an interaction of an unknown type (99)"),
        ({"data": {"type": 2, "name": "Who is it?"}}, "a command of a context menu"),
        ({"data": {"type": 3, "name": "Sum up"}}, "a command of a context menu"),
        ({"context": 2}, "used where the bot is no member"),
        (
            {"guild_id": GUILD, "authorizing_integration_owners": {"1": ANN}},
            "used where the bot is no member",
        ),
    ],
)
def test_what_the_gateway_offers_nobody(fields: dict[str, Any], reason: str) -> None:
    assert ignored(command(**fields)) == reason


def test_who_installed_it_for_a_server_may_have_it_alone_too() -> None:
    owners = {"0": GUILD, "1": ANN}
    assert read(command(guild_id=GUILD, authorizing_integration_owners=owners)).text == "/new"
    assert read(command(context=1, authorizing_integration_owners={"1": ANN})).text == "/new"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"id": "x"}, "interaction.id is not a snowflake"),
        ({"type": "2"}, "interaction.type is not an integer"),
        ({"token": ""}, "interaction.token is missing"),
        ({"token": "a\nb"}, "interaction.token is missing or not one"),
        ({"data": None}, "interaction.data is missing"),
        ({"data": {"name": ["new"]}}, "interaction.data.name"),
        ({"data": {"name": "two words"}}, "interaction.data.name"),
        ({"data": {"name": "/new"}}, "interaction.data.name"),
        ({"channel_id": None}, "interaction.channel_id is missing"),
        ({"user": None}, "interaction.user is missing"),
        ({"member": {"user": []}}, "interaction.member.user is not an object"),
        ({"application_id": "me"}, "interaction.application_id is not a snowflake"),
    ],
)
def test_the_wrong_field_is_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UnreadableUpdate, match=words):
        outcome(command(**fields))


def test_a_token_is_not_in_the_words_about_it() -> None:
    with pytest.raises(UnreadableUpdate) as caught:
        outcome(command(token="s3cr3t\n"))
    assert "s3cr3t" not in str(caught.value)


# Buttons.


@pytest.mark.parametrize(
    ("custom_id", "question", "option"),
    [("q:0198c0de:0", "0198c0de", 0), ("q:a-b_c:24", "a-b_c", 24), ("q:x:9999", "x", 9999)],
)
def test_a_button_answers_its_question(custom_id: str, question: str, option: int) -> None:
    event = read(press(custom_id))
    assert event.press is not None
    assert (event.press.question_id, event.press.option) == (question, option)
    assert (event.action, event.message_id, event.preview) == (Action.PRESS, MESSAGE, "")


@pytest.mark.parametrize(
    "custom_id", ["", "q", "q::1", "q:x:", "q:x:-1", "q:x:10000", "q:a b:1", "stop!", 5, None]
)
def test_a_button_that_is_not_ours(custom_id: object) -> None:
    assert ignored(press(custom_id)) == "a button that is not the gateway's"


def test_only_a_button_is_pressed() -> None:
    menu = press("q:x:1", data={"custom_id": "q:x:1", "component_type": 3})
    assert ignored(menu) == "a button that is not the gateway's"
    assert read(press("stop")).action is Action.STOP


def test_a_button_says_on_which_message_it_is() -> None:
    with pytest.raises(UnreadableUpdate, match=r"interaction\.message is missing"):
        outcome(press("stop", message=None))
