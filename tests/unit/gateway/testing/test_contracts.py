"""The contract suites bite: each of these implementations is wrong in one way, and is found out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from starlette.routing import BaseRoute, Route

from gateway.coordination.memory import MemoryCoordinator
from gateway.domain import Attachment, Delivery, Ignored, Inbound, Moved, Quote
from gateway.errors import NotAccepted, OutcomeUnknown, RateLimited, SendError, Unavailable
from gateway.ports.adapter import Part, Receipt, Receive, Sent
from gateway.ports.agent import Ask, Output, Text, Turn
from gateway.ports.coordinator import LiveEvent, Rate
from gateway.testing.adapter import AdapterContract, Harness, bare_host
from gateway.testing.agent import AgentContract
from gateway.testing.coordinator import CoordinatorContract
from gateway.testing.simulator import Fault, running
from tests.third_party.gateway_postcards.adapter import PostcardAdapter
from tests.third_party.gateway_postcards.simulator import KEY, PostcardSimulator

SAMPLES = (
    b'{"id": 1, "from": {"id": "ada", "name": "Ada"}, "text": "hello"}',
    b'{"id": 2, "from": {"id": "ada"}, "text": ""}',
)


# Adapters


class AcknowledgesEarly(PostcardAdapter):
    async def run(self, receive: Receive) -> None:
        async def later(raw: bytes) -> Receipt:
            tasks.add(asyncio.create_task(_taken(receive, raw)))
            return Receipt(outcome="accepted")

        tasks: set[asyncio.Task[None]] = set()
        await super().run(later)


async def _taken(receive: Receive, raw: bytes) -> None:
    await receive(raw)


class DropsWhatIsRefused(PostcardAdapter):
    async def run(self, receive: Receive) -> None:
        async def once(raw: bytes) -> Receipt:
            with suppress(Unavailable):
                return await receive(raw)
            return Receipt(outcome="ignored")

        await super().run(once)


class StopsAtTheUnreadable(PostcardAdapter):
    async def run(self, receive: Receive) -> None:
        async def strict(raw: bytes) -> Receipt:
            self.parse(raw)
            return await receive(raw)

        await super().run(strict)


class WillNotEnd(PostcardAdapter):
    async def run(self, receive: Receive) -> None:
        with suppress(asyncio.CancelledError):
            await super().run(receive)


class LeavesATask(PostcardAdapter):
    async def run(self, receive: Receive) -> None:
        self.left = asyncio.create_task(_sleep())
        await super().run(receive)


async def _sleep() -> None:
    await asyncio.sleep(3)


class Ends(PostcardAdapter):
    async def run(self, receive: Receive) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await super().run(receive)


class TooOptimistic(PostcardAdapter):
    async def send(self, delivery: Delivery) -> Sent:
        try:
            return await super().send(delivery)
        except OutcomeUnknown as error:
            raise NotAccepted(str(error)) from None


class TooPessimistic(PostcardAdapter):
    async def send(self, delivery: Delivery) -> Sent:
        try:
            return await super().send(delivery)
        except SendError as error:
            raise OutcomeUnknown(str(error)) from None


class Impatient(PostcardAdapter):
    async def send(self, delivery: Delivery) -> Sent:
        try:
            return await super().send(delivery)
        except RateLimited as error:
            raise RateLimited(str(error), retry_after=1.0) from None


class TellsTheKey(PostcardAdapter):
    async def send(self, delivery: Delivery) -> Sent:
        try:
            return await super().send(delivery)
        except SendError as error:
            key = self.settings.key.get_secret_value()
            raise type(error)(f"{error} with {key}") from None


class CutsOff(PostcardAdapter):
    async def send(self, delivery: Delivery) -> Sent:
        return await super().send(replace(delivery, text=delivery.text[:500]))


class LosesTheRest(PostcardAdapter):
    def split(self, text: str, *, markdown: bool) -> Sequence[Part]:
        parts: Sequence[Part] = super().split(text, markdown=markdown)
        return parts[:1]


class PartsTooLong(PostcardAdapter):
    def split(self, text: str, *, markdown: bool) -> Sequence[Part]:
        return [Part(text=text.strip())] if text.strip() else []


class CountsItself(PostcardAdapter):
    seen = 0

    def parse(self, raw: bytes) -> Inbound | Ignored:
        event = super().parse(raw)
        self.seen += 1
        return replace(event, event_id=str(self.seen))


class KeepsWhatCannotBeStored(PostcardAdapter):
    def parse(self, raw: bytes) -> Inbound | Ignored:
        event: Inbound | Ignored = super().parse(raw)
        if isinstance(event, Ignored):
            return event
        return replace(event, address=replace(event.address, data={"person": ("ada",)}))


class LeadsAstray(PostcardAdapter):
    def parse(self, raw: bytes) -> Inbound | Ignored:
        event: Inbound | Ignored = super().parse(raw)
        if isinstance(event, Ignored):
            return event
        return replace(event, attachments=(Attachment(name="../passwd", ref="1"),))


class QuotesNothing(PostcardAdapter):
    def parse(self, raw: bytes) -> Inbound | Ignored:
        event: Inbound | Ignored = super().parse(raw)
        return event if isinstance(event, Ignored) else replace(event, quote=Quote(text=" "))


class MovesNowhere(PostcardAdapter):
    def parse(self, raw: bytes) -> Any:
        return Moved(event_id=super().parse(raw).event_id, old_id="1", new_id="1")


class ServesAtTheRoot(PostcardAdapter):
    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/hook", lambda _: None)]


class ShowsTheKey(PostcardAdapter):
    def __repr__(self) -> str:
        return f"<postcards with {self._headers}>"


@asynccontextmanager
async def _harness(wrong: type[PostcardAdapter]) -> AsyncIterator[Harness]:
    async with running(PostcardSimulator()) as platform, bare_host() as host:
        settings = PostcardAdapter.Settings(platform="postcard", **platform.settings())

        async def garble() -> None:
            platform.deliver({"from": 42})

        yield Harness(
            adapter=wrong("cards", settings, host),
            channel="cards",
            simulator=platform,
            samples=SAMPLES,
            secrets=[KEY],
            garble=garble,
            twin=lambda: wrong("cards", settings, host),
        )


class _Adapters(AdapterContract):
    within = 1.0
    prompt = 0.3
    harness = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("mistake", "test", "options"),
    [
        (AcknowledgesEarly, "nothing_is_acknowledged_before_it_is_taken", {}),
        (DropsWhatIsRefused, "what_is_refused_for_now_comes_again", {}),
        (StopsAtTheUnreadable, "one_unreadable_event_stops_nothing", {}),
        (WillNotEnd, "ends_when_cancelled_and_runs_again", {}),
        (LeavesATask, "ends_when_cancelled_and_runs_again", {}),
        (Ends, "survives_an_outage", {}),
        (TooOptimistic, "says_what_became_of_it", {"fault": Fault.RESET_AFTER_ACCEPT}),
        (TooOptimistic, "gives_up_on_an_answer_that_never_comes", {}),
        (TooPessimistic, "says_what_became_of_it", {"fault": Fault.RATE_LIMIT}),
        (TooPessimistic, "what_was_never_offered_was_not_accepted", {}),
        (Impatient, "says_what_became_of_it", {"fault": Fault.RATE_LIMIT}),
        (TellsTheKey, "says_what_became_of_it", {"fault": Fault.BLOCKED}),
        (CutsOff, "what_is_too_long_is_rejected_and_never_cut", {}),
        (LosesTheRest, "parts_hold_the_whole_text", {}),
        (PartsTooLong, "parts_are_what_the_platform_takes", {}),
        (CountsItself, "reading_is_pure", {}),
        (KeepsWhatCannotBeStored, "addresses_survive_being_stored", {}),
        (LeadsAstray, "there_are_samples_of_what_is_read", {}),
        (QuotesNothing, "there_are_samples_of_what_is_read", {}),
        (MovesNowhere, "there_are_samples_of_what_is_read", {}),
        (ServesAtTheRoot, "routes_stay_in_the_channel_s_own_place", {}),
        (ShowsTheKey, "nothing_secret_is_shown", {}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_wrong_adapter_is_found_out(
    mistake: type[PostcardAdapter], test: str, options: dict[str, Any]
) -> None:
    async with _harness(mistake) as harness:
        await _found_out(getattr(_Adapters(), f"test_{test}"), harness=harness, **options)


# Agents


class SaysMoreAfterAsking:
    async def run(self, _: Turn) -> AsyncIterator[Output]:
        yield Ask(text="why?")
        yield Text("because")


class SaysStrings:
    async def run(self, turn: Turn) -> AsyncIterator[Any]:
        yield turn.text


class CountsMessages:
    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        turn.variables["message_count"] += 1
        yield Text(turn.text)


class KeepsWhatIsNoJson:
    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        turn.variables["seen"] = {turn.text}
        yield Text(turn.text)


class MixesSessions:
    last = ""

    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        before, self.last = self.last, turn.text
        await asyncio.sleep(0)
        yield Text(f"{before} {self.last}")


class DoesNotStop:
    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)
        yield Text(turn.text)


class LeavesWorkBehind:
    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        self.left = asyncio.create_task(_sleep())
        yield Text(turn.text)


class FailsWhenItIsAway:
    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        if turn.text:
            raise Unavailable(retry_after=0.0)
        yield Text(turn.text)


class _Agents(AgentContract):
    texts = ("hello",)
    within = 1.0
    prompt = 0.2
    agent = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("mistake", "test", "options"),
    [
        (SaysMoreAfterAsking, "says_only_what_the_contract_knows", {}),
        (SaysStrings, "says_only_what_the_contract_knows", {}),
        (CountsMessages, "remembers_only_what_can_be_stored", {}),
        (KeepsWhatIsNoJson, "remembers_only_what_can_be_stored", {}),
        (MixesSessions, "sessions_do_not_see_each_other", {}),
        (MixesSessions, "a_new_session_knows_nothing_of_the_last", {}),
        (DoesNotStop, "can_be_cancelled_at_any_moment", {"after": 0.001}),
        (LeavesWorkBehind, "can_be_left_at_any_point", {}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_wrong_agent_is_found_out(
    mistake: type, test: str, options: dict[str, Any]
) -> None:
    await _found_out(getattr(_Agents(), f"test_{test}"), agent=mistake(), **options)


async def test_an_agent_that_is_away_says_for_how_long() -> None:
    await _found_out(_Agents().test_says_when_it_is_away, away=FailsWhenItIsAway())


# Coordinators


class OneTooMany(MemoryCoordinator):
    async def wait_for(self, key: str, rate: Rate, *, cost: int = 1) -> float:
        return await super().wait_for(key, replace(rate, burst=rate.burst + 1), cost=cost)


class OneBudgetForAll(MemoryCoordinator):
    async def wait_for(self, key: str, rate: Rate, *, cost: int = 1) -> float:
        return await super().wait_for("", rate, cost=cost)


class EveryCostIsOne(MemoryCoordinator):
    async def wait_for(self, key: str, rate: Rate, *, cost: int = 1) -> float:
        return await super().wait_for(key, rate)


class BreaksItsPromise(MemoryCoordinator):
    promised = False

    async def wait_for(self, key: str, rate: Rate, *, cost: int = 1) -> float:
        if self.promised:
            return 0.01
        wait = await super().wait_for(key, rate, cost=cost)
        self.promised = wait > 0
        return wait


class DoesNotHold(MemoryCoordinator):
    async def hold(self, key: str, seconds: float) -> None:
        pass


class TellsEverybody(MemoryCoordinator):
    def publish(self, topic: str, event: LiveEvent) -> None:
        for each in list(self._watchers):
            super().publish(each, event)


class LeavesGaps(MemoryCoordinator):
    def publish(self, topic: str, event: LiveEvent) -> None:
        for watcher in self._watchers.get(topic, []):
            if len(watcher._events) < 10:
                watcher.offer(event)


class NeverCloses(MemoryCoordinator):
    async def close(self) -> None:
        pass


class _Coordinators(CoordinatorContract):
    coordinator = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("mistake", "test"),
    [
        (OneTooMany, "a_burst_passes_at_once_and_no_more"),
        (OneTooMany, "many_at_once_share_one_budget"),
        (OneBudgetForAll, "keys_have_budgets_of_their_own"),
        (EveryCostIsOne, "a_cost_takes_that_many"),
        (BreaksItsPromise, "who_waits_as_told_passes"),
        (DoesNotHold, "nothing_passes_a_hold"),
        (TellsEverybody, "topics_are_apart"),
        (LeavesGaps, "a_laggard_is_ended_without_gaps_and_harms_nobody"),
        (NeverCloses, "close_ends_watchers_and_stops_delivery"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_wrong_coordinator_is_found_out(
    mistake: type[MemoryCoordinator], test: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.testing.coordinator.SOON", 0.5)
    test_method = getattr(_Coordinators(), f"test_{test}")
    await _found_out(test_method, coordinator=mistake(), key="key")


async def _found_out(test: Callable[..., Awaitable[None] | None], **fixtures: Any) -> None:
    with pytest.raises((AssertionError, TimeoutError, TypeError)):
        await _run(test, **fixtures)


async def _run(test: Callable[..., Awaitable[None] | None], **fixtures: Any) -> None:
    result = test(**fixtures)
    if result is not None:
        await result
