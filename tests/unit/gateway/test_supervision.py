"""What is said of a part that failed."""

from __future__ import annotations

import asyncio

import pytest

from gateway import observability as obs
from gateway import supervision
from gateway.errors import Unavailable
from gateway.supervision import supervise


async def test_what_was_raised_is_named_however_deep_it_lies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervision, "_RESTART_AFTER", (0.0,))
    tries = 0

    async def fail() -> None:
        raise Unavailable("the store is away")

    async def work() -> None:
        nonlocal tries
        tries += 1
        if tries > 1:
            return
        async with asyncio.TaskGroup() as outer:

            async def inner() -> None:
                async with asyncio.TaskGroup() as group:
                    group.create_task(fail())

            outer.create_task(inner())

    with obs.captured() as logs:
        await supervise("garden", work)
    assert tries == 2
    (failed,) = (one for one in logs if one["event"] == obs.Event.CHANNEL_DOWN)
    assert failed["error"] == "the store is away"
    assert not {"exc_info", "exception"} & {key for key, value in failed.items() if value}
