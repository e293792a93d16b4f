"""Forms that are not one whole file, and those that are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from adapters.web import upload as subject
from adapters.web.problems import Refusal
from adapters.web.upload import Upload

BOUNDARY = "b0undary"
HEAD = b'Content-Disposition: form-data; name="file"; filename="cat.png"\r\n'


def form(content: bytes, *, head: bytes = HEAD, end: bytes = b"\r\n--b0undary--\r\n") -> bytes:
    return b"--b0undary\r\n" + head + b"\r\n" + content + end


def request(
    pieces: Iterable[bytes], *, kind: str = "", length: str | None = None, stalls: bool = False
) -> Request:
    """A request whose body comes in pieces, and then ends, or no more of it comes."""
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        if left:
            body = left.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(left) or stalls}
        if stalls:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    declared = kind or f"multipart/form-data; boundary={BOUNDARY}"
    headers = [(b"content-type", declared.encode())]
    if length is not None:
        headers.append((b"content-length", length.encode()))
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def taken(asked: Request, limit: int = 1000) -> tuple[str, str, bytes]:
    upload = Upload(asked, limit)
    await upload.begin()
    content = b"".join([piece async for piece in upload.content()])
    return upload.name, upload.media_type, content


async def refused(asked: Request, limit: int = 1000) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        await taken(asked, limit)
    return caught.value.status, caught.value.detail


async def test_a_file_in_a_form() -> None:
    head = HEAD + b"Content-Type: image/png\r\n"
    asked = request([form(b"pixels\r\n--b0undar", head=head)])
    assert await taken(asked) == ("cat.png", "image/png", b"pixels\r\n--b0undar")


@given(st.binary(max_size=300), st.integers(1, 40))
async def test_it_may_come_in_any_pieces(content: bytes, size: int) -> None:
    body = form(content.replace(b"\r\n--b0undary", b""))
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    assert (await taken(request(pieces)))[2] == content.replace(b"\r\n--b0undary", b"")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b'name="file"; filename="na\xc3\xafve \xf0\x9f\x91\xbe.txt"', "naïve 👾.txt"),
        (b'name="file"; filename="a%22b%0D%0Ac.txt"', 'a"b  c.txt'),
        (b'name="file"; filename="100%25.txt"', "100%25.txt"),
        (b'name="file"; filename="a\\"b.txt"', 'a"b.txt'),
        (b'name="file"; filename="\xff.txt"', "\ufffd.txt"),
        (b'name="file"; filename="C:\\fakepath\\a.txt"', "a.txt"),
        (b'name="file"; filename=""', ""),
        (b'name="file"', ""),
    ],
)
async def test_a_name_as_browsers_write_it(header: bytes, name: str) -> None:
    head = b"content-disposition: form-data; " + header + b"\r\n"
    assert (await taken(request([form(b"x", head=head)])))[0] == name


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 71,
        "multipart/form-data; boundary=b0undar",
        "multipart/mixed; boundary=b0undary",
        "image/png",
    ],
)
async def test_what_is_no_form(kind: str) -> None:
    assert (await refused(request([form(b"x")], kind=kind)))[0] == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b0undary--\r\n",
        b"--b0undary\r\n",
        form(b"x")[:20],
        form(b"x", end=b""),
        form(b"x", end=b"\r\n--b0undary"),
        form(b"x", end=b"\r\n--b0undary-"),
        form(b"x", end=b"\r\n--b0undary\r\n" + HEAD + b"\r\nagain\r\n--b0undary--\r\n"),
        form(b"x", head=HEAD.replace(b'"file"', b'"photo"')),
        form(b"x", head=b"Content-Type: image/png\r\n"),
        form(b"x", head=b""),
        form(b"x", head=HEAD + b"X: y\r\n" * 8),
        form(b"x", head=HEAD + b"X: " + b"y" * 9000 + b"\r\n"),
        form(b"x", head=HEAD + b"X" * 9000 + b": y\r\n"),
        form(b"x", head=HEAD + b"X\0Y: z\r\n"),
        b"--b0undary\r\n\r\n" * 100_000,
        b"garbage",
    ],
    ids=lambda body: sha256(body).hexdigest()[:8],
)
async def test_what_is_not_one_whole_file(body: bytes) -> None:
    assert (await refused(request([body]), 10_000_000))[0] == 422
    pieces = [body[at : at + 7] for at in range(0, len(body[:20_000]), 7)] or [b""]
    assert (await refused(request(pieces), 10_000_000))[0] == 422


async def test_an_epilogue_is_ignored_up_to_a_limit() -> None:
    assert (await taken(request([form(b"x"), b"more"])))[2] == b"x"
    endless = request([form(b"x"), *[b"y" * 10_000] * 100])
    assert await refused(endless) == (413, "The file is larger than 1,000 bytes.")


async def test_too_large_is_known_by_the_length_or_by_what_comes() -> None:
    asked = request([form(b"x")], length=str(1_000_000 + subject._AROUND + 1), stalls=True)
    status, detail = await refused(asked, 1_000_000)
    assert (status, detail) == (413, "The file is larger than 1,000,000 bytes.")
    lying = request([b"--b0undary\r\n" + HEAD + b"\r\n", *[b"x" * 50_000] * 100], length="10")
    assert (await refused(lying, 100_000))[0] == 413
    assert len((await taken(request([form(b"x" * 500_000)]), 0))[2]) == 500_000


async def test_it_is_passed_on_while_it_comes() -> None:
    upload = Upload(request([form(b"x" * 10, end=b"")], stalls=True), 1000)
    await upload.begin()
    content = upload.content()
    assert await anext(content) == b"x" * 10
    await content.aclose()


@pytest.mark.parametrize("limit", ["SILENCE", "WHOLE"])
async def test_nobody_waits_for_a_slow_sender(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(subject, limit, 0.02)
    assert (await refused(request([form(b"x")[:30]], stalls=True)))[0] == 408


async def test_a_sender_who_leaves() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    asked = request([])
    asked._receive = gone
    assert (await refused(asked))[0] == 400
