"""Who has a phone, where people meet, and what they write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.twilio.simulation.conversations import Conversations
from adapters.twilio.simulation.deliveries import Delivery
from adapters.twilio.simulation.forms import press_fields, reply_fields
from adapters.twilio.simulation.model import (
    Conversation,
    Person,
    Privacy,
    Spoken,
    StoredFile,
    Text,
)
from adapters.twilio.simulation.stage import GROUP_TEXT, Stage
from adapters.twilio.simulation.talking import Talking
from gateway.testing.simulator import PlaceKind, SentFile, SimulatedPerson, SimulatedPlace

EVENTS = ("onMessageAdded", "onMessageUpdated", "onMessageRemoved", "onDeliveryUpdated")
OCTETS = "application/octet-stream"


class People(Stage):
    """The part of the simulator that plays people."""

    @property
    def _conversations(self) -> Conversations:
        raise NotImplementedError

    @property
    def _talking(self) -> Talking:
        raise NotImplementedError

    # Who and where

    def person(self, name: str, *, privacy: Privacy = "phone") -> SimulatedPerson:
        """Let somebody have a phone; `id` is what stands in `From`.

        On WhatsApp they may show a user id beside their number (`both`), or instead (`hidden`).
        """
        person = self._world.add_person(name, privacy)
        return SimulatedPerson(id=person.shown, name=name)

    def set_privacy(self, person: SimulatedPerson, privacy: Privacy) -> SimulatedPerson:
        """Let a person show something else; return them as they are known from now on."""
        if self.kind != "whatsapp":
            raise ValueError("only WhatsApp has user ids")
        who = self._who(person)
        who.privacy = privacy
        return SimulatedPerson(id=who.shown, name=who.name)

    def place(
        self,
        kind: PlaceKind,
        *,
        people: Sequence[SimulatedPerson] = (),
        parent: SimulatedPlace | None = None,
        account: str = "",
    ) -> SimulatedPlace:
        """Direct messages; or a group, which is a conversation that the number's webhook is told
        of. On SMS it is a group MMS in which the number stands among the members. There are no
        channels and no threads.
        """
        number = self._number(account)
        if kind == "direct":
            (person,) = people
            return SimulatedPlace(kind=kind, id=person.id, account=number.address)
        if kind != "group":
            raise ValueError(f"Twilio has no {kind}")
        talk = self._conversations.open("place")
        for one in people:
            proxy = number.address if self.kind == "whatsapp" else ""
            self._conversations.add(talk, address=one.id, proxy=proxy)
        if self.kind == "sms":
            # A group MMS is three at least: somebody who says nothing makes it one.
            if len(people) < 2:
                self._conversations.add(talk, address=self._world.add_person("Zed", "phone").phone)
            self._conversations.add(talk, projected=number.address)
        self._conversations.hook(talk, "", EVENTS, number.address)
        return SimulatedPlace(kind=kind, id=talk.sid, account=number.address)

    def group_text(self, people: Sequence[SimulatedPerson], *, account: str = "") -> SimulatedPlace:
        """A group MMS that no conversation stands for: it comes as messages to the number.

        Once there is a conversation with just these members, it is that conversation.
        """
        if self.kind != "sms":
            raise ValueError("only phones have group MMS")
        members = ",".join(sorted(one.id for one in people))
        number = self._number(account)
        return SimulatedPlace(kind="group", id=f"{GROUP_TEXT}{members}", account=number.address)

    def leave(self, person: SimulatedPerson, *, on: bool = True) -> None:
        """Let nothing reach a person any more, or again."""
        self._who(person).reachable = not on

    def opt_out(self, person: SimulatedPerson, *, account: str = "", on: bool = True) -> None:
        """Let a person have no messages of a number's, without a word."""
        phones = self._number(account).opted_out
        (phones.add if on else phones.discard)(self._who(person).phone)

    def join(self, person: SimulatedPerson, *, account: str = "") -> None:
        """Let a person join the sandbox, without a word."""
        self._number(account).joined.add(self._who(person).phone)

    def pass_time(self, seconds: float, place: SimulatedPlace) -> None:
        """Let everything said in a place be so much older."""
        talk = self._talk(place)
        if talk is not None:
            for spoken in talk.messages.values():
                spoken.at -= seconds
        people = (
            [self._world.people[place.id]]
            if talk is None
            else [one.person for one in talk.people if one.person is not None]
        )
        for person in people:
            self._world.age(self._number(place.account), person, seconds)

    # What people do

    async def say(
        self,
        text: str,
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        mention: bool = False,
        reply_to: str | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> str:
        """Write; return the `MessageSid`, or `CH…:IM…` in a conversation.

        There are no mentions. `extra` are more fields of the form's.
        """
        return self._write(text, person, place, reply_to=reply_to, extra=extra)

    async def send_files(
        self,
        files: Sequence[SentFile],
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        caption: str = "",
        reply_to: str | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> str:
        """Send files; WhatsApp has one to a message."""
        if self.kind == "whatsapp" and len(files) > 1:
            raise ValueError("on WhatsApp every file is a message of its own")
        stored = [self._world.keep_file(one.name, one.media_type, one.content) for one in files]
        return self._write(caption, person, place, reply_to=reply_to, extra=extra, files=stored)

    async def send_file(
        self,
        content: bytes,
        name: str,
        media_type: str = "",
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        caption: str = "",
        reply_to: str | None = None,
    ) -> str:
        """Send a file; on WhatsApp, a document without a caption has its name for a text."""
        if self.kind == "whatsapp" and (media_type or OCTETS).startswith("application/"):
            caption = caption or name
        file = SentFile(name=name, media_type=media_type or OCTETS, content=content)
        return await self.send_files(
            [file], person=person, place=place, caption=caption, reply_to=reply_to
        )

    async def locate(
        self,
        latitude: float,
        longitude: float,
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        address: str = "",
        label: str = "",
    ) -> str:
        """Send a place on the map."""
        extra = {"Latitude": f"{latitude:.6f}", "Longitude": f"{longitude:.6f}"}
        extra |= {"Address": address} if address else {}
        extra |= {"Label": label} if label else {}
        return self._write("", person, place, extra={"MessageType": "location", **extra})

    async def press(self, label: str, *, person: SimulatedPerson, place: SimulatedPlace) -> str:
        """Press a button, or pick from a list; return the `MessageSid`."""
        number = self._number(place.account)
        visible = [each.message for each in self._within(place) if each.visible]
        for question in reversed(visible):
            if not isinstance(question, Text) or question.person is not self._who(person):
                continue
            for button in question.buttons:
                if button.label == label:
                    fields = press_fields(button, question)
                    who = self._who(person)
                    return self._world.write(number, who, label, extra=fields).sid
        raise LookupError(f"no button {label!r} below {[each.body for each in visible]}")

    async def edit(self, event_id: str, text: str) -> str:
        """Let somebody change a message in a conversation; return `edit:CH…:IM…:WHEN`."""
        talk, spoken = self._spoken(event_id)
        return self._talking.edit(talk, spoken, text, spoken.author)

    async def delete(self, event_id: str) -> str:
        """Let somebody delete a message in a conversation; return `delete:CH…:IM…`."""
        return self._talking.remove(*self._spoken(event_id))

    def redeliver(self, event_id: str) -> None:
        """Post once more what was posted, taken over or not."""
        for past in self._world.ledger.past(event_id):
            again = Delivery(
                kind=past.kind,
                key=past.key,
                lane=past.lane,
                url=past.url,
                form=past.form,
                token=self._world.token(),
            )
            self._world.deliver(again)

    def _write(
        self,
        text: str,
        person: SimulatedPerson,
        place: SimulatedPlace,
        *,
        reply_to: str | None = None,
        extra: Mapping[str, str] | None = None,
        files: Sequence[StoredFile] = (),
    ) -> str:
        number, who = self._number(place.account), self._who(person)
        talk = self._talk(place) or self._world.routed(number, who)
        if talk is not None:
            return self._world.contribute(talk, who, text, files)
        fields = dict(extra or {})
        if reply_to is not None and self.kind == "whatsapp":
            fields |= reply_fields(self._world.texts[reply_to])
        others = self._others(place, who)
        written = self._world.write(number, who, text, files=files, others=others, extra=fields)
        return written.sid

    def _others(self, place: SimulatedPlace, who: Person) -> tuple[str, ...]:
        """The other members of a group MMS, but for the number."""
        if not place.id.startswith(GROUP_TEXT):
            return ()
        members = place.id.removeprefix(GROUP_TEXT).split(",")
        return tuple(one for one in members if one != who.phone)

    def _spoken(self, event_id: str) -> tuple[Conversation, Spoken]:
        sid, _, message = event_id.partition(":")
        if sid not in self._world.conversations:
            raise LookupError(f"{event_id} is in no conversation: nothing else can be changed")
        talk = self._world.conversations[sid]
        return talk, talk.messages[message]
