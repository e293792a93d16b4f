"""What raw events mean: who wrote what where, and whether the bot is meant."""

from __future__ import annotations

import contextlib
import copy
import subprocess
import sys
import time
import timeit
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack.inbound import Me, parse
from gateway import (
    Action,
    Ignored,
    Inbound,
    Moved,
    Press,
    UnreadableUpdate,
)
from tests.unit.adapters.slack.events import (
    IN_VIEW,
    ME,
    NAMELESS,
    PLAINLY,
    QUESTION,
    ROOT,
    SAMPLES,
    TS,
    accepted,
    configured,
    lane,
    message,
    outcome,
    raw_sample,
    read,
)

# One outcome for each sample: (text, kind, conversation, parent, addressed), by Ann.

DIRECT = ("direct", "D0ANN", None, "addressed")
VIEW = ("thread", ROOT, "D0ANN", "addressed")
GROUP = ("group", "G0GROUP", None)
CHANNEL = ("channel", "C0ROSES", None)
THREAD = ("thread", ROOT, "C0ROSES")
HEARD = {
    "assistant_message": ("When do I prune?", *VIEW),
    "channel_app_mention": ("how deep, @Bo Ek?", *CHANNEL, "addressed"),
    "channel_deleted": ("", *CHANNEL, "follows"),
    "channel_edited": ("how deep?", *CHANNEL, "follows"),
    "channel_file": ("what is it?", *CHANNEL, "addressed"),
    "channel_me": ("waters the roses", *CHANNEL, ""),
    "channel_mention": ("how deep, @Bo Ek?", *CHANNEL, "addressed"),
    "channel_talk": ("Who has seen my spade?", *CHANNEL, ""),
    "direct_command": ("/status", *DIRECT),
    "direct_deleted": ("", *DIRECT),
    "direct_edited": ("Good morning", *DIRECT),
    "direct_file": ("[file: plan.pdf]", *DIRECT),
    "direct_file_beyond_the_limit": (
        "Look\n[file: old.pdf; Slack no longer shows it: the workspace is beyond its plan's limit]",
        *DIRECT,
    ),
    "direct_file_deleted": ("[file: file; it was deleted]", *DIRECT),
    "direct_file_elsewhere": (
        "[file: plan.pdf; kept elsewhere, at https://drive.example.org/d/1]",
        *DIRECT,
    ),
    "direct_files_with_text": ("What is it?", *DIRECT),
    "direct_forwarded": ("See this\n[forwarded from Bo Ek]\nDeeper.", *DIRECT),
    "direct_press": ("", *DIRECT),
    "direct_text": ("Good morning", *DIRECT),
    "direct_thread_reply": ("And then?", *DIRECT),
    "grid_mention": ("how deep?", *CHANNEL, "addressed"),
    "group_command": ("/new Peas & beans", *GROUP, "addressed"),
    "group_mention": ("who has it?", *GROUP, "addressed"),
    "group_press": ("", *GROUP, "addressed"),
    "group_talk": ("Who has my spade?", *GROUP, ""),
    "group_thread": ("and here?", "thread", ROOT, "G0GROUP", "addressed"),
    "private_channel_mention": ("how deep?", "channel", "G0ROSES", None, "addressed"),
    "shared_channel_mention": ("how deep?", *CHANNEL, "addressed"),
    "socket_command": ("/help", *DIRECT),
    "socket_mention": ("how deep?", *CHANNEL, "addressed"),
    "socket_press": ("", *THREAD, "addressed"),
    "stopped": ("", *CHANNEL, "addressed"),
    "thread_broadcast": ("Deeper?", *THREAD, "addressed"),
    "thread_deleted": ("", *THREAD, "follows"),
    "thread_edited": ("And roses?", *THREAD, "follows"),
    "thread_mention": ("and roses?", *THREAD, "addressed"),
    "thread_of_bot": ("Why?", *THREAD, "addressed"),
    "thread_press": ("", *THREAD, "addressed"),
    "thread_press_stop": ("", *THREAD, "addressed"),
    "thread_reply": ("And roses?", *THREAD, "follows"),
    "thread_reset": ("/reset", *THREAD, "follows"),
    "thread_root_deleted": ("", *CHANNEL, "follows"),
    "thread_status": ("/status", *THREAD, "follows"),
}
IGNORED = {
    "app_opened": "somebody opened the app",
    "assistant_context": "somebody looks at another channel beside the agent view",
    "assistant_started": "a chat was opened in which nothing is said yet",
    "assistant_titled": "a chat in the agent view got its title",
    "channel_classic_bot": "another bot's message",
    "channel_command": "in a channel every thread is a conversation of its own",
    "channel_joined": "a service message (channel_join)",
    "channel_other_bot": "another bot's message",
    "channel_own": "the bot's own message",
    "channel_own_by_response_url": "the bot's own message",
    "channel_own_edited": "the bot's own message",
    "channel_slackbot": "Slack's own message",
    "channel_unfurled": "a message looks different, and says the same",
    "press_of_another": "a button that is not the gateway's",
    "reaction": "nobody asked for reactions",
    "uninstalled": "the app was removed from the workspace",
    "view_submitted": "the app has no dialogs",
}
MOVED = {"channel_renumbered": ("G0ROSES", "C0ROSES")}


