"""The store's contract, last part: the outbox, a restart, and what is dropped with age."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from gateway.domain import Address, DeliveryState, new_id
from gateway.errors import Fenced, Unavailable
from gateway.ports.records import Effects, Forgotten, LaneScope, Mark, SessionScope
from gateway.ports.store import Store
from gateway.testing._talk import (
    CHANNEL,
    OPERATOR,
    Talk,
    arrival,
    credential,
    delivery,
    ended,
    session,
    states,
    waiting,
)

MakeStore = Callable[[], Awaitable[Store]]


class OutboxContract:
    """What is to be sent, in order, and what became of it."""

    async def test_deliveries_come_in_the_order_of_their_making(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        sent = [delivery(hold.lane_id, str(n), part=n) for n in range(5)]
        await talk.commits(talk.turn(accepted, hold, deliveries=tuple(reversed(sent))))
        assert list(await store.pending(talk.lane)) == sent
        assert list(await store.pending(OPERATOR, limit=2)) == sent[:2]

    async def test_a_destination_alone(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        here = delivery(hold.lane_id, "here", address=Address(destination="here"))
        there = delivery(hold.lane_id, "there", address=Address(destination="there"))
        await talk.commits(talk.turn(accepted, hold, deliveries=(here, there)))
        assert list(await store.pending(talk.lane, destination="here")) == [here]
        assert list(await store.pending(OPERATOR, destination="there")) == [there]

    async def test_the_last_that_was_sent_to_a_destination(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        sent = [delivery(hold.lane_id, str(n), part=n) for n in range(3)]
        there = delivery(hold.lane_id, "there", address=Address(destination="there"))
        await talk.commits(talk.turn(accepted, hold, deliveries=(*sent, there)))
        here = sent[0].address.destination
        assert await store.last_sent(talk.lane, here) == ""
        for one in (*sent[:2], there):
            done = DeliveryState.SENT
            await store.mark([Mark(delivery_id=one.id, state=done, platform_id=f"of {one.text}")])
        assert await store.last_sent(talk.lane, here) == "of 1"
        assert await store.last_sent(LaneScope(lane_id="another"), here) == ""

    async def test_marks(self, store: Store) -> None:
        effects = await Talk(store).exchange()
        sent = effects.deliveries[0].id
        await store.mark(
            [
                Mark(
                    delivery_id=sent,
                    state=DeliveryState.PENDING,
                    started=True,
                    attempts=2,
                    not_before=3.5,
                    error="busy",
                )
            ]
        )
        (found,) = await store.pending(OPERATOR)
        assert (found.started, found.attempts, found.not_before, found.error) == (
            *(True, 2, 3.5),
            "busy",
        )
        await store.mark([Mark(delivery_id=sent, state=DeliveryState.SENT, platform_id="55")])
        assert not await store.pending(OPERATOR)
        settled = await store.delivery(OPERATOR, sent)
        assert settled is not None
        assert (settled.state, settled.started, settled.platform_id, settled.error) == (
            *(DeliveryState.SENT, False),
            *("55", ""),
        )

    async def test_a_platform_id_once_known_stays(self, store: Store) -> None:
        sent = (await Talk(store).exchange()).deliveries[0].id
        await store.mark([Mark(delivery_id=sent, state=DeliveryState.PENDING, platform_id="9")])
        await store.mark([Mark(delivery_id=sent, state=DeliveryState.PENDING, started=True)])
        assert [found.platform_id for found in await store.pending(OPERATOR)] == ["9"]

    async def test_marks_of_an_unknown_delivery_are_ignored(self, store: Store) -> None:
        await store.mark([Mark(delivery_id="unknown", state=DeliveryState.SENT)])
        await store.mark([])

    async def test_deliveries_by_their_state(self, store: Store) -> None:
        talk = Talk(store)
        for state in DeliveryState:
            accepted, hold = await talk.holds()
            made = delivery(hold.lane_id, state.value, state=state)
            await talk.commits(talk.turn(accepted, hold, deliveries=(made,)))
        assert await states(store) == {state: [state.value] for state in DeliveryState}
        both = await store.deliveries(OPERATOR, [DeliveryState.SENT, DeliveryState.DEAD])
        assert [found.text for found in both] == ["dead", "sent"]
        assert len(await store.deliveries(OPERATOR, list(DeliveryState), limit=3)) == 3
        assert not await store.deliveries(OPERATOR, [])

    async def test_what_is_held_for_somewhere_comes_in_the_order_of_its_making(
        self, store: Store
    ) -> None:
        talk = Talk(store)
        made = []
        for text, state, channel, where in (
            ("first", DeliveryState.HELD, CHANNEL, "7"),
            ("second", DeliveryState.HELD, CHANNEL, "7"),
            ("sent", DeliveryState.SENT, CHANNEL, "7"),
            ("elsewhere", DeliveryState.HELD, CHANNEL, "8"),
            ("another's", DeliveryState.HELD, "other", "7"),
        ):
            accepted, hold = await talk.holds()
            item = delivery(hold.lane_id, text, state=state)
            item = replace(item, channel=channel, address=Address(destination=where))
            await talk.commits(talk.turn(accepted, hold, deliveries=(item,)))
            made.append(text)
        found = await store.held(OPERATOR, channel=CHANNEL, destination="7")
        assert [one.text for one in found] == ["first", "second"]
        everything = [one.text for one in await store.held(OPERATOR)]
        assert everything == [text for text in made if text != "sent"]

    async def test_a_delivery_is_found_by_the_message_it_was_sent_as(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        made = [
            delivery(hold.lane_id, "lost", platform_id="SM1"),
            delivery(hold.lane_id, "sent", platform_id="SM1", state=DeliveryState.SENT),
            delivery(hold.lane_id, "other", platform_id="SM2", state=DeliveryState.SENT),
            delivery(hold.lane_id, "nameless", state=DeliveryState.SENT),
        ]
        await talk.commits(talk.turn(accepted, hold, deliveries=tuple(made)))
        found = await store.sent_as(OPERATOR, CHANNEL, "SM1")
        assert found is not None
        assert found.text == "sent"
        for channel, message in (("other", "SM1"), (CHANNEL, "SM3"), (CHANNEL, "")):
            assert await store.sent_as(OPERATOR, channel, message) is None


class BookmarkContract:
    """How far channels have read, and which lanes there are."""

    async def test_bookmarks_are_a_channel_s_own_and_come_newest_first(self, store: Store) -> None:
        now = time.time()
        await store.bookmark({("a", "x"): "1", ("a", "y"): "2", ("b", "x"): "3"}, now - 2)
        await store.bookmark({("a", "x"): "4", ("a", "z"): "5"}, now - 1)
        await store.bookmark({}, now)
        assert list((await store.bookmarks("a", 10)).items()) == [
            ("x", "4"),
            ("z", "5"),
            ("y", "2"),
        ]
        assert dict(await store.bookmarks("a", 1)) == {"x": "4"}
        assert dict(await store.bookmarks("b", 10)) == {"x": "3"}

    async def test_bookmarks_nobody_needs_are_dropped(self, store: Store) -> None:
        now = time.time()
        await store.bookmark({("a", "old"): "1"}, now - 100 * 86_400)
        await store.bookmark({("a", "new"): "2"}, now)
        await store.forget(rows_before=0.0, now=now)
        assert dict(await store.bookmarks("a", 10)) == {"new": "2"}

    async def test_lasting_bookmarks_are_never_dropped(self, store: Store) -> None:
        long_ago = time.time() - 1000 * 86_400
        await store.bookmark({("a", "for ever"): "1"}, long_ago, lasting=True)
        await store.bookmark({("a", "for now"): "1"}, long_ago)
        await store.forget(rows_before=0.0, now=time.time())
        assert dict(await store.bookmarks("a", 10)) == {"for ever": "1"}

    async def test_bookmarks_are_found_by_how_their_places_begin(self, store: Store) -> None:
        places = ("out:1", "out:2", "o_t:3", "in:out:4")
        await store.bookmark({("a", place): "yes" for place in places}, time.time())
        assert sorted(await store.bookmarks("a", 10, "out:")) == ["out:1", "out:2"]
        assert list(await store.bookmarks("a", 10, "o_t:")) == ["o_t:3"]

    async def test_a_lane_is_known_by_its_key(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        assert await store.has_lane(talk.key)
        assert not await store.has_lane(f"{talk.key}/more")


class RestartContract:
    """What a process leaves behind is found by the next."""

    async def test_everything_committed_is_there_again(self, make_store: MakeStore) -> None:
        first = await make_store()
        talk = Talk(first)
        await talk.exchange()
        known = await first.accept(arrival(talk.key, event_id="known"))
        await first.close()
        second = await make_store()
        try:
            talk.store = second
            assert await talk.texts() == ["hello"] * 2
            assert (await second.accept(arrival(talk.key, event_id="known"))).duplicate
            assert known.lane_id == talk.lane_id
        finally:
            await second.close()

    async def test_what_was_claimed_waits_again(self, make_store: MakeStore) -> None:
        first = await make_store()
        talk, empty = Talk(first), Talk(first)
        accepted, hold = await talk.holds()
        behind = await talk.says()
        await empty.exchange()
        # A lane can be held for no row at all.
        await first.claim(empty.lane_id, ())
        started = delivery(hold.lane_id, started=True)
        notice = Effects(turn_id=new_id(), hold=hold, deliveries=(started,))
        assert await first.commit(notice) == hold
        await first.close()
        second = await make_store()
        try:
            talk.store = empty.store = second
            rows = await waiting(second)
            assert [(row.id, row.attempts) for row in rows] == [
                (accepted.row_id, 1),
                (behind.row_id, 0),
            ]
            assert started in await second.pending(OPERATOR)
            again, _ = await second.claim(talk.lane_id, (accepted.row_id,))
            assert again.fence > hold.fence
            with pytest.raises(Fenced):
                await second.commit(talk.turn(accepted, hold))
            await talk.commits(talk.turn(accepted, again, rows=(ended(accepted), ended(behind))))
            await empty.exchange()
        finally:
            await second.close()

    async def test_a_closed_store_takes_nothing(self, make_store: MakeStore) -> None:
        store = await make_store()
        await store.close()
        await store.close()
        with pytest.raises(Unavailable):
            await store.accept(arrival("a"))

    async def test_a_ping_of_an_open_store_returns(self, store: Store) -> None:
        await store.ping()


class ForgetContract:
    """What has outlived its use is dropped, and nothing else."""

    async def test_old_keys_and_sent_deliveries_are_dropped(self, store: Store) -> None:
        talk = Talk(store)
        old = await talk.exchange("old")
        await store.mark([Mark(delivery_id=old.deliveries[0].id, state=DeliveryState.SENT)])
        await talk.exchange("unsent")
        accepted, hold = await talk.holds("dead")
        await talk.commits(talk.turn(accepted, hold, "dead", rows=(), dead=(ended(accepted),)))
        await talk.holds("running")
        await talk.says("waiting")
        later = time.time() + 1
        assert await store.forget(rows_before=1.0, now=later) == Forgotten()
        found = await store.forget(rows_before=later, now=later)
        assert found == Forgotten(rows=2, deliveries=1)
        assert [item.text for item in await store.pending(OPERATOR)] == ["unsent", "dead"]
        assert len(await store.dead_rows(OPERATOR)) == 1
        assert len(await waiting(store)) == 1
        assert len(await talk.texts()) == 6

    async def test_a_forgotten_event_is_taken_for_a_new_one(self, store: Store) -> None:
        talk = Talk(store)
        accepted = await store.accept(arrival(talk.key, event_id="x"))
        assert accepted.hold is not None
        await talk.commits(talk.turn(accepted, accepted.hold))
        later = time.time() + 1
        await store.forget(rows_before=later, now=later)
        assert not (await store.accept(arrival(talk.key, event_id="x"))).duplicate

    async def test_expired_sessions_are_deleted(self, store: Store) -> None:
        now = time.time()
        kept: list[str] = []
        gone: list[str] = []
        for place, expiry in enumerate((None, now + 60, now - 1, now - 2)):
            made = session("", f"key {place}", expires_at=expiry)
            made = await store.create_session(made, f"key {place}", credential(new_id()))
            (gone if expiry is not None and expiry < now else kept).append(made.id)
        found = await store.forget(rows_before=0.0, now=now)
        assert found == Forgotten(sessions=2)
        for session_id in (*kept, *gone):
            there = await store.session(SessionScope(session_id=session_id))
            assert (there is not None) is (session_id in kept)

    async def test_more_than_fits_one_transaction(self, store: Store) -> None:
        for number in range(30):
            made = session("", f"key {number}", expires_at=1.0)
            await store.create_session(made, f"key {number}", credential(new_id()))
        assert (await store.forget(rows_before=0.0, now=2.0)).sessions == 30
