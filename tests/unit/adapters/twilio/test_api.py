"""Calls to Twilio: what leaves, what the answers mean, and what nobody gets to see of them."""

from __future__ import annotations

import asyncio
import logging
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from adapters.twilio import api as module
from adapters.twilio.api import Product, TwilioApi, TwilioRefused
from adapters.twilio.verdicts import TOKEN_REFUSED
from gateway import (
    GatewayError,
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
    RecipientGone,
    Rejected,
    SendError,
    Unavailable,
)
from gateway.testing.simulator import Fault
from tests.unit.adapters.twilio.forms import ACCOUNT, TOKEN, whatsapp
from tests.unit.adapters.twilio.sender import LOG, Sender, sender

NUMBER = "+15005550006"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


@dataclass(kw_only=True, slots=True)
class Twilio:
    """A server that answers as it is told, and what arrived there."""

    api: TwilioApi
    http: aiohttp.ClientSession
    url: str
    status: int = 200
    bodies: list[bytes] = field(default_factory=lambda: [b'{"sid": "SM1"}'])
    headers: Mapping[str, str] = field(default_factory=dict)
    arrived: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer."""
        self.arrived.append((request.raw_path, request.headers.copy(), await request.read()))
        body = self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]
        headers = {"Content-Type": "application/json", **self.headers}
        return web.Response(status=self.status, body=body, headers=headers)

    def says(self, *answers: Any, status: int = 200) -> None:
        """Answer with these, one after the other, and with the last for ever."""
        self.status, self.bodies = status, [orjson.dumps(answer) for answer in answers]

    async def failure(self, text: str = "hello") -> GatewayError:
        """The error of a message's."""
        with pytest.raises((SendError, Unavailable)) as caught:
            await self.api.post(Product.API, MESSAGES, {"Body": text, "To": NUMBER})
        return caught.value


@pytest.fixture
async def twilio() -> AsyncIterator[Twilio]:
    async def handle(request: web.BaseRequest) -> web.Response:
        return await found.handle(request)

    server = RawTestServer(handle)
    await server.start_server()
    async with aiohttp.ClientSession() as http:
        url = str(server.make_url("")).rstrip("/")
        found = Twilio(api=TwilioApi(whatsapp(api_url=url), http, LOG), http=http, url=url)
        yield found
    await server.close()


@pytest.fixture
async def simulated() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


# Calls


async def test_a_call_is_a_form_or_json_with_the_accounts_token(twilio: Twilio) -> None:
    assert twilio.api.account_path == f"/2010-04-01/Accounts/{ACCOUNT}"
    sent = await twilio.api.post(Product.API, MESSAGES, {"Body": "a+b & ü", "To": "+1"})
    assert sent == {"sid": "SM1"}
    await twilio.api.post(Product.CONTENT, "/v1/Content", json={"types": {}})
    pairs = [("MediaUrl", "https://a.example/1"), ("MediaUrl", "https://a.example/2")]
    await twilio.api.post(Product.API, MESSAGES, pairs)
    await twilio.api.get(Product.API, MESSAGES, {"DateSent>": "2026-11-21", "To": "whatsapp:+1"})
    (path, headers, form), (_, more, body), (_, _, twice), (asked, _, _) = twilio.arrived
    credentials = b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    assert (path, headers["Authorization"]) == (MESSAGES, f"Basic {credentials}")
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert form == b"Body=a%2Bb+%26+%C3%BC&To=%2B1"
    assert (more["Content-Type"], orjson.loads(body)) == ("application/json", {"types": {}})
    assert twice.count(b"MediaUrl=") == 2
    assert asked == f"{MESSAGES}?DateSent%3E=2026-11-21&To=whatsapp%3A%2B1"


async def test_each_product_has_its_host_at_twilio_and_one_stands_for_all(twilio: Twilio) -> None:
    real = TwilioApi(whatsapp(), twilio.http, LOG)
    assert [real.base(product) for product in Product] == [
        "https://api.twilio.com",
        "https://messaging.twilio.com",
        "https://conversations.twilio.com",
        "https://content.twilio.com",
        "https://mcs.us1.twilio.com",
    ]
    assert {twilio.api.base(product) for product in Product} == {twilio.url}
    assert (real.is_twilio, twilio.api.is_twilio) == (True, False)


