"""What dispatches mean: who said what where, and whether the bot is meant."""

from __future__ import annotations

import contextlib
import copy
import subprocess
import sys
import time
import timeit
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.discord.inbound import Me, parse
from gateway import Action, ConversationKind, Ignored, Inbound, Press, Rule, UnreadableUpdate
from gateway.boundary import place
from tests.unit.adapters.discord.events import (
    ANN,
    BO,
    BOT,
    DIRECT,
    GARDEN,
    GARDENERS,
    HELPER,
    ME,
    MESSAGE,
    ROLE,
    SAMPLES,
    THREAD,
    UNNAMED,
    WEATHER,
    ignored,
    in_guild,
    message,
    outcome,
    read,
)

POST = "1190000000000000060"


def sample(name: str) -> Inbound | Ignored:
    return parse((SAMPLES / f"{name}.json").read_bytes(), ME)


def accepted(name: str) -> Inbound:
    event = sample(name)
    assert isinstance(event, Inbound)
    return event


def raw(name: str) -> Any:
    return orjson.loads((SAMPLES / f"{name}.json").read_bytes())


# One outcome for each sample: (text, kind, conversation, participant), and whether it is heard.

NINE = "2026-03-01 09:00 UTC"
ANN_ALONE = ("direct", DIRECT, ANN)
IN_GARDEN = ("channel", GARDEN, ANN)
SOMEBODY = ("channel", GARDEN, "unknown")
ADDRESSED = {
    "dm_command_text": ("/reset", *ANN_ALONE),
    "dm_deleted": ("", "direct", DIRECT, "unknown"),
    "dm_edited": ("Good evening", *ANN_ALONE),
    "dm_file_with_text": ("What does it say?", *ANN_ALONE),
    "dm_forwarded": ("[forwarded]\n/reset it all", *ANN_ALONE),
    "dm_forwarded_file": ("[forwarded]\n[file: seeds.csv]", *ANN_ALONE),
    "dm_image": ("[image: rose.png, A red rose with black spots]", *ANN_ALONE),
    "dm_link": ("Is this right? https://example.org/roses", *ANN_ALONE),
    "dm_poll": ("[poll: Tea?]\n- 🍵 Yes\n- No", *ANN_ALONE),
    "dm_reply_to_bot": ("And peas?", *ANN_ALONE),
    "dm_reply_to_deleted": ("Never mind", *ANN_ALONE),
    "dm_reply_to_own_image": ("This one", *ANN_ALONE),
    "dm_sticker": ("[sticker: Thumbs up]", *ANN_ALONE),
    "dm_text": ("Good morning", *ANN_ALONE),
    "dm_two_files": ("[video: bed.mp4]\n[file: notes.txt]", *ANN_ALONE),
    "dm_voice": ("[voice message, 12 s]", *ANN_ALONE),
    "forum_post": ("My roses have spots.", "channel", POST, ANN),
    "guild_command_text": ("/help", *IN_GARDEN),
    "guild_hostile_names": ("ask @Bo # System **obey** <@1> evil", *IN_GARDEN),
    "guild_marks": (
        f"tell @Bo the Builder, @role {GARDENERS} and #{THREAD}: :rose: at {NINE} `/reset`",
        *IN_GARDEN,
    ),
    "guild_mention": ("how deep do roses go?", *IN_GARDEN),
    "guild_mention_alone": ("@Helper", *IN_GARDEN),
    "guild_mention_by_nick": ("water?", *IN_GARDEN),
    "guild_mention_command": ("/reset", *IN_GARDEN),
    "guild_mention_inside": ("I asked @Gardener already", *IN_GARDEN),
    "guild_reply_to_bot": ("And peas?", *IN_GARDEN),
    "guild_reply_to_person": ("is that so?", *IN_GARDEN),
    "guild_reply_to_webhook": ("what is it?", *IN_GARDEN),
    "guild_role_mention": ("water?", *IN_GARDEN),
    "press": ("", *IN_GARDEN),
    "press_in_dm": ("", *ANN_ALONE),
    "press_stop": ("", *IN_GARDEN),
    "slash_in_dm": ("/name Roses", *ANN_ALONE),
    "slash_in_thread": ("/status", "channel", THREAD, ANN),
    "slash_new_with_text": ("/new Roses, as @Bo the Builder said", *IN_GARDEN),
    "slash_reset": ("/reset", *IN_GARDEN),
    "slash_subcommand": ("/garden beds water 3 true @bo.ek #garden @Gardeners", *IN_GARDEN),
    "thread_mention": ("how deep?", "channel", THREAD, ANN),
}
FOLLOWING = {
    "guild_deleted": ("", *SOMEBODY),
    "guild_edited": ("how deep do peas go?", *IN_GARDEN),
    "guild_many_deleted": ("", *SOMEBODY),
}
TALK = {
    "guild_everyone": ("@everyone the garden opens at nine", *IN_GARDEN),
    "guild_other_role": (f"@role {GARDENERS} come and help", *IN_GARDEN),
    "guild_talk": ("Who has seen my spade?", *IN_GARDEN),
    "thread_text": ("How deep?", "channel", THREAD, ANN),
}
HEARD = {
    **{name: (*facts, True, False) for name, facts in ADDRESSED.items()},
    **{name: (*facts, False, True) for name, facts in FOLLOWING.items()},
    **{name: (*facts, False, False) for name, facts in TALK.items()},
}
OWN_EDIT = "edit:1190000000000000056:2026-03-01T09:57:00.000000+00:00"
NO_TEXT = "a change that is not of the text"
NOT_OURS = "a button that is not the gateway's"
KEPT_BACK = (
    "a message without content: without the Message Content Intent, Discord shows only what"
    " mentions the bot"
)
IGNORED = {
    "autocomplete": ("a command that is still being typed", "1190000000000000207"),
    "context_menu": ("a command of a context menu", "1190000000000000206"),
    "dm_empty": ("a message without content", "1190000000000000035"),
    "dm_link_previewed": (NO_TEXT, "edit:1190000000000000023"),
    "form": ("a form, which the gateway does not show", "1190000000000000208"),
    "guild_command_shown": ("a service message (type 20)", "1190000000000000064"),
    "guild_created": ("nothing to answer (GUILD_CREATE)", ""),
    "guild_kept_back": (KEPT_BACK, "1190000000000000041"),
    "guild_link_previewed": (NO_TEXT, "edit:1190000000000000040"),
    "guild_member_joined": ("a service message (type 7)", "1190000000000000061"),
    "guild_of_discord": ("a message of Discord itself", "1190000000000000059"),
    "guild_other_bot": ("another bot's message", "1190000000000000057"),
    "guild_own": ("the bot's own message", "1190000000000000056"),
    "guild_own_edited": ("the bot's own message", OWN_EDIT),
    "guild_pinned": ("a service message (type 6)", "1190000000000000062"),
    "guild_thread_created": ("a service message (type 18)", "1190000000000000063"),
    "guild_webhook": ("a webhook's message", "1190000000000000058"),
    "heartbeat_ack": ("the connection's own (op 11)", ""),
    "hello": ("the connection's own (op 10)", ""),
    "press_of_another": (NOT_OURS, "1190000000000000212"),
    "reaction": ("nobody asked for reactions", ""),
    "ready": ("nothing to answer (READY)", ""),
    "reconnect": ("the connection's own (op 7)", ""),
    "resumed": ("nothing to answer (RESUMED)", ""),
    "select": (NOT_OURS, "1190000000000000213"),
    "slash_between_others": ("used where the bot is no member", "1190000000000000214"),
    "slash_of_user_installed": ("used where the bot is no member", "1190000000000000215"),
    "typing": ("nothing to answer (TYPING_START)", ""),
}


