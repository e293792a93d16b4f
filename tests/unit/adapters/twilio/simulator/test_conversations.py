"""Conversations on the simulated Twilio: who may be in them, and who sees what is said."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.testing.simulator import SimulatedPerson
from tests.unit.adapters.twilio.simulator.loopback import Clock, Loopback, loopback

ROOT = "/v1/Conversations"
ADDRESS, PROXY = "MessagingBinding.Address", "MessagingBinding.ProxyAddress"
PROJECTED = "MessagingBinding.ProjectedAddress"


@pytest.fixture
async def wa() -> AsyncIterator[Loopback]:
    async with loopback("whatsapp") as opened:
        yield opened


@pytest.fixture
async def sms() -> AsyncIterator[Loopback]:
    async with loopback("sms") as opened:
        yield opened


async def made(tw: Loopback, **fields: str) -> str:
    """A new conversation's path."""
    status, answer = await tw.call("POST", ROOT, fields)
    assert status == 201, answer
    return f"{ROOT}/{answer['sid']}"


async def refused(tw: Loopback, path: str, **fields: str) -> tuple[int, int]:
    """A call that is refused: HTTP's status and Twilio's number."""
    status, answer = await tw.call(
        "POST", path, {k.replace("_", "."): v for k, v in fields.items()}
    )
    assert status >= 400, answer
    return status, answer["code"]


async def join(tw: Loopback, path: str, person: SimulatedPerson) -> tuple[int, Any]:
    form = {ADDRESS: person.id}
    if tw.simulator.kind == "whatsapp":
        form[PROXY] = tw.simulator.settings()["from"]
    return await tw.call("POST", f"{path}/Participants", form)


async def test_a_conversation_is_made_found_changed_and_removed(wa: Loopback) -> None:
    path = await made(wa, FriendlyName="Team", UniqueName="team", Attributes='{"a": 1}')
    _, answer = await wa.call("GET", f"{ROOT}/team")
    assert (answer["friendly_name"], answer["attributes"]) == ("Team", '{"a": 1}')
    assert await refused(wa, ROOT, UniqueName="team") == (409, 50353)
    assert await refused(wa, ROOT, Attributes="{") == (400, 20001)
    _, answer = await wa.call("POST", path, {"FriendlyName": "Crew"})
    assert answer["friendly_name"] == "Crew"
    service = answer["chat_service_sid"]
    _, answer = await wa.call("GET", f"/v1/Services/{service}/Conversations")
    assert [each["sid"] for each in answer["conversations"]] == [path.rpartition("/")[2]]
    status, answer = await wa.call("GET", f"/v1/Services/IS{'9' * 32}/Conversations")
    assert (status, answer["code"]) == (404, 50050)
    _, answer = await wa.call("POST", path, {"State": "closed"})
    assert answer["state"] == "closed"
    assert await refused(wa, path, State="active") == (400, 50377)
    assert await refused(wa, f"{path}/Messages", Body="too late") == (400, 50377)
    assert await wa.call("DELETE", path) == (204, None)
    assert (await wa.call("GET", path))[0] == 404


async def test_a_person_and_a_number_are_a_pair_of_one_conversation(wa: Loopback) -> None:
    first, second = await made(wa), await made(wa)
    ours = wa.simulator.settings()["from"]
    status, answer = await join(wa, first, wa.ann)
    assert status == 201
    assert answer["messaging_binding"]["proxy_address"] == ours
    assert (await join(wa, first, wa.ann))[1]["code"] == 50416
    hidden = wa.simulator.set_privacy(wa.ann, "hidden")
    for known in (wa.ann, hidden):
        status, refusal = await join(wa, second, known)
        assert (status, refusal["code"]) == (409, 50425)
    _, found = await wa.call(
        "GET", f"/v1/ParticipantConversations?Address={wa.ann.id.replace('+', '%2B')}"
    )
    assert found["conversations"][0]["conversation_sid"] == first.rpartition("/")[2]
    assert await wa.call("DELETE", f"{first}/Participants/{answer['sid']}") == (204, None)
    assert (await join(wa, second, wa.ann))[0] == 201
    await wa.call("POST", second, {"State": "closed"})
    assert (await join(wa, first, wa.ann))[0] == 201


