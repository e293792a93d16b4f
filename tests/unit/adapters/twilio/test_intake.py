"""What Twilio brings is durable before it is answered, in order, and within its time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
import structlog
from structlog.testing import capture_logs

from adapters.twilio import intake as intake_module
from adapters.twilio import opting_out
from adapters.twilio.api import TwilioApi
from adapters.twilio.inbound import parse
from adapters.twilio.intake import Intake
from adapters.twilio.opting_out import OptingOut
from adapters.twilio.settings import TwilioSettings
from adapters.twilio.window import Window
from gateway import Address, Inbound, Receipt, Unavailable
from gateway.testing.adapter import BareBookmarks, BareHost, BareOutcomes, bare_host
from tests.unit.adapters.twilio.forms import (
    ANN,
    ANNS_NUMBER,
    GROUP,
    OURS,
    form,
    group_message,
    sms,
    text_message,
    whatsapp,
)

HIDDEN = "whatsapp:US.1"
NOW = 1_790_000_000.0


@dataclass
class Desk:
    """The intake, and what stands around it."""

    intake: Intake
    host: BareHost
    settings: TwilioSettings
    window: Window
    opted: OptingOut
    kept: list[dict[str, Any]] = field(default_factory=list)
    reported: list[Mapping[str, str]] = field(default_factory=list)
    failures: deque[Exception | None] = field(default_factory=deque)
    behind: int = 0
    delay: float = 0.0
    refused: bool = False

    async def receive(self, raw: bytes) -> Receipt:
        if self.delay:
            await asyncio.sleep(self.delay)
        failure = self.failures.popleft() if self.failures else None
        if failure is not None:
            raise failure
        event = orjson.loads(raw)
        known = any(row["form"] == event["form"] for row in self.kept)
        self.kept.append(event)
        if self.refused:
            return Receipt(outcome="refused", reason="they are not on the list")
        if not isinstance(parse(raw, self.settings), Inbound):
            return Receipt(outcome="ignored", reason="it is not for the agent")
        return Receipt(outcome="accepted", duplicate=known)

    async def report(self, form: Mapping[str, str], query: Mapping[str, str]) -> None:
        assert query == {}
        failure = self.failures.popleft() if self.failures else None
        if failure is not None:
            raise failure
        self.reported.append(form)

    def fall_behind(self) -> None:
        self.behind += 1

    @property
    def texts(self) -> list[str]:
        return [row["form"].get("Body", "") for row in self.kept]

    @property
    def released(self) -> list[str]:
        assert isinstance(self.host.outcomes, BareOutcomes)
        return [destination for _, destination in self.host.outcomes.released]

    async def is_open(self, address: str) -> bool:
        return await self.window.is_open(Address(destination=address, data={"to": address}))


@asynccontextmanager
async def desk(settings: TwilioSettings | None = None) -> AsyncIterator[Desk]:
    chosen = settings or whatsapp(conversations=True, api_url="http://127.0.0.1:1")
    log = structlog.get_logger("test")
    async with bare_host() as host:
        api = TwilioApi(chosen, host.http, log)
        window = Window(chosen, api, log, clock=lambda: NOW)
        opted = OptingOut(host, "garden", chosen, log)

        async def receive(raw: bytes) -> Receipt:
            return await made.receive(raw)

        async def report(form: Mapping[str, str], query: Mapping[str, str]) -> None:
            await made.report(form, query)

        intake = Intake(
            receive,
            settings=chosen,
            host=host,
            channel="garden",
            window=window,
            opting_out=opted,
            report=report,
            log=log,
        )
        made = Desk(intake, host, chosen, window, opted)
        intake.behind = made.fall_behind
        yield made


@pytest.fixture
async def here() -> AsyncIterator[Desk]:
    async with desk() as made:
        yield made


async def test_a_form_is_kept_with_its_time(here: Desk) -> None:
    said = form("Hello")
    assert await here.intake.take(said, at=NOW) is None
    assert here.kept == [{"form": said, "at": NOW}]


async def test_what_is_fetched_is_kept_as_such(here: Desk) -> None:
    said = form("missed")
    receipt = await here.intake.make_up_for(said, at=NOW - 5)
    assert receipt.outcome == "accepted"
    assert here.kept == [{"form": said, "at": NOW - 5, "fetched": True}]


async def test_who_wrote_may_be_written_to_and_gets_what_waited(here: Desk) -> None:
    await here.intake.take(form("Hello", ExternalUserId=HIDDEN), at=NOW)
    assert here.released == [ANN, HIDDEN]
    assert await here.is_open(ANN)
    assert await here.is_open(HIDDEN)


async def test_what_was_missed_opens_the_window_from_when_it_was_sent(here: Desk) -> None:
    await here.intake.make_up_for(form("missed"), at=NOW - 86_000)
    assert await here.is_open(ANN)
    await here.intake.make_up_for(form("older", From="whatsapp:+1500"), at=NOW - 90_000)
    with pytest.raises(Unavailable):
        # Nothing new is known of them, and nobody is there to ask.
        await here.is_open("whatsapp:+1500")
    assert here.released == [ANN, "whatsapp:+1500"]


async def test_a_message_in_a_group_lets_go_what_waits_for_the_group(here: Desk) -> None:
    await here.intake.take(group_message(), at=NOW)
    assert here.released == [ANN, GROUP]
    assert await here.is_open(ANN)


@pytest.mark.parametrize("event", ["onMessageUpdated", "onMessageRemoved"])
async def test_what_is_changed_or_taken_away_is_not_written(here: Desk, event: str) -> None:
    """Others may do that to what somebody said: it opens nobody's window."""
    await here.intake.take(group_message(EventType=event), at=NOW)
    assert len(here.kept) == 1
    assert here.released == []
    assert not here.window.is_known_open(ANN)


