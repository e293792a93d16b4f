"""Who says something, and what they are called.

https://docs.discord.com/developers/resources/user#user-object
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.discord.fields import (
    JsonObject,
    a_detail,
    a_string,
    an_id,
    an_object,
    in_one_line,
)
from gateway import Participant

_LONGEST_NAME = 80

UNKNOWN = Participant(id="unknown")
"""Somebody of whom Discord does not say who they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Me:
    """The bot itself: its user, its application, and the roles that are its own.

    A bot that does not know its id takes those of any bot for its own: then nobody is connected,
    and `gateway explain` should rather say too much. `answer_bots`: other bots are heard too.
    """

    id: str = ""
    application_id: str = ""
    roles: frozenset[str] = frozenset()
    answer_bots: bool = False

    def is_user(self, user: object) -> bool:
        """Whether this user is the bot."""
        if not isinstance(user, dict):
            return False
        return user.get("id") == self.id if self.id else user.get("bot") is True


def author(message: JsonObject, path: str, me: Me) -> Participant | str:
    """Who wrote it, or why what they say is not heard. Raises `UnreadableUpdate`."""
    user = an_object(message, "author", path)
    user_id = an_id(user, "id", f"{path}.author")
    if user_id == me.id or _is_of(message, me):
        return "the bot's own message"
    if user.get("system") is True:
        return "a message of Discord itself"
    if message.get("webhook_id") is not None:
        if not me.answer_bots:
            return "a webhook's message"
    elif user.get("bot") is True and not me.answer_bots:
        return "another bot's message"
    return Participant(id=user_id, name=name(user, a_detail(message, "member")))


def user_of(interaction: JsonObject, path: str) -> Participant:
    """Who used a command or a button: a member of a server, or a user alone."""
    member = a_detail(interaction, "member")
    parent, path = (member, f"{path}.member") if "user" in member else (interaction, path)
    user = an_object(parent, "user", path)
    return Participant(id=an_id(user, "id", f"{path}.user"), name=name(user, member))


def name(user: JsonObject, member: JsonObject) -> str:
    """What people see: the name in this server, the name shown everywhere, or the account's."""
    named = a_string(member, "nick") or a_string(user, "global_name") or a_string(user, "username")
    return in_one_line(named, _LONGEST_NAME)


def _is_of(message: JsonObject, me: Me) -> bool:
    """What an application's webhook sends has an author of its own."""
    return bool(me.application_id) and message.get("application_id") == me.application_id