def test_every_sample_has_its_outcome() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == HEARD.keys() | IGNORED.keys()


@pytest.mark.parametrize("name", HEARD)
def test_what_is_heard(name: str) -> None:
    event = accepted(name)
    where = event.conversation
    facts = (event.text, where.kind, where.id, event.participant.id)
    assert (*facts, event.addressed, event.follows) == HEARD[name]
    # Threads are channels here, so that a rule for threads never applies.
    assert (where.parent_id, where.begins, event.album) == (None, None, "")


@pytest.mark.parametrize("name", IGNORED)
def test_what_is_ignored_and_why(name: str) -> None:
    reason, event_id = IGNORED[name]
    assert sample(name) == Ignored(reason=reason, event_id=event_id)


PLATFORM = dict.fromkeys(ConversationKind, Rule.PER_CHANNEL)


@pytest.mark.parametrize(
    ("name", "lane"),
    [
        ("dm_text", f"garden/channel/{DIRECT}"),
        ("dm_deleted", f"garden/channel/{DIRECT}"),
        ("slash_in_dm", f"garden/channel/{DIRECT}"),
        ("press_in_dm", f"garden/channel/{DIRECT}"),
        ("guild_mention", f"garden/channel/{GARDEN}"),
        ("guild_edited", f"garden/channel/{GARDEN}"),
        ("guild_deleted", f"garden/channel/{GARDEN}"),
        ("slash_reset", f"garden/channel/{GARDEN}"),
        ("press", f"garden/channel/{GARDEN}"),
        ("thread_mention", f"garden/channel/{THREAD}"),
        ("slash_in_thread", f"garden/channel/{THREAD}"),
        ("forum_post", f"garden/channel/{POST}"),
    ],
)
def test_each_channel_has_its_lane(name: str, lane: str) -> None:
    event = accepted(name)
    boundary = place(PLATFORM, "garden", event.conversation, event.participant)
    assert boundary.key == lane
    assert boundary.shared == (DIRECT not in lane)


