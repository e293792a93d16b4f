"""WhatsApp and SMS keep the adapter's contract."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from adapters.twilio import catching_up
from adapters.twilio.adapter import SmsAdapter, TwilioAdapter, WhatsAppAdapter
from adapters.twilio.simulator import Patience, TwilioSimulator
from gateway.testing._parsing import fuzzed
from gateway.testing.adapter import (
    AdapterContract,
    BareFiles,
    BareHost,
    Harness,
    bare_host,
    serving,
)
from gateway.testing.simulator import SimulatedPerson, SimulatedPlace, running
from tests.unit.adapters.twilio import forms

ADAPTERS: dict[str, type[TwilioAdapter]] = {"whatsapp": WhatsAppAdapter, "sms": SmsAdapter}
PATIENCE = Patience(answer_within=1.0, conversations_within=1.0)
JOINER = "\u2060"
GARBLED = {"SmsStatus": "received", "Body": "who said that?"}


def samples_of(simulator: TwilioSimulator) -> list[bytes]:
    """Events for this number, as they are kept."""
    settings = simulator.settings()
    account, ours = settings["account_sid"], settings["from"]
    ann = forms.ANN if ours.startswith("whatsapp:") else forms.ANNS_NUMBER
    mine: dict[str, Any] = {"AccountSid": account, "From": ann, "To": ours}
    media = {"NumMedia": "1", "MediaContentType0": "image/png"}
    said = [
        forms.form("Hello", **mine),
        forms.form("", **mine, **media, MediaUrl0="https://api.twilio.com/2010-04-01/Media/ME1"),
        forms.form("Tea", **mine, ButtonPayload="q:0123:1", ButtonText="Tea"),
        forms.form("", **mine, Latitude="1.5", Longitude="-2", Label="Here"),
        forms.form("Hi", **mine, ExternalUserId="whatsapp:US.1", ReferralBody="Buy"),
        forms.form("hey all", **mine, OtherRecipients0="+15005550007"),
        forms.form("x", **mine, OptOutType="STOP"),
        {"MessageSid": forms.sid(), "MessageStatus": "delivered", "AccountSid": account},
        forms.group_message("hello", AccountSid=account),
        forms.group_message("hello", AccountSid=account, EventType="onMessageUpdated"),
        forms.group_message("hello", AccountSid=account, EventType="onMessageRemoved"),
        forms.group_message("", AccountSid=account, Media='[{"Sid": "ME1"}]'),
    ]
    return [orjson.dumps({"form": form, "at": forms.AT + n}) for n, form in enumerate(said)]


def harness_of(simulator: TwilioSimulator, host: BareHost, **keys: Any) -> Harness:
    settings = simulator.settings()
    platform = "whatsapp" if settings["from"].startswith("whatsapp:") else "sms"
    factory = ADAPTERS[platform]
    chosen = {"platform": platform, **settings, "media_types": ["image/", "application/"], **keys}

    def make() -> TwilioAdapter:
        return factory("garden", factory.Settings.model_validate(chosen), host)

    async def garble() -> str:
        return simulator.replay(GARBLED)

    async def attach(
        content: bytes, name: str, person: SimulatedPerson, place: SimulatedPlace
    ) -> str:
        return await simulator.send_file(
            content, name, "application/octet-stream", person=person, place=place
        )

    assert isinstance(host.files, BareFiles)
    return Harness(
        adapter=make(),
        channel="garden",
        simulator=simulator,
        samples=samples_of(simulator),
        secrets=[settings["auth_token"]],
        garble=garble,
        twin=make,
        files=host.files,
        attach=attach,
    )


def files_of(host: BareHost) -> Route:
    """What the gateway serves below /files: there the platform gets what is sent."""

    async def serve(request: Request) -> Response:
        assert isinstance(host.files, BareFiles)
        content = host.files.contents.get(request.path_params["id"])
        if content is None:
            return Response(status_code=404)
        # What it is, is read from the content by the real ones.
        return Response(content, media_type="image/png")

    return Route("/files/{id}", serve)


class TestTwilio(AdapterContract):
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(catching_up, "AGAIN_AFTER", 0.02)
        monkeypatch.setattr(catching_up, "AGAIN_AT_MOST", 0.1)

    @pytest.fixture(params=["whatsapp", "sms"])
    async def harness(self, request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
        simulator = TwilioSimulator(request.param, rates=None, patience=PATIENCE, media_first=True)
        app = Router()
        async with running(simulator), serving(app) as url, bare_host(url) as host:
            simulator.add_number()
            harness = harness_of(simulator, host)
            app.routes.extend([*harness.adapter.routes(), files_of(host)])
            simulator.webhook_url("", f"{url}/webhooks/garden")
            yield harness

    @settings(fuzzed, max_examples=50)
    @given(text=st.text(max_size=200), times=st.integers(1, 200))
    def test_parts_hold_the_whole_text(self, harness: Harness, text: str, times: int) -> None:
        """What keeps WhatsApp from taking a text's own signs for marks is no part of the text."""
        assert isinstance(harness.adapter, TwilioAdapter)
        parts = harness.adapter.split(text * times, markdown=False)
        shown = "".join(part.text for part in parts)
        assert bare(shown) == bare(text * times)


def bare(text: str) -> str:
    """What is seen of a text, whitespace aside."""
    return re.sub(rf"[\s{JOINER}]+", "", text)
