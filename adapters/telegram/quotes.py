"""What a message replies to, as its writer sees it.

https://core.telegram.org/bots/api#message, https://core.telegram.org/bots/api#externalreplyinfo
"""

from __future__ import annotations

from adapters.telegram import content
from adapters.telegram.fields import JsonObject, a_detail, a_string, details, in_one_line
from adapters.telegram.people import Me, name, origin_name, speaker_name
from adapters.telegram.places import replied_to
from gateway import Quote

LONGEST = 1000
"""Characters of what is quoted; more is cut off."""

_SIGNS = frozenset({"reply_to_message", "external_reply", "reply_to_story", "quote"})


def read(message: JsonObject, me: Me) -> Quote | None:
    """What it replies to: the part that was marked, or all of it."""
    if _SIGNS.isdisjoint(message):
        return None
    marked = a_string(a_detail(message, "quote"), "text")
    reply = replied_to(message)
    if reply is not None:
        text = marked or _picked(message, reply) or content.shown(reply)
        return _quote(text, speaker_name(reply), me.wrote(reply))
    if external := a_detail(message, "external_reply"):
        origin = a_detail(external, "origin")
        mine = me.is_user(origin.get("sender_user"))
        return _quote(marked or content.shown(external), origin_name(origin), mine)
    if story := a_detail(message, "reply_to_story"):
        teller = in_one_line(name(a_detail(story, "chat")))
        return _quote(content.described({"story": story}), teller)
    return _quote(marked, "")


def _quote(text: str, sender: str, from_agent: bool = False) -> Quote | None:
    if not text.strip():
        return None
    text = text.replace("\0", "\ufffd")
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 1]}…"
    return Quote(text=text, sender=sender, from_agent=from_agent)


def _picked(message: JsonObject, reply: JsonObject) -> str:
    """The task of a checklist or the option of a poll that it replies to."""
    task, option = message.get("reply_to_checklist_task_id"), message.get("reply_to_poll_option_id")
    if task is not None:
        tasks = details(a_detail(reply, "checklist"), "tasks")
        return next((a_string(one, "text") for one in tasks if one.get("id") == task), "")
    if option is not None:
        options = details(a_detail(reply, "poll"), "options")
        found = (one for one in options if one.get("persistent_id") == option)
        return next((a_string(one, "text") for one in found), "")
    return ""
