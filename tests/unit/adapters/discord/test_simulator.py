"""What people do and see on the simulated Discord, and what bots are told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, get_args

import pytest

from adapters.discord.simulation.model import bot_id_of, token_of
from gateway.testing.simulator import PlaceKind, SimulatedPlace, Simulator
from tests.unit.adapters.discord.loopback import BOT, INTENTS, TOKEN, Loopback, loopback


@pytest.fixture
async def dc() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


async def test_it_speaks_the_protocol_of_all_simulators(dc: Loopback) -> None:
    simulator: Simulator = dc.simulator
    assert simulator.settings() == {
        "token": TOKEN,
        "api_url": f"{simulator.url}/api/v10",
        "gateway_url": f"{simulator.url.replace('http', 'ws')}/",
    }
    for kind in get_args(PlaceKind):
        if kind == "group":
            with pytest.raises(ValueError, match="no group DMs"):
                simulator.place(kind, people=[dc.ann])
            continue
        parent = dc.there if kind == "thread" else None
        place = simulator.place(kind, people=[dc.ann], parent=parent)
        assert (place.kind, place.account) == (kind, str(BOT))
        assert place.parent == (parent.id if parent else None)
        assert await simulator.say("hi", person=dc.ann, place=place, mention=True)
    assert simulator.place("direct", people=[dc.ann]) == dc.here
    for wrong in (None, dc.here):
        with pytest.raises(ValueError, match=r"needs its channel|has no threads"):
            simulator.place("thread", parent=wrong)


def test_a_token_says_whose_it_is() -> None:
    assert bot_id_of(token_of(BOT)) == BOT
    assert bot_id_of("MTIzNA.x.y") == 1234


async def test_what_a_person_says(dc: Loopback) -> None:
    socket = await dc.session()
    event = await dc.simulator.say("hello", person=dc.ann, place=dc.there, mention=True)
    body = await socket.event("MESSAGE_CREATE")
    assert (body["id"], body["type"], body["channel_id"]) == (event, 0, dc.there.id)
    assert body["content"] == f"<@{BOT}> hello"
    assert (body["author"]["id"], body["author"]["global_name"]) == (dc.ann.id, "Ann")
    assert "bot" not in body["author"]
    assert body["guild_id"]
    assert body["member"]["roles"] == []
    (mentioned,) = body["mentions"]
    assert (mentioned["id"], mentioned["bot"]) == (str(BOT), True)
    assert mentioned["member"]["roles"] == [dc.simulator.role()]
    await dc.simulator.say("hello", person=dc.ann, place=dc.here, mention=True)
    body = await socket.event("MESSAGE_CREATE")
    assert (body["content"], body["channel_type"]) == ("hello", 1)
    assert not {"guild_id", "member"} & body.keys()


async def test_ids_grow_even_while_time_stands_still() -> None:
    async with loopback(clock=lambda: 1_800_000_000.0) as dc:
        events = [await dc.simulator.say("x", person=dc.ann, place=dc.here) for _ in range(3)]
        sent = await dc.send()
        assert sorted([*events, sent["id"]], key=int) == [*events, sent["id"]]
        at = (int(sent["id"]) >> 22) / 1000 + 1_420_070_400
        assert at == pytest.approx(1_800_000_000)


async def test_a_reply_carries_what_it_replies_to(dc: Loopback) -> None:
    socket = await dc.session()
    sent = await dc.send("question", dc.there)
    await socket.event("MESSAGE_CREATE")
    for ping in (True, False):
        await dc.simulator.say(
            "answer", person=dc.ann, place=dc.there, reply_to=sent["id"], ping=ping
        )
        body = await socket.event("MESSAGE_CREATE")
        assert (body["type"], body["message_reference"]["message_id"]) == (19, sent["id"])
        assert body["referenced_message"]["content"] == "question"
        assert body["referenced_message"]["author"]["id"] == str(BOT)
        assert [user["id"] for user in body["mentions"]] == [str(BOT)] * ping
    with pytest.raises(LookupError, match="no message 5"):
        await dc.simulator.say("x", person=dc.ann, place=dc.there, reply_to="5")


async def test_edits_deletions_and_previews_of_links(dc: Loopback) -> None:
    socket = await dc.session()
    say = dc.simulator.say
    first, second = [await say(text, person=dc.ann, place=dc.there) for text in ("one", "two")]
    event = await dc.simulator.edit(first, "uno", person=dc.ann)
    body = await socket.event("MESSAGE_UPDATE")
    assert event == f"edit:{first}:{body['edited_timestamp']}"
    assert (body["content"], body["author"]["id"]) == ("uno", dc.ann.id)
    await dc.simulator.unfurl(second, "https://example.org")
    body = await socket.event("MESSAGE_UPDATE")
    assert body["edited_timestamp"] is None
    assert body["embeds"] == [{"type": "link", "url": "https://example.org"}]
    assert await dc.simulator.delete(first) == f"delete:{first}"
    assert (await socket.event("MESSAGE_DELETE"))["id"] == first
    third = await say("three", person=dc.ann, place=dc.there)
    assert await dc.simulator.delete(second, third) == f"delete:{second}+1"
    assert (await socket.event("MESSAGE_DELETE_BULK"))["ids"] == [second, third]
    sent = await dc.send()
    bob = dc.simulator.person("Bob")
    said = await say("mine", person=dc.ann, place=dc.here)
    for message, person in ((sent["id"], dc.ann), (said, bob)):
        with pytest.raises(ValueError, match="only what they wrote themselves"):
            await dc.simulator.edit(message, "x", person=person)


async def test_bots_hear_themselves(dc: Loopback) -> None:
    socket = await dc.session()
    sent = await dc.send("a", nonce="mine")
    body = await socket.event("MESSAGE_CREATE")
    assert (body["author"]["id"], body["nonce"]) == (str(BOT), "mine")
    path = f"/channels/{dc.here.id}/messages/{sent['id']}"
    await dc.call("PATCH", path, {"content": "b"})
    assert (await socket.event("MESSAGE_UPDATE"))["content"] == "b"
    await dc.call("DELETE", path)
    assert (await socket.event("MESSAGE_DELETE"))["id"] == sent["id"]
    assert dc.simulator.unacknowledged() == []


async def test_new_places_are_made_known(dc: Loopback) -> None:
    socket = await dc.session()
    channel = dc.simulator.place("channel")
    assert (await socket.event("CHANNEL_CREATE"))["id"] == channel.id
    thread = dc.simulator.place("thread", parent=channel)
    body = await socket.event("THREAD_CREATE")
    assert (body["id"], body["parent_id"]) == (thread.id, channel.id)
    dc.simulator.remove(thread)
    assert (await socket.event("THREAD_DELETE"))["id"] == thread.id
    assert dc.simulator.unacknowledged() == []


async def test_in_a_forum_people_write_in_posts(dc: Loopback) -> None:
    socket = await dc.session()
    forum = dc.simulator.forum()
    with pytest.raises(ValueError, match="forum_post"):
        await dc.simulator.say("x", person=dc.ann, place=forum)
    place, event = await dc.simulator.forum_post("Title", "text", person=dc.ann, forum=forum)
    body = await socket.event("MESSAGE_CREATE")
    assert body["id"] == body["channel_id"] == event == place.id
    assert (place.kind, place.parent) == ("thread", forum.id)
    await dc.send("answer", place)
    assert [message.text for message in dc.simulator.sent(place)] == ["answer"]
    assert dc.simulator.place("thread", parent=forum).parent == forum.id


async def test_who_is_not_there_hears_nothing(dc: Loopback) -> None:
    other = dc.simulator.add_bot(username="other")
    say = dc.simulator.say
    dc.simulator.leave(dc.there)
    assert await say("x", person=dc.ann, place=dc.there) == ""
    joined = dc.simulator.join(dc.there, other)
    event = await say("x", person=dc.ann, place=joined, mention=True)
    assert dc.simulator.unacknowledged() == [event]
    mine = dc.simulator.place("direct", people=[dc.ann], account=other)
    assert mine.id != dc.here.id


async def test_bots_and_roles_are_told_apart(dc: Loopback) -> None:
    socket = await dc.session()
    robot = dc.simulator.person("Robot", bot=True)
    text = f"<@&{dc.simulator.role()}> @here"
    await dc.simulator.say(text, person=robot, place=dc.there)
    body = await socket.event("MESSAGE_CREATE")
    assert body["author"]["bot"] is True
    assert body["mention_roles"] == [dc.simulator.role()]
    assert (body["mention_everyone"], body["mentions"]) == (True, [])
    assert dc.simulator.pings() == [], "only what bots under test do counts"


async def hears(dc: Loopback, place: SimulatedPlace, **more: Any) -> dict[str, Any]:
    """What a new session is told of a message that has everything."""
    intents = INTENTS & ~(1 << 15)
    socket = await dc.session(intents=intents)
    extra = {"embeds": [{"title": "x"}], "components": [{"type": 1, "components": []}]}
    await dc.simulator.say("secret", person=dc.ann, place=place, extra=extra, **more)
    body: dict[str, Any] = await socket.event("MESSAGE_CREATE")
    await socket.ws.close()
    return body


@pytest.mark.parametrize("granted", [True, False])
async def test_content_is_for_those_who_may_read_it(granted: bool) -> None:
    """Whoever did not ask gets none, granted or not."""
    async with loopback(message_content=granted) as dc:
        sent = await dc.send("?", dc.there)
        body = await hears(dc, dc.there)
        parts = ("content", "embeds", "components", "attachments")
        assert not any(body[name] for name in parts)
        assert (await hears(dc, dc.here))["content"] == "secret"
        assert (await hears(dc, dc.there, mention=True))["embeds"]
        assert (await hears(dc, dc.there, reply_to=sent["id"]))["content"] == "secret"
        body = await hears(dc, dc.there, reply_to=sent["id"], ping=False)
        assert (body["content"], body["referenced_message"]["content"]) == ("", "?")
        history = await dc.call("GET", f"/channels/{dc.there.id}/messages")
        assert {m["content"] for m in history.body if "mentions" not in m or not m["mentions"]} == (
            {"secret", "?"} if granted else {"", "?"}
        )


async def test_files_of_people(dc: Loopback) -> None:
    socket = await dc.session()
    voice = {"waveform": "AAAA", "duration_secs": 1.5}
    await dc.simulator.send_file(
        b"abc", "my notes.txt", person=dc.ann, place=dc.there, caption="see", mention=True
    )
    body = await socket.event("MESSAGE_CREATE")
    (file,) = body["attachments"]
    assert body["content"] == f"<@{BOT}> see"
    assert (file["filename"], file["size"], file["content_type"]) == (
        "my_notes.txt",
        3,
        "text/plain",
    )
    assert file["url"].startswith(f"{dc.simulator.url}/attachments/{dc.there.id}/{file['id']}/")
    async with dc.http.get(file["url"]) as response:
        assert await response.read() == b"abc"
    await dc.simulator.send_file(
        b"v", "v.ogg", "audio/ogg", person=dc.ann, place=dc.here, about=voice
    )
    body = await socket.event("MESSAGE_CREATE")
    assert (body["flags"], body["attachments"][0]["duration_secs"]) == (1 << 13, 1.5)


async def test_waiting_for_messages(dc: Loopback) -> None:
    await dc.send("a")
    assert len(await dc.simulator.wait_sent(1)) == 1
    (seen,) = await dc.simulator.wait_sent(lambda sent: sent[0].text == "a", dc.here)
    assert (seen.account, seen.place_id) == (str(BOT), dc.here.id)
    with pytest.raises(TimeoutError, match=r"1 were sent: \['a'\]"):
        await dc.simulator.wait_sent(2, dc.here, timeout=0.01)


async def test_equal_texts_after_each_other_are_duplicates(dc: Loopback) -> None:
    sent = [await dc.send(text) for text in ("a", "a", "b", "a", "a", "a")]
    await dc.send("a", dc.there)
    ids = [sent[number]["id"] for number in (1, 4, 5)]
    assert [message.message_id for message in dc.simulator.duplicates(dc.here)] == ids
    await dc.call("PATCH", f"/channels/{dc.here.id}/messages/{ids[0]}", {"content": "other"})
    await dc.call("DELETE", f"/channels/{dc.here.id}/messages/{ids[1]}")
    assert len(dc.simulator.duplicates()) == 3
    assert dc.simulator.duplicates(dc.there) == []


async def test_little_is_kept_when_little_is_wanted() -> None:
    async with loopback(keep=3) as dc:
        for number in range(5):
            await dc.simulator.say(f"{number}", person=dc.ann, place=dc.here)
            await dc.send(f"{number}", nonce=f"{number}", enforce_nonce=True)
        assert [message.text for message in dc.simulator.sent()] == ["2", "3", "4"]
        assert len(dc.simulator.calls()) == 3
        history = await dc.call("GET", f"/channels/{dc.here.id}/messages")
        assert [message["content"] for message in history.body] == ["4", "4", "3"]
