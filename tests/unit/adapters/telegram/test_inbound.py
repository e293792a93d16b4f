"""What raw updates mean: who wrote what where, and whether the bot is meant."""

from __future__ import annotations

import contextlib
import copy
import subprocess
import sys
import time
import timeit
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.telegram.inbound import Me, parse
from gateway import (
    Action,
    ConversationKind,
    Ignored,
    Inbound,
    Moved,
    Press,
    Rule,
    UnreadableUpdate,
)
from gateway.boundary import ALLOWED, place

SAMPLES = Path(__file__).parents[3] / "samples" / "telegram"
ME = Me(id=1000, username="helper_bot")
NAMELESS = Me(id=1000)
ANN = {"id": 5001, "is_bot": False, "first_name": "Ann", "last_name": "Lee", "username": "annlee"}
PRIVATE = {"id": 5001, "first_name": "Ann", "type": "private"}
GROUP = {"id": -100, "title": "Gardeners", "type": "supergroup"}


def sample(name: str) -> Inbound | Moved | Ignored:
    return parse((SAMPLES / f"{name}.json").read_bytes(), ME)


def accepted(name: str) -> Inbound:
    outcome = sample(name)
    assert isinstance(outcome, Inbound)
    return outcome


def update(text: str = "hi", chat: dict[str, Any] = PRIVATE, **fields: Any) -> dict[str, Any]:
    message = {"message_id": 21, "date": 1, "from": ANN, "chat": chat, "text": text, **fields}
    return {"update_id": 7, "message": message}


def read(raw: dict[str, Any], me: Me = ME) -> Inbound:
    outcome = parse(orjson.dumps(raw), me)
    assert isinstance(outcome, Inbound), outcome
    return outcome


def in_group(text: str, me: Me = ME, **fields: Any) -> Inbound:
    return read(update(text, GROUP, **fields), me)


def mention(text: str, name: str) -> dict[str, Any]:
    start = text.index(name)
    units = len(text[:start].encode("utf-16-le")) // 2
    return {"type": "mention", "offset": units, "length": len(name)}


# One outcome for each sample: (text, kind, conversation, parent, participant, addressed).

