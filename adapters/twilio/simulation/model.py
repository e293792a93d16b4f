"""What exists on the simulated Twilio: numbers, people, messages, conversations, contents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

JsonObject = dict[str, Any]
Form = dict[str, str]

NumberKind = Literal["whatsapp", "sms"]
Privacy = Literal["phone", "both", "hidden"]
"""What a person shows: their number, also their user id, or that alone.

https://www.twilio.com/docs/whatsapp/api#business-scoped-user-ids
"""
Source = Literal["API", "WHATSAPP", "SMS"]


@dataclass(kw_only=True, slots=True, eq=False)
class Number:
    """A number of the account's; `address` is how it stands in `To` and `From`.

    `sid` is the number's, `sender` that of its WhatsApp sender. `url` is where its messages are
    posted to. People write to a `sandbox` only once they `joined` it. `status` is that of its
    WhatsApp sender, `texts` whether it can do SMS; an `application` has its messages in the end.
    """

    address: str
    kind: NumberKind
    sid: str
    sender: str
    sandbox: bool
    url: str = ""
    status: str = "ONLINE"
    texts: bool = True
    application: str = ""
    joined: set[str] = field(default_factory=set)
    opted_out: set[str] = field(default_factory=set)


@dataclass(kw_only=True, slots=True, eq=False)
class Person:
    """Somebody with a phone. `phone` and `user_id` are addresses in the channel's own form."""

    name: str
    kind: NumberKind
    phone: str
    user_id: str
    privacy: Privacy = "phone"
    reachable: bool = True

    @property
    def shown(self) -> str:
        """What stands in `From`."""
        return self.user_id if self.privacy == "hidden" else self.phone


@dataclass(kw_only=True, slots=True, eq=False)
class StoredFile:
    """A file of a message's."""

    sid: str
    name: str
    media_type: str
    content: bytes
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """What can be pressed or picked."""

    label: str
    payload: str
    listed: bool = False
    description: str = ""


@dataclass(kw_only=True, slots=True, eq=False)
class Text:
    """A message of the Messages resource, coming in or going out; `person` is who else there is.

    `code` is why it failed. `others` are the further members of a raw group MMS. One that a
    conversation took, or sent to a member, says which.
    """

    sid: str
    number: Number
    person: Person | None
    other: str
    inbound: bool
    body: str
    at: float
    files: list[StoredFile] = field(default_factory=list)
    buttons: tuple[Button, ...] = ()
    media_urls: tuple[str, ...] = ()
    status: str = "received"
    direction: str = "inbound"
    code: int | None = None
    callback: str = ""
    others: tuple[str, ...] = ()
    conversation: str = ""

    @property
    def num_media(self) -> int:
        """How many files it has, or will have once they are fetched."""
        return len(self.files) or len(self.media_urls)


@dataclass(kw_only=True, slots=True, eq=False)
class Participant:
    """Somebody or something in a conversation; whoever has only an `identity` is no phone's."""

    sid: str
    at: float
    identity: str | None = None
    address: str | None = None
    proxy: str | None = None
    projected: str | None = None
    person: Person | None = None
    attributes: str = "{}"


@dataclass(kw_only=True, slots=True, eq=False)
class Hook:
    """A webhook of one conversation's. Without `url`, it is where the number's messages go."""

    sid: str
    at: float
    target: str
    url: str
    method: str
    filters: tuple[str, ...]
    number: Number | None = None

    @property
    def address(self) -> str:
        """Where to post."""
        return self.url or (self.number.url if self.number is not None else "")


@dataclass(kw_only=True, slots=True, eq=False)
class Spoken:
    """A message in a conversation; `source` says how it came there.

    `receipts` are what became of it for each member: `None`, or why it did not arrive.
    """

    sid: str
    index: int
    author: str
    body: str
    at: float
    source: Source
    updated: float
    participant: str | None = None
    attributes: str = "{}"
    files: list[StoredFile] = field(default_factory=list)
    receipts: list[int | None] = field(default_factory=list)


@dataclass(kw_only=True, slots=True, eq=False)
class Conversation:
    """A conversation (classic): who is in it, what was said, and who is told."""

    sid: str
    service: str
    at: float
    updated: float
    friendly_name: str | None = None
    unique_name: str | None = None
    attributes: str = "{}"
    state: str = "active"
    participants: dict[str, Participant] = field(default_factory=dict)
    messages: dict[str, Spoken] = field(default_factory=dict)
    hooks: dict[str, Hook] = field(default_factory=dict)
    index: int = -1

    @property
    def people(self) -> list[Participant]:
        """Those with a phone."""
        return [each for each in self.participants.values() if each.address]

    @property
    def is_group_text(self) -> bool:
        """Whether it is a group MMS, in which members see each other's numbers."""
        return bool(self.projected) or any(one.proxy is None for one in self.people)

    @property
    def can_send(self) -> bool:
        """Whether a group MMS has whom it takes: three with an address, one of them ours.

        https://www.twilio.com/docs/api/errors/50435
        """
        bound = [one for one in self.participants.values() if one.address or one.projected]
        ours = any(one.projected or one.proxy for one in bound)
        return not self.is_group_text or (len(bound) >= 3 and ours)

    @property
    def projected(self) -> str | None:
        """The number that stands among the members of a group MMS, if it is one."""
        found = [each.projected for each in self.participants.values() if each.projected]
        return found[0] if found else None


@dataclass(kw_only=True, slots=True, eq=False)
class Content:
    """A content of the Content API; WhatsApp may have `approved` it as a template."""

    sid: str
    at: float
    friendly_name: str
    language: str
    variables: Mapping[str, str]
    types: Mapping[str, Any]
    approved: bool = False


@dataclass(kw_only=True, slots=True, eq=False)
class Shown:
    """What people see, or would if it had arrived: one message of the gateway's.

    `key` names the place: the number and the person's phone, or the conversation.
    """

    key: tuple[str, str]
    place: str
    account: str
    message: Text | Spoken
    visible: bool

    @property
    def accepted(self) -> object:
        """What counts when two messages are compared."""
        message = self.message
        media: object = tuple(file.content for file in message.files)
        buttons: object = ()
        if isinstance(message, Text):
            # A link carries the time it is good for.
            media = len(message.media_urls)
            buttons = tuple(button.label for button in message.buttons)
        return (message.body, media, buttons)
