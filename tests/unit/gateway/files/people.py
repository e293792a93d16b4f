"""Sessions that own files, and the ways content comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from gateway.domain import Conversation, ConversationKind, Session, new_id
from gateway.ports.records import Credential
from gateway.ports.store import Store


async def visitor(store: Store) -> Session:
    """Somebody's session."""
    place = new_id()
    session = Session(
        id=new_id(), lane_id="", channel="web", agent="echo", owner=f"participant:{place}",
        conversation=Conversation(kind=ConversationKind.DIRECT, id=place), created_at=1.0,
        last_activity=1.0,
    )  # fmt: skip
    return await store.create_session(session, f"web/{place}", Credential(token_hash=new_id()))


async def pieces(*several: bytes) -> AsyncIterator[bytes]:
    """Content as it comes."""
    for one in several:
        yield one


def on_disk(folder: Path) -> list[str]:
    """Every file there, but the key."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.name for path in files if path.name != ".key")
