"""Every payload of the reference data has the outcome it should have, in the way it would reach us:
as the frame that it is, as the content of a dispatch, as a part of a message, or bare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.discord.inbound import Me, parse
from gateway import Ignored, UnreadableUpdate
from tests.unit.adapters.discord.events import message

pytestmark = pytest.mark.reference_data

ME = Me(id="775799577604522054", application_id="775799577604522054")

# What comes alone: frames, messages and interactions. An asterisk where the bot is addressed, a
# plus sign where it goes on if it takes part.
MENU = "ignored: a command of a context menu"
TYPED = "ignored: a command that is still being typed"
ALONE = {
    "docs-application-commands-Example_Interaction": "message in channel 645027906669510667"
    " by 53908232506183680* (Mason): /cardsearch The Gitrog Monster",
    "docs-application-commands-Example_Interaction-2": MENU,
    "docs-application-commands-Example_Interaction-3": MENU,
    "docs-gateway-Example_Gateway_Event": "ignored: nothing to answer (GATEWAY_EVENT_NAME)",
    "docs-gateway-Example_Gateway_Resume_Event": "ignored: the connection's own (op 6)",
    "docs-gateway-Example_Heartbeat_ACK": "ignored: the connection's own (op 11)",
    "docs-gateway-Example_Hello_Event": "ignored: the connection's own (op 10)",
    "docs-gateway-Example_Identify_Payload": "ignored: the connection's own (op 2)",
    "docs-gateway-events-Example_Gateway_Event_Payload": "ignored: nothing to answer"
    " (GATEWAY_EVENT_NAME)",
    "docs-gateway-events-Example_Gateway_Invalid_Session": "ignored: the connection's own (op 9)",
    "docs-gateway-events-Example_Gateway_Presence_Update": "ignored: the connection's own (op 3)",
    "docs-gateway-events-Example_Gateway_Reconnect": "ignored: the connection's own (op 7)",
    "docs-gateway-events-Example_Gateway_Voice_State_Update": "ignored: the connection's own"
    " (op 4)",
    "docs-gateway-events-Example_Heartbeat": "ignored: the connection's own (op 1)",
    "docs-gateway-events-Example_Hello": "ignored: the connection's own (op 10)",
    "docs-gateway-events-Example_Request_Channel_Info": "ignored: the connection's own (op 43)",
    "docs-gateway-events-Example_Request_Guild_Members": "ignored: the connection's own (op 8)",
    "docs-gateway-events-Example_Resume": "ignored: the connection's own (op 6)",
    "docs-message-Example_Crossposted_Message": "message in direct 290926798999357250"
    " by 53908099506183680* (Mason): Big news! In this #big-news channel!",
    "docs-message-Example_Message": "message in direct 290926798999357250"
    " by 53908099506183680* (Mason): Supa Hot",
    "hikari-autocomplete_interaction_payload": TYPED,
    "hikari-command_interaction_payload": "message in channel 123 by 115590097100865541* (Snab):"
    " /okokokok an option 42 @123123123",
    "hikari-component_interaction_payload": "ignored: a button that is not the gateway's",
    "hikari-context_menu_command_interaction_payload": TYPED,
    "hikari-message_payload": "ignored: a message of Discord itself",
    "hikari-modal_interaction_payload": "ignored: a form, which the gateway does not show",
    "hikari-partial_interaction_payload": "ignored: a ping",
    "hikari-referenced_message": "ignored: a service message (type 1)",
}

# What is the content of a dispatch, and of which.
BULK_DELETED = (
    "MESSAGE_DELETE_BULK",
    "delete in channel 564123 by unknown+ (): 6523423 345123",
)
NO_REACTIONS = "ignored: nobody asked for reactions"
ADDED = ("MESSAGE_REACTION_ADD", NO_REACTIONS)
REMOVED = ("MESSAGE_REACTION_REMOVE", NO_REACTIONS)
EMOJI_REMOVED = ("MESSAGE_REACTION_REMOVE_EMOJI", NO_REACTIONS)
STARTED = "VOICE_CHANNEL_START_TIME_UPDATE"
DISPATCHED = {
    "channel_pins_update_event_for_guild": (
        "CHANNEL_PINS_UPDATE",
        "ignored: nothing to answer (CHANNEL_PINS_UPDATE)",
    ),
    "guild_message_delete_bulk_event": BULK_DELETED,
    "guild_message_delete_bulk_event_when_old_messages_is_none": BULK_DELETED,
    "guild_thread_delete_event": ("THREAD_DELETE", "ignored: nothing to answer (THREAD_DELETE)"),
    "message_delete_event_in_guild": (
        "MESSAGE_DELETE",
        "delete in channel 541123 by unknown+ (): 5412",
    ),
    "message_reaction_add_event_in_dm": ADDED,
    "message_reaction_add_event_in_dm_when_partial_custom": ADDED,
    "message_reaction_add_event_in_dm_when_unicode": ADDED,
    "message_reaction_remove_all_event_in_guild": ("MESSAGE_REACTION_REMOVE_ALL", NO_REACTIONS),
    "message_reaction_remove_emoji_event_in_dm": EMOJI_REMOVED,
    "message_reaction_remove_emoji_event_in_dm_with_unicode_emoji": EMOJI_REMOVED,
    "message_reaction_remove_emoji_event_in_guild": EMOJI_REMOVED,
    "message_reaction_remove_emoji_event_in_guild_with_unicode_emoji": EMOJI_REMOVED,
    "message_reaction_remove_event_in_dm": REMOVED,
    "message_reaction_remove_event_in_dm_with_unicode_emoji": REMOVED,
    "message_reaction_remove_event_in_guild": REMOVED,
    "message_reaction_remove_event_in_guild_with_unicode_emoji": REMOVED,
    "thread_list_sync_event_when_not_channel_ids": (
        "THREAD_LIST_SYNC",
        "ignored: nothing to answer (THREAD_LIST_SYNC)",
    ),
    "thread_members_update_event_partial": (
        "THREAD_MEMBERS_UPDATE",
        "ignored: nothing to answer (THREAD_MEMBERS_UPDATE)",
    ),
    "typing_start_event_for_dm": ("TYPING_START", "ignored: nothing to answer (TYPING_START)"),
    "voice_channel_start_time_update_event": (STARTED, f"ignored: nothing to answer ({STARTED})"),
    "voice_channel_start_time_update_event_when_no_ongoing_session": (
        STARTED,
        f"ignored: nothing to answer ({STARTED})",
    ),
}

# What is a part of a message, and what the message then says.
Put = Callable[[Any], dict[str, Any]]


def author(user: Any) -> dict[str, Any]:
    return message("hi", author=user)


def member(given: Any) -> dict[str, Any]:
    return message("hi", channel_id="7001", guild_id="7000", member=given)


def empty(field: str) -> Put:
    return lambda part: message("", **{field: part})


def first_of(field: str) -> Put:
    return lambda part: message("", **{field: [part]})


HI = "message in direct 1180000000000008001 by"
ANN = f"{HI} 1180000000000005001* (Ann Lee):"
PARTS: dict[str, tuple[Put, str]] = {
    "docs-guild-Example_Guild_Member": (
        member,
        "message in channel 7001 by 1180000000000005001 (NOT API SUPPORT): hi",
    ),
    "docs-sticker-Example_Sticker": (first_of("sticker_items"), f"{ANN} [sticker: Wave]"),
    "docs-user-Example_User": (author, f"{HI} 80351110224678912* (Nelly): hi"),
    "hikari-embed_payload": (
        first_of("embeds"),
        f"{ANN} [embed: embed title]\nembed description",
    ),
    "hikari-guild_sticker_payload": (first_of("sticker_items"), f"{ANN} [sticker: Thinking]"),
    "hikari-interaction_member_payload": (
        member,
        "message in channel 7001 by 1180000000000005001 (Snab): hi",
    ),
    "hikari-member_payload": (
        member,
        "message in channel 7001 by 1180000000000005001 (foobarbaz): hi",
    ),
    "hikari-my_user_payload": (author, "ignored: a message of Discord itself"),
    "hikari-partial_sticker_payload": (first_of("sticker_items"), f"{ANN} [sticker: Thinking]"),
    "hikari-poll_payload": (empty("poll"), f"{ANN} [poll: fruit]\n- 🍏 apple\n- banana\n- :platy:"),
    "hikari-standard_sticker_payload": (first_of("sticker_items"), f"{ANN} [sticker: Thinking]"),
    "hikari-user_payload": (author, "ignored: a message of Discord itself"),
}

# What is no event at all, and no part of one that is read: answers of the API, what is sent to it.
NO_EVENTS = frozenset(
    """docs-application-commands-Autocomplete docs-application-commands-Example_Message_Command
    docs-application-commands-Example_Slash_Command docs-application-commands-Example_User_Command
    docs-channel-Example_Channel_Category docs-channel-Example_DM_Channel
    docs-channel-Example_Group_DM_Channel docs-channel-Example_Guild_Announcement_Channel
    docs-channel-Example_Guild_Text_Channel docs-channel-Example_Thread_Channel
    docs-gateway-Example_Response-2 docs-gateway-Example_Response docs-guild-Example_Guild
    docs-guild-Example_Guild_Onboarding docs-guild-Example_Guild_Preview
    docs-guild-Example_Guild_Widget docs-guild-Example_Guild_Widget_Settings
    docs-guild-Example_Response-2 docs-guild-Example_Response docs-guild-Example_Unavailable_Guild
    docs-message-Allowed_Mentions_Examples-2 docs-message-Allowed_Mentions_Examples-3
    docs-message-Allowed_Mentions_Examples-4 docs-message-Allowed_Mentions_Examples-5
    docs-message-Allowed_Mentions_Examples-6 docs-message-Allowed_Mentions_Examples
    docs-message-Search_Guild_Messages docs-reference-Examples-2 docs-reference-Examples-3
    docs-reference-Examples-4 docs-reference-Examples
    docs-reference-Legacy_Message_Component_Behavior docs-sticker-Example_Sticker_Pack
    docs-user-Example_Partial_Guild hikari-alternative_user_payload hikari-button_payload
    hikari-context_menu_command_payload hikari-dm_channel_payload hikari-gateway_bot_payload
    hikari-gateway_guild_payload hikari-group_dm_channel_payload
    hikari-guild_command_permissions_payload hikari-guild_embed_payload
    hikari-guild_forum_channel_payload hikari-guild_news_channel_payload
    hikari-guild_news_thread_payload hikari-guild_private_thread_payload
    hikari-guild_public_thread_payload hikari-guild_stage_channel_payload
    hikari-guild_text_channel_payload hikari-guild_voice_channel_payload
    hikari-interaction_resolved_data_payload hikari-invite_payload
    hikari-message_bulk_delete_info_payload hikari-message_delete_info_payload
    hikari-message_pin_info_payload hikari-partial_channel_payload
    hikari-partial_interaction_metadata_payload hikari-scheduled_event_user_payload
    hikari-select_menu_payload hikari-slash_command_payload hikari-sticker_pack_payload
    hikari-thread_member_payload""".split()  # noqa: SIM905
)
NO_EVENT = "unreadable: the event is no dispatch (op, t, d), no message and no interaction"


def outcome(raw: bytes) -> str:
    try:
        event = parse(raw, ME)
    except UnreadableUpdate as error:
        return f"unreadable: {error}"
    if isinstance(event, Ignored):
        return f"ignored: {event.reason}"
    sign = "*" if event.addressed else "+" if event.follows else ""
    where = f"{event.conversation.kind} {event.conversation.id}"
    who = f"{event.participant.id}{sign} ({event.participant.name})"
    return f"{event.action} in {where} by {who}: {event.text or ' '.join(event.deleted)}"


def payloads(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(folder.rglob("*.json"))}


@pytest.fixture
def given(reference_data: Path) -> dict[str, bytes]:
    return payloads(reference_data / "payloads" / "discord")


def in_dispatches(given: dict[str, bytes]) -> dict[str, tuple[str, bytes]]:
    return {
        name: (kind, b'{"op":0,"s":7,"t":"%s","d":%s}' % (kind.encode(), given[name]))
        for name, kind in ((f"hikari-event-{name}", kind) for name, (kind, _) in DISPATCHED.items())
        if name in given
    }


def test_what_comes_alone(given: dict[str, bytes]) -> None:
    assert {name: outcome(given[name]) for name in ALONE} == ALONE


def test_what_comes_in_a_dispatch(given: dict[str, bytes]) -> None:
    found = {name: outcome(raw) for name, (_, raw) in in_dispatches(given).items()}
    assert found == {f"hikari-event-{name}": words for name, (_, words) in DISPATCHED.items()}
    # By itself it does not say what it is.
    assert {outcome(given[name]) for name in found} == {NO_EVENT}


def test_what_is_part_of_a_message(given: dict[str, bytes]) -> None:
    found = {
        name: outcome(orjson.dumps(put(orjson.loads(given[name]))))
        for name, (put, _) in PARTS.items()
    }
    assert found == {name: words for name, (_, words) in PARTS.items()}
    assert {outcome(given[name]) for name in PARTS} == {NO_EVENT}


def test_what_is_no_event(given: dict[str, bytes]) -> None:
    found = {name: outcome(raw) for name, raw in given.items() if name in NO_EVENTS}
    assert found == dict.fromkeys(NO_EVENTS, NO_EVENT)


def test_none_is_left_out(given: dict[str, bytes]) -> None:
    known = {*ALONE, *PARTS, *NO_EVENTS, *(f"hikari-event-{name}" for name in DISPATCHED)}
    assert known <= given.keys()
    # There may be more by now: those must end well at least.
    assert all(outcome(given[name]) for name in given.keys() - known)


def test_a_payload_in_a_dispatch_says_the_same(given: dict[str, bytes]) -> None:
    for name, kind in (
        ("docs-message-Example_Message", "MESSAGE_CREATE"),
        ("hikari-message_payload", "MESSAGE_CREATE"),
        ("docs-application-commands-Example_Interaction", "INTERACTION_CREATE"),
        ("hikari-command_interaction_payload", "INTERACTION_CREATE"),
    ):
        dispatch = b'{"op":0,"s":7,"t":"%s","d":%s}' % (kind.encode(), given[name])
        assert outcome(dispatch) == ALONE[name]


def test_a_whole_message_of_a_person(given: dict[str, bytes]) -> None:
    """The largest there is has everything, but is a webhook's and Discord's own."""
    whole = orjson.loads(given["hikari-message_payload"])
    whole["author"] = {"id": "7", "username": "nyaa"}
    del whole["webhook_id"]
    event = parse(orjson.dumps(whole), ME)
    assert not isinstance(event, Ignored)
    assert event.text == (
        "some info\n[sticker: Thinking]\n[poll: fruit]\n- 🍏 apple\n- banana\n- :platy:"
    )
    (file,) = event.attachments
    assert (file.name, file.media_type, file.size) == ("IMG.jpg", "image/png", 660521)
    assert file.ref == "456/123/690922406474154014"
    assert event.quote is not None
    assert (event.quote.text, event.quote.sender) == ("OK", "nyaa")
    assert (event.conversation.id, event.participant.name) == ("456", "foobarbaz")
    edit = parse(orjson.dumps({"t": "MESSAGE_UPDATE", "d": whole}), ME)
    assert not isinstance(edit, Ignored)
    assert edit.event_id == "edit:123:2020-04-21T21:20:16.510000+00:00"
