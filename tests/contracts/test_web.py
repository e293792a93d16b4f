"""The web keeps the adapter's contract, as far as it concerns a channel that nothing is sent to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.web import inbound
from adapters.web.adapter import WebAdapter
from gateway import Conversation, ConversationKind, Press, Session
from gateway.testing.adapter import AdapterContract, Harness, bare_host

SESSION = Session(
    id="s1",
    lane_id="lane",
    channel="page",
    agent="demo",
    owner="participant:place",
    conversation=Conversation(kind=ConversationKind.DIRECT, id="place"),
    created_at=0.0,
    last_activity=0.0,
)


class TestWeb(AdapterContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        settings = WebAdapter.Settings(agent="demo")
        async with bare_host() as host:
            yield Harness(
                adapter=WebAdapter("page", settings, host),
                channel="page",
                samples=[
                    inbound.event(SESSION, "hello", message_id="m1"),
                    inbound.event(SESSION, "/help"),
                    inbound.event(SESSION, "", press=Press(question_id="q", option=1)),
                    inbound.event(SESSION, " "),
                ],
            )
