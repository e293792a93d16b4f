"""Whatever is logged is in the vocabulary, and the vocabulary holds nothing else."""

import ast
import re
from collections.abc import Iterator

from gateway.observability.events import ADAPTER_EVENTS, Event
from tests.architecture import source

LEVELS = {"debug", "info", "warning", "error", "exception"}
HOME = "gateway/observability/"


def logged() -> Iterator[tuple[str, ast.expr]]:
    """The place and the event of every call that looks like writing a log line."""
    for module in source.modules():
        if module.path.startswith(HOME):
            continue
        for node in ast.walk(module.tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        attr=level, value=ast.Name(id=name) | ast.Attribute(attr=name)
                    ),
                    args=[event, *_],
                ) if level in LEVELS and re.fullmatch(r"_?log(ger)?", name):
                    yield f"{module.path}:{node.lineno}", event


def test_log_lines_are_found() -> None:
    assert len(list(logged())) > 10


def test_every_event_that_is_a_text_is_in_the_vocabulary() -> None:
    texts = [(where, event.value) for where, event in logged() if isinstance(event, ast.Constant)]
    known = {*Event, *ADAPTER_EVENTS}
    assert not [(where, event) for where, event in texts if event not in known]


def test_the_gateway_names_its_events_by_the_vocabulary() -> None:
    """Then the type checker knows them: ``obs.log`` takes nothing but an ``Event``."""
    texts = [
        where
        for where, event in logged()
        if where.startswith("gateway/") and isinstance(event, ast.Constant | ast.JoinedStr)
    ]
    others = [
        f"{module.path}: {line}"
        for module in source.modules()
        if module.path.startswith("gateway/") and not module.path.startswith(HOME)
        for line in module.text.splitlines()
        if re.search(r"\b(logging\.getLogger|structlog\.get_logger)\(", line)
    ]
    assert not texts + others


def test_adapters_prefix_their_events() -> None:
    ours = [(re.match(r"adapters/(\w+)/", where), event) for where, event in logged()]
    assert any(platform for platform, _ in ours)
    for platform, event in ours:
        if platform:
            assert isinstance(event, ast.Constant), platform.string
            assert str(event.value).startswith(f"{platform[1]}.")


def test_every_event_is_written_somewhere() -> None:
    text = "\n".join(module.text for module in source.modules() if not module.path.startswith(HOME))
    by_libraries = {Event.LIBRARY}
    unused = [e.name for e in Event if not re.search(rf"\bEvent\.{e.name}\b", text)]
    assert set(unused) == {event.name for event in by_libraries}
    assert not [name for name in ADAPTER_EVENTS if f'"{name}"' not in text]


def test_every_adapter_event_has_a_meaning() -> None:
    assert all(meaning for meaning in ADAPTER_EVENTS.values())