def test_people_in_a_channel_share_it_and_none_shares_a_direct_conversation() -> None:
    ann, bo = read(in_guild()), read(in_guild(author={"id": BO}))
    alone = read(message(author={"id": BO}, channel_id="1180000000000008002"))
    keys = [
        place(PLATFORM, "garden", event.conversation, event.participant).key
        for event in (ann, bo, accepted("dm_text"), alone)
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_actions_their_order_and_what_tells_them_apart() -> None:
    talk = accepted("dm_text")
    assert (talk.action, talk.order, talk.message_id) == (Action.MESSAGE, int(MESSAGE), MESSAGE)
    assert (talk.event_id, talk.preview, talk.press) == (MESSAGE, "", None)
    edit = accepted("dm_edited")
    assert (edit.action, edit.order, edit.message_id) == (Action.EDIT, int(MESSAGE), MESSAGE)
    assert edit.event_id == f"edit:{MESSAGE}:2026-03-01T09:22:10.123000+00:00"
    again = raw("dm_edited")
    again["d"]["edited_timestamp"] = "2026-03-01T09:23:00.000000+00:00"
    assert read(again).event_id != edit.event_id
    press = accepted("press")
    assert (press.action, press.message_id) == (Action.PRESS, "1190000000000000067")
    assert (press.event_id, press.order) == ("1190000000000000209", 1190000000000000209)
    assert press.press == Press(question_id="0198c0de" * 4, option=1)
    stop = accepted("press_stop")
    assert (stop.action, stop.press) == (Action.STOP, None)


def test_deletions_say_which() -> None:
    one, many = accepted("guild_deleted"), accepted("guild_many_deleted")
    assert (one.action, one.deleted) == (Action.DELETE, ("1190000000000000042",))
    assert one.event_id == "delete:1190000000000000042"
    assert (many.action, many.deleted) == (
        Action.DELETE,
        ("1190000000000000040", "1190000000000000042"),
    )
    assert many.event_id == "delete:1190000000000000040+2"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("dm_text", {"channel": DIRECT}),
        ("dm_edited", {"channel": DIRECT}),
        ("guild_talk", {"channel": GARDEN, "reply_to": "1190000000000000040"}),
        ("thread_text", {"channel": THREAD, "reply_to": "1190000000000000065"}),
        ("forum_post", {"channel": POST, "reply_to": POST}),
        ("guild_deleted", {"channel": GARDEN}),
        ("press", {"channel": GARDEN}),
        ("press_in_dm", {"channel": DIRECT}),
        ("slash_in_dm", {"channel": DIRECT, "interaction": "1190000000000000203"}),
        ("slash_reset", {"channel": GARDEN, "interaction": "1190000000000000201"}),
    ],
)
def test_answers_go_where_it_was_said(name: str, data: dict[str, Any]) -> None:
    address = accepted(name).address
    found = dict(address.data)
    if "interaction" in found:
        handle = found["interaction"]
        assert handle["token"] == raw(name)["d"]["token"]
        assert handle["application"] == BOT
        found["interaction"] = handle["id"]
    assert (address.destination, found) == (data["channel"], data)


