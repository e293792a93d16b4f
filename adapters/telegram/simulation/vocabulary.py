"""Closed lists of the Bot API."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def posts(method: str) -> bool:
    """Whether a method leaves a message behind."""
    return method.startswith("send") and method not in NOT_POSTING


NOT_POSTING = words("sendChatAction sendMessageDraft sendRichMessageDraft")

# The methods that send one file, and what kind they make of it.
FILE_METHODS = {
    "sendAnimation": "animation",
    "sendAudio": "audio",
    "sendDocument": "document",
    "sendPhoto": "photo",
    "sendVideo": "video",
    "sendVideoNote": "video_note",
    "sendVoice": "voice",
}

COMMAND_SCOPES = words("""
    all_chat_administrators all_group_chats all_private_chats chat chat_administrators chat_member
    default
""")

BUSINESS_RIGHTS = words("""
    can_delete_all_messages can_delete_sent_messages can_read_messages can_reply
""")

CHAT_ACTIONS = words("""
    choose_sticker find_location record_video record_video_note record_voice typing
    upload_document upload_photo upload_video upload_video_note upload_voice
""")

BUTTON_ACTIONS = words("""
    callback_data callback_game copy_text disabled login_url pay switch_inline_query
    switch_inline_query_chosen_chat switch_inline_query_current_chat url web_app
""")

ADMINISTRATOR_RIGHTS = words("""
    can_be_edited can_change_info can_delete_messages can_delete_stories can_edit_stories
    can_invite_users can_manage_chat can_manage_video_chats can_post_stories can_promote_members
    can_restrict_members can_send_welcome_messages is_anonymous
""")

GIFT_TYPES = words("""
    gifts_from_channels limited_gifts premium_subscription unique_gifts unlimited_gifts
""")

HTML_TAGS = words("""
    a b blockquote code del em i ins pre s span strike strong tg-emoji tg-spoiler u
""")

REACTIONS = words("""
    ❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤\u200d🔥 🌚 🌭 💯
    🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨\u200d💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡
    🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷\u200d♂ 🤷 🤷\u200d♀ 😡
""")
