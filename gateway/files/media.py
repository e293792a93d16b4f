"""What a file is, read from its content; what somebody calls it can only refine that. Pure.

Only kinds listed here are named, and none of them is one that a browser runs: HTML, SVG and
scripts are text or nothing known. An image's header is read, never its pixels. Signatures: the
formats' own specifications, and https://mimesniff.spec.whatwg.org/ for MP3 and MP4.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO

from gateway.files.images import Size, gif, jpeg, png, webp

UNKNOWN = "application/octet-stream"
TEXT = "text/plain"

SHOWN = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})
"""What may be shown in a page: only a file whose header was checked is called one of these."""

MOST_PIXELS = 50_000_000
"""An image that claims more is not shown: it may be a few bytes that fill a browser's memory."""

_HEAD = 4096

Measure = Callable[[BinaryIO], Size | None]
"""Reads how large an image says it is."""

_IMAGES: tuple[tuple[re.Pattern[bytes], str, Measure], ...] = (
    (re.compile(rb"\x89PNG"), "image/png", png),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg", jpeg),
    (re.compile(rb"GIF8[79]a"), "image/gif", gif),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp", webp),
)

_OTHERS = tuple(
    (re.compile(pattern, re.DOTALL), kind)
    for pattern, kind in (
        (rb"%PDF-\d", "application/pdf"),
        (rb"ID3[\x02-\x04][^\xff].[\x00-\x7f]{4}", "audio/mpeg"),
        (rb"OggS\x00.{22}.*?(\x80theora|fishead)", "video/ogg"),
        (rb"OggS\x00.{22}.*?(OpusHead|\x01vorbis|\x7fFLAC|Speex   )", "audio/ogg"),
        (rb"OggS\x00", "application/ogg"),
        (rb"RIFF.{4}WAVE", "audio/wav"),
        (rb"fLaC\x00", "audio/flac"),
        (rb"#!AMR(-WB)?\n", "audio/amr"),
        (rb"....ftypM4[ABP] ", "audio/mp4"),
        (rb"....ftyp3g[2p]", "video/3gpp"),
        (rb"....ftypqt  ", "video/quicktime"),
        (rb"....ftyp(iso[m2-9]|mp4[12]|avc1|M4V |MSNV|dash|mmp4)", "video/mp4"),
        (rb"\x1aE\xdf\xa3.{0,60}webm", "video/webm"),
        (rb"\x1aE\xdf\xa3.{0,60}matroska", "video/x-matroska"),
        (rb"\x1f\x8b\x08", "application/gzip"),
        (rb"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
        (rb"Rar!\x1a\x07", "application/vnd.rar"),
    )
)

# The same container with or without pictures: only its sender knows.
_REFINED = {
    ("video/mp4", "audio/mp4"): "audio/mp4",
    ("video/mp4", "audio/m4a"): "audio/mp4",
    ("video/mp4", "audio/x-m4a"): "audio/mp4",
    ("video/3gpp", "audio/3gpp"): "audio/3gpp",
    ("video/webm", "audio/webm"): "audio/webm",
    ("application/ogg", "audio/ogg"): "audio/ogg",
}

_OFFICE = "application/vnd.openxmlformats-officedocument."
_IN_ZIP = {
    "docx": f"{_OFFICE}wordprocessingml.document",
    "pptx": f"{_OFFICE}presentationml.presentation",
    "xlsx": f"{_OFFICE}spreadsheetml.sheet",
}
_TOLD_BY_ZIP = re.compile(
    rb"PK\x03\x04.{26}mimetype(application/(?:epub\+zip|vnd\.oasis\.opendocument\.[a-z]+))PK",
    re.DOTALL,
)

_KILOBITS = {
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HERTZ = (44100, 48000, 32000)


def media_type(file: BinaryIO, *, text: bool, name: str = "", declared: str = "") -> str:
    """The media type of ``file``, which can seek; ``text`` says that all of it is plain UTF-8."""
    file.seek(0)
    head = file.read(_HEAD)
    for pattern, kind, measure in _IMAGES:
        if pattern.match(head):
            return kind if _can_be_shown(measure(file)) else UNKNOWN
    told = declared.partition(";")[0].strip().lower()
    for pattern, kind in _OTHERS:
        if pattern.match(head):
            return _REFINED.get((kind, told), kind)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(head, name)
    if _is_mp3(head):
        return "audio/mpeg"
    return TEXT if text and head else UNKNOWN


def _can_be_shown(size: Size | None) -> bool:
    return size is not None and 0 < size[0] * size[1] <= MOST_PIXELS


def _zipped(head: bytes, name: str) -> str:
    if told := _TOLD_BY_ZIP.match(head):
        return told[1].decode()
    office = _IN_ZIP.get(name.rpartition(".")[2].lower())
    return office if office and b"[Content_Types].xml" in head else "application/zip"


def _is_mp3(head: bytes) -> bool:
    """Whether two frames of MPEG layer III follow each other: two bytes alone prove nothing."""
    length = _frame(head)
    return length is not None and _frame(head[length:]) is not None


def _frame(data: bytes) -> int | None:
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2 or data[1] & 0x18 == 0x08:
        return None
    bits, rate = data[2] >> 4, data[2] >> 2 & 3
    if not 0 < bits < 15 or rate == 3:
        return None
    version = data[1] >> 3 & 3
    hertz = _HERTZ[rate] >> {3: 0, 2: 1, 0: 2}[version]
    first = version == 3
    kilobits = _KILOBITS[1 if first else 2][bits - 1]
    return (144_000 if first else 72_000) * kilobits // hertz + (data[2] >> 1 & 1)
