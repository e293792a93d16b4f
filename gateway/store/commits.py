"""Commit 2: what turns changed, all of it or nothing, refused under an old fence."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from gateway.errors import Fenced
from gateway.ports.records import Effects, Hold
from gateway.store import (
    deliveries,
    inbox,
    keepings,
    lanes,
    messages,
    questions,
    sessions,
    tasks,
)
from gateway.store.lanes import Standing, Writer

Result = Hold | Fenced | None


def commit_all(connection: Connection, writer: Writer, batch: Sequence[Effects]) -> list[Result]:
    """Commit each; the result is its next hold, None where it let go, or why it was refused."""
    if len(batch) == 1 and lanes.hand_on(connection, writer, batch[0], _following(batch[0])):
        _write(connection, batch)
        return [_following(batch[0])]
    results: dict[int, Result] = {}
    for places in _rounds(batch):
        _commit_round(connection, writer, {place: batch[place] for place in places}, results)
    return [results[place] for place in range(len(batch))]


def _rounds(batch: Sequence[Effects]) -> Iterator[list[int]]:
    """Places in the batch, so that no lane is twice in a round and each lane's keep their order."""
    rest = list(range(len(batch)))
    while rest:
        lane_ids: set[str] = set()
        later: list[int] = []
        this: list[int] = []
        for place in rest:
            lane_id = batch[place].hold.lane_id
            (later if lane_id in lane_ids else this).append(place)
            lane_ids.add(lane_id)
        yield this
        rest = later


def _commit_round(
    connection: Connection,
    writer: Writer,
    batch: dict[int, Effects],
    results: dict[int, Result],
) -> None:
    standing = lanes.standing(connection, [e.hold.lane_id for e in batch.values()])
    held = []
    for place, effects in batch.items():
        now = standing.get(effects.hold.lane_id)
        if now is None or now.last_turn == effects.turn_id or not _holds(writer, now, effects.hold):
            results[place] = _again_or_fenced(connection, writer, now, effects)
        else:
            results[place] = _following(effects)
            held.append(effects)
    lanes.hand_on_all(connection, writer, [(e, _following(e)) for e in held])
    _write(connection, held)


def _holds(writer: Writer, now: Standing, hold: Hold) -> bool:
    return now.fence == hold.fence and now.holder == writer.holder


def _again_or_fenced(
    connection: Connection, writer: Writer, now: Standing | None, effects: Effects
) -> Result:
    """What the first commit of this turn returned, if there was one."""
    hold, rows = effects.hold, (*effects.rows, *effects.dead)
    done = now is not None and now.last_turn == effects.turn_id
    if not done and not (rows and inbox.ended_by(connection, rows[0].row_id, effects.turn_id)):
        return Fenced(f"lane {hold.lane_id} is no longer held under fence {hold.fence}")
    following = _following(effects)
    if following is None or now is None or not _holds(writer, now, following):
        return None
    return following


def _following(effects: Effects) -> Hold | None:
    hold = effects.hold
    if effects.claim_next:
        return Hold(lane_id=hold.lane_id, fence=hold.fence + 1)
    return None if effects.release else hold


def _write(connection: Connection, batch: Sequence[Effects]) -> None:
    """What the turns changed, one statement of each kind for all of them."""
    now = time.time()
    inbox.end_all(connection, [(end, e, now) for e in batch for end in e.rows])
    inbox.retry_all(connection, [(retry, e) for e in batch for retry in e.retries])
    inbox.kill_all(connection, [(end, e, now) for e in batch for end in e.dead])
    inbox.claim_all(connection, [(row, e.hold.lane_id) for e in batch for row in e.claim_next])
    sessions.update_all(
        connection, [(item, e.renamed, e.overridden) for e in batch for item in e.sessions]
    )
    sessions.insert_all(connection, [item for e in batch for item in e.new_sessions])
    messages.insert_all(connection, [item for e in batch for item in e.entries])
    tasks.put_all(connection, [item for e in batch for item in e.tasks])
    questions.end_all(connection, [item for e in batch for item in e.question_ends])
    questions.insert_all(connection, [item for e in batch for item in e.questions])
    deliveries.insert_all(connection, [item for e in batch for item in e.deliveries])
    if any(e.keepings or e.agent for e in batch):
        _keep(connection, batch)


def _keep(connection: Connection, batch: Sequence[Effects]) -> None:
    """What few turns change: the lane's agent, and what outlives its sessions."""
    lanes.choose_all(connection, [(e.agent, e.hold.lane_id) for e in batch if e.agent])
    keepings.apply_all(connection, [item for e in batch for item in e.keepings])