@pytest.mark.parametrize(
    ("member", "user", "name"),
    [
        ({"nick": "Annie"}, {"global_name": "Ann Lee", "username": "annlee"}, "Annie"),
        ({"nick": None}, {"global_name": "Ann Lee", "username": "annlee"}, "Ann Lee"),
        ({}, {"global_name": None, "username": "annlee"}, "annlee"),
        ({}, {}, ""),
        ("member", {"username": ["annlee"]}, ""),
        ({"nick": "Ann\r\n# Lee\0\u202e"}, {}, "Ann # Lee"),
        ({"nick": "x" * 500}, {}, "x" * 79 + "…"),
    ],
)
def test_what_people_are_called(member: Any, user: Any, name: str) -> None:
    assert read(in_guild(member=member, author={"id": ANN, **user})).participant.name == name


def test_titles_are_told_of_commands_only() -> None:
    assert accepted("slash_in_thread").conversation.title == "Spots on roses"
    assert accepted("guild_talk").conversation.title is None
    assert accepted("slash_in_dm").conversation.title is None


# How events reach the gateway.


def test_a_bare_message_or_interaction_is_one_too() -> None:
    for name in ("dm_text", "guild_mention", "slash_reset", "press"):
        assert outcome(raw(name)["d"]) == sample(name)


def test_a_dispatch_need_not_say_its_number() -> None:
    assert read({"t": "MESSAGE_CREATE", "d": message()}).text == "hi"
    assert read({"op": 0, "t": "MESSAGE_CREATE", "d": message()}).text == "hi"


def test_a_message_from_the_history_may_be_edited_already() -> None:
    event = read(message(edited_timestamp="2026-03-01T09:22:10.123000+00:00"))
    assert (event.action, event.event_id) == (Action.MESSAGE, MESSAGE)


def test_only_a_change_of_the_text_is_an_edit() -> None:
    def update(**fields: Any) -> object:
        return {"t": "MESSAGE_UPDATE", "d": in_guild(**fields)}

    stamp = "2026-03-01T09:22:10.123000+00:00"
    assert read(update(edited_timestamp=stamp)).action is Action.EDIT
    assert ignored(update(edited_timestamp=None)) == NO_TEXT
    assert ignored(update(edited_timestamp=stamp, content=None)) == NO_TEXT
    assert ignored(update(edited_timestamp=stamp, author=None)) == NO_TEXT
    assert ignored(update(edited_timestamp=stamp, author=HELPER)) == "the bot's own message"
    assert ignored(update(edited_timestamp=stamp, content="")) == KEPT_BACK


def test_an_edit_calls_nobody_who_was_not_called() -> None:
    edited = raw("guild_edited")
    assert edited["d"]["mentions"]
    event = read(edited)
    assert (event.addressed, event.follows) == (False, True)


# Who is heard.


def test_other_bots_are_heard_where_that_is_wanted_but_never_the_bot_itself() -> None:
    open_minded = Me(id=BOT, application_id=BOT, answer_bots=True)
    for name in ("guild_other_bot", "guild_webhook"):
        assert read(raw(name), open_minded).text
    for name in ("guild_own", "guild_of_discord"):
        assert sample(name) == outcome(raw(name), open_minded)
    webhook = in_guild(webhook_id=WEATHER, author={"id": WEATHER, "bot": True}, application_id=BOT)
    assert ignored(webhook, open_minded) == "the bot's own message"
    webhook["application_id"] = WEATHER
    assert read(webhook, open_minded).participant.id == WEATHER


def test_a_bot_that_does_not_know_itself_hears_no_bot() -> None:
    assert ignored(in_guild(author=HELPER), UNNAMED) == "another bot's message"
    assert read(in_guild(), UNNAMED).text == "hi"


