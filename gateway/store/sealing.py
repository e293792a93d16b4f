"""What is kept of an event's id and content: nothing that leads back to them without the key.

A hash alone would not do: platforms count their ids, and who has the hash finds one by trying.
The key is made with the schema and stands in the database, which every replica shares.
"""

from __future__ import annotations

import os
from hashlib import blake2b

from sqlalchemy import Connection, select

from gateway.store import sql
from gateway.store.tables import secrets

KEY_BYTES = 32
_NAME = "events"

_insert = sql.insert(secrets, or_ignore=True)


class Seal:
    """Hashes under a key: keyed BLAKE2b (RFC 7693), 16 bytes as hex."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        # Copying what has taken the key in already is cheaper than to begin anew for each.
        self._keyed = blake2b(digest_size=16, key=key)

    def event(self, channel: str, event_id: str) -> str:
        """What a channel's event is known by."""
        keyed = self._keyed.copy()
        keyed.update(f"{channel}\0{event_id}".encode("utf-8", "surrogatepass"))
        return keyed.hexdigest()

    def content(self, event: str, fingerprint: str) -> str:
        """What this very event's content is known by; another event's differs."""
        if not fingerprint:
            return ""
        keyed = self._keyed.copy()
        keyed.update(f"{event}{fingerprint}".encode("utf-8", "surrogatepass"))
        return keyed.hexdigest()


def fresh() -> Seal:
    """Under a key that nobody knows, until that of a database is read."""
    return Seal(os.urandom(KEY_BYTES))


def of(connection: Connection) -> Seal:
    """The database's own, whose key is made where there is none yet."""
    _insert.run(connection, _NAME, os.urandom(KEY_BYTES))
    key = connection.execute(select(secrets.c.value).where(secrets.c.name == _NAME)).scalar_one()
    return Seal(bytes(key))