ANN_ALONE = ("direct", "5001", None, "5001", True)
ANN_AT_BUSINESS = ("direct", "bc-Abc_123:5001", None, "5001@bc-Abc_123", True)
SHOWN = {
    "animation": "[animation, 3 s]",
    "audio": "[audio, 243 s: The Spades - Compost]",
    "caption_edited": "What is this rose?",
    "checklist": "[checklist: Seeds]\n- [x] Roses\n- [ ] Peas",
    "contact": "[contact: Bo Ek, +491701]",
    "dice": "[🎲 4]",
    "forwarded_from_channel": "[forwarded from News (Olga)]\n[photo]",
    "forwarded_from_chat": "[forwarded from Gardeners]\nDeeper.",
    "forwarded_from_hidden_user": "[forwarded from Bo Ek]\nDeeper.",
    "forwarded_from_user": "[forwarded from Olga]\n/reset it all",
    "game": "[game: Weeds]",
    "giveaway": "[giveaway: a spade, 3 to win]",
    "giveaway_winners": "[winners of a giveaway: Ann Lee, Olga]",
    "invoice": "[invoice: A spade]",
    "live_location_start": "[live location 52.5, 13.4]",
    "live_photo": "[live photo]",
    "location": "[location 52.5, 13.4]",
    "paid_media": "[paid media]",
    "photo": "[photo]",
    "photo_of_album": "[photo]",
    "photo_with_caption": "What is it?",
    "poll": "[poll: Tea?]\n- Yes\n- No",
    "quiz": "[quiz: Which one is a rose?]\nLook closely.\n- Yes\n- No",
    "reply_to_bot": "And peas?",
    "reply_to_elsewhere": "Is that so?",
    "reply_to_own_photo": "This one",
    "reply_to_part": "Why?",
    "reply_to_story": "Nice!",
    "reply_to_task": "Done",
    "rich_message": """## Roses
Plant them deep, see here (https://example.org/deep)🌹
1. dig
- [x] water
  ```python
  x = 1
  ```
Depths
rose | depth
old | 40 cm
> Deeper!
> Bo
---
$$a^2$$
More
[photo] a rose
[Buy]""",
    "sticker": "[sticker: 🛠 of the set GardenTools]",
    "sticker_animated": "[sticker: 🌹 of the set GardenTools]",
    "story": "[story of News]",
    "venue": "[venue: Kew Gardens, Richmond; location 51.478, -0.295]",
    "video": "[video, 52 s]",
    "video_note": "[video message, 5 s]",
}
TO_BUSINESS = {
    "text": "When do you open?",
    "photo": "[photo]",
    "edited": "When do you close?",
    "reply_to_bot": "On Sunday?",
    "press": "",
    "deleted": "",
}
HEARD = {
    "private_text": ("Good morning", "direct", "5001", None, "5001", True),
    "private_topic": ("In a topic of our own", "direct", "5001", None, "5001", True),
    "private_voice": ("[voice message, 12 s]", "direct", "5001", None, "5001", True),
    "private_document": ("[file: plan.pdf]", "direct", "5001", None, "5001", True),
    "private_edited": ("Good evening", "direct", "5001", None, "5001", True),
    "group_talk": ("Who has seen my spade?", "group", "-1001700000001", None, "5001", False),
    "group_mention": (
        "🌹🌹 hello @Helper_Bot, water?",
        *("group", "-1001700000001", None, "5001", True),
    ),
    "group_command": ("/reset now", "group", "-1001700000001", None, "5001", True),
    "group_reply_to_bot": ("And roses?", "group", "-1001700000001", None, "5001", True),
    "group_photo_of_album": ("what is it?", "group", "-1001700000001", None, "5001", True),
    "group_anonymous_admin": (
        "be brief",
        *("group", "-1001700000001", None, "-1001700000001", True),
    ),
    "topic_text": ("How deep?", "thread", "40", "-1001700000002", "5001", False),
    "topic_of_bot": ("How deep?", "thread", "40", "-1001700000002", "5001", False),
    "topic_reply_to_bot": ("Deeper?", "thread", "40", "-1001700000002", "5001", True),
    "topic_general": ("/help", "group", "-1001700000002", None, "5001", True),
    "channel_post": (
        "The garden opens at nine.",
        *("channel", "-1001700000003", None, "-1001700000003", False),
    ),
    "channel_post_edited": (
        "The garden opens at ten.",
        *("channel", "-1001700000003", None, "-1001700000003", False),
    ),
    "channel_dialog": (
        "May I come earlier?",
        *("group", "-1001700000004:5001", None, "5001", True),
    ),
    "channel_dialog_answer": (
        "Yes.",
        *("group", "-1001700000004:5001", None, "-1001700000003", False),
    ),
    "press": ("", "direct", "5001", None, "5001", True),
    "press_in_topic": ("", "thread", "40", "-1001700000002", "5001", True),
    "press_stop": ("", "group", "-1001700000001", None, "5001", True),
    "stopped_generation": ("", *ANN_ALONE),
    "stopped_generation_in_topic": ("", *ANN_ALONE),
    "group_reply_to_person": ("is she right?", "group", "-1001700000001", None, "5001", True),
    **{f"private_{name}": (text, *ANN_ALONE) for name, text in SHOWN.items()},
    **{f"business_{name}": (text, *ANN_AT_BUSINESS) for name, text in TO_BUSINESS.items()},
}
OWNER = "what the business account's owner does is not for the bot"
IGNORED = {
    "blocked": "the bot was blocked",
    "bot_added": "the bot was added",
    "bot_removed": "the bot was banned",
    "business_bot": "a bot's own message, sent for the business account",
    "business_connected": "a business connection was enabled",
    "business_disconnected": "a business connection was disabled",
    "business_owner": OWNER,
    "business_press_of_owner": OWNER,
    "group_automatic_forward": "a channel's post, forwarded to its discussion group by Telegram",
    "group_command_of_another": "the command is meant for another bot",
    "group_ephemeral": "an ephemeral message, which only the bot and its author see",
    "group_new_member": "a service message (new_chat_members)",
    "group_other_bot": "another bot's message",
    "press_of_another": "a button that is not the gateway's",
    "press_on_inaccessible": "a button on a message that is gone",
    "press_inline": "a button that is not the gateway's",
    "private_live_location": "a live location moved",
    "guest_message": "a guest message: the bot is not a member of that chat",
    "inline_query": "inline queries are not answered",
    "join_request": "whoever asks to join waits for an administrator",
    "reaction": "nobody asked for reactions",
    "stopped_generation_in_group": "a stop that does not say whose",
    "topic_closed": "a service message (forum_topic_closed)",
    "topic_created": "a service message (forum_topic_created)",
}
MOVED = {"group_migrated": ("-4001", "-1001700000001")}
MOVED["group_migrated_from"] = MOVED["group_migrated"]


def test_every_sample_has_its_outcome() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == (
        HEARD.keys() | IGNORED.keys() | MOVED.keys()
    )


