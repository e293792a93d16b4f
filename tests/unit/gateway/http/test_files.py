"""Files over HTTP: shown only when they are harmless, in ranges, and never without a signature."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from gateway.errors import Unavailable
from gateway.files import FileRoom
from gateway.http import files as subject
from gateway.http.files import HEADERS
from gateway.ports.store import Store
from gateway.store import connect
from tests.unit.gateway.files import samples
from tests.unit.gateway.files.people import pieces, visitor

PAGE = b"<html><script>alert(1)</script>"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = connect(f"sqlite:///{tmp_path}/gateway.db", replica="test")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def room(store: Store, tmp_path: Path) -> FileRoom:
    return FileRoom(folder=tmp_path / "files", store=store, limit=0)


@pytest.fixture
async def http(room: FileRoom) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=subject.routes(room)))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


async def link(room: FileRoom, store: Store, name: str, content: bytes) -> str:
    return room.link(await room.keep(await visitor(store), name, pieces(content)))


@pytest.mark.parametrize(
    ("name", "content", "shown", "kind"),
    [
        ("a.png", samples.png(), "inline", "image/png"),
        ("a.jpg", samples.jpeg(), "inline", "image/jpeg"),
        ("a.gif", samples.gif(), "inline", "image/gif"),
        ("a.webp", samples.webp(), "inline", "image/webp"),
        ("a.png", samples.png(60_000, 60_000), "attachment", "application/octet-stream"),
        ("a.png", PAGE, "attachment", "text/plain; charset=utf-8"),
        ("a.html", PAGE, "attachment", "text/plain; charset=utf-8"),
        ("a.svg", b"<svg onload='alert(1)'/>", "attachment", "text/plain; charset=utf-8"),
        ("a.pdf", b"%PDF-1.7", "attachment", "application/pdf"),
    ],
)
async def test_only_images_are_shown(
    http: httpx.AsyncClient,
    room: FileRoom,
    store: Store,
    name: str,
    content: bytes,
    shown: str,
    kind: str,
) -> None:
    answer = await http.get(await link(room, store, name, content))
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Disposition"].startswith(f"{shown}; filename")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_what_stands_on_every_file() -> None:
    assert HEADERS == {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


async def test_a_browser_keeps_it_as_long_as_the_link_lives(
    http: httpx.AsyncClient, room: FileRoom, store: Store
) -> None:
    url = await link(room, store, "a", b"x")
    answer = await http.get(url)
    private, age, immutable = answer.headers["Cache-Control"].split(", ")
    assert (private, immutable) == ("private", "immutable")
    left = int(httpx.URL(url).params["exp"]) - time.time()
    assert abs(int(age.removeprefix("max-age=")) - left) < 2


async def test_a_name_in_any_script_is_one_header(
    http: httpx.AsyncClient, room: FileRoom, store: Store
) -> None:
    answer = await http.get(await link(room, store, 'é"\r\nX: y\u202e.txt', b"x"))
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename*=utf-8''%C3%A9%22%20X%3A%20y.txt"
    )
    assert "X" not in answer.headers


async def test_part_of_a_file(http: httpx.AsyncClient, room: FileRoom, store: Store) -> None:
    url = await link(room, store, "a.bin", bytes(range(200)))
    answer = await http.get(url, headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.content) == (206, bytes(range(10, 20)))
    assert answer.headers["Content-Range"] == "bytes 10-19/200"
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    head = await http.head(url)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "200")
    again = {"Range": "bytes=10-19", "If-Range": head.headers["ETag"]}
    assert (await http.get(url, headers=again)).status_code == 206
    assert (await http.get(url, headers={"Range": "bytes=500-"})).status_code == 416


@pytest.mark.parametrize(
    ("query", "status"),
    [("?exp=9999999999&sig={sig}", 403), ("?exp={exp}&sig=x", 403), ("", 403), ("?token=x", 403)],
)
async def test_a_changed_link(
    http: httpx.AsyncClient, room: FileRoom, store: Store, query: str, status: int
) -> None:
    url = httpx.URL(await link(room, store, "a", b"x"))
    answer = await http.get(url.path + query.format(**url.params))
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["detail"] == "This link was not made here, or it was changed."


async def test_an_expired_link(http: httpx.AsyncClient, store: Store, tmp_path: Path) -> None:
    past = FileRoom(folder=tmp_path / "files", store=store, limit=0, clock=lambda: 1e9)
    answer = await http.get(await link(past, store, "a", b"x"))
    assert (answer.status_code, answer.json()["title"]) == (410, "The link has expired")


async def test_a_file_that_is_gone(
    http: httpx.AsyncClient, room: FileRoom, store: Store, tmp_path: Path
) -> None:
    url = await link(room, store, "a", b"x")
    for path in (tmp_path / "files").glob("*/*"):
        path.unlink()
    answer = await http.get(url)
    assert (answer.status_code, answer.json()["detail"]) == (404, "This file was deleted.")


async def test_a_store_that_is_away(
    http: httpx.AsyncClient, room: FileRoom, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("disk full", retry_after=7.0)

    url = await link(room, store, "a", b"x")
    monkeypatch.setattr(store, "file", away)
    answer = await http.get(url)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert "disk" not in answer.text
