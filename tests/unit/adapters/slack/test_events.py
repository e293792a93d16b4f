"""The webhook: only what Slack signed is read, and only what is durable is acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack import events as events_module
from adapters.slack.events import MAX_BODY, Events, sign
from gateway import Unavailable, UnreadableUpdate
from gateway import observability as obs

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
EVENT = {"type": "event_callback", "event_id": "Ev1", "event": {"type": "message"}}
BODY = orjson.dumps(EVENT)
JSON_TYPE = b"application/json"
FORM_TYPE = b"application/x-www-form-urlencoded"

Headers = Sequence[tuple[bytes, bytes]]


class Webhook:
    """The application, and what it took."""

    def __init__(self, secret: str = SECRET) -> None:
        self.app = Events(secret, structlog.get_logger("test"))
        self.app.take = self.take
        self.app.repeated = self.count
        self.taken: list[dict[str, Any]] = []
        self.answer: Mapping[str, Any] | None = None
        self.failure: Exception | None = None
        self.repeats = 0

    async def take(self, event: dict[str, Any]) -> Mapping[str, Any] | None:
        if self.failure is not None:
            raise self.failure
        self.taken.append(event)
        return self.answer

    def count(self) -> None:
        self.repeats += 1

    async def post(self, headers: Headers, *pieces: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer to a raw request."""
        coming = iter([(piece, True) for piece in pieces[:-1]] + [(pieces[-1], False)])
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            body, more = next(coming)
            return {"type": "http.request", "body": body, "more_body": more}

        async def send(event: MutableMapping[str, Any]) -> None:
            sent.append(event)

        scope = {"type": "http", "method": "POST", "path": "/", "headers": list(headers)}
        await self.app(scope, receive, send)
        return sent[0]["status"], sent[1].get("body", b"")

    async def signed(
        self, body: bytes = BODY, kind: bytes = JSON_TYPE, at: float | None = None, **more: str
    ) -> tuple[int, bytes]:
        """What Slack itself would be answered."""
        headers = signed(body, at=at, kind=kind)
        extra = [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]
        return await self.post([*headers, *extra], body)


def signed(
    body: bytes = BODY, *, at: float | None = None, kind: bytes = JSON_TYPE
) -> list[tuple[bytes, bytes]]:
    timestamp = str(int(time.time() if at is None else at)).encode()
    return [
        (b"x-slack-request-timestamp", timestamp),
        (b"x-slack-signature", sign(SECRET.encode(), timestamp, body)),
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
    ]


@pytest.fixture
def webhook() -> Webhook:
    return Webhook()


async def test_what_slack_signed_is_taken(webhook: Webhook) -> None:
    assert await webhook.signed() == (200, b"")
    assert webhook.taken == [EVENT]


async def test_a_body_may_come_in_pieces(webhook: Webhook) -> None:
    assert await webhook.post(signed(), BODY[:5], BODY[5:]) == (200, b"")
    assert webhook.taken == [EVENT]


async def test_the_address_is_proved_without_anybody_taking_events(webhook: Webhook) -> None:
    webhook.app.take = None
    body = orjson.dumps({"type": "url_verification", "challenge": "3eZbrw1aB", "token": "x"})
    status, answer = await webhook.signed(body)
    assert (status, orjson.loads(answer)) == (200, {"challenge": "3eZbrw1aB"})


async def test_the_address_is_proved_to_slack_only(webhook: Webhook) -> None:
    body = orjson.dumps({"type": "url_verification", "challenge": "3eZbrw1aB"})
    status, answer = await webhook.post([(b"content-type", JSON_TYPE)], body)
    assert (status, answer) == (401, b"")


async def test_a_pressed_button_comes_as_a_form(webhook: Webhook) -> None:
    press = {"type": "block_actions", "actions": [{"value": "q:1:0 &=+"}]}
    body = urlencode({"payload": orjson.dumps(press).decode()}).encode()
    assert await webhook.signed(body, FORM_TYPE + b"; charset=utf-8") == (200, b"")
    assert webhook.taken == [press]


async def test_a_slash_command_comes_as_a_form_and_may_be_answered(webhook: Webhook) -> None:
    webhook.answer = {"response_type": "ephemeral", "text": "In the thread, please."}
    fields = {"command": "/reset", "text": "", "channel_id": "C1", "user_id": "U1"}
    status, answer = await webhook.signed(urlencode(fields).encode(), FORM_TYPE)
    assert (status, orjson.loads(answer)) == (200, webhook.answer)
    assert webhook.taken == [fields]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", JSON_TYPE),
        (b"[1]", JSON_TYPE),
        (b"{", JSON_TYPE),
        (b"\xff", FORM_TYPE),
        (b"payload=%7B", FORM_TYPE),
        (b"payload=[1]", FORM_TYPE),
        (b"&".join([b"a=1"] * 200), FORM_TYPE),
    ],
)
async def test_what_is_signed_and_says_nothing_is_refused(
    webhook: Webhook, body: bytes, kind: bytes
) -> None:
    assert await webhook.signed(body, kind) == (400, b"")
    assert not webhook.taken


async def test_slack_is_told_to_come_again_when_the_store_is_away(webhook: Webhook) -> None:
    webhook.failure = Unavailable("no disk")
    assert (await webhook.signed())[0] == 503
    webhook.failure = None
    assert (await webhook.signed())[0] == 200