@pytest.mark.parametrize("name", HEARD)
def test_what_is_heard(name: str) -> None:
    event = accepted(name)
    where = event.conversation
    facts = (event.text, where.kind, where.id, where.parent_id, event.participant.id)
    assert (*facts, event.addressed) == HEARD[name]
    raw = orjson.loads((SAMPLES / f"{name}.json").read_bytes())
    assert event.event_id == str(raw["update_id"])


@pytest.mark.parametrize("name", IGNORED)
def test_what_is_ignored_and_why(name: str) -> None:
    raw = orjson.loads((SAMPLES / f"{name}.json").read_bytes())
    assert sample(name) == Ignored(reason=IGNORED[name], event_id=str(raw["update_id"]))


@pytest.mark.parametrize("name", MOVED)
def test_both_sides_tell_of_a_move(name: str) -> None:
    raw = orjson.loads((SAMPLES / f"{name}.json").read_bytes())
    old, new = MOVED[name]
    assert sample(name) == Moved(event_id=str(raw["update_id"]), old_id=old, new_id=new)


@pytest.mark.parametrize(
    ("field", "junk", "words"),
    [
        ("migrate_to_chat_id", "x", "migrate_to_chat_id is not an integer"),
        ("migrate_from_chat_id", [], "migrate_from_chat_id is not an integer"),
        ("migrate_to_chat_id", -100, "moved to itself"),
    ],
)
def test_a_move_that_leads_nowhere_is_unreadable(field: str, junk: object, words: str) -> None:
    raw = update("", GROUP, **{field: junk})
    with pytest.raises(UnreadableUpdate, match=words):
        parse(orjson.dumps(raw), ME)


def test_actions_and_their_order() -> None:
    talk = accepted("private_text")
    assert (talk.action, talk.order, talk.message_id) == (Action.MESSAGE, 21, "21")
    edit = accepted("private_edited")
    assert (edit.action, edit.order, edit.message_id) == (Action.EDIT, 21, "21")
    assert accepted("channel_post_edited").action is Action.EDIT
    press = accepted("press")
    assert (press.action, press.order, press.message_id) == (Action.PRESS, 0, "30")
    assert press.press == Press(question_id="0198c0de" * 4, option=1)
    assert accepted("private_caption_edited").action is Action.EDIT
    for name in ("press_stop", "stopped_generation", "stopped_generation_in_topic"):
        stop = accepted(name)
        assert (stop.action, stop.press) == (Action.STOP, None)


def test_parts_of_an_album_belong_together() -> None:
    assert accepted("private_photo_of_album").album == "13600"
    assert accepted("group_photo_of_album").album == "13500"
    assert accepted("private_photo").album == ""
    assert read(update(media_group_id=7)).album == ""


@pytest.mark.parametrize(
    ("name", "destination", "data"),
    [
        ("private_text", "5001", {"chat_id": 5001}),
        ("private_topic", "5001:7", {"chat_id": 5001, "message_thread_id": 7}),
        ("group_talk", "-1001700000001", {"chat_id": -1001700000001, "reply_to": 21}),
        # An ordinary thread of replies is no place of its own.
        ("group_reply_to_bot", "-1001700000001", {"chat_id": -1001700000001, "reply_to": 23}),
        (
            "topic_text",
            "-1001700000002:40",
            {"chat_id": -1001700000002, "message_thread_id": 40, "reply_to": 41},
        ),
        ("topic_general", "-1001700000002", {"chat_id": -1001700000002, "reply_to": 44}),
        ("channel_post", "-1001700000003", {"chat_id": -1001700000003}),
        ("stopped_generation", "5001", {"chat_id": 5001}),
        ("stopped_generation_in_topic", "5001:7", {"chat_id": 5001, "message_thread_id": 7}),
        (
            "channel_dialog",
            "-1001700000004:5001",
            {"chat_id": -1001700000004, "direct_messages_topic_id": 5001},
        ),
        (
            "press_in_topic",
            "-1001700000002:40",
            {"chat_id": -1001700000002, "message_thread_id": 40},
        ),
    ],
)
def test_answers_go_where_it_was_said(name: str, destination: str, data: dict[str, Any]) -> None:
    address = accepted(name).address
    assert (address.destination, dict(address.data)) == (destination, data)


def test_names_and_titles() -> None:
    assert accepted("private_text").participant.name == "Ann Lee"
    assert accepted("channel_post").participant.name == "News"
    assert accepted("group_talk").conversation.title == "Gardeners"
    assert accepted("topic_text").conversation.title == "Roses"
    assert accepted("private_text").conversation.title is None
    nameless = update()
    nameless["message"]["from"] = {"id": 1, "is_bot": False, "username": "x"}
    assert read(nameless).participant.name == "x"


