"""Who says something, and what they are called.

https://core.telegram.org/bots/api#user, https://core.telegram.org/bots/api#messageorigin
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.telegram.fields import (
    JsonObject,
    a_detail,
    a_string,
    an_integer,
    an_object,
    in_one_line,
)
from gateway import Participant


@dataclass(frozen=True, kw_only=True, slots=True)
class Me:
    """The bot itself; `username` is in lower case, without the @.

    A bot that does not know its name (empty) or id (0) takes those of any bot for its own: in
    privacy mode Telegram hands it nothing that is meant for another.
    """

    id: int
    username: str = ""

    def is_called(self, name: str) -> bool:
        """Whether `@name` means this bot."""
        name = name.lower()
        return name == self.username if self.username else name.endswith("bot")

    def wrote(self, message: JsonObject) -> bool:
        """Whether this bot sent the message, in its own name or for a business account."""
        author = message.get("sender_business_bot") or message.get("from")
        return self.is_user(author)

    def is_user(self, user: object) -> bool:
        """Whether this user is the bot."""
        if not isinstance(user, dict):
            return False
        return user.get("id") == self.id or (self.id == 0 and user.get("is_bot") is True)


def author(message: JsonObject, path: str, me: Me) -> Participant | str:
    """Who wrote it, or why what they say is not heard."""
    if message.get("sender_chat") is not None:
        # An anonymous admin or a channel; `from` is then a stand-in for old clients.
        return chat(message, "sender_chat", path)
    if message.get("from") is None and path.endswith("channel_post"):
        return chat(message, "chat", path)
    who = person(message, "from", path)
    if who.id == str(me.id):
        return "the bot's own message"
    if message["from"].get("is_bot"):
        return "another bot's message"
    return who


def customer(message: JsonObject, path: str, connection: str) -> Participant | str:
    """Who wrote it to a business account, or why it is not heard: the account's side wrote it."""
    if message.get("sender_business_bot") is not None:
        return "a bot's own message, sent for the business account"
    who = person(message, "from", path)
    if who.id != str(message["chat"]["id"]):
        return "what the business account's owner does is not for the bot"
    if message["from"].get("is_bot"):
        return "another bot's message"
    return of_business(who, connection)


def of_business(who: Participant, connection: str) -> Participant:
    """Somebody as the customer of a business account: not who they are to the bot itself.

    What is said to the account is the account's; their plain id is an alias, for lists that name
    people.
    """
    return Participant(id=f"{who.id}@{connection}", name=who.name, aliases=(who.id,))


def person(parent: JsonObject, field: str, path: str) -> Participant:
    """The user in this field; or the person of a private chat. Raises `UnreadableUpdate`."""
    user = an_object(parent, field, path)
    user_id = an_integer(user, "id", f"{path}.{field}")
    return Participant(id=str(user_id), name=name(user))


def chat(parent: JsonObject, field: str, path: str) -> Participant:
    """The chat in this field, as who speaks. Raises `UnreadableUpdate`."""
    speaker = an_object(parent, field, path)
    chat_id = an_integer(speaker, "id", f"{path}.{field}")
    return Participant(id=str(chat_id), name=name(speaker))


def name(of: JsonObject) -> str:
    """What a user or a chat is called."""
    first, last = a_string(of, "first_name") or a_string(of, "title"), a_string(of, "last_name")
    return (f"{first} {last}".strip() if last else first) or a_string(of, "username")


def speaker_name(message: JsonObject) -> str:
    """What whoever wrote this message is called."""
    speaker = message.get("sender_chat") or message.get("from") or message.get("chat")
    return in_one_line(name(speaker)) if isinstance(speaker, dict) else ""


def origin_name(origin: JsonObject) -> str:
    """What whoever wrote a message first is called, as far as they show it."""
    place = a_detail(origin, "sender_chat") or a_detail(origin, "chat")
    if not place:
        user = a_detail(origin, "sender_user")
        return in_one_line(name(user) or a_string(origin, "sender_user_name"))
    signature = a_string(origin, "author_signature")
    return in_one_line(f"{name(place)} ({signature})" if signature else name(place))


def forwarded_from(message: JsonObject) -> str | None:
    """Who wrote a forwarded message first; None when it is not forwarded."""
    if message.get("forward_origin") is not None:
        return origin_name(a_detail(message, "forward_origin")) or "somebody"
    if message.get("forward_date") is None:
        return None
    # As servers before Bot API 7.0 say it.
    first = a_detail(message, "forward_from_chat") or a_detail(message, "forward_from")
    return in_one_line(name(first) or a_string(message, "forward_sender_name")) or "somebody"