async def test_what_is_not_accepted_lets_nothing_go(here: Desk) -> None:
    await here.intake.take(form(To="whatsapp:+15559998888"), at=NOW)
    await here.intake.take(form("", From="whatsapp:+1500"), at=NOW)
    assert here.released == []


async def test_deliveries_in_groups_are_reported_and_not_kept(here: Desk) -> None:
    told = group_message(EventType="onDeliveryUpdated", Status="failed")
    assert await here.intake.take(told, at=NOW) is None
    assert here.reported == [told]
    assert not here.kept
    here.failures.append(Unavailable("no disk"))
    with pytest.raises(Unavailable):
        await here.intake.take(told, at=NOW)


async def test_who_is_refused_lets_nothing_go(here: Desk) -> None:
    here.refused = True
    await here.intake.take(form(), at=NOW)
    assert here.released == []


# What cannot be taken


async def test_what_cannot_be_stored_is_asked_for_soon(here: Desk) -> None:
    here.failures.extend([Unavailable("no disk"), Unavailable("no disk"), None])
    with capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await here.intake.take(form(), at=NOW)
    assert here.behind == 2
    assert [line["event"] for line in logs] == ["twilio.intake_paused"]
    await here.intake.take(form(), at=NOW)
    here.failures.append(Unavailable("no disk"))
    with capture_logs() as logs, pytest.raises(Unavailable):
        await here.intake.take(form(), at=NOW)
    assert len(logs) == 1, "it was well in between"


