"""The people's side: who is there, what they say, and which bot hears of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import orjson

from adapters.telegram.simulation.files import FileStore, StoredFile
from adapters.telegram.simulation.model import (
    Chat,
    ChatType,
    Connection,
    Draft,
    JsonObject,
    Message,
    Person,
    Query,
)
from adapters.telegram.simulation.news import News
from adapters.telegram.simulation.text import find_entities, utf16_length
from adapters.telegram.simulation.updates import UpdateQueue
from adapters.telegram.simulation.webhook import Webhook

DEFAULT_TOKEN = "1000001:simulated"  # noqa: S105 - of nothing
FIRST_PERSON = 5_000_000_001
FIRST_GROUP = -4_001
FIRST_SUPERGROUP = -1_001_000_000_001
# This thread id is the General topic's, whose messages carry none.
GENERAL_TOPIC = 1
# Notices of this kind reach every bot; those that the simulator makes.
SERVICE = frozenset({"forum_topic_created", "migrate_from_chat_id", "migrate_to_chat_id"})


@dataclass(kw_only=True, slots=True, eq=False)
class Bot:
    """One bot. `dialogs` are its private chats, by person; a group is the same for all in it.

    `has_topics`: its private chats may have topics. `connections` are the business accounts that
    it answers for.
    """

    id: int
    updates: UpdateQueue
    token: str = ""
    username: str = ""
    reads_all: bool = False
    has_topics: bool = False
    takes_business: bool = False
    dialogs: dict[int, Chat] = field(default_factory=dict)
    commands: dict[tuple[str, str], list[JsonObject]] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    queries: dict[str, Query] = field(default_factory=dict)
    webhook: Webhook | None = None

    @property
    def user(self) -> JsonObject:
        """The bot as a `User`."""
        name = self.username.removesuffix("bot").rstrip("_").title() or "Bot"
        return {"id": self.id, "is_bot": True, "first_name": name, "username": self.username}


class World:
    """Everything there is. Ids count up from fixed numbers: two runs are the same run."""

    def __init__(self, clock: Callable[[], float], keep: int | None, news: News) -> None:
        self.clock = clock
        self.bots: dict[int, Bot] = {}
        self.people: dict[int, Person] = {}
        self.chats: dict[int, Chat] = {}
        self.sent: deque[Message] = deque(maxlen=keep)
        self.repeated: deque[Message] = deque(maxlen=keep)
        self.files = FileStore(clock, keep)
        self._keep = keep
        self._news = news
        self._album_ids = count(13_900_000_000_000_001)
        self._person_ids = count(FIRST_PERSON)
        self._group_ids = count(FIRST_GROUP, -1)
        self._supergroup_ids = count(FIRST_SUPERGROUP, -1)
        self._query_ids = count(1)

    def add_bot(
        self, token: str, username: str, *, reads_all: bool = False, has_topics: bool = False
    ) -> Bot:
        """Register a bot, or change the one that has this token."""
        bot_id = int(token.partition(":")[0])
        bot = self.bots.get(bot_id)
        if bot is None:
            updates = UpdateQueue(keep=self._keep, news=self._news)
            bot = self.bots[bot_id] = Bot(id=bot_id, updates=updates)
        bot.token, bot.username = token, username
        bot.reads_all, bot.has_topics = reads_all, has_topics
        return bot

    def bot(self, account: str) -> Bot:
        """The bot with this id or token. Raises `LookupError`."""
        return self.bots[int(account.partition(":")[0])]

    def first_bot(self) -> Bot:
        """The bot that was there first; there always is one."""
        return next(iter(self.bots.values()), None) or self.add_unknown_bot(DEFAULT_TOKEN)

    def add_unknown_bot(self, token: str) -> Bot:
        """Register a bot of which only the token is known."""
        number = len(self.bots) or ""
        return self.add_bot(token, f"simulated{number}_bot")

    def add_person(self, name: str) -> Person:
        """Let somebody join Telegram."""
        person = Person(id=next(self._person_ids), name=name)
        self.people[person.id] = person
        return person

    def add_chat(self, kind: ChatType, title: str) -> Chat:
        """Open a group, supergroup or channel without anybody in it."""
        ids = self._group_ids if kind == "group" else self._supergroup_ids
        chat = Chat(id=next(ids), type=kind, title=title, keep=self._keep)
        self.chats[chat.id] = chat
        return chat

    def dialog(self, bot: Bot, person: Person) -> Chat:
        """The private chat of a person and a bot; the bot may write only after the person did."""
        if person.id not in bot.dialogs:
            bot.dialogs[person.id] = Chat(
                id=person.id,
                type="private",
                title=person.name,
                keep=self._keep,
                started=False,
                bots={bot.id},
                people={person.id: person},
            )
        return bot.dialogs[person.id]

    def add_topic(self, chat: Chat, name: str) -> int:
        """Open a topic, and make the supergroup a forum; return the topic's thread id.

        Private chats of a bot that has topics enabled take them too.
        """
        private = chat.type == "private" and any(self.bots[each].has_topics for each in chat.bots)
        if chat.type != "supergroup" and not private:
            raise ValueError(f"a {chat.type} has no topics")
        chat.is_forum = True
        chat.last_id = max(chat.last_id, GENERAL_TOPIC)
        chat.describe()
        root = self._message(chat, next(iter(chat.people.values()), None), "")
        root.extra = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
        root.topic = chat.add(root).id
        return root.topic

    def say(
        self,
        chat: Chat,
        person: Person | None,
        text: str,
        *,
        topic: int | None = None,
        reply_to: int | None = None,
        quote: str = "",
        file: StoredFile | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> dict[int, str]:
        """Let a person write, or a channel post; return the update's id for each bot that hears.

        With a `file`, the text is its caption. A `quote` is of the message replied to.
        """
        message = self._message(chat, person, text)
        message.entities = find_entities(text)
        message.file = file
        message.reply_to = chat.messages[reply_to] if reply_to is not None else None
        message.extra = {
            **(file.shown() if file is not None else {}),
            **(_quoted(message.reply_to, quote) if quote else {}),
            **(extra or {}),
        }
        self.thread(message, topic)
        chat.add(message)
        chat.started = True
        if person is not None and chat.connection is None:
            chat.people[person.id] = person
        if person is not None and person.id in chat.people:
            chat.heard_at = message.date
        return self._announce(message)

    def album(self) -> str:
        """A new `media_group_id`."""
        return str(next(self._album_ids))

    def told(self, bot: Bot, update_id: int) -> Message:
        """The message a bot was told of by an update. Raises `LookupError`."""
        update = bot.updates.past(update_id)
        shown = next(content for kind, content in update.items() if kind != "update_id")
        chat_id = shown["chat"]["id"]
        if "business_connection_id" in shown:
            chat = bot.connections[shown["business_connection_id"]].chats[chat_id]
        else:
            chat = bot.dialogs[chat_id] if chat_id in bot.dialogs else self.chats[chat_id]
        return chat.messages[shown["message_id"]]

    def edit(self, message: Message, text: str) -> dict[int, str]:
        """Let the author change a message; return the updates' ids."""
        message.text, message.entities = text, find_entities(text)
        message.edited = self.clock()
        return self._announce(message)

    @staticmethod
    def delete(message: Message) -> None:
        """Let a message disappear. Bots are not told, but for a business account's."""
        message.deleted = True
        message.chat.messages.pop(message.id, None)

    def press(self, message: Message, person: Person, data: str) -> str:
        """Let a person press an inline button; return the update's id, if the bot hears of it."""
        bot = self.bots[message.bot_id or 0]
        query = Query(id=f"{bot.id}{next(self._query_ids):08}", at=self.clock())
        bot.queries[query.id] = query
        content = {
            "id": query.id,
            "from": person.as_user(),
            "message": message.shown(),
            "chat_instance": str(message.chat.id),
            "data": data,
        }
        return str(bot.updates.add("callback_query", content) or "")

    def stop(self, chat: Chat, draft: Draft) -> str:
        """Let the reader stop an answer that is being written; return the update's id."""
        draft.stopped = True
        content: JsonObject = {"chat": chat.shown, "draft_id": draft.id}
        if draft.topic:
            content["message_thread_id"] = draft.topic
        heard = [
            self.bots[each].updates.add("stopped_message_generation", content) for each in chat.bots
        ]
        return str(heard[0] or "")

    def migrate(self, old: Chat) -> Chat:
        """Turn a basic group into a supergroup; both tell of it, and the old one is closed."""
        if old.type != "group":
            raise ValueError(f"a {old.type} does not migrate")
        new = self.add_chat("supergroup", old.title)
        new.bots, new.people, new.admins = old.bots, old.people, old.admins
        anybody = next(iter(old.people.values()), None)
        self.say(old, anybody, "", extra={"migrate_to_chat_id": new.id})
        self.say(new, anybody, "", extra={"migrate_from_chat_id": old.id})
        old.migrated_to = new.id
        return new

    def post(self, bot: Bot, message: Message) -> None:
        """Take a bot's message into its chat."""
        chat = message.chat
        last = next((past for past in reversed(chat.sent) if past.bot_id == bot.id), None)
        chat.add(message)
        if last is not None and (last.accepted, last.topic) == (message.accepted, message.topic):
            self.repeated.append(message)
        chat.sent.append(message)
        chat.drafts.pop(message.topic or 0, None)
        self.sent.append(message)

    @staticmethod
    def thread(message: Message, topic: int | None) -> None:
        """Put a message where Telegram puts it: into a topic, or a thread of replies."""
        origin = message.reply_to
        if message.chat.is_forum:
            message.topic = topic or (origin.topic if origin else None)
            if message.topic is not None and origin is None:
                message.reply_to = message.chat.messages.get(message.topic)
        elif origin is not None and message.chat.type == "supergroup":
            message.thread = origin.thread or origin.id

    def _message(self, chat: Chat, person: Person | None, text: str) -> Message:
        sender = person.as_user() if person is not None and chat.type != "channel" else None
        return Message(chat=chat, date=self.clock(), text=text, sender=sender)

    def _announce(self, message: Message) -> dict[int, str]:
        shown, chat = message.shown(), message.chat
        kind = "channel_post" if chat.type == "channel" else "message"
        if chat.connection is not None:
            kind = "business_message" if chat.connection.enabled else ""
        heard = {}
        for bot_id in sorted(chat.bots) if kind else ():
            bot = self.bots[bot_id]
            if _hears(bot, message):
                if message.file is not None:
                    message.file.tell({bot_id})
                update_id = bot.updates.add(
                    kind if message.edited is None else f"edited_{kind}", shown
                )
                if update_id is not None:
                    heard[bot_id] = str(update_id)
        return heard


