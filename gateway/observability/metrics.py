"""Every metric, in Prometheus' form, in a registry of the gateway's own.

Labels are names from the configuration and fixed words; never an id of a session, lane or person.
``.labels(…)`` looks its child up under a lock: what runs for every message may keep the child.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

__all__ = [
    "ACCEPTED",
    "ADAPTER_UP",
    "AGENT_ERRORS",
    "COMMIT_ITEMS",
    "COMMIT_SECONDS",
    "CONFIRMED",
    "CONTENT_TYPE",
    "DELIVERIES",
    "DUPLICATES",
    "FOUND_UNKNOWN",
    "LAST_INBOUND",
    "LIMITS",
    "PENDING_DELIVERIES",
    "REGISTRY",
    "RESENT_UNKNOWN",
    "RUNNING_LANES",
    "SEND_ATTEMPTS",
    "SESSIONS",
    "STORE_UNAVAILABLE",
    "TURNED_AWAY",
    "TURNS",
    "TURN_SECONDS",
    "WAITING_ROWS",
    "render",
]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REGISTRY = CollectorRegistry()

# A second series with the time of each series' birth would double the page, for nobody.
disable_created_metrics()  # type: ignore[no-untyped-call]
ProcessCollector(registry=REGISTRY)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"gateway_{name}", text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(f"gateway_{name}", text, labels, registry=REGISTRY)


ACCEPTED = _counter("events_accepted", "Platform events committed to the inbox.", "channel")
TURNED_AWAY = _counter(
    "events_turned_away", "Platform events ignored, refused or over the rate.", "channel", "outcome"
)
DUPLICATES = _counter("events_duplicate", "Platform events that were accepted before.", "channel")
LAST_INBOUND = _gauge(
    "last_inbound_timestamp_seconds", "When the channel's last event came, Unix time.", "channel"
)
ADAPTER_UP = _gauge("adapter_up", "Whether the channel's adapter runs: 1 or 0.", "channel")

SESSIONS = _counter(
    "sessions", "What became of sessions: created, resumed, waiting, ended and the like.", "event"
)
LIMITS = _counter("limits", "How often a limit was met, by its name in [limits].", "limit")

TURNS = _counter("turns", "Turns that ended, by their outcome.", "outcome")
TURN_SECONDS = Histogram(
    "gateway_turn_seconds",
    "From a message's acceptance to the commit of its answer.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900),
    registry=REGISTRY,
)
AGENT_ERRORS = _counter("agent_errors", "Runs in which the agent raised.", "agent")
RUNNING_LANES = _gauge("running_lanes", "Lanes whose turn runs right now.")
WAITING_ROWS = _gauge("waiting_rows", "Inbox rows that wait for their turn.")

DELIVERIES = _counter("deliveries", "Deliveries settled, by the state they came to.", "state")
SEND_ATTEMPTS = _counter("send_attempts", "Attempts to send, by result.", "channel", "result")
RESENT_UNKNOWN = _counter(
    "resent_unknown", "Deliveries sent again although they may have arrived.", "channel"
)
FOUND_UNKNOWN = _counter(
    "found_unknown",
    "Deliveries in doubt that were found on their platform, and not sent again.",
    "channel",
)
CONFIRMED = _counter("confirmed", "Times that a platform told of a delivery's arrival.", "channel")
PENDING_DELIVERIES = _gauge("pending_deliveries", "Deliveries not settled yet.")

COMMIT_ITEMS = Histogram(
    "gateway_commit_items",
    "Writes that shared one transaction.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    registry=REGISTRY,
)
COMMIT_SECONDS = Histogram(
    "gateway_commit_seconds",
    "How long a transaction took, its flush to the disk included.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
    registry=REGISTRY,
)
STORE_UNAVAILABLE = _counter("store_unavailable", "Store operations that met an absent database.")


def render() -> bytes:
    """Every metric as Prometheus reads it; ``CONTENT_TYPE`` says so."""
    return generate_latest(REGISTRY)
