"""The adapter's contract, third part: ``send`` tells the truth, and what is optional works."""

from __future__ import annotations

import asyncio
import re
import traceback
from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain import Action, Address, Press, Question, QuestionKind, new_id
from gateway.errors import (
    ConfigurationError,
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
    RecipientGone,
    Rejected,
    Unavailable,
)
from gateway.ports.adapter import (
    Act,
    Budgeted,
    Carrying,
    Checked,
    Commanded,
    Confiding,
    NativeCommand,
    Part,
    Sent,
    Spelling,
    Splitting,
)
from gateway.testing._harness import Harness, make_delivery, reach, wait_until
from gateway.testing._parsing import fuzzed
from gateway.testing._scene import Outcome, scene_of
from gateway.testing.simulator import Fault

# What may be said of a call that went wrong so; that it is true is looked up besides.
_ALLOWED: dict[Fault, tuple[type[Outcome], ...]] = {
    Fault.RATE_LIMIT: (RateLimited,),
    Fault.BLOCKED: (RecipientGone,),
    Fault.SERVER_ERROR: (NotAccepted, OutcomeUnknown, Unavailable),
    Fault.RESET: (OutcomeUnknown, NotAccepted),
    Fault.MALFORMED: (OutcomeUnknown, NotAccepted),
    Fault.RESET_AFTER_ACCEPT: (OutcomeUnknown, Sent),
    Fault.TRUNCATED_BODY: (OutcomeUnknown, Sent),
    Fault.TIMEOUT_AFTER_ACCEPT: (OutcomeUnknown, Sent),
}


