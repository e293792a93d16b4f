"""The adapter's contract, last part: what is shown while an answer is written, and doubts."""

from __future__ import annotations

import time

import pytest

from gateway.domain import new_id
from gateway.errors import SendError, Unavailable
from gateway.ports.adapter import Preview, Previewing, Retracting, Sent, Settling, Typing
from gateway.testing._harness import Harness, make_delivery
from gateway.testing._scene import scene_of
from gateway.testing.simulator import Fault


class ShowingContract:
    """Previews become the answer or vanish; what may have arrived is looked up."""

    within: float = 20.0
    """Seconds for what takes a platform a while."""

    async def test_a_preview_becomes_the_answer_or_vanishes(self, harness: Harness) -> None:
        adapter = harness.adapter
        if not isinstance(adapter, Previewing) or not adapter.preview_every:
            pytest.skip("this adapter shows no previews")
        async with scene_of(harness, self.within) as scene:
            shown, task_id = "", new_id()
            for text in ("Roses", "Roses **ar", "Roses **are** red " * 5000):
                preview = Preview(
                    address=scene.address, task_id=task_id, text=text, message_id=shown
                )
                shown = await adapter.preview(preview)
            for _ in range(2 if shown else 1):
                outcome = await scene.send("Roses are red", replaces=shown)
                assert isinstance(outcome, Sent), repr(outcome)
                assert not shown or outcome.platform_id == shown
            texts = [message.text for message in scene.simulator.sent(scene.place)]
            assert texts == ["Roses are red"]

    async def test_a_preview_that_no_answer_becomes_is_taken_back(self, harness: Harness) -> None:
        adapter = harness.adapter
        if not isinstance(adapter, Retracting) or not isinstance(adapter, Previewing):
            pytest.skip("this adapter takes no previews back")
        async with scene_of(harness, self.within) as scene:
            preview = Preview(address=scene.address, task_id=new_id(), text="Roses are")
            if shown := await adapter.preview(preview):
                await adapter.retract(scene.address, shown)
            assert not scene.simulator.sent(scene.place)

    async def test_what_may_have_arrived_is_found_or_harms_nothing(self, harness: Harness) -> None:
        """Settled, and sent again where it is not found, it is there once."""
        adapter = harness.adapter
        if not isinstance(adapter, Settling):
            pytest.skip("this adapter cannot look anything up")
        async with scene_of(harness, self.within) as scene:
            for number, fault in enumerate((Fault.RESET_AFTER_ACCEPT, Fault.RESET)):
                delivery = make_delivery(
                    scene.address,
                    f"in doubt {number}",
                    channel=harness.channel,
                    created_at=time.time(),
                )
                scene.simulator.fail_next(fault)
                with pytest.raises(SendError):
                    await adapter.send(delivery)
                if await adapter.settle(delivery, "") is None:
                    await adapter.send(delivery)
                assert sum(delivery.text in one for one in scene.texts()) == 1

    async def test_typing_is_shown_or_fails_by_name(self, harness: Harness) -> None:
        adapter = harness.adapter
        if not isinstance(adapter, Typing):
            pytest.skip("this adapter shows no typing")
        assert adapter.typing_every > 0
        async with scene_of(harness, self.within) as scene:
            await adapter.typing(scene.address)
            scene.simulator.fail_next(Fault.SERVER_ERROR, method="*")
            with pytest.raises((SendError, Unavailable)):
                await adapter.typing(scene.address)
            scene.simulator.clear_faults()
            assert not scene.simulator.sent(scene.place)
