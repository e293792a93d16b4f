"""The store's contract as tests: derive a class, supply ``make_store``, and run pytest.

Needs pytest with pytest-asyncio in auto mode.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import pytest

from gateway.ports.store import Store
from gateway.testing._store_changes import (
    NameContract,
    PreviewContract,
    RevisionContract,
    SearchContract,
)
from gateway.testing._store_commits import BatchContract, CommitContract
from gateway.testing._store_erasing import Dump, EraseContract, KeepContract
from gateway.testing._store_files import CarryContract, FileContract, ForgetFilesContract
from gateway.testing._store_heirs import InheritContract, LeavingContract
from gateway.testing._store_inbox import AcceptContract, ClaimContract, RowContract
from gateway.testing._store_keeping import (
    BookmarkContract,
    ForgetContract,
    MakeStore,
    OutboxContract,
    RestartContract,
)
from gateway.testing._store_moves import LinkContract, MoveContract
from gateway.testing._store_operators import OperatorContract
from gateway.testing._store_outliving import EarlierContract, KeepingContract, OverrideContract
from gateway.testing._store_retiring import RetireContract
from gateway.testing._store_sessions import (
    HistoryContract,
    ScopeContract,
    SessionContract,
)
from gateway.testing._store_shared import SharedContract
from gateway.testing._store_shelves import (
    BelongingsContract,
    DataContract,
    FactContract,
    ItemContract,
)
from gateway.testing._store_summaries import LaneSessionsContract, SummaryContract
from gateway.testing._store_tickets import EnsureContract, OpenContract, OwnedContract

__all__ = ["Dump", "MakeStore", "StoreContract"]


class StoreContract(
    AcceptContract,
    ClaimContract,
    RowContract,
    CommitContract,
    BatchContract,
    SessionContract,
    HistoryContract,
    ScopeContract,
    OperatorContract,
    OutboxContract,
    BookmarkContract,
    RestartContract,
    ForgetContract,
    CarryContract,
    FileContract,
    ForgetFilesContract,
    RevisionContract,
    PreviewContract,
    NameContract,
    SearchContract,
    MoveContract,
    LinkContract,
    SummaryContract,
    LaneSessionsContract,
    EnsureContract,
    OpenContract,
    OwnedContract,
    DataContract,
    FactContract,
    ItemContract,
    BelongingsContract,
    KeepingContract,
    OverrideContract,
    EarlierContract,
    LeavingContract,
    InheritContract,
    EraseContract,
    KeepContract,
    SharedContract,
    RetireContract,
    ABC,
):
    """What every store owes."""

    @pytest.fixture
    @abstractmethod
    def make_store(self) -> MakeStore | AsyncIterator[MakeStore]:
        """What opens a store on this test's own database: empty at first, then as it was left.

        Called again only when the store made before is closed.
        """

    @pytest.fixture
    def dump(self) -> Dump | None:
        """What reads all that the store holds, however it does; without it, tests that look for
        what was erased ask through the contract alone."""
        return None

    @pytest.fixture
    async def store(self, make_store: MakeStore) -> AsyncIterator[Store]:
        """A store on an empty database."""
        store = await make_store()
        yield store
        await store.close()
