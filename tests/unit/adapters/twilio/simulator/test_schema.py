"""Calls and answers against Twilio's own descriptions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.twilio.simulation.parameters import Call
from adapters.twilio.simulation.schema import Schema
from adapters.twilio.simulation.vocabulary import ROUTES, Route, find_route
from tests.unit.adapters.twilio.simulator.loopback import Loopback, loopback

NAMES = (
    "twilio_api_v2010",
    "twilio_conversations_v1",
    "twilio_content_v1",
    "twilio_messaging_v2",
)
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
PATH = "/2010-04-01/Accounts/AC1/Messages.json"
SMALL = Schema(
    [
        {
            "components": {
                "schemas": {
                    "status": {"type": "string", "enum": ["on", "off"]},
                    "thing": {
                        "type": "object",
                        "properties": {"name": {"type": "string", "nullable": True}},
                        "required": ["name"],
                    },
                }
            },
            "paths": {
                "/2010-04-01/Accounts/{AccountSid}/{Sid}.json": {"post": {}},
                "/2010-04-01/Accounts/{AccountSid}/Messages.json": {
                    "get": {
                        "parameters": [
                            {"name": "Size", "in": "query", "schema": {"type": "integer"}},
                            {
                                "name": "Kind",
                                "in": "query",
                                "required": True,
                                "schema": {"type": "string"},
                            },
                        ],
                        "responses": {
                            "200": {
                                "content": {
                                    JSON: {"schema": {"$ref": "#/components/schemas/thing"}}
                                }
                            }
                        },
                    },
                    "post": {
                        "requestBody": {
                            "content": {
                                FORM: {
                                    "schema": {
                                        "type": "object",
                                        "required": ["To"],
                                        "properties": {
                                            "To": {"type": "string", "pattern": "^[+]"},
                                            "Many": {"type": "array", "items": {"type": "string"}},
                                            "Flag": {"type": "boolean"},
                                            "Price": {"type": "number"},
                                            "State": {"$ref": "#/components/schemas/status"},
                                        },
                                    }
                                }
                            }
                        },
                        "responses": {},
                    },
                },
                "/v1/Content": {
                    "post": {
                        "requestBody": {
                            "content": {JSON: {"schema": {"$ref": "#/components/schemas/thing"}}}
                        }
                    }
                },
            },
        }
    ]
)


def found(verb: str, path: str = PATH, **given: Any) -> list[str]:
    """What is wrong with a call."""
    known = find_route(verb, path)
    assert known is not None
    route, names = known
    return list(SMALL.violations(route, Call(name=route.name, path=path, names=names, **given)))


@pytest.mark.parametrize(
    ("form", "findings"),
    [
        ({"To": ["+1"], "Many": ["a", "b"], "Flag": ["true"], "Price": ["1.5"]}, []),
        ({"To": ["+1"], "State": ["ON"]}, []),
        ({}, ["CreateMessage: To is missing"]),
        ({"To": ["1"]}, ["CreateMessage.To: '1' does not match '^[+]'"]),
        ({"To": ["+1"], "Too": ["+1"]}, ["CreateMessage: Too is unknown"]),
        ({"To": ["+1"], "Flag": ["yes"]}, ["CreateMessage.Flag: 'yes' is not of type 'boolean'"]),
        ({"To": ["+1"], "Price": ["a"]}, ["CreateMessage.Price: 'a' is not of type 'number'"]),
        ({"To": ["+1", "+2"]}, ["CreateMessage.To: ['+1', '+2'] is not of type 'string'"]),
        (
            {"To": ["+1"], "State": ["odd"]},
            ["CreateMessage.State: 'odd' is not one of ['on', 'off']"],
        ),
    ],
)
def test_what_is_wrong_with_a_form(form: dict[str, list[str]], findings: list[str]) -> None:
    assert found("POST", form=form) == findings


def test_what_is_wrong_otherwise() -> None:
    assert found("GET", query={"Kind": "a", "Size": "5"}) == []
    assert found("GET", query={"Size": "five", "Odd": "1"}) == [
        "ListMessage: Kind is missing",
        "ListMessage.Size: 'five' is not of type 'integer'",
        "ListMessage: Odd is unknown",
    ]
    assert found("GET", query={"Kind": "a"}, form={"a": ["b"]}) == ["ListMessage: takes no form"]
    assert found("POST", json={}) == ["CreateMessage: takes no JSON"]
    assert found("POST", "/v1/Content", json={"name": None}) == []
    assert found("POST", "/v1/Content", json={}) == ["CreateContent: 'name' is a required property"]
    assert found("POST", "/v1/Conversations") == ["CreateConversation: no such call"]
    route = next(route for route in ROUTES if route.name == "ListMessage")
    assert list(SMALL.mismatches(route, PATH, {"name": 1})) == [
        "ListMessage answers['name']: 1 is not of type 'string', 'null'"
    ]


@pytest.fixture(scope="module")
def descriptions(reference_data: Path) -> list[Mapping[str, Any]]:
    folder = reference_data / "specs/twilio"
    return [json.loads((folder / f"{name}.json").read_text()) for name in NAMES]


@pytest.mark.reference_data
def test_every_call_is_one_of_twilio_s(descriptions: list[Mapping[str, Any]]) -> None:
    names = {
        operation["operationId"]
        for description in descriptions
        for path in description["paths"].values()
        for verb, operation in path.items()
        if verb in {"get", "post", "delete"}
    }
    ours = {route.name for route in ROUTES}
    assert ours - names == {"GetMedia", "UploadMedia", "FetchServiceMedia"}


async def everything(tw: Loopback) -> set[str]:
    """Call everything there is; the names of it."""
    ours, account = tw.simulator.settings()["from"], tw.account
    tw.hook.files["/r.jpg"] = (b"rose", "image/jpeg")
    await tw.simulator.say("hi", person=tw.ann, place=tw.here)
    sid = await tw.simulator.send_file(b"a", "a.png", "image/png", person=tw.ann, place=tw.here)
    await tw.send("hello", MediaUrl=f"{tw.hook.url}/r.jpg")
    media = f"{account}/Messages/{sid}/Media"
    _, files = await tw.call("GET", f"{media}.json")
    await tw.call("GET", f"{media}/{files['media_list'][0]['sid']}.json")
    for path in ("", "/Messages", f"/Messages/{sid}", "/IncomingPhoneNumbers", "/SMS/ShortCodes"):
        assert (await tw.call("GET", f"{account}{path}.json"))[0] == 200, path
    await tw.call("DELETE", f"{account}/Messages/{sid}.json")
    bob = tw.simulator.person("Bob")
    _, talk = await tw.call("POST", "/v1/Conversations", {"FriendlyName": "g"})
    root = f"/v1/Conversations/{talk['sid']}"
    await tw.call("POST", root, {"FriendlyName": "h"})
    binding = {"MessagingBinding.Address": bob.id, "MessagingBinding.ProxyAddress": ours}
    _, member = await tw.call("POST", f"{root}/Participants", binding)
    await tw.call("POST", f"{root}/Participants/{member['sid']}", {"Attributes": "{}"})
    await tw.simulator.say("in", person=bob, place=tw.simulator.place("direct", people=[bob]))
    _, said = await tw.call("POST", f"{root}/Messages", {"Body": "out", "Author": "bot"})
    await tw.call("POST", f"{root}/Messages/{said['sid']}", {"Body": "changed"})
    hook = {
        "Target": "webhook",
        "Configuration.Url": f"{tw.hook.url}/wa",
        "Configuration.Method": "POST",
        "Configuration.Filters": "onMessageAdded",
    }
    _, scoped = await tw.call("POST", f"{root}/Webhooks", hook)
    owned = (
        (member["sid"], "Participants"),
        (said["sid"], "Messages"),
        (scoped["sid"], "Webhooks"),
    )
    for one, kind in owned:
        for path in (f"{root}/{kind}", f"{root}/{kind}/{one}", root, "/v1/Conversations"):
            assert (await tw.call("GET", path))[0] == 200, path
    address = bob.id.replace("+", "%2B")
    await tw.call("GET", f"/v1/ParticipantConversations?Address={address}")
    for one, kind in owned:
        await tw.call("DELETE", f"{root}/{kind}/{one}")
    await tw.call("DELETE", root)
    types = {"twilio/quick-reply": {"body": "Tea?", "actions": [{"title": "Yes", "id": "y"}]}}
    asked = {"friendly_name": "q", "language": "en", "types": types, "variables": {"1": "a"}}
    _, content = await tw.call("POST", "/v1/Content", json=asked)
    for path in ("", f"/{content['sid']}", f"/{content['sid']}/ApprovalRequests"):
        assert (await tw.call("GET", f"/v1/Content{path}"))[0] == 200, path
    await tw.call("DELETE", f"/v1/Content/{content['sid']}")
    await tw.call("GET", "/v2/Channels/Senders?Channel=whatsapp")
    written = await tw.simulator.say("x", person=tw.ann, place=tw.here)
    typing = {"channel": "whatsapp", "messageId": written}
    await tw.call("POST", "/v2/Indicators/Typing.json", typing)
    return {call.method for call in tw.simulator.calls()}


@pytest.mark.reference_data
async def test_calls_and_answers_are_as_twilio_describes_them(
    descriptions: list[Mapping[str, Any]],
) -> None:
    async with loopback("whatsapp", schema=descriptions) as tw:
        called = await everything(tw)
        assert {route.name for route in ROUTES} - called == {
            "GetMedia",
            "UploadMedia",
            "FetchServiceMedia",
        }
        assert tw.simulator.violations == []
        assert list(tw.simulator.refusals) == []
        await tw.send("hello", Odd="1")
        assert tw.simulator.violations == ["CreateMessage: Odd is unknown"]


def test_every_path_is_taken_by_its_own_call() -> None:
    sid = "MM" + "0" * 32
    for path, name in (
        (f"/2010-04-01/Accounts/AC1/Messages/{sid}/Media/ME1", "GetMedia"),
        (f"/2010-04-01/Accounts/AC1/Messages/{sid}/Media/ME1.json", "FetchMedia"),
        (f"/2010-04-01/Accounts/AC1/Messages/{sid}/Media.json", "ListMedia"),
        (f"/2010-04-01/Accounts/AC1/Messages/{sid}.json", "FetchMessage"),
        ("/v1/Services/IS1/Conversations/CH1/Messages", "ListConversationMessage"),
    ):
        known = find_route("GET", path)
        assert known is not None
        route: Route = known[0]
        assert route.name == name
    assert find_route("PUT", "/v1/Content") is None
