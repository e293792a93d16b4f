"""The store's contract: what is left of one person's words where others speak too."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway.boundary import members_keys
from gateway.domain import (
    Attachment,
    DeliveryState,
    Message,
    Question,
    QuestionKind,
    Quote,
    Role,
    Summary,
    new_id,
)
from gateway.errors import Fenced
from gateway.ports.records import Accepted, Effects, Hold, Mark, PersonScope, Traces
from gateway.ports.store import Store
from gateway.testing._store_erasing import Dump, digest
from gateway.testing._store_files import stored
from gateway.testing._talk import CHANNEL, OPERATOR, Talk, arrival, delivery, ended, waiting


def event(who: str, text: str, *files: str) -> bytes:
    """What a platform's event comes to, as far as erasing asks."""
    attachments = [{"id": file_id} for file_id in files]
    said = {"participant": {"id": who}, "text": text, "attachments": attachments}
    return orjson.dumps(said)


class Group(Talk):
    """A shared conversation: who says what is known of each message."""

    def __init__(self, store: Store, key: str = "") -> None:
        super().__init__(store, key)
        self.owner = f"conversation:{self.key}"

    @property
    def everybody(self) -> dict[str, Any]:
        """What makes an arrival one of this lane's."""
        return {"owner": self.owner, "shared": True}

    async def hears(
        self, who: str, text: str, answer: str = "", **changes: Any
    ) -> tuple[Effects, list[Message]]:
        """Somebody says something, and is answered."""
        accepted = await self.says(text, inbound=event(who, text), **self.everybody)
        assert accepted.hold is not None
        return await self.answers(accepted, accepted.hold, who, text, answer, **changes)

    async def answers(
        self,
        accepted: Accepted,
        hold: Hold,
        who: str,
        text: str,
        answer: str = "",
        *,
        state: DeliveryState = DeliveryState.PENDING,
        more: Callable[[Effects], Effects] = lambda turn: turn,
        **changes: Any,
    ) -> tuple[Effects, list[Message]]:
        """The turn's effects, committed, and its messages; ``more`` is what else it brings."""
        answer = answer or f"re: {text}"
        turn = self.turn(accepted, hold, text)
        asked, answered = (entry.message for entry in turn.entries)
        asked = replace(asked, sender=f"name of {who}", sender_id=who, **changes)
        answered = replace(answered, text=answer)
        sent = replace(turn.deliveries[0], text=answer, state=state)
        of = self.session or replace(turn.new_sessions[0], owner=self.owner)
        entries = tuple(
            replace(e, message=m) for e, m in zip(turn.entries, (asked, answered), strict=True)
        )
        new = tuple(replace(made, owner=self.owner) for made in turn.new_sessions)
        assert of.owner == self.owner
        turn = more(replace(turn, entries=entries, deliveries=(sent,), new_sessions=new))
        await self.commits(turn)
        return turn, [asked, answered]


