"""What people do and see on the simulated Telegram."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import get_args

import pytest
from telegram import Chat, InlineKeyboardButton, InlineKeyboardMarkup, ReplyKeyboardMarkup, Update

from gateway.testing.simulator import PlaceKind, Simulator
from tests.unit.adapters.telegram.loopback import Clock, Loopback, loopback


@pytest.fixture
async def tg() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


def buttons(*labels: str) -> InlineKeyboardMarkup:
    row = [InlineKeyboardButton(label, callback_data=label.lower()) for label in labels]
    return InlineKeyboardMarkup([row])


async def test_it_speaks_the_protocol_of_all_simulators(tg: Loopback) -> None:
    simulator: Simulator = tg.simulator
    assert simulator.settings() == {"token": "1000:secret", "api_url": simulator.url}
    for kind in get_args(PlaceKind):
        parent = simulator.place("group") if kind == "thread" else None
        place = simulator.place(kind, people=[tg.ann], parent=parent)
        assert (place.kind, place.account) == (kind, "1000")
        assert place.parent == (parent.id if parent else None)
        assert await simulator.say("hi", person=tg.ann, place=place, mention=True)


async def test_what_a_person_says_arrives_as_an_update_the_client_can_read(tg: Loopback) -> None:
    event = await tg.simulator.say("good morning", person=tg.ann, place=tg.here)
    (update,) = await tg.bot.get_updates()
    assert str(update.update_id) == event
    assert update.message is not None
    assert update.message.from_user is not None
    assert update.message.text == "good morning"
    assert (str(update.message.from_user.id), update.message.from_user.first_name) == (
        tg.ann.id,
        "Ann",
    )
    assert update.message.chat.type == Chat.PRIVATE


async def test_commands_and_mentions_are_marked_in_utf16_units(tg: Loopback) -> None:
    await tg.simulator.say("😀 /start@helper_bot and @anna", person=tg.ann, place=tg.here)
    (update,) = await tg.updates()
    assert update["message"]["entities"] == [
        {"type": "bot_command", "offset": 3, "length": 17},
        {"type": "mention", "offset": 25, "length": 5},
    ]


@pytest.mark.parametrize("text", ["1/2", "a@b.org", "/", "/a/b", "http://x/start", "@x"])
async def test_what_only_looks_like_a_command_or_a_mention(tg: Loopback, text: str) -> None:
    await tg.simulator.say(text, person=tg.ann, place=tg.here)
    (update,) = await tg.updates()
    assert "entities" not in update["message"]


async def test_people_see_what_was_sent_edited_and_deleted(tg: Loopback) -> None:
    first = await tg.bot.send_message(tg.ann.id, "one", reply_markup=buttons("Yes", "No"))
    second = await tg.bot.send_message(tg.ann.id, "two")
    await tg.bot.edit_message_text("uno", tg.ann.id, first.message_id)
    await tg.bot.delete_message(tg.ann.id, second.message_id)
    (seen,) = tg.simulator.sent(tg.here)
    assert (seen.text, seen.edited, seen.buttons) == ("uno", True, ())
    assert (seen.message_id, seen.place_id, seen.account) == ("2", tg.ann.id, "1000")
    assert tg.simulator.sent() == [seen]


async def test_waiting_for_messages(tg: Loopback) -> None:
    await tg.send("a")
    assert len(await tg.simulator.wait_sent(1)) == 1
    (seen,) = await tg.simulator.wait_sent(lambda sent: sent[0].text == "a", tg.here)
    assert seen.text == "a"
    with pytest.raises(TimeoutError, match=r"1 were sent: \['a'\]"):
        await tg.simulator.wait_sent(2, tg.here, timeout=0.01)


async def test_equal_texts_after_each_other_are_duplicates(tg: Loopback) -> None:
    for text in ("a", "a", "b", "a", "a", "a"):
        await tg.send(text)
    group = tg.simulator.group("Else", people=[tg.ann])
    await tg.send("a", group.id)
    assert [m.message_id for m in tg.simulator.duplicates(tg.here)] == ["3", "6", "7"]
    assert len(tg.simulator.duplicates()) == 3
    assert tg.simulator.duplicates(group) == []


async def test_pressing_an_inline_button(tg: Loopback) -> None:
    await tg.bot.send_message(tg.ann.id, "old", reply_markup=buttons("Yes"))
    newest = await tg.bot.send_message(tg.ann.id, "new", reply_markup=buttons("Yes", "No"))
    event = await tg.simulator.press("Yes", person=tg.ann, place=tg.here)
    (update,) = await tg.bot.get_updates()
    assert str(update.update_id) == event
    query = update.callback_query
    assert query is not None
    assert query.message is not None
    assert (query.data, query.message.message_id) == ("yes", newest.message_id)
    with pytest.raises(LookupError, match="no button 'Maybe'"):
        await tg.simulator.press("Maybe", person=tg.ann, place=tg.here)


async def test_pressing_a_button_under_the_input_field_writes_it(tg: Loopback) -> None:
    keyboard = ReplyKeyboardMarkup([["Red", "Blue"]])
    await tg.bot.send_message(tg.ann.id, "Which?", reply_markup=keyboard)
    assert tg.simulator.sent()[0].buttons == ("Red", "Blue")
    await tg.simulator.press("Blue", person=tg.ann, place=tg.here)
    (update,) = await tg.updates()
    assert update["message"]["text"] == "Blue"


async def test_topics_have_a_thread_and_general_has_none(tg: Loopback) -> None:
    forum = tg.simulator.place("group", people=[tg.ann])
    topic = tg.simulator.place("thread", parent=forum)
    await tg.simulator.say("in general", person=tg.ann, place=forum, mention=True)
    await tg.simulator.say("in topic", person=tg.ann, place=topic, mention=True)
    general, inside = (update["message"] for update in await tg.updates())
    assert general["chat"]["is_forum"]
    assert not {"message_thread_id", "reply_to_message"} & general.keys()
    assert inside["is_topic_message"]
    assert inside["reply_to_message"]["message_id"] == inside["message_thread_id"]
    assert "forum_topic_created" in inside["reply_to_message"]
    await tg.send("here", forum.id, message_thread_id=inside["message_thread_id"])
    await tg.send("there", forum.id)
    assert [message.text for message in tg.simulator.sent(topic)] == ["here"]
    assert [message.text for message in tg.simulator.sent(forum)] == ["there"]


async def test_a_reply_in_an_ordinary_supergroup_has_a_thread_but_no_topic(tg: Loopback) -> None:
    group = tg.simulator.group("Crowd", people=[tg.ann])
    sent = await tg.send("first", group.id)
    await tg.simulator.say("re", person=tg.ann, place=group, reply_to=str(sent["message_id"]))
    (update,) = await tg.updates()
    assert update["message"]["message_thread_id"] == sent["message_id"]
    assert "is_topic_message" not in update["message"]
    assert update["message"]["reply_to_message"]["text"] == "first"


async def test_posts_in_a_channel_come_from_the_channel(tg: Loopback) -> None:
    channel = tg.simulator.place("channel")
    event = await tg.simulator.say("news", person=tg.ann, place=channel)
    await tg.simulator.edit(event, "news!")
    posted, edited = await tg.bot.get_updates()
    assert posted.channel_post is not None
    assert edited.edited_channel_post is not None
    assert posted.channel_post.from_user is None
    assert str(posted.channel_post.chat.id) == channel.id
    assert edited.edited_channel_post.text == "news!"


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("just talk", False),
        ("/reset", True),
        ("/reset@helper_bot now", True),
        ("/reset@other_bot", False),
        ("hey @Helper_Bot", True),
        ("hey @other_bot", False),
    ],
)
async def test_privacy_mode(tg: Loopback, text: str, heard: bool) -> None:
    group = tg.simulator.group("Crowd", people=[tg.ann])
    assert bool(await tg.simulator.say(text, person=tg.ann, place=group)) is heard
    nosy = tg.simulator.add_bot("2000:x", "nosy_bot", can_read_all_group_messages=True)
    place = tg.simulator.join(group, nosy)
    assert await tg.simulator.say(text, person=tg.ann, place=place)


async def test_privacy_mode_lets_replies_and_administrators_through(tg: Loopback) -> None:
    group = tg.simulator.group("Crowd", people=[tg.ann])
    sent = await tg.send("?", group.id)
    answer = str(sent["message_id"])
    assert await tg.simulator.say("!", person=tg.ann, place=group, reply_to=answer)
    tg.simulator.join(group, "1000", admin=True)
    assert await tg.simulator.say("just talk", person=tg.ann, place=group)


async def test_a_mention_goes_where_people_put_it(tg: Loopback) -> None:
    group = tg.simulator.group("Crowd", people=[tg.ann])
    for text in ("hello", "/reset now"):
        await tg.simulator.say(text, person=tg.ann, place=group, mention=True)
    texts = [update["message"]["text"] for update in await tg.updates()]
    assert texts == ["@helper_bot hello", "/reset@helper_bot now"]


async def test_bots_share_groups_but_neither_private_chats_nor_update_ids(tg: Loopback) -> None:
    other = tg.simulator.add_bot("2000:x", "other_bot")
    private = tg.simulator.place("direct", people=[tg.ann], account=other)
    group = tg.simulator.join(tg.simulator.group("Crowd", people=[tg.ann]), other)
    await tg.simulator.say("only you", person=tg.ann, place=private)
    await tg.simulator.say("/both", person=tg.ann, place=group)
    assert [update["message"]["text"] for update in await tg.updates()] == ["/both"]
    mine = await tg.client(other).get_updates()
    assert [update.message and update.message.text for update in mine] == ["only you", "/both"]
    assert mine[0].update_id == 700_000_001
    await tg.client(other).send_message(tg.ann.id, "hi")
    assert tg.simulator.sent(tg.here) == []
    assert tg.simulator.sent(private)[0].account == other


async def test_an_edit_is_an_update_of_its_own(tg: Loopback) -> None:
    event = await tg.simulator.say("frist", person=tg.ann, place=tg.here)
    await tg.simulator.edit(event, "first")
    said, edited = await tg.bot.get_updates()
    assert said.message is not None
    assert edited.edited_message is not None
    assert edited.edited_message.message_id == said.message.message_id
    assert (said.message.text, edited.edited_message.text) == ("frist", "first")
    assert edited.edited_message.edit_date is not None


async def test_extra_fields_make_other_kinds_of_messages(tg: Loopback) -> None:
    photo = {"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}
    await tg.simulator.say(
        "", person=tg.ann, place=tg.here, extra={"photo": [photo], "caption": "me"}
    )
    (update,) = await tg.bot.get_updates()
    assert update.message is not None
    assert (update.message.caption, update.message.photo[0].file_id) == ("me", "f")


async def test_a_group_that_migrates(tg: Loopback) -> None:
    group = tg.simulator.group("Small", basic=True, people=[tg.ann])
    await tg.simulator.say("/hello", person=tg.ann, place=group)
    grown = tg.simulator.migrate(group)
    _, old, new = (update["message"] for update in await tg.updates())
    assert (str(old["chat"]["id"]), str(old["migrate_to_chat_id"])) == (group.id, grown.id)
    assert (str(new["chat"]["id"]), str(new["migrate_from_chat_id"])) == (grown.id, group.id)
    assert "New chat id: " + grown.id in await tg.refused(
        "sendMessage", chat_id=group.id, text="late"
    )
    await tg.send("in time", grown.id)


async def test_a_raw_update_is_delivered_as_it_is(tg: Loopback) -> None:
    poison = {"message": {"message_id": 1}, "unheard_of": True}
    event = await _inject(tg, poison)
    assert await tg.updates() == [{"update_id": int(event), **poison}]
    assert await _inject(tg, {"update_id": int(event) + 10}) == str(int(event) + 10)
    assert await tg.simulator.say("next", person=tg.ann, place=tg.here) == str(int(event) + 11)


async def _inject(tg: Loopback, update: dict[str, object]) -> str:
    return tg.simulator.inject(update)


async def test_a_draft_is_seen_until_it_is_sent_or_old() -> None:
    clock = Clock()
    async with loopback(clock=clock) as tg:
        assert tg.simulator.draft(tg.here) is None
        await tg.call("sendMessageDraft", chat_id=tg.ann.id, draft_id=1, text="")
        assert tg.simulator.draft(tg.here) == "Thinking…"
        await tg.call("sendMessageDraft", chat_id=tg.ann.id, draft_id=1, text="Once")
        assert tg.simulator.draft(tg.here) == "Once"
        clock.now += 31
        assert tg.simulator.draft(tg.here) is None
        await tg.call("sendMessageDraft", chat_id=tg.ann.id, draft_id=1, text="Once upon")
        await tg.send("Once upon a time")
        assert tg.simulator.draft(tg.here) is None
        assert [message.text for message in tg.simulator.sent()] == ["Once upon a time"]


async def test_places_that_do_not_exist(tg: Loopback) -> None:
    basic = tg.simulator.group("Small", basic=True)
    for parent in (None, basic, tg.simulator.place("channel")):
        with pytest.raises(ValueError, match="topic"):
            tg.simulator.place("thread", parent=parent)
    with pytest.raises(ValueError, match="does not migrate"):
        tg.simulator.migrate(tg.simulator.place("group"))


async def test_memory_can_be_bounded() -> None:
    async with loopback(keep=3) as tg:
        for number in range(10):
            await tg.send(str(number))
        assert [message.text for message in tg.simulator.sent(tg.here)] == ["7", "8", "9"]
        assert len(tg.simulator.sent()) == len(tg.simulator.calls()) == 3


async def test_two_runs_are_the_same_run() -> None:
    runs = []
    for _ in range(2):
        async with loopback(clock=Clock()) as tg:
            group = tg.simulator.place("group", people=[tg.ann])
            await tg.simulator.say("/go", person=tg.ann, place=group)
            await tg.bot.send_message(group.id, "?", reply_markup=buttons("Ok"))
            await tg.simulator.press("Ok", person=tg.ann, place=group)
            runs.append((await tg.updates(), tg.simulator.sent()))
    assert runs[0] == runs[1]


async def test_updates_of_every_kind_can_be_read_by_the_client(tg: Loopback) -> None:
    await tg.simulator.say("a", person=tg.ann, place=tg.here)
    for raw in await tg.updates():
        assert Update.de_json(raw, tg.bot).message is not None
