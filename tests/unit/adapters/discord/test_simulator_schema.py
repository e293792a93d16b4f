"""Calls, and what the simulated Discord itself says, against Discord's description of its API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.discord.simulation.schema import Schema
from tests.unit.adapters.discord.loopback import BOT, Loopback, Socket, loopback

ROW = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}
COMMAND = {
    "name": "name",
    "description": "Name it",
    "description_localizations": {"de": "Benennen"},
    "options": [{"name": "text", "description": "The name", "type": 3}],
}


def described(operation: str, body: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": body}}
    return {"post": {"operationId": operation, "requestBody": {"content": content}}}


SMALL = Schema(
    {
        "components": {
            "schemas": {
                "Id": {"type": "string", "pattern": "^[0-9]+$"},
                "Thing": {
                    "type": "object",
                    "properties": {
                        "thing_id": {"$ref": "#/components/schemas/Id"},
                        "users": {"type": "array", "items": {"$ref": "#/components/schemas/Id"}},
                        "size": {"type": "integer", "maximum": 5},
                    },
                    "required": ["size"],
                },
            }
        },
        "paths": {
            "/things": described("make", {"$ref": "#/components/schemas/Thing"}),
            "/lists": described("list", {"type": "array", "items": {"type": "integer"}}),
        },
    }
)


@pytest.mark.parametrize(
    ("operation", "body", "findings"),
    [
        ("make", {"size": 1, "thing_id": 7, "users": [5, "6"]}, []),
        ("make", {"size": 9}, ["make['size']: 9 is greater than the maximum of 5"]),
        ("make", {"size": "1"}, ["make['size']: '1' is not of type 'integer'"]),
        ("make", {}, ["make: 'size' is a required property"]),
        ("make", {"size": 1, "users": ["x"]}, ["make['users'][0]: 'x' does not match '^[0-9]+$'"]),
        ("make", {"size": 1, "colour": 2}, ["make: colour is unknown"]),
        ("list", [1, "x"], ["list[1]: 'x' is not of type 'integer'"]),
        ("unknown", {"any": "thing"}, []),
    ],
)
def test_what_the_description_does_not_know(operation: str, body: Any, findings: list[str]) -> None:
    assert list(SMALL.violations(operation, body)) == findings


def test_objects_are_compared_too() -> None:
    assert list(SMALL.mismatches("Thing", {"size": 2})) == []
    assert list(SMALL.mismatches("Thing", {})) == ["Thing: 'size' is a required property"]


@pytest.fixture(scope="module")
def openapi(reference_data: Path) -> Any:
    return json.loads((reference_data / "specs/discord/openapi.json").read_text())


@pytest.fixture
async def dc(openapi: Any) -> AsyncIterator[Loopback]:
    async with loopback(schema=openapi) as everything:
        yield everything


@pytest.mark.reference_data
async def test_calls_are_checked(dc: Loopback) -> None:
    await dc.send(components=[ROW], nonce="n", enforce_nonce=True, flags=4)
    reference = {"message_id": 5, "fail_if_not_exists": False}
    quiet = {"parse": [], "replied_user": False}
    await dc.send("re", message_reference=reference, allowed_mentions=quiet)
    await dc.call("PUT", f"/applications/{BOT}/commands", [COMMAND])
    assert dc.simulator.violations == []
    await dc.send("x", tts="loudly", colour=1)
    await dc.call("PUT", f"/applications/{BOT}/commands", [{"description": "x"}])
    assert dc.simulator.violations == [
        "create_message['tts']: 'loudly' is not of type 'boolean', 'null'",
        "create_message: colour is unknown",
        "bulk_set_application_commands[0]: 'name' is a required property",
    ]


@pytest.mark.reference_data
async def test_what_the_simulator_says_is_in_order(dc: Loopback, openapi: Any) -> None:
    schema = Schema(openapi)
    socket = await dc.session()
    shown = [*await shown_over_rest(dc), *await shown_by_the_gateway(dc, socket)]
    assert [found for name, value in shown for found in schema.mismatches(name, value)] == []
    assert dc.simulator.violations == []


async def shown_over_rest(dc: Loopback) -> list[tuple[str, Any]]:
    event = await dc.simulator.send_file(b"x", "x.png", person=dc.ann, place=dc.there)
    sent = await dc.send(
        f"<@{dc.ann.id}>", dc.there, message_reference={"message_id": event}, components=[ROW]
    )
    thread = dc.simulator.place("thread", parent=dc.there)
    (server,) = (await dc.call("GET", "/users/@me/guilds")).body
    path = f"/guilds/{server['id']}"
    user = (await dc.call("GET", "/users/@me")).body
    return [
        ("MessageResponse", sent),
        *[
            ("MessageResponse", each)
            for each in (await dc.call("GET", f"/channels/{dc.there.id}/messages")).body
        ],
        ("UserPIIResponse", user | {"mfa_enabled": True, "locale": "en-US"}),
        ("PrivateChannelResponse", (await dc.call("GET", f"/channels/{dc.here.id}")).body),
        ("GuildChannelResponse", (await dc.call("GET", f"/channels/{dc.there.id}")).body),
        ("ThreadResponse", (await dc.call("GET", f"/channels/{thread.id}")).body),
        ("GuildRoleResponse", (await dc.call("GET", f"{path}/roles")).body[1]),
        ("GatewayBotResponse", (await dc.call("GET", "/gateway/bot")).body),
        *[
            ("ApplicationCommandResponse", each)
            for each in (await dc.call("PUT", f"/applications/{BOT}/commands", [COMMAND])).body
        ],
    ]


async def shown_by_the_gateway(dc: Loopback, socket: Socket) -> list[tuple[str, Any]]:
    shown = []
    for place in (dc.here, dc.there):
        event = await dc.simulator.say("x", person=dc.ann, place=place, mention=True)
        shown.append(await socket.event("MESSAGE_CREATE"))
        while shown[-1]["id"] != event:
            shown.append(await socket.event("MESSAGE_CREATE"))
        await dc.simulator.command("name", "My talk", person=dc.ann, place=place)
        body = await socket.event("INTERACTION_CREATE")
        path = f"/interactions/{body['id']}/{body['token']}/callback?with_response=true"
        answer = {"type": 5, "data": {"flags": 0}}
        response = await dc.call("POST", path, answer, token=None)
        assert response.status == 200
        path = f"/webhooks/{BOT}/{body['token']}/messages/@original"
        patched = await dc.call("PATCH", path, {"content": "x"}, token=None)
        shown.append(patched.body)
    return [("MessageResponse", each) for each in shown]


@pytest.mark.reference_data
async def test_sample_payloads_pass_through_as_they_are(reference_data: Path) -> None:
    files = sorted((reference_data / "payloads" / "discord").glob("*.json"))
    bodies = [json.loads(file.read_text()) for file in files]
    bodies = [body for body in bodies if isinstance(body, dict)]
    assert len(bodies) > 100
    async with loopback() as dc:
        socket = await dc.session()
        for body in bodies:
            event = dc.simulator.inject(body)
            assert event in dc.simulator.unacknowledged()
            frame = await socket.next()
            assert frame["d"] == (body.get("d") or {} if body.get("t") else body)
        await dc.simulator.disconnect()
        await dc.gone()
        again = await dc.open()
        await again.resume(socket.ready["session_id"], socket.seq - len(bodies))
        replayed = [await again.next() for _ in bodies]
        assert [frame["s"] for frame in replayed] == list(range(3, 3 + len(bodies)))
        assert await again.event("RESUMED")
        await again.beat()
        assert dc.simulator.unacknowledged() == []
        await dc.send("still there")
