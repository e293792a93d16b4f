"""What becomes of sessions, as logs and metrics tell it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway import lifecycle
from gateway import observability as obs
from gateway.domain import Question, QuestionKind, Session
from gateway.lane import Memory
from gateway.ports.records import Effects, Hold
from gateway.testing._talk import session

IDLE = 1800.0
BEFORE = session("l", "a", last_activity=1_000.0, name="canary-name", owner="participant:canary")


def remembered(one: Session) -> Memory:
    return Memory(session=one, window=deque())


def effects(**changes: Any) -> Effects:
    return Effects(turn_id="t", hold=Hold(lane_id="l", fence=1), **changes)


def told(act: Callable[[], None]) -> list[dict[str, Any]]:
    with obs.captured() as lines:
        act()
    assert "canary" not in str(lines)
    return [dict(line) for line in lines]


def events(memory: Memory | None, of: Effects) -> list[str]:
    lines = told(lambda: lifecycle.committed(memory, of, IDLE))
    return [str(line["event"]) for line in lines]


@pytest.mark.parametrize(("pause", "resumed"), [(IDLE - 1, False), (IDLE, True), (9e6, True)])
def test_a_dormant_one_is_resumed(pause: float, resumed: bool) -> None:
    after = replace(BEFORE, last_activity=BEFORE.last_activity + pause)
    found = events(remembered(BEFORE), effects(sessions=(after,)))
    assert found == (["session_resumed"] if resumed else [])


def test_a_reset_ends_one_and_the_next_message_creates_another() -> None:
    over = replace(BEFORE, ended_at=1_001.0)
    assert events(remembered(BEFORE), effects(sessions=(over,))) == ["session_ended"]
    fresh = effects(new_sessions=(session("l", "a"),))
    assert events(None, fresh) == ["session_created"]


def test_one_that_is_over_by_itself_makes_room_for_another() -> None:
    over = replace(BEFORE, ended_at=1_001.0)
    found = events(remembered(BEFORE), effects(sessions=(over,), new_sessions=(session("l", "a"),)))
    assert found == ["session_ended", "session_created"]


def test_an_earlier_one_is_reopened_by_a_command_alone() -> None:
    (line,) = told(lambda: lifecycle.reopened(BEFORE))
    assert line["event"] == "session_reopened"
    # As it is after its people had it emptied: nothing is known of it any more.
    assert events(None, effects(sessions=(replace(BEFORE, last_activity=9e6),))) == []


def test_a_question_has_it_wait() -> None:
    asked = Question(
        id="q",
        session_id=BEFORE.id,
        task_id="t",
        addressee="7",
        kind=QuestionKind.TEXT,
        text="canary?",
    )
    of = effects(sessions=(BEFORE,), questions=(asked,))
    assert events(remembered(BEFORE), of) == ["session_waiting"]


def test_which_it_is_and_where_and_each_is_counted() -> None:
    def counted() -> float:
        found = obs.REGISTRY.get_sample_value("gateway_sessions_total", {"event": "deleted"})
        return found or 0.0

    before = counted()
    (line,) = told(lambda: lifecycle.deleted(BEFORE))
    assert (line["session"], line["channel"], line["agent"]) == (
        BEFORE.id,
        BEFORE.channel,
        BEFORE.agent,
    )
    assert counted() == before + 1


def test_what_outlived_its_time_is_counted_and_nothing_is_no_news() -> None:
    assert told(lambda: lifecycle.outlived(0)) == []
    (line,) = told(lambda: lifecycle.outlived(3))
    assert (line["event"], line["count"]) == ("sessions_expired", 3)
