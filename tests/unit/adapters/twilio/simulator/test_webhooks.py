"""How the simulated Twilio posts: signed, patient for so long, and once more at the most."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.twilio.simulator import Notice, Patience
from gateway.testing.simulator import SimulatedPlace
from tests.unit.adapters.twilio.simulator.loopback import Answer, Loopback, loopback

QUICK = Patience(answer_within=0.3)


@pytest.fixture
async def patient() -> AsyncIterator[Loopback]:
    async with loopback("whatsapp", patience=Patience(conversations_within=0.3)) as opened:
        yield opened


@pytest.fixture
async def wa() -> AsyncIterator[Loopback]:
    async with loopback("whatsapp", patience=QUICK) as opened:
        yield opened


async def said(tw: Loopback, *answers: Answer, place: SimulatedPlace | None = None) -> str:
    """Let Ann say something, and wait until Twilio is done with it."""
    tw.hook.posted.clear()
    tw.hook.answers.extend(answers)
    key = await tw.simulator.say("hello", person=tw.ann, place=place or tw.here)
    await tw.taken()
    return key


async def test_twilio_s_own_library_takes_the_signature(wa: Loopback) -> None:
    url = f"{wa.hook.url}/wa?x=1&y=%C3%BC"
    wa.simulator.webhook_url("", url)
    await said(wa)
    (posted,) = wa.hook.posted
    assert wa.valid(posted, url)
    assert not wa.valid(posted, f"{wa.hook.url}/wa")
    posted.form["Body"] = "forged"
    assert not wa.valid(posted, url)
    assert posted.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    form = {"Body": "hi"}
    headers = wa.simulator.signed(url, form)
    async with wa.http.post(url, data=form, headers=headers) as response:
        assert response.status == 200
    assert wa.valid(wa.hook.posted[-1], url)


async def test_a_lost_connection_is_tried_once_more(wa: Loopback) -> None:
    key = await said(wa, "reset")
    first, second = wa.hook.posted
    assert first.form == second.form
    name = "I-Twilio-Idempotency-Token"
    assert first.headers[name] == second.headers[name]
    assert wa.simulator.lost() == []
    await said(wa)
    assert wa.hook.posted[0].headers[name] != first.headers[name]
    assert key not in wa.simulator.unacknowledged()
    assert len(wa.simulator.ack_times()) == 2


@pytest.mark.parametrize(
    ("answers", "posts", "code"),
    [
        (["reset", "reset"], 2, 11205),
        ([(503, "", "")], 1, 11200),
        ([(404, "", "")], 1, 11200),
        ([(302, "", "")], 1, 11200),
        (["silence"], 1, 11200),
    ],
)
async def test_what_is_given_up_only_the_api_has(
    wa: Loopback, answers: list[Answer], posts: int, code: int
) -> None:
    key = await said(wa, *answers)
    assert len(wa.hook.posted) == posts
    assert wa.simulator.lost() == wa.simulator.missing() == [key]
    assert wa.simulator.debugger == [Notice(code=code, url=f"{wa.hook.url}/wa", key=key)]
    _, listed = await wa.call("GET", f"{wa.account}/Messages.json")
    assert [message["sid"] for message in listed["messages"]] == [key]
    assert wa.simulator.missing() == []
    assert wa.simulator.lost() == [key]


async def test_an_address_may_ask_for_more(wa: Loopback) -> None:
    wa.simulator.webhook_url("", f"{wa.hook.url}/wa#rc=3&rp=5xx,rt")
    await said(wa, (503, "", ""), (500, "", ""))
    assert [each.path for each in wa.hook.posted] == ["/wa"] * 3
    assert wa.valid(wa.hook.posted[0], f"{wa.hook.url}/wa")
    assert wa.simulator.lost() == []
    await said(wa, "silence")
    assert len(wa.hook.posted) == 2
    assert await said(wa, "reset") in wa.simulator.lost()
    wa.simulator.webhook_url("", f"{wa.hook.url}/wa#rc=0")
    assert await said(wa, "reset") in wa.simulator.lost()
    assert len(wa.hook.posted) == 1


async def test_conversations_wait_less_and_count(patient: Loopback) -> None:
    group = patient.simulator.place("group", people=[patient.ann, patient.simulator.person("Bob")])
    await said(patient, "reset", place=group)
    assert [form["RetryCount"] for form in patient.hook.forms()] == ["0", "1"]
    assert all(patient.valid(posted, f"{patient.hook.url}/wa") for posted in patient.hook.posted)
    # A message would wait for fifteen seconds.
    key = await said(patient, "silence", place=group)
    assert patient.simulator.missing() == [key]
    await patient.call("GET", f"/v1/Conversations/{group.id}/Messages")
    assert patient.simulator.missing() == []


async def test_nobody_is_acknowledged_before_the_answer(patient: Loopback) -> None:
    patient.hook.answers.append("silence")
    key = await patient.simulator.say("hello", person=patient.ann, place=patient.here)
    await patient.until(lambda: bool(patient.hook.posted))
    assert patient.simulator.unacknowledged() == [key]
    later = await patient.simulator.say("again", person=patient.ann, place=patient.here)
    assert patient.simulator.unacknowledged() == [key, later]
    await patient.simulator.disconnect()
    await patient.taken()
    assert [form["MessageSid"] for form in patient.hook.forms()] == [key, key, later]


# Answers


async def test_what_the_answer_says_is_sent(wa: Loopback) -> None:
    twiml = (
        "<Response><Message>You &amp; me</Message><Message><Body> two </Body></Message></Response>"
    )
    await said(wa, (200, twiml, "text/xml"))
    assert [message.text for message in wa.simulator.sent(wa.here)] == ["You & me", "two"]
    _, listed = await wa.call("GET", f"{wa.account}/Messages.json?To=whatsapp:%2B1")
    assert listed["messages"] == []
    await said(wa, (200, "ok", "text/plain"))
    assert wa.simulator.sent()[-1].text == "ok"
    await said(wa, (204, "", ""))
    assert len(wa.simulator.sent()) == 3
    assert wa.simulator.debugger == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((200, "<Response><Message>", "text/xml"), 12100),
        ((200, "<Answer><Message>a</Message></Answer>", "text/xml"), 12100),
        ((200, '{"a": 1}', "application/json"), 12300),
        ((200, "<p>hi</p>", "text/html"), 12300),
    ],
)
async def test_what_cannot_be_read_goes_to_the_log(wa: Loopback, answer: Answer, code: int) -> None:
    await said(wa, answer)
    assert [notice.code for notice in wa.simulator.debugger] == [code]
    assert wa.simulator.sent() == []
    assert wa.simulator.lost() == []


async def test_who_opted_out_gets_no_answer_either() -> None:
    async with loopback("sms") as sms:
        twiml = "<Response><Message>Sorry to see you go</Message></Response>"
        sms.hook.answers.append((200, twiml, "text/xml"))
        await sms.simulator.say("STOP", person=sms.ann, place=sms.here)
        await sms.taken()
        assert sms.simulator.sent() == []


# On the way


async def test_what_is_dropped_was_never_posted(wa: Loopback) -> None:
    wa.simulator.drop(2)
    keys = [await said(wa), await said(wa)]
    assert wa.hook.posted == []
    assert wa.simulator.missing() == keys
    await said(wa)
    assert len(wa.hook.posted) == 1


async def test_nothing_is_posted_during_an_outage(wa: Loopback) -> None:
    await wa.simulator.outage(True)
    keys = [await wa.simulator.say(text, person=wa.ann, place=wa.here) for text in ("a", "b")]
    await asyncio.sleep(0.02)
    assert wa.simulator.unacknowledged() == keys
    assert wa.hook.posted == []
    await wa.simulator.outage(False)
    await wa.taken()
    assert [form["Body"] for form in wa.hook.forms()] == ["a", "b"]


async def test_a_broken_connection_counts_as_one(patient: Loopback) -> None:
    patient.hook.answers.append("silence")
    key = await patient.simulator.say("hello", person=patient.ann, place=patient.here)
    behind = await patient.simulator.say("again", person=patient.ann, place=patient.here)
    await patient.until(lambda: bool(patient.hook.posted))
    patient.hook.answers.append("silence")
    await patient.simulator.disconnect()
    await patient.until(lambda: len(patient.hook.posted) == 2)
    patient.hook.answers.append("silence")
    await patient.simulator.disconnect()
    await patient.until(lambda: len(patient.hook.posted) == 3)
    await patient.simulator.disconnect()
    await patient.taken()
    assert [form["MessageSid"] for form in patient.hook.forms()] == [key, key, behind, behind]
    assert patient.simulator.lost() == [key]


async def test_what_was_told_can_be_told_again(wa: Loopback) -> None:
    key = await said(wa)
    wa.simulator.redeliver(key)
    await wa.taken()
    first, second = wa.hook.posted
    assert first.form == second.form
    name = "I-Twilio-Idempotency-Token"
    assert first.headers[name] != second.headers[name]
    with pytest.raises(LookupError):
        wa.simulator.redeliver("SM0")


async def test_before_there_is_an_address_nothing_is_lost() -> None:
    async with loopback() as wa:
        wa.simulator.webhook_url("", "")
        assert not await wa.simulator.verify()
        await wa.simulator.say("early", person=wa.ann, place=wa.here)
        group = wa.simulator.place("group", people=[wa.simulator.person("Bob")])
        assert len(wa.simulator.unacknowledged()) == 1
        wa.simulator.webhook_url("", f"{wa.hook.url}/wa")
        await wa.taken()
        assert wa.hook.forms()[0]["Body"] == "early"
        assert await wa.simulator.verify()
        assert wa.valid(wa.hook.posted[-1], f"{wa.hook.url}/wa")
        wa.hook.answers.append((503, "", ""))
        assert not await wa.simulator.verify()
        assert group.kind == "group"


async def test_several_numbers_of_one_account() -> None:
    async with loopback() as wa:
        second = wa.simulator.add_number("whatsapp:+15550003333", url=f"{wa.hook.url}/second")
        here = wa.simulator.place("direct", people=[wa.ann], account=second)
        await wa.simulator.say("to the second", person=wa.ann, place=here)
        await wa.simulator.say("to the first", person=wa.ann, place=wa.here)
        await wa.taken()
        assert wa.hook.forms("/second")[0]["To"] == second == "whatsapp:+15550003333"
        first, other = wa.simulator.settings(), wa.simulator.settings(second)
        assert first["account_sid"] == other["account_sid"]
        assert first["from"] != other["from"] == second
        await wa.send("from the second", From=second)
        assert [message.text for message in wa.simulator.sent(here)] == ["from the second"]
        assert wa.simulator.sent(wa.here) == []
