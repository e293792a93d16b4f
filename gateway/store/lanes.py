"""Lanes: founding them, claiming them, and the fences that tell a former holder off."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, and_, delete, exists, literal_column, or_, select

from gateway.domain import new_id
from gateway.errors import Fenced
from gateway.ports import records
from gateway.ports.records import Arrival, Effects, Hold, LaneScope
from gateway.store import owing, sealing, sql
from gateway.store.scope import scoped
from gateway.store.sealing import Seal
from gateway.store.tables import inbox, lane_keys, lanes, replicas, sessions
from gateway.store.text import clean, key

CACHED_KEYS = 10_000


@dataclass(slots=True)
class Writer:
    """The one who writes: its name as a holder of lanes, its seal, the lane keys it remembers."""

    holder: str
    seal: Seal = field(default_factory=sealing.fresh)
    known: OrderedDict[str, str] = field(default_factory=OrderedDict)
    fresh: dict[str, str] = field(default_factory=dict)
    _stamps: int = 0

    def recall(self, name: str) -> str | None:
        """The lane of this key, if it is remembered."""
        lane_id = self.known.get(name)
        if lane_id is not None:
            self.known.move_to_end(name)
        return lane_id

    def forget(self, names: Iterable[str]) -> None:
        """These keys lead nowhere any more."""
        for name in names:
            self.known.pop(name, None)
            self.fresh.pop(name, None)

    def committed(self) -> None:
        """What the transaction found or founded may be remembered."""
        if self.fresh:
            self.known.update(self.fresh)
            self.fresh.clear()
            while len(self.known) > CACHED_KEYS:
                self.known.popitem(last=False)

    def stamp(self) -> str:
        """What tells a transaction from every other."""
        self._stamps += 1
        return f"{self.holder}:{self._stamps}"

    def rolled_back(self) -> None:
        """What the transaction founded never was."""
        self.fresh.clear()


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Who holds a lane, under which fence, and the last turn committed on it."""

    holder: str | None
    fence: int
    last_turn: str | None


_insert_lane = sql.insert(lanes)
_insert_key = sql.insert(lane_keys)
_find_keys = sql.Prepared(
    lambda dialect: select(lane_keys.c.key, lane_keys.c.lane_id).where(
        sql.among(lane_keys.c.key, "keys", dialect)
    ),
    "keys",
)
_keys_under = sql.Prepared(
    select(lane_keys.c.key).where(
        or_(
            lane_keys.c.key == sql.value("start"),
            and_(lane_keys.c.key > sql.value("first"), lane_keys.c.key < sql.value("end")),
        )
    ),
    "start first end",
)
FREE = or_(lanes.c.holder.is_(None), lanes.c.holder.not_in(select(replicas.c.id)))


def _claim(which: ColumnElement[bool]) -> Any:
    waits = (
        select(literal_column("1"))
        .where(
            inbox.c.lane_id == lanes.c.id,
            inbox.c.state != sql.constant("done"),
            inbox.c.state != sql.constant("dead"),
            inbox.c.control == literal_column("0"),
        )
        .exists()
    )
    return (
        sqlalchemy.update(lanes)
        .values(holder=sql.value("holder"), fence=lanes.c.fence + literal_column("1"))
        .where(which, FREE, ~waits)
        .returning(lanes.c.id, lanes.c.fence)
    )


_claim_one = sql.Prepared(_claim(lanes.c.id == sql.value("id")), "holder id")
_claim_some = sql.Prepared(
    lambda dialect: _claim(sql.among(lanes.c.id, "ids", dialect)), "holder ids"
)
_standing = sql.Prepared(
    lambda dialect: (
        select(lanes.c.id, lanes.c.holder, lanes.c.fence, lanes.c.last_turn)
        .where(sql.among(lanes.c.id, "ids", dialect))
        .with_for_update()
    ),
    "ids",
)
_hand_on = sql.update(lanes, "holder fence last_turn", "id")
_hand_on_mine = sql.Prepared(
    sqlalchemy.update(lanes)
    .ordered_values(
        *((lanes.c[name], sql.value(name)) for name in ("holder", "fence", "last_turn"))
    )
    .where(
        lanes.c.id == sql.value("id"),
        lanes.c.fence == sql.value("held_fence"),
        lanes.c.holder == sql.value("me"),
        or_(lanes.c.last_turn.is_(None), lanes.c.last_turn != sql.value("turn_id")),
    ),
    "holder fence last_turn id held_fence me turn_id",
)
_is_live = sql.Prepared(select(replicas.c.id).where(replicas.c.id == sql.value("id")), "id")