async def test_conversations_are_in_the_configured_service(twilio: Twilio) -> None:
    assert twilio.api.conversation_path("CH1") == "/v1/Conversations/CH1"
    service = f"IS{0:032x}"
    api = TwilioApi(whatsapp(conversation_service=service), twilio.http, LOG)
    assert api.conversation_path("a/../b") == f"/v1/Services/{service}/Conversations/a%2F..%2Fb"


async def test_the_token_goes_to_no_other_address(twilio: Twilio) -> None:
    real = TwilioApi(whatsapp(), twilio.http, LOG)
    for url in ("https://api.twilio.com/2010", "https://mcs.us1.twilio.com/v1"):
        assert real.is_own(url)
        assert not twilio.api.is_own(url)
    for url in (
        "http://api.twilio.com/2010",
        "https://api.twilio.com.evil.example/",
        "https://api.twilio.com:8443/",
        "https://u:p@api.twilio.com/",
        "https://evil.example/https://api.twilio.com",
        "https://[",
    ):
        assert not real.is_own(url), url
    assert twilio.api.is_own(f"{twilio.url}/x")
    async with twilio.api.open(f"{twilio.url}/x", authorized=False) as response:
        assert response.status == 200
    assert "Authorization" not in twilio.arrived[0][1]


async def test_what_cannot_be_encoded_is_refused_here(twilio: Twilio) -> None:
    assert isinstance(await twilio.failure("half \ud83d"), Rejected)
    with pytest.raises(Rejected):
        await twilio.api.post(Product.CONTENT, "/v1/Content", json={"x": "half \ud83d"})
    assert twilio.arrived == []


async def test_deleting_answers_nothing(twilio: Twilio) -> None:
    twilio.status, twilio.bodies = 204, [b""]
    await twilio.api.delete(Product.CONTENT, "/v1/Content/HX1")
    assert twilio.arrived[0][0] == "/v1/Content/HX1"


# Lists


async def test_a_list_is_read_page_by_page(twilio: Twilio) -> None:
    twilio.says(
        {
            "messages": [{"sid": "a"}, {"sid": "b"}, 5],
            "next_page_uri": f"{MESSAGES}?Page=1&To=%2B1",
        },
        {"messages": [{"sid": "c"}], "meta": {"next_page_url": "https://api.twilio.com/v1/X?P=2"}},
        {"messages": None, "next_page_uri": None},
    )
    found = [one["sid"] async for one in twilio.api.pages(Product.API, MESSAGES, "messages")]
    assert found == ["a", "b", "c"]
    # Whatever host the next page names, it is asked for where the first one was.
    assert [path for path, _, _ in twilio.arrived] == [
        MESSAGES,
        f"{MESSAGES}?Page=1&To=%2B1",
        "/v1/X?P=2",
    ]


async def test_a_list_ends_at_its_limit(twilio: Twilio) -> None:
    twilio.says({"messages": [{"sid": "a"}] * 10, "next_page_uri": MESSAGES})
    found = [one async for one in twilio.api.pages(Product.API, MESSAGES, "messages", limit=25)]
    assert (len(found), len(twilio.arrived)) == (25, 3)


async def test_pages_without_entries_do_not_lead_on_for_ever(twilio: Twilio) -> None:
    twilio.says({"messages": [], "next_page_uri": MESSAGES})
    async with asyncio.timeout(5.0):
        found = [one async for one in twilio.api.pages(Product.API, MESSAGES, "messages", limit=25)]
    assert (found, len(twilio.arrived)) == ([], 25)


@pytest.mark.parametrize("named", [5, "", "https://[", {"a": 1}])
async def test_a_next_page_that_is_none_ends_a_list(twilio: Twilio, named: Any) -> None:
    twilio.says({"messages": [{"sid": "a"}], "next_page_uri": named})
    assert len([one async for one in twilio.api.pages(Product.API, MESSAGES, "messages")]) == 1


# Answers


