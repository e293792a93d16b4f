"""PDF is read page by page, and no file holds its reader up or brings it down."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.knowledge import pdf
from gateway.knowledge.shelfmark import Unreadable
from tests.unit.gateway.knowledge import pdfs


def test_pages_are_told_apart() -> None:
    document = pdf.read(pdfs.pdf(["First page", "", "Third page"], title="A handbook"))
    assert document.title == "A handbook"
    assert [(block.page, block.text) for block in document.blocks] == [
        (1, "First page"),
        (3, "Third page"),
    ]


def test_a_word_parted_at_a_lines_end_is_whole() -> None:
    lines = b"BT /F1 12 Tf 72 720 Td (Der Urlaubs-) Tj 0 -20 Td (antrag, Teil A-) Tj"
    document = pdf.read(pdfs.pdf_of([lines + b" 0 -20 Td (Bremen) Tj ET"]))
    assert document.blocks[0].text == "Der Urlaubsantrag, Teil A-\nBremen"


def test_many_short_lines_take_no_time() -> None:
    assert pdf._joined("a-\nb\nC\n" * 300_000).count("ab\nC") == 300_000


def test_half_a_character_loses_no_document() -> None:
    cmap = (
        b"begincmap 1 begincodespacerange <00> <FF> endcodespacerange"
        b" 2 beginbfchar <41> <0061> <42> <D800> endbfchar endcmap"
    )
    table = b"7 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (len(cmap), cmap)
    named = b"/Encoding /WinAnsiEncoding", b"/ToUnicode 7 0 R"
    content = pdfs.pdf(["AB"]).replace(*named).replace(b"\nxref", b"\n%sxref" % table)
    assert pdf.read(content).blocks[0].text == "a?"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not a PDF"),
        (b"GIF89a", "is not a PDF"),
        (b"%PDF-1.7\nnothing", "is not a PDF that can be read"),
        (pdfs.pdf(["cut"])[:300], "is not a PDF that can be read|has no text"),
        (pdfs.ENCRYPTED, "is encrypted"),
        (pdfs.pdf([""]), "has no text"),
        (pdfs.ROUND, "is not a PDF that can be read|has no text"),
    ],
    ids=["empty", "other", "garbage", "cut", "encrypted", "pictures", "round"],
)
def test_what_cannot_be_read_says_why(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        pdf.read(content)


def test_a_file_that_unpacks_without_end_is_refused() -> None:
    assert len(pdfs.bomb()) < 1_000_000
    with pytest.raises(Unreadable):
        pdf.read(pdfs.bomb())


def test_a_file_that_keeps_its_reader_busy_is_given_up() -> None:
    began = time.monotonic()
    with pytest.raises(Unreadable, match="too long"):
        pdf.read(pdfs.busy(), within=1.0)
    assert time.monotonic() - began < 10


def test_a_shutdown_does_not_wait_for_it() -> None:
    began = time.monotonic()
    with pytest.raises(InterruptedError):
        pdf.read(pdfs.busy(), lambda: True, within=60.0)
    assert time.monotonic() - began < 10


def test_the_reader_bounds_itself_and_is_told_no_secret(tmp_path: Path) -> None:
    """The limits hold before the file is looked at; nothing of the environment goes along."""
    program = (
        f"import sys, json, os, resource; sys.path.insert(0, {str(Path(pdf.__file__).parent)!r})\n"
        "import pdf_pages\n"
        "def looks():\n"
        "    kinds = resource.RLIMIT_CPU, resource.RLIMIT_AS\n"
        "    limits = [resource.getrlimit(kind)[0] for kind in kinds]\n"
        "    return {'limits': limits, 'nice': os.nice(0), 'loaded': 'gateway' in sys.modules}\n"
        "pdf_pages._read = looks\n"
        "pdf_pages.main(7)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert '"loaded": false' in done.stdout
    assert "[7, " in done.stdout
    assert "-1" not in done.stdout
    assert '"nice": 0' not in done.stdout
    assert not {name for name in pdf._ENVIRONMENT if "TOKEN" in name or "GATEWAY" in name}
    assert os.getpriority(os.PRIO_PROCESS, 0) == os.nice(0)


def test_the_library_is_not_imported_here() -> None:
    pdf.read(pdfs.pdf(["text"]))
    assert "pypdf" not in sys.modules