def resolve(connection: Connection, writer: Writer, arrivals: Sequence[Arrival]) -> list[str]:
    """The lane of each arrival, founded where its key is new."""
    lane_ids = [writer.recall(arrival.lane_key) for arrival in arrivals]
    if None in lane_ids:
        unknown = [a for a, lane_id in zip(arrivals, lane_ids, strict=True) if lane_id is None]
        _find_or_found(connection, writer, {key(a.lane_key): a for a in unknown})
    return [
        lane_id or writer.fresh[key(arrival.lane_key)]
        for arrival, lane_id in zip(arrivals, lane_ids, strict=True)
    ]


def _find_or_found(connection: Connection, writer: Writer, by_key: dict[str, Arrival]) -> None:
    _look_up(connection, writer, list(by_key))
    new = {name: arrival for name, arrival in by_key.items() if name not in writer.fresh}
    _found(
        connection, writer, [(name, a.channel, a.owner, int(a.shared)) for name, a in new.items()]
    )


def found(connection: Connection, writer: Writer, lane_key: str, channel: str, owner: str) -> str:
    """The lane of one person under this key, founded where the key is new."""
    name = key(lane_key)
    _look_up(connection, writer, [name])
    if name not in writer.fresh:
        _found(connection, writer, [(name, channel, owner, 0)])
    return writer.fresh[name]


def _look_up(connection: Connection, writer: Writer, names: list[str]) -> None:
    writer.fresh.update(_find_keys.all(connection, sql.array(connection, names)))


def _found(
    connection: Connection, writer: Writer, lanes_of: Sequence[tuple[str, str, str, int]]
) -> None:
    now = time.time()
    fresh = {name: new_id() for name, *_ in lanes_of}
    _insert_lane.many(
        connection,
        [
            (fresh[name], channel, clean(owner), shared, None, 0, None, now, "", None, None)
            for name, channel, owner, shared in lanes_of
        ],
    )
    _insert_key.many(connection, list(fresh.items()))
    writer.fresh.update(fresh)


def claim_idle(
    connection: Connection, writer: Writer, lane_ids: Sequence[str]
) -> Mapping[str, int]:
    """Claim those of the lanes that nobody holds and no row waits on; their fences, by lane."""
    if len(lane_ids) == 1:
        return dict(_claim_one.all(connection, writer.holder, lane_ids[0]))
    if not lane_ids:
        return {}
    return dict(_claim_some.all(connection, writer.holder, sql.array(connection, lane_ids)))


def standing(connection: Connection, lane_ids: Sequence[str]) -> dict[str, Standing]:
    """How these lanes stand, locked until the transaction ends."""
    rows = _standing.all(connection, sql.array(connection, lane_ids))
    return {
        lane: Standing(holder=holder, fence=fence, last_turn=turn)
        for lane, holder, fence, turn in rows
    }


def hand_on(
    connection: Connection, writer: Writer, effects: Effects, following: Hold | None
) -> bool:
    """Leave the lane as the turn does, if this is its hold and its first commit of the turn."""
    values = _handed_on(writer, effects, following)
    mine = (effects.hold.fence, writer.holder, effects.turn_id)
    return _hand_on_mine.run(connection, *values, *mine) == 1


def hand_on_all(
    connection: Connection, writer: Writer, turns: Sequence[tuple[Effects, Hold | None]]
) -> None:
    """Leave each lane as its turn does; the turns are known to hold them."""
    _hand_on.many(connection, [_handed_on(writer, effects, hold) for effects, hold in turns])


def _handed_on(writer: Writer, effects: Effects, following: Hold | None) -> sql.Values:
    hold = effects.hold
    if following is None:
        return (None, hold.fence, effects.turn_id, hold.lane_id)
    return (writer.holder, following.fence, effects.turn_id, hold.lane_id)


def take(connection: Connection, writer: Writer, lane_id: str) -> Hold:
    """Claim a lane that is free, already ours, or left by the dead. Raises ``Fenced``."""
    now = standing(connection, [lane_id]).get(lane_id)
    if now is None:
        raise Fenced(f"lane {lane_id} does not exist any more")
    if now.holder not in (None, writer.holder) and _is_live.one(connection, now.holder):
        raise Fenced(f"lane {lane_id} is held by {now.holder}")
    _hand_on.run(connection, writer.holder, now.fence + 1, now.last_turn, lane_id)
    return Hold(lane_id=lane_id, fence=now.fence + 1)


