"""``gateway deliveries list``: what waits or failed, in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from gateway.cli.output import Record, local, moment, print_json, print_table
from gateway.cli.reading import read
from gateway.domain import Delivery, DeliveryState
from gateway.ports.records import Dead, OperatorScope
from gateway.ports.store import Store

UNSETTLED = (
    DeliveryState.PENDING,
    DeliveryState.FAILED,
    DeliveryState.UNKNOWN,
    DeliveryState.HELD,
    DeliveryState.DEAD,
)
COLUMNS = ("id", "direction", "channel", "state", "attempts", "since", "error", "text")
SHOWN = 60


def show_all(
    config: Path | None, states: Sequence[DeliveryState], limit: int, *, as_json: bool
) -> None:
    """Print deliveries in these states (default: all but sent) and dead-lettered messages."""
    scope = OperatorScope(why="gateway deliveries list")

    async def work(store: Store) -> tuple[Sequence[Delivery], Sequence[Dead]]:
        found = await store.deliveries(scope, states or UNSETTLED, limit)
        with_dead = not states or DeliveryState.DEAD in states
        return found, await store.dead_rows(scope, limit) if with_dead else ()

    deliveries, dead = read(config, work)
    records = [*map(_outgoing, deliveries), *map(_incoming, dead)]
    if as_json:
        print_json([{**record, "since": moment(record["since"])} for record in records])
    else:
        print_table(COLUMNS, map(_row, records), empty="Nothing waits and nothing failed.")


def _outgoing(delivery: Delivery) -> Record:
    return {
        "id": delivery.id,
        "direction": "out",
        "channel": delivery.channel,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "since": delivery.created_at,
        "error": delivery.error,
        "destination": delivery.address.destination,
        "session_id": delivery.session_id,
        "text": delivery.text,
    }


def _incoming(dead: Dead) -> Record:
    inbound = orjson.loads(dead.row.inbound or b"{}")
    return {
        "id": dead.row.id,
        "direction": "in",
        "channel": dead.row.channel,
        "state": DeliveryState.DEAD.value,
        "attempts": dead.row.attempts,
        "since": dead.died_at,
        "error": "",
        "event_id": inbound.get("event_id", ""),
        "text": inbound.get("text", ""),
    }


def _row(record: Record) -> Sequence[str]:
    text = str(record["text"])
    shown = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
    plain = (record[name] for name in ("id", "direction", "channel", "state", "attempts"))
    return (*map(str, plain), local(record["since"]), str(record["error"]), shown)
