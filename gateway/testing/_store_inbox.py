"""The store's contract, first part: what is accepted, claimed, tried again and given up."""

from __future__ import annotations

import asyncio

import pytest

from gateway.domain import DeliveryState, Outcome, TaskState, new_id
from gateway.errors import Fenced
from gateway.ports.records import Effects, RowEnd, RowRetry
from gateway.ports.store import Store
from gateway.testing._talk import OPERATOR, Talk, arrival, delivery, ended, states, waiting


class AcceptContract:
    """Commit 1: once per event, on the right lane, in the platform's order."""

    async def test_an_event_is_accepted_once(self, store: Store) -> None:
        first = await store.accept(arrival("a", event_id="1"))
        again = await store.accept(arrival("a", event_id="1"))
        assert not first.duplicate
        assert again.duplicate
        assert not again.conflict
        assert again.hold is None
        assert (again.row_id, again.task_id) == (first.row_id, first.task_id)
        assert again.lane_id == first.lane_id

    async def test_the_very_same_arrival_is_a_duplicate_too(self, store: Store) -> None:
        same = arrival("a")
        assert (await store.accept(same)).hold is not None
        again = await store.accept(same)
        assert again.duplicate
        assert again.hold is None

    async def test_other_content_under_a_known_id_is_a_conflict(self, store: Store) -> None:
        await store.accept(arrival("a", event_id="1", fingerprint="one"))
        assert (await store.accept(arrival("a", event_id="1", fingerprint="two"))).conflict

    async def test_an_event_id_belongs_to_its_channel(self, store: Store) -> None:
        await store.accept(arrival("a", event_id="1"))
        assert not (await store.accept(arrival("b", event_id="1", channel="other"))).duplicate

    async def test_a_done_event_is_still_known(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        first = arrival(talk.key, event_id="again")
        await talk.commits(talk.turn(accepted, hold))
        found = await store.accept(first)
        assert found.hold is not None
        await talk.commits(talk.turn(found, found.hold))
        again = await store.accept(arrival(talk.key, event_id="again"))
        assert again.duplicate
        assert again.row_id == first.row_id

    async def test_duplicates_among_arrivals_of_one_instant(self, store: Store) -> None:
        found = await asyncio.gather(
            *(store.accept(arrival(f"key {n % 5}", event_id=str(n % 5))) for n in range(20))
        )
        fresh = [accepted for accepted in found if not accepted.duplicate]
        assert len(fresh) == 5
        assert all(accepted.hold for accepted in fresh)
        assert {accepted.row_id for accepted in found} == {accepted.row_id for accepted in fresh}

    async def test_a_duplicate_does_not_take_the_claim_from_a_newcomer(self, store: Store) -> None:
        talk = Talk(store)
        known = arrival(talk.key, event_id="known", order=1)
        accepted = await store.accept(known)
        assert accepted.hold is not None
        await talk.commits(talk.turn(accepted, accepted.hold))
        again, fresh = await asyncio.gather(
            store.accept(arrival(talk.key, event_id="known", order=1)),
            store.accept(arrival(talk.key, event_id="fresh", order=2)),
        )
        assert again.duplicate
        assert fresh.hold is not None
        await talk.commits(talk.turn(fresh, fresh.hold))
        assert not await waiting(store)

    async def test_a_lane_that_only_a_duplicate_met_stays_idle(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        known = arrival(talk.key, event_id="x")
        accepted = await store.accept(known)
        assert accepted.hold is not None
        await talk.commits(talk.turn(accepted, accepted.hold))
        assert (await store.accept(arrival(talk.key, event_id="x"))).duplicate
        await talk.exchange()

    async def test_ten_at_once_found_one_lane_and_one_claims(self, store: Store) -> None:
        found = await asyncio.gather(*(store.accept(arrival("fresh")) for _ in range(10)))
        assert len({accepted.lane_id for accepted in found}) == 1
        assert [accepted.hold is not None for accepted in found].count(True) == 1
        assert len(await waiting(store)) == 9

    async def test_of_an_instant_the_first_in_the_platforms_order_claims(
        self, store: Store
    ) -> None:
        found = await asyncio.gather(
            *(store.accept(arrival("fresh", order=order)) for order in (30, 10, 20))
        )
        assert [accepted.hold is not None for accepted in found] == [False, True, False]

    async def test_a_row_that_waits_is_not_overtaken(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        retry = RowRetry(row_id=accepted.row_id, not_before=0.0)
        await store.commit(Effects(turn_id=new_id(), hold=hold, retries=(retry,), release=True))
        assert (await talk.says()).hold is None

    async def test_a_held_lane_is_not_claimed(self, store: Store) -> None:
        talk = Talk(store)
        await talk.holds()
        behind = await talk.says()
        assert behind.hold is None
        assert [row.id for row in await waiting(store, talk.lane)] == [behind.row_id]

    async def test_control_rows_never_claim(self, store: Store) -> None:
        control = await store.accept(arrival("a", control=True))
        assert control.hold is None
        turn = await store.accept(arrival("a"))
        assert turn.hold is not None
        (row,) = await waiting(store)
        assert row.control
        assert row.id == control.row_id

    async def test_a_refused_row_is_done_and_its_notice_waits_on_its_lane(
        self, store: Store
    ) -> None:
        refused = await store.accept(arrival("a", refusal=(delivery("", "too much"),)))
        assert refused.hold is None
        assert not await waiting(store)
        (notice,) = await store.pending(OPERATOR)
        assert (notice.text, notice.lane_id) == ("too much", refused.lane_id)

    async def test_a_repeated_refusal_says_it_once(self, store: Store) -> None:
        for _ in range(2):
            notice = (delivery("", "too much"),)
            await store.accept(arrival("a", event_id="1", refusal=notice))
        assert len(await store.pending(OPERATOR)) == 1

    async def test_a_waiting_row_comes_back_as_it_arrived(self, store: Store) -> None:
        await store.accept(arrival("a"))
        sent = arrival("a", "grüße \N{WAVING HAND SIGN}", order=2**62, channel="contract")
        accepted = await store.accept(sent)
        (row,) = await waiting(store)
        assert row.id == sent.row_id
        assert row.lane_id == accepted.lane_id
        assert (row.task_id, row.channel) == (sent.task_id, sent.channel)
        assert (row.inbound, row.order, row.accepted_at) == (
            sent.inbound,
            sent.order,
            sent.accepted_at,
        )
        assert (row.attempts, row.not_before, row.control) == (0, 0.0, False)


class ClaimContract:
    """Claims and fences."""

    async def test_a_claim_counts_and_raises_the_fence(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        behind = await talk.says()
        await store.commit(talk.turn(accepted, hold))
        following, (row,) = await store.claim(talk.lane_id, (behind.row_id,))
        assert following.fence > hold.fence
        assert (row.id, row.attempts) == (behind.row_id, 1)
        assert row.inbound == b"inbound hello"
        assert not await waiting(store)

    async def test_rows_that_no_longer_wait_are_left_out(self, store: Store) -> None:
        talk = Talk(store)
        effects = await talk.exchange()
        done = effects.rows[0].row_id
        _, rows = await store.claim(talk.lane_id, (done, "unknown"))
        assert not rows

    async def test_a_row_of_another_lane_is_left_out(self, store: Store) -> None:
        mine, other = Talk(store), Talk(store)
        await mine.holds()
        await other.holds()
        theirs = await other.says()
        _, rows = await store.claim(mine.lane_id, (theirs.row_id,))
        assert not rows
        assert [row.id for row in await waiting(store, other.lane)] == [theirs.row_id]

    async def test_a_claim_fences_off_the_one_before(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        await store.claim(talk.lane_id, (accepted.row_id,))
        with pytest.raises(Fenced):
            await store.commit(talk.turn(accepted, hold))
        assert not await store.pending(OPERATOR)

    async def test_claiming_anew_is_the_same_attempt(self, store: Store) -> None:
        talk = Talk(store)
        accepted, _ = await talk.holds()
        behind = await talk.says()
        _, rows = await store.claim(talk.lane_id, (accepted.row_id, behind.row_id))
        assert [(row.id, row.attempts) for row in rows] == [
            (accepted.row_id, 1),
            (behind.row_id, 1),
        ]

    async def test_what_a_claim_leaves_out_waits_again(self, store: Store) -> None:
        talk = Talk(store)
        accepted, _ = await talk.holds()
        behind = await talk.says()
        await store.claim(talk.lane_id, (behind.row_id,))
        assert [row.id for row in await waiting(store)] == [accepted.row_id]

    async def test_a_commit_claims_what_comes_next(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        behind = await talk.says("second")
        following = await talk.commits(
            talk.turn(accepted, hold, claim_next=(behind.row_id,), release=False)
        )
        assert following is not None
        assert following.fence > hold.fence
        assert not await waiting(store)
        await talk.commits(talk.turn(behind, following, "second"))
        assert await talk.texts() == ["hello", "hello", "second", "second"]

    async def test_an_unknown_lane_cannot_be_claimed(self, store: Store) -> None:
        with pytest.raises(Fenced):
            await store.claim("nowhere", ())


class RowContract:
    """How rows end, wait again, and die."""

    async def test_a_retry_counts_unless_it_is_refunded(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        for attempts, refund in ((1, False), (1, True), (2, False)):
            retry = RowRetry(row_id=accepted.row_id, not_before=12.5, refund=refund)
            await store.commit(Effects(turn_id=new_id(), hold=hold, retries=(retry,), release=True))
            (row,) = await waiting(store)
            assert (row.attempts, row.not_before) == (attempts, 12.5)
            hold, _ = await store.claim(talk.lane_id, (row.id,))

    async def test_a_dead_row_keeps_its_content_until_it_is_discarded(self, store: Store) -> None:
        row_id = await self._dies(Talk(store))
        (dead,) = await store.dead_rows(OPERATOR)
        assert (dead.row.id, dead.row.inbound, dead.raw) == (row_id, b"inbound bad", b"raw bad")
        assert dead.died_at > 0
        assert (await store.counts(OPERATOR)).dead_rows == 1
        await store.discard_row(OPERATOR, row_id)
        assert not await store.dead_rows(OPERATOR)
        with pytest.raises(LookupError):
            await store.discard_row(OPERATOR, row_id)

    async def test_a_dead_row_can_be_tried_again(self, store: Store) -> None:
        talk = Talk(store)
        row_id = await self._dies(talk)
        row = await store.retry_row(OPERATOR, row_id)
        assert (row.id, row.attempts, row.inbound) == (row_id, 0, b"inbound bad")
        assert [found.id for found in await waiting(store, talk.lane)] == [row_id]
        with pytest.raises(LookupError):
            await store.retry_row(OPERATOR, row_id)

    async def test_only_dead_rows_are_retried_or_discarded(self, store: Store) -> None:
        done = (await Talk(store).exchange()).rows[0].row_id
        for row_id in (done, "unknown"):
            with pytest.raises(LookupError):
                await store.retry_row(OPERATOR, row_id)
            with pytest.raises(LookupError):
                await store.discard_row(OPERATOR, row_id)

    async def test_a_folded_row_takes_its_tasks_outcome(self, store: Store) -> None:
        talk = Talk(store)
        accepted, hold = await talk.holds()
        folded = await store.accept(arrival(talk.key, event_id="folded"))
        end = RowEnd(row_id=folded.row_id, outcome=Outcome.FOLDED, task_id=accepted.task_id)
        await talk.commits(talk.turn(accepted, hold, rows=(ended(accepted), end)))
        assert not await waiting(store)
        again = await store.accept(arrival(talk.key, event_id="folded"))
        assert again.task_id == accepted.task_id

    async def test_a_control_row_ends_once_with_its_notice(self, store: Store) -> None:
        control = await store.accept(arrival("a", control=True))
        for _ in range(2):
            notice = delivery(control.lane_id, "nothing runs")
            await store.end_control(control.row_id, Outcome.SILENT, [notice])
        assert not await waiting(store)
        assert (await states(store))[DeliveryState.PENDING] == ["nothing runs"]

    async def test_a_turn_row_does_not_end_as_a_control_row(self, store: Store) -> None:
        await store.accept(arrival("a"))
        turn = await store.accept(arrival("a"))
        await store.end_control(turn.row_id, Outcome.SILENT, ())
        assert [row.id for row in await waiting(store)] == [turn.row_id]

    async def test_a_task_that_only_waits_is_submitted_then_working(self, store: Store) -> None:
        talk = Talk(store)
        await talk.exchange()
        accepted, hold = await talk.holds()
        behind = await talk.says()
        for row, state in ((accepted, TaskState.WORKING), (behind, TaskState.SUBMITTED)):
            task = await store.task(talk.scope, row.task_id)
            assert task is not None
            assert task.state is state
        await talk.commits(talk.turn(accepted, hold))
        task = await store.task(talk.scope, accepted.task_id)
        assert task is not None
        assert task.state is TaskState.COMPLETED

    async def _dies(self, talk: Talk) -> str:
        accepted, hold = await talk.holds("bad")
        end = ended(accepted, Outcome.FAILED)
        await talk.store.commit(Effects(turn_id=new_id(), hold=hold, dead=(end,), release=True))
        assert not await waiting(talk.store)
        return accepted.row_id
