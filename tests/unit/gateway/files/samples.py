"""The beginnings of files, made by hand from their formats' specifications."""

from __future__ import annotations

import struct
import zlib


def png(width: int = 2, height: int = 3, *, depth: int = 8, colour: int = 6) -> bytes:
    """A header and an end, without pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    end = b"\0\0\0\0IEND\xaeB`\x82"
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + body + struct.pack(">I", zlib.crc32(body)) + end


def jpeg(width: int = 2, height: int = 3, *, before: bytes = b"") -> bytes:
    """Up to the start of frame, behind a JFIF segment and ``before``."""
    jfif = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
    frame = (
        b"\xff\xc0\0\x11\x08" + struct.pack(">HH", height, width) + b"\3\1\x11\0\2\x11\1\3\x11\1"
    )
    return b"\xff\xd8" + jfif + before + frame + b"\xff\xd9"


def exif(size: int = 60_000) -> bytes:
    """What a camera puts before the picture: a large segment."""
    return b"\xff\xe1" + struct.pack(">H", size + 2) + b"E" * size


def gif(width: int = 2, height: int = 3, *, frame: tuple[int, int] = (1, 1)) -> bytes:
    """A screen, a comment, and one frame's descriptor."""
    screen = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + bytes(6)
    return screen + b"!\xfe\x02hi\0" + b"," + struct.pack("<HHHH", 0, 0, *frame) + b"\0;"


def webp(kind: bytes = b"VP8X", width: int = 2, height: int = 3) -> bytes:
    """One of the three kinds of header."""
    if kind == b"VP8X":
        data = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        data = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(5)
    else:
        data = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    chunk = kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def mp3() -> bytes:
    """Two frames of silence at 128 kbit/s and 44.1 kHz."""
    return (b"\xff\xfb\x90\x00" + bytes(413)) * 2


def zipped(*names: str, content: bytes = b"x") -> bytes:
    """Local headers of stored entries, and the end of a central directory."""
    entries = b""
    for name in names:
        head = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 0, 0, len(content),
                           len(content), len(name), 0)  # fmt: skip
        entries += head + name.encode() + content
    return entries + b"PK\1\2" + b"PK\5\6" + bytes(18)