async def test_who_cannot_be_let_in(wa: Loopback) -> None:
    path = f"{await made(wa)}/Participants"
    ours, ann = wa.simulator.settings()["from"], wa.ann.id
    for fields, code in (
        ({}, 20001),
        ({ADDRESS: "Ann", PROXY: ours}, 50407),
        ({ADDRESS: ann}, 50408),
        ({ADDRESS: ann, PROXY: "whatsapp:+15559999999"}, 50408),
        ({PROXY: ours}, 20001),
    ):
        status, answer = await wa.call("POST", path, fields)
        assert (status, answer["code"]) == (400, code), fields
    assert (await wa.call("POST", path, {"Identity": "bot"}))[0] == 201
    assert await refused(wa, path, Identity="bot") == (409, 50416)
    _, answer = await wa.call("GET", path)
    assert [each["identity"] for each in answer["participants"]] == ["bot"]
    _, answer = await wa.call("POST", f"{path}/bot", {"Attributes": '{"b": 2}'})
    assert answer["attributes"] == '{"b": 2}'
    assert (await wa.call("GET", f"{path}/nobody"))[1]["code"] == 50404


async def test_a_group_mms_is_three_and_each_three_once(sms: Loopback) -> None:
    bob = sms.simulator.person("Bob")
    first, second = await made(sms), await made(sms)
    ours = {PROJECTED: sms.simulator.settings()["from"]}
    assert (await join(sms, first, sms.ann))[0] == 201
    assert (await sms.call("POST", f"{first}/Participants", {**ours, "Identity": "bot"}))[0] == 201
    assert await refused(sms, f"{first}/Messages", Body="two are none") == (400, 50435)
    assert (await join(sms, first, bob))[0] == 201
    assert await refused(sms, f"{first}/Participants", Identity="chat") == (400, 50434)
    status, answer = await join(sms, first, bob)
    assert (status, answer["code"]) == (409, 50437)
    assert (await sms.call("POST", f"{first}/Messages", {"Body": "hello"}))[0] == 201
    await sms.call("POST", f"{second}/Participants", ours)
    await join(sms, second, sms.ann)
    status, answer = await join(sms, second, bob)
    assert (status, answer["code"]) == (409, 50438)
    # In as many groups as they like, and by themselves besides.
    await sms.simulator.say("alone", person=sms.ann, place=sms.here)
    await sms.taken()
    assert sms.hook.forms()[-1]["Body"] == "alone"
    for _ in range(7):
        assert (await join(sms, first, sms.simulator.person("X")))[0] == 201
    status, answer = await join(sms, first, sms.simulator.person("Y"))
    assert (status, answer["code"]) == (400, 50436)


async def test_a_group_of_one_is_one_too(sms: Loopback) -> None:
    group = sms.simulator.place("group", people=[sms.ann])
    assert (await sms.call("POST", f"{ROOT}/{group.id}/Messages", {"Body": "hi"}))[0] == 201
    assert [message.text for message in sms.simulator.sent(group)] == ["hi"]


