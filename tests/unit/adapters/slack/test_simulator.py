"""What people do and see on the simulated Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, get_args

import pytest

from gateway.testing.simulator import PlaceKind, Simulator
from tests.unit.adapters.slack.loopback import Loopback, loopback


@pytest.fixture
async def sl() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


def button(label: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": label}, **more}


def actions(*labels: str) -> dict[str, Any]:
    return {
        "type": "actions",
        "elements": [button(each, action_id=each.lower(), value=each.lower()) for each in labels],
    }


async def test_it_speaks_the_protocol_of_all_simulators(sl: Loopback) -> None:
    simulator: Simulator = sl.simulator
    assert set(simulator.settings()) == {"bot_token", "app_token", "api_url"}
    for kind in get_args(PlaceKind):
        parent = simulator.place("group") if kind == "thread" else None
        place = simulator.place(kind, people=[sl.ann], parent=parent)
        assert (place.kind, place.account) == (kind, sl.account)
        assert place.parent == (parent.id if parent else None)
        assert await simulator.say("hi", person=sl.ann, place=place, mention=True)


async def test_a_direct_message_arrives_as_an_event(sl: Loopback) -> None:
    socket = await sl.connect()
    said = await sl.simulator.say("a < b & https://x.org/?a=1&b", person=sl.ann, place=sl.here)
    frame = await socket.frame()
    assert (frame["type"], frame["retry_attempt"]) == ("events_api", 0)
    body, event = frame["payload"], frame["payload"]["event"]
    assert body["authorizations"][0]["user_id"] == sl.simulator.bot_user()
    assert f"{event['channel']}:{event['ts']}" == said
    assert (event["type"], event["user"], event["channel_type"]) == ("message", sl.ann.id, "im")
    assert event["text"] == "a &lt; b &amp; <https://x.org/?a=1&amp;b>"
    assert "thread_ts" not in event
    assert sl.simulator.unacknowledged() == [said]
    await socket.ack(frame)
    await sl.simulator.wait_until(lambda: not sl.simulator.unacknowledged())
    assert len(sl.simulator.ack_times()) == 1


async def test_a_mention_in_a_channel_is_two_events_of_one_message(sl: Loopback) -> None:
    socket = await sl.connect()
    channel = sl.simulator.place("channel", people=[sl.ann])
    said = await sl.simulator.say("hi", person=sl.ann, place=channel, mention=True)
    frames = [await socket.frame(), await socket.frame()]
    message, mention = (frame["payload"]["event"] for frame in frames)
    assert frames[0]["payload"]["event_id"] != frames[1]["payload"]["event_id"]
    assert (message["type"], message["channel_type"]) == ("message", "channel")
    assert mention["type"] == "app_mention"
    assert "channel_type" not in mention
    assert message["ts"] == mention["ts"]
    assert message["text"] == f"<@{sl.simulator.bot_user()}> hi"
    await socket.ack(frames[0])
    await sl.simulator.wait_until(lambda: len(sl.simulator.ack_times()) == 1)
    assert sl.simulator.unacknowledged() == [said], "the other one is still under way"
    await socket.ack(frames[1])
    await sl.simulator.wait_until(lambda: not sl.simulator.unacknowledged())


async def test_who_hears_what_is_said(sl: Loopback) -> None:
    other = sl.simulator.add_app("other", events=["app_mention"])
    deaf = sl.simulator.add_app("deaf", scopes=["chat:write"])
    channel = sl.simulator.place("channel", people=[sl.ann])
    for account in (other, deaf):
        place = sl.simulator.join(channel, account)
        assert await sl.simulator.say("hi", person=sl.ann, place=place) == ""
    place = sl.simulator.join(channel, other)
    assert await sl.simulator.say("hi", person=sl.ann, place=place, mention=True)
    assert await sl.simulator.say("hi", person=sl.ann, place=channel)
    sl.simulator.leave(channel)
    assert await sl.simulator.say("hi", person=sl.ann, place=channel) == ""
    away = sl.simulator.channel("away", people=[sl.ann], member=False)
    assert await sl.simulator.say("hi", person=sl.ann, place=away, mention=True) == ""


async def test_a_thread_of_a_channel(sl: Loopback) -> None:
    channel = sl.simulator.place("channel", people=[sl.ann])
    thread = sl.simulator.place("thread", people=[sl.ann], parent=channel)
    assert thread.parent == channel.id
    assert sl.simulator.unacknowledged() == [], "nobody is told of how it began"
    socket = await sl.connect()
    await sl.simulator.say("and?", person=sl.ann, place=thread)
    event = await socket.event()
    assert (event["thread_ts"], event["parent_user_id"]) == (thread.id, sl.ann.id)
    top = await sl.send("top", channel.id)
    await sl.simulator.say("a reply to it", person=sl.ann, place=channel, reply_to=top)
    reply = await sl.send("reply", channel.id, thread_ts=thread.id)
    assert [message.message_id for message in sl.simulator.sent(channel)] == [top]
    (seen,) = sl.simulator.sent(thread)
    assert (seen.message_id, seen.place_id, seen.reply_to) == (reply, thread.id, thread.id)
    shown = await sl.send("both", channel.id, thread_ts=thread.id, reply_broadcast=True)
    for place in (channel, thread):
        assert sl.simulator.sent(place)[-1].message_id == shown


async def test_the_thread_that_a_message_began(sl: Loopback) -> None:
    channel = sl.simulator.place("channel", people=[sl.ann])
    said = await sl.simulator.say("hi", person=sl.ann, place=channel)
    thread = sl.simulator.thread_of(said)
    assert sl.simulator.sent(thread) == []
    await sl.send("yes?", channel.id, thread_ts=thread.id)
    assert [m.text for m in sl.simulator.sent(thread)] == ["yes?"]
    assert sl.simulator.sent(channel) == []
    more = await sl.simulator.say("so", person=sl.ann, place=channel, reply_to=thread.id)
    assert sl.simulator.thread_of(more) == thread


async def test_direct_messages_show_the_threads_that_answers_began(sl: Loopback) -> None:
    said = await sl.simulator.say("hi", person=sl.ann, place=sl.here)
    apart = sl.simulator.place("thread", people=[sl.ann], parent=sl.here)
    await sl.send("in its thread", thread_ts=said.partition(":")[2])
    await sl.send("apart", thread_ts=apart.id)
    await sl.send("below")
    texts = [(message.text, message.place_id) for message in sl.simulator.sent(sl.here)]
    assert texts == [("in its thread", sl.here.id), ("below", sl.here.id)]
    assert [message.text for message in sl.simulator.sent(apart)] == ["apart"]


async def test_people_see_what_was_sent_edited_and_deleted(sl: Loopback) -> None:
    first = await sl.send("one", blocks=[actions("Yes", "No")])
    second = await sl.send("two")
    (seen, _) = sl.simulator.sent(sl.here)
    assert (seen.text, seen.buttons, seen.edited) == ("", ("Yes", "No"), False)
    await sl.call("chat.update", channel=sl.here.id, ts=first, text="uno")
    await sl.call("chat.delete", channel=sl.here.id, ts=second)
    (seen,) = sl.simulator.sent(sl.here)
    assert (seen.text, seen.edited, seen.buttons) == ("uno", True, ())
    assert (seen.message_id, seen.place_id, seen.account) == (first, sl.here.id, sl.account)
    assert sl.simulator.sent() == [seen]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("*bold* _so_ ~no~ `code` 2*3*4", "bold so no code 2*3*4"),
        ("```\n*x*\n```", "*x*"),
        ("<https://x.org|here> <https://y.org>", "here https://y.org"),
        ("<!here> <!subteam^S1|@team> <!date^1^x|then>", "@here @team then"),
    ],
)
async def test_mrkdwn_as_people_see_it(sl: Loopback, text: str, seen: str) -> None:
    await sl.send(text)
    await sl.send(f"<@{sl.ann.id}> *x*", mrkdwn=False)
    assert [message.text for message in sl.simulator.sent(sl.here)] == [seen, "@Ann *x*"]


async def test_blocks_as_people_see_them(sl: Loopback) -> None:
    blocks = [
        {"type": "markdown", "text": "**bold**"},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*a* &amp; b"}},
        {"type": "section", "fields": [{"type": "plain_text", "text": "*f*"}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "c"}]},
        {"type": "divider"},
        actions("Go"),
    ]
    await sl.send("only for notifications", blocks=blocks)
    (seen,) = sl.simulator.sent()
    assert (seen.text, seen.buttons) == ("**bold**\na & b\n*f*\nc", ("Go",))


async def test_rich_text_and_what_is_none_of_it(sl: Loopback) -> None:
    words = [{"type": "text", "text": "see "}, {"type": "link", "url": "https://x.org"}, 1]
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": words}]}
    odd = {"type": "table", "elements": None}
    await sl.send("a", blocks=[rich, odd])
    (seen,) = sl.simulator.sent()
    assert (seen.text, seen.buttons) == ("see https://x.org", ())


async def test_waiting_for_messages(sl: Loopback) -> None:
    await sl.send("a")
    assert len(await sl.simulator.wait_sent(1)) == 1
    (seen,) = await sl.simulator.wait_sent(lambda sent: sent[0].text == "a", sl.here)
    assert seen.text == "a"
    with pytest.raises(TimeoutError, match=r"1 were sent: \['a'\]"):
        await sl.simulator.wait_sent(2, sl.here, timeout=0.01)


async def test_equal_texts_after_each_other_are_duplicates(sl: Loopback) -> None:
    sent = [await sl.send(text) for text in ("a", "a", "b", "a", "a", "a")]
    group = sl.simulator.place("group", people=[sl.ann])
    await sl.send("a", group.id)
    await sl.call("chat.update", channel=sl.here.id, ts=sent[1], text="changed")
    await sl.call("chat.delete", channel=sl.here.id, ts=sent[5])
    repeated = [message.message_id for message in sl.simulator.duplicates(sl.here)]
    assert repeated == [sent[1], sent[4], sent[5]]
    assert len(sl.simulator.duplicates()) == 3
    assert sl.simulator.duplicates(group) == []


async def test_pressing_a_button(sl: Loopback) -> None:
    socket = await sl.connect()
    await sl.send("old", blocks=[actions("Yes")])
    newest = await sl.send("new", blocks=[actions("Yes", "No")])
    for _ in range(2):
        await socket.event()
    press = await sl.simulator.press("Yes", person=sl.ann, place=sl.here)
    frame = await socket.frame()
    assert (frame["type"], frame["accepts_response_payload"]) == ("interactive", True)
    payload = frame["payload"]
    (action,) = payload["actions"]
    assert (payload["type"], payload["trigger_id"]) == ("block_actions", press)
    assert (action["action_id"], action["value"]) == ("yes", "yes")
    assert payload["user"]["id"] == sl.ann.id
    assert payload["container"]["message_ts"] == payload["message"]["ts"] == newest
    assert payload["channel"]["id"] == payload["container"]["channel_id"] == sl.here.id
    assert sl.simulator.unacknowledged() == [press]
    await socket.ack(frame)
    await sl.simulator.wait_until(lambda: not sl.simulator.unacknowledged())
    with pytest.raises(LookupError, match="no button 'Maybe'"):
        await sl.simulator.press("Maybe", person=sl.ann, place=sl.here)


async def test_a_command_and_its_answers(sl: Loopback) -> None:
    socket = await sl.connect()
    channel = sl.simulator.channel("garden", people=[sl.ann])
    await sl.simulator.command("status", "now", person=sl.ann, place=channel)
    frame = await socket.frame()
    command = frame["payload"]
    assert frame["type"] == "slash_commands"
    assert (command["command"], command["text"]) == ("/status", "now")
    assert (command["channel_id"], command["channel_name"]) == (channel.id, "garden")
    assert command["user_id"] == sl.ann.id
    await socket.ack(frame, payload={"text": "fine"})
    async with sl.http.post(command["response_url"], json={"text": "also later"}) as response:
        assert response.status == 200
    await sl.simulator.wait_until(lambda: len(sl.simulator.ephemerals(sl.ann, channel)) == 2)
    texts = {message.text for message in sl.simulator.ephemerals(sl.ann)}
    assert texts == {"fine", "also later"}
    assert sl.simulator.sent(channel) == []
    thread = sl.simulator.place("thread", people=[sl.ann], parent=channel)
    with pytest.raises(ValueError, match="cannot be used in threads"):
        await sl.simulator.command("status", person=sl.ann, place=thread)


async def test_edits_and_deletions(sl: Loopback) -> None:
    socket = await sl.connect()
    said = await sl.simulator.say("one", person=sl.ann, place=sl.here)
    first = await socket.event()
    changed = await sl.simulator.edit(said, "<two>", person=sl.ann)
    event = await socket.event()
    assert (event["subtype"], event["hidden"]) == ("message_changed", True)
    assert event["message"]["text"] == "&lt;two&gt;"
    assert event["previous_message"]["text"] == "one"
    assert event["message"]["ts"] == first["ts"] != event["ts"]
    assert changed == f"edit:{said}:{event['message']['edited']['ts']}"
    await sl.simulator.unfurl(said)
    event = await socket.event()
    assert event["message"]["text"] == event["previous_message"]["text"] == "&lt;two&gt;"
    deleted = await sl.simulator.delete(said, person=sl.ann)
    event = await socket.event()
    assert (event["subtype"], event["deleted_ts"]) == ("message_deleted", first["ts"])
    assert deleted == f"delete:{said}"
    bob = sl.simulator.person("Bob")
    said = await sl.simulator.say("mine", person=sl.ann, place=sl.here)
    with pytest.raises(ValueError, match="what they wrote themselves"):
        await sl.simulator.delete(said, person=bob)


async def test_a_deleted_root_leaves_a_tombstone(sl: Loopback) -> None:
    channel = sl.simulator.place("channel", people=[sl.ann])
    said = await sl.simulator.say("root", person=sl.ann, place=channel)
    await sl.send("reply", channel.id, thread_ts=said.partition(":")[2])
    socket = await sl.connect()
    for _ in range(2):
        await socket.event()
    await sl.simulator.delete(said)
    event = await socket.event()
    assert event["subtype"] == "message_changed"
    assert event["message"]["subtype"] == "tombstone"
    answer = await sl.call("conversations.replies", channel=channel.id, ts=event["message"]["ts"])
    assert [each["text"] for each in answer["messages"]] == ["This message was deleted.", "reply"]


async def test_the_agent_view(sl: Loopback) -> None:
    account = sl.simulator.add_app("agent", assistant=True)
    socket = await sl.connect(account)
    thread = sl.simulator.open_assistant(sl.ann, account=account)
    opened = await socket.event()
    assert opened["type"] == "assistant_thread_started"
    assert opened["assistant_thread"]["thread_ts"] == thread.id
    assert opened["assistant_thread"]["channel_id"] == thread.parent
    where = {"channel_id": thread.parent, "thread_ts": thread.id}
    prompts = [{"title": "Roses", "message": "Tell me of roses"}]
    await sl.call("assistant.threads.setSuggestedPrompts", account, **where, prompts=prompts)
    await sl.call("assistant.threads.setTitle", account, **where, title="On roses")
    await sl.call("assistant.threads.setStatus", account, **where, status="is thinking…")
    assert sl.simulator.prompts(thread) == prompts
    assert (sl.simulator.title(thread), sl.simulator.status(thread)) == ("On roses", "is thinking…")
    dialog = sl.simulator.place("direct", people=[sl.ann], account=account)
    await sl.simulator.say("hi", person=sl.ann, place=dialog)
    event = await socket.event()
    assert event["thread_ts"] == thread.id, "what is said there stands in the open thread"
    assert "assistant_thread" in event
    await sl.call(
        "chat.postMessage", account, channel=thread.parent, thread_ts=thread.id, text="hello"
    )
    assert sl.simulator.status(thread) == "", "an answer clears it"
    assert [message.text for message in sl.simulator.sent(thread)] == ["hello"]
    assert sl.simulator.sent(dialog) == []
    sl.simulator.look_elsewhere(sl.ann, thread)
    await socket.event()
    assert (await socket.event())["type"] == "assistant_thread_context_changed"


async def test_a_conversation_that_gets_another_id(sl: Loopback) -> None:
    socket = await sl.connect()
    channel = sl.simulator.place("channel", people=[sl.ann])
    thread = sl.simulator.place("thread", people=[sl.ann], parent=channel)
    moved = sl.simulator.rename_channel_id(channel)
    event = await socket.event()
    assert event["type"] == "channel_id_changed"
    assert (event["old_channel_id"], event["new_channel_id"]) == (channel.id, moved.id)
    said = await sl.refused("chat.postMessage", channel=channel.id, text="a")
    assert said == "channel_not_found"
    await sl.send("a", moved.id, thread_ts=thread.id)
    assert [message.text for message in sl.simulator.sent(thread)] == ["a"]


async def test_the_app_hears_itself(sl: Loopback) -> None:
    socket = await sl.connect()
    await sl.send("me")
    event = await socket.event()
    assert (event["user"], event["text"]) == (sl.simulator.bot_user(), "me")
    assert event["bot_id"]
    assert sl.simulator.unacknowledged() == [], "nobody waits for it"


async def test_an_organisation_s_installation(sl: Loopback) -> None:
    account = sl.simulator.add_app("grid", enterprise="E1", org_install=True)
    ann = sl.simulator.person("Ann", account=account)
    place = sl.simulator.place("direct", people=[ann], account=account)
    socket = await sl.connect(account)
    await sl.simulator.say("hi", person=ann, place=place)
    body = (await socket.frame())["payload"]
    assert (body["team_id"], body["context_team_id"]) == ("E1", body["event"]["team"])
    assert body["authorizations"][0]["is_enterprise_install"] is True
    client = sl.client(account)
    found = await client.api_call("users.conversations", params={"types": "im", "team_id": "T1"})
    assert [each["id"] for each in found["channels"]] == [place.id]
    with pytest.raises(Exception, match="missing_argument"):
        await client.api_call("users.conversations", params={"types": "im"})


async def test_how_much_is_remembered() -> None:
    async with loopback(keep=2) as sl:
        for text in ("a", "b", "c"):
            await sl.send(text)
        assert [message.text for message in sl.simulator.sent()] == ["b", "c"]
        assert [message.text for message in sl.simulator.sent(sl.here)] == ["b", "c"]
        assert len(sl.simulator.calls()) == 2
        history = await sl.call("conversations.history", channel=sl.here.id)
        assert len(history["messages"]) == 2
