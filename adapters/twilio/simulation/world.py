"""Everything there is on the simulated Twilio, and what happens when somebody says something."""

from __future__ import annotations

import re
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Literal

from adapters.twilio.simulation.deliveries import Delivery, Ledger
from adapters.twilio.simulation.forms import added_form, message_form
from adapters.twilio.simulation.model import (
    Content,
    Conversation,
    Form,
    Number,
    NumberKind,
    Participant,
    Person,
    Privacy,
    Shown,
    Spoken,
    StoredFile,
    Text,
)
from adapters.twilio.simulation.news import News
from adapters.twilio.simulation.vocabulary import HELP_WORDS, SANDBOX, START_WORDS, STOP_WORDS

E164 = re.compile(r"\+[1-9]\d{6,14}")
ADDRESS = re.compile(r"whatsapp:(\+[1-9]\d{6,14}|[A-Z]{2}\.\w{1,128})|\+[1-9]\d{6,14}|\d{3,6}")
WINDOW = 24 * 3600.0


class World:
    """The account. Ids count up from fixed numbers; `base_url` is where all of it is served."""

    def __init__(
        self, kind: NumberKind, clock: Callable[[], float], keep: int | None, news: News
    ) -> None:
        self.kind = kind
        self.clock = clock
        self.keep = keep
        self.news = news
        self.base_url = ""
        self.advanced_opt_out = True
        self.suspended = False
        self.ledger = Ledger(news=news, keep=keep)
        self._ids = count(1)
        # The accounts of two simulators in one test are two.
        self.account_sid = f"AC{'1' if kind == 'whatsapp' else '2'}{'0' * 31}"
        self.auth_token = f"{'a' if kind == 'whatsapp' else 'b'}{'0' * 31}"
        self.service = self.new_id("IS")
        self.numbers: dict[str, Number] = {}
        self.people: dict[str, Person] = {}
        self.texts: dict[str, Text] = {}
        self.conversations: dict[str, Conversation] = {}
        self.contents: dict[str, Content] = {}
        self.files: dict[str, StoredFile] = {}
        self.typed: deque[tuple[str, str]] = deque(maxlen=keep)
        self.shown: deque[Shown] = deque(maxlen=keep)
        self._shown_at: dict[tuple[str, str], deque[Shown]] = {}
        self._heard: dict[tuple[str, str], float] = {}
        self.failed: deque[tuple[tuple[str, str], str, int]] = deque(maxlen=keep)
        self.deliver: Callable[[Delivery], None] = self.ledger.add

    def new_id(self, letters: str) -> str:
        """An id that nothing else has."""
        return f"{letters}{next(self._ids):032x}"

    # Who and where

    def add_number(self, address: str, url: str) -> Number:
        """Buy a number."""
        index = len(self.numbers) + 1
        bare = (
            address.removeprefix("whatsapp:") or f"+1555{'01' if self.whatsapp else '02'}{index:05}"
        )
        number = Number(
            address=f"whatsapp:{bare}" if self.whatsapp else bare,
            kind=self.kind,
            sid=self.new_id("PN"),
            sender=self.new_id("XE"),
            sandbox=self.whatsapp and bare == SANDBOX,
            url=url,
        )
        self.numbers[number.address] = number
        return number

    @property
    def whatsapp(self) -> bool:
        """Whether its numbers are WhatsApp's."""
        return self.kind == "whatsapp"

    def add_person(self, name: str, privacy: Privacy) -> Person:
        """Let somebody have a phone."""
        index = next(self._ids)
        prefix = "whatsapp:" if self.whatsapp else ""
        person = Person(
            name=name,
            kind=self.kind,
            phone=f"{prefix}+1666{index:07}",
            user_id=f"{prefix}US.{10**15 + index}",
            privacy=privacy,
        )
        self.people[person.phone] = self.people[person.user_id] = person
        return person

    def keep_file(self, name: str, media_type: str, content: bytes) -> StoredFile:
        """Store a file."""
        sid = self.new_id("ME")
        file = StoredFile(
            sid=sid, name=name, media_type=media_type, content=content, at=self.clock()
        )
        self.files[sid] = file
        return file

    def routed(self, number: Number, person: Person) -> Conversation | None:
        """The conversation that whatever this person writes to the number goes to, if there is one.

        An address and a proxy address are a pair of one active conversation's alone.
        https://www.twilio.com/docs/api/errors/50425
        """
        for talk in self.active():
            for one in talk.people:
                if one.person is person and one.proxy == number.address:
                    return talk
        return None

    def group_of(self, number: Number, members: Iterable[str]) -> Conversation | None:
        """The group MMS of exactly these people and the number, if a conversation stands for it."""
        wanted = set(members)
        for talk in self.active():
            if talk.projected == number.address:
                native = {one.address for one in talk.people if one.proxy is None}
                if native == wanted:
                    return talk
        return None

    def active(self) -> list[Conversation]:
        """The conversations that are not closed."""
        return [talk for talk in self.conversations.values() if talk.state != "closed"]

    def last_from(self, number: Number, person: Person) -> float:
        """When somebody last wrote to a number, in a conversation or not; 0: never."""
        return self._heard.get((number.address, person.phone), 0.0)

    def age(self, number: Number, person: Person, seconds: float) -> None:
        """Let everything that went to and fro between a person and a number be older."""
        for text in self.texts.values():
            if text.person is person and text.number is number:
                text.at -= seconds
        key = number.address, person.phone
        self._heard[key] = self._heard.get(key, 0.0) - seconds

    def window_open(self, number: Number, person: Person) -> bool:
        """Whether WhatsApp lets a number say what it likes."""
        return not self.whatsapp or self.clock() - self.last_from(number, person) < WINDOW

    # What happens

    def write(
        self,
        number: Number,
        person: Person,
        body: str,
        *,
        files: Iterable[StoredFile] = (),
        others: tuple[str, ...] = (),
        extra: Mapping[str, str] | None = None,
    ) -> Text:
        """Let somebody write to a number, and post it."""
        stored = list(files)
        text = Text(
            sid=self.new_id("MM" if stored or others else "SM"),
            number=number,
            person=person,
            other=person.shown,
            inbound=True,
            body=body,
            at=self.clock(),
            files=stored,
            others=others,
        )
        self.remember(text)
        fields = {**self._opting(text), **(extra or {})}
        if number.sandbox and body.lower().startswith("join "):
            number.joined.add(person.phone)
        form = message_form(self.account_sid, self.base_url, text, fields)
        self.post("message", text.sid, f"{number.address} {person.phone}", number, form)
        return text

    def remember(self, text: Text) -> None:
        """Have a message."""
        self.texts[text.sid] = text
        if text.inbound and text.person is not None:
            self._heard[text.number.address, text.person.phone] = text.at
        if self.keep is not None and len(self.texts) > self.keep:
            for file in self.texts.pop(next(iter(self.texts))).files:
                self.files.pop(file.sid, None)

    def show(self, shown: Shown) -> None:
        """Have something that people see, or will."""
        self.shown.append(shown)
        self._shown_at.setdefault(shown.key, deque(maxlen=self.keep)).append(shown)

    def shown_at(self, key: tuple[str, str]) -> Iterable[Shown]:
        """What was for one place."""
        return self._shown_at.get(key, ())

    def _opting(self, text: Text) -> Form:
        """Take a keyword for what it is, where Twilio does: not on WhatsApp.

        https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
        """
        word = text.body.strip().upper()
        if self.whatsapp or text.person is None or text.others:
            return {}
        if word in STOP_WORDS:
            text.number.opted_out.add(text.person.phone)
        elif word in START_WORDS and text.person.phone in text.number.opted_out:
            text.number.opted_out.discard(text.person.phone)
        elif word not in HELP_WORDS:
            return {}
        else:
            word = "HELP"
        kind = "STOP" if word in STOP_WORDS else "START" if word in START_WORDS else "HELP"
        return {"OptOutType": kind} if self.advanced_opt_out else {}

    def speak(
        self,
        talk: Conversation,
        author: str,
        body: str,
        *,
        participant: str | None,
        files: Iterable[StoredFile] = (),
        attributes: str = "{}",
        source: Literal["API", "WHATSAPP", "SMS"] = "API",
    ) -> Spoken:
        """Put a message into a conversation; nobody is told yet."""
        talk.index += 1
        now = self.clock()
        spoken = Spoken(
            sid=self.new_id("IM"),
            index=talk.index,
            author=author,
            body=body,
            at=now,
            updated=now,
            source=source,
            participant=participant,
            attributes=attributes,
            files=list(files),
        )
        talk.messages[spoken.sid] = spoken
        if self.keep is not None and len(talk.messages) > self.keep:
            del talk.messages[next(iter(talk.messages))]
        return spoken

    def contribute(
        self, talk: Conversation, person: Person, body: str, files: Iterable[StoredFile]
    ) -> str:
        """Let a member say something; return the event's key.

        It stands among the number's messages, too; but only the conversation tells of it.
        """
        (member,) = [one for one in talk.people if one.person is person]
        number = self.numbers.get(member.proxy or talk.projected or "")
        if number is not None:
            self.record(number, member, talk, body, files, inbound=True)
        spoken = self.speak(
            talk,
            person.shown,
            body,
            participant=member.sid,
            files=files,
            source="WHATSAPP" if self.whatsapp else "SMS",
        )
        key = f"{talk.sid}:{spoken.sid}"
        self.announce(talk, key, added_form(self.account_sid, talk, spoken))
        return key

    def record(
        self,
        number: Number,
        member: Participant,
        talk: Conversation,
        body: str,
        files: Iterable[StoredFile],
        *,
        inbound: bool,
        code: int | None = None,
    ) -> Text:
        """Have what a conversation took from a member, or sent to one, as the message it is."""
        person, stored = member.person, list(files)
        arrived = "received" if inbound else "delivered"
        text = Text(
            sid=self.new_id("MM" if stored else "SM"),
            number=number,
            person=person,
            other=member.address or "",
            inbound=inbound,
            body=body,
            at=self.clock(),
            files=stored,
            status=arrived if code is None else "undelivered",
            direction="inbound" if inbound else "outbound-api",
            code=code,
            conversation=talk.sid,
        )
        self.remember(text)
        return text

    def announce(
        self, talk: Conversation, key: str, form: Form, *, watched: bool = True, scoped: bool = True
    ) -> bool:
        """Tell the webhooks of a conversation, if they ask for it; return whether one does."""
        told = False
        for hook in talk.hooks.values():
            if form["EventType"] in hook.filters and hook.target == "webhook" and scoped:
                told = True
                self.deliver(
                    Delivery(
                        kind="conversation",
                        key=key,
                        lane=talk.sid,
                        url=lambda hook=hook: hook.address,  # type: ignore[misc]
                        form=form,
                        token=self.token(),
                        watched=watched,
                    )
                )
        return told

    def post(
        self,
        kind: Literal["message", "status"],
        key: str,
        lane: str,
        where: Number | str,
        form: Form,
    ) -> None:
        """Post a form: to wherever the number's messages go, or to an address."""
        self.deliver(
            Delivery(
                kind=kind,
                key=key,
                lane=lane,
                url=lambda: where if isinstance(where, str) else where.url,
                form=form,
                token=self.token(),
                watched=kind == "message",
            )
        )

    def token(self) -> str:
        """What a delivery and its retry have in common."""
        return str(uuid.UUID(int=next(self._ids), version=4))

    def fail(self, shown: Shown, sid: str, code: int) -> None:
        """Nobody sees a message."""
        shown.visible = False
        self.failed.append((shown.key, sid, code))
