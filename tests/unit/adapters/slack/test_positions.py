"""When each conversation was complete last, and what is therefore asked for."""

from __future__ import annotations

import time

import pytest

from adapters.slack.positions import CONNECTED, MARGIN, Positions, ago, micros, timestamp
from gateway.testing.adapter import BareBookmarks


@pytest.fixture
def bookmarks() -> BareBookmarks:
    return BareBookmarks()


@pytest.fixture
def positions(bookmarks: BareBookmarks) -> Positions:
    return Positions(bookmarks, "garden")


def at(seconds: float) -> str:
    return timestamp(int((time.time() - seconds) * 1_000_000))


@pytest.mark.parametrize("ts", [None, 7, "", "1", "1.5", "x.000000", "١.000000", "1.0000000"])
def test_what_is_no_timestamp_is_none(ts: object) -> None:
    assert micros(ts) == 0


def test_a_timestamp_keeps_its_microseconds() -> None:
    assert timestamp(micros("1726133700.887259")) == "1726133700.887259"
    assert timestamp(micros("1726133700.000001") - 2) == "1726133699.999999"


async def test_the_first_start_is_durable_at_once(
    positions: Positions, bookmarks: BareBookmarks
) -> None:
    flushed = []

    async def flush() -> None:
        flushed.append(dict(bookmarks.kept))

    bookmarks.flush = flush  # type: ignore[method-assign]
    await positions.load()
    assert list(flushed[0]) == [("garden", CONNECTED)]
    await Positions(bookmarks, "garden").load()
    assert len(flushed) == 1


async def begun(positions: Positions, bookmarks: BareBookmarks, seconds: float = 600) -> None:
    """An earlier run was complete so long ago."""
    bookmarks.put("garden", CONNECTED, at(seconds))
    await positions.load()


async def test_a_place_goes_on_where_it_was(positions: Positions, bookmarks: BareBookmarks) -> None:
    await begun(positions, bookmarks)
    positions.caught_up("C1", newest := at(5))
    positions.caught_up("C1", at(10))
    positions.caught_up("C1", "nonsense")
    again = Positions(bookmarks, "garden")
    await again.load()
    assert again.since("C1", 3600) == newest


async def test_what_is_before_the_first_start_stays_there(positions: Positions) -> None:
    await positions.load()
    first = positions.since("C1", 3600)
    positions.caught_up("C1", ago(MARGIN))
    positions.complete(["C1"])
    assert positions.since("C1", 3600) == first


async def test_a_place_is_asked_for_only_so_far_back(
    positions: Positions, bookmarks: BareBookmarks
) -> None:
    await begun(positions, bookmarks, 7200)
    assert micros(positions.since("C1", 3600)) > micros(at(3601))


async def test_a_place_without_a_position_is_asked_for_since_all_was_well(
    positions: Positions, bookmarks: BareBookmarks
) -> None:
    await begun(positions, bookmarks)
    positions.caught_up("C1", one := at(100))
    assert abs(micros(positions.since("C9", 3600)) - micros(at(600))) < 5_000_000
    positions.complete(["C1", "C2"])
    assert abs(micros(positions.since("C9", 3600)) - micros(at(600))) < 5_000_000
    positions.caught_up("C2", at(50))
    positions.complete(["C1", "C2"])
    assert positions.since("C9", 3600) == one
    positions.complete([])
    assert micros(positions.since("C9", 3600)) > micros(one)


async def test_that_something_comes_moves_no_place_on(
    positions: Positions, bookmarks: BareBookmarks
) -> None:
    await begun(positions, bookmarks)
    before = positions.since("C1", 3600)
    positions.heard("C1", ts := at(1))
    assert positions.since("C1", 3600) == before
    assert positions.is_heard("C1", ts)
    assert not positions.is_heard("C2", ts)
    assert set(bookmarks.kept.values()) == {before}


async def test_a_thread_is_asked_for_since_it_or_its_channel_was_complete(
    positions: Positions, bookmarks: BareBookmarks
) -> None:
    await begun(positions, bookmarks)
    assert positions.since("C1:1.000000", 3600) == positions.since("C1", 3600)
    positions.takes_part("C1", "1.000000", joined := at(300))
    assert positions.begun("C1", "1.000000") == joined
    # What was said to the bot in it before may be missing as well.
    assert positions.since("C1:1.000000", 3600) == positions.since("C1", 3600)
    positions.caught_up("C1", at(60))
    assert positions.since("C1:1.000000", 3600) == joined
    positions.takes_part("C1", "1.000000", at(1))
    assert positions.since("C1:1.000000", 3600) == joined


async def test_threads_that_the_bot_has_no_part_in_are_not_remembered(
    positions: Positions, bookmarks: BareBookmarks
) -> None:
    await begun(positions, bookmarks)
    positions.takes_part("C1", "1.000000", at(30))
    positions.takes_part("C1", "9.000000", "nonsense")
    positions.caught_up("C1:1.000000", at(20))
    positions.caught_up("C1:2.000000", at(20))
    positions.caught_up("C2", at(20))
    assert {place for _, place in bookmarks.kept} == {CONNECTED, "C1:1.000000", "C2"}
    assert positions.threads("C1", 10) == ["1.000000"]
    assert positions.threads("C1", 10, at(10)) == []
    assert positions.channels() == ["C2", "C1"]


async def test_the_liveliest_are_known_first(
    positions: Positions, bookmarks: BareBookmarks
) -> None:
    await begun(positions, bookmarks)
    for number in (1, 2, 3):
        positions.caught_up(f"C{number}", at(100 - number))
    positions.spoke("C1", at(3))
    positions.heard("C2", at(7))
    positions.spoke("C2", at(9))
    positions.spoke("C2", None)
    assert positions.channels() == ["C1", "C2", "C3"]


async def test_everything_has_its_turn_and_what_is_lively_more_often(
    positions: Positions, bookmarks: BareBookmarks
) -> None:
    await begun(positions, bookmarks)
    for number in range(1, 7):
        positions.caught_up(f"C{number}", at(100 - number))
    for lively in ("C1", "C2", "C3", "C6"):
        positions.spoke(lively, at(5))
    everything = [f"C{number}" for number in range(7)]
    assert positions.in_turn(everything, at(50)) == ["C1", "C2", "C0", "C3", "C6", "C4", "C5"]


async def test_what_is_remembered_is_bounded(
    positions: Positions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.slack.positions.MAX_PLACES", 3)
    monkeypatch.setattr("adapters.slack.positions.MAX_HEARD", 2)
    await positions.load()
    for number in range(5):
        positions.takes_part("C", f"{number}.000000", ago(0))
        positions.heard(f"C{number}", "1.000000")
    assert [n for n in range(5) if positions.is_heard(f"C{n}", "1.000000")] == [3, 4]
    assert positions.channels() == ["C2", "C3", "C4", "C"]
    assert positions.threads("C", 10) == ["4.000000"]
