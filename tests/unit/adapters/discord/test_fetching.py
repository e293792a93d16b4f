"""Files that people sent: read from a fresh address, whole, or refused in words."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from adapters.discord.fetching import fetch
from adapters.discord.rest import Rest
from gateway import Attachment, LimitExceeded, Unavailable
from gateway.testing.simulator import Fault
from tests.unit.adapters.discord.leaving import Clock, Leaving, leaving

ROSE = bytes(range(256)) * 1000


@pytest.fixture
async def dc() -> AsyncIterator[Leaving]:
    async with leaving() as everything:
        yield everything


async def sent(dc: Leaving, content: bytes = ROSE, name: str = "rose.bin") -> Attachment:
    """A file that Ann has sent, as `inbound` reads it."""
    event = await dc.simulator.send_file(content, name, person=dc.ann, place=dc.there)
    (file,) = dc.simulator._message(event).files
    return Attachment(name=name, size=len(content), ref=f"{dc.there.id}/{event}/{file.id}")


async def got(rest: Rest, attachment: Attachment, limit: int = 0) -> bytes:
    return b"".join([chunk async for chunk in fetch(rest, attachment, limit=limit)])


async def refusal(rest: Rest, attachment: Attachment, limit: int = 0) -> str:
    """Why a file cannot be had; for people, so without its address."""
    with pytest.raises(LimitExceeded) as caught:
        await got(rest, attachment, limit)
    told = "".join(traceback.format_exception(caught.value))
    assert "/attachments/" not in told
    assert "hm=" not in told
    return str(caught.value)


async def test_a_file_comes_whole(dc: Leaving) -> None:
    assert await got(dc.rest, await sent(dc)) == ROSE
    assert await got(dc.rest, await sent(dc, b"", "empty")) == b""
    assert await got(dc.rest, await sent(dc), limit=len(ROSE)) == ROSE


async def test_its_address_is_asked_for_each_time() -> None:
    clock = Clock()
    async with leaving(clock=clock, link_lifetime=60.0) as dc:
        attachment = await sent(dc)
        for _ in range(2):
            assert await got(dc.rest, attachment) == ROSE
            clock.now += 100.0
        assert dc.methods() == ["get_message", "download"] * 2


async def test_the_right_one_of_several_is_taken(dc: Leaving) -> None:
    file = dc.simulator._cdn.keep("two.bin", "", b"two")
    attachment = await sent(dc, b"one")
    event = attachment.ref.split("/")[1]
    dc.simulator._message(event).files.append(file)
    assert await got(dc.rest, attachment) == b"one"
    second = Attachment(name="two.bin", ref=f"{dc.there.id}/{event}/{file.id}")
    assert await got(dc.rest, second) == b"two"


async def test_a_forwarded_file_stands_in_what_is_forwarded(dc: Leaving) -> None:
    original = await sent(dc)
    inner = dc.simulator._message(original.ref.split("/")[1])
    shown = dc.simulator._world.showing.message(inner)
    extra = {"message_snapshots": [{"message": {"attachments": shown["attachments"]}}, None, {}]}
    event = await dc.simulator.say("", person=dc.ann, place=dc.there, extra=extra)
    file_id = original.ref.split("/")[2]
    forwarded = Attachment(name="rose.bin", ref=f"{dc.there.id}/{event}/{file_id}")
    assert await got(dc.rest, forwarded) == ROSE


async def test_what_is_too_large_is_not_even_begun(dc: Leaving) -> None:
    attachment = await sent(dc)
    assert "rose.bin is larger than 1000 bytes" in await refusal(dc.rest, attachment, 1000)
    assert dc.methods() == ["get_message"]


async def test_what_is_gone_is_told_in_words(dc: Leaving) -> None:
    attachment = await sent(dc)
    other = Attachment(name="x.txt", ref=f"{attachment.ref}0")
    assert "x.txt was deleted" in await refusal(dc.rest, other)
    await dc.simulator.delete(attachment.ref.split("/")[1])
    assert "rose.bin: Unknown Message (404" in await refusal(dc.rest, attachment)
    dc.simulator.remove(dc.there)
    assert "rose.bin: Unknown Channel (404" in await refusal(dc.rest, attachment)


@pytest.mark.parametrize("ref", ["", "/", "1/2", "../users/@me/x", "1/2/3/4", "a/b?/c"])
async def test_an_odd_reference_leads_nowhere(dc: Leaving, ref: str) -> None:
    await refusal(dc.rest, Attachment(name="x", ref=ref))
    assert "get_my_user" not in dc.methods()


@pytest.mark.parametrize("method", ["get_message", "download"])
@pytest.mark.parametrize(
    "fault", [Fault.RATE_LIMIT, Fault.SERVER_ERROR, Fault.RESET, Fault.TRUNCATED_BODY]
)
async def test_what_passes_is_no_refusal(dc: Leaving, method: str, fault: Fault) -> None:
    attachment = await sent(dc)
    # What only reads, aiohttp tries again by itself when a connection breaks that was used before.
    times = 2 if fault is Fault.RESET else 1
    dc.simulator.fail_next(fault, times, method=method, retry_after=7.0)
    with pytest.raises(Unavailable) as caught:
        await got(dc.rest, attachment)
    if fault is Fault.RATE_LIMIT and method == "get_message":
        assert caught.value.retry_after == 7.0
    assert "hm=" not in "".join(traceback.format_exception(caught.value))
    assert await got(dc.rest, attachment) == ROSE


async def test_while_discord_is_away(dc: Leaving) -> None:
    attachment = await sent(dc)
    await dc.simulator.outage(True)
    with pytest.raises(Unavailable):
        await got(dc.rest, attachment)


# A CDN that does what Discord's does not.


async def served(dc: Leaving, attachment: Attachment, handler: Any, **about: Any) -> bytes:
    """Fetch a file whose address is somewhere else."""
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/attachments/x?hm=1"
    message = dc.simulator._message(attachment.ref.split("/")[1])
    message.files[0].extra.update({"url": url, **about})
    try:
        return await got(dc.rest, attachment)
    finally:
        await runner.cleanup()


async def test_more_than_was_announced_is_not_taken(dc: Leaving) -> None:
    async def handler(_: web.BaseRequest) -> web.Response:
        return web.Response(body=ROSE)

    attachment = await sent(dc)
    assert await served(dc, attachment, handler) == ROSE
    with pytest.raises(LimitExceeded, match=r"larger than 10 bytes"):
        await served(dc, attachment, handler, size=10)


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, LimitExceeded), (403, LimitExceeded), (302, LimitExceeded), (503, Unavailable)],
)
async def test_other_answers_are_no_content(
    dc: Leaving, status: int, error: type[Exception]
) -> None:
    seen: list[str | None] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(status=status, body=b"no", headers={"Location": "http://127.0.0.1:1"})

    with pytest.raises(error, match=str(status)):
        await served(dc, await sent(dc), handler)
    # The bot's token is for the API, and for nobody else.
    assert seen == [None]


async def test_only_pages_are_fetched(dc: Leaving) -> None:
    attachment = await sent(dc)
    message = dc.simulator._message(attachment.ref.split("/")[1])
    for url in ("file:///etc/passwd", None, 7):
        message.files[0].extra["url"] = url
        assert "deleted" in await refusal(dc.rest, attachment)


async def test_an_address_that_is_none_is_not_told(dc: Leaving) -> None:
    attachment = await sent(dc)
    message = dc.simulator._message(attachment.ref.split("/")[1])
    message.files[0].extra["url"] = "http://[::1/attachments/x?hm=1"
    with pytest.raises(Unavailable) as caught:
        await got(dc.rest, attachment)
    assert "hm=" not in "".join(traceback.format_exception(caught.value))


async def test_a_closed_session_is_nobody_to_talk_to(dc: Leaving) -> None:
    http = aiohttp.ClientSession()
    await http.close()
    with pytest.raises(Unavailable):
        await got(Rest("t", "http://127.0.0.1:1", http), await sent(dc))
