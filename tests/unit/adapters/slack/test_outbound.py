"""Deliveries as arguments, and what is made of texts that would call people or hide an address."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack import inert, outbound
from adapters.slack.links import GAP
from gateway import Address, Attachment, Delivery, Preview, Question, QuestionKind
from gateway.presentation import units

HERE = Address(destination="C1:1.000001", data={"channel": "C1", "thread": "1.000001"})


def delivery(text: str = "hello", **more: object) -> Delivery:
    fields = {"id": "d1", "channel": "garden", "lane_id": "lane", "address": HERE, **more}
    return Delivery(text=text, **fields)  # type: ignore[arg-type]


def question(*options: str) -> Question:
    return Question(
        id="q1",
        session_id="s",
        task_id="t",
        addressee="U1",
        kind=QuestionKind.CHOICE,
        text="?",
        options=options,
    )


# What calls nobody

CALLS = [
    "<!channel>",
    "<!here|x>",
    "<!Everyone>",
    "<!subteam^S0123|@team>",
    "<!date^1^{date}|x>",
    "<@U0123>",
    "<@W0123|ann>",
    "<#C0123|general>",
    "<https://evil.example|https://good.example>",
    "<mailto:a@b.example|x>",
    "<www.evil.example|good>",
    "&lt;!here&gt;",
    "&#60;@U0123>",
    "&#x3C;!here>",
    "<\\!here>",
    "@channel",
    "(@here)",
    "_@everyone_",
    "@\\here",
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("around", ["{}", "say {} now", "`{}`", "```\n{}\n```", "> {}", "**{}**"])
def test_a_call_is_taken_apart_and_can_be_read(call: str, around: str) -> None:
    text = around.format(call)
    for made in (inert.markdown(text), inert.literal(text)):
        assert call not in made
        assert made.replace(GAP, "") == text


@pytest.mark.parametrize(
    "text",
    [
        "<https://example.org>",
        "<ann@example.org>",
        "ann@here.example and x@channel",
        "@hereafter, @channels",
        "<!DOCTYPE html><!-- no -->",
        "a < b, b > c, x <- y",
        "Promise<string|null> and List<T>",
        "AT&T &amp; &lt;b&gt;",
        "[docs](https://example.org/a?b=c&d=e)",
        "[https://example.org](https://example.org/)",
        "[example.org/a](http://example.org/a/b#c)",
        "handlers[event.name](argument) + matrix[a.bc][0]",
        "[ ] to do\n[x] done",
        "[1]: https://example.org",
    ],
)
def test_what_calls_nobody_stays_as_it_is(text: str) -> None:
    assert inert.markdown(text) == text
    assert inert.literal(text) == text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[https://good.example](https://evil.example)", None),
        ("[good.example](https://evil.example 'a title')", None),
        ("[good.example/login](https://evil.example (a title))", "good.example/login"),
        ("[**https://good.example**](<https://evil.example>)", "**https://good.example**"),
        ("[go to https://good.example](https://evil.example)", "go to https://good.example"),
        ("![good.example](https://evil.example)", None),
        ("[README.md](https://evil.example)", "README.md"),
        ("[good.example](\n  https://evil.example\n)", None),
        ("[a [good.example] https://x.example](https://evil.example)", ""),
    ],
)
def test_a_link_that_seems_to_say_where_it_leads_says_it(written: str, shown: str | None) -> None:
    made = inert.markdown(f"See {written}, please.")
    assert "](" not in made
    assert "(https://evil.example)" in made
    if shown:
        assert made == f"See {shown} (https://evil.example), please."


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("[good.example](https://good.example@evil.example)", "https://good.example@evil.example"),
        ("[good.example](https://good.example.evil.example)", "https://good.example.evil.example"),
        ("[good.example](//evil.example)", "//evil.example"),
        ("[good.example](https://evil.example/a(b)c)", "https://evil.example/a(b)c"),
        ("[good.example](https\\://evil.example)", "https://evil.example"),
        ("[go\u200bod.example](https://evil.example)", "https://evil.example"),
        ("[good&#46;example](https://evil.example)", "https://evil.example"),
        ("[![good.example](https://a.example)](https://evil.example)", "https://evil.example"),
    ],
)
def test_no_trick_hides_it(written: str, address: str) -> None:
    made = inert.markdown(written)
    assert "](" not in made
    assert made.endswith(f"({address})")


def test_a_link_that_cannot_be_read_is_taken_apart() -> None:
    made = inert.markdown("[good.example](https://evil.example and more)")
    assert made == f"[good.example]{GAP}(https://evil.example and more)"


def test_references_are_taken_apart_where_they_could_hide_something() -> None:
    hiding = "[https://good.example][1]\n\n[1]: https://evil.example"
    assert inert.markdown(hiding) == hiding.replace("]:", f"]{GAP}:")
    honest = "[the docs][1]\n\n[1]: https://example.org"
    assert inert.markdown(honest) == honest


def test_a_notice_loses_no_letter() -> None:
    text = "[https://good.example](https://evil.example)"
    assert inert.literal(text) == text.replace("](", f"]{GAP}(")
    assert inert.escaped("<b> & @here") == f"&lt;b&gt; &amp; @{GAP}here"


PIECES = st.sampled_from(
    [
        *("<", ">", "!", "@", "#", "here", "channel", "U0123", "|", "https://", "good.example"),
        *("[", "]", "(", ")", "](", "\\", "`", " ", "\n", "&lt;", ":", "//", "word", "'", '"'),
    ]
)
SOUP = st.lists(PIECES, max_size=30).map("".join)


@settings(deadline=None)
@given(SOUP)
def test_twice_is_once(text: str) -> None:
    for make in (inert.markdown, inert.literal):
        assert make(make(text)) == make(text)


@settings(deadline=None)
@given(SOUP, SOUP)
def test_more_words_call_nobody_either(before: str, more: str) -> None:
    """What was streamed and what is added to it make no call together."""
    settled = inert.settled(before)
    assert before.startswith(settled)
    whole, streamed = inert.markdown(before + more), inert.markdown(settled)
    if whole.startswith(streamed):
        assert inert.literal(streamed + whole[len(streamed) :]) == whole


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("Green tea", "Green tea"),
        ("Green <!ch", "Green "),
        ("ask @her", "ask "),
        ("mail ann@example.org", "mail ann"),
        ("see [the docs", "see "),
        ("see [the docs]", "see "),
        ("see [the docs](https://exa", "see "),
        ("see [the docs](https://example.org) for", "see [the docs](https://example.org) for"),
        ("- [ ] to do", "- [ ] to do"),
        ("绿茶很好喝", "绿茶很好喝"),
    ],
)
def test_what_may_still_change_waits(text: str, settled: str) -> None:
    assert inert.settled(text) == settled


@pytest.mark.parametrize(
    "piece",
    ["[", "[a", "](http://", "[[http://x](http:", "`", "<a:", "&#0", "[x](www.", "a.b", "(("],
)
def test_no_text_takes_long(piece: str) -> None:
    text = piece * (30_000 // len(piece))
    began = time.process_time()
    inert.markdown(text)
    inert.settled(text)
    assert time.process_time() - began < 1.0


# Texts in parts


@settings(max_examples=30, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=20).map("".join), st.integers(1, 3000), st.booleans())
def test_no_part_is_too_long_for_slack(piece: str, times: int, markdown: bool) -> None:
    for part in outbound.split(piece * min(times, 40_000 // len(piece)), markdown=markdown):
        made = delivery(part.text, format=part.format)
        words = outbound.post_message(made)
        assert units(words.get("markdown_text", "")) <= 12_000
        assert units(words.get("text", "")) <= 40_000
        assert outbound.is_markdown(made) is markdown
        assert len(outbound.update_message(made)["text"]) <= 4000


def test_code_that_is_cut_stays_code() -> None:
    first, second = outbound.split("```py\n" + "print('tea')\n" * 1200 + "```", markdown=True)
    assert first.text.endswith("\n```")
    assert second.text.startswith("```py\n")


def test_what_is_cut_calls_nobody() -> None:
    text = "x" * outbound.MAX_PART + "@channel"
    said = [outbound.shown(delivery(part.text)) for part in outbound.split(text, markdown=True)]
    assert len(said) == 2
    assert said[1] == f"@{GAP}channel"


def test_the_fallback_is_cut_between_characters() -> None:
    for count in range(5):
        words = outbound.fallback("x" * count + "&" * 5000)
        assert len(words) <= outbound.MAX_FALLBACK
        assert words.strip("x…").replace("&amp;", "") == ""


def test_what_was_cut_before_is_looked_at_once_more() -> None:
    markdown = {"format": {"markdown": True}, "replaces": "1.000002"}
    made = delivery("<!here>", **markdown)
    calm = f"<{GAP}!here>"
    assert outbound.post_message(made)["markdown_text"] == calm
    assert outbound.update_message(made)["blocks"][0]["text"] == calm
    assert outbound.final_text(delivery("<!here>")) == calm


# Where to, and what with


def test_a_message_says_which_delivery_it_is() -> None:
    words = outbound.post_message(delivery())
    assert words["metadata"] == {"event_type": "gateway_delivery", "event_payload": {"id": "d1"}}
    assert (words["channel"], words["thread_ts"]) == ("C1", "1.000001")


def test_no_thread_is_none() -> None:
    nowhere = Address(destination="C1", data={"channel": "C1", "thread": ""})
    assert outbound.place(nowhere) == {"channel": "C1"}
    assert outbound.start_stream(nowhere, "x") is None


@pytest.mark.parametrize(
    ("data", "streams"),
    [
        ({"channel": "C1", "thread": "1.1"}, False),
        ({"channel": "C1", "thread": "1.1", "user": "U1"}, False),
        ({"channel": "C1", "thread": "1.1", "user": "U1", "team": "T1"}, True),
        ({"channel": "D1", "thread": "1.1"}, True),
        ({"channel": "D1"}, False),
    ],
)
def test_where_a_stream_can_be(data: dict[str, str], streams: bool) -> None:
    arguments = outbound.start_stream(Address(destination="x", data=data), "x")
    assert (arguments is not None) is streams


def test_whose_answer_it_is_in_a_channel_shared_with_others() -> None:
    data = {"channel": "C1", "thread": "1.1", "user": "U1", "team": "T1", "user_team": "T2"}
    arguments = outbound.start_stream(Address(destination="x", data=data), "x")
    assert arguments is not None
    assert (arguments["recipient_user_id"], arguments["recipient_team_id"]) == ("U1", "T2")


def test_buttons() -> None:
    blocks = outbound.buttons(question(*(f"<!here> {n}" for n in range(30))), HERE)
    assert [len(block["elements"]) for block in blocks] == [25, 5]
    last = blocks[1]["elements"][-1]
    assert (last["value"], last["action_id"]) == ("q:q1:29", "q:q1:29")
    assert last["text"] == {"type": "plain_text", "text": f"<{GAP}!here> 29", "emoji": False}
    assert [block["block_id"] for block in blocks] == ["channel-0", "channel-25"]
    assert outbound.buttons(None, HERE) == []


def test_a_label_that_is_empty_or_too_long_is_a_number() -> None:
    asked = question(" ", "long " * 40)
    first, second = outbound.buttons(asked, HERE)[0]["elements"]
    assert first["text"]["text"] == "1"
    assert second["text"]["text"].startswith("2. long long")
    assert units(second["text"]["text"]) <= 75
    made = delivery(question=asked, format={"markdown": True})
    assert outbound.final_text(made).startswith("hello\n\n1. ")
    assert "2. " + "long " * 39 + "long" in outbound.final_text(made)


def test_previews_offer_to_stop() -> None:
    preview = Preview(address=HERE, task_id="t", text="so far <!here>")
    words = outbound.preview_words(outbound.preview_text(preview), HERE)
    said, actions = words["blocks"]
    assert said == {"type": "markdown", "text": f"so far <{GAP}!here>"}
    assert actions["elements"][0]["value"] == "stop"


# Files


@pytest.mark.parametrize(
    ("size", "carried"), [(0, False), (1, True), (10**9, True), (10**9 + 1, False)]
)
def test_files_that_slack_takes(size: int, carried: bool) -> None:
    assert outbound.carries(Attachment(name="x", size=size)) is carried


def test_file_names() -> None:
    names = ["a.txt", '../"a"\n.txt', "\ud800.txt", " ", "x" * 300 + ".txt"]
    made = [outbound.file_name(Attachment(name=name)) for name in names]
    assert made[:4] == ["a.txt", ".._a_.txt", "_.txt", "file"]
    assert made[4].endswith(".txt")
    assert len(made[4]) == 120


def test_a_files_message_where_slack_tells_it() -> None:
    file = {"id": "F1", "shares": {"public": {"C1": [{"ts": "5.000001"}]}}}
    assert outbound.share_of(file, "C1") == "5.000001"
    assert outbound.share_of(file, "C2") == ""
    assert outbound.share_of({"shares": {"public": None, "private": []}}, "C1") == ""
