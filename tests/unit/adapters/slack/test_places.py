"""Where answers go, and which session an event belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.slack.adapter import SlackAdapter
from gateway import (
    ConversationKind,
    Rule,
)
from gateway.boundary import ALLOWED
from tests.unit.adapters.slack.events import (
    IN_VIEW,
    ROOT,
    TS,
    accepted,
    configured,
    lane,
    message,
    raw_sample,
    read,
)

# Where answers go.


@pytest.mark.parametrize(
    ("name", "destination", "data"),
    [
        ("direct_text", "D0ANN", {"channel": "D0ANN", "kind": "direct", "message": TS}),
        (
            "direct_thread_reply",
            f"D0ANN:{ROOT}",
            {"channel": "D0ANN", "kind": "direct", "thread": ROOT, "message": TS},
        ),
        (
            "assistant_message",
            f"D0ANN:{ROOT}",
            {"channel": "D0ANN", "kind": "thread", "thread": ROOT, "message": TS},
        ),
        ("group_talk", "G0GROUP", {"channel": "G0GROUP", "kind": "group", "message": TS}),
        (
            "channel_mention",
            f"C0ROSES:{TS}",
            {"channel": "C0ROSES", "kind": "channel", "thread": TS, "message": TS},
        ),
        (
            "thread_mention",
            f"C0ROSES:{ROOT}",
            {"channel": "C0ROSES", "kind": "thread", "thread": ROOT, "message": TS},
        ),
        ("direct_command", "D0ANN", {"channel": "D0ANN", "kind": "direct", "command": "yes"}),
    ],
)
def test_answers_go_where_it_was_said(name: str, destination: str, data: dict[str, str]) -> None:
    address = accepted(name).address
    assert address.destination == destination
    assert address.data == {**data, "team": "T0GARDEN", "user": "U0ANN"}


def test_the_address_leads_back_to_the_place() -> None:
    for name in ("direct_thread_reply", "assistant_message", "group_talk", "thread_mention"):
        said = accepted(name)
        event = {**said.address.data, "ts": "1763719270.000500"}
        stopped = read({"type": "gateway_stop", "event": event})
        assert stopped.conversation == said.conversation, name
        assert lane(stopped) == lane(said)
    began = accepted("channel_mention")
    event = {**began.address.data, "ts": "1763719270.000500"}
    assert lane(read({"type": "gateway_stop", "event": event})) == lane(began)


def test_one_conversation_for_a_whole_channel_has_its_answers_in_it() -> None:
    whole = configured(boundary={"channel": "per-channel"})
    assert "thread" not in accepted("channel_mention", whole).address.data
    rules = {**SlackAdapter.boundary, ConversationKind.CHANNEL: Rule.PER_CHANNEL}
    one = lane(accepted("channel_mention", whole), rules)
    assert lane(accepted("channel_talk", whole), rules) == one
    assert lane(accepted("channel_command", whole), rules) == one
    assert accepted("thread_mention", whole).address.data["thread"] == ROOT


@pytest.mark.parametrize(
    ("fields", "team"),
    [
        ({"context_team_id": "T0HERE", "team_id": "E0WORLD"}, "T0HERE"),
        ({"context_team_id": None, "team_id": "E0WORLD"}, "T0AUTH"),
        ({"context_team_id": None, "authorizations": [], "team_id": "T0TEAM"}, "T0TEAM"),
        ({"context_team_id": "E0WORLD", "authorizations": "x", "team_id": "E0WORLD"}, "T0GARDEN"),
    ],
)
def test_in_an_organisation_the_workspace_counts(fields: dict[str, Any], team: str) -> None:
    raw = raw_sample("grid_mention")
    raw["authorizations"][0]["team_id"] = "T0AUTH"
    assert read(raw | fields).address.data["team"] == team


def test_where_somebody_is_at_home_is_told_where_that_is_elsewhere() -> None:
    assert accepted("shared_channel_mention").address.data["user_team"] == "T0PARTNER"
    assert "user_team" not in accepted("channel_mention").address.data


# Which session it belongs to.


def test_a_channels_message_and_the_answers_in_its_thread_are_one_conversation() -> None:
    began = accepted("channel_mention")
    later = read(message("more", "thread_reply", thread_ts=TS))
    other = read(message("other", "thread_reply", thread_ts="1763719261.000000"))
    assert lane(began) == lane(later)
    assert lane(other) != lane(began)
    assert lane(read(message("new", ts="1763719262.000000"))) != lane(began)


def test_the_first_message_of_a_thread_stays_the_channels_once_it_is_answered() -> None:
    answered = raw_sample("channel_edited")
    answered["event"]["message"]["thread_ts"] = TS
    edit = read(answered)
    assert (edit.conversation.kind, edit.conversation.begins) == ("channel", TS)
    assert lane(edit) == lane(accepted("channel_mention"))
    assert lane(accepted("thread_root_deleted")) == lane(accepted("channel_mention"))


def test_threads_of_one_time_in_two_channels_never_meet() -> None:
    one, two = (read(message("hi", "thread_reply", channel=c)) for c in ("C0ROSES", "C0PEAS"))
    for rule in ALLOWED[ConversationKind.THREAD] - {Rule.PER_CHANNEL}:
        rules = {ConversationKind.THREAD: rule}
        assert lane(one, rules) != lane(two, rules), rule


def test_a_direct_message_is_the_persons_also_in_a_thread() -> None:
    alone, reply = accepted("direct_text"), accepted("direct_thread_reply")
    assert lane(alone) == lane(reply) == "garden/user/U0ANN"
    assert lane(read(message("hi", "direct_text", user="U0BO"))) != lane(alone)


def test_in_the_agent_view_every_thread_is_a_conversation() -> None:
    first = accepted("direct_text", IN_VIEW)
    assert (first.conversation.kind, first.conversation.id) == ("thread", TS)
    assert first.address.data["thread"] == TS
    later = read(message("more", "direct_text", thread_ts=TS, ts=ROOT), by=IN_VIEW)
    assert lane(first) == lane(later)
    assert lane(accepted("direct_thread_reply", IN_VIEW)) != lane(first)
    assert (first.addressed, later.addressed) == (True, True)
    # Slack says it of a message, also where nothing is configured.
    assert lane(accepted("assistant_message")) == lane(accepted("assistant_message", IN_VIEW))
    press = raw_sample("direct_press")
    press["container"]["thread_ts"] = TS
    assert lane(read(press, by=IN_VIEW)) == lane(first)
    assert lane(read(press)) == lane(accepted("direct_text"))


def test_a_group_is_one_conversation_and_each_thread_in_it_another() -> None:
    assert lane(accepted("group_talk")) == lane(accepted("group_mention"))
    assert lane(accepted("group_press")) == lane(accepted("group_command"))
    assert lane(accepted("group_talk")) == lane(accepted("group_press"))
    assert lane(accepted("group_thread")) != lane(accepted("group_talk"))


def test_a_mention_does_not_say_in_what_sort_of_place() -> None:
    raw = raw_sample("channel_app_mention")
    assert read(raw).conversation.kind is ConversationKind.CHANNEL
    raw["gateway"] = {"channel_type": "mpim"}
    assert read(raw).conversation.kind is ConversationKind.GROUP
    raw = message("hi", "channel_app_mention", channel="D0ANN")
    assert read(raw).conversation.kind is ConversationKind.DIRECT
