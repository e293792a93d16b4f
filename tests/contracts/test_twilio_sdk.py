"""The simulated Twilio is one that Twilio's own library for Python can work with."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.content.v1.content import ContentList

from adapters.twilio.simulator import TwilioSimulator
from gateway.testing.simulator import Fault, SimulatedPerson, SimulatedPlace
from tests.unit.adapters.twilio.simulator.loopback import Loopback, loopback


class OnLoopback(AsyncTwilioHttpClient):  # type: ignore[misc]
    """Calls one address instead of all of Twilio's; the library knows no other way."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    async def request(self, method: str, url: str, *args: Any, **more: Any) -> Response:
        """As it would be, somewhere else."""
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        params, data, headers, auth = (*args, *(None,) * (4 - len(args)))[:4]
        params, data = more.get("params", params), more.get("data", data)
        headers, auth = more.get("headers", headers), more.get("auth", auth)
        proof = base64.b64encode(":".join(auth or ()).encode()).decode()
        headers = {**(headers or {}), "Authorization": f"Basic {proof}"}
        is_json = "json" in str(headers.get("Content-Type"))
        assert self.session is not None
        # Its own way to hand credentials over is one that aiohttp gives up.
        async with self.session.request(
            method,
            f"{self._base_url}{parts.path}{query}",
            params={key: str(value) for key, value in (params or {}).items()},
            json=data if is_json else None,
            data=None if is_json else _pairs(data or {}),
            headers=headers,
            allow_redirects=False,
        ) as response:
            return Response(response.status, await response.text(), response.headers)


def _pairs(data: dict[str, Any]) -> list[tuple[str, str]]:
    """A form's fields: a list is one of the same name each."""
    return [
        (name, str(each))
        for name, value in data.items()
        for each in (value if isinstance(value, list) else [value])
    ]


@asynccontextmanager
async def client_of(simulator: TwilioSimulator) -> AsyncIterator[Client]:
    """The library, with the account's credentials."""
    settings = simulator.settings()
    http = OnLoopback(simulator.url)
    try:
        yield Client(settings["account_sid"], settings["auth_token"], http_client=http)
    finally:
        await http.close()


@pytest.fixture(params=["whatsapp", "sms"])
async def tw(request: pytest.FixtureRequest) -> AsyncIterator[Loopback]:
    async with loopback(request.param) as opened:
        await opened.met()
        yield opened


async def send(tw: Loopback, client: Client, body: str = "hello", **more: Any) -> Any:
    """Send a message to Ann."""
    return await client.messages.create_async(
        to=tw.ann.id, from_=tw.simulator.settings()["from"], body=body, **more
    )


async def test_messages(tw: Loopback) -> None:
    async with client_of(tw.simulator) as client:
        callback = f"{tw.hook.url}/status?delivery=d1"
        sent = await send(tw, client, status_callback=callback)
        assert (sent.status, sent.body, sent.direction) == ("queued", "hello", "outbound-api")
        assert sent.date_sent is None
        await tw.told(3)
        assert all(tw.valid(posted, callback) for posted in tw.hook.posted)
        found = await client.messages(sent.sid).fetch_async()
        assert (found.to, found.error_code) == (tw.ann.id, None)
        assert found.date_sent is not None
        assert abs(datetime.now(UTC) - found.date_sent) < timedelta(minutes=1)
        heard = await client.messages.list_async(
            to=tw.simulator.settings()["from"], date_sent_after=found.date_sent
        )
        assert [(each.direction, each.from_) for each in heard] == [("inbound", tw.ann.id)]
        for number in range(5):
            await send(tw, client, f"m{number}")
        everything = await client.messages.list_async(page_size=2)
        assert [each.body for each in everything] == [
            *(f"m{number}" for number in reversed(range(5))),
            "hello",
            "hello",
        ]
        assert len(await client.messages.list_async(limit=3)) == 3
        assert await client.messages(sent.sid).delete_async()


async def test_media(tw: Loopback) -> None:
    tw.hook.files["/r.jpg"] = (b"rose", "image/jpeg")
    async with client_of(tw.simulator) as client:
        await send(tw, client, "look", media_url=[f"{tw.hook.url}/r.jpg"])
        (shown,) = await tw.simulator.wait_sent(1, tw.here)
        assert shown.files[0].content == b"rose"
        sid = await tw.simulator.send_file(b"a", "a", "image/png", person=tw.ann, place=tw.here)
        (media,) = await client.messages(sid).media.list_async()
        assert media.content_type == "image/png"
        assert (await client.messages(sid).media(media.sid).fetch_async()).parent_sid == sid
        url = f"{tw.simulator.url}{media.uri.removesuffix('.json')}"
        async with tw.http.get(url, headers=tw.headers) as response:
            assert await response.read() == b"a"


async def test_refusals(tw: Loopback) -> None:
    async with client_of(tw.simulator) as client:
        with pytest.raises(TwilioRestException) as raised:
            await send(tw, client, "x" * 1601)
        assert (raised.value.code, raised.value.status) == (21617, 400)
        tw.simulator.fail_next(Fault.RATE_LIMIT)
        with pytest.raises(TwilioRestException) as raised:
            await send(tw, client)
        assert (raised.value.code, raised.value.status) == (20429, 429)
        tw.simulator.refuse(20003)
        with pytest.raises(TwilioRestException) as raised:
            await client.api.v2010.accounts(client.account_sid).fetch_async()
        assert raised.value.code == 20003


