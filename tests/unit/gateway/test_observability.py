"""Logs tell what happened and no secret; metrics have names of their own."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway import observability as obs
from gateway.observability import metrics, redaction
from gateway.observability.events import Event
from gateway.observability.logs import Libraries, log

BOT_TOKEN = "8132456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log is written as JSON, from debug up; afterwards everything is as before."""
    root = logging.getLogger()
    before = root.handlers, root.level, (log.processors, log.level, log.to)
    stream = io.StringIO()
    obs.configure("json", "debug", stream)
    yield stream
    root.handlers = before[0]
    root.setLevel(before[1])
    log.use(*before[2])
    logging.captureWarnings(False)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


# redaction


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (f"POST /bot{BOT_TOKEN}/getMe", "POST /bot[hidden]/getMe"),
        ("Authorization: Bearer abc.def-ghi_jkl", "Authorization: Bearer [hidden]"),
        ("postgresql://me:p@/ss:w@db.example/x", "postgresql://[hidden]@db.example/x"),
        ("postgresql+asyncpg://me:x@db/x", "postgresql+asyncpg://[hidden]@db/x"),
        ("xoxb-123456-abcdefghij said", "[hidden] said"),
        ("Bot MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs", "Bot [hidden]"),
        ("http://example.org:8080/a@b", "http://example.org:8080/a@b"),
        ("at 12:30 the bot answered basic questions", "at 12:30 the bot answered basic questions"),
        ("lane support/user/7", "lane support/user/7"),
        ("", ""),
    ],
)
def test_what_looks_secret_is_hidden(text: str, safe: str) -> None:
    assert obs.redact(text) == safe


def test_registered_secrets_are_hidden_wherever_they_stand() -> None:
    obs.register_secret("s3cret")
    obs.register_secret("s3cret-and-longer")
    obs.register_secret("abc")
    obs.register_secret("a+b(c")
    assert obs.redact("<s3cret> s3cret-and-longer abc a+b(c") == "<[hidden]> [hidden] abc [hidden]"


def test_every_value_is_searched() -> None:
    obs.register_secret("hushhush")
    hidden = redaction.redact_value(
        {"list": ["hushhush", 1], "hushhush": ("x", {"deep": ValueError("not hushhush")})}
    )
    assert "hushhush" not in repr(hidden)
    assert hidden["list"] == ["[hidden]", 1]
    assert redaction.redact_value(None) is None
    assert redaction.redact_value(2.5) == 2.5
    assert redaction.redact_value(b"hushhush") == "b'[hidden]'"


# logs


def test_a_line_says_what_happened(stream: io.StringIO) -> None:
    obs.log.info(Event.CHANNEL_SKIPPED, channel="support", tries=2)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "info", "event": "channel_skipped", "channel": "support", "tries": 2}


def test_an_exception_is_told_whole_and_without_secrets(stream: io.StringIO) -> None:
    obs.register_secret("hushhush")
    try:
        raise ValueError(f"no hushhush, no {BOT_TOKEN}")
    except ValueError:
        obs.log.exception(Event.AGENT_FAILED, agent="one")
    (line,) = lines(stream)
    assert line["level"] == "error"
    assert "ValueError: no [hidden], no [hidden]" in line["exception"]
    assert "Traceback" in line["exception"]


def test_an_exception_may_be_handed_over(stream: io.StringIO) -> None:
    obs.log.error(Event.CHANNEL_DOWN, exc_info=RuntimeError("why"))
    obs.log.error(Event.CHANNEL_DOWN, exc_info=None)
    first, second = lines(stream)
    assert "RuntimeError: why" in first["exception"]
    assert "exception" not in second


def test_ids_are_bound_to_their_task(stream: io.StringIO) -> None:
    async def lane(name: str) -> None:
        obs.bind(lane=name)
        await asyncio.sleep(0)
        obs.bind(task=f"{name}1")
        obs.log.info(Event.LANE_FENCED)

    async def both() -> None:
        await asyncio.gather(lane("a"), lane("b"))
        obs.log.info(Event.LANE_FENCED)

    asyncio.run(both())
    found = [(line.get("lane"), line.get("task")) for line in lines(stream)]
    assert found == [("a", "a1"), ("b", "b1"), (None, None)]


def test_libraries_speak_through_the_same_pipeline(stream: io.StringIO) -> None:
    logging.getLogger("telegram.ext").warning("GET /bot%s failed", BOT_TOKEN)
    logging.getLogger("asyncio").error("task failed", exc_info=ValueError(BOT_TOKEN))
    logging.getLogger("uvicorn").info("started")
    logging.getLogger("uvicorn").debug("chatter")
    found = lines(stream)
    assert [line["event"] for line in found] == ["library"] * 3
    assert [line["level"] for line in found] == ["warning", "error", "info"]
    assert found[0]["logger"] == "telegram.ext"
    assert found[0]["message"] == "GET /bot[hidden] failed"
    assert "ValueError: [hidden]" in found[1]["exception"]
    assert BOT_TOKEN not in stream.getvalue()


