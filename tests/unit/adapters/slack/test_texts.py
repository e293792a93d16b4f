"""Slack's marks in words, and nothing else changed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack.texts import mentions, plain, unescaped, without_call

NAMES = {"U0ANN": "Ann Lee", "C0ROSES": "roses", "U0AMP": "A&amp;B <x>", "U0ODD": "A\u202e\nB"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a &amp; b &lt;c&gt;", "a & b <c>"),
        ("<@U0ANN>", "@Ann Lee"),
        ("<@U0ANN|ann>", "@Ann Lee"),
        ("<@U0BO|bo>", "@bo"),
        ("<@U0BO>", "@U0BO"),
        ("<@W0BO>!", "@W0BO!"),
        ("<#C0ROSES>", "#roses"),
        ("<#C0PEAS|peas>", "#peas"),
        ("<#C0PEAS|>", "#C0PEAS"),
        ("<!here> <!channel|x> <!everyone>", "@here @channel @everyone"),
        ("<!subteam^S0GARDEN|@gardeners>", "@gardeners"),
        ("<!subteam^S0GARDEN>", "@S0GARDEN"),
        ("<!date^1763719260^{date}|21 November>", "21 November"),
        ("<!date^1763719260^{date}^https://example.org|21 November>", "21 November"),
        ("<https://example.org>", "https://example.org"),
        ("<https://example.org|https://example.org>", "https://example.org"),
        ("<http://example.org|example.org>", "http://example.org"),
        ("<https://example.org/?a=1&amp;b=2|here>", "here (https://example.org/?a=1&b=2)"),
        ("<mailto:ann@example.org|ann@example.org>", "ann@example.org"),
        ("<mailto:ann@example.org|write>", "write (ann@example.org)"),
        ("<tel:+491701|+491701>", "+491701"),
        ("*bold* _it_ `code` ~no~", "*bold* _it_ `code` ~no~"),
    ],
)
def test_marks_in_words(text: str, shown: str) -> None:
    assert plain(text, NAMES) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # Unescaped once: what people wrote themselves is no mark, and no escape.
        ("&lt;@U0ANN&gt;", "<@U0ANN>"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("&amp;amp;", "&amp;"),
        ("&quot;&#39;&nbsp;", "&quot;&#39;&nbsp;"),
        # What is no mark stays as it stands.
        ("<javascript:alert(1)|x>", "<javascript:alert(1)|x>"),
        ("<data:text/html,x|y>", "<data:text/html,x|y>"),
        ("<b>x</b>", "<b>x</b>"),
        ("<", "<"),
        ("<>", "<>"),
        ("<@U0ANN", "<@U0ANN"),
        ("<@>", "<@>"),
        ("<@u0ann>", "<@u0ann>"),
        ("<<@U0ANN>>", "<@Ann Lee>"),
        ("<@U0ANN <@U0ANN>", "<@U0ANN @Ann Lee"),
        ("<!subteam^>", "<!subteam^>"),
        ("<!date^1>", "<!date^1>"),
        ("<!other|x>", "<!other|x>"),
        ("<https://a b|x>", "<https://a b|x>"),
        # Names are not read as marks or escapes either.
        ("<@U0AMP>", "@A&amp;B <x>"),
        ("<@U0ODD>", "@A B"),
        ("<@U0BO|a&lt;b>", "@a<b"),
    ],
)
def test_hostile_and_broken_marks(text: str, shown: str) -> None:
    assert plain(text, NAMES) == shown


def test_only_whole_marks_mention_the_bot() -> None:
    assert mentions("hi <@U0ANN> and <@U0BO|bo>", {"U0BO"})
    for text in ("<@U0BO", "@U0BO", "&lt;@U0BO&gt;", "<@U0BOB>", "", "<U0BO>"):
        assert not mentions(text, {"U0BO"}), text
    assert not mentions("<@U0BO>", frozenset())


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<@U1> hi", "hi"),
        ("<@U1|x>,: hi <@U1>", "hi <@U1>"),
        (" \n<@U1><@U2> hi", "hi"),
        ("<@U3> hi", "<@U3> hi"),
        ("hi <@U1>", "hi <@U1>"),
        ("<@U1>  ", "<@U1>  "),
        ("<@U1> <@U2>", "<@U1> <@U2>"),
        (" hi ", " hi "),
        ("", ""),
    ],
)
def test_the_call_goes_from_the_start(text: str, rest: str) -> None:
    assert without_call(text, {"U1", "U2"}) == rest


ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


@settings(deadline=None)
@given(said=st.text())
def test_what_people_write_arrives_as_they_wrote_it(said: str) -> None:
    escaped = "".join(ESCAPED.get(c, c) for c in said)
    assert unescaped(escaped) == said
    assert plain(escaped, NAMES) == said


@settings(deadline=None)
@given(text=st.text(alphabet="<>@#!|&;^U0ANlt:/ "))
def test_no_marks_make_it_stumble(text: str) -> None:
    assert isinstance(plain(text, NAMES), str)
    assert without_call(text, {"U0ANN"}) in text


@pytest.mark.parametrize(
    "evil", ["<" * 40_000, "<@U0ANN" * 6_000, "<!date^|" * 5_000, "&" * 40_000]
)
def test_the_longest_message_is_read_at_once(evil: str) -> None:
    began = time.process_time()
    plain(without_call(evil, {"U0ANN"}), NAMES)
    assert time.process_time() - began < 0.2
