"""Plain text and Markdown, as paragraphs under headings."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from gateway.knowledge.shelfmark import Block, Document, Unreadable

# https://spec.commonmark.org/0.31.2/#atx-headings, #setext-headings and #fenced-code-blocks
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_MARKS = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)|(?<!\w)[*_]{1,3}|[*_]{1,3}(?!\w)|`")
LONGEST_HEADING = 1000
"""Characters of a line that may be a heading; what is longer is none that anybody wrote."""
FRONT_MATTER = 200
"""Lines of settings at a document's beginning."""
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# A page whose declaration could be read is in none of the wide ones
# (https://html.spec.whatwg.org/multipage/parsing.html#prescan-a-byte-stream-to-determine-its-encoding),
# and Python knows some that are for something else than pages.
_NO_PAGES = re.compile(r"utf-(7|16|32)|punycode|idna|undefined|(raw.)?unicode.escape")


def decode(raw: bytes, declared: str = "") -> str:
    """The text of a file: in the encoding that it begins with or declares, in UTF-8, or else in
    Windows' western one. Raises ``Unreadable`` for what is not text."""
    for bom, name in _BOMS:
        if raw.startswith(bom):
            return raw.decode(name, "replace")
    if b"\0" in raw[:8192]:
        raise Unreadable("is not text")
    for name in filter(None, (declared, "utf-8")):
        try:
            if not _NO_PAGES.match(codecs.lookup(name).name):
                return raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("cp1252", "replace")


def plain(text: str) -> Document:
    """Paragraphs stand between empty lines."""
    parts = re.split(r"\n[ \t]*\n", _lines(text))
    return Document(title="", blocks=tuple(Block(text=p.strip()) for p in parts if p.strip()))


def markdown(text: str) -> Document:
    """Headings are kept, and so is code; the document is called what its first heading says."""
    blocks = tuple(_markdown(_without_front_matter(_lines(text).split("\n"))))
    title = next((block.heading for block in blocks if block.heading), "")
    return Document(title=title, blocks=tuple(block for block in blocks if block.text))


def _markdown(lines: list[str]) -> Iterator[Block]:
    """Each paragraph; a heading comes as a block without text."""
    heading, waiting, fence = "", list[str](), ""
    for line in lines:
        opened = _FENCE.match(line)
        if fence or opened:
            waiting.append(line)
            if opened is None:
                continue
            if not fence:
                fence = opened[1]
            elif opened[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        found = _HEADING.match(line) if len(line) <= LONGEST_HEADING else None
        named = found[2] or "" if found else ""
        under = _UNDERLINE.match(line)
        if found is None and under and waiting and not _never_named(waiting[-1]):
            named = waiting.pop()
            found = under
        if found is None and line.strip():
            waiting.append(line)
            continue
        if waiting:
            yield Block(text="\n".join(waiting), heading=heading)
            waiting = []
        if found is not None:
            heading = bare(named)
            yield Block(text="", heading=heading)
    if waiting:
        yield Block(text="\n".join(waiting), heading=heading)


def bare(heading: str) -> str:
    """A heading's words, without what Markdown makes of them, in one line."""
    return " ".join(_MARKS.sub(lambda found: found[1] or "", heading).split())


def _never_named(line: str) -> bool:
    """Whether a rule below a line makes no heading of it: it is of a list, a table or a quotation,
    or too long for one."""
    marked = line.lstrip().startswith(("- ", "* ", "+ ", "|", ">"))
    return marked or len(line) > LONGEST_HEADING


def _without_front_matter(lines: list[str]) -> list[str]:
    """Many generators of pages put settings between two lines of hyphens at the beginning. With an
    empty line behind it, the first of them is a rule."""
    if lines[0].rstrip() == "---" and len(lines) > 1 and lines[1].strip():
        for number, line in enumerate(lines[1 : FRONT_MATTER + 2], start=1):
            if line.rstrip() == "---":
                return lines[number + 1 :]
    return lines


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
