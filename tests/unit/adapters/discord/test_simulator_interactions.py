"""Slash commands and buttons on the simulated Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.testing.simulator import SimulatedPlace
from tests.unit.adapters.discord.loopback import BOT, Answered, Clock, Loopback, loopback

COMMANDS = [
    {"name": "reset", "description": "Start afresh", "description_localizations": {"de": "Neu"}},
    {
        "name": "name",
        "description": "Name it",
        "options": [{"name": "text", "description": "The name", "type": 3}],
    },
]
BUTTONS = [
    {
        "type": 1,
        "components": [
            {"type": 2, "style": 1, "label": "Yes", "custom_id": "y"},
            {"type": 2, "style": 1, "label": "Off", "custom_id": "o", "disabled": True},
            {"type": 2, "style": 5, "label": "Web", "url": "https://example.org"},
        ],
    }
]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def dc(clock: Clock) -> AsyncIterator[Loopback]:
    async with loopback(clock=clock) as everything:
        assert (await register(everything, COMMANDS)).status == 200
        yield everything


async def register(dc: Loopback, commands: Any) -> Answered:
    return await dc.call("PUT", f"/applications/{BOT}/commands", commands)


async def used(dc: Loopback, name: str = "reset", text: str = "", **where: Any) -> dict[str, Any]:
    """What the bot is told of a command."""
    socket = await dc.session()
    place = where.get("place", dc.here)
    event = await dc.simulator.command(name, text, person=dc.ann, place=place)
    body: dict[str, Any] = await socket.event("INTERACTION_CREATE")
    await socket.ws.close(code=4000)
    assert body["id"] == event
    return body


async def pressed(dc: Loopback, label: str = "Yes", place: SimulatedPlace | None = None) -> Any:
    """What the bot is told of a button below a new message."""
    sent = await dc.send("Sure?", place, components=BUTTONS)
    socket = await dc.session()
    event = await dc.simulator.press(label, person=dc.ann, place=place or dc.here)
    body = await socket.event("INTERACTION_CREATE")
    await socket.ws.close(code=4000)
    assert (body["id"], body["message"]["id"]) == (event, sent["id"])
    return body


async def answer(dc: Loopback, body: Any, kind: int, query: str = "", **data: Any) -> Answered:
    """Answer an interaction, as everybody does, without authorization."""
    path = f"/interactions/{body['id']}/{body['token']}/callback{query}"
    return await dc.call("POST", path, {"type": kind, "data": data}, token=None)


def hook(body: Any, rest: str = "/messages/@original") -> str:
    return f"/webhooks/{body['application_id']}/{body['token']}{rest}"


async def test_commands_are_registered_all_at_once(dc: Loopback) -> None:
    assert list(dc.simulator.commands()) == ["reset", "name"]
    assert dc.simulator.commands()["reset"]["description_localizations"] == {"de": "Neu"}
    ids = {name: command["id"] for name, command in dc.simulator.commands().items()}
    answered = await register(dc, COMMANDS[:1])
    assert [command["id"] for command in answered.body] == [ids["reset"]]
    listed = await dc.call("GET", f"/applications/{BOT}/commands")
    assert listed.body == answered.body
    with pytest.raises(LookupError, match=r"no command 'name', but \['reset'\]"):
        await dc.simulator.command("name", person=dc.ann, place=dc.here)


@pytest.mark.parametrize(
    ("commands", "refusal"),
    [
        ([{"name": "Reset", "description": "x"}], "0.name: Command name is invalid"),
        ([{"name": "a b", "description": "x"}], "0.name: Command name is invalid"),
        ([{"name": "a" * 33, "description": "x"}], "0.name: Command name is invalid"),
        ([{"name": "a"}], "0.description: Must be between 1 and 100"),
        ([{"name": "a", "description": "x" * 101}], "0.description: Must be between 1 and 100"),
        (
            [{"name": "a", "description": "x", "description_localizations": {"de": ""}}],
            "0.description_localizations: Must be between 1 and 100",
        ),
        (
            [{"name": "a", "description": "x", "options": [{"name": "A", "type": 3}]}],
            "0.options.0.name: Command name is invalid",
        ),
        ([{"name": "a", "description": "x"}] * 2, "names must be unique"),
        ([{"name": f"a{n}", "description": "x"} for n in range(101)], "Maximum number of"),
    ],
)
async def test_commands_that_are_refused(dc: Loopback, commands: Any, refusal: str) -> None:
    assert (await register(dc, commands)).status == 400
    assert refusal in dc.simulator.refusals[0]
    assert len(dc.simulator.commands()) == 2


async def test_what_a_command_tells(dc: Loopback) -> None:
    body = await used(dc, "name", "My talk", place=dc.there)
    assert (body["type"], body["application_id"]) == (2, str(BOT))
    assert body["data"]["options"] == [{"name": "text", "type": 3, "value": "My talk"}]
    assert (body["channel_id"], body["channel"]["type"]) == (dc.there.id, 0)
    assert body["member"]["user"]["id"] == dc.ann.id
    assert "user" not in body
    body = await used(dc)
    assert (body["data"]["name"], body["context"]) == ("reset", 1)
    assert body["user"]["id"] == dc.ann.id
    assert not {"guild_id", "member"} & body.keys()
    with pytest.raises(ValueError, match="/reset takes no text"):
        await dc.simulator.command("reset", "x", person=dc.ann, place=dc.here)


async def test_a_promised_answer(dc: Loopback) -> None:
    body = await used(dc)
    assert (await answer(dc, body, 5)).status == 204
    assert dc.simulator.sent() == []
    (promised,) = dc.simulator.promised(dc.here)
    patched = await dc.call("PATCH", hook(body), {"content": "here"}, token=None)
    assert patched.status == 200
    (seen,) = dc.simulator.sent(dc.here)
    assert (seen.text, seen.message_id, seen.edited) == ("here", promised, False)
    assert dc.simulator.promised() == []
    got = await dc.call("GET", hook(body), token=None)
    assert (got.body["content"], got.body["type"]) == ("here", 20)
    assert got.body["interaction_metadata"]["user"]["id"] == dc.ann.id
    await dc.call("PATCH", hook(body), {"content": "there"}, token=None)
    assert dc.simulator.sent()[0].edited
    assert (await dc.call("DELETE", hook(body), token=None)).status == 204
    assert dc.simulator.sent() == []
    assert (await dc.refused("GET", hook(body), token=None)).startswith("404 10008")


async def test_a_followup_keeps_the_promise_and_the_next_is_another(dc: Loopback) -> None:
    body = await used(dc)
    await answer(dc, body, 5)
    first = await dc.call("POST", hook(body, "?wait=true"), {"content": "one"}, token=None)
    second = await dc.call("POST", hook(body, ""), {"content": "two"}, token=None)
    assert [message.text for message in dc.simulator.sent()] == ["one", "two"]
    path = hook(body, f"/messages/{second.body['id']}")
    await dc.call("PATCH", path, {"content": "zwei"}, token=None)
    assert [message.text for message in dc.simulator.sent()] == ["one", "zwei"]
    await dc.call("PATCH", f"/channels/{dc.here.id}/messages/{first.body['id']}", {"content": "x"})
    assert dc.simulator.sent()[0].text == "x", "it is a message of the bot's like any other"
    mine = await dc.send("plain")
    refusal = await dc.refused("GET", hook(body, f"/messages/{mine['id']}"), token=None)
    assert refusal.startswith("404 10008")


async def test_answers_at_once_and_for_one_person_only(dc: Loopback) -> None:
    body = await used(dc)
    answered = await answer(dc, body, 4, "?with_response=true", content="psst", flags=64)
    resource = answered.body["resource"]
    assert (resource["type"], resource["message"]["content"]) == (4, "psst")
    (seen,) = dc.simulator.sent(dc.here)
    assert seen.text == "psst"
    history = await dc.call("GET", f"/channels/{dc.here.id}/messages")
    assert history.body == []
    refusal = await dc.refused("GET", f"/channels/{dc.here.id}/messages/{seen.message_id}")
    assert refusal.startswith("404 10008")


async def test_the_three_seconds(dc: Loopback, clock: Clock) -> None:
    late, early = await used(dc), await used(dc)
    clock.now += 2
    assert (await answer(dc, early, 5)).status == 204
    assert (await answer(dc, early, 5)).body["code"] == 40060
    assert dc.simulator.unanswered() == []
    clock.now += 1.5
    refused = await answer(dc, late, 5)
    assert (refused.status, refused.body["code"]) == (404, 10062)
    assert dc.simulator.unanswered() == [late["id"]]
    assert (await dc.refused("PATCH", hook(late), {"content": "x"}, token=None)) == (
        "404 10015 Unknown Webhook"
    )
    clock.now += 900
    said = await dc.refused("PATCH", hook(early), {"content": "x"}, token=None)
    assert said == "401 50027 Invalid Webhook Token"
    assert not [refusal for refusal in dc.simulator.refusals if early["token"] in refusal]


async def test_tokens_nobody_gave(dc: Loopback) -> None:
    body = await used(dc)
    for wrong, refusal in (
        ({**body, "token": "x"}, "404 10062 Unknown interaction"),
        ({**body, "id": "5"}, "404 10062 Unknown interaction"),
    ):
        refused = await answer(dc, wrong, 5)
        assert f"{refused.status} {refused.body['code']} {refused.body['message']}" == refusal
    edit = {"content": "x"}
    said = await dc.refused("PATCH", hook({**body, "token": "x"}), edit, token=None)
    assert said.startswith("401 50027")
    said = await dc.refused("PATCH", hook({**body, "application_id": "5"}), edit, token=None)
    assert said.startswith("404 10015")


@pytest.mark.parametrize(
    ("kind", "command", "button"), [(6, 400, 204), (7, 400, 204), (9, 400, 400)]
)
async def test_what_answers_what(dc: Loopback, kind: int, command: int, button: int) -> None:
    assert (await answer(dc, await used(dc), kind, content="x")).status == command
    assert (await answer(dc, await pressed(dc), kind, content="x")).status == button


async def test_pressing_a_button(dc: Loopback) -> None:
    await dc.send("Sure?", components=BUTTONS)
    body = await pressed(dc, place=dc.there)
    assert (body["type"], body["data"]["custom_id"]) == (3, "y")
    assert body["data"]["component_type"] == 2
    assert body["message"]["content"] == "Sure?"
    await answer(dc, body, 6)
    patched = await dc.call("PATCH", hook(body), {"content": "Done", "components": []}, token=None)
    assert patched.body["edited_timestamp"]
    (seen,) = dc.simulator.sent(dc.there)
    assert (seen.text, seen.buttons) == ("Done", ())
    with pytest.raises(LookupError, match=r"no button 'Yes' below \['Done'\]"):
        await dc.simulator.press("Yes", person=dc.ann, place=dc.there)
    for label in ("Off", "Web", "No"):
        with pytest.raises(LookupError, match="no button"):
            await dc.simulator.press(label, person=dc.ann, place=dc.here)
    assert dc.simulator.sent(dc.here)[0].buttons == ("Yes", "Off", "Web")


async def test_a_button_changes_its_message_or_is_answered_by_another(dc: Loopback) -> None:
    await answer(dc, await pressed(dc), 7, content="Changed", components=[])
    await answer(dc, await pressed(dc), 4, content="Other")
    texts = [message.text for message in dc.simulator.sent(dc.here)]
    assert texts == ["Changed", "Sure?", "Other"]


async def test_an_interaction_is_taken_over_like_any_event(dc: Loopback) -> None:
    socket = await dc.session()
    for _ in range(2):
        await dc.simulator.command("reset", person=dc.ann, place=dc.here)
    first, second = [await socket.event("INTERACTION_CREATE") for _ in range(2)]
    assert dc.simulator.unacknowledged() == [first["id"], second["id"]]
    await answer(dc, first, 5)
    assert len(dc.simulator.unacknowledged()) == 2, "an answer does not say that it is stored"
    dc.simulator.kill_session()
    assert dc.simulator.unacknowledged() == []
    assert dc.simulator.lost() == [second["id"]], "the other was answered"
    gone = await dc.simulator.command("reset", person=dc.ann, place=dc.here)
    assert dc.simulator.lost() == [second["id"], gone], "nobody was there"
    while "closed" not in await socket.next():
        pass
