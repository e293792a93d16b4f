"""Calls against a description of the Web API, and Slack's own samples through the simulator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from slack_sdk.models.blocks import ActionsBlock, ButtonElement, MarkdownBlock

from adapters.slack.simulation.schema import Schema
from adapters.slack.simulation.vocabulary import SCOPES, TIERS
from tests.unit.adapters.slack.loopback import Loopback, loopback

SMALL = Schema(
    {
        "a.send": {
            "args": {
                "to": {"type": "string", "required": True},
                "count": {"type": "integer"},
                "size": {"type": "number"},
                "loud": {"type": "boolean"},
                "parts": {"type": "array"},
                "any": {},
            }
        },
        "chat.appendStream": {"args": {"markdown_text": {"required": True}, "chunks": {}}},
    }
)


@pytest.mark.parametrize(
    ("method", "given", "findings"),
    [
        ("a.fly", {}, ["a.fly: no such method"]),
        ("a.send", {"to": "b", "count": 1, "size": 1.5, "loud": True, "any": {}}, []),
        ("a.send", {"to": "b", "token": "x", "team_id": "T1", "parts": [1]}, []),
        ("a.send", {"too": "b"}, ["a.send: to is missing", "a.send: too is unknown"]),
        (
            "a.send",
            {"to": 1, "count": True},
            ["a.send.to: 1 is no string", "a.send.count: True is no integer"],
        ),
        ("a.send", {"to": "b", "loud": 1}, ["a.send.loud: 1 is no boolean"]),
        ("a.send", {"to": "b", "parts": {}}, ["a.send.parts: {} is no array"]),
        ("chat.appendStream", {"chunks": []}, []),
        ("chat.appendStream", {}, ["chat.appendStream: markdown_text is missing"]),
    ],
)
def test_what_the_description_does_not_know(
    method: str, given: dict[str, Any], findings: list[str]
) -> None:
    assert list(SMALL.violations(method, given)) == findings


@pytest.fixture(scope="module")
def web_api(reference_data: Path) -> Any:
    return json.loads((reference_data / "specs/slack/slack_web_methods_2026-05.json").read_text())


@pytest.mark.reference_data
def test_tiers_and_scopes_are_slack_s(web_api: Any) -> None:
    for method, tier in TIERS.items():
        assert web_api[method]["rate_limit"]["label"].startswith(f"Tier {tier}:"), method
    for method, scope in SCOPES.items():
        assert scope in {each["name"] for each in web_api[method]["scopes"]["bot"]}, method


@pytest.mark.reference_data
async def test_what_the_client_sends_is_in_order(web_api: Any) -> None:
    async with loopback(schema=web_api) as sl:
        client = sl.client()
        blocks = [
            MarkdownBlock(text="**Tea?**"),
            ActionsBlock(elements=[ButtonElement(text="Yes", action_id="yes", value="1")]),
        ]
        sent = await client.chat_postMessage(
            channel=sl.here.id, blocks=blocks, text="Tea?", unfurl_links=False
        )
        ts = str(sent["ts"])
        await client.chat_update(channel=sl.here.id, ts=ts, markdown_text="*Tea*")
        stream = await client.chat_stream(channel=sl.here.id, thread_ts=ts, buffer_size=1)
        await stream.append(markdown_text="a")
        await stream.append(markdown_text="b")
        await stream.stop(markdown_text="c", blocks=blocks)
        await client.files_upload_v2(channel=sl.here.id, content="a", filename="a.txt")
        await client.conversations_history(
            channel=sl.here.id, oldest="1.5", limit=10, include_all_metadata=True
        )
        await client.conversations_replies(channel=sl.here.id, ts=ts, inclusive=True)
        await client.users_conversations(types="im", limit=10)
        await client.users_info(user=sl.ann.id)
        await client.assistant_threads_setStatus(
            channel_id=sl.here.id, thread_ts=ts, status="is thinking…"
        )
        await sl.connect()
        assert sl.simulator.violations == []
        assert sl.simulator.refusals == []
        await sl.refused("chat.postMessage", text="a", client_msg_id="b")
        await sl.refused("chat.fly")
    assert sl.simulator.violations == [
        "chat.postMessage: channel is missing",
        "chat.postMessage: client_msg_id is unknown",
        "chat.fly: no such method",
    ]


async def everything_that_happens(sl: Loopback) -> list[dict[str, Any]]:
    """The bodies of events of every kind there is."""
    simulator, bodies = sl.simulator, []
    socket = await sl.connect()
    channel = simulator.place("channel", people=[sl.ann])
    for place in (sl.here, channel, simulator.place("thread", people=[sl.ann], parent=channel)):
        said = await simulator.say("hi", person=sl.ann, place=place, mention=True)
        await simulator.edit(said, "hello")
        await simulator.unfurl(said)
        await simulator.delete(said)
        await simulator.send_file(b"a", "a.txt", person=sl.ann, place=place)
    thread = simulator.open_assistant(sl.ann)
    await simulator.say("hi", person=sl.ann, place=thread)
    simulator.rename_channel_id(channel)
    await sl.send("mine")
    for _ in range(3 * 5 + 2 + 4):
        frame = await socket.frame()
        await socket.ack(frame)
        bodies.append(frame["payload"])
    assert await socket.is_quiet(0.02)
    return bodies


@pytest.mark.reference_data
async def test_what_the_simulator_says_is_in_order(reference_data: Path) -> None:
    folder = reference_data / "specs/slack"
    wrapper = json.loads((folder / "slack_common_event_wrapper_schema.json").read_text())
    # Gone since the description was frozen: `authorizations` stand in its place.
    wrapper["required"].remove("authed_users")
    async with loopback() as sl:
        for body in await everything_that_happens(sl):
            jsonschema.validate(body, wrapper)


@pytest.mark.reference_data
async def test_slack_s_own_samples_can_be_injected(reference_data: Path) -> None:
    samples = [
        json.loads(path.read_text())
        for path in sorted((reference_data / "payloads/slack").glob("*.json"))
    ]
    assert len(samples) > 100
    async with loopback() as sl:
        socket = await sl.connect()
        for sample in samples:
            sl.simulator.inject(sample)
            frame = await socket.frame()
            assert frame["payload"] == sample
            await socket.ack(frame)
        await sl.simulator.wait_until(lambda: not sl.simulator.unacknowledged())
        await sl.simulator.say("still there", person=sl.ann, place=sl.here)
        assert (await socket.event())["text"] == "still there"


@pytest.mark.reference_data
async def test_what_the_simulator_says_looks_like_slack_s_own_samples(reference_data: Path) -> None:
    """Every field of a sample is there, but for those that only say more of the same."""
    folder = reference_data / "payloads/slack"
    async with loopback() as sl:
        bodies = await everything_that_happens(sl)
    said = {_kind(body["event"]): body["event"] for body in reversed(bodies)}
    for name in (
        "bolt-app-app_mention_event_body",
        "bolt-message_bot-user_message_event_payload",
        "bolt-message_changed-event_payload",
        "bolt-message_deleted-event_payload",
        "bolt-message_file_share-event_payload",
        "bolt-events_assistant-thread_started_event_body",
        "java-ChannelIdChangedPayload",
    ):
        sample = json.loads((folder / f"{name}.json").read_text())["event"]
        assert sample.keys() - said[_kind(sample)].keys() <= {"display_as_bot"}, name


def _kind(event: dict[str, Any]) -> tuple[str, str]:
    return event["type"], event.get("subtype", "")
