"""How large an image says it is: its header, strictly read. None when anything in it is amiss.

PNG: https://www.w3.org/TR/png-3/ 11.2.1. JPEG: ITU-T T.81, B.2.2. GIF:
https://www.w3.org/Graphics/GIF/spec-gif89a.txt. WebP: RFC 9649.
"""

from __future__ import annotations

import struct
import zlib
from os import SEEK_END
from typing import BinaryIO

Size = tuple[int, int]
"""Width and height in pixels."""

# Depths of a sample that each colour type may have.
_PNG_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}

# Start of frame; C4, C8 and CC between them are something else.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEGMENTS = frozenset({0xC4, 0xCC, *range(0xDB, 0xF0), 0xFE})

_STEPS = 2000
"""No honest header has more segments before its size."""


def png(file: BinaryIO) -> Size | None:
    """A PNG's size; its first chunk has a checksum, which must be right."""
    head = _at(file, 0, 33)
    if len(head) < 33 or head[:16] != b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR":
        return None
    width, height, depth, colour, packing, filtering, lacing = struct.unpack(
        ">IIBBBBB", head[16:29]
    )
    right = zlib.crc32(head[12:29]) == int.from_bytes(head[29:33])
    if not right or depth not in _PNG_DEPTHS.get(colour, ()) or packing or filtering or lacing > 1:
        return None
    return width, height


def jpeg(file: BinaryIO) -> Size | None:
    """A JPEG's size, behind whatever segments a camera puts before it."""
    at = 2
    for _ in range(_STEPS):
        head = _at(file, at, 9)
        if len(head) < 9 or head[0] != 0xFF:
            return None
        kind, length = head[1], int.from_bytes(head[2:4])
        if kind == 0xFF:
            at += 1
        elif kind in _FRAMES:
            height, width = struct.unpack(">HH", head[5:9])
            return (width, height) if head[4] in {8, 12} and length > 8 else None
        elif kind in _SEGMENTS and length >= 2:
            at += 2 + length
        else:
            return None
    return None


def gif(file: BinaryIO) -> Size | None:
    """A GIF's size: its screen's, or its first frame's where that is larger."""
    head = _at(file, 0, 13)
    if len(head) < 13:
        return None
    width, height = struct.unpack("<HH", head[6:10])
    at: int | None = 13 + (3 << (head[10] & 7) + 1 if head[10] & 0x80 else 0)
    for _ in range(_STEPS):
        if at is None:
            return None
        block = _at(file, at, 9)
        if block[:1] == b"," and len(block) == 9:
            left, top, wide, high = struct.unpack("<HHHH", block[1:])
            return max(width, left + wide), max(height, top + high)
        at = _behind(file, at + 2) if block[:1] == b"!" else None
    return None


def _behind(file: BinaryIO, at: int) -> int | None:
    """Where the chain of sub-blocks that starts at ``at`` has ended."""
    for _ in range(_STEPS):
        length = _at(file, at, 1)
        if not length:
            return None
        at += 1 + length[0]
        if not length[0]:
            return at
    return None


def webp(file: BinaryIO) -> Size | None:
    """A WebP's size, of each of its three kinds."""
    head = _at(file, 0, 30)
    if len(head) < 30 or int.from_bytes(head[4:8], "little") + 8 > file.seek(0, SEEK_END):
        return None
    kind, data = head[12:16], head[20:]
    if kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a" and not data[0] & 1:
        width, height = struct.unpack("<HH", data[6:10])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        wide, high = data[4:7], data[7:10]
        return int.from_bytes(wide, "little") + 1, int.from_bytes(high, "little") + 1
    return None


def _at(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)