async def test_slack_is_told_to_come_again_when_nobody_takes_events(webhook: Webhook) -> None:
    webhook.app.take = None
    assert (await webhook.signed())[0] == 503


async def test_what_nobody_can_read_does_not_come_again(webhook: Webhook) -> None:
    webhook.failure = UnreadableUpdate("event.ts is missing")
    with obs.captured() as logs:
        assert (await webhook.signed())[0] == 200
    assert [entry["error"] for entry in logs] == ["event.ts is missing"]


async def test_it_is_noticed_that_slack_tries_once_more(webhook: Webhook) -> None:
    await webhook.signed()
    await webhook.signed(x_slack_retry_num="1", x_slack_retry_reason="http_timeout")
    assert webhook.repeats == 1
    assert len(webhook.taken) == 2


# What is not Slack's.


def without(name: bytes) -> list[tuple[bytes, bytes]]:
    return [header for header in signed() if header[0] != name]


def with_header(name: bytes, value: bytes) -> list[tuple[bytes, bytes]]:
    return [*without(name), (name, value)]


SIGNATURE, TIMESTAMP = b"x-slack-signature", b"x-slack-request-timestamp"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        without(SIGNATURE),
        without(TIMESTAMP),
        with_header(SIGNATURE, b"v0=" + b"0" * 64),
        with_header(SIGNATURE, dict(signed())[SIGNATURE][:-1]),
        with_header(SIGNATURE, "v0=é".encode()),
        with_header(SIGNATURE, b"v0=\xff\xfe"),
        with_header(TIMESTAMP, b"\xd9\xa1"),
        with_header(TIMESTAMP, b"now"),
        with_header(TIMESTAMP, b"0"),
    ],
)
async def test_strangers_are_refused(webhook: Webhook, headers: Headers) -> None:
    assert await webhook.post(headers, BODY) == (401, b"")
    assert not webhook.taken


@pytest.mark.parametrize("wait", [-301.0, 302.0])
async def test_what_was_signed_at_another_time_is_refused(webhook: Webhook, wait: float) -> None:
    assert (await webhook.signed(at=time.time() + wait))[0] == 401


async def test_a_body_that_was_written_anew_is_refused(webhook: Webhook) -> None:
    again = orjson.dumps(EVENT, option=orjson.OPT_INDENT_2)
    assert orjson.loads(again) == EVENT
    assert (await webhook.post(signed(BODY), again))[0] == 401


async def test_without_a_secret_everybody_is_refused() -> None:
    webhook = Webhook(secret="")
    timestamp = str(int(time.time())).encode()
    headers = [(TIMESTAMP, timestamp), (SIGNATURE, sign(b"", timestamp, BODY))]
    assert (await webhook.post(headers, BODY))[0] == 401


async def test_what_is_too_large_is_not_read(webhook: Webhook) -> None:
    announced = [(TIMESTAMP, str(int(time.time())).encode()), (b"content-length", b"9" * 30)]
    assert (await webhook.post(announced, b""))[0] == 413
    piece = b"x" * (MAX_BODY // 2 + 1)
    assert (await webhook.post(signed(), piece, piece, b""))[0] == 413
    assert not webhook.taken


async def test_a_body_that_never_ends_is_given_up(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "READ_WITHIN", 0.02)
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.sleep(60)
        raise AssertionError

    async def send(event: MutableMapping[str, Any]) -> None:
        sent.append(event)

    await webhook.app({"type": "http", "headers": signed()}, receive, send)
    assert sent[0]["status"] == 408


async def test_nothing_is_parsed_before_it_is_known_to_be_slack_s(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[bytes] = []
    monkeypatch.setattr(events_module, "_event", lambda kind, body: parsed.append(body))
    await webhook.post(with_header(SIGNATURE, b"v0=" + b"0" * 64), BODY)
    assert not parsed
    await webhook.signed()
    assert parsed == [BODY]


async def test_a_stranger_is_complained_of_once(webhook: Webhook) -> None:
    with obs.captured() as logs:
        for _ in range(3):
            await webhook.post([], BODY)
        await webhook.signed()
        await webhook.post([], BODY)
    assert [entry["event"] for entry in logs] == ["slack.request_unauthorized"] * 2


_HEADER = st.binary(max_size=80)


@settings(deadline=None)
@given(signature=_HEADER, timestamp=_HEADER, length=_HEADER, kind=_HEADER, body=_HEADER)
def test_whatever_the_headers_hold_is_refused_and_breaks_nothing(
    signature: bytes, timestamp: bytes, length: bytes, kind: bytes, body: bytes
) -> None:
    webhook = Webhook()
    now = str(int(time.time())).encode()
    for when in (timestamp, now):
        headers = [(SIGNATURE, signature), (TIMESTAMP, when), (b"content-length", length)]
        status, _ = asyncio.run(webhook.post([*headers, (b"content-type", kind)], body))
        assert status in {401, 413}
    assert not webhook.taken


@settings(deadline=None)
@given(kind=st.sampled_from([JSON_TYPE, FORM_TYPE, b""]) | _HEADER, body=st.binary(max_size=200))
def test_whatever_slack_signs_is_taken_or_refused(kind: bytes, body: bytes) -> None:
    status, _ = asyncio.run(Webhook().signed(body, kind))
    assert status in {200, 400}
