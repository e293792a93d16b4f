"""The store's suite bites: each of these stores is wrong in one way, and is found out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.boundary import Rule
from gateway.domain import Message, Session
from gateway.ports.records import (
    Effects,
    FileScope,
    Forgotten,
    Hold,
    LaneScope,
    OperatorScope,
    Revision,
    SessionQuery,
    SessionScope,
    StoredFile,
)
from gateway.store.sqlite import SqliteBackend
from gateway.store.store import SqlStore
from gateway.testing._store_files import DAY
from gateway.testing._talk import OPERATOR
from gateway.testing.store import StoreContract


class DropsWhatMessagesCarry(SqlStore):
    async def commit(self, effects: Effects) -> Hold | None:
        entries = tuple(
            replace(entry, message=replace(entry.message, attachments=(), quote=None, origin=""))
            for entry in effects.entries
        )
        return await super().commit(replace(effects, entries=entries))


class DropsWhatDeliveriesCarry(SqlStore):
    async def commit(self, effects: Effects) -> Hold | None:
        items = tuple(replace(item, format={}, replaces="") for item in effects.deliveries)
        return await super().commit(replace(effects, deliveries=items))


class ShowsEveryFile(SqlStore):
    async def file(self, scope: SessionScope | FileScope, file_id: str) -> StoredFile | None:
        return await super().file(FileScope(file_id=file_id), file_id)


class KnowsEveryDigest(SqlStore):
    async def known_digests(self, scope: OperatorScope, digests: Sequence[str]) -> frozenset[str]:
        return frozenset(digests)


class GivesSharedFilesAway(SqlStore):
    digests: tuple[str, ...] = ()

    async def add_file(self, file: StoredFile) -> None:
        self.digests = (*self.digests, file.digest)
        await super().add_file(file)

    async def delete_session(self, scope: SessionScope) -> Sequence[str]:
        await super().delete_session(scope)
        return self.digests


class KeepsLooseFiles(SqlStore):
    async def forget(self, *, rows_before: float, now: float) -> Forgotten:
        found = await super().forget(rows_before=rows_before, now=now - DAY)
        return replace(found, digests=())


class ForgetsYoungFiles(SqlStore):
    async def forget(self, *, rows_before: float, now: float) -> Forgotten:
        return await super().forget(rows_before=rows_before, now=now + DAY)


class ForgetsTheRow(SqlStore):
    async def revise(self, row_id: str, scope: LaneScope, revisions: Sequence[Revision]) -> bool:
        return False


class RevisesEveryLane(SqlStore):
    async def revise(self, row_id: str, scope: LaneScope, revisions: Sequence[Revision]) -> bool:
        for session in await self.sessions(OPERATOR, SessionQuery()):
            lane = LaneScope(lane_id=session.lane_id)
            if await super().revise(row_id, lane, revisions):
                return True
        return False


class EmptiesAndNoMore(SqlStore):
    async def revise(self, row_id: str, scope: LaneScope, revisions: Sequence[Revision]) -> bool:
        edits = [replace(revision, text=revision.text or "") for revision in revisions]
        return await super().revise(row_id, scope, edits)


class ForgetsPreviews(SqlStore):
    async def preview(self, row_id: str, message_id: str) -> None:
        pass


class RenamesNothing(SqlStore):
    async def rename_session(self, scope: SessionScope, name: str) -> Session:
        found = await self.session(scope)
        assert found is not None
        return replace(found, name=name, version=found.version + 1)


class RenamesForATurn(SqlStore):
    """The commit of a turn that began before puts the old name back."""

    async def commit(self, effects: Effects) -> Hold | None:
        return await super().commit(replace(effects, renamed=True))


class OverridesForATurn(SqlStore):
    """The commit of a turn that began before puts back what was turned on then."""

    async def commit(self, effects: Effects) -> Hold | None:
        return await super().commit(replace(effects, overridden=True))


class _Searches(SqlStore):
    def matches(self, message: Message, text: str) -> bool:
        return text.casefold() in message.text.casefold() and message.role in ("user", "assistant")

    async def search(self, scope: SessionScope, text: str, limit: int = 50) -> Sequence[Message]:
        found = [m for m in await self.history(scope, limit=10_000) if self.matches(m, text)]
        return found[::-1][:limit]


class FoldsOnlyAscii(_Searches):
    def matches(self, message: Message, text: str) -> bool:
        return text.encode().lower() in message.text.encode().lower()


class TakesSignsForWildcards(_Searches):
    def matches(self, message: Message, text: str) -> bool:
        return super().matches(message, text.replace("%", ""))


class FindsNotices(_Searches):
    def matches(self, message: Message, text: str) -> bool:
        return text.casefold() in message.text.casefold()


class FindsWhatAgentsSee(_Searches):
    def matches(self, message: Message, text: str) -> bool:
        return super().matches(message, text) and message.in_context


class FindsTheOldestFirst(_Searches):
    async def search(self, scope: SessionScope, text: str, limit: int = 50) -> Sequence[Message]:
        return (await super().search(scope, text, 10_000))[::-1][:limit]


class MovesNothing(SqlStore):
    async def move(self, channel: str, old_id: str, new_id: str) -> Sequence[str]:
        return ()


class MovesWhatBeginsAlike(SqlStore):
    async def move(self, channel: str, old_id: str, new_id: str) -> Sequence[str]:
        await super().move(channel, f"{old_id}1", f"{new_id}1")
        return await super().move(channel, old_id, new_id)


class MovesEveryChannel(SqlStore):
    async def move(self, channel: str, old_id: str, new_id: str) -> Sequence[str]:
        await super().move("other", old_id, new_id)
        return await super().move(channel, old_id, new_id)


class MovesBackwards(SqlStore):
    async def move(self, channel: str, old_id: str, new_id: str) -> Sequence[str]:
        return await super().move(channel, new_id, old_id)


class TellsNobodyToLetGo(SqlStore):
    async def move(self, channel: str, old_id: str, new_id: str) -> Sequence[str]:
        await super().move(channel, old_id, new_id)
        return ()


class _Stores(StoreContract):
    make_store = None  # type: ignore[assignment]


ANYWHERE = {"rule": Rule.PER_GROUP}
OLDER = {"old_began_first": True}


@pytest.mark.parametrize(
    ("mistake", "test", "options"),
    [
        (DropsWhatMessagesCarry, "what_a_message_carries_is_kept", {}),
        (DropsWhatDeliveriesCarry, "what_a_delivery_carries_is_kept", {}),
        (ShowsEveryFile, "a_file_is_its_sessions", {}),
        (ShowsEveryFile, "reads_stay_in_their_scope", {}),
        (KnowsEveryDigest, "digests_that_files_have_are_known", {}),
        (GivesSharedFilesAway, "with_a_session_go_its_files", {}),
        (KeepsLooseFiles, "with_expired_sessions_go_their_files", {}),
        (KeepsLooseFiles, "a_file_whose_session_never_came_goes_after_a_day", {}),
        (ForgetsYoungFiles, "a_file_whose_session_never_came_goes_after_a_day", {}),
        (ForgetsTheRow, "an_edited_message_has_its_new_text", {}),
        (RevisesEveryLane, "no_other_lanes_message_is", {}),
        (EmptiesAndNoMore, "of_a_deleted_message_nothing_is_left", {}),
        (ForgetsPreviews, "a_preview_is_remembered_until_the_row_is_over", {}),
        (RenamesNothing, "a_session_is_renamed", {}),
        (RenamesNothing, "what_is_over_is_not_renamed", {}),
        (RenamesForATurn, "a_turn_under_way_does_not_undo_it", {}),
        (OverridesForATurn, "a_turn_under_way_puts_nothing_back", {}),
        (FoldsOnlyAscii, "any_case_of_any_script_is_found_newest_first", {}),
        (TakesSignsForWildcards, "signs_are_nothing_but_themselves", {}),
        (FindsNotices, "what_people_and_agents_said_is_searched_and_nothing_else", {}),
        (FindsWhatAgentsSee, "what_people_and_agents_said_is_searched_and_nothing_else", {}),
        (FindsTheOldestFirst, "any_case_of_any_script_is_found_newest_first", {}),
        (MovesNothing, "a_groups_lanes_answer_to_the_new_id_too", {"place_of": ANYWHERE}),
        (MovesNothing, "of_two_lanes_the_one_with_the_older_session_goes_on", OLDER),
        (MovesWhatBeginsAlike, "every_lane_of_the_group_does_and_none_else", {}),
        (MovesEveryChannel, "every_lane_of_the_group_does_and_none_else", {}),
        (MovesBackwards, "without_any_live_session_the_old_ids_lane_goes_on", {}),
        (TellsNobodyToLetGo, "of_two_lanes_the_one_with_the_older_session_goes_on", OLDER),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_wrong_store_is_found_out(
    mistake: type[SqlStore], test: str, options: dict[str, Any], tmp_path: Path
) -> None:
    store = mistake(SqliteBackend(tmp_path / "gateway.db", replica="test"))
    await store.open()
    try:
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            await getattr(_Stores(), f"test_{test}")(store=store, **options)
    finally:
        await store.close()
