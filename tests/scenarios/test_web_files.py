"""Files over HTTP, against the real process: sent, named, opened, and gone with their session."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest

from adapters.web import models
from tests.support.process import GatewayProcess
from tests.support.web import Answer, Event, WebClient
from tests.unit.gateway.files import samples

LIMIT = 2 << 20

CONFIG: dict[str, Any] = {
    "agents": {"echo": {"kind": "echo", "prefix": "echo: "}},
    "channels": {"page": {"platform": "web", "agent": "echo"}},
    "limits": {"messages_per_minute": 0, "file_bytes": LIMIT},
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    process = GatewayProcess(CONFIG, tmp_path_factory.mktemp("gateway"))
    process.launch()
    yield process
    process.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield session


@pytest.fixture
async def visitor(running: GatewayProcess, http: aiohttp.ClientSession) -> WebClient:
    await running.until_ready()
    return await somebody(running, http)


@pytest.fixture
async def other(visitor: WebClient, running: GatewayProcess) -> WebClient:
    return await somebody(running, visitor.http)


async def somebody(running: GatewayProcess, http: aiohttp.ClientSession) -> WebClient:
    client = WebClient(http, running.base_url)
    await client.open()
    return client


async def send(client: WebClient, name: str, content: bytes, kind: str = "image/png") -> Answer:
    """Send a file as a browser does."""
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", BytesIO(content), filename=name, content_type=kind)
    headers = {"Authorization": f"Bearer {client.token}"}
    async with client.http.post(f"{client.url}/api/files", data=form, headers=headers) as response:
        body = await response.read()
        json = orjson.loads(body)
        return Answer(status=response.status, headers=response.headers, body=body, json=json)


async def fetch(client: WebClient, url: str) -> Answer:
    """Open a link, without a token."""
    return await WebClient(client.http, client.url).ask("GET", url)


async def until_answered(events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """Events up to the first message of the agent."""
    async for event in events:
        yield event
        if event.data.get("role") == "assistant":
            return


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    for _ in range(2000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


def stored(running: GatewayProcess) -> set[Path]:
    """Contents and drafts on disk."""
    found = running.folder.glob("data/files/**/*")
    return {path for path in found if path.is_file() and path.name != ".key"}


async def test_a_picture_is_sent_shown_and_remembered(visitor: WebClient) -> None:
    sent = await send(visitor, "Katze \u00e4.png", samples.png(), "text/html")
    assert sent.status == 201, sent
    file = models.File.model_validate(sent.json)
    assert (file.name, file.media_type, file.size) == ("Katze \u00e4.png", "image/png", 45)
    async with visitor.stream("GET", "/api/chat/events") as events:
        said = await visitor.say("", attachments=[file.id], message_id="m")
        assert said.status == 200, said
        heard = [e.data async for e in until_answered(events) if e.kind == "message"]
    [asked, *_] = (await visitor.history()).json["messages"]
    models.Message.model_validate(asked)
    assert [one["id"] for one in asked["attachments"]] == [file.id]
    assert heard[0] == asked
    shown = await fetch(visitor, asked["attachments"][0]["url"])
    assert (shown.status, shown.body) == (200, samples.png())
    assert shown.headers["Content-Type"] == "image/png"
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert visitor.token not in asked["attachments"][0]["url"]


async def test_a_page_in_disguise_is_never_shown(visitor: WebClient) -> None:
    page = b"<!doctype html><script>alert(document.cookie)</script>"
    file = (await send(visitor, "../../cat.png", page)).json
    assert (file["name"], file["media_type"]) == ("cat.png", "text/plain")
    answer = await fetch(visitor, file["url"])
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


async def test_files_of_others_are_nobodys(visitor: WebClient, other: WebClient) -> None:
    mine = (await send(visitor, "a.txt", b"mine")).json
    theirs = (await send(other, "a.txt", b"theirs")).json
    answer = await other.say("look", attachments=[mine["id"]])
    assert (answer.status, answer.json["detail"]) == (404, "There is no such file.")
    assert (await other.history()).texts == []
    query = urlsplit(mine["url"]).query
    assert (await fetch(other, f"/files/{theirs['id']}?{query}")).status == 403
    assert (await fetch(other, f"/files/{mine['id']}")).status == 403


async def test_a_file_goes_with_its_session_and_with_the_last_one(
    running: GatewayProcess, visitor: WebClient, other: WebClient
) -> None:
    before = stored(running)
    mine = (await send(visitor, "a.txt", b"the same for both")).json
    theirs = (await send(other, "b.txt", b"the same for both")).json
    assert len(stored(running) - before) == 1
    await visitor.say("look", attachments=[mine["id"]])
    assert (await visitor.ask("DELETE", "/api/session")).status == 204
    assert (await fetch(visitor, mine["url"])).status == 404
    assert (await fetch(other, theirs["url"])).body == b"the same for both"
    assert (await other.ask("DELETE", "/api/session")).status == 204
    assert (await fetch(other, theirs["url"])).status == 404
    assert stored(running) == before


async def test_a_repetition_has_the_same_files(visitor: WebClient) -> None:
    one, other = [(await send(visitor, "a.txt", text)).json["id"] for text in (b"1", b"2")]
    first = await visitor.say("look", attachments=[one], message_id="m")
    again = await visitor.say("look", attachments=[one], message_id="m")
    assert (first.status, again.json) == (200, first.json)
    answer = await visitor.say("look", attachments=[other], message_id="m")
    assert answer.status == 409


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT + 1_000_000])
async def test_too_large_is_told_and_leaves_nothing(
    running: GatewayProcess, visitor: WebClient, size: int
) -> None:
    before = stored(running)
    answer = await send(visitor, "notes.pdf", b"x" * size)
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["detail"].endswith("is larger than 2 MB.")
    assert stored(running) == before
    assert (await send(visitor, "notes.pdf", b"x" * LIMIT)).status == 201


def raw(client: WebClient, head: str, body: bytes, *, close: bool = True) -> bytes:
    """Send bytes as they are, and read what comes back until the connection ends."""
    url = urlsplit(client.url)
    lines = [
        "POST /api/files HTTP/1.1",
        "Host: gateway",
        "Connection: close",
        f"Authorization: Bearer {client.token}",
        "Content-Type: multipart/form-data; boundary=b",
        head,
        "\r\n",
    ]
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode() + body)
        if close:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
        return answer


PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("Content-Length: 100", PART + b"x" * 500 + b"\r\n--b--", b"422"),
        ("Content-Length: 90000000", b"", b"413"),
        ("Transfer-Encoding: chunked", b"5\r\n--b\r\n\r\n0\r\n\r\n", b"422"),
        ("Transfer-Encoding: chunked", b"0\r\n\r\n", b"422"),
    ],
)
async def test_lengths_that_lie(
    running: GatewayProcess, visitor: WebClient, head: str, body: bytes, status: bytes
) -> None:
    before = stored(running)
    answer = await asyncio.to_thread(raw, visitor, head, body, close=False)
    assert answer.split(b" ")[1] == status, answer
    assert stored(running) == before


async def test_a_sender_who_leaves_leaves_nothing(
    running: GatewayProcess, visitor: WebClient
) -> None:
    before = stored(running)
    await asyncio.to_thread(raw, visitor, "Content-Length: 2000000", PART + b"x" * 600_000)
    await until(lambda: stored(running) == before)
    assert "Traceback" not in running.output


async def test_nothing_of_a_link_is_logged(running: GatewayProcess, visitor: WebClient) -> None:
    file = (await send(visitor, "private name.txt", b"x")).json
    assert (await fetch(visitor, file["url"])).status == 200
    assert (await fetch(visitor, file["url"] + "0")).status == 403
    signature = urlsplit(file["url"]).query.partition("sig=")[2]
    assert signature not in running.output
    assert "private name" not in running.output


async def test_files_outlive_a_crash_and_drafts_do_not(
    tmp_path_factory: pytest.TempPathFactory, http: aiohttp.ClientSession
) -> None:
    async with GatewayProcess(CONFIG, tmp_path_factory.mktemp("own")) as own:
        client = await somebody(own, http)
        file = (await send(client, "a.txt", b"kept")).json
        url = urlsplit(client.url)
        with socket.create_connection((url.hostname, url.port)) as connection:
            head = (
                f"POST /api/files HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {client.token}\r\n"
                "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 2000000\r\n\r\n"
            )
            connection.sendall(head.encode() + PART + b"x" * 600_000)
            await until(lambda: len(stored(own)) == 2)
            own.kill()
        await own.start()
        assert (await fetch(client, file["url"])).body == b"kept"
        await until(lambda: len(stored(own)) == 1)