def test_topics_of_one_number_in_two_groups_never_meet() -> None:
    def topic(chat_id: int) -> Inbound:
        chat = {"id": chat_id, "type": "supergroup", "is_forum": True}
        return read(update("hi", chat, message_thread_id=4, is_topic_message=True))

    one, two = topic(-100), topic(-200)
    for rule in ALLOWED[ConversationKind.THREAD] - {Rule.PER_CHANNEL}:
        rules = {ConversationKind.THREAD: rule}
        lanes = {place(rules, "c", e.conversation, e.participant).key for e in (one, two)}
        assert len(lanes) == 2, rule


# Whom it is meant for.


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("@helper_bot water?", "water?"),
        ("@HELPER_bot: water?", "water?"),
        ("  @helper_bot, water?", "water?"),
        ("@helper_bot\nwater?", "water?"),
        ("water, @helper_bot?", "water, @helper_bot?"),
        ("🌹 @helper_bot water?", "🌹 @helper_bot water?"),
        ("@helper_bot", "@helper_bot"),
        ("@helper_bot 🌹", "🌹"),
        ("@helper_bot /reset", "/reset"),
        ("@helper_bot /reset@helper_bot", "/reset"),
    ],
)
@pytest.mark.parametrize("marked", [True, False])
def test_a_mention_addresses_the_bot_and_goes_from_the_start(
    text: str, heard: str, marked: bool
) -> None:
    name = "@HELPER_bot" if "HELPER" in text else "@helper_bot"
    event = in_group(text, entities=[mention(text, name)] if marked else None)
    assert (event.text, event.addressed) == (heard, True)


@pytest.mark.parametrize(
    "text", ["@helper_bots hi", "@helper hi", "me@helper_bot.org", "hi", "@ @helper", "@other_bot"]
)
def test_others_are_not_the_bot(text: str) -> None:
    event = in_group(text)
    assert (event.text, event.addressed) == (text, False)


def test_a_name_inside_code_is_no_mention() -> None:
    code = {"type": "code", "offset": 0, "length": 11}
    assert not in_group("@helper_bot", entities=[code]).addressed


def test_a_bot_is_mentioned_by_its_id_too() -> None:
    text = "🌹Gärtner, water?"
    entity = {"type": "text_mention", "offset": 0, "length": 9, "user": {"id": 1000}}
    event = in_group(text, entities=[entity])
    assert (event.text, event.addressed) == ("water?", True)
    entity["user"] = {"id": 5001}
    assert not in_group(text, entities=[entity]).addressed


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("/reset", "/reset"),
        ("/reset@helper_bot", "/reset"),
        ("/name@HELPER_BOT New name", "/name New name"),
        ("/new@helper_bot\nline", "/new\nline"),
    ],
)
def test_commands_address_the_bot(text: str, heard: str) -> None:
    assert (in_group(text).text, in_group(text).addressed) == (heard, True)
    assert read(update(text)).text == heard


@pytest.mark.parametrize("text", ["/", "/etc/hosts", "/a@", "// what", "/über", "see /help"])
def test_what_only_looks_like_a_command(text: str) -> None:
    event = in_group(text)
    assert (event.text, event.addressed) == (text, False)


def test_a_command_for_another_bot_is_left_to_it_but_never_in_a_dialog() -> None:
    outcome = parse(orjson.dumps(update("/reset@other_bot", GROUP)), ME)
    assert isinstance(outcome, Ignored)
    assert read(update("/reset@other_bot")).text == "/reset@other_bot"


def test_a_bot_that_does_not_know_its_name_takes_any_bots_for_its_own() -> None:
    assert in_group("@some_bot hi", NAMELESS).text == "hi"
    assert in_group("/help@some_bot", NAMELESS).text == "/help"
    assert not in_group("@someone hi", NAMELESS).addressed
    assert isinstance(parse(orjson.dumps(update("/a@someone", GROUP)), NAMELESS), Ignored)


def test_only_a_reply_to_the_bot_addresses_it() -> None:
    def reply(author: object, me: Me = ME) -> Inbound:
        return in_group("why?", me, reply_to_message={"message_id": 3, "from": author})

    assert reply({"id": 1000, "is_bot": True}).addressed
    assert not reply({"id": 5001}).addressed
    assert not reply({"id": 2000, "is_bot": True}).addressed
    assert not reply("somebody").addressed
    assert reply({"id": 2000, "is_bot": True}, Me(id=0)).addressed
    assert not reply({"id": 5001, "is_bot": False}, Me(id=0)).addressed


