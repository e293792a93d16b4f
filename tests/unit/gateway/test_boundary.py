"""The boundary rules, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.boundary import ALLOWED, Boundary, Rule, place
from gateway.domain import Conversation, ConversationKind, Participant
from gateway.errors import BoundaryError

KINDS = list(ConversationKind)
CASES = [(kind, rule) for kind in KINDS for rule in sorted(ALLOWED[kind])]


def at(
    kind: ConversationKind,
    rule: Rule,
    *,
    channel: str = "c",
    place_id: str = "p",
    parent: str | None = "g",
    begins: str | None = "t",
    who: str = "u",
) -> Boundary:
    conversation = Conversation(kind=kind, id=place_id, parent_id=parent, begins=begins)
    return place({kind: rule}, channel, conversation, Participant(id=who))


@pytest.mark.parametrize(("kind", "rule"), CASES)
def test_another_channel_is_another_lane(kind: ConversationKind, rule: Rule) -> None:
    assert at(kind, rule, channel="a").key != at(kind, rule, channel="b").key


@pytest.mark.parametrize(("kind", "rule"), CASES)
def test_who_shares_a_lane(kind: ConversationKind, rule: Rule) -> None:
    same_person = at(kind, rule, who="u").key == at(kind, rule, who="v").key
    assert same_person is (rule not in {Rule.PER_USER, Rule.PER_USER_IN_GROUP})


@pytest.mark.parametrize("rule", [Rule.PER_GROUP, Rule.PER_USER_IN_GROUP])
def test_topics_share_their_group(rule: Rule) -> None:
    thread = ConversationKind.THREAD
    topic = at(thread, rule, place_id="1", parent="g")
    other = at(thread, rule, place_id="2", parent="g")
    group = at(ConversationKind.GROUP, rule, place_id="g", parent=None)
    assert topic.key == other.key == group.key


@pytest.mark.parametrize("rule", [Rule.PER_THREAD, Rule.PER_CHANNEL])
def test_a_thread_of_its_own(rule: Rule) -> None:
    """Also where two groups count their threads alike."""
    keys = {at(ConversationKind.THREAD, rule, place_id=i, parent=g).key for i in "12" for g in "gh"}
    assert len(keys) == 4


@pytest.mark.parametrize(("kind", "rule"), CASES)
def test_a_missing_id_is_refused_and_never_widened(kind: ConversationKind, rule: Rule) -> None:
    with pytest.raises(BoundaryError, match="needs the"):
        at(kind, rule, place_id="", parent=None, begins=None, who="")


def test_what_begins_a_thread_is_in_it() -> None:
    first = at(ConversationKind.CHANNEL, Rule.PER_THREAD, place_id="c", begins="1")
    reply = at(ConversationKind.THREAD, Rule.PER_THREAD, place_id="1", parent="c")
    other = at(ConversationKind.CHANNEL, Rule.PER_THREAD, place_id="c", begins="2")
    assert first == reply
    assert other.key != first.key


def test_a_channel_whose_messages_begin_no_thread_has_no_session_by_thread() -> None:
    with pytest.raises(BoundaryError, match="needs the thread id"):
        at(ConversationKind.CHANNEL, Rule.PER_THREAD, begins=None)


def test_a_private_owner_is_not_the_same_person_in_a_group() -> None:
    private = at(ConversationKind.DIRECT, Rule.PER_USER)
    in_group = at(ConversationKind.GROUP, Rule.PER_USER_IN_GROUP)
    assert not in_group.shared
    assert private.owner != in_group.owner


ids = st.text(min_size=1, max_size=8)


@given(a=st.tuples(ids, ids, ids), b=st.tuples(ids, ids, ids))
def test_no_two_places_share_a_key_by_spelling(
    a: tuple[str, str, str], b: tuple[str, str, str]
) -> None:
    """Slashes, spaces and quotes in ids cannot make two keys one."""

    def key(parts: tuple[str, str, str]) -> str:
        channel, group, who = parts
        rule = Rule.PER_USER_IN_GROUP
        return at(
            ConversationKind.GROUP, rule, channel=channel, place_id=group, parent=None, who=who
        ).key

    if "\ud800" <= max("".join(a + b)) <= "\udfff":
        return
    assert (key(a) == key(b)) is (a == b)
