"""Commands and buttons."""

from __future__ import annotations

import pytest

from adapters.slack.actions import COMMANDS, PLAIN
from adapters.slack.inbound import NEEDS_THREAD
from gateway import (
    Action,
    ConversationKind,
    Ignored,
    commands,
)
from tests.unit.adapters.slack.events import (
    IN_VIEW,
    QUESTION,
    accepted,
    configured,
    message,
    outcome,
    raw_sample,
    read,
)


def test_the_commands_are_those_of_the_gateway() -> None:
    assert COMMANDS == commands.NAMES
    assert PLAIN <= COMMANDS


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("reset", "/reset"),
        (" STOP ", "/stop"),
        ("New", "/new"),
        ("<@U0HELPER> reset", "/reset"),
        ("!new Peas &amp; beans", "/new Peas & beans"),
        ("!Name\nRoses", "/name\nRoses"),
        ("reset it", "reset it"),
        ("status", "status"),
        ("!wow", "!wow"),
        ("!", "!"),
        ("! reset", "! reset"),
        ("!resetter", "!resetter"),
    ],
)
def test_commands_in_a_thread_are_said_plainly(text: str, heard: str) -> None:
    assert read(message(text, "thread_reply")).text == heard


def test_a_plain_word_is_a_command_in_threads_alone() -> None:
    for name in ("channel_talk", "direct_text", "group_talk", "direct_thread_reply"):
        assert read(message("reset", name)).text == "reset"
        assert read(message("!reset", name)).text == "/reset"
    assert read(message("reset", "direct_text"), by=IN_VIEW).text == "/reset"


def test_a_marked_command_counts_where_the_bot_takes_part() -> None:
    event = read(message("!reset", "group_talk"))
    assert (event.addressed, event.follows) == (False, True)


@pytest.mark.parametrize(
    ("command", "text", "heard"),
    [
        ("/reset", "", "/reset"),
        ("/chat-reset", "", "/reset"),
        ("/helper-reset", "", "/reset"),
        ("/RESET", " ", "/reset"),
        ("/helper-name", "Peas &lt;3 <@U0BO>", "/name Peas <3 @U0BO"),
        ("/ask", "how deep?", "/ask how deep?"),
        ("/other-reset", "", "/other-reset"),
    ],
)
def test_slash_commands_with_and_without_a_prefix(command: str, text: str, heard: str) -> None:
    raw = raw_sample("direct_command") | {"command": command, "text": text}
    assert read(raw, by=configured(command_prefix="helper")).text == heard


def test_a_slash_command_needs_to_say_which_thread_it_means() -> None:
    ignored = Ignored(reason=NEEDS_THREAD, event_id="9001.1000.abcdef")
    assert outcome(raw_sample("channel_command")) == ignored
    assert outcome(raw_sample("direct_command"), by=IN_VIEW) == ignored
    private = raw_sample("channel_command") | {"channel_name": "privategroup"}
    assert outcome(private) == ignored
    by_person = configured(boundary={"channel": "per-user-in-group"})
    assert accepted("channel_command", by_person).text == "/reset"


@pytest.mark.parametrize("value", ["q::1", f"q:{QUESTION}", f"q:{QUESTION}:x", "stop it", "", None])
def test_other_buttons_are_not_the_gateways(value: object) -> None:
    raw = raw_sample("thread_press")
    raw["actions"][0] |= {"value": value, "action_id": value}
    assert isinstance(outcome(raw), Ignored)


def test_a_button_may_be_told_by_either_of_its_names() -> None:
    for field in ("value", "action_id"):
        raw = raw_sample("thread_press")
        raw["actions"][0][field] = "x"
        assert read(raw).action is Action.PRESS


@pytest.mark.parametrize(
    ("block_id", "kind"),
    [
        ("group-0", ConversationKind.GROUP),
        ("direct-25", ConversationKind.DIRECT),
        ("thread-0", ConversationKind.THREAD),
        ("gateway-0", ConversationKind.THREAD),
        ("", ConversationKind.THREAD),
    ],
)
def test_the_block_of_a_button_tells_where_it_stands(block_id: str, kind: ConversationKind) -> None:
    """Slack does not: a group of people and a channel look alike."""
    raw = raw_sample("thread_press")
    raw["actions"][0]["block_id"] = block_id
    assert read(raw).conversation.kind is kind