def free(connection: Connection, lane_ids: Sequence[str]) -> None:
    """Nobody holds these lanes any more; their fences stay."""
    connection.execute(sqlalchemy.update(lanes).where(lanes.c.id.in_(lane_ids)).values(holder=None))


def let_go(connection: Connection, hold: Hold, holder: str) -> bool:
    """Free the lane if this is still its hold."""
    mine = (lanes.c.id == hold.lane_id, lanes.c.fence == hold.fence, lanes.c.holder == holder)
    query = sqlalchemy.update(lanes).where(*mine).values(holder=None)
    return bool(connection.execute(query).rowcount)


_choose = sql.update(lanes, "agent", "id")
_whose = sql.Prepared(
    select(lanes.c.owner, lanes.c.agent).where(lanes.c.id == sql.value("id")), "id"
)


def choose_all(connection: Connection, choices: Sequence[tuple[str, str]]) -> None:
    """Who speaks on each lane chose this agent: (agent, lane id)."""
    _choose.many(connection, choices)


@scoped(LaneScope)
def whose(connection: Connection, scope: LaneScope) -> records.Standing:
    """Whose the lane is, and the agent chosen on it. Raises ``LookupError``."""
    row = _whose.one(connection, scope.lane_id)
    if row is None:
        raise LookupError(f"no lane {scope.lane_id}")
    return records.Standing(owner=row[0], agent=row[1])


def expel(connection: Connection, lane_id: str) -> None:
    """Whoever holds the lane, and commits later, is refused."""
    connection.execute(
        sqlalchemy.update(lanes)
        .where(lanes.c.id == lane_id)
        .values(holder=None, fence=lanes.c.fence + literal_column("1"))
    )


def keys_under(connection: Connection, start: str) -> list[str]:
    """This key, and every one that goes on with a slash after it."""
    rows = _keys_under.all(connection, start, f"{start}/", f"{start}0")  # "0" follows the slash
    return [row[0] for row in rows]


def led_to(connection: Connection, names: Sequence[str]) -> dict[str, str]:
    """The lane of each of the keys that has one."""
    return dict(_find_keys.all(connection, sql.array(connection, names)))


def known(connection: Connection, lane_key: str) -> bool:
    """Whether a lane answers to this key."""
    return bool(led_to(connection, [key(lane_key)]))


def lead(connection: Connection, writer: Writer, name: str, lane_id: str) -> None:
    """A new key leads to this lane."""
    _insert_key.run(connection, name, lane_id)
    writer.forget([name])


def redirect(connection: Connection, writer: Writer, lane_id: str, heir: str) -> None:
    """Every key of a lane leads to another from now on."""
    writer.forget(_keys_of(connection, lane_id))
    connection.execute(
        sqlalchemy.update(lane_keys).where(lane_keys.c.lane_id == lane_id).values(lane_id=heir)
    )


def give_way(connection: Connection, lane_id: str, heir: str, owner: str) -> None:
    """A lane is another's from now on, and with it those that gave way to it before."""
    connection.execute(
        sqlalchemy.update(lanes)
        .where(or_(lanes.c.id == lane_id, lanes.c.heir == lane_id))
        .values(heir=heir, owner=owner)
    )


def gave_way_to(connection: Connection, lane_id: str) -> list[str]:
    """The lanes whose sessions this one has taken over."""
    query = select(lanes.c.id).where(lanes.c.heir == lane_id)
    return list(connection.execute(query).scalars())


def _keys_of(connection: Connection, lane_id: str) -> list[str]:
    query = select(lane_keys.c.key).where(lane_keys.c.lane_id == lane_id)
    return list(connection.execute(query).scalars())


def drop_if_empty(connection: Connection, writer: Writer, lane_id: str) -> None:
    """Forget a lane on which no session stands and no row waits, with those it took over."""
    waits = exists().where(inbox.c.lane_id == lane_id, inbox.c.state != sql.constant("done"))
    stands = exists().where(sessions.c.lane_id == lane_id)
    if connection.execute(select(or_(waits, stands))).scalar():
        return
    writer.forget(_keys_of(connection, lane_id))
    connection.execute(delete(lane_keys).where(lane_keys.c.lane_id == lane_id))
    connection.execute(delete(lanes).where(or_(lanes.c.id == lane_id, lanes.c.heir == lane_id)))
    owing.owe(connection)