async def test_what_is_said_in_a_group_is_seen_once(wa: Loopback) -> None:
    bob = wa.simulator.person("Bob")
    group = wa.simulator.place("group", people=[wa.ann, bob])
    for one in (wa.ann, bob):
        await wa.simulator.say("hi", person=one, place=group)
    form = {"Body": "*hello*", "Author": "chat-gateway", "Attributes": '{"delivery": "d1"}'}
    status, answer = await wa.call("POST", f"{ROOT}/{group.id}/Messages", form)
    assert (status, answer["index"], answer["author"]) == (201, 2, "chat-gateway")
    (shown,) = await wa.simulator.wait_sent(1, group)
    assert (shown.text, shown.message_id, shown.place_id) == ("*hello*", answer["sid"], group.id)
    assert wa.simulator.sent(wa.here) == []
    await wa.taken()
    await wa.until(lambda: len(wa.hook.forms()) >= 4)
    events = [form["EventType"] for form in wa.hook.forms()]
    assert events == ["onMessageAdded"] * 2 + ["onDeliveryUpdated"] * 2
    _, listed = await wa.call("GET", f"{ROOT}/{group.id}/Messages?Order=desc&PageSize=2")
    assert [each["body"] for each in listed["messages"]] == ["*hello*", "hi"]
    assert json.loads(listed["messages"][0]["attributes"]) == {"delivery": "d1"}
    path = listed["meta"]["next_page_url"].removeprefix(wa.simulator.url)
    _, rest = await wa.call("GET", path)
    assert [each["index"] for each in rest["messages"]] == [0]
    assert rest["meta"]["next_page_url"] is None


async def test_each_member_has_a_window_of_their_own() -> None:
    clock = Clock()
    async with loopback(clock=clock) as wa:
        bob = wa.simulator.person("Bob")
        group = wa.simulator.place("group", people=[wa.ann, bob])
        await wa.simulator.say("hi", person=wa.ann, place=group)
        await wa.call("POST", f"{ROOT}/{group.id}/Messages", {"Body": "who is there"})
        await wa.simulator.wait_sent(1, group)
        await wa.until(lambda: len(wa.hook.forms()) >= 3)
        told = [form for form in wa.hook.forms() if form["EventType"] == "onDeliveryUpdated"]
        assert {(form["Status"], form.get("ErrorCode")) for form in told} == {
            ("delivered", None),
            ("undelivered", "63016"),
        }
        _, said = await wa.call("GET", f"{ROOT}/{group.id}/Messages/{told[0]['MessageSid']}")
        summary = {"total": 2, "sent": "some", "delivered": "some", "undelivered": "some"}
        assert said["delivery"] == {**summary, "read": "none", "failed": "none"}
        wa.simulator.pass_time(24 * 3600.0, group)
        _, said = await wa.call("POST", f"{ROOT}/{group.id}/Messages", {"Body": "nobody"})
        assert (said["delivery"]["sent"], said["delivery"]["undelivered"]) == ("none", "all")
        assert len(wa.simulator.sent(group)) == 1
        assert [code for _, code in wa.simulator.failed(group)] == [63016]


async def test_it_stands_among_the_number_s_messages_too(wa: Loopback) -> None:
    group = wa.simulator.place("group", people=[wa.ann, wa.simulator.person("Bob")])
    await wa.simulator.say("hi", person=wa.ann, place=group)
    await wa.call("POST", f"{ROOT}/{group.id}/Messages", {"Body": "hello"})
    _, answer = await wa.call("GET", f"{wa.account}/Messages.json")
    told = [(each["direction"], each["body"], each["status"]) for each in answer["messages"]]
    assert told == [
        ("outbound-api", "hello", "undelivered"),
        ("outbound-api", "hello", "delivered"),
        ("inbound", "hi", "received"),
    ]


