"""The files that people send, and to whom the token is shown for them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from adapters.twilio import fetching
from adapters.twilio.api import TwilioApi
from gateway import Attachment, LimitExceeded, Unavailable
from gateway.testing.simulator import Fault
from tests.unit.adapters.twilio.forms import ACCOUNT, GROUP, TOKEN, whatsapp
from tests.unit.adapters.twilio.sender import LOG, Sender, sender

CONTENT = b"\x89PNG" + b"x" * 200_000
BASIC = f"Basic {b64encode(f'{ACCOUNT}:{TOKEN}'.encode()).decode()}"


async def fetched(api: TwilioApi, ref: str) -> bytes:
    """A file's content."""
    file = Attachment(name="a", ref=ref)
    return b"".join([piece async for piece in fetching.fetch(api, file)])


@dataclass(kw_only=True, slots=True)
class Server:
    """Answers each path as it is told."""

    api: TwilioApi
    url: str
    answers: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    shown: list[tuple[str, str]] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer."""
        self.shown.append((request.raw_path, request.headers.get("Authorization", "")))
        status, location, body = self.answers.get(request.raw_path, (404, "", b""))
        headers: Mapping[str, str] = {"Location": location} if location else {}
        return web.Response(status=status, body=body, headers=headers)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async def handle(request: web.BaseRequest) -> web.Response:
        return await found.handle(request)

    served = RawTestServer(handle)
    await served.start_server()
    async with aiohttp.ClientSession() as http:
        url = str(served.make_url("")).rstrip("/")
        found = Server(api=TwilioApi(whatsapp(api_url=url), http, LOG), url=url)
        yield found
    await served.close()


@pytest.fixture(params=["whatsapp", "sms"])
async def twilio(request: pytest.FixtureRequest) -> AsyncIterator[Sender]:
    async with sender(request.param) as everything:
        yield everything


async def test_a_file_that_ann_sent(twilio: Sender) -> None:
    await twilio.simulator.send_file(
        CONTENT, "a.png", "image/png", person=twilio.ann, place=twilio.direct
    )
    await twilio.until(lambda: any("MediaUrl0" in form for form in twilio.arrived))
    url = twilio.arrived[-1]["MediaUrl0"]
    assert await fetched(twilio.api, url) == CONTENT
    path = "/" + url.split("/", 3)[3]
    assert await fetched(twilio.api, path) == CONTENT
    # The token went to Twilio, and not to where it keeps files.
    (called, *_) = twilio.simulator.calls("GetFile")
    assert called.parameters["authorized"] is False


async def test_a_file_that_was_sent_to_a_group(twilio: Sender) -> None:
    group = await twilio.group()
    await twilio.simulator.send_file(CONTENT, "a.png", "image/png", person=twilio.ann, place=group)
    await twilio.until(lambda: any("Media" in form for form in twilio.arrived))
    form = next(form for form in twilio.arrived if "Media" in form)

    (media,) = orjson.loads(form["Media"])
    ref = f"conv:{form['ConversationSid']}:{form['MessageSid']}:{media['Sid']}"
    assert await fetched(twilio.api, ref) == CONTENT
    (called, *_) = twilio.simulator.calls("GetFile")
    assert called.parameters["authorized"] is False
    gone = ref.replace(media["Sid"], "ME" + "9" * 32)
    with pytest.raises(LimitExceeded, match="no longer"):
        await fetched(twilio.api, gone)
    twilio.simulator.fail_next(Fault.SERVER_ERROR, method="FetchServiceMedia")
    with pytest.raises(Unavailable):
        await fetched(twilio.api, ref)
    twilio.simulator.fail_next(Fault.RATE_LIMIT, method="FetchServiceMedia", retry_after=7.0)
    with pytest.raises(Unavailable) as caught:
        await fetched(twilio.api, ref)
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    "ref", ["conv:", "conv:CH1:IM1", "conv:CH1:IM1:../../x", f"conv:{GROUP}:IM1:ME1:"]
)
async def test_a_reference_that_is_none(server: Server, ref: str) -> None:
    with pytest.raises(LimitExceeded):
        await fetched(server.api, ref)
    assert server.shown == []


async def test_redirects_are_followed_without_the_token(server: Server) -> None:
    server.answers = {
        "/m": (307, "/a?x=1", b""),
        "/a?x=1": (302, f"{server.url}/b", b""),
        "/b": (301, "c", b""),
        "/c": (200, "", CONTENT),
    }
    assert await fetched(server.api, "/m") == CONTENT
    assert server.shown == [("/m", BASIC), ("/a?x=1", ""), ("/b", ""), ("/c", "")]


async def test_not_more_than_three_of_them(server: Server) -> None:
    server.answers = {f"/{n}": (307, f"/{n + 1}", b"") for n in range(9)}
    with pytest.raises(LimitExceeded):
        await fetched(server.api, "/0")
    assert len(server.shown) == 4


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://127.0.0.1:9/x",
        "http://localhost/x",
        "https://api.twilio.com/x",
        "https://mms.twiliocdn.com/x",
        "https://s3-external-1.amazonaws.com/x",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "//evil.example/x",
        "https://[",
    ],
)
async def test_a_stand_in_leads_nowhere_else(server: Server, elsewhere: str) -> None:
    server.answers = {"/m": (307, elsewhere, b"")}
    with pytest.raises(LimitExceeded, match="not kept at Twilio"):
        await fetched(server.api, "/m")
    with pytest.raises(LimitExceeded, match="not kept at Twilio"):
        await fetched(server.api, elsewhere)
    assert server.shown == [("/m", BASIC)]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1", True),
        ("https://mms.twiliocdn.com/AC1/x?sig=1", True),
        ("https://media.us1.twilio.com/ME1?Expires=1", True),
        ("https://s3-external-1.amazonaws.com/media.twiliocdn.com/AC1/x", True),
        ("https://bucket.s3.amazonaws.com/x", True),
        ("https://s3.us-east-1.amazonaws.com/x", True),
        ("https://bucket.s3.us-east-1.amazonaws.com:443/x", True),
        ("http://mms.twiliocdn.com/x", False),
        ("https://mms.twiliocdn.com:8443/x", False),
        ("https://eviltwilio.com/x", False),
        ("https://twilio.com.evil.example/x", False),
        ("https://evil.example/twilio.com", False),
        ("https://user@api.twilio.com/x", False),
        ("https://ec2-1-2-3-4.compute.amazonaws.com/x", False),
        ("https://s3evil.amazonaws.com/x", False),
        ("https://api.twilio.com/x y", False),
        ("https://api.twilio.com/x\r\nHost: evil", False),
        ("ftp://api.twilio.com/x", False),
        ("", False),
    ],
)
async def test_where_twilio_keeps_files(url: str, kept: bool) -> None:
    async with aiohttp.ClientSession() as http:
        api = TwilioApi(whatsapp(), http, LOG)
        assert fetching._may_be_fetched(api, url) is kept


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, LimitExceeded),
        (410, LimitExceeded),
        (401, Unavailable),
        (403, Unavailable),
        (429, Unavailable),
        (500, Unavailable),
        (307, Unavailable),
        (204, Unavailable),
    ],
)
async def test_what_is_not_handed_out(server: Server, status: int, kind: type[Exception]) -> None:
    server.answers = {"/m": (status, "", b"")}
    with pytest.raises(kind):
        await fetched(server.api, "/m")


async def test_nobody_answers(server: Server) -> None:
    async with aiohttp.ClientSession() as http:
        api = TwilioApi(whatsapp(api_url="http://127.0.0.1:9"), http, LOG)
        with pytest.raises(Unavailable):
            await fetched(api, "/m")
