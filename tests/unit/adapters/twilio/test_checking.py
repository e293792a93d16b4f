"""What the check says of a number: who it is, what is wrong, and where that is mended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.twilio import checking
from adapters.twilio.adapter import SmsAdapter
from adapters.twilio.settings import DEFAULT_API
from gateway import ConfigurationError, Problem
from gateway.testing.adapter import BareHost
from gateway.testing.simulator import Fault
from tests.unit.adapters.twilio.number import NAME, Number, number

CONSOLE = "https://console.twilio.com"
OURS = "+15550001111"


@pytest.fixture
async def whatsapp() -> AsyncIterator[Number]:
    async with number("whatsapp", account=f"whatsapp:{OURS}") as everything:
        yield everything


@pytest.fixture
async def sms() -> AsyncIterator[Number]:
    async with number("sms", account=OURS) as everything:
        yield everything


@pytest.fixture(params=["whatsapp", "sms"])
async def twilio(request: pytest.FixtureRequest) -> AsyncIterator[Number]:
    async with number(request.param) as everything:
        yield everything


async def problems(twilio: Number, **keys: Any) -> list[Problem]:
    """What is wrong."""
    adapter = twilio.again(**keys).adapter
    with pytest.raises(ConfigurationError) as caught:
        await adapter.check()
    secret = adapter.settings.auth_token.get_secret_value()
    assert secret not in str(caught.value)
    return caught.value.problems


async def problem(twilio: Number, **keys: Any) -> str:
    """The one thing that is wrong."""
    (found,) = await problems(twilio, **keys)
    return str(found)


async def said(twilio: Number, **keys: Any) -> str:
    return await twilio.again(**keys).adapter.check()


async def test_nothing_is_wrong(twilio: Number) -> None:
    told = await said(twilio)
    who = twilio.account.removeprefix("whatsapp:")
    # The simulator is reached without https, and so are we.
    open_way = "gateway.public_url is not https: what people write travels in the open"
    assert told == f"{who} of Simulated account; {open_way}"


# The account


async def test_a_wrong_token(twilio: Number) -> None:
    told = await problem(twilio, auth_token="f" * 32)
    assert told.startswith(f"channels.{NAME}.auth_token: Twilio refuses it")
    assert CONSOLE in told
    # What needs the token is not asked for.
    assert {call.method for call in twilio.simulator.calls()} == {"FetchAccount"}


async def test_another_account(twilio: Number) -> None:
    told = await problem(twilio, account_sid="AC" + "9" * 32)
    assert told.startswith(f"channels.{NAME}.auth_token: ")


async def test_an_account_that_is_suspended(twilio: Number) -> None:
    twilio.simulator.suspend()
    found = await problems(twilio)
    assert f"channels.{NAME}.account_sid: the account is suspended" in str(found[0])
    assert CONSOLE in str(found[0])


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RESET, Fault.MALFORMED])
async def test_an_api_that_does_not_answer(twilio: Number, fault: Fault) -> None:
    # A request that only asks is made twice by itself where a connection breaks.
    twilio.simulator.fail_next(fault, 2, method="FetchAccount")
    told = await problem(twilio)
    assert told.startswith(f"channels.{NAME}.api_url: {twilio.simulator.url} does not answer")


async def test_everything_is_told_at_once(twilio: Number) -> None:
    twilio.host.public_url = ""
    found = await problems(twilio, **{"from": "+15559998888"})
    assert [one.where for one in found] == ["gateway.public_url", f"channels.{NAME}.from"]
    found = await problems(twilio, auth_token="f" * 32)
    assert [one.where for one in found] == ["gateway.public_url", f"channels.{NAME}.auth_token"]


# The way to us


async def test_no_address(twilio: Number) -> None:
    twilio.host.public_url = ""
    told = await problem(twilio)
    assert told.startswith("gateway.public_url: is not set")
    assert "https://bots.example.org" in told


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080",
        "https://127.0.0.1",
        "https://[::1]:8080",
        "http://192.168.1.7",
        "https://server",
        "https://server.local",
        "https://10.0.0.1/chat",
    ],
)
async def test_addresses_that_twilio_cannot_reach(url: str) -> None:
    found = checking._Checking(*_pieces(url))
    found._public_url()
    (only,) = found._found.problems
    assert only.where == "gateway.public_url"
    assert "Twilio cannot reach" in only.what


@pytest.mark.parametrize(
    ("url", "notes"), [("https://bots.example.org", 0), ("http://bots.example.org", 1)]
)
async def test_addresses_that_it_can(url: str, notes: int) -> None:
    found = checking._Checking(*_pieces(url))
    found._public_url()
    assert not found._found.problems
    assert len(found._found.notes) == notes


def _pieces(url: str) -> Any:
    given = {
        "platform": "sms", "account_sid": "AC" + "0" * 32, "auth_token": "0" * 32, "from": OURS,
    }  # fmt: skip
    settings = SmsAdapter.Settings.model_validate(given)
    assert settings.api_url == DEFAULT_API
    return settings, None, BareHost(http=None, public_url=url), NAME  # type: ignore[arg-type]


async def test_a_gateway_that_does_not_run_yet(twilio: Number) -> None:
    twilio.host.public_url = "http://127.0.0.1:9"
    told = await said(twilio)
    assert "http://127.0.0.1:9 does not answer at the moment: is the gateway running" in told


async def test_somebody_else_at_our_address(twilio: Number) -> None:
    twilio.routes.routes[:] = []
    assert "answers 404 to /livez" in await said(twilio)


# SMS


async def test_a_number_of_somebody_else(sms: Number) -> None:
    told = await problem(sms, **{"from": "+15559998888"})
    assert told.startswith(f"channels.{NAME}.from: +15559998888 is no number of this account")
    assert f"{CONSOLE}/us1/develop/phone-numbers" in told


async def test_part_of_a_number_is_no_number(sms: Number) -> None:
    """Twilio's filter takes parts of numbers."""
    told = await problem(sms, **{"from": OURS[:-1]})
    assert "is no number of this account" in told


