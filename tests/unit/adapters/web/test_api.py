"""The API where a real gateway is hard to bring to it; the rest is in tests/scenarios."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
from starlette.applications import Starlette

from adapters.web import feed
from adapters.web.exchange import Line
from gateway import Delivery, Receipt, Sent, Unavailable
from gateway.domain import Address
from tests.unit.adapters.web.standin import StandIn


@pytest.fixture
async def gateway() -> AsyncIterator[StandIn]:
    standin = StandIn(speed=0)
    yield standin
    for task in standin.running.values():
        task.cancel()


@pytest.fixture
async def http(gateway: StandIn) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an adapter that does not run yet."""
    transport = httpx.ASGITransport(Starlette(routes=gateway.adapter.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://web") as client:
        yield client


@pytest.fixture
async def client(gateway: StandIn, http: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client in a session of an adapter that runs."""
    task = asyncio.create_task(gateway.adapter.run(gateway.receive))
    await asyncio.sleep(0)
    opened = await http.post("/api/session")
    http.headers["Authorization"] = f"bearer {opened.json()['token']}"
    yield http
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/session"), ("POST", "/api/chat"), ("GET", "/api/chat/events")],
)
async def test_before_it_runs_clients_are_sent_away_for_a_while(
    gateway: StandIn, http: httpx.AsyncClient, method: str, path: str
) -> None:
    ticket = await gateway.create("web")
    headers = {"Authorization": f"Bearer {ticket.token}"}
    answer = await http.request(
        method, path, json={"text": "x"} if "chat" in path else {}, headers=headers
    )
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize(
    ("receipt", "status", "retry_after"),
    [
        (Receipt(outcome="refused", retry_after=0.2), 429, "1"),
        (Receipt(outcome="refused", retry_after=41.2), 429, "42"),
        (Receipt(outcome="refused", reason="not on the allow list"), 403, None),
        (Receipt(outcome="ignored", reason="nothing to do"), 422, None),
        (Receipt(outcome="accepted", duplicate=True, conflict=True), 409, None),
    ],
)
async def test_what_a_receipt_means(
    gateway: StandIn,
    client: httpx.AsyncClient,
    receipt: Receipt,
    status: int,
    retry_after: str | None,
) -> None:
    async def given() -> Receipt:
        return receipt

    gateway.next_receipt = given
    for accept in ("application/json", "text/event-stream"):
        answer = await client.post("/api/chat", json={"text": "x"}, headers={"Accept": accept})
        assert answer.status_code == status
        assert answer.headers.get("Retry-After") == retry_after
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert receipt.reason in answer.json()["detail"]


async def test_a_store_that_is_away(gateway: StandIn, client: httpx.AsyncClient) -> None:
    async def away() -> Receipt:
        raise Unavailable("disk full", retry_after=7.5)

    gateway.next_receipt = away
    answer = await client.post("/api/chat", json={"text": "x"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "8")
    assert "disk" not in answer.text


async def test_a_post_is_streamed(client: httpx.AsyncClient) -> None:
    headers = {"Accept": "text/event-stream"}
    answer = await client.post("/api/chat", json={"text": "hello"}, headers=headers)
    kinds = [line for line in answer.text.splitlines() if line.startswith("event: ")]
    assert kinds[0] == "event: task"
    assert kinds[-1] == "event: done"


async def test_files_are_sent_and_named(gateway: StandIn, client: httpx.AsyncClient) -> None:
    sent = await client.post("/api/files", files={"file": ("é.txt", b"hello", "text/plain")})
    assert sent.status_code == 201
    file = sent.json()
    assert file == {
        "id": file["id"],
        "name": "é.txt",
        "media_type": "text/plain",
        "size": 5,
        "url": f"/files/{file['id']}?exp=1&sig=x",
    }
    said = {"text": "", "attachments": [file["id"], file["id"]]}
    assert (await client.post("/api/chat", json=said)).status_code == 200
    asked = (await client.get("/api/chat/history")).json()["messages"][0]
    assert (asked["role"], asked["attachments"]) == ("user", [file])


async def test_a_file_that_is_too_large(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/files", files={"file": ("a.txt", b"x" * 1001)})
    assert answer.status_code == 413
    assert answer.json()["detail"] == "a.txt is larger than 1000 bytes."
    answer = await client.post("/api/files", files={"file": ("a.txt", b"x" * 100_000)})
    assert answer.status_code == 413
    assert answer.json()["detail"] == "The file is larger than 1,000 bytes."


async def test_a_file_needs_a_token_before_its_first_byte_is_read(
    client: httpx.AsyncClient,
) -> None:
    client.headers["Authorization"] = "Bearer wrong"
    answer = await client.post("/api/files", files={"file": ("a.txt", b"x" * 100_000)})
    assert answer.status_code == 401


async def test_files_do_not_go_with_a_reset_or_a_button(client: httpx.AsyncClient) -> None:
    file = (await client.post("/api/files", files={"file": ("a", b"x")})).json()
    for said in ({"text": "/new look"}, {"text": "", "question": "q", "option": 0}):
        answer = await client.post("/api/chat", json={**said, "attachments": [file["id"]]})
        assert answer.status_code == 422
    assert (await client.get("/api/session")).status_code == 200


async def test_an_address_opens_so_many_sessions_and_sends_so_many_files() -> None:
    gateway = StandIn(speed=0, sessions_per_minute=2, files_per_minute=1)
    transport = httpx.ASGITransport(
        Starlette(routes=gateway.adapter.routes()), client=("192.0.2.7", 1)
    )
    running = asyncio.create_task(gateway.adapter.run(gateway.receive))
    await asyncio.sleep(0)
    async with httpx.AsyncClient(transport=transport, base_url="http://web") as http:
        opened = [await http.post("/api/session") for _ in range(3)]
        assert [one.status_code for one in opened] == [201, 201, 429]
        assert opened[2].headers["Retry-After"] == "30"
        assert opened[2].json()["detail"] == "Too many sessions. Please try again in 30 s."
        http.headers["Authorization"] = f"Bearer {opened[0].json()['token']}"
        sent = [await http.post("/api/files", files={"file": ("a", b"x")}) for _ in range(2)]
        assert [one.status_code for one in sent] == [201, 429]
        assert sent[1].headers["Retry-After"] == "60"
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_idle_streams_beat_and_find_what_live_events_lost(
    gateway: StandIn, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "BEAT", 0.01)
    kept = next(iter(gateway.kept.values()))
    line = Line(gateway)  # type: ignore[arg-type]
    held = asyncio.create_task(line.hold(gateway.receive))
    await asyncio.sleep(0)
    frames = feed.session_frames(line, kept.session, 0)
    assert [await anext(frames) for _ in range(2)] == [b": \n\n"] * 2
    monkeypatch.setattr(gateway, "show", lambda *_, **__: None)
    await client.post("/api/chat", json={"text": "hello", "wait": 0})
    async with asyncio.timeout(5):
        while not (frame := await anext(frames)).startswith(b"event: message"):
            pass
    assert b"hello" in frame
    held.cancel()
    assert [frame async for frame in frames] == []
    with suppress(asyncio.CancelledError):
        await held


async def test_a_gap_in_live_events_is_filled(gateway: StandIn, client: httpx.AsyncClient) -> None:
    kept = next(iter(gateway.kept.values()))
    line = Line(gateway)  # type: ignore[arg-type]
    held = asyncio.create_task(line.hold(gateway.receive))
    await asyncio.sleep(0)
    frames = feed.session_frames(line, kept.session, 0)
    assert await anext(frames) == b": \n\n"
    show, lost = gateway.show, ["message"]

    def lossy(session_id: str, kind: str, data: dict[str, object], number: int = 0) -> None:
        if kind not in lost:
            show(session_id, kind, data, number)
        else:
            lost.clear()

    gateway.show = lossy  # type: ignore[method-assign]
    await client.post("/api/chat", json={"text": "hello"})
    while not (frame := await anext(frames)).startswith(b"event: message"):
        pass
    assert frame.count(b"event: message") == 2
    assert frame.index(b"id: 1") < frame.index(b"id: 2")
    await frames.aclose()
    held.cancel()
    with suppress(asyncio.CancelledError):
        await held


async def test_nothing_needs_to_be_sent(gateway: StandIn) -> None:
    delivery = Delivery(
        id="d", channel="web", lane_id="l", address=Address(destination="c"), text="x"
    )
    assert await gateway.adapter.send(delivery) == Sent()