def test_the_bots_own_messages_are_not_heard() -> None:
    raw = update("hi", GROUP)
    raw["message"]["from"] = {"id": 1000, "is_bot": True}
    assert parse(orjson.dumps(raw), ME) == Ignored(reason="the bot's own message", event_id="7")


NO_NAME = st.text(st.characters(blacklist_characters="@/", blacklist_categories=["Cs"]))


@settings(deadline=None)
@given(before=NO_NAME, after=NO_NAME, marked=st.booleans())
def test_stripping_takes_nothing_but_the_mention(before: str, after: str, marked: bool) -> None:
    text = f"{before} @helper_bot {after}"
    entity = mention(text, "@helper_bot")
    event = in_group(text, entities=[entity] if marked else None)
    assert event.addressed
    leading = not before.strip(" \t\r\n,:;")
    rest = after.lstrip(" \t\r\n,:;")
    assert event.text == (rest if leading and rest else text)


def test_a_mention_in_a_caption_counts() -> None:
    caption = "@helper_bot what is it?"
    raw = update("", GROUP, photo=[{}], caption=caption)
    raw["message"]["caption_entities"] = [mention(caption, "@helper_bot")]
    assert (read(raw).text, read(raw).addressed) == ("what is it?", True)


# What cannot be read.


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"update_id": 1, "message": {"text": "\\ud800"}}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not an object"),
        (b"{}", "update_id is missing"),
        (b'{"update_id": true}', "update_id is not an integer"),
        (b'{"update_id": 99999999999999999999}', "update_id is not an integer"),
        (b'{"update_id": 1, "message": []}', "message is not an object"),
        (b'{"update_id": 1, "message": {}}', "message.chat is missing"),
        (b'{"update_id": 1, "callback_query": {}}', "callback_query.from is missing"),
    ],
)
def test_what_is_no_update(raw: bytes, words: str) -> None:
    with pytest.raises(UnreadableUpdate, match=words):
        parse(raw, ME)


@pytest.mark.parametrize(
    ("path", "junk", "words"),
    [
        (("message", "chat", "id"), "5", "message.chat.id is not an integer"),
        (("message", "chat", "type"), ["private"], "message.chat.type is missing or not"),
        (("message", "chat", "type"), "planet", "message.chat.type is missing or not"),
        (("message", "message_id"), None, "message.message_id is missing"),
        (("message", "message_id"), -1, "message.message_id is negative"),
        (("message", "from"), None, "message.from is missing"),
        (("message", "from", "id"), 1.5, "message.from.id is not an integer"),
        (("message", "text"), 5, "message.text is not a string"),
        (("message", "is_topic_message"), True, "message.message_thread_id is missing"),
    ],
)
def test_the_wrong_field_is_named(path: tuple[str, ...], junk: object, words: str) -> None:
    raw: Any = copy.deepcopy(update())
    parent = raw
    for field in path[:-1]:
        parent = parent[field]
    parent[path[-1]] = junk
    with pytest.raises(UnreadableUpdate, match=words):
        parse(orjson.dumps(raw), ME)


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in items:
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from nodes(child, (*path, key))


JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "x", 0, -1, 1.5, 2**63, True, [], [1], {}, {"id": []}, [{}]]
)


@settings(deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted([*HEARD, *MOVED])))
def test_no_damage_makes_it_stumble(data: st.DataObject, name: str) -> None:
    raw = orjson.loads((SAMPLES / f"{name}.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        *parents, last = data.draw(st.sampled_from(sorted(nodes(raw), key=str)))
        parent = raw
        for key in parents:
            parent = parent[key]
        parent[last] = copy.deepcopy(data.draw(JUNK))
    with contextlib.suppress(UnreadableUpdate):
        assert isinstance(parse(orjson.dumps(raw), ME), Inbound | Moved | Ignored)


# What it costs.


def test_reading_a_message_is_cheap() -> None:
    raw = orjson.dumps(update("Good morning, how deep do I plant roses?"))
    spent = timeit.repeat(lambda: parse(raw, ME), number=500, repeat=5, timer=time.process_time)
    seconds = min(spent) / 500
    assert seconds < 60e-6, "about 9 us where nothing else runs"


@pytest.mark.parametrize("module", ["settings", "inbound", "outbound", "content", "fields"])
def test_it_needs_no_sdk(module: str) -> None:
    program = f"import adapters.telegram.{module}, sys; sys.exit('telegram' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