def test_plugins_may_use_structlog_itself(stream: io.StringIO) -> None:
    structlog.get_logger("acme.matrix").warning("matrix_away", token=BOT_TOKEN)
    (line,) = lines(stream)
    assert (line["event"], line["token"]) == ("matrix_away", "[hidden]")


def test_a_librarys_mistake_in_logging_is_no_error(stream: io.StringIO) -> None:
    record = logging.LogRecord("odd", logging.WARNING, "odd.py", 1, "%d apples", ("many",), None)
    Libraries().emit(record)
    assert lines(stream)[0]["message"] == "%d apples ('many',)"


def test_warnings_are_logged(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(False)
    assert "DeprecationWarning: old ways" in lines(stream)[0]["message"]


def test_what_json_cannot_say_is_said_anyway(stream: io.StringIO) -> None:
    obs.log.info(Event.CHANNEL_SKIPPED, name="\ud800", number=2**70, thing=object)
    (line,) = lines(stream)
    assert line["number"] == 2**70
    assert line["thing"] == "<class 'object'>"


def test_below_its_level_nothing_is_written(stream: io.StringIO) -> None:
    obs.configure("json", "warning", stream)
    obs.log.debug(Event.CHANNEL_SKIPPED)
    obs.log.info(Event.CHANNEL_SKIPPED)
    logging.getLogger("x").info("x")
    obs.log.warning(Event.CHANNEL_DOWN)
    assert [line["event"] for line in lines(stream)] == ["channel_down"]


@pytest.mark.usefixtures("stream")
def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    to = io.StringIO()
    obs.configure("json", "info", to)
    to.close()
    obs.log.error(Event.CHANNEL_DOWN)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("form", "terminal", "is_json"),
    [
        ("auto", False, True),
        ("auto", True, False),
        ("json", True, True),
        ("console", False, False),
    ],
)
@pytest.mark.usefixtures("stream")
def test_the_form_follows_the_place(form: Any, terminal: bool, is_json: bool) -> None:
    to = Terminal() if terminal else io.StringIO()
    obs.configure(form, "info", to)
    obs.log.info(Event.CHANNEL_SKIPPED, channel="support")
    text = to.getvalue()
    assert text.startswith("{") is is_json
    assert "channel_skipped" in text
    assert "support" in text
    assert ("\x1b[" in text) is (terminal and not is_json)


@pytest.mark.usefixtures("stream")
def test_people_are_shown_no_secret_either() -> None:
    to = io.StringIO()
    obs.configure("console", "info", to)
    try:
        raise ValueError(BOT_TOKEN)
    except ValueError as error:
        obs.log.exception(Event.AGENT_FAILED, error=error, address=f"https://a:{BOT_TOKEN}@x/")
    assert "agent_failed" in to.getvalue()
    assert BOT_TOKEN not in to.getvalue()
    assert "[hidden]" in to.getvalue()


def test_tests_can_capture() -> None:
    with obs.captured() as found:
        obs.log.debug(Event.CHANNEL_SKIPPED, channel="x")
    assert [(line["event"], line["channel"]) for line in found] == [(Event.CHANNEL_SKIPPED, "x")]
    with obs.captured("warning") as found:
        obs.log.info(Event.CHANNEL_SKIPPED)
    assert not found


def test_every_event_has_a_meaning_of_its_own() -> None:
    assert all(event.meaning and event.value == event.name.lower() for event in Event)
    assert len({event.meaning for event in Event}) == len(Event)


# metrics


def test_metrics_are_rendered() -> None:
    obs.ACCEPTED.labels("render-test").inc()
    obs.TURN_SECONDS.observe(0.003)
    text = obs.render().decode()
    assert 'gateway_events_accepted_total{channel="render-test"} 1.0' in text
    assert 'gateway_turn_seconds_bucket{le="0.005"}' in text
    assert "process_resident_memory_bytes" in text
    assert "_created" not in text


def test_every_metric_is_named_and_offered_once() -> None:
    families = {family.name: family for family in metrics.REGISTRY.collect()}
    own = {name for name in families if name.startswith("gateway_")}
    offered = {name for name in metrics.__all__ if name.isupper()} - {"CONTENT_TYPE", "REGISTRY"}
    assert len(own) == len(offered)
    assert set(metrics.__all__) <= set(obs.__all__)
    assert all(families[name].documentation.endswith(".") for name in own)


def test_no_label_has_unbounded_values() -> None:
    allowed = {"channel", "outcome", "agent", "state", "result", "event", "limit"}
    for name in metrics.__all__:
        labels = getattr(getattr(metrics, name), "_labelnames", ())
        assert set(labels) <= allowed, name


# the package


def test_everything_offered_is_there() -> None:
    for name in obs.__all__:
        assert getattr(obs, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'NOTHING'"):
        _ = obs.NOTHING  # type: ignore[attr-defined]


def test_redaction_alone_imports_no_library() -> None:
    program = (
        "import sys, gateway.observability as obs; obs.redact('x')\n"
        "print([m for m in ('structlog', 'prometheus_client', 'rich') if m in sys.modules])\n"
        "obs.log, obs.ACCEPTED"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
