"""When a session is over by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest

from gateway.domain import Conversation, ConversationKind, Session
from gateway.settings.resets import A_NEW_DAY, AFTER_A_PAUSE, NEVER, Reset, read_reset

HOUR = 3600.0


class Summer(tzinfo):
    """Two hours ahead of UTC until 1 November 2026, 01:00 UTC, and one hour from then on."""

    _end = datetime(2026, 11, 1, 1, tzinfo=UTC).replace(tzinfo=None)

    def tzname(self, moment: datetime | None) -> str:
        return "S"

    def utcoffset(self, moment: datetime | None) -> timedelta:
        wall = moment.replace(tzinfo=None) if moment else self._end
        summer = wall - timedelta(hours=2) < self._end and not (moment and moment.fold)
        return timedelta(hours=2 if summer else 1)

    def dst(self, moment: datetime | None) -> timedelta:
        return self.utcoffset(moment) - timedelta(hours=1)

    def fromutc(self, moment: datetime) -> datetime:
        utc = moment.replace(tzinfo=None)
        hours = 2 if utc < self._end else 1
        fold = int(hours == 1 and utc < self._end + timedelta(hours=1))
        return (utc + timedelta(hours=hours)).replace(tzinfo=self, fold=fold)


def at(text: str, zone: tzinfo = UTC) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def last_active(moment: float) -> Session:
    return Session(
        id="s",
        lane_id="l",
        channel="c",
        agent="a",
        owner="o",
        conversation=Conversation(kind=ConversationKind.DIRECT, id="1"),
        created_at=moment - HOUR,
        last_activity=moment,
    )


def test_never_is_never() -> None:
    assert read_reset("never") == NEVER
    assert not NEVER
    assert NEVER.over(last_active(0.0), 1e12) == ""


@pytest.mark.parametrize(
    ("text", "pause"), [("idle:2h", 2 * HOUR), ("idle:90s", 90.0), ("idle:1d", 24 * HOUR)]
)
def test_after_a_pause(text: str, pause: float) -> None:
    reset = read_reset(text)
    assert reset
    assert reset.over(last_active(1000.0), 999.9 + pause) == ""
    assert reset.over(last_active(1000.0), 1000.0 + pause) == AFTER_A_PAUSE


@pytest.mark.parametrize(
    ("last", "now", "over"),
    [
        ("2026-11-20T23:00", "2026-11-21T03:59", False),
        ("2026-11-20T23:00", "2026-11-21T04:00", True),
        ("2026-11-21T03:59", "2026-11-21T04:01", True),
        ("2026-11-21T04:00", "2026-11-21T23:59", False),
        ("2026-11-21T04:01", "2026-11-22T03:59", False),
        ("2026-11-21T04:01", "2026-11-22T04:00", True),
        ("2026-01-01T12:00", "2026-11-21T00:00", True),
        ("2026-12-31T23:59", "2027-01-01T04:00", True),
    ],
)
@pytest.mark.parametrize(
    "zone", [UTC, timezone(timedelta(hours=-9)), Summer()], ids=["utc", "west", "summer"]
)
def test_each_day_at_a_time(last: str, now: str, over: bool, zone: tzinfo) -> None:
    reset = read_reset("daily:04:00")
    told = reset.over(last_active(at(last, zone)), at(now, zone), zone)
    assert told == (A_NEW_DAY if over else "")


def test_the_day_on_which_the_clocks_change_has_its_time_once() -> None:
    zone, reset = Summer(), read_reset("daily:04:00")
    four = at("2026-11-01T04:00", zone)
    assert four == at("2026-11-01T03:00")
    assert reset.over(last_active(four - 1), four, zone) == A_NEW_DAY
    assert reset.over(last_active(four), four + 23.9 * HOUR, zone) == ""
    assert reset.over(last_active(four), four + 24 * HOUR, zone) == A_NEW_DAY


def test_without_a_zone_it_is_the_machines_clock() -> None:
    local = datetime(2026, 6, 15, 12, tzinfo=UTC).astimezone()
    now, reset = local.timestamp(), Reset(at=(local - timedelta(hours=1)).time())
    assert reset.over(last_active(now - 2 * HOUR), now) == A_NEW_DAY
    assert reset.over(last_active(now - HOUR / 2), now) == ""


@pytest.mark.parametrize(
    "text",
    ["", "idle", "idle:", "idle:0s", "idle:2", "daily", "daily:4", "daily:24:00", "weekly:1"],
)
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"never|duration"):
        read_reset(text)
