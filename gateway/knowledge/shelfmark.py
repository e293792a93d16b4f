"""What the rooms of a library hand each other. Values, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import GatewayError


class Unreadable(GatewayError):
    """A document that cannot be read; the text says why, for operators."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A paragraph, or what else belongs together, with what it stands under and on which page."""

    text: str
    heading: str = ""
    page: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """What a file says. An empty ``title``: it does not call itself anything."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """By what a change of a file is seen: its size and when it was written, then its content."""

    size: int
    written: int
    digest: str = ""
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """What the index has of one base. ``problems`` maps documents that were left out to why."""

    base: str
    documents: int
    passages: int
    indexed_at: float | None
    problems: tuple[tuple[str, str], ...] = ()
