"""The boundary rules: which lane an event belongs to. Pure functions and nothing else.

A rule maps (channel, conversation, participant) to a lane key. Every key starts with the channel,
so no two channels ever meet. An event that lacks an id its rule needs is refused, never put into a
wider scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from gateway.domain import Conversation, ConversationKind, Participant
from gateway.errors import BoundaryError


class Rule(StrEnum):
    """Who shares a session."""

    PER_USER = "per-user"
    PER_GROUP = "per-group"
    PER_CHANNEL = "per-channel"
    PER_THREAD = "per-thread"
    PER_USER_IN_GROUP = "per-user-in-group"


ONE_PERSON = frozenset({Rule.PER_USER, Rule.PER_USER_IN_GROUP})
"""Rules under which nobody shares a session."""

Rules = Mapping[ConversationKind, Rule]

ALLOWED: Mapping[ConversationKind, frozenset[Rule]] = {
    ConversationKind.DIRECT: frozenset({Rule.PER_USER, Rule.PER_CHANNEL}),
    ConversationKind.GROUP: frozenset({Rule.PER_GROUP, Rule.PER_CHANNEL, Rule.PER_USER_IN_GROUP}),
    ConversationKind.CHANNEL: frozenset(
        {Rule.PER_CHANNEL, Rule.PER_THREAD, Rule.PER_USER_IN_GROUP}
    ),
    ConversationKind.THREAD: frozenset(
        {Rule.PER_THREAD, Rule.PER_GROUP, Rule.PER_CHANNEL, Rule.PER_USER_IN_GROUP}
    ),
}
"""Which rules make sense for which kind of conversation; the configuration offers just these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Boundary:
    """What a rule decided: the lane's key, whether several people share it, and whose it is.

    The owner of a lane inside a group is the person *in that group*: what they told the bot in
    private stays unknown where others can read the answers.
    """

    rule: Rule
    key: str
    shared: bool
    owner: str


def place(rules: Rules, channel: str, conversation: Conversation, who: Participant) -> Boundary:
    """Apply the rule for this kind of conversation.

    Raises ``BoundaryError`` when the event lacks an id that the rule needs.
    """
    rule = rules[conversation.kind]
    parts = _parts(rule, conversation, who)
    missing = [name for name, value in parts if not value]
    if missing:
        raise BoundaryError(f"{rule} needs the {' and the '.join(missing)}, and the event has none")
    path = "/".join(quote(value or "", safe="") for _, value in parts)
    alone = conversation.private or conversation.kind is ConversationKind.DIRECT
    shared = not alone and rule not in ONE_PERSON
    # Whoever has several private conversations is one owner in all of them.
    whose = quote(who.id, safe="") if alone and who.id else path
    return Boundary(
        rule=rule,
        key=_key(channel, rule, path),
        shared=shared,
        owner=f"{'conversation' if shared else 'participant'}:{whose}",
    )


def group_keys(channel: str, group_id: str) -> tuple[str, ...]:
    """How every lane key begins that has this group first: it ends there, or a slash follows."""
    name = quote(group_id, safe="")
    return tuple(_key(channel, rule, name) for rule in Rule if rule is not Rule.PER_USER)


def members_keys(channel: str) -> str:
    """How every lane key begins that is one member's within a group; the group follows, and who."""
    return _key(channel, Rule.PER_USER_IN_GROUP, "")


def _key(channel: str, rule: Rule, path: str) -> str:
    return f"{quote(channel, safe='')}/{rule.value.removeprefix('per-')}/{path}"


def _parts(
    rule: Rule, conversation: Conversation, who: Participant
) -> list[tuple[str, str | None]]:
    in_thread = conversation.kind is ConversationKind.THREAD
    group = conversation.parent_id if in_thread else conversation.id
    match rule:
        case Rule.PER_USER:
            return [("participant id", who.id)]
        case Rule.PER_GROUP:
            return [("group id", group)]
        case Rule.PER_CHANNEL if in_thread:
            # Some platforms count threads anew in each group.
            return [("parent id", conversation.parent_id), ("conversation id", conversation.id)]
        case Rule.PER_CHANNEL:
            return [("conversation id", conversation.id)]
        case Rule.PER_THREAD if not in_thread:
            # The same key as that of the messages which follow in the thread.
            return [("channel id", conversation.id), ("thread id", conversation.begins)]
        case Rule.PER_THREAD:
            return [("parent id", conversation.parent_id), ("thread id", conversation.id)]
        case Rule.PER_USER_IN_GROUP:
            return [("group id", group), ("participant id", who.id)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Which session a raw update goes to, and why; what ``gateway explain --json`` prints."""

    outcome: str
    reason: str
    event_id: str | None = None
    rule: str | None = None
    lane: str | None = None
    conversation: Conversation | None = None
    participant: Participant | None = None
    text: str | None = None

    def as_json(self) -> dict[str, object]:
        """The documented shape: names are binding."""
        conversation, who = self.conversation, self.participant
        return {
            "outcome": self.outcome,
            "reason": self.reason,
            "event_id": self.event_id,
            "rule": self.rule,
            "lane": self.lane,
            "conversation": conversation
            and {
                "kind": conversation.kind.value,
                "id": conversation.id,
                "parent_id": conversation.parent_id,
            },
            "participant": who and {"id": who.id, "name": who.name},
            "text": self.text,
        }
