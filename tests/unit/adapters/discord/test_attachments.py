"""The files that come with messages."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import Attachment
from tests.unit.adapters.discord.events import DIRECT, MESSAGE, message, read

FILE = "1190000000000009001"


def files(*given: object, **fields: Any) -> tuple[Attachment, ...]:
    return read(message("see", attachments=list(given), **fields)).attachments


def file(**fields: Any) -> Attachment:
    (found,) = files({"id": FILE, **fields})
    return found


def test_a_file_is_known_by_its_message_and_not_by_its_address() -> None:
    found = file(
        filename="rose.png",
        content_type="image/png",
        size=48213,
        url=f"https://cdn.discordapp.com/attachments/1/{FILE}/rose.png?ex=1&is=2&hm=s1gned",
    )
    assert found == Attachment(
        name="rose.png",
        media_type="image/png",
        size=48213,
        ref=f"{DIRECT}/{MESSAGE}/{FILE}",
    )


def test_a_forwarded_file_is_found_in_what_forwards_it() -> None:
    snapshot = {"message": {"attachments": [{"id": FILE, "filename": "seeds.csv"}]}}
    event = read(message("", message_snapshots=[snapshot]))
    assert [one.ref for one in event.attachments] == [f"{DIRECT}/{MESSAGE}/{FILE}"]


@pytest.mark.parametrize("given", [None, "x", {}, {"id": 5}, {"id": "../5"}, {"filename": "a"}])
def test_what_cannot_be_got_is_no_file(given: object) -> None:
    assert files(given) == ()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("plan.pdf", "plan.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\secret\\plan.pdf", "plan.pdf"),
        ("a\0b\r\nc.txt", "ab c.txt"),
        ("\u202egnp.exe", "gnp.exe"),
        ("..", "file"),
        ("", "file"),
        (None, "file"),
        ("x" * 300 + ".png", "x" * 116 + ".png"),
        ("x" * 300, "x" * 120),
    ],
)
def test_a_name_is_that_of_a_file(given: object, name: str) -> None:
    assert file(filename=given).name == name


@pytest.mark.parametrize(
    ("given", "media_type"),
    [
        ("text/plain; charset=utf-8", "text/plain"),
        ("IMAGE/PNG", "image/png"),
        ("image", "application/octet-stream"),
        ("text/html\r\nX-Evil: 1", "application/octet-stream"),
        (None, "application/octet-stream"),
        (5, "application/octet-stream"),
    ],
)
def test_a_media_type_is_one(given: object, media_type: str) -> None:
    assert file(content_type=given).media_type == media_type


@pytest.mark.parametrize("size", [-1, 2**63, "5", None, True, 1.5])
def test_a_size_that_is_none_is_unknown(size: object) -> None:
    assert file(size=size).size == 0


def shown(flags: object = 0, **fields: Any) -> str:
    return read(message("", flags=flags, attachments=[{"filename": "a", **fields}])).text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"content_type": "image/png"}, "[image: a]"),
        ({"content_type": "video/mp4"}, "[video: a]"),
        ({"content_type": "audio/ogg", "duration_secs": 3.2}, "[audio: a]"),
        ({"content_type": "application/pdf"}, "[file: a]"),
        ({"filename": "[x]\n# y"}, "[file: [x] # y]"),
        ({"filename": None}, "[file: unnamed]"),
        ({"description": "A rose\nwith spots"}, "[file: a, A rose with spots]"),
        ({"flags": 8192, "duration_secs": 12.4}, "[voice message, 12 s]"),
        ({"flags": 8192, "duration_secs": "12"}, "[voice message]"),
        ({"flags": "8192", "duration_secs": 12}, "[file: a]"),
    ],
)
def test_a_file_without_words_is_described(fields: dict[str, Any], text: str) -> None:
    assert shown(**fields) == text
