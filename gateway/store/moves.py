"""Groups and people that go on under another id, and what becomes of their lanes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from gateway.boundary import group_keys
from gateway.ports.records import LaneScope
from gateway.store import endings, inbox, keepings, lanes, sessions
from gateway.store.lanes import Writer
from gateway.store.text import key


def move(
    connection: Connection, writer: Writer, channel: str, old_id: str, new_id: str
) -> list[str]:
    """Let both ids lead to the same lanes; returns the lanes that gave way to another."""
    if not old_id or not new_id or old_id == new_id:
        return []
    lost = []
    for old_key, new_key, old, new in _pairs(connection, channel, old_id, new_id):
        lost += _join(connection, writer, channel, (old_key, old), (new_key, new))
    return lost


def link(
    connection: Connection, writer: Writer, channel: str, owner: str, names: tuple[str, str]
) -> list[str]:
    """Let two keys of one person lead to one lane; returns the lane that gave way, if any."""
    first, second = (key(name) for name in names)
    led = lanes.led_to(connection, (first, second))
    if not led:
        led[first] = lanes.found(connection, writer, names[0], channel, owner)
    return _join(connection, writer, channel, (first, led.get(first)), (second, led.get(second)))


_Led = tuple[str, str | None]
"""A key, and the lane that it leads to."""


def _join(
    connection: Connection, writer: Writer, channel: str, one: _Led, other: _Led
) -> list[str]:
    (old_key, old), (new_key, new) = one, other
    if old is None or new is None:
        lanes.lead(connection, writer, new_key if new is None else old_key, old or new or "")
        return []
    if old == new:
        return []
    loser, heir = _contest(connection, old, new)
    _give_way(connection, writer, channel, loser, heir)
    return [loser]


def _pairs(
    connection: Connection, channel: str, old_id: str, new_id: str
) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Of each place in the group, its key under either id, and the lane each leads to by now."""
    starts = zip(group_keys(channel, old_id), group_keys(channel, new_id), strict=True)
    for old_start, new_start in starts:
        ends = {
            name.removeprefix(start)
            for start in (old_start, new_start)
            for name in lanes.keys_under(connection, start)
        }
        for end in sorted(ends):
            keys = old_start + end, new_start + end
            led = lanes.led_to(connection, keys)
            yield *keys, led.get(keys[0]), led.get(keys[1])


def _contest(connection: Connection, old: str, new: str) -> Sequence[str]:
    """Which lane gives way, and to which: the one whose live session began first goes on."""
    began = {lane: sessions.began(connection, lane) for lane in (old, new)}
    if began[new] < began[old]:
        return old, new
    return new, old


def _give_way(connection: Connection, writer: Writer, channel: str, loser: str, heir: str) -> None:
    """What one lane and its owner had is the other's, which keeps its own agent."""
    whose = [lanes.whose(connection, LaneScope(lane_id=lane)).owner for lane in (loser, heir)]
    lanes.expel(connection, loser)
    inbox.hand_over(connection, loser, heir)
    endings.end_of_lane(connection, loser)
    sessions.hand_over(connection, loser, heir, whose[1])
    keepings.inherit(connection, channel, *whose)
    lanes.redirect(connection, writer, loser, heir)
    lanes.give_way(connection, loser, heir, whose[1])