def test_every_sample_has_its_outcome() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == (
        HEARD.keys() | IGNORED.keys() | MOVED.keys()
    )


@pytest.mark.parametrize("me", [ME, NAMELESS], ids=["introduced", "nameless"])
@pytest.mark.parametrize("name", HEARD)
def test_what_is_heard(name: str, me: Me) -> None:
    raw = raw_sample(name)
    event = read(raw, me)
    where = event.conversation
    meant = "addressed" if event.addressed else "follows" if event.follows else ""
    facts = (event.text, where.kind, where.id, where.parent_id, meant)
    assert facts == HEARD[name]
    assert event.participant.id == "U0ANN"


@pytest.mark.parametrize("me", [ME, NAMELESS], ids=["introduced", "nameless"])
@pytest.mark.parametrize("name", IGNORED)
def test_what_is_ignored_and_why(name: str, me: Me) -> None:
    event = outcome(raw_sample(name), me)
    assert isinstance(event, Ignored)
    assert event.reason == IGNORED[name]


@pytest.mark.parametrize("name", MOVED)
def test_a_channel_goes_on_under_another_id(name: str) -> None:
    old, new = MOVED[name]
    assert outcome(raw_sample(name)) == Moved(event_id="Ev0000001", old_id=old, new_id=new)
    raw = raw_sample(name)
    raw["event"]["old_channel_id"] = new
    with pytest.raises(UnreadableUpdate, match="moved to itself"):
        outcome(raw)


# What makes events the same, and what order they have.


def test_a_mention_that_is_told_of_twice_is_one_message() -> None:
    pair = [accepted("channel_mention"), accepted("channel_app_mention")]
    assert pair[0] == pair[1]
    assert pair[0].event_id == f"C0ROSES:{TS}"
    again = raw_sample("channel_mention") | {"event_id": "Ev0000002", "event_context": "other"}
    backfilled = raw_sample("channel_mention") | {"event_id": ""}
    assert read(again).event_id == read(backfilled).event_id == pair[0].event_id


@pytest.mark.parametrize(
    ("name", "event_id"),
    [
        ("direct_text", f"D0ANN:{TS}"),
        ("channel_edited", f"edit:C0ROSES:{TS}:1763719290.000000"),
        ("channel_deleted", f"delete:C0ROSES:{TS}"),
        ("thread_root_deleted", f"delete:C0ROSES:{TS}"),
        ("thread_press", "press:9000.1000.abcdef"),
        ("group_command", "9001.1000.abcdef"),
        ("stopped", "stop:C0ROSES:1763719270.000500"),
    ],
)
def test_every_event_has_an_id_of_its_own(name: str, event_id: str) -> None:
    assert accepted(name).event_id == event_id


