"""Which files a message brings, under which names."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.telegram.attachments import LARGEST
from adapters.telegram.inbound import Me, parse
from gateway import Attachment, Inbound

ANN = {"id": 5001, "is_bot": False, "first_name": "Ann"}


def files(**fields: Any) -> tuple[Attachment, ...]:
    message = {"message_id": 21, "date": 1, "from": ANN, "chat": {**ANN, "type": "private"}}
    event = parse(orjson.dumps({"update_id": 7, "message": {**message, **fields}}), Me(id=1000))
    assert isinstance(event, Inbound), event
    return event.attachments


def size(ref: str, width: int, file_size: int | None) -> dict[str, Any]:
    return {"file_id": ref, "width": width, "height": width, "file_size": file_size}


@pytest.mark.parametrize(
    ("field", "file", "expected"),
    [
        ("voice", {}, ("voice.ogg", "audio/ogg", "audio")),
        ("audio", {}, ("audio.mp3", "audio/mpeg", "audio")),
        ("video", {}, ("video.mp4", "video/mp4", "video")),
        ("video_note", {}, ("video_note.mp4", "video/mp4", "video")),
        ("animation", {}, ("animation.mp4", "video/mp4", "video")),
        ("document", {}, ("file", "application/octet-stream", "file")),
        ("sticker", {}, ("sticker.webp", "image/webp", "image")),
        (
            "document",
            {"file_name": "plan.PDF", "mime_type": "Application/PDF; v=1"},
            ("plan.PDF", "application/pdf", "file"),
        ),
        ("document", {"mime_type": "pdf"}, ("file", "application/octet-stream", "file")),
        ("voice", {"mime_type": "audio/ogg\r\nx: y"}, ("voice.ogg", "audio/ogg", "audio")),
    ],
)
def test_each_kind_of_file(
    field: str, file: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    (one,) = files(**{field: {"file_id": "ref-1", "file_size": 42, **file}})
    assert (one.name, one.media_type, one.kind) == expected
    assert (one.ref, one.size, one.id) == ("ref-1", 42, "")


def test_the_largest_photo_that_can_be_had() -> None:
    sizes = [size("m", 320, 21_000), size("l", 1280, None), size("xl", 9000, LARGEST + 1)]
    (photo,) = files(photo=[size("s", 90, 1200), *sizes])
    assert (photo.ref, photo.name, photo.media_type) == ("l", "photo.jpg", "image/jpeg")
    assert files(photo=[sizes[-1]]) == ()


def test_an_animation_is_one_file() -> None:
    same = {"file_id": "a", "mime_type": "video/mp4"}
    assert [file.ref for file in files(animation=same, document=same)] == ["a"]


def test_a_live_photo_is_a_picture_and_a_video() -> None:
    live = {"file_id": "v", "photo": [size("p", 90, 1)]}
    both = files(live_photo=live, photo=[size("q", 90, 1)])
    assert [(file.ref, file.kind) for file in both] == [("p", "image"), ("v", "video")]
    del live["photo"]
    assert [file.ref for file in files(live_photo=live, photo=[size("q", 90, 1)])] == ["q", "v"]


def test_of_paid_media_what_was_paid_for() -> None:
    bought = {"type": "photo", "photo": [size("p", 90, 1)]}
    media = [{"type": "preview"}, bought, {"type": "video", "video": {"file_id": "v"}}]
    assert [file.ref for file in files(paid_media={"paid_media": media})] == ["p", "v"]


@pytest.mark.parametrize("moves", ["is_animated", "is_video"])
def test_a_moving_sticker_is_its_thumbnail(moves: str) -> None:
    sticker = {"file_id": "a", moves: True, "thumbnail": {"file_id": "t"}}
    assert [file.ref for file in files(sticker=sticker)] == ["t"]
    del sticker["thumbnail"]
    assert files(sticker=sticker) == ()


@pytest.mark.parametrize("ref", [None, "", 5, "a\0b", "a\nb"])
def test_what_cannot_be_got_is_no_attachment(ref: object) -> None:
    assert files(document={"file_id": ref}) == ()


@pytest.mark.parametrize("said", [None, -1, 1.5, True, 2**63, "9"])
def test_a_size_that_is_none_is_unknown(said: object) -> None:
    assert files(document={"file_id": "a", "file_size": said})[0].size == 0


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\docs\\plan.pdf", "plan.pdf"),
        ("/", "file"),
        ("..", "file"),
        (".bashrc", "bashrc"),
        ("a\0b\r\nc.txt", "ab c.txt"),
        ("gpj.\u202eexe", "gpj.exe"),
        (" plan .pdf ", "plan .pdf"),
        ("نقشه.pdf", "نقشه.pdf"),
        ("x" * 400 + ".pdf", "x" * 116 + ".pdf"),
        ("x" * 400 + "." + "y" * 99, "x" * 120),
        ("", "file"),
        (5, "file"),
    ],
)
def test_a_name_is_that_of_a_file(said: object, name: str) -> None:
    assert files(document={"file_id": "a", "file_name": said})[0].name == name


@given(said=st.text())
def test_no_name_leads_anywhere(said: str) -> None:
    said = said.encode("utf-8", "replace").decode()
    name = files(document={"file_id": "a", "file_name": said})[0].name
    assert 0 < len(name) <= 120
    assert not set(name) & set("/\\\0\n\r\u202e")
    assert not name.startswith(".")
