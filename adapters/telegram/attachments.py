"""The files that come with a message. Each is got by its `file_id` later, or not at all.

https://core.telegram.org/bots/api#message, https://core.telegram.org/bots/api#getfile
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from adapters.telegram.fields import JsonObject, a_detail, a_string, details, in_one_line
from gateway import Attachment

LARGEST = 20 * 2**20
"""Bytes of the largest file that the Bot API hands out."""

_LONGEST_NAME = 120
_LONGEST_ENDING = 16
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
# What a file is called and taken for when nobody says.
_FILES: Mapping[str, tuple[str, str]] = {
    "animation": ("animation.mp4", "video/mp4"),
    "video": ("video.mp4", "video/mp4"),
    "video_note": ("video_note.mp4", "video/mp4"),
    "voice": ("voice.ogg", "audio/ogg"),
    "voice_note": ("voice.ogg", "audio/ogg"),
    "audio": ("audio.mp3", "audio/mpeg"),
    "document": ("file", "application/octet-stream"),
}
_HOLDERS = frozenset({*_FILES, "photo", "live_photo", "sticker", "paid_media"})


def read(message: JsonObject) -> tuple[Attachment, ...]:
    """The files of a message; of a photo, the largest that can be had."""
    if _HOLDERS.isdisjoint(message):
        return ()
    files = list(of_block(message))
    for bought in details(a_detail(message, "paid_media"), "paid_media"):
        files += of_block(bought)
    return tuple(files)


def of_block(holder: JsonObject) -> Iterator[Attachment]:
    """The files of what has them as a message does: the media of a rich or a paid message too."""
    live, sticker = a_detail(holder, "live_photo"), a_detail(holder, "sticker")
    files = [_photo(live, "photo.jpg") or _photo(holder, "photo.jpg")]
    if live:
        files.append(_file(live, "live_photo.mp4", "video/mp4"))
    for field, (name, media_type) in _FILES.items():
        # An animation comes with the same file as a document, for old clients.
        if field != "document" or not a_detail(holder, "animation"):
            files.append(_file(a_detail(holder, field), name, media_type))
    if sticker:
        files.append(_sticker(sticker))
    yield from (file for file in files if file is not None)


def _photo(holder: JsonObject, name: str) -> Attachment | None:
    sizes = [size for size in details(holder, "photo") if _bytes(size) <= LARGEST]
    largest = max(sizes, key=_area, default=None)
    return _file(largest, name, "image/jpeg") if largest else None


def _sticker(sticker: JsonObject) -> Attachment | None:
    """A picture that anything can show: of one that moves, its thumbnail."""
    moves = sticker.get("is_animated") or sticker.get("is_video")
    still = a_detail(sticker, "thumbnail") if moves else sticker
    return _file(still, "sticker.webp", "image/webp")


def _file(file: JsonObject, name: str, media_type: str) -> Attachment | None:
    ref = a_string(file, "file_id")
    if not ref or not ref.isprintable():
        return None
    said = a_string(file, "mime_type").partition(";")[0].strip().lower()
    return Attachment(
        name=_plain_name(a_string(file, "file_name")) or name,
        media_type=said if _MEDIA_TYPE.fullmatch(said) else media_type,
        size=_bytes(file),
        ref=ref,
    )


def _plain_name(name: str) -> str:
    """A sender's name for a file, as one of a file: no path, nothing invisible."""
    last = re.split(r"[/\\]", name)[-1]
    line = in_one_line(last, len(last) + 1).strip(". ")
    if len(line) <= _LONGEST_NAME:
        return line
    ending = line.rpartition(".")[2]
    if len(ending) > _LONGEST_ENDING:
        return line[:_LONGEST_NAME]
    return f"{line[: _LONGEST_NAME - len(ending) - 1]}.{ending}"


def _area(size: JsonObject) -> int:
    width, height = size.get("width"), size.get("height")
    return width * height if isinstance(width, int) and isinstance(height, int) else 0


def _bytes(file: JsonObject) -> int:
    size = file.get("file_size")
    return size if type(size) is int and 0 <= size < 2**63 else 0
