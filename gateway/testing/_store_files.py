"""The store's contract: files, what messages and deliveries carry of them, and when they go."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain import Attachment, Message, Quote, Role, new_id
from gateway.ports.records import Entry, FileScope, SessionScope, StoredFile
from gateway.ports.store import Store
from gateway.testing._talk import OPERATOR, Talk, credential, delivery, session

DAY = 86_400.0
PICTURE = Attachment(name="kätzchen.png", media_type="image/png", size=2**40, id="f1", ref="tg:7")
QUOTE = Quote(text="as I said", sender="Ada", from_agent=True)


def digest_of(content: str) -> str:
    """The name under which such a content stands on disk."""
    return hashlib.sha256(content.encode()).hexdigest()


def stored(session_id: str, content: str = "cat", **changes: Any) -> StoredFile:
    """A file of this session."""
    values: dict[str, Any] = {
        "id": new_id(),
        "session_id": session_id,
        "digest": digest_of(content),
        "name": "kätzchen.png",
        "media_type": "image/png",
        "size": 2**40,
        "created_at": time.time(),
    }
    return StoredFile(**{**values, **changes})


class CarryContract:
    """What comes and goes beside the text is kept as it was."""

    async def test_what_a_message_carries_is_kept(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        plain = talk.turn(accepted, hold)
        bare = Message(
            number=4, role=Role.USER, text="see", created_at=1.5, task_id=accepted.task_id
        )
        both = (PICTURE, Attachment(name="b"))
        said = [
            replace(bare, number=1, attachments=both, quote=QUOTE),
            replace(bare, number=2, attachments=(PICTURE,), origin="place/7"),
            replace(bare, number=3, quote=QUOTE),
            bare,
        ]
        made = plain.new_sessions[0].id
        entries = tuple(Entry(session_id=made, message=message) for message in said)
        await talk.commits(replace(plain, entries=entries))
        assert list(await store.history(talk.scope)) == said
        assert list(await store.window(talk.scope, 50)) == said
        assert list(await store.task_messages(talk.scope, accepted.task_id)) == said
        assert list(await store.search(talk.scope, "see")) == said[::-1]

    async def test_what_a_delivery_carries_is_kept(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        bold = {"entities": [{"type": "bold", "offset": 0, "length": 2}], "ü": None}
        items = (
            delivery(hold.lane_id, format=bold, attachment=PICTURE, replaces="55"),
            delivery(hold.lane_id, attachment=PICTURE),
            delivery(hold.lane_id, format=bold),
            delivery(hold.lane_id),
        )
        await talk.commits(talk.turn(accepted, hold, deliveries=items))
        assert tuple(await store.pending(talk.lane)) == items
        assert [await store.delivery(OPERATOR, item.id) for item in items] == list(items)
        states = [items[0].state]
        assert tuple(await store.deliveries(OPERATOR, states))[::-1] == items

    @pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
    async def test_text_that_no_database_likes_is_carried_too(
        self, store: Store, text: str
    ) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        plain = talk.turn(accepted, hold)
        made = plain.new_sessions[0].id
        odd = Attachment(name=text, ref=text)
        first = replace(
            plain.entries[0].message, attachments=(odd,), quote=Quote(text=text), origin=text
        )
        item = delivery(hold.lane_id, attachment=odd, replaces=text, format={"of": text})
        await store.add_file(stored(made, name=text, media_type=text))
        entries = (Entry(session_id=made, message=first),)
        await talk.commits(replace(plain, entries=entries, deliveries=(item,)))
        (kept,) = await store.history(talk.scope)
        assert kept.attachments[0].name == "a\ufffdb"
        assert (await store.pending(talk.lane))[0].attachment == kept.attachments[0]


class FileContract:
    """Files of sessions."""

    async def test_a_file_is_its_sessions(self, store: Store) -> None:
        mine, theirs = Talk(store), Talk(store)
        await mine.exchange()
        await theirs.exchange()
        file = stored(mine.scope.session_id)
        await store.add_file(file)
        assert await store.file(mine.scope, file.id) == file
        assert await store.file(FileScope(file_id=file.id), file.id) == file
        assert await store.file(theirs.scope, file.id) is None
        assert await store.file(FileScope(file_id="other"), file.id) is None
        assert await store.file(FileScope(file_id=file.id), "other") is None
        assert await store.file(mine.scope, "other") is None

    async def test_its_session_may_come_later(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        turn = talk.turn(accepted, hold)
        file = stored(turn.new_sessions[0].id)
        await store.add_file(file)
        await talk.commits(turn)
        assert await store.file(talk.scope, file.id) == file

    async def test_digests_that_files_have_are_known(self, store: Store) -> None:
        await store.add_file(stored("one", "cat"))
        await store.add_file(stored("two", "cat"))
        cat, dog = digest_of("cat"), digest_of("dog")
        assert await store.known_digests(OPERATOR, [cat, dog]) == {cat}
        assert await store.known_digests(OPERATOR, []) == frozenset()

    async def test_with_a_session_go_its_files(self, store: Store) -> None:
        talk, other = Talk(store), Talk(store)
        await talk.exchange()
        await other.exchange()
        files = [stored(talk.scope.session_id, content) for content in ("a", "a", "b", "shared")]
        kept = stored(other.scope.session_id, "shared")
        for file in (*files, kept):
            await store.add_file(file)
        scope = talk.scope
        assert set(await store.delete_session(scope)) == {digest_of("a"), digest_of("b")}
        for file in files:
            assert await store.file(scope, file.id) is None
            assert await store.file(FileScope(file_id=file.id), file.id) is None
        assert await store.file(other.scope, kept.id) == kept
        digests = [digest_of(content) for content in ("a", "b", "shared")]
        assert await store.known_digests(OPERATOR, digests) == {digest_of("shared")}

    async def test_a_session_without_files_leaves_none(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        assert not await store.delete_session(talk.scope)

    async def test_a_file_that_cannot_be_added_harms_no_neighbour(self, store: Store) -> None:
        file = stored("one")
        await store.add_file(file)
        with pytest.raises(Exception, match=r"."):
            await store.add_file(replace(file, session_id="two"))
        assert await store.file(SessionScope(session_id="one"), file.id) == file


class ForgetFilesContract:
    """Files that nobody can ask for any more."""

    async def test_with_expired_sessions_go_their_files(self, store: Store) -> None:
        now = time.time()
        made = {}
        for key, expiry in (("gone", now - 1), ("kept", now + 60)):
            fresh = session("", key, expires_at=expiry)
            made[key] = (await store.create_session(fresh, key, credential(new_id()))).id
            await store.add_file(stored(made[key], key))
            await store.add_file(stored(made[key], "both"))
        found = await store.forget(rows_before=0.0, now=now)
        assert (found.sessions, found.digests) == (1, (digest_of("gone"),))
        digests = [digest_of(content) for content in ("gone", "kept", "both")]
        assert await store.known_digests(OPERATOR, digests) == set(digests[1:])

    async def test_a_file_whose_session_never_came_goes_after_a_day(self, store: Store) -> None:
        now, talk = time.time(), Talk(store)
        accepted, hold = await talk.holds()
        turn = talk.turn(accepted, hold)
        at = now - DAY
        loose = stored("never", "loose", created_at=at - 60)
        young = stored("never", "young", created_at=at + 60)
        early = stored(turn.new_sessions[0].id, "early", created_at=at - 60)
        shared = stored("never", "early", created_at=at - 60)
        for file in (loose, young, early, shared):
            await store.add_file(file)
        await talk.commits(turn)
        assert (await store.forget(rows_before=0.0, now=now)).digests == (loose.digest,)
        for file, there in ((loose, None), (young, young), (early, early), (shared, None)):
            assert await store.file(FileScope(file_id=file.id), file.id) == there
        assert not (await store.forget(rows_before=0.0, now=now)).digests

    async def test_a_file_that_came_after_its_sessions_end_goes_too(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        await store.delete_session(talk.scope)
        late = stored(talk.scope.session_id, "late")
        await store.add_file(late)
        assert not (await store.forget(rows_before=0.0, now=time.time())).digests
        found = await store.forget(rows_before=0.0, now=time.time() + DAY + 1)
        assert found.digests == (late.digest,)
        assert await store.file(talk.scope, late.id) is None