class SharedContract:
    """In a shared session one's own words go, with what was answered to them."""

    async def test_one_s_own_words_go_and_others_stay(
        self, store: Store, dump: Dump | None
    ) -> None:
        group = Group(store)
        await group.hears("ann", "c4n4ry one", state=DeliveryState.SENT)
        await group.hears("bob", "hello there", state=DeliveryState.SENT)
        await group.hears("ann", "c4n4ry two", "the c4n4ry sings", state=DeliveryState.DEAD)
        scope = PersonScope(channel=CHANNEL, senders=("ann",))
        before = await store.session(group.scope)
        assert (await store.traces(scope)).messages == 4
        erased = await store.erase(scope, now=time.time())
        assert erased.traces == Traces(messages=4)
        assert erased.lanes == (group.lane_id,)
        assert await group.texts() == ["hello there", "re: hello there"]
        after = await store.session(group.scope)
        assert before is not None
        assert after is not None
        assert (after.message_count, after.last_number) == (2, before.last_number)
        assert after.version > before.version
        assert not await store.search(group.scope, "c4n4ry")
        if dump is not None:
            assert "c4n4ry" not in await dump(store)
        assert (await store.erase(scope, now=time.time())).traces == Traces()

    async def test_others_do_not_repeat_it(self, store: Store, dump: Dump | None) -> None:
        group = Group(store)
        await group.hears("ann", "The c4n4ry is in the mine.", "A bird of c4n4ry yellow, then.")
        quotes = (
            Quote(text="the c4n4ry is in", sender="somebody"),
            Quote(text="What I never told the bot", sender="name of ann"),
            Quote(text="bird of c4n4ry yellow", from_agent=True),
        )
        for quote in quotes:
            await group.hears("bob", "indeed", quote=quote)
        carried = Attachment(name="kept", id="f1")
        await group.hears("bob", "see", quote=quotes[0], attachments=(carried,))
        theirs = Quote(text="in the mine", sender="carl")
        await group.hears("bob", "what?", quote=theirs)
        other = Quote(text="The weather is fine today", sender="carl")
        await group.hears("bob", "yes", quote=other)
        scope = PersonScope(channel=CHANNEL, senders=("ann",))
        await store.erase(scope, now=time.time())
        said = [m for m in await store.history(group.scope) if m.role is Role.USER]
        assert [m.quote for m in said] == [None] * 4 + [None, other]
        assert said[3].attachments == (carried,)
        if dump is not None:
            assert "c4n4ry" not in await dump(store)

    async def test_a_summary_without_it_is_to_be_made(self, store: Store) -> None:
        group, other = Group(store), Group(store)
        for one, who in ((group, "ann"), (other, "bob")):
            await one.hears("bob", "before")
            await one.hears(who, "c4n4ry")
            await one.hears("bob", "after")
        for one in (group, other):
            assert await store.put_summary(one.scope, Summary(text="all of it", upto=4))
        scope = PersonScope(channel=CHANNEL, senders=("ann",))
        erased = await store.erase(scope, now=time.time())
        assert [one.id for one in erased.rebuild] == [group.scope.session_id]
        assert erased.rebuild[0] == await store.session(group.scope)
        assert (await store.summary(group.scope)).text == ""
        assert (await store.summary(other.scope)).text == "all of it"

    async def test_a_summary_of_what_was_said_before_stays(self, store: Store) -> None:
        group = Group(store)
        await group.hears("bob", "before")
        assert await store.put_summary(group.scope, Summary(text="all of it", upto=2))
        await group.hears("ann", "c4n4ry")
        scope = PersonScope(channel=CHANNEL, senders=("ann",))
        erased = await store.erase(scope, now=time.time())
        assert erased.rebuild == ()
        assert (await store.summary(group.scope)).text == "all of it"

    async def test_files_and_questions_go_unless_others_need_them(
        self, store: Store, dump: Dump | None
    ) -> None:
        group = Group(store)
        await group.hears("bob", "hello")
        mine, both = (
            stored(group.scope.session_id, name=f"{name}.c4n4ry", digest=digest(name))
            for name in ("mine", "both")
        )
        for file in (mine, both):
            await store.add_file(file)
        carried = tuple(Attachment(name=file.name, id=file.id) for file in (mine, both))
        await group.hears("ann", "c4n4ry", attachments=carried)
        await group.hears("bob", "mine too", attachments=(replace(carried[1], name="both"),))
        scope = PersonScope(channel=CHANNEL, senders=("ann",))
        erased = await store.erase(scope, now=time.time())
        assert erased.digests == (digest("mine"),)
        assert await store.file(group.scope, mine.id) is None
        assert await store.file(group.scope, both.id) == both

    async def test_what_was_done_asked_and_sent_for_it_goes(
        self, store: Store, dump: Dump | None
    ) -> None:
        group = Group(store)
        await group.hears("bob", "hello")

        def more(turn: Effects) -> Effects:
            of, lane_id = group.scope.session_id, turn.hold.lane_id
            task = turn.tasks[0]
            question = Question(
                id=new_id(),
                session_id=of,
                task_id=task.id,
                addressee="bob",
                kind=QuestionKind.TEXT,
                text="c4n4ry?",
            )
            made = {"session_id": of, "state": DeliveryState.DEAD}
            # As it was cut and introduced; as it was published early; and what nobody can tell of.
            cut = delivery(lane_id, "and so the c4n4ry", turn_id=turn.turn_id, **made)
            early = delivery(lane_id, "c4n4ry then", turn_id=new_id(), **made)
            sent = delivery(lane_id, "hm, c4n4ry", turn_id=new_id(), session_id=of)
            return replace(
                turn,
                tasks=(replace(task, steps=("c4n4ry",)),),
                questions=(question,),
                deliveries=(cut, early, replace(sent, state=DeliveryState.SENT)),
            )

        await group.hears("ann", "c4n4ry", "c4n4ry then, at last", more=more)
        theirs = Question(
            id=new_id(),
            session_id=group.scope.session_id,
            task_id="t",
            addressee="ann",
            kind=QuestionKind.TEXT,
            text="and the c4n4ry?",
        )
        await group.hears("bob", "ask", more=lambda turn: replace(turn, questions=(theirs,)))
        scope = PersonScope(channel=CHANNEL, senders=("ann",))
        await store.erase(scope, now=time.time())
        assert not await store.open_questions(group.scope)
        assert not await store.deliveries(OPERATOR, [DeliveryState.DEAD, DeliveryState.SENT])
        assert [one.text for one in await store.pending(group.lane)] == ["re: hello", "re: ask"]
        if dump is not None:
            assert "c4n4ry" not in await dump(store)

    async def test_nobody_s_words_take_away_what_waits_to_be_sent_to_others(
        self, store: Store
    ) -> None:
        group = Group(store)
        await group.hears("bob", "hello", "the code is 42")
        await group.hears("eve", "hm, the code is 42, re: hello", "well")
        await store.erase(PersonScope(channel=CHANNEL, senders=("eve",)), now=time.time())
        assert [one.text for one in await store.pending(group.lane)] == ["the code is 42"]

    async def test_turns_that_saw_it_are_refused_and_come_again(self, store: Store) -> None:
        group = Group(store)
        await group.hears("ann", "c4n4ry")
        accepted = await group.says(inbound=event("bob", "hello"), **group.everybody)
        assert accepted.hold is not None
        waits = await group.says("c4n4ry", inbound=event("ann", "c4n4ry"), **group.everybody)
        late = group.turn(accepted, accepted.hold)
        scope = PersonScope(channel=CHANNEL, senders=("ann",))
        erased = await store.erase(scope, now=time.time())
        assert erased.lanes == (group.lane_id,)
        with pytest.raises(Fenced):
            await store.commit(late)
        assert [row.id for row in await waiting(store)] == [accepted.row_id]
        assert waits.row_id not in [row.id for row in await waiting(store)]
        hold, (row,) = await store.claim(group.lane_id, (accepted.row_id,))
        assert row.attempts == 1
        group.session = await store.session(group.scope)
        await group.answers(accepted, hold, "bob", "hello")
        assert await group.texts() == ["hello", "re: hello"]

    async def test_a_dead_row_is_erased_and_somebody_else_s_stays(
        self, store: Store, dump: Dump | None
    ) -> None:
        group = Group(store)
        for who, text in (("ann", "c4n4ry"), ("bob", "hello")):
            raw = text.encode()
            accepted = await group.says(text, raw=raw, inbound=event(who, text), **group.everybody)
            assert accepted.hold is not None
            dead = (ended(accepted),)
            await store.commit(
                Effects(turn_id=new_id(), hold=accepted.hold, dead=dead, release=True)
            )
        scope = PersonScope(channel=CHANNEL, senders=("ann",))
        assert (await store.traces(scope)).events == 1
        erased = await store.erase(scope, now=time.time())
        assert erased.traces == Traces(events=1)
        assert [dead.raw for dead in await store.dead_rows(OPERATOR)] == [b"hello"]
        if dump is not None:
            assert "c4n4ry" not in await dump(store)

    async def test_a_row_on_a_lane_of_one_s_own_within_a_group(
        self, store: Store, dump: Dump | None
    ) -> None:
        """Where each member of a group has a session the lane is not shared: its key says whose."""
        lanes = {}
        for who, writes in (("ann", "ann"), ("bob", "ann"), ("x/ann", "x/ann")):
            lanes[who] = Talk(store, f"{members_keys(CHANNEL)}-42/{who.replace('/', '%2F')}")
            said = event(writes, f"c4n4ry of {who}.")
            await lanes[who].says(inbound=said, owner=f"member:{lanes[who].key}", shared=False)
        scope = PersonScope(channel=CHANNEL, owner="participant:ann", senders=("ann",))
        erased = await store.erase(scope, now=time.time())
        assert erased.traces == Traces(events=1)
        assert erased.lanes == (lanes["ann"].lane_id,)
        for who in ("bob", "x/ann"):
            kept = await store.accept(arrival(lanes[who].key, "again"))
            assert kept.lane_id == lanes[who].lane_id
        if dump is not None:
            left = await dump(store)
            assert "c4n4ry of ann." not in left
            assert "c4n4ry of bob." in left
            assert "c4n4ry of x/ann." in left

    async def test_on_one_lane_alone(self, store: Store) -> None:
        here, there = Group(store), Group(store)
        for group in (here, there):
            await group.hears("ann", "c4n4ry")
        scope = PersonScope(channel=CHANNEL, senders=("ann",), lane_id=here.lane_id)
        assert [one.message.text for one in await store.own_messages(scope)] == ["c4n4ry"]
        await store.erase(scope, now=time.time())
        assert await here.texts() == []
        assert len(await there.texts()) == 2

    async def test_the_asking_lane_goes_on(self, store: Store, dump: Dump | None) -> None:
        group = Group(store)
        await group.hears("ann", "c4n4ry")
        await group.hears("bob", "hello")
        asking = await group.says(inbound=event("ann", "/forget"), **group.everybody)
        behind = await group.says(inbound=event("ann", "new"), **group.everybody)
        assert asking.hold is not None
        scope = PersonScope(channel=CHANNEL, senders=("ann",), lane_id=group.lane_id)
        erased = await store.erase(scope, keep=group.lane_id, now=time.time())
        assert erased.lanes == ()
        due = [one.text for one in await store.pending(group.lane)]
        assert due == ["re: c4n4ry", "re: hello"]
        group.session = await store.session(group.scope)
        await group.answers(asking, asking.hold, "ann", "done")
        assert await group.texts() == ["hello", "re: hello", "done", "re: done"]
        assert [row.id for row in await waiting(store)] == [behind.row_id]
        for item in await store.pending(group.lane):
            await store.mark([Mark(delivery_id=item.id, state=DeliveryState.SENT)])
        await store.forget(rows_before=0.0, now=time.time())
        if dump is not None:
            assert "c4n4ry" not in await dump(store)
        assert await store.has_lane(group.key)

    async def test_one_s_own_messages_come_in_pages(self, store: Store) -> None:
        groups = [Group(store) for _ in range(2)]
        for number in range(3):
            for group in groups:
                await group.hears("ann", f"c4n4ry {number}")
                await group.hears("bob", "hello")
        scope = PersonScope(channel=CHANNEL, senders=("ann", "ann's other id"))
        every = list(await store.own_messages(scope))
        assert len(every) == 6
        found: list[Any] = []
        after = ("", 0)
        while page := await store.own_messages(scope, after=after, limit=2):
            assert len(page) <= 2
            found += page
            after = page[-1].session.id, page[-1].message.number
        assert found == every
        places = [(one.session.id, one.message.number) for one in every]
        assert places == sorted(places)
        assert {one.message.sender_id for one in every} == {"ann"}

    async def test_nobody_is_meant_by_an_empty_scope(self) -> None:
        for nobody in ((), ("",), ("ann", "")):
            with pytest.raises(ValueError, match="nobody"):
                PersonScope(channel=CHANNEL, senders=nobody)
