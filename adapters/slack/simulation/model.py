"""What exists on the simulated Slack: people, apps, conversations, messages."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

JsonObject = dict[str, Any]

ChannelKind = Literal["im", "mpim", "channel", "group"]
"""Slack's `channel_type`: a direct message, one of several people, a public, a private channel."""


@dataclass(kw_only=True, slots=True, eq=False)
class Person:
    """Somebody with an account in a workspace; `name` is their display name."""

    id: str
    name: str
    team: str

    def shown(self) -> JsonObject:
        """A `user` of `users.info`."""
        return {
            "id": self.id,
            "team_id": self.team,
            "name": self.name.lower().replace(" ", "."),
            "real_name": self.name,
            "deleted": False,
            "is_bot": False,
            "tz": "Europe/Berlin",
            "profile": {"real_name": self.name, "display_name": self.name, "team": self.team},
        }


@dataclass(kw_only=True, slots=True, eq=False)
class App:
    """An app, installed in one workspace, or by a whole organisation (`org_install`).

    `scopes` are those of its bot, `events` what it subscribes to. With `assistant` its agent view
    is on: whatever people write it directly stands in a thread. `socket_mode` says how it is told,
    `url` where to, otherwise. While it is `refused`, its tokens get that error for an answer.
    """

    id: str
    name: str
    team: str
    user_id: str
    bot_id: str
    bot_token: str
    app_token: str
    signing_secret: str
    scopes: frozenset[str]
    events: frozenset[str]
    socket_mode: bool
    enterprise: str = ""
    org_install: bool = False
    assistant: bool = False
    url: str = ""
    refused: str = ""
    dialogs: dict[str, Channel] = field(default_factory=dict)

    def shown(self) -> JsonObject:
        """Its bot, as a `user` of `users.info`."""
        return {
            "id": self.user_id,
            "team_id": self.team,
            "name": self.name,
            "real_name": self.name,
            "deleted": False,
            "is_bot": True,
            "profile": {
                "real_name": self.name,
                "display_name": self.name,
                "bot_id": self.bot_id,
                "api_app_id": self.id,
                "team": self.team,
            },
        }


@dataclass(kw_only=True, slots=True, eq=False)
class Channel:
    """A conversation; `apps` and `people` hold the ids of who is in it.

    `rooms` are the threads that are places of their own. `statuses`, `titles` and `prompts` are by
    thread, as is what is in `assistant_threads`: those that people opened in the agent view.
    """

    id: str
    kind: ChannelKind
    name: str
    team: str
    keep: int | None = None
    apps: set[str] = field(default_factory=set)
    people: dict[str, Person] = field(default_factory=dict)
    archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)
    sent: deque[Message] = field(default_factory=deque)
    rooms: set[str] = field(default_factory=set)
    assistant_threads: list[str] = field(default_factory=list)
    statuses: dict[str, tuple[str, float]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    prompts: dict[str, list[JsonObject]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sent = deque(maxlen=self.keep)

    def add(self, message: Message) -> None:
        """Keep a message."""
        self.messages[message.ts] = message
        if self.keep is not None and len(self.messages) > self.keep:
            del self.messages[next(iter(self.messages))]

    def replies(self, root: str) -> list[Message]:
        """What stands in a thread, oldest first, without its root."""
        return [each for each in self.messages.values() if each.thread_ts == root != each.ts]

    def room(self, message: Message) -> str:
        """The thread that a message stands in, if that is a place of its own; or ""."""
        thread = message.thread_ts
        if thread is None or not message.is_reply or message.subtype == "thread_broadcast":
            return ""
        return thread if self.kind in {"channel", "group"} or thread in self.rooms else ""

    def shown(self, app: App) -> JsonObject:
        """A `channel` of `conversations.info`, as an app sees it."""
        body: JsonObject = {
            "id": self.id,
            "created": 1_700_000_000,
            "is_archived": self.archived,
            "is_im": self.kind == "im",
            "is_mpim": self.kind == "mpim",
            "is_channel": self.kind == "channel",
            "is_group": self.kind == "group",
            "is_private": self.kind != "channel",
            "context_team_id": self.team,
        }
        if self.kind == "im":
            return {**body, "user": next(iter(self.people), "")}
        return {**body, "name": self.name, "is_member": app.id in self.apps}


@dataclass(kw_only=True, slots=True, eq=False)
class StoredFile:
    """A file; one of an upload has no `content` until that is done."""

    id: str
    name: str
    media_type: str
    content: bytes = b""
    title: str = ""
    length: int | None = None
    app_id: str = ""
    shared: bool = True
    fields: JsonObject = field(default_factory=dict)


@dataclass(kw_only=True, slots=True, eq=False)
class Message:
    """A message. `text` is mrkdwn, `markdown` what was given as such; an app's has its `app`.

    `thread_ts` is that of the thread it replies in, and a root's own once it has replies.
    `accepted` is what counts when two messages are compared. `ephemeral_to` is who alone sees it.
    `streaming` is when a piece was last added to a stream that is not over.
    """

    channel: Channel
    ts: str
    at: float
    user: str
    text: str = ""
    markdown: str | None = None
    mrkdwn: bool = True
    links_names: bool = False
    blocks: list[JsonObject] = field(default_factory=list)
    app: App | None = None
    subtype: str = ""
    thread_ts: str | None = None
    files: list[StoredFile] = field(default_factory=list)
    metadata: JsonObject | None = None
    edited: str = ""
    flagged: bool = False
    deleted: bool = False
    accepted: object = None
    ephemeral_to: str = ""
    streaming: float | None = None
    stopped: bool = False
    recipient: str = ""
    pinged: bool = False
    extra: JsonObject = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What names it: conversation and timestamp."""
        return f"{self.channel.id}:{self.ts}"

    @property
    def is_reply(self) -> bool:
        """Whether it stands in a thread without being the root."""
        return self.thread_ts is not None and self.thread_ts != self.ts
