"""Files on the simulated Telegram, those of bots and those of people."""

from __future__ import annotations

import io
import struct
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from telegram import InputMediaDocument, InputMediaPhoto, Message
from telegram.error import BadRequest, NetworkError, TelegramError

from adapters.telegram.simulation.files import LINK_LIFETIME, MAX_DOWNLOAD, MAX_PHOTO, MAX_UPLOAD
from adapters.telegram.simulation.images import dimensions
from adapters.telegram.simulator import Rates
from adapters.telegram.transport import RateLimited
from gateway.testing.simulator import Fault, SentFile
from tests.unit.adapters.telegram.loopback import Clock, Loopback, loopback


def png(width: int = 64, height: int = 32) -> bytes:
    """The beginning of a PNG, which is all that anybody here reads."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header


@pytest.fixture
async def tg() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


async def download(tg: Loopback, path: str, token: str = "1000:secret") -> tuple[int, bytes]:
    async with tg.http.get(f"{tg.simulator.url}/file/bot{token}/{path}") as response:
        return response.status, await response.read()


async def fetched(tg: Loopback, file_id: str) -> bytes:
    """What the real client downloads takes two calls."""
    file = await tg.bot.get_file(file_id)
    assert file.file_path is not None
    status, content = await download(tg, file.file_path.rpartition("/bot1000:secret/")[2])
    assert status == 200
    return content


SENT = [
    ("photo", png(), "p.png", "image/png"),
    ("document", b"%PDF", "bill.pdf", "application/pdf"),
    ("document", b"?", "unheard.of", "application/octet-stream"),
    ("voice", b"OggS", "v.ogg", "audio/ogg"),
    ("audio", b"ID3", "song.mp3", "audio/mpeg"),
    ("video", b"ftyp", "v.mp4", "video/mp4"),
    ("animation", b"GIF", "a.mp4", "video/mp4"),
    ("video_note", b"ftyp", "n.mp4", "video/mp4"),
]


@pytest.mark.parametrize(("kind", "content", "name", "media_type"), SENT)
async def test_a_bot_sends_a_file(
    tg: Loopback, kind: str, content: bytes, name: str, media_type: str
) -> None:
    send = getattr(tg.bot, f"send_{kind}")
    captioned = {} if kind == "video_note" else {"caption": "Here"}
    message: Message = await send(tg.ann.id, content, filename=name, **captioned)
    (seen,) = tg.simulator.sent(tg.here)
    assert seen.files == (SentFile(name=name, media_type=media_type, content=content),)
    assert (seen.text, seen.files[0].size) == (captioned.get("caption", ""), len(content))
    effective: Any = message.effective_attachment
    shown = effective[-1] if kind == "photo" else effective
    assert (shown.file_size, message.caption or "") == (len(content), seen.text)
    assert await fetched(tg, shown.file_id) == content
    await send(tg.ann.id, shown.file_id)
    assert tg.simulator.sent()[1].files == seen.files


async def test_calls_say_what_was_uploaded(tg: Loopback) -> None:
    await tg.bot.send_document(tg.ann.id, b"123", filename="a.txt")
    (call,) = tg.simulator.calls("sendDocument")
    described = {"file_name": "a.txt", "media_type": "text/plain", "file_size": 3}
    assert call.parameters == {"chat_id": int(tg.ann.id), "document": described}


REFUSED = [
    ("photo", b"", "", "File must be non-empty"),
    ("photo", b"no picture", "", "Image_process_failed"),
    ("photo", png(9000, 2000), "", "Photo_invalid_dimensions"),
    ("photo", png(2100, 100), "", "Photo_invalid_dimensions"),
    ("photo", png() + bytes(MAX_PHOTO), "", "is too big for a photo; the maximum size is 10485760"),
    ("document", b"x", "c" * 1025, "Message caption is too long"),
    ("document", b"x", "😀" * 513, "Message caption is too long"),
    ("document", bytes(MAX_UPLOAD + 1), "", "Request Entity Too Large"),
]


@pytest.mark.parametrize(
    ("kind", "content", "caption", "answer"),
    REFUSED,
    ids=[str(number) for number in range(len(REFUSED))],
)
async def test_files_that_are_refused(
    tg: Loopback, kind: str, content: bytes, caption: str, answer: str
) -> None:
    # The real client does not send an empty file at all.
    form = aiohttp.FormData({"chat_id": tg.ann.id, "caption": caption})
    form.add_field(kind, io.BytesIO(content), filename="file")
    url = f"{tg.simulator.url}/bot1000:secret/send{kind.title()}"
    async with tg.http.post(url, data=form) as response:
        said = await response.json()
    assert response.status == said["error_code"] == (413 if len(content) > MAX_UPLOAD else 400)
    assert answer.lower() in said["description"].lower()
    assert tg.simulator.sent() == []


async def test_a_caption_may_have_1024_units(tg: Loopback) -> None:
    await tg.bot.send_document(tg.ann.id, b"x", caption="😀" * 512)
    assert len(tg.simulator.sent()) == 1


@pytest.mark.parametrize(
    ("method", "named", "answer"),
    [
        ("sendPhoto", {}, "There is no photo in the request"),
        ("sendPhoto", {"photo": "unknown"}, "Wrong remote file identifier specified"),
        ("sendPhoto", {"photo": "http://a.org/p.png"}, "Failed to get http url content"),
        ("getFile", {"file_id": "unknown"}, "Wrong remote file identifier specified"),
    ],
)
async def test_files_that_are_not_there(
    tg: Loopback, method: str, named: dict[str, str], answer: str
) -> None:
    assert (await tg.refused(method, chat_id=tg.ann.id, **named)).startswith(answer)


async def test_a_file_id_is_of_one_kind_and_of_those_who_were_told(tg: Loopback) -> None:
    sent = await tg.bot.send_document(tg.ann.id, b"x", filename="x.txt")
    assert sent.document is not None
    named = sent.document.file_id
    said = await tg.refused("sendPhoto", chat_id=tg.ann.id, photo=named)
    assert said == "Can't use file of type document as photo"
    other = tg.simulator.add_bot("2000:x", "other_bot")
    with pytest.raises(BadRequest, match="Wrong remote file identifier"):
        await tg.client(other).get_file(named)
    path = (await tg.call("getFile", file_id=named))["file_path"]
    assert (await download(tg, path, "2000:x"))[0] == 404
    assert (await download(tg, path, "1000:wrong"))[0] == 401


async def test_an_album_is_several_messages(tg: Loopback) -> None:
    photos = [InputMediaPhoto(png(), caption="Two", filename="a.png"), InputMediaPhoto(png(2, 1))]
    messages = await tg.bot.send_media_group(tg.ann.id, photos)
    assert len({message.media_group_id for message in messages}) == 1
    first, second = tg.simulator.sent()
    assert (first.text, second.text) == ("Two", "")
    assert (first.files[0].content, second.files[0].content) == (png(), png(2, 1))
    assert tg.simulator.duplicates() == []
    (single,) = await tg.bot.send_media_group(tg.ann.id, photos[:1])
    assert single.media_group_id is None


ALBUMS = [
    ([], "there are no messages to send"),
    (["photo"] * 11, "too many messages to send as an album"),
    (["photo", "document"], "document can't be mixed with other media types"),
    (["audio", "video"], "audio can't be mixed with other media types"),
    (["photo", "animation"], "can't parse InputMedia: type \"animation\" can't be used"),
    (["photo", "text"], 'can\'t parse InputMedia: type "text" is unsupported'),
    (["photo", "photo"], "can't parse InputMedia: media not found"),
]


@pytest.mark.parametrize(("kinds", "answer"), ALBUMS)
async def test_albums_that_are_refused(tg: Loopback, kinds: list[str], answer: str) -> None:
    media = [{"type": kind, "media": "attach://nothing"} for kind in kinds]
    # The real client takes no media but objects of its own.
    url = f"{tg.simulator.url}/bot1000:secret/sendMediaGroup"
    async with tg.http.post(url, json={"chat_id": tg.ann.id, "media": media}) as response:
        said = await response.json()
    assert said["description"].startswith(f"Bad Request: {answer}")


async def test_one_bad_file_refuses_the_whole_album(tg: Loopback) -> None:
    with pytest.raises(BadRequest, match='message #2 with the error message "image_process_failed'):
        await tg.bot.send_media_group(
            tg.ann.id, [InputMediaPhoto(png()), InputMediaPhoto(b"no picture")]
        )
    assert tg.simulator.sent() == []


async def test_an_album_counts_as_many_messages() -> None:
    async with loopback(clock=Clock(), rates=Rates()) as tg:
        group = tg.simulator.group("Crowd", people=[tg.ann])
        documents = [InputMediaDocument(b"x", filename=f"{i}.txt") for i in range(10)]
        for _ in range(2):
            await tg.bot.send_media_group(group.id, documents)
        with pytest.raises(RateLimited):
            await tg.bot.send_document(group.id, b"x")


async def test_captions_are_edited_and_texts_of_files_are_not(tg: Loopback) -> None:
    sent = await tg.bot.send_document(tg.ann.id, b"x", caption="Old")
    where = {"chat_id": tg.ann.id, "message_id": sent.message_id}
    assert await tg.refused("editMessageText", **where, text="New") == (
        "There is no text in the message to edit"
    )
    assert await tg.refused("editMessageCaption", **where, caption="c" * 1025) == (
        "Media_caption_too_long"
    )
    await tg.bot.edit_message_caption(tg.ann.id, sent.message_id, caption="New")
    assert [message.text for message in tg.simulator.sent()] == ["New"]
    plain = await tg.send("text")
    where["message_id"] = plain["message_id"]
    assert (await tg.refused("editMessageCaption", **where, caption="x")).startswith("There is no")


async def test_a_person_sends_a_photo_in_two_sizes(tg: Loopback) -> None:
    event = await tg.simulator.send_file(
        png(), "p.png", "image/png", caption="me", person=tg.ann, place=tg.here
    )
    (update,) = await tg.bot.get_updates()
    assert str(update.update_id) == event
    assert update.message is not None
    small, large = update.message.photo
    assert (large.width, large.height, update.message.caption) == (64, 32, "me")
    assert await fetched(tg, large.file_id) == png()
    assert await fetched(tg, small.file_id) != png()


@pytest.mark.parametrize("kind", ["document", "voice", "audio", "video", "sticker", "video_note"])
async def test_a_person_sends_a_file(tg: Loopback, kind: str) -> None:
    await tg.simulator.send_file(b"123", "a.bin", kind=kind, person=tg.ann, place=tg.here)
    (update,) = await tg.bot.get_updates()
    assert update.message is not None
    attachment: Any = update.message.effective_attachment
    assert attachment is getattr(update.message, kind)
    assert await fetched(tg, attachment.file_id) == b"123"


async def test_an_album_of_a_persons(tg: Loopback) -> None:
    files = [SentFile(name=f"{i}.jpg", media_type="image/jpeg", content=png(i, i)) for i in (1, 2)]
    events = await tg.simulator.send_album(files, caption="us", person=tg.ann, place=tg.here)
    updates = await tg.bot.get_updates()
    assert [str(update.update_id) for update in updates] == events
    messages = [update.message for update in updates if update.message]
    assert [message.caption for message in messages] == ["us", None]
    assert len({message.media_group_id for message in messages}) == 1
    assert [message.photo[-1].width for message in messages] == [1, 2]


async def test_files_above_20_mb_are_not_handed_out(tg: Loopback) -> None:
    for extra in (0, 1):
        content = bytes(MAX_DOWNLOAD + extra)
        await tg.simulator.send_file(content, "a.zip", person=tg.ann, place=tg.here)
    fits, beyond = [update["message"]["document"]["file_id"] for update in await tg.updates()]
    assert len(await fetched(tg, fits)) == MAX_DOWNLOAD
    assert await tg.refused("getFile", file_id=beyond) == "File is too big"


async def test_a_link_is_good_for_an_hour() -> None:
    clock = Clock()
    async with loopback(clock=clock) as tg:
        await tg.simulator.send_file(b"123", "a.txt", person=tg.ann, place=tg.here)
        (update,) = await tg.updates()
        file_id = update["message"]["document"]["file_id"]
        path = (await tg.call("getFile", file_id=file_id))["file_path"]
        assert path.startswith("documents/file_")
        assert path.endswith(".txt")
        assert await download(tg, path) == (200, b"123")
        clock.now += LINK_LIFETIME + 1
        assert (await download(tg, path))[0] == 404
        assert await fetched(tg, file_id) == b"123"


async def test_downloads_and_uploads_break_down_like_everything_else(tg: Loopback) -> None:
    await tg.simulator.send_file(b"x" * 100, "a.txt", person=tg.ann, place=tg.here)
    (update,) = await tg.updates()
    path = (await tg.call("getFile", file_id=update["message"]["document"]["file_id"]))["file_path"]
    tg.simulator.fail_next(Fault.SERVER_ERROR, method="download")
    assert (await download(tg, path))[0] == 500
    tg.simulator.fail_next(Fault.TRUNCATED_BODY, method="download")
    with pytest.raises(aiohttp.ClientPayloadError):
        await download(tg, path)
    assert await download(tg, path) == (200, b"x" * 100)
    assert [call.parameters for call in tg.simulator.calls("download")] == [{"file_path": path}] * 3
    tg.simulator.fail_next(Fault.RESET_AFTER_ACCEPT)
    with pytest.raises(NetworkError):
        await tg.bot.send_document(tg.ann.id, b"123")
    assert len(tg.simulator.sent()) == 1
    tg.simulator.fail_next(Fault.SERVER_ERROR, method="getFile")
    with pytest.raises(TelegramError):
        await tg.bot.get_file("any")


async def test_files_are_forgotten_like_everything_else() -> None:
    async with loopback(keep=2) as tg:
        for text in "abc":
            await tg.simulator.send_file(b"1", f"{text}.txt", person=tg.ann, place=tg.here)
        found = [update["message"]["document"]["file_id"] for update in await tg.updates()]
        assert "Wrong remote" in await tg.refused("getFile", file_id=found[0])
        assert await fetched(tg, found[-1]) == b"1"


@pytest.mark.parametrize(
    ("content", "sides"),
    [
        (png(3, 4), (3, 4)),
        (b"GIF89a" + struct.pack("<HH", 3, 4), (3, 4)),
        (b"BM" + bytes(16) + struct.pack("<ii", 3, -4), (3, 4)),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", 4, 3), (3, 4)),
        (b"RIFF....WEBPVP8X" + bytes(8) + b"\x02\x00\x00\x03\x00\x00", (3, 4)),
        (b"RIFF....WEBPVP8 " + bytes(10) + struct.pack("<HH", 3, 4), (3, 4)),
        (b"RIFF....WEBPVP8L" + bytes(5) + struct.pack("<I", 2 | 3 << 14), (3, 4)),
        (b"RIFF....WEBPnone", None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"\xff\xd8 and nothing", None),
        (b"", None),
    ],
)
def test_how_large_a_picture_is(content: bytes, sides: tuple[int, int] | None) -> None:
    assert dimensions(content) == sides