def scope_key(scope: Mapping[str, Any], language: str) -> tuple[str, str]:
    """What the commands of a scope and language are kept under."""
    return orjson.dumps(dict(scope), option=orjson.OPT_SORT_KEYS).decode(), language


def _quoted(origin: Message | None, quote: str) -> JsonObject:
    """A `TextQuote` that somebody chose by hand."""
    if origin is None or quote not in origin.text:
        raise ValueError(f"nothing says {quote!r} to be quoted")
    position = utf16_length(origin.text[: origin.text.index(quote)])
    return {"quote": {"text": quote, "position": position, "is_manual": True}}


def _hears(bot: Bot, message: Message) -> bool:
    """Privacy mode; https://core.telegram.org/bots/features#privacy-mode."""
    chat, origin = message.chat, message.reply_to
    return (
        chat.type in {"private", "channel"}
        or bot.reads_all
        or bot.id in chat.admins
        or (origin is not None and origin.bot_id == bot.id)
        or any(_means(bot, message.text, entity) for entity in message.entities)
        or not SERVICE.isdisjoint(message.extra)
    )


def _means(bot: Bot, text: str, entity: JsonObject) -> bool:
    utf16 = text.encode("utf-16-le")
    start, length = entity["offset"] * 2, entity["length"] * 2
    command, _, name = utf16[start : start + length].decode("utf-16-le").rpartition("@")
    if entity["type"] == "bot_command":
        return not command or name.lower() == bot.username.lower()
    return name.lower() == bot.username.lower()
