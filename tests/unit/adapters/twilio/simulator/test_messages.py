"""What the simulated Twilio makes of messages: what it refuses, and what becomes of the rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from adapters.twilio.simulator import Rates
from tests.unit.adapters.twilio.simulator.loopback import Clock, Loopback, loopback

DAY = 24 * 3600.0


@pytest.fixture
async def wa() -> AsyncIterator[Loopback]:
    async with loopback("whatsapp") as opened:
        await opened.met()
        yield opened


@pytest.fixture
async def sms() -> AsyncIterator[Loopback]:
    async with loopback("sms") as opened:
        yield opened


async def test_a_message_is_accepted_seen_and_told_of(wa: Loopback) -> None:
    status, answer = await wa.send("*hello*")
    assert (status, answer["status"], answer["date_sent"]) == (201, "queued", None)
    assert await wa.told(4) == ["queued", "sent", "delivered", "read"]
    (shown,) = wa.simulator.sent(wa.here)
    assert (shown.text, shown.message_id) == ("*hello*", answer["sid"])
    posted = wa.hook.posted[0]
    assert posted.path == "/status?delivery=d1"
    assert wa.valid(posted, f"{wa.hook.url}/status?delivery=d1")
    assert posted.form["MessageSid"] == answer["sid"]
    _, now = await wa.call("GET", f"{wa.account}/Messages/{answer['sid']}.json")
    assert (now["status"], now["direction"]) == ("read", "outbound-api")
    assert wa.simulator.sent()[0].account == wa.simulator.settings()["from"]
    assert wa.simulator.pings() == []


async def test_an_sms_is_not_read(sms: Loopback) -> None:
    await sms.send()
    assert await sms.told(3) == ["queued", "sent", "delivered"]
    await sms.send("no callback", StatusCallback="")
    await sms.simulator.wait_sent(2, sms.here)
    assert len(sms.hook.statuses()) == 3


async def test_callbacks_may_come_in_any_order() -> None:
    async with loopback(scramble_callbacks=True, reads=False) as wa:
        await wa.met()
        _, answer = await wa.send()
        assert await wa.told(3) == ["delivered", "sent", "queued"]
        _, now = await wa.call("GET", f"{wa.account}/Messages/{answer['sid']}.json")
        assert now["status"] == "delivered"


async def test_callbacks_may_take_their_time() -> None:
    async with loopback("sms", pace=0.03) as sms:
        began = asyncio.get_running_loop().time()
        await sms.send()
        assert await sms.told(3) == ["queued", "sent", "delivered"]
        assert asyncio.get_running_loop().time() - began >= 0.05
    async with loopback("sms", pace=60.0) as sms:
        _, answer = await sms.send()
        assert await sms.told(1) == ["queued"]
        _, now = await sms.call("GET", f"{sms.account}/Messages/{answer['sid']}.json")
        assert (now["status"], now["date_sent"]) == ("queued", None)


async def test_a_callback_is_tried_twice_and_then_forgotten(sms: Loopback) -> None:
    sms.hook.answers.extend(["reset", (503, "", "")])
    await sms.send()
    assert await sms.told(4) == ["queued", "queued", "sent", "delivered"]
    assert sms.simulator.lost() == []
    assert sms.simulator.debugger[0].code == 11200


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "Ann"}, 21211),
        ({"To": "whatsapp:Ann"}, 21211),
        ({"To": "+16660000001"}, 21910),
        ({"From": ""}, 21603),
        ({"From": "whatsapp:+15559999999"}, 63007),
        ({"From": "+15559999999"}, 21606),
        ({"Body": ""}, 21602),
        ({"Body": " \n"}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"MediaUrl": "ftp://example.org/a"}, 21620),
        ({"StatusCallback": "nowhere"}, 21609),
        ({"ContentVariables": "{}"}, 21654),
        ({"ContentSid": "HX" + "0" * 32}, 21655),
    ],
)
async def test_what_is_wrong_is_refused_by_number(
    wa: Loopback, fields: dict[str, str], code: int
) -> None:
    body = fields.pop("Body", "hello")
    assert await wa.code(body, **fields) == code
    assert list(wa.simulator.refusals) == [f"CreateMessage: {code}"]
    assert wa.simulator.sent() == []


async def test_the_longest_message_is_taken(wa: Loopback) -> None:
    assert (await wa.send("x" * 1600))[0] == 201
    assert await wa.code("👋" * 1601) == 21617


async def test_a_token_or_an_account_that_is_not_ours(wa: Loopback) -> None:
    path = f"{wa.account}/Messages.json"
    for headers in ({"Authorization": "Basic QUM6eA=="}, {"Authorization": "Bearer x"}):
        status, answer = await wa.call("GET", path, headers=headers)
        assert (status, answer["code"]) == (401, 20003)
    status, answer = await wa.call("GET", f"/2010-04-01/Accounts/AC{'9' * 32}/Messages.json")
    assert (status, answer["code"]) == (404, 20404)
    assert (await wa.call("GET", "/nowhere"))[0] == 404
    wa.simulator.refuse(20003)
    assert await wa.code() == 20003
    wa.simulator.refuse(0)
    assert (await wa.send())[0] == 201
    wa.simulator.suspend()
    assert await wa.code() == 20005
    assert (await wa.call("GET", f"{wa.account}.json"))[1]["status"] == "suspended"


# Who gets it


async def failed(tw: Loopback, body: str = "hello", **fields: str) -> str:
    """Send what is accepted and fails; the code that the callback names."""
    status, answer = await tw.send(body, **fields)
    assert status == 201, answer
    await tw.until(lambda: len(_of(tw, answer["sid"])) >= 2)
    last = _of(tw, answer["sid"])[-1]
    assert last["MessageStatus"] in {"failed", "undelivered"}
    assert answer["sid"] not in {message.message_id for message in tw.simulator.sent()}
    code = int(last["ErrorCode"])
    assert tw.simulator.failed()[-1] == (answer["sid"], code)
    _, now = await tw.call("GET", f"{tw.account}/Messages/{answer['sid']}.json")
    assert (now["status"], now["error_code"]) == (last["MessageStatus"], code)
    return last["ErrorCode"]


def _of(tw: Loopback, sid: str) -> list[dict[str, str]]:
    return [form for form in tw.hook.forms("/status") if form["MessageSid"] == sid]


async def test_whatsapp_is_open_for_a_day_after_somebody_wrote() -> None:
    clock = Clock()
    async with loopback(clock=clock) as wa:
        assert await failed(wa) == "63016"
        await wa.met()
        clock.now += DAY - 1
        assert (await wa.send("in time"))[0] == 201
        await wa.simulator.wait_sent(1, wa.here)
        clock.now += 1
        assert await failed(wa) == "63016"
        await wa.simulator.say("here again", person=wa.ann, place=wa.here)
        assert (await wa.send("open again"))[0] == 201
        await wa.simulator.wait_sent(2, wa.here)
        wa.simulator.pass_time(DAY, wa.here)
        assert await failed(wa) == "63016"
        with pytest.raises(TimeoutError, match="63016"):
            await wa.simulator.wait_sent(9, wa.here, timeout=0.01)


async def test_sms_is_always_open(sms: Loopback) -> None:
    assert (await sms.send("out of the blue"))[0] == 201
    await sms.simulator.wait_sent(1, sms.here)


async def test_what_whatsapp_approved_may_come_at_any_time(wa: Loopback) -> None:
    sid = wa.simulator.add_template("Ann, {{1}} awaits you", {"1": "an answer"})
    other = wa.simulator.add_template("plain {{1}}", {"1": "x"}, approved=False)
    wa.simulator.pass_time(DAY, wa.here)
    await wa.send("", ContentSid=sid, ContentVariables=json.dumps({"1": "tea"}))
    (shown,) = await wa.simulator.wait_sent(1, wa.here)
    assert shown.text == "Ann, tea awaits you"
    assert await failed(wa, "", ContentSid=other) == "63016"
    for spaced in ("two\nlines", "tab\tbed", "many     blanks"):
        variables = json.dumps({"1": spaced})
        assert await failed(wa, "", ContentSid=sid, ContentVariables=variables) == "63013"
    for bad in ("no", "[1]", '{"1": 2}', '{"1": ""}'):
        assert await wa.code("", ContentSid=sid, ContentVariables=bad) == 21656


async def test_who_is_not_there_gets_nothing(wa: Loopback, sms: Loopback) -> None:
    assert await failed(wa, To="whatsapp:+19998887777") == "63024"
    assert await failed(sms, To="+19998887777") == "30003"
    for tw, code in ((wa, "63024"), (sms, "30003")):
        tw.simulator.leave(tw.ann)
        assert await failed(tw) == code
        tw.simulator.leave(tw.ann, on=False)
        assert (await tw.send())[0] == 201


async def test_the_sandbox_has_to_be_joined(wa: Loopback) -> None:
    sandbox = wa.simulator.add_number("+14155238886", url=f"{wa.hook.url}/wa")
    assert sandbox == "whatsapp:+14155238886"
    here = wa.simulator.place("direct", people=[wa.ann], account=sandbox)
    await wa.simulator.say("hi", person=wa.ann, place=here)
    assert await failed(wa, From=sandbox) == "63015"
    await wa.simulator.say("join two-words", person=wa.ann, place=here)
    await wa.send(From=sandbox)
    await wa.simulator.wait_sent(1, here)
    bob = wa.simulator.person("Bob")
    wa.simulator.join(bob, account=sandbox)
    there = wa.simulator.place("direct", people=[bob], account=sandbox)
    await wa.simulator.say("hi", person=bob, place=there)
    await wa.send(To=bob.id, From=sandbox)
    await wa.simulator.wait_sent(1, there)


async def test_too_much_at_once() -> None:
    clock = Clock()
    rates = Rates(posts_per_second=1, post_burst=3, pair_every=6, pair_burst=2)
    async with loopback(rates=rates, clock=clock) as wa:
        await wa.met()
        for _ in range(2):
            assert (await wa.send())[0] == 201
        await wa.simulator.wait_sent(2, wa.here)
        assert await failed(wa) == "63018"
        status, answer = await wa.send()
        assert (status, answer["code"]) == (429, 20429)
        clock.now += 6
        await wa.send()
        await wa.simulator.wait_sent(3, wa.here)
        sandbox = wa.simulator.add_number("+14155238886")
        assert (await wa.send(From=sandbox))[0] == 201
        assert await wa.code(From=sandbox) == 63018


# Media


async def test_media_is_fetched_when_it_was_accepted(wa: Loopback) -> None:
    wa.hook.files["/r.jpg"] = (b"rose", "image/jpeg")
    status, answer = await wa.send("look", MediaUrl=f"{wa.hook.url}/r.jpg")
    assert (status, answer["num_media"], answer["sid"][:2]) == (201, "1", "MM")
    (shown,) = await wa.simulator.wait_sent(1, wa.here)
    assert shown.text == "look"
    (file,) = shown.files
    assert (file.name, file.media_type, file.content) == ("r.jpg", "image/jpeg", b"rose")


async def test_or_before() -> None:
    async with loopback(media_first=True) as wa:
        await wa.met()
        wa.hook.files["/r.jpg"] = (b"rose", "image/jpeg")
        await wa.send("", MediaUrl=f"{wa.hook.url}/r.jpg")
        assert wa.simulator.sent(wa.here)[0].files[0].content == b"rose"
        status, answer = await wa.send("", MediaUrl=f"{wa.hook.url}/none")
        assert (status, answer["status"], answer["error_code"]) == (201, "queued", None)
        assert wa.simulator.failed() == [(answer["sid"], 63019)]


@pytest.mark.parametrize(
    ("kind", "content", "media_type", "code"),
    [
        ("whatsapp", b"", "", "63019"),
        ("sms", b"", "", "11200"),
        ("whatsapp", b"a", "application/octet-stream", "63005"),
        ("sms", b"a", "application/octet-stream", "12300"),
        ("whatsapp", b"a" * (5 * 2**20 + 1), "image/png", "63019"),
        ("sms", b"a" * (5 * 2**20 + 1), "image/png", "11751"),
    ],
)
async def test_media_that_cannot_be_sent(
    kind: str, content: bytes, media_type: str, code: str
) -> None:
    async with loopback(kind) as tw:
        await tw.met()
        if media_type:
            tw.hook.files["/file"] = (content, media_type)
        assert await failed(tw, "", MediaUrl=f"{tw.hook.url}/file") == code


async def test_media_that_is_out_of_reach(wa: Loopback) -> None:
    assert await failed(wa, "", MediaUrl="http://127.0.0.1:1/r.jpg") == "63019"
    wa.hook.files["/r.jpg"] = (b"rose", "image/jpeg")
    wa.simulator.break_media()
    assert await failed(wa, "", MediaUrl=f"{wa.hook.url}/r.jpg") == "63019"
    wa.simulator.break_media(on=False)
    await wa.send("", MediaUrl=f"{wa.hook.url}/r.jpg")
    await wa.simulator.wait_sent(1, wa.here)
    form = [("To", wa.ann.id), ("From", wa.simulator.settings()["from"])]
    urls = [("MediaUrl", f"{wa.hook.url}/{name}") for name in ("a", "b")]
    status, answer = await wa.call("POST", f"{wa.account}/Messages.json", [*form, *urls])
    assert (status, answer["code"]) == (400, 21623)


# Lists


async def listed(tw: Loopback, **query: str) -> list[Any]:
    """The messages that a list has."""
    spelled = "&".join(f"{quote(name)}={quote(value)}" for name, value in query.items())
    status, answer = await tw.call("GET", f"{tw.account}/Messages.json?{spelled}")
    assert status == 200, answer
    return [message["body"] for message in answer["messages"]]


async def test_lists_are_by_ends_and_by_day() -> None:
    clock = Clock()
    async with loopback(clock=clock) as wa:
        bob = wa.simulator.person("Bob")
        there = wa.simulator.place("direct", people=[bob])
        ours = wa.simulator.settings()["from"]
        await wa.simulator.say("a1", person=wa.ann, place=wa.here)
        await wa.simulator.say("b1", person=bob, place=there)
        await wa.send("to a")
        clock.now += DAY
        await wa.simulator.say("a2", person=wa.ann, place=wa.here)
        assert await listed(wa) == ["a2", "to a", "b1", "a1"]
        assert await listed(wa, To=ours) == ["a2", "b1", "a1"]
        assert await listed(wa, From=wa.ann.id) == ["a2", "a1"]
        assert await listed(wa, From=ours, To=wa.ann.id) == ["to a"]
        assert await listed(wa, **{"DateSent>": "2027-01-16"}) == ["a2"]
        assert await listed(wa, **{"DateSent>": "2027-01-16T23:59:59Z"}) == ["a2"]
        assert await listed(wa, **{"DateSent<": "2027-01-15"}) == ["to a", "b1", "a1"]
        assert await listed(wa, DateSent="2027-01-15", To=ours) == ["b1", "a1"]
        hidden = wa.simulator.set_privacy(wa.ann, "hidden")
        assert await listed(wa, From=hidden.id) == ["a2", "a1"]
        _, answer = await wa.call("GET", f"{wa.account}/Messages.json?DateSent=soon")
        assert answer["code"] == 20001


async def test_lists_have_pages_that_stay_what_they_are(sms: Loopback) -> None:
    for number in range(5):
        await sms.simulator.say(f"m{number}", person=sms.ann, place=sms.here)
    path = f"{sms.account}/Messages.json?PageSize=2"
    seen: list[str] = []
    while path:
        _, answer = await sms.call("GET", path)
        seen += [message["body"] for message in answer["messages"]]
        path = answer["next_page_uri"]
        await sms.simulator.say("new", person=sms.ann, place=sms.here)
    assert seen == ["m4", "m3", "m2", "m1", "m0"]
    _, answer = await sms.call("GET", f"{sms.account}/Messages.json?PageSize=many")
    assert answer["code"] == 20001


async def test_a_message_can_be_deleted(sms: Loopback) -> None:
    sid = await sms.simulator.say("m", person=sms.ann, place=sms.here)
    assert await sms.call("DELETE", f"{sms.account}/Messages/{sid}.json") == (204, None)
    assert await listed(sms) == []
    status, answer = await sms.call("GET", f"{sms.account}/Messages/{sid}.json")
    assert (status, answer["code"]) == (404, 20404)


# The account


async def test_numbers_and_senders(wa: Loopback, sms: Loopback) -> None:
    short = sms.simulator.add_number("12345", url="https://example.org/short")
    sandbox = wa.simulator.add_number("+14155238886")
    sms.simulator.configure(texts=False)
    ours = sms.simulator.settings()["from"]
    path = f"{sms.account}/IncomingPhoneNumbers.json?PhoneNumber={quote(ours)}"
    _, answer = await sms.call("GET", path)
    (number,) = answer["incoming_phone_numbers"]
    assert (number["phone_number"], number["sms_url"]) == (ours, f"{sms.hook.url}/wa")
    assert number["capabilities"]["sms"] is False
    _, answer = await sms.call("GET", f"{sms.account}/SMS/ShortCodes.json?ShortCode=12345")
    assert [each["short_code"] for each in answer["short_codes"]] == [short]
    wa.simulator.configure(status="OFFLINE")
    _, answer = await wa.call("GET", "/v2/Channels/Senders?Channel=whatsapp")
    (sender,) = answer["senders"]
    assert (sender["sender_id"], sender["status"]) == (wa.simulator.settings()["from"], "OFFLINE")
    assert sender["webhook"]["callback_url"] == f"{wa.hook.url}/wa"
    assert sandbox not in str(answer)
    assert (await wa.call("GET", "/v2/Channels/Senders"))[0] == 400


async def test_typing_is_for_what_somebody_wrote_on_whatsapp(wa: Loopback, sms: Loopback) -> None:
    path = "/v2/Indicators/Typing.json"
    sid = await wa.simulator.say("hi", person=wa.ann, place=wa.here)
    form = {"channel": "whatsapp", "messageId": sid}
    assert await wa.call("POST", path, form) == (200, {"success": True})
    assert wa.simulator.typing(wa.here) == 1
    _, mine = await wa.send()
    for wrong in ({"messageId": mine["sid"]}, {"channel": "sms"}, {"messageId": "SM1"}):
        assert (await wa.call("POST", path, {**form, **wrong}))[0] >= 400
    text = await sms.simulator.say("hi", person=sms.ann, place=sms.here)
    assert (await sms.call("POST", path, {**form, "messageId": text}))[0] == 400
    assert wa.simulator.typing(wa.here) == 1
