"""The store's contract: messages edited and deleted, previews, names, and searching."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain import Message, Role, new_id
from gateway.ports.records import (
    Effects,
    Entry,
    FileScope,
    LaneScope,
    Revision,
    RowRetry,
    SessionScope,
)
from gateway.ports.store import Store
from gateway.testing._store_files import PICTURE, QUOTE, stored
from gateway.testing._talk import Talk, credential, ended, session, waiting


class Placed(Talk):
    """A talk whose user's messages stand at a place on their platform."""

    async def writes(self, origin: str, text: str = "hello", **changes: Any) -> Message:
        """A message and its answer; what the person wrote."""
        accepted, hold = await self.holds(text)
        plain = self.turn(accepted, hold, text)
        said = replace(plain.entries[0].message, origin=origin, **changes)
        entry = Entry(session_id=plain.entries[0].session_id, message=said)
        await self.commits(replace(plain, entries=(entry, *plain.entries[1:])))
        return said

    async def revises(self, *revisions: Revision, lane: LaneScope | None = None) -> bool:
        """The person changes something, in an event of its own."""
        control = await self.says(control=True)
        found = await self.store.revise(control.row_id, lane or self.lane, revisions)
        assert not await waiting(self.store, self.lane)
        return found


class RevisionContract:
    """What people change of what they said."""

    async def test_an_edited_message_has_its_new_text(self, store: Store) -> None:
        talk = Placed(store)
        first = await talk.writes("p/1", attachments=(PICTURE,), quote=QUOTE, sender="Ada")
        second = await talk.writes("p/2")
        assert await talk.revises(Revision(origin="p/1", text="other"))
        kept = await store.history(talk.scope)
        assert kept[0] == replace(first, text="other")
        assert kept[2] == second
        assert [message.text for message in kept] == ["other", "hello", "hello", "hello"]
        assert [message.text for message in await store.window(talk.scope, 1)] == ["hello"]

    async def test_of_a_deleted_message_nothing_is_left(self, store: Store) -> None:
        talk = Placed(store)
        first = await talk.writes("p/1", "canary", attachments=(PICTURE,), quote=QUOTE)
        await talk.writes("p/2")
        assert await talk.revises(Revision(origin="p/1", text=None))
        assert (await store.history(talk.scope))[0] == replace(
            first, text="", in_context=False, attachments=(), quote=None
        )
        numbers = [message.number for message in await store.window(talk.scope, 50)]
        assert numbers == [2, 3, 4]

    async def test_several_at_once(self, store: Store) -> None:
        talk = Placed(store)
        for number in range(3):
            await talk.writes(f"p/{number}", f"{number}")
        gone = Revision(origin="p/0", text=None)
        assert await talk.revises(gone, Revision(origin="p/2", text="two"))
        assert await talk.texts() == ["", "0", "1", "1", "two", "2"]

    async def test_a_message_of_an_ended_session_is_found(self, store: Store) -> None:
        talk = Placed(store)
        await talk.writes("p/1")
        old = talk.scope
        await store.end_session(old, "")
        talk.session = None
        await talk.writes("p/2")
        assert await talk.revises(Revision(origin="p/1", text="other"))
        assert [message.text for message in await store.history(old)] == ["other", "hello"]

    async def test_no_other_lanes_message_is(self, store: Store) -> None:
        mine, theirs = Placed(store), Placed(store)
        await mine.writes("p/2")
        await theirs.writes("p/1")
        assert not await mine.revises(Revision(origin="p/1", text="mine"))
        assert await theirs.texts() == ["hello", "hello"]

    async def test_what_stands_nowhere_is_not_found(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        for origin in ("", "p/1"):
            control = await talk.says(control=True)
            revision = Revision(origin=origin, text="wrong")
            assert not await store.revise(control.row_id, talk.lane, [revision])
            assert not await waiting(store)
        assert await talk.texts() == ["hello", "hello"]

    async def test_a_row_changes_messages_once(self, store: Store) -> None:
        talk = Placed(store)
        await talk.writes("p/1")
        first, second = await talk.says(control=True), await talk.says(control=True)
        for row, text in ((first, "first"), (second, "second"), (first, "first")):
            await store.revise(row.row_id, talk.lane, [Revision(origin="p/1", text=text)])
        assert (await talk.texts())[0] == "second"

    async def test_the_sessions_version_rises(self, store: Store) -> None:
        talk = Placed(store)
        await talk.writes("p/1")
        assert talk.session is not None
        await talk.revises(Revision(origin="p/1", text="other"))
        found = await store.session(talk.scope)
        assert found == replace(talk.session, version=talk.session.version + 1)

    async def test_a_deleted_messages_files_go(self, store: Store) -> None:
        talk = Placed(store)
        await talk.exchange()
        files = [stored(talk.scope.session_id, content) for content in ("a", "b")]
        for number, file in enumerate(files):
            await store.add_file(file)
            await talk.writes(f"p/{number}", attachments=(replace(PICTURE, id=file.id),))
        # The second was sent again, and that was not deleted.
        await talk.writes("p/9", attachments=(replace(PICTURE, id=files[1].id),))
        await talk.revises(Revision(origin="p/0", text=None), Revision(origin="p/1", text=None))
        assert await store.file(FileScope(file_id=files[0].id), files[0].id) is None
        assert await store.file(talk.scope, files[1].id) == files[1]


class PreviewContract:
    """Which message on the platform shows an answer being written."""

    async def test_a_preview_is_remembered_until_the_row_is_over(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        behind = await talk.says()
        await store.preview(accepted.row_id, "55")
        await store.preview(behind.row_id, "56")
        assert [row.preview for row in await waiting(store)] == ["56"]
        retry = RowRetry(row_id=accepted.row_id, not_before=0.0)
        await store.commit(Effects(turn_id=new_id(), hold=hold, retries=(retry,), release=True))
        assert [row.preview for row in await waiting(store, talk.lane)] == ["55", "56"]
        hold, rows = await store.claim(talk.lane_id, (accepted.row_id, behind.row_id))
        assert [row.preview for row in rows] == ["55", "56"]
        ends = (ended(accepted), ended(behind))
        await talk.commits(talk.turn(accepted, hold, rows=ends))
        await store.preview(accepted.row_id, "57")
        assert not await waiting(store)

    async def test_there_is_none_at_first(self, store: Store) -> None:
        talk = Talk(store)
        await talk.holds()
        await talk.says()
        assert [row.preview for row in await waiting(store)] == [""]
        await store.preview("unknown", "55")


class NameContract:
    """What a session is called."""

    async def test_a_session_is_renamed(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        assert talk.session is not None
        renamed = await store.rename_session(talk.scope, "Grüße")
        assert renamed == replace(talk.session, name="Grüße", version=talk.session.version + 1)
        assert await store.session(talk.scope) == renamed

    async def test_a_turn_under_way_does_not_undo_it(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        accepted, hold = await talk.holds()
        first = talk.turn(accepted, hold, "early", rows=(), tasks=(), release=False)
        renamed = await store.rename_session(talk.scope, "new")
        await talk.commits(first)
        await talk.commits(talk.turn(accepted, hold, "late"))
        found = await store.session(talk.scope)
        assert found is not None
        assert (found.name, found.last_number) == ("new", 6)
        assert found.version > renamed.version + 1

    async def test_a_turn_that_renames_it_does_so_whatever_happened_meanwhile(
        self, store: Store
    ) -> None:
        talk = Talk(store)
        await talk.exchange()
        accepted, hold = await talk.holds()
        turn = talk.turn(accepted, hold)
        await store.rename_session(talk.scope, "new")
        newer = (replace(turn.sessions[0], name="newer"),)
        await talk.commits(replace(turn, sessions=newer, renamed=True))
        found = await store.session(talk.scope)
        assert found is not None
        assert found.name == "newer"

    async def test_what_is_over_is_not_renamed(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        await store.end_session(talk.scope, "")
        past = session("", "expired", expires_at=time.time() - 1)
        past = await store.create_session(past, "expired", credential(new_id()))
        for session_id in (talk.scope.session_id, past.id, "unknown"):
            with pytest.raises(LookupError):
                await store.rename_session(SessionScope(session_id=session_id), "new")


class SearchContract:
    """Finding what was said."""

    async def test_any_case_of_any_script_is_found_newest_first(self, store: Store) -> None:
        talk = Talk(store)
        for text in ("Grüße an ALLE", "ПРИВЕТ всем", "ΚΑΛΗΜΈΡΑ", "straße"):
            await talk.exchange(text)

        async def found(text: str, **limit: int) -> list[int]:
            return [message.number for message in await store.search(talk.scope, text, **limit)]

        assert await found("GRÜße an alle") == [2, 1]
        assert await found("привет") == [4, 3]
        assert await found("Всем") == [4, 3]
        assert await found("καλημέρα") == [6, 5]
        assert await found("a") == [8, 7, 2, 1]
        assert await found("a", limit=3) == [8, 7, 2]
        assert await found("a", limit=0) == []
        assert await found("nowhere") == []

    async def test_what_others_said_is_not_found(self, store: Store) -> None:
        mine, theirs = Talk(store), Talk(store)
        await mine.exchange("mine")
        await theirs.exchange("theirs")
        assert not await store.search(mine.scope, "theirs")
        assert len(await store.search(mine.scope, "mine")) == 2

    async def test_signs_are_nothing_but_themselves(self, store: Store) -> None:
        talk = Talk(store)
        for text in ("100% sure", "100 sure", "a_b", "axb", "a\\b", "it's [x]", "a*b"):
            await talk.exchange(text)
        for text in ("100%", "a_b", "\\", "'", "[x]", "*"):
            assert len(await store.search(talk.scope, text)) == 2, text
        assert not await store.search(talk.scope, "%sure")

    async def test_what_people_and_agents_said_is_searched_and_nothing_else(
        self, store: Store
    ) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        plain = talk.turn(accepted, hold)
        made = plain.new_sessions[0].id
        said = [
            Message(number=number, role=role, text="needle", created_at=1.0, in_context=seen)
            for number, (role, seen) in enumerate(
                ((role, seen) for role in Role for seen in (True, False)), 1
            )
        ]
        await talk.commits(
            replace(plain, entries=tuple(Entry(session_id=made, message=m) for m in said))
        )
        spoken = [m for m in said if m.role in (Role.USER, Role.ASSISTANT)]
        assert list(await store.search(talk.scope, "NEEDLE")) == spoken[::-1]

    async def test_more_than_a_page_is_searched(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        plain = talk.turn(accepted, hold)
        await talk.commits(replace(plain, entries=tuple(_many(plain, 2500))))
        assert [m.number for m in await store.search(talk.scope, "NUMBER 3 ")] == [3]
        assert len(await store.search(talk.scope, "number", limit=2400)) == 2400
        assert [m.number for m in await store.search(talk.scope, "number 25", limit=2)] == [
            2500,
            259,
        ]


def _many(plain: Effects, number: int) -> list[Entry]:
    return [
        Entry(
            session_id=plain.new_sessions[0].id,
            message=Message(number=n, role=Role.USER, text=f"number {n} of many", created_at=1.0),
        )
        for n in range(1, number + 1)
    ]