class SendingContract:
    """What is sent arrives, and what went wrong is called by its name."""

    within: float = 20.0
    """Seconds for what takes a platform a while."""

    @pytest.mark.parametrize(
        "text",
        ["hello", "zwei\nZeilen 👋🏽", "<b>&amp; *not* _marked_ `up` [x](y) \\", "1. {name}"],
    )
    async def test_what_is_sent_is_seen_as_it_was_written(
        self, harness: Harness, text: str
    ) -> None:
        async with scene_of(harness, self.within) as scene:
            outcome = await scene.send(text)
            assert isinstance(outcome, Sent), repr(outcome)
            (message,) = scene.simulator.sent(scene.place)
            assert message.text == text
            assert outcome.platform_id in {"", message.message_id}

    async def test_each_person_gets_their_own(self, harness: Harness) -> None:
        async with scene_of(harness, self.within) as scene:
            bob = scene.simulator.person("Bob")
            other = scene.simulator.place("direct", people=[bob])
            event = await reach(harness, scene.inbox, self.within, (bob, other))
            await scene.send("for Ada")
            await harness.adapter.send(make_delivery(event.address, "for Bob"))
            assert [m.text for m in scene.simulator.sent(scene.place)] == ["for Ada"]
            assert [m.text for m in scene.simulator.sent(other)] == ["for Bob"]

    @pytest.mark.parametrize("fault", [f for f in Fault if f is not Fault.TIMEOUT_AFTER_ACCEPT])
    async def test_says_what_became_of_it(self, harness: Harness, fault: Fault) -> None:
        async with scene_of(harness, self.within) as scene:
            scene.simulator.fail_next(fault, retry_after=7.0)
            outcome = await scene.send("careful")
            assert isinstance(outcome, _ALLOWED[fault]), repr(outcome)
            scene.check("careful", outcome)
            if isinstance(outcome, RateLimited):
                assert 6.0 <= outcome.retry_after <= 9.0
            scene.simulator.clear_faults()
            if fault is not Fault.BLOCKED:
                assert isinstance(await scene.send("afterwards"), Sent)

    async def test_gives_up_on_an_answer_that_never_comes(self, harness: Harness) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time
        async with scene_of(harness, self.within) as scene:
            scene.simulator.fail_next(Fault.TIMEOUT_AFTER_ACCEPT)
            sending = asyncio.create_task(scene.send("careful"))
            await scene.simulator.wait_sent(1, scene.place)
            await asyncio.sleep(0.05)
            assert not sending.done()
            # Two minutes pass for every timer, and never come back: no clock may run backwards.
            vars(loop)["time"] = lambda: now() + 120.0
            done, _ = await asyncio.wait([sending], timeout=5.0)
            assert done, "every call has a deadline"
            assert isinstance(sending.result(), _ALLOWED[Fault.TIMEOUT_AFTER_ACCEPT])

    async def test_what_was_never_offered_was_not_accepted(self, harness: Harness) -> None:
        async with scene_of(harness, self.within) as scene:
            await scene.simulator.outage(True)
            await asyncio.sleep(0.05)  # what is sent on a connection lost unnoticed is unknown
            outcome = await scene.send("into the void")
            assert isinstance(outcome, NotAccepted | Unavailable), repr(outcome)
            await scene.simulator.outage(False)
            assert not scene.stands("into the void")

    async def test_sends_at_the_same_time_do_not_mix(self, harness: Harness) -> None:
        async with scene_of(harness, self.within) as scene:
            texts = {f"number {number}" for number in range(3)}
            await asyncio.gather(*(scene.send(text) for text in texts))
            seen = {message.text for message in scene.simulator.sent(scene.place)}
            assert seen <= texts
            assert seen

    async def test_a_choice_can_be_answered(self, harness: Harness) -> None:
        question = Question(
            id=new_id(),
            session_id=new_id(),
            task_id=new_id(),
            addressee="",
            kind=QuestionKind.CHOICE,
            text="Tea or coffee?",
            options=("Tea", "Coffee", "Neither, thank you"),
        )
        async with scene_of(harness, self.within) as scene:
            text = question.text
            if isinstance(harness.adapter, Spelling):
                text = harness.adapter.spell(text, question, scene.address)
            assert isinstance(await scene.send(text, question), Sent)
            (message,) = scene.simulator.sent(scene.place)
            assert all(o in message.buttons or o in message.text for o in question.options)
            if "Coffee" not in message.buttons:
                return
            heard = len(scene.inbox.heard)
            await scene.simulator.press("Coffee", person=scene.person, place=scene.place)
            await wait_until(
                lambda: len(scene.inbox.heard) > heard, self.within, "the press is heard"
            )
            event = scene.inbox.heard[-1]
            assert event.press == Press(question_id=question.id, option=1) or (
                event.action is Action.MESSAGE and event.text == "Coffee"
            )

    @settings(fuzzed, max_examples=50)
    @given(text=st.text(max_size=200), times=st.integers(1, 200))
    def test_parts_hold_the_whole_text(self, harness: Harness, text: str, times: int) -> None:
        if not isinstance(harness.adapter, Splitting):
            return
        parts = _parts(harness.adapter, text * times)
        assert _bare("".join(part.text for part in parts)) == _bare(text * times)

    @settings(fuzzed, max_examples=50)
    @given(text=st.text(alphabet="ab *_`~[]()<>#-|\n", max_size=200), times=st.integers(1, 100))
    def test_markdown_makes_parts_that_can_be_stored(
        self, harness: Harness, text: str, times: int
    ) -> None:
        if not isinstance(harness.adapter, Splitting):
            return
        for part in _parts(harness.adapter, text * times, markdown=True):
            assert orjson.loads(orjson.dumps(part.format)) == part.format

    async def test_parts_are_what_the_platform_takes(self, harness: Harness) -> None:
        adapter = harness.adapter
        if not isinstance(adapter, Splitting):
            pytest.skip("this adapter does not split")
        longest = []
        for letter in ("x", "two words ", "ein Satz. Noch einer.\n\n", "👋🏽", "&<>"):
            parts = _parts(adapter, letter * (200_000 // len(letter)))
            longest.append(max(parts, key=lambda part: len(part.text)))
            assert all(_parts(adapter, part.text) == [part] for part in parts)
        for part in longest:
            async with scene_of(harness, self.within) as scene:
                outcome = await scene.send(part.text, format=part.format)
                assert isinstance(outcome, Sent), repr(outcome)
                assert scene.stands(part.text.strip())

    @pytest.mark.parametrize(
        "text", ["**bold** words", "# A title\n\n- one\n- *two*\n\n```py\nx = 1\n```", "a **b"]
    )
    async def test_markdown_is_taken(self, harness: Harness, text: str) -> None:
        adapter = harness.adapter
        if not isinstance(adapter, Splitting):
            pytest.skip("this adapter does not split")
        async with scene_of(harness, self.within) as scene:
            (part,) = _parts(adapter, text, markdown=True)
            outcome = await scene.send(part.text, format=part.format)
            assert isinstance(outcome, Sent), repr(outcome)
            (message,) = scene.simulator.sent(scene.place)
            assert set(re.findall(r"\w+", part.text)) <= set(re.findall(r"\w+", message.text))

    async def test_what_is_too_long_is_rejected_and_never_cut(self, harness: Harness) -> None:
        if not isinstance(harness.adapter, Splitting):
            pytest.skip("this adapter does not split")
        async with scene_of(harness, self.within) as scene:
            text = "x" * 200_000
            outcome = await scene.send(text)
            assert isinstance(outcome, Rejected), repr(outcome)
            assert not scene.simulator.sent(scene.place)

    @pytest.mark.parametrize(
        ("name", "media_type"), [("a rose.bin", "application/octet-stream"), ("r.png", "image/png")]
    )
    async def test_a_file_arrives_whole(self, harness: Harness, name: str, media_type: str) -> None:
        adapter = harness.adapter
        if not isinstance(adapter, Carrying) or harness.files is None:
            pytest.skip("this adapter carries no files")
        content = bytes(range(256)) * 100
        file = harness.files.put(content, name, media_type)
        assert not adapter.carries(replace(file, size=2**50))
        if not adapter.carries(file):
            pytest.skip(f"it carries no {media_type}")
        async with scene_of(harness, self.within) as scene:
            outcome = await scene.send("", attachment=file)
            assert isinstance(outcome, Sent), repr(outcome)
            (message,) = scene.simulator.sent(scene.place)
            assert [sent.content for sent in message.files] == [content]
            lost = await scene.send("", attachment=replace(file, id=new_id()))
            assert isinstance(lost, Rejected), repr(lost)

    async def test_what_is_confided_arrives_in_private(self, harness: Harness) -> None:
        adapter = harness.adapter
        if not isinstance(adapter, Confiding):
            pytest.skip("this adapter has nothing to say in private")
        async with scene_of(harness, self.within) as scene:
            bob = scene.simulator.person("Bob")
            other = scene.simulator.place("direct", people=[bob])
            event = await reach(harness, scene.inbox, self.within, (bob, other))
            private = adapter.confide(scene.address, event.participant)
            assert private is not None
            assert private == adapter.confide(scene.address, event.participant)
            again = Address(**orjson.loads(orjson.dumps(private)))
            if isinstance(adapter, Budgeted):
                assert all(name for name, _ in adapter.budgets(again, Act.SEND))
            await adapter.send(make_delivery(again, "for Bob alone"))
            # Where a person has several chats, nothing says which of them it is in.
            where = other if other.kind == "direct" else None
            assert [m.text for m in scene.simulator.sent(where)] == ["for Bob alone"]
            assert not scene.texts()

    async def test_budgets_are_named_and_finite(self, harness: Harness) -> None:
        adapter = harness.adapter
        if not isinstance(adapter, Budgeted):
            pytest.skip("this adapter has no budgets")
        async with scene_of(harness, self.within) as scene:
            budgets = [b for act in Act for b in adapter.budgets(scene.address, act)]
            assert budgets == [b for act in Act for b in adapter.budgets(scene.address, act)]
            for key, rate in budgets:
                assert key
                assert rate.count > 0
                assert rate.per > 0
                assert rate.burst >= 1

    async def test_commands_can_be_registered_again_and_again(self, harness: Harness) -> None:
        adapter = harness.adapter
        if not isinstance(adapter, Commanded):
            pytest.skip("this platform knows no commands")
        async with scene_of(harness, self.within):
            reset = NativeCommand(name="reset", descriptions={"en": "Start afresh"})
            help_in_both = {"en": "What I can do", "de": "Was ich kann"}
            helping = NativeCommand(name="help", descriptions=help_in_both, personal=True)
            await adapter.register_commands([reset, helping])
            await adapter.register_commands([reset])

    async def test_check_says_who_we_are(self, harness: Harness) -> None:
        adapter, simulator = harness.adapter, harness.platform
        if not isinstance(adapter, Checked):
            pytest.skip("this adapter has nothing to check")
        assert await adapter.check()
        await simulator.outage(True)
        with pytest.raises((ConfigurationError, Unavailable)) as raised:
            await adapter.check()
        told = "".join(traceback.format_exception(raised.value))
        assert not [secret for secret in harness.secrets if secret in told]


def _parts(adapter: Splitting, text: str, *, markdown: bool = False) -> Sequence[Part]:
    parts = list(adapter.split(text, markdown=markdown))
    if text.strip():
        assert parts
        assert all(part.text.strip() for part in parts)
    return parts


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text)
