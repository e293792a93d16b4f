"""Groups: made and changed by operators, and made for group texts that people began.

https://www.twilio.com/docs/conversations-classic/api/conversation-resource
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from adapters.twilio.api import TwilioApi, TwilioRefused
from adapters.twilio.assembling import (
    CLOSED,
    SAME_MEMBERS,
    Assembling,
    BoundElsewhere,
    Seat,
    is_sid,
    places_of,
)
from adapters.twilio.fields import a_string
from adapters.twilio.settings import TwilioSettings
from gateway import (
    ConfigurationError,
    Group,
    Host,
    NotAccepted,
    OutcomeUnknown,
    Problem,
    RateLimited,
    Rejected,
    SendError,
    Unavailable,
)

MAX_TITLE = 256
MAX_NATIVE = 9
"""People in a group text, besides us. https://www.twilio.com/docs/conversations/group-texting"""
MAX_RELAYED = 50
"""https://www.twilio.com/docs/conversations-classic/conversations-limits"""
TRIES = 5
"""Names that are tried for a group text whose conversation was closed."""
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_HIDDEN = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")
# North America, without numbers that are free to call: those carry no group texts.
_NATIVE = re.compile(r"\+1(?!8(?:00|33|44|55|66|77|88))[2-9][0-9]{9}")