async def test_the_account(tw: Loopback) -> None:
    ours = tw.simulator.settings()["from"]
    async with client_of(tw.simulator) as client:
        account = await client.api.v2010.accounts(client.account_sid).fetch_async()
        assert (account.sid, account.status) == (client.account_sid, "active")
        bare = ours.removeprefix("whatsapp:")
        (number,) = await client.incoming_phone_numbers.list_async(phone_number=bare)
        assert (number.phone_number, number.sms_url) == (bare, f"{tw.hook.url}/wa")
        senders = await client.messaging.v2.channels_senders.list_async(channel="whatsapp")
        expected = [ours] if tw.simulator.kind == "whatsapp" else []
        assert [sender.sender_id for sender in senders] == expected


def the_group(tw: Loopback) -> tuple[SimulatedPerson, SimulatedPlace]:
    """Somebody else, and their direct place."""
    bob = tw.simulator.person("Bob")
    return bob, tw.simulator.place("direct", people=[bob])


async def test_conversations(tw: Loopback) -> None:
    bob, _ = the_group(tw)
    ours = tw.simulator.settings()["from"]
    async with client_of(tw.simulator) as client:
        conversations = client.conversations.v1.conversations
        talk = await conversations.create_async(friendly_name="Team", unique_name="team")
        here = conversations(talk.sid)
        if tw.simulator.kind == "sms":
            await here.participants.create_async(
                identity="chat-gateway", messaging_binding_projected_address=ours
            )
        for person in (tw.ann, bob):
            proxy = {"messaging_binding_proxy_address": ours}
            await here.participants.create_async(
                messaging_binding_address=person.id,
                **(proxy if tw.simulator.kind == "whatsapp" else {}),
            )
        url = f"{tw.hook.url}/group"
        await here.webhooks.create_async(
            target="webhook",
            configuration_url=url,
            configuration_method="POST",
            configuration_filters=["onMessageAdded", "onMessageRemoved"],
        )
        group = SimulatedPlace(kind="group", id=str(talk.sid), account=ours)
        key = await tw.simulator.say("hi all", person=bob, place=group)
        await tw.taken()
        assert tw.valid(tw.hook.posted[-1], url)
        said = await here.messages.create_async(
            author="chat-gateway", body="hello", attributes='{"delivery": "d1"}'
        )
        newest = await here.messages.list_async(order="desc", limit=2)
        assert [(each.index, each.body, each.author) for each in newest] == [
            (1, "hello", "chat-gateway"),
            (0, "hi all", bob.id),
        ]
        assert f"{talk.sid}:{newest[1].sid}" == key
        assert [message.message_id for message in tw.simulator.sent(group)] == [said.sid]
        assert len(await here.participants.list_async()) == 2 + (tw.simulator.kind == "sms")
        assert [each.target for each in await here.webhooks.list_async()] == ["webhook"]
        mine = await client.conversations.v1.participant_conversations.list_async(address=tw.ann.id)
        assert [each.conversation_sid for each in mine] == [talk.sid]
        scoped = client.conversations.v1.services(str(talk.chat_service_sid))
        assert [each.sid for each in await scoped.conversations.list_async()] == [talk.sid]
        await here.update_async(state="closed")
        assert await here.delete_async()


async def test_contents() -> None:
    async with loopback("whatsapp") as tw, client_of(tw.simulator) as client:
        await tw.met()
        action = {"type": "QUICK_REPLY", "title": "{{2}}", "id": "q:1:0"}
        request = ContentList.ContentCreateRequest(
            {
                "friendly_name": "q",
                "language": "en",
                "variables": {"1": "Tea?"},
                "types": {"twilio/quick-reply": {"body": "{{1}}", "actions": [action]}},
            }
        )
        content = await client.content.v1.contents.create_async(request)
        assert [each.sid for each in await client.content.v1.contents.list_async()] == [content.sid]
        await client.messages.create_async(
            to=tw.ann.id,
            from_=tw.simulator.settings()["from"],
            content_sid=content.sid,
            content_variables='{"2": "Yes"}',
        )
        (question,) = await tw.simulator.wait_sent(1, tw.here)
        assert (question.text, question.buttons) == ("Tea?", ("Yes",))
        await tw.simulator.press("Yes", person=tw.ann, place=tw.here)
        await tw.taken()
        assert tw.hook.forms()[-1]["ButtonPayload"] == "q:1:0"
        assert await client.content.v1.contents(str(content.sid)).delete_async()


async def test_typing() -> None:
    async with loopback("whatsapp") as tw, client_of(tw.simulator) as client:
        sid = await tw.simulator.say("hi", person=tw.ann, place=tw.here)
        shown = await client.messaging.v2.typing_indicator.create_async(
            channel="whatsapp", message_id=sid
        )
        assert shown.success is True
        assert tw.simulator.typing(tw.here) == 1


async def test_webhooks_are_valid_and_nothing_else_is(tw: Loopback) -> None:
    url = f"{tw.hook.url}/wa?of=%C3%BC&x="
    tw.simulator.webhook_url("", url)
    await tw.simulator.say("Grüße 👋🏽\n&=+%", person=tw.ann, place=tw.here)
    await tw.taken()
    (posted,) = tw.hook.posted
    assert tw.valid(posted, url)
    assert not tw.valid(posted, f"{url}y")
    posted.form["Extra"] = ""
    assert not tw.valid(posted, url)


async def test_calls_at_the_same_time_do_not_mix(tw: Loopback) -> None:
    async with client_of(tw.simulator) as client:
        texts = [f"number {number}" for number in range(10)]
        sent = await asyncio.gather(*(send(tw, client, text) for text in texts))
        assert [message.body for message in sent] == texts
        tw.simulator.fail_next(Fault.RESET)
        with pytest.raises(aiohttp.ClientError):
            await send(tw, client)