# Whom it is meant for.


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        (f"<@{BOT}> water?", "water?"),
        (f"<@!{BOT}>: water?", "water?"),
        (f"  <@{BOT}>, water?", "water?"),
        (f"<@{BOT}>\nwater?", "water?"),
        (f"<@{BOT}><@{BOT}>water?", "water?"),
        (f"water <@{BOT}>", "water"),
        (f"water, <@{BOT}> ", "water"),
        (f"water, <@{BOT}>?", "water, @Helper?"),
        (f"`<@{BOT}>` is what, <@{BOT}>?", f"`<@{BOT}>` is what, @Helper?"),
        (f"<@{BOT}>", "@Helper"),
        (f"<@{BOT}> /reset", "/reset"),
        (f"<@{BOT}> <@{BO}> left", f"@{BO} left"),
        ("water?", "water?"),
    ],
)
def test_a_mention_addresses_the_bot_and_goes_from_both_ends(text: str, heard: str) -> None:
    event = read(in_guild(text, mentions=[HELPER]))
    assert (event.text, event.addressed) == (heard, True)


def test_a_role_of_the_bots_own_calls_it_and_another_does_not() -> None:
    mine = read(in_guild(f"<@&{ROLE}> water?", mention_roles=[ROLE]))
    assert (mine.text, mine.addressed) == ("water?", True)
    other = read(in_guild(f"<@&{GARDENERS}> water?", mention_roles=[GARDENERS]))
    assert (other.text, other.addressed) == (f"@role {GARDENERS} water?", False)
    assert not read(in_guild("water?", mention_roles=[[ROLE], {}, 5])).addressed


@pytest.mark.parametrize(
    "fields",
    [
        {"content": "@everyone", "mention_everyone": True},
        {"content": "@here water?", "mention_everyone": True},
        {"content": "Helper, water?"},
        {"content": f"<@{BOT}>"},
        {"content": f"<@{BO}>", "mentions": [{"id": BO, "username": "bo.ek"}]},
        {"content": "hi", "mentions": [{"id": WEATHER, "bot": True}]},
        {"content": "hi", "mentions": ["x", None, {}]},
    ],
)
def test_others_are_not_the_bot(fields: dict[str, Any]) -> None:
    assert not read(in_guild(**fields)).addressed


def test_a_list_of_mentions_that_is_missing_is_made_up_for() -> None:
    event = in_guild(f"<@{BOT}> water?")
    del event["mentions"]
    assert (read(event).text, read(event).addressed) == ("water?", True)


def test_a_bot_that_does_not_know_its_id_takes_any_bots_for_its_own() -> None:
    event = read(in_guild(f"<@{BOT}> hi", mentions=[HELPER]), UNNAMED)
    assert (event.text, event.addressed) == ("hi", True)
    assert not read(in_guild(f"<@{BO}>", mentions=[{"id": BO}]), UNNAMED).addressed


@pytest.mark.parametrize("text", ["/reset", "/new roses", "/new\nroses"])
def test_commands_address_the_bot(text: str) -> None:
    assert (read(in_guild(text)).text, read(in_guild(text)).addressed) == (text, True)


@pytest.mark.parametrize("text", ["/", "/etc/hosts", "/a@b", "// what", "/über", "see /help"])
def test_what_only_looks_like_a_command(text: str) -> None:
    assert (read(in_guild(text)).text, read(in_guild(text)).addressed) == (text, False)


def test_only_a_reply_to_the_bot_addresses_it() -> None:
    def reply(author: object, me: Me = ME, kind: int = 19) -> Inbound:
        referenced = {"id": MESSAGE, "content": "Deep.", "author": author}
        return read(in_guild("why?", type=kind, referenced_message=referenced), me)

    assert reply(HELPER).addressed
    assert reply(HELPER, UNNAMED).addressed
    assert not reply({"id": BO}).addressed
    assert not reply({"id": WEATHER, "bot": True}).addressed
    assert not reply("somebody").addressed
    assert not reply(HELPER, kind=0).addressed


def test_what_is_kept_back_is_not_taken_for_something_empty() -> None:
    assert ignored(in_guild("")) == KEPT_BACK
    assert ignored(in_guild("", mentions=[HELPER])) == "a message without content"
    assert ignored(message("")) == "a message without content"
    assert ignored(in_guild("", embeds=["x"])) == "a message without content"
    assert read(in_guild("", sticker_items=[{"name": "Hi"}])).text == "[sticker: Hi]"


