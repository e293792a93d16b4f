"""Structured logs: one pipeline for the gateway's own lines and for every library's."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Lock
from typing import Any, Literal, Protocol, TextIO

import orjson

from gateway.imports import hidden
from gateway.observability.events import Event
from gateway.observability.redaction import redact_value

with hidden("rich"):
    import structlog
    from structlog.typing import EventDict, Processor

__all__ = ["bind", "captured", "configure", "log"]

Format = Literal["auto", "json", "console"]
Level = Literal["debug", "info", "warning", "error"]

_NUMBERS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_NO_CONTEXT: Mapping[str, object] = {}
_context: ContextVar[Mapping[str, object]] = ContextVar("gateway_log", default=_NO_CONTEXT)


class Write(Protocol):
    """Writes one line, or does nothing when its level is not wanted."""

    def __call__(self, event: Event, /, **fields: object) -> Any: ...


class Log:
    """The gateway's logger; below the level in force a call costs one empty function."""

    debug: Write
    info: Write
    warning: Write
    error: Write
    exception: Write
    """As ``error``, with the exception being handled."""

    def use(self, processors: list[Processor], level: Level, to: object = None) -> None:
        """Send lines of ``level`` and above through ``processors``, and structlog's own as well."""
        self.processors = processors
        self.level = level
        self.to = to
        structlog.configure(
            processors=processors,
            wrapper_class=structlog.make_filtering_bound_logger(_NUMBERS[level]),
            logger_factory=lambda *_: to,
            context_class=dict,
        )
        bound = structlog.get_logger().bind()
        self.debug, self.info, self.warning = bound.debug, bound.info, bound.warning
        self.error, self.exception = bound.error, bound.exception


log = Log()


def configure(form: Format = "auto", level: Level = "info", stream: TextIO | None = None) -> None:
    """Write the log to ``stream`` (standard error), the libraries' lines included.

    ``auto`` is for people on a terminal and JSON elsewhere, one object a line. Libraries are heard
    from warnings up, with ``debug`` from information up.
    """
    to = stream or sys.stderr
    for_people = form == "console" or (form == "auto" and to.isatty())
    _use_stream(to, for_people, level)
    root = logging.getLogger()
    root.handlers = [Libraries()]
    root.setLevel(logging.INFO if level == "debug" else logging.WARNING)
    logging.captureWarnings(True)


def bind(**ids: object) -> None:
    """Add these to every later log line of the running asyncio task (``lane``, ``session``…)."""
    _context.set({**_context.get(), **ids})


@contextmanager
def captured(level: Level = "debug") -> Iterator[list[EventDict]]:
    """Collect what is logged inside the block instead of writing it; for tests."""
    lines: list[EventDict] = []

    def collect(_: object, __: str, fields: EventDict) -> EventDict:
        lines.append(fields)
        raise structlog.DropEvent

    before = log.processors, log.level, log.to
    log.use([*_common(), collect], level)
    try:
        yield lines
    finally:
        log.use(*before)


class _Out:
    """Writes whole lines; a log that cannot be written never stops the work it tells of."""

    def __init__(self, to: TextIO) -> None:
        self._to = to
        self._lock = Lock()

    def msg(self, line: str) -> None:
        with self._lock, suppress(OSError, ValueError):
            self._to.write(f"{line}\n")
            self._to.flush()

    debug = info = warning = error = msg


class Libraries(logging.Handler):
    """Hands the standard library's log records to the same pipeline."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a mistake in a library's logging call never reaches its caller."""
        write = log.error if record.levelno >= logging.ERROR else log.warning
        write = log.info if record.levelno < logging.WARNING else write
        extra = {"exc_info": record.exc_info} if record.exc_info else {}
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = f"{record.msg} {record.args}"
        write(Event.LIBRARY, logger=record.name, message=message, **extra)


def _use_stream(to: TextIO, for_people: bool, level: Level) -> None:
    render: Processor = _for_programs
    if for_people:
        render = structlog.dev.ConsoleRenderer(colors=to.isatty(), pad_event_to=24)
    log.use([*_common("%H:%M:%S" if for_people else "iso"), render], level, _Out(to))


def _common(time: str = "iso") -> list[Processor]:
    return [
        _with_context,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt=time, utc=time == "iso"),
        structlog.processors.format_exc_info,
        _redacted,
    ]


def _with_context(_: object, __: str, fields: EventDict) -> EventDict:
    return {**_context.get(), **fields}


def _redacted(_: object, __: str, fields: EventDict) -> EventDict:
    return {name: redact_value(value) for name, value in fields.items()}


def _for_programs(_: object, __: str, fields: EventDict) -> str:
    first = {"timestamp": fields.pop("timestamp", None), "level": fields.pop("level", None)}
    line = {**first, **fields}
    try:
        return orjson.dumps(line, default=str).decode()
    except orjson.JSONEncodeError:  # lone surrogates, or numbers beyond 64 bits
        return json.dumps(line, default=str)


_use_stream(sys.stderr, True, "warning")
