"""Buttons and lists on the simulated WhatsApp."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.adapters.twilio.simulator.loopback import Loopback, loopback


@pytest.fixture
async def wa() -> AsyncIterator[Loopback]:
    async with loopback("whatsapp") as opened:
        await opened.met()
        yield opened


def quick(*titles: str, body: str = "Tea?", ids: str = "q:1:") -> dict[str, Any]:
    """Buttons."""
    actions = [
        {"type": "QUICK_REPLY", "title": title, "id": f"{ids}{number}"}
        for number, title in enumerate(titles)
    ]
    return {"twilio/quick-reply": {"body": body, "actions": actions}}


def picker(*titles: str, body: str = "Tea?", **more: str) -> dict[str, Any]:
    """A list."""
    items = [{"item": title, "id": f"q:1:{number}", **more} for number, title in enumerate(titles)]
    return {"twilio/list-picker": {"body": body, "button": "Choose", "items": items}}


async def made(wa: Loopback, types: dict[str, Any], **variables: str) -> str:
    """A content's sid."""
    asked = {"friendly_name": "q", "language": "en", "types": types, "variables": variables}
    status, answer = await wa.call("POST", "/v1/Content", json=asked)
    assert status == 201, answer
    return str(answer["sid"])


async def shown(wa: Loopback, types: dict[str, Any], **variables: str) -> int:
    """Send a content; the code of its failure, 0 if it is seen."""
    _, answer = await wa.send("", ContentSid=await made(wa, types), **variables)
    failed = dict(wa.simulator.failed())
    seen = {message.message_id for message in wa.simulator.sent(wa.here)}
    assert (answer["sid"] in seen) != (answer["sid"] in failed)
    return failed.get(answer["sid"], 0)


async def test_a_button_comes_back_with_its_id(wa: Loopback) -> None:
    assert await shown(wa, quick("Tea", "Coffee")) == 0
    (question,) = wa.simulator.sent(wa.here)
    assert (question.text, question.buttons) == ("Tea?", ("Tea", "Coffee"))
    sid = await wa.simulator.press("Coffee", person=wa.ann, place=wa.here)
    await wa.taken()
    (form,) = wa.hook.forms()
    assert (form["MessageSid"], form["Body"]) == (sid, "Coffee")
    assert (form["ButtonPayload"], form["ButtonText"]) == ("q:1:1", "Coffee")
    assert form["OriginalRepliedMessageSid"] == question.message_id
    assert form["OriginalRepliedMessageSender"] == wa.simulator.settings()["from"]
    assert form["MessageType"] == "interactive"
    with pytest.raises(LookupError, match="Milk"):
        await wa.simulator.press("Milk", person=wa.ann, place=wa.here)


async def test_so_does_what_is_picked_from_a_list(wa: Loopback) -> None:
    names = [f"Option {number}" for number in range(10)]
    assert await shown(wa, picker(*names, description="a kind")) == 0
    assert wa.simulator.sent(wa.here)[0].buttons == tuple(names)
    await wa.simulator.press("Option 7", person=wa.ann, place=wa.here)
    await wa.taken()
    (form,) = wa.hook.forms()
    assert (form["ListId"], form["ListTitle"]) == ("q:1:7", "Option 7")
    assert (form["ListDescription"], form["Body"]) == ("a kind", "Option 7")
    assert "ButtonPayload" not in form


async def test_variables_may_stand_anywhere(wa: Loopback) -> None:
    sid = await made(wa, quick("{{2}}", "{{3}}", body="{{1}}", ids="q:{{4}}:"), **{"3": "Coffee"})
    given = {"1": "Tea or\ncoffee?", "2": "Tea", "4": "7"}
    await wa.send("", ContentSid=sid, ContentVariables=json.dumps(given))
    (question,) = wa.simulator.sent(wa.here)
    assert (question.text, question.buttons) == ("Tea or\ncoffee?", ("Tea", "Coffee"))
    await wa.simulator.press("Tea", person=wa.ann, place=wa.here)
    await wa.taken()
    assert wa.hook.forms()[0]["ButtonPayload"] == "q:7:0"
    assert await wa.code("", ContentSid=sid) == 21656


@pytest.mark.parametrize(
    ("types", "code"),
    [
        (quick("a", "b", "c"), 0),
        (quick("a", "b", "c", "d"), 63013),
        (quick("x" * 20), 0),
        (quick("x" * 21), 63013),
        (quick("a", "a"), 63013),
        (quick("a", body="x" * 1024), 0),
        (quick("a", body="x" * 1025), 63013),
        (quick("a", ids="x" * 200), 63013),
        (picker("x" * 24), 0),
        (picker("x" * 25), 63013),
        (picker("a", description="x" * 73), 63013),
        ({"twilio/text": {"body": "x" * 1600}}, 0),
    ],
)
async def test_what_whatsapp_has_room_for(wa: Loopback, types: dict[str, Any], code: int) -> None:
    assert await shown(wa, types) == code


@pytest.mark.parametrize(
    "asked",
    [
        {"language": "en"},
        {"types": quick("a")},
        {"language": "en", "types": quick()},
        {"language": "en", "types": quick(*"abcdefghijk")},
        {"language": "en", "types": picker(*"abcdefghijk")},
        {"language": "en", "types": {"twilio/text": {}}},
        {"language": "en", "types": {"twilio/text": "a"}},
    ],
)
async def test_what_is_no_content(wa: Loopback, asked: dict[str, Any]) -> None:
    status, answer = await wa.call("POST", "/v1/Content", json=asked)
    assert (status, answer["code"]) == (400, 20422)
    assert wa.simulator.contents() == []


async def test_contents_are_listed_and_deleted(wa: Loopback) -> None:
    sids = [await made(wa, quick("a")) for _ in range(3)]
    _, answer = await wa.call("GET", "/v1/Content?PageSize=2")
    assert [each["sid"] for each in answer["contents"]] == sids[:2]
    following = answer["meta"]["next_page_url"].removeprefix(wa.simulator.url)
    _, answer = await wa.call("GET", following)
    assert [each["sid"] for each in answer["contents"]] == sids[2:]
    _, answer = await wa.call("GET", f"/v1/Content/{sids[0]}/ApprovalRequests")
    assert answer["whatsapp"]["status"] == "unsubmitted"
    template = wa.simulator.add_template("hi")
    _, answer = await wa.call("GET", f"/v1/Content/{template}/ApprovalRequests")
    assert answer["whatsapp"]["status"] == "approved"
    assert await wa.call("DELETE", f"/v1/Content/{sids[0]}") == (204, None)
    assert (await wa.call("GET", f"/v1/Content/{sids[0]}"))[0] == 404
    assert wa.simulator.contents() == [*sids[1:], template]
    assert (await wa.call("POST", "/v1/Content", {"language": "en"}))[0] == 400


async def test_phones_show_the_text_alone() -> None:
    async with loopback("sms") as sms:
        await sms.send("", ContentSid=await made(sms, quick("a" * 30)))
        (message,) = await sms.simulator.wait_sent(1, sms.here)
        assert (message.text, message.buttons) == ("Tea?", ())
