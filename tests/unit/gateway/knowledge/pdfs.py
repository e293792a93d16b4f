"""PDF files made by hand, sound and otherwise (ISO 32000-1, 7.5)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache


def pdf(pages: Sequence[str], *, title: str = "") -> bytes:
    """A document with one line of text on each page."""
    return pdf_of([f"BT /F1 12 Tf 72 720 Td ({page}) Tj ET".encode() for page in pages], title)


def pdf_of(streams: Sequence[bytes], title: str = "", trailer: bytes = b"") -> bytes:
    """A document whose pages have these content streams, compressed."""
    kids = " ".join(f"{5 + 2 * n} 0 R" for n in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        f"<< /Title ({title}) >>".encode(),
    ]
    for number, stream in enumerate(streams):
        packed = zlib.compress(stream, 1)
        content = 6 + 2 * number
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % content,
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed),
        ]
    return assembled(objects, trailer)


def assembled(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """Objects, numbered from 1, with a table of where they stand."""
    body, places = b"%PDF-1.7\n", list[int]()
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    table += b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R %s >>\nstartxref\n%d\n%%%%EOF\n"
    return body + table + end % (len(objects) + 1, trailer, len(body))


ENCRYPTED = pdf_of(
    [b"BT (secret) Tj ET"],
    trailer=b"/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]"
    b" /Encrypt << /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <" + b"ab" * 32 + b">"
    b" /U <" + b"cd" * 32 + b"> >>",
)  # fmt: skip
"""Encrypted with a password that nobody gives."""

ROUND = assembled(
    [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>",
        b"<< >>",
        b"<< >>",
    ]
)
"""Its pages are within themselves."""


@cache
def busy() -> bytes:
    """A small file that keeps its reader busy for long."""
    return pdf_of([b"BT /F1 12 Tf " + b"(x) Tj 1 0 Td " * 1_000_000 + b"ET"])


@cache
def bomb() -> bytes:
    """A small file with more in it than a reader should unpack."""
    return pdf_of([b"BT " + b" " * 100_000_000 + b"ET"])