class Groups:
    """The groups of one number."""

    def __init__(
        self, settings: TwilioSettings, api: TwilioApi, host: Host, *, channel: str, log: Any
    ) -> None:
        self._settings = settings
        self._api = api
        self._where = f"channels.{channel}"
        self._channel = channel
        self._public_url = host.public_url.rstrip("/")
        self._rooms = Assembling(settings, api, f"{self._public_url}/webhooks/{channel}")
        self._one_at_a_time = asyncio.Lock()
        self._log = log

    # Operators' commands: they raise `ConfigurationError` and `Unavailable`

    async def groups(self) -> Sequence[Group]:
        """Those that were made here, and are not closed."""
        self._require()
        async with self._in_words():
            return [
                _group(one, await self._rooms.seats(a_string(one, "sid")))
                for one in await self._rooms.listed()
                if self._rooms.is_ours(one)
            ]

    async def create(self, title: str, members: Sequence[str]) -> Group:
        """A new one with these people in it, or none at all."""
        self._require()
        if not title.strip() or len(title) > MAX_TITLE:
            raise self._wrong(f"a title has 1 to {MAX_TITLE} characters")
        people = self._people(members)
        native = self._is_native(people)
        most = MAX_NATIVE if native else MAX_RELAYED
        if not 0 < len(people) <= most:
            raise self._wrong(f"a group has 1 to {most} people, and not {len(people)}")
        async with self._in_words():
            sid = await self._rooms.make(title=title.strip())
            try:
                await self._fill(sid, people, [], native=native)
            except (SendError, Unavailable, asyncio.CancelledError):
                await self._undo(sid)
                raise
        return Group(id=sid, title=title.strip(), members=tuple(people))

    async def change(
        self, group_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> Group:
        """Let people in and out; those who are in, or out, already stay so."""
        self._require()
        joining, leaving = self._people(add), self._people(remove)
        async with self._in_words():
            found = await self._rooms.find(group_id) if is_sid(group_id) else None
            if found is None or not self._rooms.is_ours(found):
                hint = f"`gateway groups list {self._channel}` shows those there are"
                raise self._wrong(f"there is no group {group_id!r} of this channel", hint)
            if found.get("state") == CLOSED:
                raise self._wrong(f"the group {group_id} is closed", "create another")
            seats = await self._rooms.seats(group_id)
            native = any(seat.projected for seat in seats)
            await self._fill(group_id, joining, seats, native=native)
            for seat in seats:
                if seat.address in leaving:
                    await self._rooms.let_out(group_id, seat)
            return _group(found, await self._rooms.seats(group_id))

    # For what people began

    async def of_members(self, members: Sequence[str]) -> str:
        """The conversation that is the group text of these people and us: found, or made.

        Raises `SendError` and `Unavailable`.
        """
        people = sorted(set(members))
        async with self._one_at_a_time:
            for number in range(TRIES):
                name = unique_name(self._settings.from_, people, number)
                found = await self._rooms.find(name)
                if found is not None and found.get("state") == CLOSED:
                    continue
                sid = a_string(found, "sid") if found else await self._rooms.make(name=name)
                return await self._completed(sid, people)
        raise Rejected("every conversation that stood for this group text is closed")

    async def _completed(self, sid: str, people: Sequence[str]) -> str:
        """A conversation with everybody in it: this one, or one of the same people that is there
        already, since there can be but one."""
        try:
            await self._fill(sid, people, await self._rooms.seats(sid), native=True)
        except TwilioRefused as error:
            twin = await self._twin(sid, people) if error.code == SAME_MEMBERS else ""
            if not twin:
                raise
            await self._rooms.listen(twin)
            await self._rooms.join(twin, await self._rooms.seats(twin))
            await self._undo(sid)
            return twin
        return sid

    async def _twin(self, sid: str, people: Sequence[str]) -> str:
        for place in await places_of(self._api, people[0]):
            if place.conversation == sid or place.proxy:
                continue
            seats = await self._rooms.seats(place.conversation)
            if {seat.address for seat in seats if seat.address} == set(people) and any(
                seat.projected == self._settings.from_ for seat in seats
            ):
                return place.conversation
        return ""

    async def _fill(
        self, sid: str, people: Iterable[str], seats: list[Seat], *, native: bool
    ) -> None:
        """Let in who is not in yet. We come last: then the group text is of all of them, and at no
        time of a few."""
        await self._rooms.listen(sid)
        there = {seat.address for seat in seats}
        for address in people:
            if address not in there:
                await self._rooms.let_in(sid, address, native=native)
        if native:
            await self._rooms.join(sid, seats)

    async def _undo(self, sid: str) -> None:
        try:
            await self._rooms.remove(sid)
        except (SendError, Unavailable) as error:
            self._log.warning("twilio.group_left", conversation=sid, error=str(error))

    # People

    def _people(self, given: Iterable[str]) -> list[str]:
        """Their addresses, each once. Raises `ConfigurationError`, with all that are none."""
        problems = []
        found: dict[str, None] = {}
        for written in given:
            address = self._address(written)
            if not address:
                what = f"{written!r} is no number"
                hint = 'in international form, as in "+15005550006"'
                problems.append(Problem(where=self._where, what=what, hint=hint))
            elif address == self._settings.from_:
                what = f"{written} is this channel's own number, which is in every group"
                problems.append(Problem(where=self._where, what=what, hint="leave it out"))
            else:
                found[address] = None
        if problems:
            raise ConfigurationError(problems)
        return list(found)

    def _address(self, written: str) -> str:
        """What Twilio calls a person, from what an operator wrote; empty: nobody."""
        plain = re.sub(r"[\s().-]", "", written) if "+" in written else written.strip()
        if not self._settings.whatsapp:
            return plain if _NUMBER.fullmatch(plain) else ""
        plain = plain.removeprefix("whatsapp:")
        known = _NUMBER.fullmatch(plain) or _HIDDEN.fullmatch(plain)
        return f"whatsapp:{plain}" if known else ""

    def _is_native(self, people: Sequence[str]) -> bool:
        """Whether their phones can show it as a group text."""
        everybody = [self._settings.from_, *people]
        return len(people) > 1 and all(map(_NATIVE.fullmatch, everybody))

    # Errors

    def _require(self) -> None:
        """Groups are on, and Twilio can tell what is said in them."""
        if not self._settings.conversations:
            problem = Problem(
                where=f"{self._where}.conversations",
                what="groups are off for this channel",
                hint="set conversations = true",
            )
            raise ConfigurationError([problem])
        if not self._public_url:
            problem = Problem(
                where="gateway.public_url",
                what="is not set, and what is said in groups is brought to that address",
                hint='as in public_url = "https://bots.example.org"',
            )
            raise ConfigurationError([problem])

    def _wrong(self, what: str, hint: str = "") -> ConfigurationError:
        return ConfigurationError([Problem(where=self._where, what=what, hint=hint)])

    @asynccontextmanager
    async def _in_words(self) -> AsyncIterator[None]:
        failure: ConfigurationError | Unavailable
        try:
            yield
            return
        except SendError as error:
            failure = self._worded(error)
        raise failure

    def _worded(self, error: SendError) -> ConfigurationError | Unavailable:
        code = error.code if isinstance(error, TwilioRefused) else 0
        if isinstance(error, BoundElsewhere):
            return self._bound(error)
        if code in _REFUSALS:
            return self._wrong(*_REFUSALS[code])
        if isinstance(error, RateLimited):
            return Unavailable(str(error), retry_after=error.retry_after)
        if isinstance(error, NotAccepted | OutcomeUnknown):
            return Unavailable(str(error))
        return self._wrong(str(error))

    def _bound(self, error: BoundElsewhere) -> ConfigurationError:
        who, where = error.address.removeprefix("whatsapp:"), error.conversation
        what = f"{who} is in the group {where or 'of another program'} with this number already"
        hint = "a person can be in one only"
        if where:
            hint += f": `gateway groups remove {self._channel} {where} {who}` lets them out"
        return self._wrong(what, hint)


_REFUSALS = {
    50407: ("Twilio does not know one of these numbers", "are they complete?"),
    50408: (
        "Twilio does not take the channel's number for groups",
        "is it the account's, and set up for WhatsApp or SMS?",
    ),
    50435: (
        "Twilio could not make a group text of these numbers",
        "all of them have to be mobile numbers in the United States or Canada",
    ),
    50436: ("the group has as many people as Twilio allows", "let somebody out first"),
    SAME_MEMBERS: (
        "these very people and this number are a group already",
        "there can be but one: `gateway groups list` shows it, or another program has made it",
    ),
}


def unique_name(number: str, people: Sequence[str], attempt: int = 0) -> str:
    """The unique name of the conversation that is these people's group text."""
    whole = "\n".join([number, *people, *([str(attempt)] if attempt else [])])
    return f"chat-gateway-{hashlib.sha256(whole.encode()).hexdigest()[:32]}"


def _group(conversation: dict[str, Any], seats: Iterable[Seat]) -> Group:
    members = tuple(seat.address for seat in seats if seat.address)
    return Group(
        id=a_string(conversation, "sid"),
        title=a_string(conversation, "friendly_name"),
        members=members,
    )
