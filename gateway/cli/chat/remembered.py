"""What the terminal keeps between two visits: the tokens of its conversations, for their owner
alone, and what was typed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import orjson

from gateway.domain import new_id

HISTORY = "terminal-history"
LOG = "terminal.log"
_TOKENS = "terminal.json"
_PRIVATE = 0o600


class Remembered:
    """One conversation for each (gateway, agent), in ``terminal.json`` of a folder.

    ``place`` is the gateway's address; empty for the one of the configuration.
    """

    def __init__(self, folder: Path, place: str, agent: str) -> None:
        self._folder = folder
        self._key = f"{place} {agent}"

    @property
    def token(self) -> str:
        """What opens the last conversation; empty when there is none."""
        return self._all().get(self._key, "")

    def keep(self, token: str) -> None:
        """Remember this conversation as the last one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        written = private(self._folder / f"{_TOKENS}.{new_id()}")
        written.write_bytes(orjson.dumps({**self._all(), self._key: token}))
        written.replace(self._folder / _TOKENS)

    def _all(self) -> Mapping[str, str]:
        try:
            found = orjson.loads((self._folder / _TOKENS).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return {}
        pairs = found.items() if isinstance(found, dict) else ()
        return {key: token for key, token in pairs if isinstance(token, str)}


def private(path: Path) -> Path:
    """The file, made when there is none, and nobody else's to read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, _PRIVATE))
    path.chmod(_PRIVATE)
    return path
