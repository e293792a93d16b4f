"""Files on the simulated Slack, in both directions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.unit.adapters.slack.loopback import Loopback, loopback


@pytest.fixture
async def sl() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


def authorised(sl: Loopback, account: str = "") -> dict[str, str]:
    return {"Authorization": f"Bearer {sl.simulator.settings(account)['bot_token']}"}


async def test_a_file_of_a_person(sl: Loopback) -> None:
    socket = await sl.connect()
    said = await sl.simulator.send_file(
        b"\0roses", "A rose.png", "image/png", person=sl.ann, place=sl.here, caption="look"
    )
    event = await socket.event()
    (file,) = event["files"]
    assert (event["subtype"], event["text"]) == ("file_share", "look")
    assert (file["name"], file["mimetype"], file["size"]) == ("A rose.png", "image/png", 6)
    assert (await sl.call("files.info", file=file["id"]))["file"] == file
    for address in (file["url_private"], file["url_private_download"]):
        async with sl.http.get(address, headers=authorised(sl)) as response:
            assert await response.read() == b"\0roses"
            assert response.content_type == "image/png"
    assert [call.method for call in sl.simulator.calls("download")] == ["download"] * 2
    assert said.startswith(sl.here.id)


async def test_who_may_not_download_is_led_to_the_page_to_sign_in(sl: Loopback) -> None:
    poor = sl.simulator.add_app("poor", scopes=["im:history"])
    socket = await sl.connect()
    await sl.simulator.send_file(b"roses", "a.bin", person=sl.ann, place=sl.here)
    address = (await socket.event())["files"][0]["url_private"]
    for headers in ({}, {"Authorization": "Bearer xoxb-1"}, authorised(sl, poor)):
        async with sl.http.get(address, headers=headers, allow_redirects=False) as response:
            assert response.status == 302
        async with sl.http.get(address, headers=headers) as response:
            assert (response.status, response.content_type) == (200, "text/html")


async def test_a_file_that_is_not_what_it_was(sl: Loopback) -> None:
    socket = await sl.connect()
    fields = {"mode": "tombstone", "url_private": None}
    await sl.simulator.send_file(b"a", "a.txt", person=sl.ann, place=sl.here, fields=fields)
    (file,) = (await socket.event())["files"]
    assert (file["mode"], file["url_private"]) == ("tombstone", None)


async def upload(sl: Loopback, content: bytes, name: str = "a.txt") -> str:
    ticket = await sl.call("files.getUploadURLExternal", filename=name, length=len(content))
    async with sl.http.post(ticket["upload_url"], data=content) as response:
        assert (response.status, await response.text()) == (200, f"OK - {len(content)}")
    return str(ticket["file_id"])


async def test_a_file_of_the_app(sl: Loopback) -> None:
    said = await sl.simulator.say("a picture?", person=sl.ann, place=sl.here)
    thread = said.partition(":")[2]
    ids = [await upload(sl, b"\0", "r.png"), await upload(sl, b"roses", "a.bin")]
    answer = await sl.call(
        "files.completeUploadExternal",
        files=[{"id": ids[0], "title": "Rose"}, {"id": ids[1]}],
        channel_id=sl.here.id,
        thread_ts=thread,
        initial_comment="a &lt; b",
    )
    assert answer["files"] == [{"id": ids[0], "title": "Rose"}, {"id": ids[1], "title": "a.bin"}]
    (seen,) = sl.simulator.sent(sl.here)
    assert (seen.text, seen.reply_to) == ("a < b", thread)
    assert [(file.name, file.media_type, file.content) for file in seen.files] == [
        ("r.png", "image/png", b"\0"),
        ("a.bin", "application/octet-stream", b"roses"),
    ]
    again = await sl.refused(
        "files.completeUploadExternal", files=[{"id": ids[0]}], channel_id=sl.here.id
    )
    assert again == "file_not_found"


async def test_a_form_will_do(sl: Loopback) -> None:
    ticket = await sl.call("files.getUploadURLExternal", filename="a", length=3)
    form = aiohttp.FormData()
    form.add_field("file", b"abc", filename="a")
    async with sl.http.post(ticket["upload_url"], data=form) as response:
        assert response.status == 200


async def test_uploads_that_fail(sl: Loopback) -> None:
    other = sl.simulator.add_app("other")
    ask, complete = "files.getUploadURLExternal", "files.completeUploadExternal"
    assert await sl.refused(ask, filename="a", length=0) == "invalid_arguments"
    assert await sl.refused(ask, filename="a", length=2**40) == "file_upload_size_restricted"
    ticket = await sl.call(ask, filename="a", length=3)
    where = {"channel_id": sl.here.id}
    unfinished: Any = {"files": [{"id": ticket["file_id"]}], **where}
    assert await sl.refused(complete, **unfinished) == "file_update_failed"
    for address, status in (
        (ticket["upload_url"], 400),
        (f"{sl.simulator.url}/upload/v1/nothing", 404),
    ):
        async with sl.http.post(address, data=b"four") as response:
            assert response.status == status
    done = await upload(sl, b"roses")
    with pytest.raises(Exception, match="file_not_found"):
        await sl.call(complete, other, files=[{"id": done}], **where)
    assert await sl.refused(complete, files=[done], **where) == "invalid_arguments"
    assert await sl.refused(complete, files=[{"id": "F1"}], **where) == "file_not_found"
    assert await sl.refused(complete, files=[{"id": done}], channel_id="C1") == "channel_not_found"
    assert sl.simulator.sent() == []


async def test_equal_files_are_duplicates(sl: Loopback) -> None:
    for content in (b"a", b"b", b"b"):
        file_id = await upload(sl, content)
        await sl.call(
            "files.completeUploadExternal", files=[{"id": file_id}], channel_id=sl.here.id
        )
    assert len(sl.simulator.duplicates(sl.here)) == 1
