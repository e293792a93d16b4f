"""Files that people send."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web

from adapters.telegram import attachments
from gateway import Attachment, Inbound, LimitExceeded, Unavailable
from gateway.testing.simulator import Fault
from tests.unit.adapters.telegram.channel import Channel, channel

MEGABYTE = 2**20


@pytest.fixture
async def tg() -> AsyncIterator[Channel]:
    async with channel() as everything:
        yield everything


async def got(tg: Channel, attachment: Attachment) -> bytes:
    return b"".join([chunk async for chunk in tg.adapter.fetch(attachment)])


async def sent(tg: Channel, content: bytes) -> Attachment:
    """A file that Ann sends, as the adapter reads of it."""
    event = await tg.simulator.send_file(
        content, "a rose.bin", "application/octet-stream", person=tg.ann, place=tg.here
    )
    update = tg.simulator._world.bots[1000].updates.past(int(event))
    read = tg.adapter.parse(orjson.dumps(update))
    assert isinstance(read, Inbound)
    return read.attachments[0]


@pytest.mark.parametrize("size", [1, 200_000, attachments.LARGEST])
async def test_a_file_comes_whole(tg: Channel, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert await got(tg, await sent(tg, content)) == content


async def test_a_large_file_comes_piece_by_piece(tg: Channel) -> None:
    attachment = await sent(tg, b"x" * MEGABYTE)
    pieces = [len(chunk) async for chunk in tg.adapter.fetch(attachment)]
    assert len(pieces) >= 16


async def test_a_file_too_large_is_said_so_without_a_call(tg: Channel) -> None:
    with pytest.raises(LimitExceeded, match=r"up to 20 MB; this one has 35 MB"):
        await got(tg, Attachment(name="film.mp4", size=35 * MEGABYTE, ref="x"))
    assert not tg.methods()


async def test_what_telegram_finds_too_large_is_said_so_too(tg: Channel) -> None:
    attachment = await sent(tg, b"x" * (attachments.LARGEST + 1))
    with pytest.raises(LimitExceeded, match="up to 20 MB; this one is larger"):
        await got(tg, Attachment(name="film.mp4", ref=attachment.ref))
    assert tg.methods() == ["getFile"]


async def test_a_file_that_is_not_there_is_not_waited_for(tg: Channel) -> None:
    with pytest.raises(LimitExceeded, match="does not hand out this file"):
        await got(tg, Attachment(name="x", ref="nothing"))


@pytest.mark.parametrize("method", ["getFile", "download"])
@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RESET, Fault.RATE_LIMIT])
async def test_trouble_on_the_way_passes(tg: Channel, method: str, fault: Fault) -> None:
    attachment = await sent(tg, b"x" * 1000)
    # Twice: a reset while nothing was read yet is tried again below us.
    tg.simulator.fail_next(fault, 2, method=method, retry_after=7)
    with pytest.raises(Unavailable) as caught:
        await got(tg, attachment)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "s3cr3t" not in shown
    tg.simulator.clear_faults()
    assert await got(tg, attachment) == b"x" * 1000


async def test_while_telegram_is_away_it_is_said_so(tg: Channel) -> None:
    attachment = await sent(tg, b"x")
    await tg.simulator.outage(True)
    with pytest.raises(Unavailable):
        await got(tg, attachment)


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def odd(tg: Channel, file: dict[str, Any], download: Answer) -> bytes:
    """What comes of a server of one's own that answers like this."""

    async def get_file(_: web.Request) -> web.Response:
        return web.json_response({"ok": True, "result": {"file_id": "x", **file}})

    app = web.Application()
    app.router.add_post("/bot{token}/getFile", get_file)
    app.router.add_get("/file/{path:.*}", download)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return await got(tg.again(api_url=url), Attachment(name="x", ref="x"))
    finally:
        await runner.cleanup()


async def nothing(_: web.Request) -> web.StreamResponse:
    raise AssertionError("nothing was to be got")


@pytest.mark.parametrize("path", ["/var/lib/x.jpg", "../../secret", "photos/../../x"])
async def test_a_path_out_of_bounds_is_not_followed(tg: Channel, path: str) -> None:
    with pytest.raises(LimitExceeded, match="--local"):
        await odd(tg, {"file_path": path}, nothing)


@pytest.mark.parametrize("file", [{}, {"file_path": ""}, {"file_path": 5}])
async def test_no_path_is_trouble(tg: Channel, file: dict[str, Any]) -> None:
    with pytest.raises(Unavailable, match="where the file is"):
        await odd(tg, file, nothing)


async def test_more_than_was_told_is_not_read(tg: Channel) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x" * MEGABYTE)
        return response

    with pytest.raises(LimitExceeded, match="up to 20 MB"):
        await odd(tg, {"file_path": "a", "file_size": 5}, endless)
    with pytest.raises(LimitExceeded, match="this one has 30 MB"):
        await odd(tg, {"file_path": "a", "file_size": 30 * MEGABYTE}, nothing)


async def test_a_redirect_is_not_followed_and_a_path_is_quoted(tg: Channel) -> None:
    seen = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        seen.append(request.raw_path)
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})

    with pytest.raises(Unavailable, match="the answer is 302"):
        await odd(tg, {"file_path": "a?b#c/d e"}, elsewhere)
    assert [path.partition("/file/bot")[2].partition("/")[2] for path in seen] == [
        "a%3Fb%23c/d%20e"
    ]
