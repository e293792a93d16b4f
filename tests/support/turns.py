"""Turns with everything that they reach, on a real store, without a gateway around them."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.belongings import Item, Passage
from gateway.domain import Attachment, Session, new_id
from gateway.files import FileRoom
from gateway.longterm import LongTerm
from gateway.ports.agent import Turn
from gateway.ports.reach import Knowledge
from gateway.ports.records import AgentScope, Keeping
from gateway.ports.store import Store
from gateway.reach import Reach, Reaching
from gateway.settings import AgentBasics, LimitsSection
from gateway.store import connect
from gateway.testing._talk import session
from gateway.testing.agent import make_turn


@dataclass(slots=True)
class Pages:
    """Implements ``gateway.ports.reach.Knowledge``: passages of these bases that have any of
    the longer words."""

    bases: Sequence[str]
    texts: Mapping[str, Sequence[str]]

    async def search(self, words: str, *, limit: int = 5) -> Sequence[Passage]:
        """The passages in their order."""
        found = [
            Passage(base=base, document=f"{base}.md", title=base, heading="Part *1*", text=text)
            for base in self.bases
            for text in self.texts[base]
            if any(word in text.casefold() for word in re.findall(r"\w{4,}", words.casefold()))
        ]
        return found[:limit]


class Attic:
    """What turns of an agent called ``echo`` reach."""

    def __init__(
        self, store: Store, folder: Path, texts: Mapping[str, Sequence[str]], limits: LimitsSection
    ) -> None:
        self.store = store
        self.limits = limits
        self.files = FileRoom(folder=folder, store=store, limit=limits.file_bytes)
        self._texts = texts
        self._longterm = LongTerm(store)
        self._reachings: dict[str, Reaching] = {}

    async def turn(
        self,
        text: str = "hello",
        *,
        owner: str = "ada",
        overrides: Mapping[str, Any] | None = None,
        knowledge: Collection[str] = (),
        into: Session | None = None,
        attached: Mapping[str, bytes] | None = None,
        **more: Any,
    ) -> Turn:
        """A turn of this owner's, in a session of its own."""
        own = into or session(f"lane of {owner}", owner, overrides=dict(overrides or {}))
        content = dict(attached or {})

        async def read(attachment: Attachment) -> bytes:
            return content[attachment.name]

        reach = Reach(
            store=self.store,
            longterm=self._longterm,
            files=self.files,
            limits=self.limits,
            agents={"echo": _Nobody()},
            basics={"echo": AgentBasics(knowledge=tuple(knowledge))},
            bases=tuple(self._texts),
            view=self._view,
        )
        reaching = await reach.begin(own, read)
        attachments = tuple(
            Attachment(id=name, name=name, media_type="text/plain", size=len(data))
            for name, data in content.items()
        )
        made = replace(
            make_turn(text, sender=owner, session_id=own.id, **more),
            session=own,
            attachments=attachments,
            read=read,
            **reaching.belongings(),
        )
        self._reachings[made.id] = reaching
        return made

    async def shelve(self, name: str, text: str) -> None:
        """Lay a text on the agent's own shelf."""
        item = Item(id=new_id(), name=name, created_at=time.time(), text=text, size=len(text))
        await self._longterm.keep(Keeping(scope=AgentScope(agent="echo"), items=(item,)))

    async def commit(self, turn: Turn) -> None:
        """Store what the turn changed of what outlives its session."""
        reaching = self._reachings.pop(turn.id)
        for keeping in reaching.keepings(turn):
            await self._longterm.keep(keeping)
        await reaching.close()

    def _view(self, bases: Sequence[str]) -> Knowledge:
        return Pages(bases, self._texts)


class _Nobody:
    def run(self, turn: Turn) -> Any:
        raise NotImplementedError


@asynccontextmanager
async def attic(
    folder: Path, texts: Mapping[str, Sequence[str]] | None = None, **limits: int
) -> AsyncIterator[Attic]:
    """One below ``folder``, with knowledge bases that have these passages."""
    store = connect(f"sqlite:///{folder}/gateway.db")
    await store.open()
    try:
        yield Attic(store, folder / "files", texts or {}, LimitsSection(**limits))
    finally:
        await store.close()
