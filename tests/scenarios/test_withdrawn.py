"""What was shown of an answer that never came is taken away again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stage import theatre


@pytest.mark.parametrize("name", ["telegram-polling", "discord", "slack-socket"])
async def test_a_preview_of_nothing_does_not_stay(tmp_path: Path, name: str) -> None:
    async with theatre(tmp_path, [name], agent="tests.support.agents:fickle") as opened:
        stage = opened.stages[name]
        (ada,) = stage.together("Ada")
        await ada.say("tell me", mention=True)
        (shown,) = await ada.heard(1)
        assert shown.startswith("These words")
        await stage.simulator.wait_until(lambda: not ada.texts())
