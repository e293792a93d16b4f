"""What an app can look up on the simulated Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.adapters.slack.loopback import Loopback, loopback


@pytest.fixture
async def sl() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


async def say(sl: Loopback, *texts: str) -> list[str]:
    said = [await sl.simulator.say(text, person=sl.ann, place=sl.here) for text in texts]
    return [each.partition(":")[2] for each in said]


def texts(answer: Any) -> list[str]:
    return [message["text"] for message in answer["messages"]]


async def test_the_history_is_newest_first(sl: Loopback) -> None:
    first, second, third = await say(sl, "1", "2", "3")
    await sl.send("reply", thread_ts=first)
    await sl.send("shown", thread_ts=first, reply_broadcast=True)
    history = await sl.call("conversations.history", channel=sl.here.id)
    assert texts(history) == ["shown", "3", "2", "1"]
    assert history["has_more"] is False
    root = history["messages"][-1]
    assert (root["thread_ts"], root["reply_count"]) == (first, 2)
    assert "channel" not in root
    for bounds, expected in (
        ({"oldest": first}, ["shown", "3", "2"]),
        ({"oldest": first, "inclusive": True}, ["shown", "3", "2", "1"]),
        ({"latest": third}, ["2", "1"]),
        ({"oldest": second, "latest": second, "inclusive": True}, ["2"]),
        ({"oldest": "0"}, ["shown", "3", "2", "1"]),
    ):
        assert texts(await sl.call("conversations.history", channel=sl.here.id, **bounds)) == (
            expected
        )


async def test_neighbouring_timestamps_are_told_apart(sl: Loopback) -> None:
    stamps = await say(sl, *map(str, range(40)))
    for number, stamp in enumerate(stamps):
        history = await sl.call("conversations.history", channel=sl.here.id, oldest=stamp)
        assert len(history["messages"]) == 39 - number


async def test_pages(sl: Loopback) -> None:
    await say(sl, *map(str, range(5)))
    found, cursor = [], ""
    for _ in range(3):
        page = await sl.call(
            "conversations.history",
            channel=sl.here.id,
            limit=2,
            **({"cursor": cursor} if cursor else {}),
        )
        found += texts(page)
        cursor = page["response_metadata"]["next_cursor"]
        assert page["has_more"] is bool(cursor)
    assert found == ["4", "3", "2", "1", "0"]
    assert cursor == ""


async def test_replies_come_oldest_first_after_their_root(sl: Loopback) -> None:
    root, lone = await say(sl, "root", "lone")
    replies = [await sl.send(text, thread_ts=root) for text in ("a", "b", "c")]
    where = {"channel": sl.here.id, "ts": root}
    assert texts(await sl.call("conversations.replies", **where)) == ["root", "a", "b", "c"]
    later = await sl.call("conversations.replies", **where, oldest=replies[0], limit=1)
    assert (texts(later), later["has_more"]) == (["root", "b"], True)
    by_reply = await sl.call("conversations.replies", **where | {"ts": replies[0]})
    assert texts(by_reply) == ["root", "a", "b", "c"]
    alone = await sl.call("conversations.replies", **where | {"ts": lone})
    assert texts(alone) == ["lone"]


async def test_metadata_comes_if_it_is_asked_for(sl: Loopback) -> None:
    metadata = {"event_type": "delivery", "event_payload": {"id": "1"}}
    await sl.send("a", metadata=metadata)
    await sl.send("b", metadata=metadata, thread_ts=(await say(sl, "root"))[0])
    where = {"channel": sl.here.id}
    plain = await sl.call("conversations.history", **where)
    assert all("metadata" not in message for message in plain["messages"])
    full = await sl.call("conversations.history", **where, include_all_metadata=True)
    assert [message.get("metadata") for message in full["messages"]] == [None, metadata]
    root = full["messages"][0]["ts"]
    full = await sl.call("conversations.replies", **where, ts=root, include_all_metadata=True)
    assert [message.get("metadata") for message in full["messages"]] == [None, metadata]


async def test_what_cannot_be_read(sl: Loopback) -> None:
    public = sl.simulator.channel("public", people=[sl.ann], member=False)
    await say(sl, "a")
    for method, given, error in (
        ("conversations.history", {"channel": "C1"}, "channel_not_found"),
        ("conversations.history", {"channel": public.id}, "not_in_channel"),
        ("conversations.history", {}, "invalid_arguments"),
        ("conversations.history", {"channel": sl.here.id, "oldest": "x"}, "invalid_ts_oldest"),
        ("conversations.history", {"channel": sl.here.id, "latest": "x"}, "invalid_ts_latest"),
        ("conversations.history", {"channel": sl.here.id, "cursor": "x"}, "invalid_cursor"),
        ("conversations.history", {"channel": sl.here.id, "limit": -1}, "invalid_limit"),
        ("conversations.replies", {"channel": sl.here.id, "ts": "1.000001"}, "thread_not_found"),
        ("conversations.open", {}, "users_list_not_supplied"),
        ("conversations.open", {"users": f"{sl.ann.id},U1"}, "user_not_found"),
        ("users.conversations", {"types": "dm"}, "invalid_types"),
        ("users.info", {"user": "U1"}, "user_not_found"),
        ("files.info", {"file": "F1"}, "file_not_found"),
    ):
        assert await sl.refused(method, **given) == error


async def test_conversations(sl: Loopback) -> None:
    bob = sl.simulator.person("Bob")
    channel = sl.simulator.channel("garden", people=[sl.ann])
    private = sl.simulator.channel("shed", private=True, people=[sl.ann])
    group = (await sl.call("conversations.open", users=f"{sl.ann.id},{bob.id}"))["channel"]["id"]
    again = await sl.call("conversations.open", users=f"{bob.id},{sl.ann.id}", return_im=True)
    assert (again["channel"]["id"], again["channel"]["is_mpim"]) == (group, True)
    direct = await sl.call("conversations.open", users=sl.ann.id)
    assert direct["channel"]["id"] == sl.here.id
    assert (await sl.call("conversations.open", channel=group))["channel"]["id"] == group
    info = await sl.call("conversations.info", channel=sl.here.id)
    assert (info["channel"]["is_im"], info["channel"]["user"]) == (True, sl.ann.id)
    info = await sl.call("conversations.info", channel=channel.id)
    assert (info["channel"]["name"], info["channel"]["is_member"]) == ("garden", True)
    for types, expected in (
        ("", [channel.id]),
        ("public_channel,private_channel", [channel.id, private.id]),
        ("mpim,im", [sl.here.id, group]),
    ):
        found = await sl.call("users.conversations", **({"types": types} if types else {}))
        assert [each["id"] for each in found["channels"]] == expected
    sl.simulator.archive(channel)
    found = await sl.call("users.conversations", exclude_archived=True)
    assert found["channels"] == []


async def test_people(sl: Loopback) -> None:
    user = (await sl.call("users.info", user=sl.ann.id))["user"]
    assert (user["profile"]["display_name"], user["is_bot"]) == ("Ann", False)


async def test_edited_messages_say_so(sl: Loopback) -> None:
    said = await sl.simulator.say("a", person=sl.ann, place=sl.here)
    await sl.simulator.edit(said, "b")
    (message,) = (await sl.call("conversations.history", channel=sl.here.id))["messages"]
    assert (message["text"], message["edited"]["user"]) == ("b", sl.ann.id)
