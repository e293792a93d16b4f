"""The adapter's contract as tests: derive a class, supply ``harness``, and run pytest.

    class TestPostcards(AdapterContract):
        @pytest.fixture
        async def harness(self) -> AsyncIterator[Harness]:
            async with running(PostcardSimulator()) as simulator, bare_host() as host:
                settings = PostcardAdapter.Settings(platform="postcard", **simulator.settings())
                yield Harness(
                    adapter=PostcardAdapter("cards", settings, host),
                    channel="cards",
                    simulator=simulator,
                    samples=[b'{"id": 1, "from": "Ada", "text": "hello"}'],
                )

A platform that calls webhooks is given ``serving``'s URL. Needs pytest with pytest-asyncio in auto
mode, and hypothesis. What an adapter's optional protocols
do not offer is not asked of it; one with no platform behind it is held to ``ParsingContract``
alone. Simulators are described in ``gateway.testing.simulator``. With
``pytest.register_assert_rewrite("gateway.testing")`` in your conftest, failures show values.
"""

from __future__ import annotations

from gateway.testing._harness import (
    BareBookmarks,
    BareFiles,
    BareHost,
    BareOutcomes,
    Harness,
    Inbox,
    bare_host,
    make_delivery,
    reach,
    serving,
)
from gateway.testing._harness import running as running_adapter
from gateway.testing._parsing import ParsingContract
from gateway.testing._receiving import ReceivingContract
from gateway.testing._sending import SendingContract
from gateway.testing._showing import ShowingContract

__all__ = [
    "AdapterContract",
    "BareBookmarks",
    "BareFiles",
    "BareHost",
    "BareOutcomes",
    "Harness",
    "Inbox",
    "ParsingContract",
    "bare_host",
    "make_delivery",
    "reach",
    "running_adapter",
    "serving",
]


class AdapterContract(ParsingContract, ReceivingContract, SendingContract, ShowingContract):
    """What every adapter owes."""
