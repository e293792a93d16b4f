"""A host for adapters that are only asked: nobody opens a session or sends a file through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.settings import Settings


@dataclass(frozen=True, kw_only=True)
class NoFiles:
    """Where files would be kept; an adapter may ask how large one can be (bytes, 0: any)."""

    limit: int


@dataclass(frozen=True, kw_only=True)
class Nobody:
    """What an adapter gets that parses, or tries its credentials through ``http``."""

    public_url: str
    agents: tuple[str, ...]
    files: NoFiles
    http: Any = None
    sessions: Any = None


def host(settings: Settings, http: Any = None) -> Nobody:
    """A host as this configuration would have it."""
    return Nobody(
        public_url=settings.gateway.public_url,
        agents=tuple(settings.agents),
        files=NoFiles(limit=settings.limits.file_bytes),
        http=http,
    )
