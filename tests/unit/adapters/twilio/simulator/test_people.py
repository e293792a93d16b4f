"""What people do on the simulated Twilio, and the forms that come of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.twilio.simulator import TwilioSimulator
from gateway.testing.simulator import SentFile
from tests.unit.adapters.twilio.simulator.loopback import Loopback, loopback

PAYLOADS = "payloads/twilio"


@pytest.fixture
async def wa() -> AsyncIterator[Loopback]:
    async with loopback("whatsapp") as opened:
        yield opened


@pytest.fixture
async def sms() -> AsyncIterator[Loopback]:
    async with loopback("sms") as opened:
        yield opened


async def test_a_message_is_posted_as_a_form(wa: Loopback) -> None:
    sid = await wa.simulator.say("Grüße 👋🏽", person=wa.ann, place=wa.here)
    await wa.taken()
    (form,) = wa.hook.forms()
    assert form["MessageSid"] == form["SmsSid"] == sid
    assert form["Body"] == "Grüße 👋🏽"
    assert form["From"] == wa.ann.id == f"whatsapp:+{form['WaId']}"
    assert form["To"] == wa.simulator.settings()["from"]
    assert form["AccountSid"] == wa.simulator.settings()["account_sid"]
    assert form["ProfileName"] == "Ann"
    assert "ExternalUserId" not in form


async def test_people_may_hide_their_number(wa: Loopback) -> None:
    both = wa.simulator.set_privacy(wa.ann, "both")
    await wa.simulator.say("one", person=wa.ann, place=wa.here)
    hidden = wa.simulator.set_privacy(wa.ann, "hidden")
    await wa.simulator.say("two", person=hidden, place=wa.here)
    await wa.taken()
    first, second = wa.hook.forms()
    assert first["From"] == both.id == wa.ann.id
    assert first["ExternalUserId"] == second["From"] == hidden.id
    assert hidden.id.startswith("whatsapp:US.")
    assert "WaId" not in second
    assert wa.ann.id.removeprefix("whatsapp:") not in str(second)
    status, _ = await wa.send("to her id", To=hidden.id)
    assert status == 201
    assert [message.text for message in wa.simulator.sent(wa.here)] == ["to her id"]
    born_hidden = wa.simulator.person("Bob", privacy="hidden")
    assert born_hidden.id.startswith("whatsapp:US.")


async def test_files_come_as_addresses_that_ask_who_is_there(wa: Loopback) -> None:
    sid = await wa.simulator.send_file(
        b"rose", "r.jpg", "image/jpeg", person=wa.ann, place=wa.here, caption="look"
    )
    await wa.taken()
    (form,) = wa.hook.forms()
    assert (sid[:2], form["NumMedia"], form["MessageType"]) == ("MM", "1", "image")
    assert (form["MediaContentType0"], form["Body"]) == ("image/jpeg", "look")
    url = form["MediaUrl0"]
    async with wa.http.get(url, allow_redirects=False) as refused:
        assert refused.status == 401
        assert (await refused.json())["code"] == 20003
    async with wa.http.get(url, headers=wa.headers, allow_redirects=False) as redirected:
        assert redirected.status == 307
        where = redirected.headers["Location"]
    async with wa.http.get(where) as given:
        assert (await given.read(), given.content_type) == (b"rose", "image/jpeg")
    (call,) = wa.simulator.calls("GetFile")
    assert call.parameters["authorized"] is False
    with pytest.raises(ValueError, match="message of its own"):
        await wa.simulator.send_files(
            [SentFile(name="a", media_type="image/png", content=b"a")] * 2,
            person=wa.ann,
            place=wa.here,
        )


async def test_a_document_on_whatsapp_is_called_by_its_name(wa: Loopback) -> None:
    for caption in ("", "read this"):
        await wa.simulator.send_file(
            b"a", "a.pdf", "application/pdf", person=wa.ann, place=wa.here, caption=caption
        )
    await wa.taken()
    told = [(form["MessageType"], form["Body"]) for form in wa.hook.forms()]
    assert told == [("document", "a.pdf"), ("document", "read this")]


async def test_an_mms_has_several_files(sms: Loopback) -> None:
    files = [SentFile(name=n, media_type="image/png", content=n.encode()) for n in ("a", "b")]
    await sms.simulator.send_files(files, person=sms.ann, place=sms.here)
    await sms.taken()
    (form,) = sms.hook.forms()
    assert form["NumMedia"] == "2"
    assert form["MediaUrl0"] != form["MediaUrl1"]
    _, answer = await sms.call(
        "GET", f"{sms.account}/Messages/{form['MessageSid']}/Media.json", None
    )
    assert [one["content_type"] for one in answer["media_list"]] == ["image/png"] * 2


async def test_replies_and_places(wa: Loopback) -> None:
    sid = await wa.simulator.say("one", person=wa.ann, place=wa.here)
    await wa.simulator.say("two", person=wa.ann, place=wa.here, reply_to=sid)
    await wa.simulator.locate(37.78789, -122.39, person=wa.ann, place=wa.here, label="Office")
    await wa.simulator.say("fwd", person=wa.ann, place=wa.here, extra={"Forwarded": "true"})
    await wa.taken()
    _, reply, place, forwarded = wa.hook.forms()
    assert reply["OriginalRepliedMessageSid"] == sid
    assert reply["OriginalRepliedMessageSender"] == wa.ann.id
    assert (place["Latitude"], place["Label"]) == ("37.787890", "Office")
    assert place["MessageType"] == "location"
    assert forwarded["Forwarded"] == "true"


async def test_what_one_person_says_arrives_in_order(wa: Loopback) -> None:
    texts = [f"number {number}" for number in range(20)]
    for text in texts:
        await wa.simulator.say(text, person=wa.ann, place=wa.here)
    await wa.taken()
    assert [form["Body"] for form in wa.hook.forms()] == texts


async def test_only_when_shuffled_it_may_not() -> None:
    async with loopback(shuffle=True) as wa:
        texts = [f"number {number}" for number in range(20)]
        for text in texts:
            await wa.simulator.say(text, person=wa.ann, place=wa.here)
        await wa.taken()
        heard = [form["Body"] for form in wa.hook.forms()]
        assert sorted(heard) == sorted(texts)
        assert heard != texts


async def test_stopping_and_starting_is_twilio_s_on_sms(sms: Loopback) -> None:
    for text in ("yes", " stop ", "help"):
        await sms.simulator.say(text, person=sms.ann, place=sms.here)
    await sms.taken()
    assert [form.get("OptOutType") for form in sms.hook.forms()] == [None, "STOP", "HELP"]
    assert await sms.code() == 21610
    await sms.simulator.say("START", person=sms.ann, place=sms.here)
    await sms.taken()
    assert sms.hook.forms()[-1]["OptOutType"] == "START"
    assert (await sms.send())[0] == 201


async def test_stopping_without_a_messaging_service_says_nothing() -> None:
    async with loopback("sms", advanced_opt_out=False) as sms:
        await sms.simulator.say("STOP", person=sms.ann, place=sms.here)
        await sms.taken()
        assert "OptOutType" not in sms.hook.forms()[0]
        assert await sms.code() == 21610
        sms.simulator.opt_out(sms.ann, on=False)
        assert (await sms.send())[0] == 201


async def test_on_whatsapp_stop_is_a_word(wa: Loopback) -> None:
    await wa.simulator.say("STOP", person=wa.ann, place=wa.here)
    await wa.taken()
    assert "OptOutType" not in wa.hook.forms()[0]
    assert (await wa.send())[0] == 201


# Groups


@pytest.mark.parametrize("kind", ["whatsapp", "sms"])
async def test_a_group_is_a_conversation_that_the_webhook_hears(kind: str) -> None:
    async with loopback(kind) as tw:
        bob = tw.simulator.person("Bob")
        group = tw.simulator.place("group", people=[tw.ann, bob])
        key = await tw.simulator.say("hi all", person=bob, place=group)
        edited = await tw.simulator.edit(key, "hi, all")
        deleted = await tw.simulator.delete(key)
        await tw.taken()
        added, updated, removed = tw.hook.forms()
    talk, message = key.split(":")
    assert (talk, added["MessageSid"]) == (group.id, message)
    assert (added["EventType"], added["Author"]) == ("onMessageAdded", bob.id)
    assert (added["Body"], added["Index"], added["RetryCount"]) == ("hi all", "0", "0")
    assert added["Source"] == kind.upper()
    assert (updated["EventType"], updated["Body"]) == ("onMessageUpdated", "hi, all")
    assert edited == f"edit:{key}:{updated['DateUpdated']}"
    assert (removed["EventType"], deleted) == ("onMessageRemoved", f"delete:{key}")


async def test_whoever_is_in_a_group_has_no_other_chat_with_the_number(wa: Loopback) -> None:
    group = wa.simulator.place("group", people=[wa.ann, wa.simulator.person("Bob")])
    key = await wa.simulator.say("where am I", person=wa.ann, place=wa.here)
    assert key.startswith(f"{group.id}:IM")
    files = (
        key,
        await wa.simulator.send_file(b"rose", "r.jpg", "image/jpeg", person=wa.ann, place=group),
    )
    await wa.taken()
    media = json.loads(wa.hook.forms()[1]["Media"])
    assert media[0]["Filename"] == "r.jpg"
    assert (media[0]["ContentType"], media[0]["Size"]) == ("image/jpeg", 4)
    assert len(set(files)) == 2


async def test_a_group_mms_comes_as_messages_until_a_conversation_stands_for_it(
    sms: Loopback,
) -> None:
    bob, eve = sms.simulator.person("Bob"), sms.simulator.person("Eve")
    group = sms.simulator.group_text([sms.ann, bob, eve])
    await sms.simulator.say("hey all", person=bob, place=group)
    await sms.taken()
    (form,) = sms.hook.forms()
    assert form["From"] == bob.id
    others = {form["OtherRecipients0"], form["OtherRecipients1"]}
    assert others == {sms.ann.id, eve.id}
    _, talk = await sms.call("POST", "/v1/Conversations", {"UniqueName": "g"})
    path = f"/v1/Conversations/{talk['sid']}"
    for each in (sms.ann, bob, eve):
        await sms.call("POST", f"{path}/Participants", {"MessagingBinding.Address": each.id})
    ours = {"MessagingBinding.ProjectedAddress": sms.simulator.settings()["from"]}
    await sms.call("POST", f"{path}/Participants", ours)
    hook = [
        ("Target", "webhook"),
        ("Configuration.Url", f"{sms.hook.url}/wa"),
        ("Configuration.Filters", "onMessageAdded"),
    ]
    await sms.call("POST", f"{path}/Webhooks", hook)
    key = await sms.simulator.say("and now", person=bob, place=group)
    assert key.startswith(talk["sid"])
    await sms.call("POST", f"{path}/Messages", {"Body": "hello", "Author": "chat-gateway"})
    assert [message.text for message in sms.simulator.sent(group)] == ["hello"]
    with pytest.raises(LookupError):
        await sms.simulator.edit("SM1", "no")


def test_there_are_no_channels_and_no_threads() -> None:
    simulator = TwilioSimulator("sms")
    ann = simulator.person("Ann")
    for kind in ("channel", "thread"):
        with pytest.raises(ValueError, match=kind):
            simulator.place(kind, people=[ann])
    with pytest.raises(ValueError, match="WhatsApp"):
        simulator.set_privacy(ann, "hidden")
    with pytest.raises(ValueError, match="phones"):
        TwilioSimulator("whatsapp").group_text([])


# Twilio's own samples


@pytest.mark.reference_data
async def test_forms_have_the_fields_of_the_samples(reference_data: Path) -> None:
    def sample(name: str) -> dict[str, str]:
        found: dict[str, str] = json.loads(
            (reference_data / PAYLOADS / f"{name}.json").read_text()
        )["form"]
        return found

    async with loopback("whatsapp") as wa:
        await wa.simulator.say("one", person=wa.ann, place=wa.here)
        await wa.simulator.send_file(b"a", "a.jpg", "image/jpeg", person=wa.ann, place=wa.here)
        await wa.simulator.locate(1, 2, person=wa.ann, place=wa.here, address="A", label="L")
        bob = wa.simulator.person("Bob", privacy="both")
        there = wa.simulator.place("direct", people=[bob])
        await wa.simulator.say("one", person=bob, place=there)
        eve = wa.simulator.person("Eve", privacy="hidden")
        await wa.simulator.say("one", person=eve, place=wa.simulator.place("direct", people=[eve]))
        await wa.taken()
        names = ("wa_text", "wa_image_caption", "wa_location", "wa_text_bsuid_with_phone")
        forms = sorted(wa.hook.forms(), key=lambda form: form["MessageSid"][2:])
        for name, form in zip((*names, "wa_text_username_only_bsuid_from"), forms, strict=True):
            assert form.keys() == sample(name).keys(), name
        await wa.send()
        await wa.told(4)
        for name in ("status_delivered", "status_queued", "status_read"):
            status = name.partition("_")[2]
            (found,) = [f for f in wa.hook.forms("/status") if f["MessageStatus"] == status]
            assert found.keys() == sample(name).keys(), name
    async with loopback("sms") as sms:
        await sms.simulator.say("one", person=sms.ann, place=sms.here)
        members = [sms.ann, sms.simulator.person("Bob"), sms.simulator.person("Eve")]
        await sms.simulator.say("one", person=sms.ann, place=sms.simulator.group_text(members))
        talk = sms.simulator.place("group", people=members[:2])
        await sms.simulator.say("one", person=sms.ann, place=talk)
        await sms.taken()
        named: dict[str, dict[str, Any]] = {
            each.get("EventType", "group" if "OtherRecipients0" in each else "text"): each
            for each in sms.hook.forms()
        }
        assert named["text"].keys() == sample("sms_text").keys()
        assert named["group"].keys() == sample("group_mms_inbound").keys()
        assert named["onMessageAdded"].keys() == sample("conv_onMessageAdded_wa").keys()


@pytest.mark.reference_data
async def test_the_samples_can_be_posted(reference_data: Path) -> None:
    paths = sorted((reference_data / PAYLOADS).glob("*.json"))
    assert len(paths) > 40
    async with loopback("whatsapp") as wa:
        for path in paths:
            wa.hook.posted.clear()
            form = json.loads(path.read_text())["form"]
            wa.simulator.replay(form)
            await wa.taken()
            (posted,) = wa.hook.posted
            assert posted.form.keys() == set(form)
            assert posted.form.get("Body") == form.get("Body")
            assert wa.valid(posted, f"{wa.hook.url}/wa")
            assert posted.form["AccountSid"] == wa.simulator.settings()["account_sid"]
        wa.hook.posted.clear()
        exact = json.loads(paths[0].read_text())["form"]
        wa.simulator.replay(exact, exact=True)
        await wa.taken()
        assert wa.hook.posted[0].form == exact
