"""``gateway knowledge``: what the bases hold, and what an agent would find in them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from gateway.belongings import Passage
from gateway.cli.output import Record, local, moment, print_json, print_table, printable
from gateway.cli.reading import knowledge_sections
from gateway.errors import ConfigurationError, GatewayError, Problem
from gateway.knowledge import Holding, Library
from gateway.settings import KnowledgeSection, words

T = TypeVar("T")
Bases = Mapping[str, KnowledgeSection]

COLUMNS = ("base", "documents", "passages", "changed", "left out", "folder")
EMPTY = "No knowledge base is configured: add a table [knowledge.NAME] with a path."


def show_all(config: Path | None, *, as_json: bool) -> None:
    """Print every base, with what was left out of it."""

    async def work(library: Library, _: Bases) -> Sequence[Holding]:
        return await library.holdings()

    bases, holdings = _with(config, work)
    if as_json:
        print_json([_record(bases, holding) for holding in holdings])
        return
    print_table(COLUMNS, [_row(bases, holding) for holding in holdings], empty=EMPTY)
    for holding in holdings:
        for document, why in holding.problems:
            print(printable(f"{holding.base}/{document} is left out: {why}"))
    if bases and not any(holding.documents for holding in holdings):
        print("Nothing is indexed yet: a running gateway does it, or `gateway knowledge update`.")


def search(
    config: Path | None, wanted: str, only: Sequence[str], limit: int, *, as_json: bool
) -> None:
    """Print the passages that fit best, of some bases or of all."""

    async def work(library: Library, bases: Bases) -> Sequence[Passage]:
        _must_be_known(only, bases)
        return await library.view(list(only or bases)).search(wanted, limit=limit)

    bases, found = _with(config, work)
    if as_json:
        print_json([_passage(passage) for passage in found])
        return
    for passage in found:
        _tell(passage)
    if not found:
        print("Nothing found." if bases else EMPTY)


def update(config: Path | None, *, as_json: bool) -> None:
    """Read now what is new or changed."""

    async def work(library: Library, _: Bases) -> int:
        try:
            await library.open()
        except OSError as error:
            what = f"{error.filename}: {error.strerror}"
            raise GatewayError(f"the index cannot be made: {what}") from None
        return await library.update()

    if sys.stderr.isatty():
        print("Reading the folders ...", file=sys.stderr)
    bases, changed = _with(config, work)
    if as_json:
        print_json({"changed": changed})
    elif bases:
        print(f"{changed} document{'' if changed == 1 else 's'} read or dropped.")
    else:
        print(EMPTY)


def _with(config: Path | None, work: Callable[[Library, Bases], Awaitable[T]]) -> tuple[Bases, T]:
    gateway, bases = knowledge_sections(config)

    async def within() -> T:
        return await work(Library(Path(gateway.data_dir), bases, rests=False), bases)

    return bases, asyncio.run(within())


def _must_be_known(only: Sequence[str], bases: Bases) -> None:
    unknown = [name for name in only if name not in bases]
    if unknown:
        what = f'there is no knowledge base "{unknown[0]}"'
        hint = words.suggest(unknown[0], list(bases)) or f"there are: {', '.join(bases) or 'none'}"
        raise ConfigurationError([Problem(where="--base", what=what, hint=hint)])


def _record(bases: Bases, holding: Holding) -> Record:
    return {
        "base": holding.base,
        "folder": str(bases[holding.base].path),
        "documents": holding.documents,
        "passages": holding.passages,
        "indexed_at": moment(holding.indexed_at),
        "left_out": [{"document": name, "reason": why} for name, why in holding.problems],
    }


def _row(bases: Bases, holding: Holding) -> Sequence[str]:
    counts = (holding.documents, holding.passages)
    left_out, folder = len(holding.problems), bases[holding.base].path
    return (
        holding.base, *map(str, counts), local(holding.indexed_at), str(left_out), str(folder),
    )  # fmt: skip


def _passage(passage: Passage) -> Record:
    return {
        "base": passage.base,
        "document": passage.document,
        "title": passage.title,
        "heading": passage.heading,
        "page": passage.page or None,
        "score": round(passage.score, 3),
        "text": passage.text,
    }


def _tell(passage: Passage) -> None:
    place = f"{passage.base}/{passage.document}"
    if passage.page:
        place += f", page {passage.page}"
    if passage.heading:
        place += f": {passage.heading}"
    print(printable(f"{place} ({passage.score:.1f})"))
    for line in passage.text.splitlines():
        print(f"  {printable(line)}")
    print()
