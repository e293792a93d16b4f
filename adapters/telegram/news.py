"""Updates that the gateway has no use for, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapters.telegram.fields import JsonObject, a_detail, a_string, in_one_line

_UNUSED: Mapping[str, str] = {
    "guest_message": "a guest message: the bot is not a member of that chat",
    "message_reaction": "nobody asked for reactions",
    "message_reaction_count": "nobody asked for reactions",
    "inline_query": "inline queries are not answered",
    "chosen_inline_result": "inline queries are not answered",
    "shipping_query": "payments are not taken",
    "pre_checkout_query": "payments are not taken",
    "purchased_paid_media": "payments are not taken",
    "subscription": "payments are not taken",
    "poll": "a poll was voted on or closed",
    "poll_answer": "a poll was voted on or closed",
    "chat_member": "somebody joined or left, or may do other things now",
    "chat_join_request": "whoever asks to join waits for an administrator",
    "chat_boost": "nobody asked for boosts",
    "removed_chat_boost": "nobody asked for boosts",
    "managed_bot": "other bots are not managed",
}
_MINE: Mapping[str, str] = {
    "creator": "owns the chat now",
    "administrator": "is an administrator now",
    "member": "was added",
    "restricted": "was restricted",
    "left": "was removed",
    "kicked": "was banned",
}
_MINE_IN_PRIVATE: Mapping[str, str] = {"member": "was unblocked", "kicked": "was blocked"}


def unused(update: JsonObject) -> str:
    """What happened, or why nothing follows from it."""
    kind = next((kind for kind in update if kind != "update_id"), "empty")
    if kind in _TOLD:
        return _TOLD[kind](a_detail(update, kind))
    return _UNUSED.get(kind) or f"{in_one_line(kind, 64)} updates are not used"


def _membership(change: JsonObject) -> str:
    status = a_string(a_detail(change, "new_chat_member"), "status")
    private = a_string(a_detail(change, "chat"), "type") == "private"
    words = (_MINE_IN_PRIVATE if private else _MINE).get(status)
    return f"the bot {words}" if words else "what the bot may do has changed"


def _connection(connection: JsonObject) -> str:
    enabled = connection.get("is_enabled") is True
    return f"a business connection was {'enabled' if enabled else 'disabled'}"


_TOLD: Mapping[str, Callable[[JsonObject], str]] = {
    "my_chat_member": _membership,
    "business_connection": _connection,
}