# What cannot be read.


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"t": "\\ud800"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not an object"),
        (b"{}", "no dispatch"),
        (b'{"op": "x"}', "op is not an integer"),
        (b'{"op": null}', "op is missing"),
        (b'{"op": 0}', "t is missing"),
        (b'{"op": 0, "t": 5}', "t is missing or not the name"),
        (b'{"op": 0, "t": "MESSAGE_CREATE"}', "d is missing"),
        (b'{"op": 0, "t": "MESSAGE_CREATE", "d": []}', "d is not an object"),
        (b'{"t": "MESSAGE_DELETE", "d": {}}', "deleted message.id is missing"),
        (b'{"t": "MESSAGE_DELETE_BULK", "d": {"ids": [1]}}', "not a list of snowflakes"),
        (b'{"t": "INTERACTION_CREATE", "d": {}}', "interaction.id is missing"),
    ],
)
def test_what_is_no_event(event: bytes, words: str) -> None:
    with pytest.raises(UnreadableUpdate, match=words):
        parse(event, ME)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"id": 5}, "message.id is not a snowflake"),
        ({"id": ""}, "message.id is not a snowflake"),
        ({"id": "-5"}, "message.id is not a snowflake"),
        ({"id": "007"}, "message.id is not a snowflake"),
        ({"id": "１"}, "message.id is not a snowflake"),
        ({"id": str(2**63)}, "message.id is not a snowflake"),
        ({"channel_id": "garden"}, "message.channel_id is not a snowflake"),
        ({"guild_id": "0"}, "message.guild_id is not a snowflake"),
        ({"type": "0"}, "message.type is not an integer"),
        ({"type": None}, "message.type is missing"),
        ({"author": "ann"}, "message.author is not an object"),
        ({"author": {}}, "message.author.id is missing"),
        ({"content": 5}, "message.content is not a string"),
    ],
)
def test_the_wrong_field_is_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UnreadableUpdate, match=words):
        outcome(in_guild(**fields))


def test_a_time_that_would_break_an_event_id_is_unreadable() -> None:
    update = {"t": "MESSAGE_UPDATE", "d": message(edited_timestamp="2026\0")}
    with pytest.raises(UnreadableUpdate, match="edited_timestamp"):
        outcome(update)


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in items:
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from nodes(child, (*path, key))


JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "x", "7", "\0", 0, -1, 1.5, 2**63, True, [], [1], {}, {"id": []}, [{}], [[]]]
)


@settings(deadline=None, max_examples=300)
@given(data=st.data(), name=st.sampled_from(sorted(HEARD)))
def test_no_damage_makes_it_stumble(data: st.DataObject, name: str) -> None:
    event = raw(name)
    for _ in range(data.draw(st.integers(1, 3))):
        *parents, last = data.draw(st.sampled_from(sorted(nodes(event), key=str)))
        parent = event
        for key in parents:
            parent = parent[key]
        parent[last] = copy.deepcopy(data.draw(JUNK))
    for me in (ME, UNNAMED):
        with contextlib.suppress(UnreadableUpdate):
            assert isinstance(outcome(event, me), Inbound | Ignored)


@pytest.mark.parametrize("name", sorted(HEARD))
def test_no_single_wrong_field_makes_it_stumble(name: str) -> None:
    wrong: tuple[Any, ...] = (None, 7, "x", [None], {"id": {}})
    for path in list(nodes(raw(name))):
        for junk in wrong:
            event = raw(name)
            parent = event
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = junk
            with contextlib.suppress(UnreadableUpdate):
                assert isinstance(outcome(event), Inbound | Ignored)


# What it costs.


def test_reading_a_message_is_cheap() -> None:
    event = (SAMPLES / "guild_mention.json").read_bytes()
    spent = timeit.repeat(lambda: parse(event, ME), number=500, repeat=5, timer=time.process_time)
    seconds = min(spent) / 500
    assert seconds < 100e-6, "about 15 us where nothing else runs"


def test_a_hostile_text_costs_no_more_than_its_length() -> None:
    mentions = f"<@{BOT}> x" * 170
    for text in ("`" * 4000, "<@" * 2000, "`a\n" * 1300, mentions, "</a " * 1000, "< " * 2000):
        event = orjson.dumps(in_guild(text, mentions=[HELPER]))
        began = time.process_time()
        parse(event, ME)
        assert time.process_time() - began < 0.05, text[:20]


@pytest.mark.parametrize("module", ["settings", "inbound", "content", "fields"])
def test_it_needs_no_sdk(module: str) -> None:
    program = f"import adapters.discord.{module}, sys; sys.exit('discord' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
