"""The webhooks: only what Twilio signed is read, and only what is durable is acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator

from adapters.twilio import webhooks as webhooks_module
from adapters.twilio.signatures import Signatures, read_form
from adapters.twilio.webhooks import MAX_BODY, Webhooks
from gateway import Unavailable, UnreadableUpdate
from tests.unit.adapters.twilio.forms import PUBLIC, TOKEN, form

PATH = "/webhooks/garden"
FORM = b"application/x-www-form-urlencoded; charset=UTF-8"

Headers = Sequence[tuple[bytes, bytes]]


class Ends:
    """Both webhooks, and what they took."""

    def __init__(self, public_url: str = PUBLIC) -> None:
        log = structlog.get_logger("test")
        self.webhooks = Webhooks("garden", Signatures(TOKEN, public_url), log)
        self.webhooks.take = self.take
        self.webhooks.report = self.report
        self.taken: list[Mapping[str, str]] = []
        self.times: list[float] = []
        self.reported: list[tuple[Mapping[str, str], Mapping[str, str]]] = []
        self.said: str | None = None
        self.failure: Exception | None = None

    async def take(self, form: Mapping[str, str], *, at: float) -> str | None:
        if self.failure is not None:
            raise self.failure
        self.taken.append(form)
        self.times.append(at)
        return self.said

    async def report(self, form: Mapping[str, str], query: Mapping[str, str]) -> None:
        if self.failure is not None:
            raise self.failure
        self.reported.append((form, query))

    async def post(
        self, headers: Headers, *pieces: bytes, query: bytes = b"", app: ASGIApp | None = None
    ) -> tuple[int, bytes]:
        """The status and the body of the answer to a raw request."""
        coming = iter([(piece, True) for piece in pieces[:-1]] + [(pieces[-1], False)])
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            body, more = next(coming)
            return {"type": "http.request", "body": body, "more_body": more}

        async def send(event: MutableMapping[str, Any]) -> None:
            sent.append(event)

        scope = {
            "type": "http",
            "method": "POST",
            "path": PATH,
            "query_string": query,
            "headers": list(headers),
        }
        await (app or self.webhooks.messages)(scope, receive, send)
        return sent[0]["status"], sent[1].get("body", b"")

    async def message(self, form: Mapping[str, str]) -> tuple[int, bytes]:
        """What Twilio itself is answered."""
        body = urlencode(form).encode()
        return await self.post(signed(body), body)

    async def status(self, form: Mapping[str, str], query: str) -> tuple[int, bytes]:
        """The same, where it tells what became of a message."""
        body = urlencode(form).encode()
        headers = signed(body, f"{PUBLIC}{PATH}/status?{query}")
        return await self.post(headers, body, query=query.encode(), app=self.webhooks.statuses)


def signed(body: bytes, url: str = f"{PUBLIC}{PATH}") -> list[tuple[bytes, bytes]]:
    read = read_form(body)
    assert read is not None
    signature = RequestValidator(TOKEN).compute_signature(url, read)
    return [(b"content-type", FORM), (b"x-twilio-signature", signature.encode())]


@pytest.fixture
def ends() -> Ends:
    return Ends()


async def test_what_twilio_signed_is_taken(ends: Ends) -> None:
    sent = form("שלום & hello + 100%")
    assert await ends.message(sent) == (200, b"<Response/>")
    assert ends.taken == [sent]
    assert abs(ends.times[0] - time.time()) < 60


async def test_an_answer_is_twiml(ends: Ends) -> None:
    ends.said = "<Response><Message>Bye</Message></Response>"
    assert await ends.message(form()) == (200, ends.said.encode())


async def test_a_body_may_come_in_pieces(ends: Ends) -> None:
    body = urlencode(form("in pieces")).encode()
    assert (await ends.post(signed(body), body[:7], body[7:]))[0] == 200
    assert ends.taken[0]["Body"] == "in pieces"


async def test_of_a_field_given_twice_the_last_counts(ends: Ends) -> None:
    body = b"Body=a&Body=b"
    assert (await ends.post(signed(body), body))[0] == 200
    assert ends.taken == [{"Body": "b"}]


async def test_what_became_of_a_message_is_reported_with_its_query(ends: Ends) -> None:
    told = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    assert await ends.status(told, "delivery=01ab") == (204, b"")
    assert ends.reported == [(told, {"delivery": "01ab"})]
    assert not ends.taken


async def test_a_changed_query_is_not_twilios(ends: Ends) -> None:
    body = b"MessageStatus=failed"
    headers = signed(body, f"{PUBLIC}{PATH}/status?delivery=01ab")
    status, _ = await ends.post(headers, body, query=b"delivery=02cd", app=ends.webhooks.statuses)
    assert status == 403
    assert not ends.reported


async def test_a_message_cannot_be_replayed_as_a_status(ends: Ends) -> None:
    body = urlencode(form()).encode()
    status, _ = await ends.post(signed(body), body, app=ends.webhooks.statuses)
    assert status == 403


async def test_a_replayed_request_with_a_changed_field_is_not_twilios(ends: Ends) -> None:
    body = urlencode(form("one pound")).encode()
    changed = body.replace(b"one", b"ten")
    assert (await ends.post(signed(body), changed))[0] == 403
    assert not ends.taken


@pytest.mark.parametrize("signature", [None, b"", b"wrong", b"\xff\xfe", "ü".encode()], ids=repr)
async def test_a_stranger_is_refused(ends: Ends, signature: bytes | None) -> None:
    headers = [(b"content-type", FORM)]
    if signature is not None:
        headers.append((b"x-twilio-signature", signature))
    assert (await ends.post(headers, b"Body=a"))[0] == 403
    assert (await ends.post(headers, b""))[0] == 403
    assert (await ends.post(headers, b"a=\xff"))[0] == 403
    assert not ends.taken


async def test_refusals_are_logged_once_until_twilio_is_heard(ends: Ends) -> None:
    headers = [(b"content-type", FORM), (b"x-twilio-signature", b"forged")]
    with capture_logs() as logs:
        for _ in range(3):
            await ends.post(headers, b"Body=secret-words")
    (line,) = logs
    assert line["event"] == "twilio.request_unauthorized"
    assert "public_url" in line["hint"]
    assert "auth_token" in line["hint"]
    assert "secret-words" not in str(line)
    assert "forged" not in str(line)
    with capture_logs() as logs:
        await ends.message(form())
        await ends.post(headers, b"Body=a")
    assert len(logs) == 1


async def test_nobody_fills_the_log_by_turns(ends: Ends) -> None:
    forged = [(b"content-type", FORM), (b"x-twilio-signature", b"forged")]
    by_key = [*forged, (b"x-twilio-webhooks-signature-settings", b"key=a,algorithm=HMAC_SHA256")]
    with capture_logs() as logs:
        for _ in range(5):
            await ends.post(forged, b"Body=a")
            await ends.post(by_key, b"Body=a")
    assert len(logs) == 2


async def test_what_is_not_signed_at_all_is_not_even_read(ends: Ends) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError

    async def send(event: MutableMapping[str, Any]) -> None:
        sent.append(event)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", FORM)]}
    await ends.webhooks.messages(scope, receive, send)
    assert sent[0]["status"] == 403


async def test_without_a_public_address_it_is_said_what_to_set() -> None:
    ends = Ends(public_url="")
    with capture_logs() as logs:
        assert (await ends.message(form()))[0] == 403
    assert "gateway.public_url is not set" in logs[0]["hint"]


@pytest.mark.parametrize(
    "kind", [None, b"", b"application/json", b"multipart/form-data; boundary=x", b"\xff"]
)
async def test_only_forms_are_read(ends: Ends, kind: bytes | None) -> None:
    body = b"Body=a"
    rest = [(name, value) for name, value in signed(body) if name != b"content-type"]
    headers = rest if kind is None else [(b"content-type", kind), *rest]
    assert (await ends.post(headers, body))[0] == 415
    assert not ends.taken


async def test_an_endless_body_is_not_read(ends: Ends) -> None:
    body = b"Body=" + b"x" * MAX_BODY
    assert (await ends.post(signed(body), body[:9], body[9:], b"more"))[0] == 413
    announced = [*signed(b""), (b"content-length", str(MAX_BODY + 1).encode())]
    assert (await ends.post(announced, b""))[0] == 413
    absurd = [*signed(b""), (b"content-length", b"9" * 5000)]
    assert (await ends.post(absurd, b""))[0] == 413
    allowed = b"Body=" + b"x" * (MAX_BODY - 5)
    assert (await ends.post(signed(allowed), allowed))[0] == 200


async def test_a_slow_body_is_not_waited_for(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks_module, "READ_WITHIN", 0.01)
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.sleep(60)
        raise AssertionError

    async def send(event: MutableMapping[str, Any]) -> None:
        sent.append(event)

    scope = {"type": "http", "method": "POST", "headers": signed(b""), "query_string": b""}
    async with asyncio.timeout(1):
        await ends.webhooks.messages(scope, receive, send)
    assert sent[0]["status"] == 408


async def test_who_hangs_up_is_not_taken(ends: Ends) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(event: MutableMapping[str, Any]) -> None:
        sent.append(event)

    scope = {"type": "http", "method": "POST", "headers": signed(b""), "query_string": b""}
    await ends.webhooks.messages(scope, receive, send)
    assert not ends.taken


async def test_what_cannot_be_stored_is_not_acknowledged(ends: Ends) -> None:
    ends.failure = Unavailable("no disk")
    assert (await ends.message(form()))[0] == 503
    assert (await ends.status({"MessageSid": "SM1"}, "delivery=1"))[0] == 503


async def test_what_nobody_can_read_is_acknowledged_and_said(ends: Ends) -> None:
    ends.failure = UnreadableUpdate("From is missing")
    with capture_logs() as logs:
        assert await ends.message({}) == (200, b"<Response/>")
        assert (await ends.status({}, "a=b"))[0] == 204
    assert [line["event"] for line in logs] == ["twilio.event_skipped"] * 2
    assert logs[0]["error"] == "From is missing"


async def test_while_nobody_takes_messages_none_is_acknowledged(ends: Ends) -> None:
    ends.webhooks.take = ends.webhooks.report = None
    assert (await ends.message(form()))[0] == 503
    assert (await ends.status({"MessageSid": "SM1"}, "delivery=1"))[0] == 503
    assert (await ends.post([(b"content-type", FORM)], b"Body=a"))[0] == 403


@settings(deadline=None)
@given(
    body=st.binary(max_size=80),
    query=st.binary(max_size=20),
    signature=st.binary(max_size=40),
    kind=st.binary(max_size=20) | st.just(FORM),
    length=st.binary(max_size=12),
)
async def test_nobody_else_gets_in(
    body: bytes, query: bytes, signature: bytes, kind: bytes, length: bytes
) -> None:
    ends = Ends()
    headers = [
        (b"content-type", kind),
        (b"x-twilio-signature", signature),
        (b"content-length", length),
    ]
    for app in (ends.webhooks.messages, ends.webhooks.statuses):
        status, _ = await ends.post(headers, body, query=query, app=app)
        assert 400 <= status < 500
    assert not ends.taken
    assert not ends.reported
