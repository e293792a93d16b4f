"""The adapter's contract, first part: ``parse``, addresses and routes. No platform is asked."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, MutableMapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Mount, Route, Router

from gateway.domain import Action, Address, Attachment, Ignored, Inbound, Moved
from gateway.errors import UnreadableUpdate
from gateway.ports.adapter import Transcript
from gateway.testing._harness import Harness, Inbox, running

# One adapter serves all examples, and several classes share the tests: neither keeps anything.
fuzzed = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.differing_executors,
        HealthCheck.too_slow,
    ],
)

_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=20,
)


class ParsingContract(ABC):
    """What every adapter reads, and how."""

    @pytest.fixture
    @abstractmethod
    def harness(self) -> Harness | AsyncIterator[Harness]:
        """The adapter under test, its running simulator and its samples."""

    def test_there_are_samples_of_what_is_read(self, harness: Harness) -> None:
        read = [_read(harness, raw) for raw in harness.samples]
        assert any(isinstance(event, Inbound) for event in read)

    def test_reading_is_pure(self, harness: Harness) -> None:
        for raw in harness.samples:
            first = _read(harness, raw)
            assert _read(harness, raw) == first
            if harness.twin is not None and first is not None:
                assert harness.twin().parse(raw) == first

    @fuzzed
    @given(raw=st.binary(max_size=200) | st.text().map(str.encode))
    def test_reads_any_bytes_or_says_that_it_cannot(self, harness: Harness, raw: bytes) -> None:
        _read(harness, raw)

    @fuzzed
    @given(value=_JSON)
    def test_reads_any_json_or_says_that_it_cannot(self, harness: Harness, value: object) -> None:
        _read(harness, json.dumps(value).encode())

    @settings(fuzzed, max_examples=300)
    @given(data=st.data())
    def test_reads_damaged_events_or_says_that_it_cannot(
        self, harness: Harness, data: st.DataObject
    ) -> None:
        raw = data.draw(st.sampled_from(harness.samples))
        try:
            document = json.loads(raw)
        except ValueError:
            cut = data.draw(st.integers(0, len(raw)))
            damaged = raw[:cut] + data.draw(st.binary(max_size=8)) + raw[cut + 1 :]
        else:
            damaged = json.dumps(_damaged(document, data)).encode()
        _read(harness, damaged)

    def test_addresses_survive_being_stored(self, harness: Harness) -> None:
        for event in _inbounds(harness):
            stored = json.loads(json.dumps(asdict(event.address)))
            assert Address(**stored) == event.address

    def test_nothing_secret_is_shown(self, harness: Harness) -> None:
        shown = f"{harness.adapter!r} {harness.adapter.settings!r} {harness.adapter.settings}"
        for secret in harness.secrets:
            assert secret not in shown

    def test_routes_stay_in_the_channel_s_own_place(self, harness: Harness) -> None:
        if isinstance(harness.adapter, Transcript):
            pytest.skip("this channel is a page of its own")
        own = f"/webhooks/{harness.channel}"
        for path in _paths(harness):
            assert path == own or path.startswith(f"{own}/")

    async def test_a_stranger_s_request_is_refused(self, harness: Harness) -> None:
        if isinstance(harness.adapter, Transcript):
            pytest.skip("this channel is open to strangers")
        inbox = Inbox(harness.adapter)
        async with running(harness.adapter, inbox):
            await asyncio.sleep(0.05)
            router = Router(routes=list(harness.adapter.routes()))
            for path in _paths(harness):
                for body in (b"", b"{}", *harness.samples[:3]):
                    assert await _post(router, path, body) >= 400
        assert not inbox.heard


def _read(harness: Harness, raw: bytes) -> Inbound | Moved | Ignored | None:
    try:
        event = harness.adapter.parse(raw)
    except UnreadableUpdate:
        return None
    match event:
        case Ignored():
            assert event.reason, "say why it needs nothing"
        case Moved():
            _check_move(event)
        case Inbound():
            _check(event)
    return event


def _check_move(event: Moved) -> None:
    for one in (event.event_id, event.old_id, event.new_id):
        assert one, "a move without an id is unreadable"
        assert "\0" not in one, "a NUL cannot be stored"
    assert event.old_id != event.new_id, "nothing moves to itself"


def _check(event: Inbound) -> None:
    """What is read can be stored, ordered and answered, whatever was in the event."""
    orjson.dumps(event)
    ids = (
        event.event_id,
        event.conversation.id,
        event.participant.id,
        event.address.destination,
    )
    assert all(ids), "an event without an id is unreadable"
    names = (event.message_id, event.album, *event.participant.aliases, *event.deleted)
    for text in (*ids, *names):
        assert "\0" not in text, "a NUL cannot be stored"
    assert 0 <= event.order < 2**63
    assert (event.press is not None) == (event.action is Action.PRESS)
    if event.press is not None:
        assert event.press.option >= 0
    assert all(event.deleted), "a message without an id cannot be deleted"
    assert not event.deleted or event.action is Action.DELETE
    _check_what_comes_with_it(event)


def _check_what_comes_with_it(event: Inbound) -> None:
    for file in event.attachments:
        _check_attachment(file)
    if event.quote is not None:
        assert event.quote.text.strip(), "a quote of nothing is none"
        assert "\0" not in event.quote.text + event.quote.sender, "a NUL cannot be stored"


def _check_attachment(file: Attachment) -> None:
    """It can be fetched or is stored already; its name is that of a file, and leads nowhere."""
    assert file.ref or file.id, "nobody can get this file"
    assert file.name, "a file without a name"
    assert not set("/\\\0\r\n") & set(file.name), f"not the name of a file: {file.name!r}"
    assert "/" in file.media_type
    assert 0 <= file.size < 2**63
    for text in (file.ref, file.id, file.media_type):
        assert "\0" not in text, "a NUL cannot be stored"


def _inbounds(harness: Harness) -> Iterator[Inbound]:
    for raw in harness.samples:
        event = _read(harness, raw)
        if isinstance(event, Inbound):
            yield event


def _damaged(document: Any, data: st.DataObject) -> Any:
    """The same with one value, anywhere inside, gone or turned into another."""
    fate = data.draw(st.integers(0, 4))
    if isinstance(document, dict) and document and fate:
        key = data.draw(st.sampled_from(sorted(document)))
        rest = {name: value for name, value in document.items() if name != key}
        return rest if fate == 1 else {**rest, key: _damaged(document[key], data)}
    if isinstance(document, list) and document and fate:
        place = data.draw(st.integers(0, len(document) - 1))
        new = [] if fate == 1 else [_damaged(document[place], data)]
        return [*document[:place], *new, *document[place + 1 :]]
    return data.draw(_JSON)


def _paths(harness: Harness) -> Iterator[str]:
    for route in harness.adapter.routes():
        assert isinstance(route, Route | Mount)
        yield route.path


async def _post(router: Router, path: str, body: bytes) -> int:
    """What an ASGI application answers to a bare POST."""
    statuses: list[int] = []
    events: Sequence[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": body, "more_body": False},
        {"type": "http.disconnect"},
    ]
    incoming = iter(events)

    async def receive() -> MutableMapping[str, Any]:
        return next(incoming)

    async def send(event: MutableMapping[str, Any]) -> None:
        if event["type"] == "http.response.start":
            statuses.append(event["status"])

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }
    await router(scope, receive, send)
    return statuses[0]