async def test_the_api_hears_itself_only_if_it_asks(wa: Loopback) -> None:
    group = wa.simulator.place("group", people=[wa.ann])
    await wa.simulator.say("hi", person=wa.ann, place=group)
    await wa.taken()
    wa.hook.posted.clear()
    path, aloud = f"{ROOT}/{group.id}/Messages", {"X-Twilio-Webhook-Enabled": "true"}
    _, quiet = await wa.call("POST", path, {"Body": "quiet"})
    _, loud = await wa.call("POST", path, {"Body": "loud", "Author": "bot"}, headers=aloud)
    await wa.call("POST", f"{path}/{quiet['sid']}", {"Body": "still quiet"})
    await wa.call("POST", f"{path}/{loud['sid']}", {"Body": "louder"}, headers=aloud)
    await wa.call("DELETE", f"{path}/{quiet['sid']}")
    await wa.call("DELETE", f"{path}/{loud['sid']}", headers=aloud)

    def told() -> list[tuple[str, str]]:
        events = [(form["EventType"], form.get("Body", "")) for form in wa.hook.forms()]
        return [event for event in events if event[0] != "onDeliveryUpdated"]

    await wa.until(lambda: len(told()) >= 3)
    assert told() == [
        ("onMessageAdded", "loud"),
        ("onMessageUpdated", "louder"),
        ("onMessageRemoved", "louder"),
    ]
    (added,) = [form for form in wa.hook.forms() if form["EventType"] == "onMessageAdded"]
    assert (added["Source"], added["Author"]) == ("API", "bot")


async def test_webhooks_of_a_conversation(wa: Loopback) -> None:
    path = f"{await made(wa)}/Webhooks"
    good = {
        "Target": "webhook",
        "Configuration.Url": f"{wa.hook.url}/scoped",
        "Configuration.Filters": "onMessageAdded",
    }
    for wrong in (
        {"Target": "post"},
        {"Configuration.Url": "nowhere"},
        {"Configuration.Filters": "onRain"},
        {"Configuration.Method": "PUT"},
    ):
        assert (await wa.call("POST", path, {**good, **wrong}))[0] == 400
    status, hook = await wa.call("POST", path, good)
    assert status == 201
    _, listed = await wa.call("GET", path)
    assert [each["configuration"]["url"] for each in listed["webhooks"]] == [
        good["Configuration.Url"]
    ]
    await join(wa, path.removesuffix("/Webhooks"), wa.ann)
    key = await wa.simulator.say("hi", person=wa.ann, place=wa.here)
    assert await wa.simulator.edit(key, "not asked for") == ""
    await wa.simulator.say("again", person=wa.ann, place=wa.here)
    await wa.taken()
    assert [form["Body"] for form in wa.hook.forms("/scoped")] == ["hi", "again"]
    assert (await wa.call("GET", f"{path}/{hook['sid']}"))[0] == 200
    assert await wa.call("DELETE", f"{path}/{hook['sid']}") == (204, None)
    assert (await wa.call("DELETE", f"{path}/{hook['sid']}"))[0] == 404


async def test_files_are_brought_before_they_are_shown(wa: Loopback) -> None:
    group = wa.simulator.place("group", people=[wa.ann])
    await wa.simulator.say("hi", person=wa.ann, place=group)
    _, talk = await wa.call("GET", f"{ROOT}/{group.id}")
    path = f"/v1/Services/{talk['chat_service_sid']}/Media"
    async with wa.http.post(
        f"{wa.simulator.url}{path}?Filename=r.jpg",
        data=b"rose",
        headers={**wa.headers, "Content-Type": "image/jpeg"},
    ) as response:
        assert response.status == 201
        media = await response.json()
    assert (media["size"], media["content_type"], media["filename"]) == (4, "image/jpeg", "r.jpg")
    form = {"MediaSid": media["sid"], "Author": "chat-gateway"}
    status, said = await wa.call("POST", f"{ROOT}/{group.id}/Messages", form)
    assert (status, said["media"][0]["sid"], said["body"]) == (201, media["sid"], None)
    (shown,) = wa.simulator.sent(group)
    assert [file.content for file in shown.files] == [b"rose"]
    _, found = await wa.call("GET", f"{path}/{media['sid']}")
    async with wa.http.get(found["links"]["content_direct_temporary"]) as given:
        assert await given.read() == b"rose"
    messages = f"{ROOT}/{group.id}/Messages"
    assert await refused(wa, messages) == (400, 50507)
    assert await refused(wa, messages, Body="x" * 1601) == (400, 50504)
    assert await refused(wa, messages, MediaSid="ME0") == (404, 50505)