def test_a_press_without_a_trigger_is_told_by_who_pressed_when() -> None:
    raw = raw_sample("thread_press")
    del raw["trigger_id"]
    assert read(raw).event_id == "press:1763719280.100000:U0ANN"
    del raw["actions"][0]["action_ts"]
    with pytest.raises(UnreadableUpdate, match="trigger_id is missing"):
        read(raw)


def test_actions_and_their_order() -> None:
    talk = accepted("direct_text")
    assert (talk.action, talk.order, talk.message_id) == (Action.MESSAGE, 1763719260000200, TS)
    edit = accepted("direct_edited")
    assert (edit.action, edit.order, edit.message_id) == (Action.EDIT, 1763719260000200, TS)
    gone = accepted("direct_deleted")
    assert (gone.action, gone.deleted, gone.message_id) == (Action.DELETE, (TS,), "")
    press = accepted("thread_press")
    assert (press.action, press.message_id) == (Action.PRESS, "1763719270.000500")
    assert press.press == Press(question_id=QUESTION, option=1)
    for name in ("thread_press_stop", "stopped"):
        stop = accepted(name)
        assert (stop.action, stop.press) == (Action.STOP, None)


def test_short_fractions_of_a_second_are_put_in_order_too() -> None:
    assert [read(message("hi", ts=ts)).order for ts in ("111.222", "111.222001", "112.0")] == [
        111222000,
        111222001,
        112000000,
    ]


def test_an_edited_message_without_its_own_time_has_that_of_before() -> None:
    raw = raw_sample("channel_edited")
    del raw["event"]["message"]["ts"]
    assert read(raw).message_id == TS


def test_a_deletion_that_does_not_say_what_it_was() -> None:
    raw = raw_sample("channel_deleted")
    del raw["event"]["previous_message"]
    event = outcome(raw)
    assert isinstance(event, Ignored)
    assert "does not say" in event.reason


# Whom it is meant for.


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("<@U0HELPER> water?", "water?"),
        ("<@U0HELPER|helper>: water?", "water?"),
        ("  <@U0HELPER>, water?", "water?"),
        ("<@U0HELPER>\nwater?", "water?"),
        ("<@U0HELPER> <@U0HELPER> water?", "water?"),
        ("water, <@U0HELPER>?", "water, @U0HELPER?"),
        ("<@U0HELPER>", "@U0HELPER"),
        ("<@U0HELPER> /reset", "/reset"),
        ("<@U0HELPER> !name Roses", "/name Roses"),
        ("<@U0HELPER> <@U0BO> waters", "@U0BO waters"),
    ],
)
@pytest.mark.parametrize("me", [ME, NAMELESS], ids=["introduced", "nameless"])
def test_a_mention_addresses_the_bot_and_goes_from_the_start(text: str, heard: str, me: Me) -> None:
    event = read(message(text), me)
    assert (event.text, event.addressed) == (heard, True)


@pytest.mark.parametrize(
    "text", ["&lt;@U0HELPER&gt; hi", "@U0HELPER hi", "<@U0BO> hi", "<@U0HELPER"]
)
def test_others_are_not_the_bot(text: str) -> None:
    assert not read(message(text)).addressed


def test_whose_the_token_is_knows_better_than_the_event() -> None:
    raw = raw_sample("channel_talk")
    raw["authorizations"][0]["user_id"] = "U0ANN"
    assert read(raw).participant.id == "U0ANN"
    raw["event"]["user"] = "U0HELPER"
    assert isinstance(outcome(raw), Ignored)
    named = configured(bot_user_id="U0OTHER")
    assert read(message("<@U0OTHER> hi"), NAMELESS, named).addressed