async def test_a_refusal_says_why(twilio: Twilio) -> None:
    twilio.says({"code": 21610, "message": "to +15005550006", "status": 400}, status=400)
    error = await twilio.failure()
    assert isinstance(error, TwilioRefused)
    assert error.code == 21610
    twilio.says({"code": 20003, "message": "Authenticate"}, status=401)
    error = await twilio.failure()
    assert isinstance(error, Unavailable)
    assert error.retry_after == TOKEN_REFUSED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, OutcomeUnknown),
        (201, OutcomeUnknown),
        (302, NotAccepted),
        (403, NotAccepted),
        (404, NotAccepted),
        (429, RateLimited),
        (502, OutcomeUnknown),
    ],
)
async def test_an_answer_that_is_not_twilios(
    twilio: Twilio, status: int, kind: type[Exception]
) -> None:
    for body in (b"<html>a proxy</html>", b"[]", b"\xff", b""):
        twilio.status, twilio.bodies = status, [body]
        error = await twilio.failure()
        assert isinstance(error, kind)
        assert not isinstance(error, TwilioRefused)


async def test_an_endless_answer_is_not_read_to_its_end(
    twilio: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_ANSWER", 1000)
    twilio.bodies = [b" " * 2000]
    assert isinstance(await twilio.failure(), OutcomeUnknown)


async def test_nobody_answers(twilio: Twilio) -> None:
    api = TwilioApi(whatsapp(api_url="http://127.0.0.1:9"), twilio.http, LOG)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await api.post(Product.API, MESSAGES, {"Body": "x"})
    with pytest.raises(Unavailable):
        await api.get(Product.API, MESSAGES)


async def test_what_only_asks_leaves_nothing_in_doubt(twilio: Twilio) -> None:
    for status, body in ((500, b'{"code": 20500}'), (200, b"?"), (403, b"a proxy")):
        twilio.status, twilio.bodies = status, [body]
        with pytest.raises(Unavailable):
            await twilio.api.get(Product.API, MESSAGES)
    twilio.says({"code": 20429, "message": "slow"}, status=429)
    with pytest.raises(RateLimited):
        await twilio.api.get(Product.API, MESSAGES)


async def test_an_upload_that_broke_can_be_done_again(twilio: Twilio) -> None:
    answer = await twilio.api.upload(Product.MEDIA, "/v1/Services/IS1/Media", b"abc", "image/png")
    assert answer == {"sid": "SM1"}
    path, headers, body = twilio.arrived[0]
    assert (path, headers["Content-Type"], body) == (
        "/v1/Services/IS1/Media",
        "image/png",
        b"abc",
    )
    twilio.status, twilio.bodies = 500, [b"?"]
    with pytest.raises(NotAccepted):
        await twilio.api.upload(Product.MEDIA, "/v1/Services/IS1/Media", b"abc", "image/png")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.RATE_LIMIT, RateLimited),
        (Fault.SERVER_ERROR, OutcomeUnknown),
        (Fault.RESET, OutcomeUnknown),
        (Fault.RESET_AFTER_ACCEPT, OutcomeUnknown),
        (Fault.TRUNCATED_BODY, OutcomeUnknown),
        (Fault.MALFORMED, OutcomeUnknown),
        (Fault.BLOCKED, RecipientGone),
    ],
)
async def test_what_breaks_on_the_way(
    simulated: Sender, fault: Fault, kind: type[Exception]
) -> None:
    simulated.simulator.fail_next(fault)
    with pytest.raises(kind):
        await simulated.send()


async def test_what_takes_too_long(simulated: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.05)
    simulated.simulator.fail_next(Fault.TIMEOUT_AFTER_ACCEPT)
    with pytest.raises(OutcomeUnknown, match="in time"):
        await simulated.send()
    assert simulated.texts() == ["hello"]


# What nobody gets to see


async def test_no_error_repeats_a_secret_a_number_or_what_was_said(
    twilio: Twilio, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answers: list[tuple[int, bytes]] = [
        (400, orjson.dumps({"code": 21211, "message": f"{TOKEN} {NUMBER} my secret"})),
        (502, b"my secret"),
        (200, b"my secret"),
        (401, orjson.dumps({"code": 20003, "message": TOKEN})),
    ]
    told = [caplog.text]
    for status, body in answers:
        twilio.status, twilio.bodies = status, [body]
        error = await twilio.failure("my secret")
        told += [str(error), repr(error), "".join(traceback.format_exception(error))]
    told.append(repr(twilio.api))
    for text in told:
        assert TOKEN not in text
        assert NUMBER not in text
        assert "my secret" not in "\n".join(
            line for line in text.splitlines() if "twilio.failure(" not in line
        )