async def test_a_number_for_calls_only(sms: Number) -> None:
    sms.simulator.configure(texts=False)
    assert f"{OURS} cannot send SMS" in await problem(sms)


async def test_short_codes() -> None:
    async with number("sms", account="12345") as twilio:
        assert (await said(twilio)).startswith("12345 of Simulated account")
        assert "no number of this account" in await problem(twilio, **{"from": "54321"})
        twilio.simulator.webhook_url(twilio.account, "https://elsewhere.example.org/")
        assert "goes to https://elsewhere.example.org/" in await said(twilio)


async def test_messages_that_go_elsewhere(sms: Number) -> None:
    sms.simulator.webhook_url(sms.account, "https://demo.twilio.com/welcome/sms/reply")
    told = await said(sms)
    assert "what people write goes to https://demo.twilio.com/welcome/sms/reply" in told
    assert f"to {sms.host.public_url}/webhooks/{NAME} at {CONSOLE}/us1/develop" in told
    sms.simulator.webhook_url(sms.account, "")
    assert "what people write goes to nowhere" in await said(sms)


async def test_retries_may_be_asked_for_in_the_address(twilio: Number) -> None:
    url = f"{twilio.host.public_url}/webhooks/{NAME}"
    twilio.simulator.webhook_url(twilio.account, f"{url}#rc=3&rp=all")
    assert "what people write goes" not in await said(twilio)


async def test_messages_that_a_program_at_twilio_takes(sms: Number) -> None:
    sms.simulator.configure(application="AP" + "0" * 32)
    assert "goes to a TwiML app" in await said(sms)


async def test_what_cannot_be_looked_up_is_said(twilio: Number) -> None:
    method = "ListChannelsSender" if twilio.simulator.kind == "whatsapp" else (
        "ListIncomingPhoneNumber"
    )  # fmt: skip
    twilio.simulator.fail_next(Fault.SERVER_ERROR, method=method)
    assert "cannot be looked up" in await said(twilio)


# WhatsApp


async def test_no_sender(whatsapp: Number) -> None:
    told = await problem(whatsapp, **{"from": "+15559998888"})
    assert "+15559998888 is no WhatsApp sender of this account" in told
    assert f"{CONSOLE}/us1/develop/sms/senders/whatsapp-senders" in told


async def test_a_sender_that_is_offline(whatsapp: Number) -> None:
    whatsapp.simulator.configure(status="OFFLINE")
    told = await problem(whatsapp)
    assert told.startswith(f"channels.{NAME}.from: the WhatsApp sender is OFFLINE, and not ONLINE")
    whatsapp.simulator.configure(status="ONLINE:UPDATING")
    assert "ONLINE" not in await said(whatsapp)


def test_why_a_sender_is_offline() -> None:
    reasons = [{"code": "1", "message": "Not\nverified"}, {"code": "2"}, None]
    assert checking._reasons({"offline_reasons": reasons}) == ": Not verified"
    assert checking._reasons({"offline_reasons": None}) == checking._reasons({}) == ""


async def test_a_senders_messages_that_go_elsewhere(whatsapp: Number) -> None:
    whatsapp.simulator.webhook_url(whatsapp.account, "https://elsewhere.example.org/")
    told = await said(whatsapp)
    assert "what people write goes to https://elsewhere.example.org/" in told
    assert f"{CONSOLE}/us1/develop/sms/senders/whatsapp-senders" in told


async def test_the_sandbox() -> None:
    async with number("whatsapp", account="whatsapp:+14155238886") as twilio:
        told = await said(twilio)
        assert "Twilio's sandbox: each person joins it first" in told
        assert "to +14155238886" in told
        assert f"{twilio.host.public_url}/webhooks/{NAME}" in told
        assert f"{CONSOLE}/us1/develop/sms/try-it-out/whatsapp-learn" in told
        assert not twilio.simulator.calls("ListChannelsSender")


# What is asked for besides


async def test_a_conversation_service_that_is_none(twilio: Number) -> None:
    told = await problem(twilio, conversation_service="IS" + "9" * 32)
    assert told.startswith(f"channels.{NAME}.conversation_service: is no Conversations service")


async def test_templates(whatsapp: Number) -> None:
    template = whatsapp.simulator.add_template("News: {{1}}", {"1": "something"})
    assert "template" not in await said(whatsapp, template=template)
    told = await problem(whatsapp, template=template, template_variable="text")
    assert told.startswith(f"channels.{NAME}.template_variable: the template has no placeholder")
    assert "it has: 1;" in told
    told = await problem(whatsapp, template="HX" + "0" * 32)
    assert told.startswith(f"channels.{NAME}.template: is no content template of this account")
    assert f"{CONSOLE}/us1/develop/sms/content-template-builder" in told


async def test_a_template_that_is_not_approved(whatsapp: Number) -> None:
    template = whatsapp.simulator.add_template("News: {{1}}", {"1": "x"}, approved=False)
    assert "WhatsApp has not approved the template" in await said(whatsapp, template=template)


async def test_without_groups_conversations_are_not_asked_for(twilio: Number) -> None:
    await said(twilio, conversations=False)
    assert not twilio.simulator.calls("ListConversation")
