"""What people may command in a chat."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.commands import Command, Decision, Facts, decide, is_stop, parse
from gateway.domain import Conversation, ConversationKind, Message, Participant, Role, Session
from gateway.offered import DESCRIPTIONS, NATIVE, native

SESSION = Session(
    id="0123456789abcdef",
    lane_id="l",
    channel="c",
    agent="helper",
    owner="o",
    conversation=Conversation(kind=ConversationKind.DIRECT, id="1"),
    created_at=0.0,
    last_activity=0.0,
    message_count=4,
)
FACTS = Facts(
    session=SESSION,
    participant=Participant(id="7", name="Ada"),
    channel="support",
    agent="helper",
    rule="per-user",
    shared=False,
    may_reset=True,
    waiting=0,
    now=0.0,
)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/reset", Command(name="reset")),
        ("/RESET", Command(name="reset")),
        ("/new  what is\nup ", Command(name="new", rest="what is\nup")),
        ("/new\nhello there", Command(name="new", rest="hello there")),
        ("/start payload", Command(name="start", rest="payload")),
        ("/unknown", None),
        ("/resetting", None),
        ("reset", None),
        (" /reset", None),
        ("/", None),
        ("", None),
    ],
)
def test_what_is_a_command(text: str, command: Command | None) -> None:
    assert parse(text) == command


@pytest.mark.parametrize(
    ("text", "stops"), [("/stop", True), ("/STOP ", True), ("/stop now", False), ("stop", False)]
)
def test_what_stops(text: str, stops: bool) -> None:
    assert is_stop(text) is stops


def test_reset_ends_the_session_and_says_so() -> None:
    decision = decide(Command(name="reset"), FACTS)
    assert decision.end_session
    assert "forgotten" in decision.say


def test_new_with_text_hands_it_on() -> None:
    decision = decide(Command(name="new", rest="hello"), FACTS)
    assert decision == Decision(end_session=True, first_message="hello")


@pytest.mark.parametrize("name", ["reset", "new"])
def test_only_admins_reset_where_there_are_admins(name: str) -> None:
    decision = decide(Command(name=name, rest="x"), replace(FACTS, may_reset=False))
    assert not decision.end_session
    assert not decision.first_message
    assert "admins" in decision.say


def test_status_says_where_things_stand() -> None:
    said = decide(Command(name="status"), replace(FACTS, waiting=2, shared=True)).say
    for part in ("helper", "01234567", "4 messages", "Shared", "waiting: 2"):
        assert part in said
    assert "No conversation yet" in decide(Command(name="status"), replace(FACTS, session=None)).say


def test_history_clips_and_names() -> None:
    recent = (
        Message(number=1, role=Role.USER, text="hi\n there", created_at=0, sender="Ada"),
        Message(number=2, role=Role.ASSISTANT, text="x" * 500, created_at=0),
    )
    lines = decide(Command(name="history"), replace(FACTS, recent=recent)).say.splitlines()
    assert lines[0] == "Ada: hi there"
    assert lines[1].startswith("helper: xxx")
    assert len(lines[1]) < 250
    assert "Nothing" in decide(Command(name="history"), FACTS).say


def test_naming() -> None:
    assert decide(Command(name="name", rest="Trip"), FACTS).rename == "Trip"
    assert decide(Command(name="name"), FACTS).rename is None
    assert decide(Command(name="name", rest="x"), replace(FACTS, session=None)).rename is None


def test_whoami_and_help() -> None:
    said = decide(Command(name="whoami"), FACTS).say
    assert "Ada (7)" in said
    assert "per-user" in said
    shown = decide(Command(name="help"), replace(FACTS, agents=("helper", "poet"))).say
    assert all(f"/{name} - " in shown for name in DESCRIPTIONS)
    assert decide(Command(name="start"), FACTS).say.startswith("Hello!")


# /sessions


def earlier(number: int, **changes: Any) -> Session:
    conversation = Conversation(kind=ConversationKind.DIRECT, id="1")
    fields: dict[str, Any] = {
        "id": f"s{number}",
        "lane_id": "l",
        "channel": "c",
        "agent": "echo",
        "owner": "o",
        "conversation": conversation,
        "created_at": 0.0,
        "last_activity": 1_700_000_000.0 - number,
        "message_count": 2 * number,
        "ended_at": 1.0,
    }
    return Session(**{**fields, **changes})


SESSIONS = (earlier(1, ended_at=None), earlier(2, name="Trip"), earlier(3))


def at_sessions(rest: str, **changes: Any) -> Decision:
    known = replace(FACTS, **{"session": SESSIONS[0], "sessions": SESSIONS, **changes})
    return decide(Command(name="sessions", rest=rest), known)


def test_sessions_are_listed_and_the_one_people_are_in_is_marked() -> None:
    shown = at_sessions("").say.splitlines()
    assert shown[0].startswith("1. 2 messages")
    assert shown[0].endswith("(this one)")
    assert shown[1].startswith("2. Trip, 4 messages")
    assert sum("(this one)" in line for line in shown) == 1


@pytest.mark.parametrize("rest", ["2", "#2", "2 "])
def test_a_number_goes_on_in_that_one(rest: str) -> None:
    command = parse(f"/sessions {rest}")
    assert command is not None
    decided = at_sessions(command.rest)
    assert decided.resume is SESSIONS[1]
    assert decided.end_session
    assert "Trip" in decided.say


@pytest.mark.parametrize("rest", ["0", "4", "-1", "two", "²", "9" * 30])
def test_a_number_that_is_none_of_them_changes_nothing(rest: str) -> None:
    decided = at_sessions(rest)
    assert decided.resume is None
    assert not decided.end_session
    assert "no conversation" in decided.say


def test_the_same_one_and_a_shared_one_of_others_change_nothing() -> None:
    assert at_sessions("1") == Decision(say="You are in it.")
    decided = at_sessions("2", may_reset=False)
    assert decided.resume is None
    assert "admins" in decided.say


def test_before_the_first_there_are_none() -> None:
    shown = at_sessions("", sessions=(), session=None).say
    assert shown == "No conversation yet."


# /agent

SEVERAL = replace(FACTS, agents=("helper", "poet", "Clerk", "clerk"))


def at_agent(rest: str, **changes: Any) -> Decision:
    return decide(Command(name="agent", rest=rest), replace(SEVERAL, **changes))


def test_agents_are_listed_and_the_one_who_answers_is_marked() -> None:
    shown = at_agent("").say.splitlines()
    assert shown[:4] == ["helper (this one)", "poet", "Clerk", "clerk"]
    assert "/agent and a name" in shown[-1]
    assert at_agent("", agents=("helper",)).say == "helper (this one)"


@pytest.mark.parametrize(
    ("rest", "chosen"), [("poet", "poet"), ("POET", "poet"), ("clerk", "clerk"), ("CLERK", "Clerk")]
)
def test_an_agent_is_chosen_by_its_name_whatever_its_case(rest: str, chosen: str) -> None:
    decision = at_agent(rest)
    assert decision.agent == chosen
    assert chosen in decision.say
    assert not decision.end_session


def test_nobody_of_that_name_leaves_it_as_it_is() -> None:
    decision = at_agent("nobody " * 100)
    assert not decision.agent
    assert decision.say.startswith("Nobody here is called nobody")
    assert len(decision.say) < 400
    assert "poet" in decision.say
    assert at_agent("helper") == Decision(say="You are talking to helper already.")


def test_who_answers_all_is_for_admins_where_there_are_admins() -> None:
    decision = at_agent("poet", may_reset=False)
    assert not decision.agent
    assert "admins" in decision.say
    assert at_agent("", may_reset=False).say == at_agent("").say


def test_where_each_agent_has_its_own_place_it_is_named() -> None:
    decision = at_agent("poet", elsewhere=True)
    assert not decision.agent
    assert "/chat/poet" in decision.say
    assert at_agent("", elsewhere=True).say.splitlines()[:2] == [
        "helper (this one)",
        "at /chat/poet",
    ]


def test_it_is_offered_where_there_are_several() -> None:
    assert "/agent" not in decide(Command(name="help"), replace(FACTS, agents=("helper",))).say
    assert "agent" not in {command.name for command in native(("helper",))}
    assert native(("helper", "poet")) == NATIVE
    languages = {frozenset(command.descriptions) for command in NATIVE}
    assert len(languages) == 1