def test_a_person_who_let_the_app_act_for_them_is_no_bot() -> None:
    raw = raw_sample("channel_talk")
    person = {"team_id": "T0GARDEN", "user_id": "U0ANN", "is_bot": False}
    raw["authorizations"].append(person)
    assert read(raw, NAMELESS).participant.id == "U0ANN"


def test_only_an_answer_to_the_bot_addresses_it() -> None:
    assert accepted("thread_of_bot").addressed
    assert not accepted("thread_reply").addressed
    raw = raw_sample("thread_broadcast")
    raw["event"]["root"]["user"] = "U0BO"
    assert not read(raw).addressed


def test_threads_are_followed_unless_that_is_off() -> None:
    off = configured(follow_threads=False)
    assert accepted("thread_reply").follows
    assert not accepted("thread_reply", off).follows
    assert not accepted("thread_reset", off).follows
    assert accepted("thread_status", off).follows
    assert accepted("thread_edited", off).follows
    for name in ("channel_talk", "group_talk", "assistant_message", "direct_thread_reply"):
        assert not accepted(name).follows


# Who it is.


def test_names_come_from_the_adapter_or_the_event() -> None:
    assert accepted("direct_text").participant.name == "Ann Lee"
    assert accepted("direct_edited").participant.name == ""
    profile = {"display_name": "", "real_name": "Ann\u202e Lee\n", "name": "ann"}
    raw = message("hi", user_profile=profile)
    assert read(raw).participant.name == "Ann Lee"
    raw["gateway"] = {"names": {"U0ANN": ["x"]}}
    assert read(raw).participant.name == "Ann Lee"
    assert accepted("thread_press").participant.name == "ann"
    assert accepted("group_command").participant.name == "ann"
    in_envelope = raw_sample("socket_mention")
    in_envelope["payload"]["gateway"] = {"names": {"U0ANN": "Annie"}}
    assert read(in_envelope).participant.name == "Annie"


def test_other_bots_are_heard_only_where_that_is_wanted() -> None:
    heard = configured(answer_bots=True)
    modern = accepted("channel_other_bot", heard)
    assert (modern.participant.id, modern.participant.name) == ("U0CI", "ci")
    classic = accepted("channel_classic_bot", heard)
    assert (classic.participant.id, classic.participant.name) == ("B0RAIN", "weather")
    for name in ("channel_own", "channel_own_by_response_url", "channel_own_edited"):
        assert isinstance(outcome(raw_sample(name), by=heard), Ignored), name


def test_what_other_bots_lay_out_instead_of_a_text_is_read() -> None:
    heard = configured(answer_bots=True)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Build 7"}},
        {"type": "divider"},
        {"type": "markdown", "text": "failed &amp; stopped"},
    ]
    shown = [{"text": "", "fallback": "see <https://ci.example|CI>"}, {"text": "red"}, {"id": 3}]
    laid_out = message("", "channel_other_bot", blocks=blocks, attachments=shown)
    assert read(laid_out, by=heard).text == (
        "Build 7\nfailed & stopped\nsee CI (https://ci.example)\nred"
    )
    assert read(message("both", "channel_other_bot", blocks=blocks), by=heard).text == "both"


@pytest.mark.parametrize(
    "field", [{"user": "U0HELPER"}, {"bot_id": "B0HELPER"}, {"app_id": "A0HELPER"}]
)
def test_each_sign_of_the_bots_own_messages_is_enough(field: dict[str, str]) -> None:
    raw = raw_sample("channel_talk")
    raw["event"] |= field
    assert outcome(raw, by=configured(answer_bots=True)) == Ignored(
        reason="the bot's own message", event_id=f"C0ROSES:{TS}"
    )


