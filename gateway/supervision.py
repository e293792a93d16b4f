"""Where failure domains end: one part's failure is logged, and is nobody else's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

from gateway import observability as obs
from gateway.errors import GatewayError

_RECOVERED_AFTER = 60.0
_RESTART_AFTER = (1.0, 2.0, 5.0, 15.0, 60.0)


async def supervise(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run ``work`` again and again, later each time it fails; one part's end is not the house's.

    Having run for a minute counts as having recovered.
    """
    failures = 0
    while True:
        began = time.monotonic()
        try:
            await work()
        except Exception as error:
            failures = 0 if time.monotonic() - began > _RECOVERED_AFTER else failures
            pause = _RESTART_AFTER[min(failures, len(_RESTART_AFTER) - 1)]
            failures += 1
            _log_failure(name, error, pause)
            await asyncio.sleep(pause)
        else:
            obs.log.info(obs.Event.CHANNEL_STOPPED, channel=name)
            return


def _log_failure(name: str, error: Exception, pause: float) -> None:
    for leaf in _leaves(error):
        expected = isinstance(leaf, GatewayError)
        obs.log.error(
            obs.Event.CHANNEL_DOWN,
            channel=name,
            error=str(leaf) or type(leaf).__name__,
            retry_in=pause,
            exc_info=None if expected else leaf,
        )


def _leaves(error: Exception) -> Iterator[Exception]:
    """What was raised, out of the groups it came in."""
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for one in error.exceptions:
        yield from _leaves(one)


async def contained(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` to its end; what it raises is logged and goes no further."""
    try:
        await work
    except Exception:
        obs.log.exception(obs.Event.LANE_FAILED)