@pytest.mark.parametrize("said", [form(), group_message()], ids=["message", "group"])
async def test_what_takes_too_long_is_not_waited_for(
    said: dict[str, Any], here: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = "ConversationSid" in said
    limit = "ANSWER_GROUPS_WITHIN" if group else "ANSWER_WITHIN"
    monkeypatch.setattr(intake_module, limit, 0.01)
    here.delay = 5.0
    with pytest.raises(Unavailable):
        await here.intake.take(said, at=NOW)
    assert here.behind == 1


def test_answers_are_in_time() -> None:
    assert intake_module.WAIT < intake_module.ANSWER_GROUPS_WITHIN < 5.0
    assert intake_module.ANSWER_WITHIN < 15.0


async def test_what_cannot_be_let_go_is_not_acknowledged(
    here: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(channel: str, destination: str) -> int:
        raise Unavailable("no disk")

    monkeypatch.setattr(here.host.outcomes, "release", away)
    with pytest.raises(Unavailable):
        await here.intake.take(form(), at=NOW)
    assert here.behind == 1


# Order


async def test_a_live_message_waits_for_those_that_were_missed(here: Desk) -> None:
    async with here.intake.catching_up():
        live = [
            asyncio.create_task(here.intake.take(form(text), at=NOW)) for text in ("b", "c", "d")
        ]
        await asyncio.sleep(0.01)
        assert not here.kept
        await here.intake.make_up_for(form("a"), at=NOW - 1)
    await asyncio.gather(*live)
    assert here.texts == ["a", "b", "c", "d"]


async def test_it_does_not_wait_for_long(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "WAIT", 0.01)
    async with here.intake.catching_up(), asyncio.timeout(1):
        await here.intake.take(form("live"), at=NOW)
        assert here.texts == ["live"]


async def test_a_failed_catch_up_does_not_hold_messages_back(here: Desk) -> None:
    with pytest.raises(Unavailable):
        async with here.intake.catching_up():
            raise Unavailable("no Twilio")
    async with asyncio.timeout(1):
        await here.intake.take(form("live"), at=NOW)


# Opting out


async def test_stop_is_remembered_and_answered_once(here: Desk) -> None:
    stop = form("Stop", ExternalUserId=HIDDEN)
    said = await here.intake.take(stop, at=NOW)
    assert said == f"<Response><Message>{opting_out.STOPPED}</Message></Response>"
    assert await here.opted.is_out(ANN)
    assert await here.opted.is_out(HIDDEN)
    assert here.released == []
    assert await here.intake.take(form("STOP"), at=NOW + 1) is None


async def test_the_same_stop_is_answered_again_when_its_answer_was_lost(here: Desk) -> None:
    stop = form("Stop")
    first = await here.intake.take(stop, at=NOW)
    assert await here.intake.take(stop, at=NOW + 1) == first


async def test_start_ends_it_and_lets_go_what_waits(here: Desk) -> None:
    await here.intake.take(form("Stop"), at=NOW)
    said = await here.intake.take(form("START"), at=NOW + 1)
    assert said == f"<Response><Message>{opting_out.STARTED}</Message></Response>"
    assert not await here.opted.is_out(ANN)
    assert here.released == [ANN]
    assert await here.is_open(ANN)


async def test_stop_that_cannot_be_remembered_is_not_acknowledged(here: Desk) -> None:
    class Away(BareBookmarks):
        async def flush(self) -> None:
            raise Unavailable("no disk")

    here.opted._bookmarks = Away()
    with pytest.raises(Unavailable):
        await here.intake.take(form("Stop"), at=NOW)
    assert here.behind == 1
    assert not here.kept


async def test_who_picks_an_option_called_cancel_stays(here: Desk) -> None:
    said = form("Cancel", ButtonPayload="q:01ab:0", ButtonText="Cancel")
    assert await here.intake.take(said, at=NOW) is None
    assert not await here.opted.is_out(ANN)
    assert here.texts == ["Cancel"]


async def test_a_missed_stop_counts(here: Desk) -> None:
    await here.intake.make_up_for(form("Stop"), at=NOW - 60)
    assert await here.opted.is_out(ANN)


async def test_whom_twilio_answered_we_do_not(here: Desk) -> None:
    assert await here.intake.take(form("Halt", OptOutType="STOP"), at=NOW) is None
    assert await here.opted.is_out(ANN)
    assert await here.intake.take(form("HELP", OptOutType="HELP"), at=NOW) is None


@pytest.mark.parametrize(
    "more",
    [
        {"To": "whatsapp:+15559998888"},
        {"AccountSid": "AC" + "9" * 32},
        {"From": OURS},
        {"From": ...},
        {"From": "no\0body"},
    ],
)
async def test_what_is_written_to_others_opts_nobody_out(here: Desk, more: Any) -> None:
    said = form("Stop", **more)
    if more.get("From", "") in (..., "no\0body"):
        here.failures.append(Unavailable("unreadable"))
        with pytest.raises(Unavailable):
            await here.intake.take(said, at=NOW)
    else:
        assert await here.intake.take(said, at=NOW) is None
    assert isinstance(here.host.bookmarks, BareBookmarks)
    assert not here.host.bookmarks.kept


async def test_on_sms_twilio_does_all_of_it() -> None:
    async with desk(sms()) as here:
        said = text_message("STOP", OptOutType="STOP")
        assert await here.intake.take(said, at=NOW) is None
        assert not await here.opted.is_out(ANNS_NUMBER)
        assert await here.intake.take(text_message("hi"), at=NOW) is None
        assert here.released == [ANNS_NUMBER]
