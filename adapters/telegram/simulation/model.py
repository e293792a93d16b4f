"""What exists on the simulated Telegram: people, chats, messages. How the Bot API shows them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from adapters.telegram.simulation.files import StoredFile

JsonObject = dict[str, Any]
DRAFT_LIFETIME = 30.0

ChatType = Literal["private", "group", "supergroup", "channel"]


@dataclass(kw_only=True, slots=True, eq=False)
class Person:
    """Somebody with an account; `name` is all that others see of them."""

    id: int
    name: str

    def as_user(self) -> JsonObject:
        """A `User`."""
        return {"id": self.id, "is_bot": False, "first_name": self.name, "language_code": "en"}


@dataclass(kw_only=True, slots=True, eq=False)
class Chat:
    """A chat. `started` is false for a private one until its person wrote; `bots` holds ids.

    One of a business account has its `connection`, and was last written to by its customer at
    `heard_at`. `drafts` are by topic, 0 being none.
    """

    id: int
    type: ChatType
    title: str
    keep: int | None = None
    is_forum: bool = False
    bots: set[int] = field(default_factory=set)
    people: dict[int, Person] = field(default_factory=dict)
    admins: set[int] = field(default_factory=set)
    started: bool = True
    blocked: bool = False
    migrated_to: int | None = None
    messages: dict[int, Message] = field(default_factory=dict)
    sent: deque[Message] = field(default_factory=deque)
    drafts: dict[int, Draft] = field(default_factory=dict)
    connection: Connection | None = None
    heard_at: float = 0.0
    last_id: int = 0
    shown: JsonObject = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sent = deque(maxlen=self.keep)
        self.describe()

    def describe(self) -> None:
        """Make `shown`, the chat as a `Chat`, anew after a change."""
        name = "first_name" if self.type == "private" else "title"
        self.shown = {"id": self.id, name: self.title, "type": self.type}
        if self.is_forum and self.type == "supergroup":
            self.shown["is_forum"] = True

    def shown_drafts(self, now: float) -> list[Draft]:
        """What people see of answers that are being written, the one of each topic."""
        fresh = (draft for draft in self.drafts.values() if now - draft.at <= DRAFT_LIFETIME)
        return [draft for draft in fresh if draft.keep_on_stop or not draft.stopped]

    def add(self, message: Message) -> Message:
        """Give the message the chat's next id and keep it."""
        self.last_id = message.id = self.last_id + 1
        self.messages[message.id] = message
        if self.keep is not None and len(self.messages) > self.keep:
            del self.messages[next(iter(self.messages))]
        return message


@dataclass(kw_only=True, slots=True, eq=False)
class Message:
    """A message; its text is the caption of its file, if it has one.

    `topic` is the forum topic it is in, `thread` an ordinary thread of replies.
    `sender` is a `User`, and missing for a channel's posts; `bot_id` says whose a bot's message is.
    """

    chat: Chat
    date: float
    text: str
    id: int = 0
    sender: JsonObject | None = None
    bot_id: int | None = None
    entities: list[JsonObject] = field(default_factory=list)
    markup: JsonObject | None = None
    reply_to: Message | None = None
    topic: int | None = None
    thread: int | None = None
    edited: float | None = None
    deleted: bool = False
    accepted: object = None
    file: StoredFile | None = None
    reactions: dict[int, list[JsonObject]] = field(default_factory=dict)
    extra: JsonObject = field(default_factory=dict)

    def shown(self, *, nested: bool = False) -> JsonObject:
        """A `Message`; `nested` inside another, where Telegram leaves out what it replies to."""
        body: JsonObject = {"message_id": self.id, "date": int(self.date), "chat": self.chat.shown}
        if self.sender is not None:
            body["from"] = self.sender
        else:
            body["sender_chat"] = self.chat.shown
        if self.text:
            body["text" if self.file is None else "caption"] = self.text
        if self.entities:
            body["entities" if self.file is None else "caption_entities"] = self.entities
        if self.edited is not None:
            body["edit_date"] = int(self.edited)
        if self.markup is not None and "inline_keyboard" in self.markup:
            body["reply_markup"] = self.markup
        self._place(body, nested)
        return {**body, **self.extra}

    def _place(self, body: JsonObject, nested: bool) -> None:
        if self.chat.connection is not None:
            body["business_connection_id"] = self.chat.connection.id
        thread = self.topic or self.thread
        if thread is not None:
            body["message_thread_id"] = thread
        if self.topic is not None:
            body["is_topic_message"] = True
        if self.reply_to is not None and not nested:
            body["reply_to_message"] = self.reply_to.shown(nested=True)

    def buttons(self) -> list[JsonObject]:
        """The buttons people can press, inline or under the input field, in reading order."""
        markup = self.markup or {}
        rows = markup.get("inline_keyboard") or markup.get("keyboard") or []
        cells = [button for row in rows for button in row]
        return [cell if isinstance(cell, dict) else {"text": cell} for cell in cells]


@dataclass(kw_only=True, slots=True, eq=False)
class Draft:
    """An answer that is being written. `topic` is 0 for none; `stopped` by its reader."""

    id: int
    at: float
    text: str
    entities: list[JsonObject] = field(default_factory=list)
    topic: int = 0
    can_stop: bool = False
    keep_on_stop: bool = False
    stopped: bool = False


@dataclass(kw_only=True, slots=True, eq=False)
class Connection:
    """A business account, its owner's, that a bot answers for; `chats` are by customer."""

    id: str
    owner: Person
    since: float
    rights: frozenset[str]
    enabled: bool = True
    chats: dict[int, Chat] = field(default_factory=dict)

    def shown(self) -> JsonObject:
        """A `BusinessConnection`."""
        return {
            "id": self.id,
            "user": self.owner.as_user(),
            "user_chat_id": self.owner.id,
            "date": int(self.since),
            "rights": dict.fromkeys(sorted(self.rights), True),
            "is_enabled": self.enabled,
        }


@dataclass(kw_only=True, slots=True, eq=False)
class Query:
    """A pressed button that waits for its answer."""

    id: str
    at: float
    answered: bool = False
