"""Every update of the reference data has the outcome it should have, also what an SDK chokes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.telegram.inbound import Me, parse
from gateway import Ignored, Moved, UnreadableUpdate

pytestmark = pytest.mark.reference_data

ME = Me(id=6129457865, username="sim_bot")

# Action, conversation, participant, text, files, what it replies to; an asterisk where the bot is
# addressed.
ALONE = "message in direct 12345678 by 12345678*:"
GROUP = "message in group 1 by 1:"
PAYMENT, INLINE = "payments are not taken", "inline queries are not answered"
JOINS = "ignored: whoever asks to join waits for an administrator"
OUTCOMES = {
    "carapax-tests-access_predicate": "message in direct 1 by 3*: test",
    "carapax-tests-access_rule_new": f"{GROUP} test",
    "carapax-tests-bot_status": "ignored: the bot was banned",
    "carapax-tests-chosen_inline_result": f"ignored: {INLINE}",
    "carapax-tests-command": "message in direct 1 by 1*: /test",
    "carapax-tests-create_update": "message in direct 1 by 1*: test message from private chat",
    "carapax-tests-in_memory_access_policy-1": "message in direct 1 by 2*: test",
    "carapax-tests-in_memory_access_policy": "message in direct 1 by 1*: test",
    "carapax-tests-inline_query": f"ignored: {INLINE}",
    "carapax-tests-message-1": "message in channel 1 by 1: test message from channel",
    "carapax-tests-message-2": "edit in channel 1 by 1: test edited message from channel",
    "carapax-tests-message": "edit in direct 1 by 1*: test edited message from private chat",
    "carapax-tests-pre_checkout_query": f"ignored: {PAYMENT}",
    "carapax-tests-shipping_query": f"ignored: {PAYMENT}",
    "carapax-tests-user_status": "ignored: somebody joined or left, or may do other things now",
    "dump-channel_post_pinned": "ignored: a service message (pinned_message)",
    "dump-forum_topic_created": "ignored: a service message (forum_topic_created)",
    "dump-forum_topic_edited": "ignored: a service message (forum_topic_edited)",
    "dump-forum_topic_reopened_general": "ignored: a service message (forum_topic_reopened)",
    "ill-edited_message": "edit in direct 12345678 by 12345678*: hi there (edited)",
    "ill-forwarded_message": f"{ALONE} [forwarded from Name]\nmessage text",
    "ill-message": f"{ALONE} Hi, world!",
    "ill-message_with_invoice": f"{ALONE} [invoice: Working Time Machine]",
    "ill-message_with_location": f"{ALONE} [location 55.693416, 37.624605]",
    "ill-message_with_successful_payment": "ignored: a service message (successful_payment)",
    "ill-pre_checkout_query": f"ignored: {PAYMENT}",
    "ill-reply_message": f"{ALONE} Reply to quoted message <- Quoted message",
    "ill-shipping_query": f"ignored: {PAYMENT}",
    "old/carapax-tests-callback_query": "ignored: a button that is not the gateway's",
    "old/carapax-tests-chat_join_request": JOINS,
    "old/carapax-tests-poll": "ignored: a poll was voted on or closed",
    "old/carapax-tests-poll_answer": "ignored: a poll was voted on or closed",
    "old/ill-message_with_audio": f"{ALONE} [audio, 123 s] +audio.mp3",
    "old/ill-message_with_document": f"{ALONE} doc description +test.docx",
    "old/ill-message_with_game": f"{ALONE} [game: Karate Kido]",
    "old/ill-message_with_photo": f"{ALONE} photo description +photo.jpg",
    "old/ill-message_with_sticker": f"{ALONE} [sticker: 🛠 of the set CityWars] +sticker.webp",
    "old/ill-message_with_video": f"{ALONE} description +video.mp4",
    "old/ill-message_with_voice": f"{ALONE} [voice message, 1 s] +voice.ogg",
    "tgbot-message-external_reply": f"{GROUP} text <- [animation, 10 s]",
    "tgbot-message-get_text": f"{GROUP} text",
    "tgbot-message-get_text_from_audio": f"{GROUP} test audio caption +audio.mp3",
    "tgbot-message-get_text_from_document": f"{GROUP} test document caption +file",
    "tgbot-message-get_text_from_photo": f"{GROUP} test photo caption +photo.jpg",
    "tgbot-message-get_text_from_video": f"{GROUP} test video caption +video.mp4",
    "tgbot-message-get_text_from_voice": f"{GROUP} test voice caption +voice.ogg",
    "tgbot-message-get_text_returns_none": "ignored: a service message (group_chat_created)",
    "tgbot-message-is_edited-1": f"{GROUP} test",
    "tgbot-message-is_edited": f"{GROUP} test",
    "tgbot-message-link_peview_options": f"{GROUP} test",
    "tgbot-message-live_photo": f"{GROUP} text +photo.jpg +live_photo.mp4",
    "tgbot-message-maybe_inaccesible-1": "ignored: a message without content",
    "tgbot-message-maybe_inaccesible": "ignored: a message without content",
    "tgbot-message-quote": f"{GROUP} text <- test",
    "tgbot-message-reply_to_checklist_task_id": f"{GROUP} test",
    "tgbot-message-reply_to_message": f"{GROUP} test <- test",
    "tgbot-message-reply_to_message_with_empty_data": f"{GROUP} test",
    "tgbot-message-reply_to_story": f"{GROUP} test <- [story of super-group-title]",
    "tgbot-message-sender_boost_count": f"{GROUP} test",
    "tgbot-message-via_bot": f"{GROUP} test",
    "tgbot-text-deserialize": f"{GROUP} "
    "b /c $c cd u@h.z #h i @m p pre l tm url u s sx pre 🤡 bq ebq 20:20 0",
    "tgbot-text-get_bot_commands": "message in group 1 by 1*: "
    "/command1 /command2 /command3@bot_name",
    "tgbot-webhook-webhook": "message in direct 1111111 by 1111111*: /start",
}


def outcome(raw: bytes) -> str:
    try:
        event = parse(raw, ME)
    except UnreadableUpdate as error:
        return f"unreadable: {error}"
    if isinstance(event, Ignored):
        return f"ignored: {event.reason}"
    if isinstance(event, Moved):
        return f"moved from {event.old_id} to {event.new_id}"
    star = "*" if event.addressed else ""
    where = f"{event.conversation.kind} {event.conversation.id}"
    quote = f" <- {event.quote.text}" if event.quote else ""
    files = "".join(f" +{file.name}" for file in event.attachments)
    return f"{event.action} in {where} by {event.participant.id}{star}: {event.text}{files}{quote}"


def test_every_update_has_its_outcome(reference_data: Path) -> None:
    folder = reference_data / "payloads" / "telegram"
    found = {
        f"{'' if path.parent == folder else 'old/'}{path.stem}": outcome(path.read_bytes())
        for path in sorted(folder.rglob("*.json"))
    }
    # There may be more by now: those must be readable at least.
    assert {name: words for name, words in found.items() if name in OUTCOMES} == OUTCOMES
    assert not [words for words in found.values() if words.startswith("unreadable")]
