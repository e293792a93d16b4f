"""Logs, metrics and redaction. Every log event and metric of the gateway is named in here.

    from gateway import observability as obs

    obs.log.warning(obs.Event.CHANNEL_DOWN, channel=name, error=error)
    obs.ACCEPTED.labels(name).inc()
    obs.bind(lane=lane.id)              # on every later line of this asyncio task

``obs.configure(format, level)`` is called once, by ``app``; before it, warnings and errors go to
standard error, for people. What nobody uses is not imported: the command line starts without the
libraries behind this.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gateway.observability.redaction import redact, register_secret

if TYPE_CHECKING:
    from gateway.observability.events import Event
    from gateway.observability.logs import bind, captured, configure, log
    from gateway.observability.metrics import (
        ACCEPTED,
        ADAPTER_UP,
        AGENT_ERRORS,
        COMMIT_ITEMS,
        COMMIT_SECONDS,
        CONFIRMED,
        CONTENT_TYPE,
        DELIVERIES,
        DUPLICATES,
        FOUND_UNKNOWN,
        LAST_INBOUND,
        LIMITS,
        PENDING_DELIVERIES,
        REGISTRY,
        RESENT_UNKNOWN,
        RUNNING_LANES,
        SEND_ATTEMPTS,
        SESSIONS,
        STORE_UNAVAILABLE,
        TURN_SECONDS,
        TURNED_AWAY,
        TURNS,
        WAITING_ROWS,
        render,
    )
else:

    def __getattr__(name: str) -> Any:
        for home in () if name.startswith("_") else ("events", "metrics", "logs"):
            module = import_module(f"{__name__}.{home}")
            if name in module.__all__:
                # Kept, so that this runs once for each name and never on the message path.
                globals()[name] = value = getattr(module, name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
    "Event",
    "bind",
    "captured",
    "configure",
    "log",
    "redact",
    "register_secret",
    "render",
]