# What cannot be read.


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"type": "\\ud800"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not an object"),
        (b"{}", "type is missing"),
        (b'{"type": 5}', "type is missing"),
        (b'{"type": "event_callback"}', "event is missing"),
        (b'{"envelope_id": "x", "type": "events_api"}', "payload is missing"),
        (b'{"event": []}', "event is not an object"),
        (b'{"event": {"type": "message"}}', "event.channel is missing"),
        (b'{"command": "/reset", "channel_id": "C 1"}', "channel_id is not an id"),
        (b'{"command": "/reset", "channel_id": "C1"}', "user_id is missing"),
        (b'{"type": "block_actions"}', "user is missing"),
        (b'{"type": "gateway_stop", "event": {}}', "event.ts is missing"),
    ],
)
def test_what_is_no_event(raw: bytes, words: str) -> None:
    with pytest.raises(UnreadableUpdate, match=words):
        parse(raw, ME, PLAINLY)


@pytest.mark.parametrize(
    ("field", "junk", "words"),
    [
        ("channel", None, "event.channel is missing"),
        ("channel", "C0 ROSES", "event.channel is not an id"),
        ("channel", "C" * 65, "event.channel is not an id"),
        ("ts", 1763719260.0002, "event.ts is not a time"),
        ("ts", "now", "event.ts is not a time"),
        ("ts", "१७६३.००", "event.ts is not a time"),
        ("ts", "9" * 13 + ".0", "event.ts is not a time"),
        ("thread_ts", "x", "event.thread_ts is not a time"),
        ("user", None, "event.user is missing"),
        ("user", {}, "event.user is not an id"),
    ],
)
def test_the_wrong_field_is_named(field: str, junk: Any, words: str) -> None:
    with pytest.raises(UnreadableUpdate, match=words):
        read(message("hi", **{field: junk}))


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in items:
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from nodes(child, (*path, key))


JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "x", 0, -1, 1.5, 2**63, True, [], [1], {}, {"id": []}, [{}], "message", "C1", TS]
)


@settings(deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted([*HEARD, *IGNORED, *MOVED])))
def test_no_damage_makes_it_stumble(data: st.DataObject, name: str) -> None:
    raw = raw_sample(name)
    for _ in range(data.draw(st.integers(1, 3))):
        *parents, last = data.draw(st.sampled_from(sorted(nodes(raw), key=str)))
        parent = raw
        for key in parents:
            parent = parent[key]
        parent[last] = copy.deepcopy(data.draw(JUNK))
    by = data.draw(st.sampled_from([PLAINLY, IN_VIEW, configured(answer_bots=True)]))
    with contextlib.suppress(UnreadableUpdate):
        event = outcome(raw, data.draw(st.sampled_from([ME, NAMELESS])), by)
        assert isinstance(event, Inbound | Moved | Ignored)
        if isinstance(event, Inbound):
            assert lane(event)
            orjson.dumps(event)


# What it costs.


def test_reading_a_message_is_cheap() -> None:
    raw = (SAMPLES / "channel_mention.json").read_bytes()
    spent = timeit.repeat(
        lambda: parse(raw, ME, PLAINLY), number=500, repeat=5, timer=time.process_time
    )
    seconds = min(spent) / 500
    assert seconds < 120e-6, "about 20 us where nothing else runs"


@pytest.mark.parametrize("module", ["settings", "inbound", "manifest", "checking"])
def test_it_needs_no_sdk(module: str) -> None:
    program = f"import adapters.slack.{module}, sys; sys.exit('slack_sdk' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("text", "follows"),
    [
        ("go on", True),
        ("what of <@U0SOMEBODY>?", True),
        ("<@U0SOMEBODY> what do you think?", False),
        ("  <@U0SOMEBODY|bob>: and you?", False),
    ],
)
def test_what_calls_somebody_else_is_not_for_the_bot(text: str, follows: bool) -> None:
    assert read(message(text, "thread_reply")).follows is follows


def test_whom_a_mention_calls_is_the_bot_though_nobody_told_its_id() -> None:
    raw = raw_sample("channel_mention")
    raw.pop("authorizations", None)
    raw["event"] |= {"type": "app_mention", "text": "<@U0UNKNOWN> hello <@U0OTHER>"}
    event = read(raw, Me())
    assert (event.text, event.addressed) == ("hello @U0OTHER", True)
