"""Conversations (classic): who is in them, and who is told of them.

https://www.twilio.com/docs/conversations-classic/api
"""

from __future__ import annotations

import orjson

from adapters.twilio.simulation.access import Access, Method
from adapters.twilio.simulation.errors import ApiError
from adapters.twilio.simulation.forms import member_form
from adapters.twilio.simulation.model import Conversation, Hook, JsonObject, Participant
from adapters.twilio.simulation.parameters import Call
from adapters.twilio.simulation.vocabulary import CONVERSATION_EVENTS
from adapters.twilio.simulation.world import ADDRESS

# https://www.twilio.com/docs/conversations-classic/conversations-limits, and of native groups
# https://www.twilio.com/docs/conversations-classic/group-texting
MEMBERS, GROUP_MEMBERS = 50, 10
HOOKS = 5
STATES = frozenset({"initializing", "inactive", "active", "closed"})


class Conversations:
    """Makes conversations, and changes them."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._world = access.world
        self._shapes = access.shapes
        self.table: dict[str, Method] = {
            "CreateConversation": self._create,
            "CreateConversationParticipant": self._join,
            "CreateConversationScopedWebhook": self._hook,
            "DeleteConversation": self._delete,
            "DeleteConversationParticipant": self._leave,
            "DeleteConversationScopedWebhook": self._unhook,
            "FetchConversation": lambda call: self._shapes.conversation(access.conversation(call)),
            "FetchConversationParticipant": self._participant,
            "FetchConversationScopedWebhook": self._fetch_hook,
            "ListConversation": self._list,
            "ListConversationParticipant": self._participants,
            "ListConversationScopedWebhook": self._hooks,
            "ListParticipantConversation": self._memberships,
            "UpdateConversation": self._update,
            "UpdateConversationParticipant": self._change,
        }

    # Conversations

    def open(
        self, name: str | None, unique: str | None = None, attributes: str = "{}"
    ) -> Conversation:
        """Make a conversation."""
        now = self._world.clock()
        talk = Conversation(
            sid=self._world.new_id("CH"),
            service=self._world.service,
            at=now,
            updated=now,
            friendly_name=name,
            unique_name=unique,
            attributes=attributes,
        )
        self._world.conversations[talk.sid] = talk
        return talk

    def _create(self, call: Call) -> JsonObject:
        self._access.check_service(call)
        unique = call.get("UniqueName") or None
        self._check_unique(unique)
        talk = self.open(call.get("FriendlyName") or None, unique, attributes_of(call))
        return self._shapes.conversation(talk)

    def _check_unique(self, unique: str | None) -> None:
        names = {talk.unique_name for talk in self._world.conversations.values()}
        if unique is not None and unique in names:
            raise ApiError(50353)

    def _list(self, call: Call) -> JsonObject:
        self._access.check_service(call)
        state = call.query.get("State", "")
        found = [
            talk
            for talk in reversed(self._world.conversations.values())
            if not state or talk.state == state
        ]
        return self._access.page(call, "conversations", found, self._shapes.conversation)

    def _update(self, call: Call) -> JsonObject:
        talk = self._access.conversation(call)
        self._check_open(talk)
        state = call.get("State", talk.state)
        if state not in STATES:
            raise ApiError(20001, "no such State")
        unique = call.get("UniqueName") or talk.unique_name
        if unique != talk.unique_name:
            self._check_unique(unique)
        talk.state, talk.unique_name = state, unique
        talk.friendly_name = call.get("FriendlyName") or talk.friendly_name
        talk.attributes = attributes_of(call, talk.attributes)
        talk.updated = self._world.clock()
        return self._shapes.conversation(talk)

    def _delete(self, call: Call) -> None:
        del self._world.conversations[self._access.conversation(call).sid]

    def _memberships(self, call: Call) -> JsonObject:
        self._access.check_service(call)
        address, identity = call.query.get("Address"), call.query.get("Identity")
        if not address and not identity:
            raise ApiError(20001, "Address or Identity is required")
        found = [
            (talk, one)
            for talk in self._world.conversations.values()
            for one in talk.participants.values()
            if (address and one.address == address) or (identity and one.identity == identity)
        ]
        members = {one.sid: talk for talk, one in found}
        return self._access.page(
            call,
            "conversations",
            [one for _, one in found],
            lambda one: self._shapes.membership(members[one.sid], one),
            50,
        )

    # Participants

    def add(
        self,
        talk: Conversation,
        *,
        address: str = "",
        proxy: str = "",
        projected: str = "",
        identity: str = "",
        attributes: str = "{}",
    ) -> Participant:
        """Let somebody in. Raises `ApiError`."""
        self._check(talk, address, proxy, projected, identity)
        participant = Participant(
            sid=self._world.new_id("MB"),
            at=self._world.clock(),
            identity=identity or None,
            address=address or None,
            proxy=proxy or None,
            projected=projected or None,
            person=self._world.people.get(address),
            attributes=attributes,
        )
        talk.participants[participant.sid] = participant
        return participant

    def _check(
        self, talk: Conversation, address: str, proxy: str, projected: str, identity: str
    ) -> None:
        if not address and not projected and (talk.is_group_text or not identity):
            raise ApiError(50434 if talk.is_group_text else 20001)
        if address and not ADDRESS.fullmatch(address):
            raise ApiError(50407)
        if proxy and not address:
            raise ApiError(50407)
        if any(each and each not in self._world.numbers for each in (proxy, projected)):
            raise ApiError(50408)
        if address.startswith("whatsapp:") and not proxy:
            raise ApiError(50408)
        if identity and any(one.identity == identity for one in talk.participants.values()):
            raise ApiError(50416)
        if len(talk.participants) >= (GROUP_MEMBERS if talk.is_group_text else MEMBERS):
            raise ApiError(50436)
        if address:
            self._check_free(talk, address, proxy)
        if projected or (address and not proxy):
            self._check_group(talk, address, projected)

    def _check_free(self, talk: Conversation, address: str, proxy: str) -> None:
        person = self._world.people.get(address)
        if any(one.address == address for one in talk.people):
            raise ApiError(50437 if talk.is_group_text else 50416)
        for other in self._world.active():
            for one in other.people:
                same = one.address == address or (person is not None and one.person is person)
                if proxy and one.proxy == proxy and same:
                    raise ApiError(50425)

    def _check_group(self, talk: Conversation, address: str, projected: str) -> None:
        """No two groups may have the same members.

        https://www.twilio.com/docs/api/errors/50438
        """
        ours = projected or talk.projected
        number = self._world.numbers.get(ours or "")
        members = {one.address for one in talk.people if one.proxy is None and one.address}
        wanted = members | ({address} if address else set())
        if number is not None and len(wanted) > 1:
            found = self._world.group_of(number, [str(each) for each in wanted])
            if found is not None and found is not talk:
                raise ApiError(50438)

    def _check_open(self, talk: Conversation) -> None:
        if talk.state == "closed":
            raise ApiError(50377)

    def _join(self, call: Call) -> JsonObject:
        talk = self._access.conversation(call)
        self._check_open(talk)
        participant = self.add(
            talk,
            address=call.get("MessagingBinding.Address"),
            proxy=call.get("MessagingBinding.ProxyAddress"),
            projected=call.get("MessagingBinding.ProjectedAddress"),
            identity=call.get("Identity"),
            attributes=attributes_of(call),
        )
        self.tell(talk, participant, added=True, aloud=call.hears_itself)
        return self._shapes.participant(talk, participant)

    def tell(
        self, talk: Conversation, one: Participant, *, added: bool, aloud: bool = True
    ) -> None:
        """Tell that somebody came or went; of what the API did only if the call says so."""
        form = member_form(self._world.account_sid, talk, one, added=added)
        key = f"{form['EventType']}:{talk.sid}:{one.sid}"
        self._world.announce(talk, key, form, watched=False, scoped=aloud)

    def _participants(self, call: Call) -> JsonObject:
        talk = self._access.conversation(call)
        found = list(talk.participants.values())
        return self._access.page(
            call, "participants", found, lambda one: self._shapes.participant(talk, one)
        )

    def _participant(self, call: Call) -> JsonObject:
        talk = self._access.conversation(call)
        return self._shapes.participant(talk, self._one(talk, call))

    def _change(self, call: Call) -> JsonObject:
        talk = self._access.conversation(call)
        one = self._one(talk, call)
        one.identity = call.get("Identity") or one.identity
        one.projected = call.get("MessagingBinding.ProjectedAddress") or one.projected
        one.attributes = attributes_of(call, one.attributes)
        return self._shapes.participant(talk, one)

    def _leave(self, call: Call) -> None:
        talk = self._access.conversation(call)
        one = self._one(talk, call)
        del talk.participants[one.sid]
        self.tell(talk, one, added=False, aloud=call.hears_itself)

    def _one(self, talk: Conversation, call: Call) -> Participant:
        wanted = call.names["Sid"]
        for one in talk.participants.values():
            if wanted in {one.sid, one.identity}:
                return one
        raise ApiError(50404)

    # Webhooks

    def hook(
        self, talk: Conversation, url: str, filters: tuple[str, ...], number_address: str = ""
    ) -> Hook:
        """Let somebody be told; without `url`, where the number's messages go."""
        hook = Hook(
            sid=self._world.new_id("WH"),
            at=self._world.clock(),
            target="webhook",
            url=url,
            method="POST",
            filters=filters,
            number=self._world.numbers.get(number_address),
        )
        talk.hooks[hook.sid] = hook
        return hook

    def _hook(self, call: Call) -> JsonObject:
        talk = self._access.conversation(call)
        url, filters = call.get("Configuration.Url"), call.form.get("Configuration.Filters", [])
        if call.get("Target") not in {"webhook", "trigger", "studio"}:
            raise ApiError(20001, "no such Target")
        if not url.startswith(("http://", "https://")):
            raise ApiError(20001, "Configuration.Url is no address")
        if call.get("Configuration.Method", "POST") not in {"GET", "POST"}:
            raise ApiError(20001, "no such Configuration.Method")
        if not filters or not set(filters) <= CONVERSATION_EVENTS:
            raise ApiError(20001, "no such Configuration.Filters")
        if len(talk.hooks) >= HOOKS:
            raise ApiError(20001, f"there may be {HOOKS} webhooks")
        return self._shapes.hook(talk, self.hook(talk, url, tuple(filters)))

    def _hooks(self, call: Call) -> JsonObject:
        talk = self._access.conversation(call)
        found = list(talk.hooks.values())
        return self._access.page(
            call, "webhooks", found, lambda one: self._shapes.hook(talk, one), 5
        )

    def _fetch_hook(self, call: Call) -> JsonObject:
        talk = self._access.conversation(call)
        return self._shapes.hook(talk, self._found(talk, call))

    def _unhook(self, call: Call) -> None:
        talk = self._access.conversation(call)
        del talk.hooks[self._found(talk, call).sid]

    def _found(self, talk: Conversation, call: Call) -> Hook:
        hook = talk.hooks.get(call.names["Sid"])
        if hook is None:
            raise ApiError(20404)
        return hook


def attributes_of(call: Call, default: str = "{}") -> str:
    """`Attributes`: JSON, as a string. Raises `ApiError`."""
    given = call.get("Attributes") or default
    try:
        orjson.loads(given)
    except orjson.JSONDecodeError:
        raise ApiError(20001, "Attributes are no JSON") from None
    return given
