"""What a file is: read from its content, whatever it is called."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.files import media
from gateway.files.images import gif, jpeg, png, webp
from tests.unit.gateway.files import samples


def kind(content: bytes, *, text: bool = False, name: str = "", declared: str = "") -> str:
    return media.media_type(BytesIO(content), text=text, name=name, declared=declared)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (samples.png(), "image/png"),
        (samples.png(depth=1, colour=0), "image/png"),
        (samples.jpeg(), "image/jpeg"),
        (samples.jpeg(before=samples.exif() * 20), "image/jpeg"),
        (samples.jpeg(before=b"\xff\xff\xff\xfe\0\4hi"), "image/jpeg"),
        (samples.gif(), "image/gif"),
        (samples.webp(b"VP8X"), "image/webp"),
        (samples.webp(b"VP8L"), "image/webp"),
        (samples.webp(b"VP8 "), "image/webp"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"ID3\x04\0\0\0\0\x01\x76" + bytes(40), "audio/mpeg"),
        (samples.mp3(), "audio/mpeg"),
        (b"OggS\0\2" + bytes(21) + b"\x13OpusHead\1\2", "audio/ogg"),
        (b"OggS\0\2" + bytes(21) + b"\x1e\x01vorbis", "audio/ogg"),
        (b"OggS\0\2" + bytes(21) + b"\x2a\x80theora", "video/ogg"),
        (b"OggS\0\2" + bytes(40), "application/ogg"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"#!AMR\n\x3c", "audio/amr"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "audio/mp4"),
        (b"\0\0\0\x20ftypisom\0\0\2\0", "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "video/quicktime"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1B\x82\x84webm", "video/webm"),
        (b"\x1aE\xdf\xa3\xa3B\x86\x81\1B\x82\x88matroska", "video/x-matroska"),
        (b"\x1f\x8b\x08\0", "application/gzip"),
        (samples.zipped("a.txt"), "application/zip"),
        (b"\0\0\0\x20ftypheic\0\0\0\0", media.UNKNOWN),
        (b"MZ\x90\0", media.UNKNOWN),
        (b"", media.UNKNOWN),
    ],
)
def test_what_is_known_by_its_content(content: bytes, expected: str) -> None:
    assert kind(content) == expected
    assert kind(content, declared="text/html", name="x.html") == expected


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>",
        b"#!/bin/sh\nrm -rf /\n",
        b"alert(1)",
    ],
)
@pytest.mark.parametrize("declared", ["image/png", "text/html", "image/svg+xml", ""])
def test_nothing_is_what_a_browser_would_run(content: bytes, declared: str) -> None:
    assert kind(content, text=True, declared=declared, name="cat.png") == "text/plain"
    assert kind(content, text=False, declared=declared, name="cat.png") == media.UNKNOWN


@pytest.mark.parametrize(
    ("content", "declared", "expected"),
    [
        (b"\0\0\0\x20ftypisom\0\0\2\0", "audio/mp4", "audio/mp4"),
        (b"\x1aE\xdf\xa3\x9fB\x82\x84webm", 'Audio/WebM; codecs="opus"', "audio/webm"),
        (b"\x1aE\xdf\xa3\x9fB\x82\x84webm", "image/png", "video/webm"),
        (b"%PDF-1.7", "audio/mp4", "application/pdf"),
    ],
)
def test_a_declared_type_only_refines(content: bytes, declared: str, expected: str) -> None:
    assert kind(content, declared=declared) == expected


def test_office_files_are_what_both_name_and_content_say() -> None:
    office = samples.zipped("[Content_Types].xml", "word/document.xml")
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert kind(office, name="a.DOCX") == word
    assert kind(office, name="a.docm") == "application/zip"
    assert kind(samples.zipped("virus.exe"), name="a.docx") == "application/zip"
    told = b"application/vnd.oasis.opendocument.text"
    assert kind(samples.zipped("mimetype", content=told)) == told.decode()
    assert kind(samples.zipped("mimetype", content=b"text/html")) == "application/zip"


@pytest.mark.parametrize(
    "content",
    [
        samples.png(60_000, 60_000),
        samples.png(2**31 - 1, 1),
        samples.png(0, 5),
        samples.png(depth=3),
        samples.png(colour=5),
        samples.png()[:30],
        samples.png()[:19] + b"\xff" + samples.png()[20:],
        samples.jpeg(60_000, 60_000),
        samples.jpeg(0, 7),
        samples.jpeg()[:20],
        b"\xff\xd8\xff\xe0\0\1",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + b"\xff" * 1_000_000,
        samples.gif(60_000, 60_000),
        samples.gif(frame=(60_000, 60_000)),
        samples.gif()[:18],
        b"GIF89a" + b"\1\0\1\0\0\0\0" + b"!\xfe" + b"\1x" * 100_000,
        samples.webp(b"VP8X", 16_000_000, 16_000_000),
        samples.webp(b"VP8L", 16_000, 16_000),
        samples.webp()[:28],
        samples.webp(b"ALPH"),
    ],
)
def test_an_image_that_may_be_a_bomb_is_not_shown(content: bytes) -> None:
    assert kind(content, declared="image/png") == media.UNKNOWN


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a/*" + bytes(5) + b"*/=alert(1)//;",
        b"GIF89a=1;alert(document.domain)/*\0\0*/",
        b"GIF89a=\0=\0\0\0\0" + b"x=" + b"\0" + b",\0\0\0\0\1\0\1\0",
        b"\x89PNG\r\n\x1a\n<script>alert(1)</script>" + bytes(40),
        b"\xff\xd8\xff\xe0/*alert*/=1",
        b"RIFF\x2f\x2a\0\0WEBP*/=alert(1)//" + bytes(40),
    ],
)
def test_a_signature_alone_makes_no_image(content: bytes) -> None:
    assert kind(content, text=False) == media.UNKNOWN


def test_what_stands_behind_an_image_changes_nothing() -> None:
    """It is shown as an image, and as nothing else: ``nosniff`` stands on every answer."""
    assert kind(samples.png() + b"<script>alert(1)</script>") == "image/png"


def test_two_bytes_make_no_music() -> None:
    assert kind(b"\xff\xfb\x90\x00" + b"a" * 500) == media.UNKNOWN
    assert kind(b"\xff\xfe" + "wide text".encode("utf-16-le")) == media.UNKNOWN
    assert kind(b"ID3 tags are strange", text=True) == "text/plain"


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (png, samples.png(640, 480)),
        (jpeg, samples.jpeg(640, 480)),
        (gif, samples.gif(640, 480)),
        (webp, samples.webp(b"VP8X", 640, 480)),
        (webp, samples.webp(b"VP8L", 640, 480)),
        (webp, samples.webp(b"VP8 ", 640, 480)),
    ],
)
def test_how_large_an_image_says_it_is(read: media.Measure, content: bytes) -> None:
    assert read(BytesIO(content)) == (640, 480)


@given(
    st.sampled_from([b"", samples.png(), samples.jpeg(), samples.gif(), samples.webp(), b"PK\3\4"]),
    st.integers(0, 60),
    st.binary(max_size=200),
    st.booleans(),
)
def test_garbage_is_read_without_an_error(start: bytes, cut: int, rest: bytes, text: bool) -> None:
    found = kind(start[:cut] + rest, text=text, name="a.docx", declared="audio/mp4")
    assert not found.startswith("text/h")
    assert not found.startswith("image/") or found in media.SHOWN
