"""What messages say, and what is made readable in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import Quote
from tests.unit.adapters.discord.events import (
    BO,
    BOT,
    GARDEN,
    GARDENERS,
    HELPER,
    UNNAMED,
    WEATHER,
    ignored,
    in_guild,
    message,
    read,
)


def text(content: object = "", **fields: Any) -> str:
    return read(message(content, **fields)).text


# Marks.

BO_MENTIONED = [{"id": BO, "username": "bo.ek", "member": {"nick": "Bo"}}]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (f"<@{BO}>", "@Bo"),
        (f"<@!{BO}> and <@{WEATHER}>", f"@Bo and @{WEATHER}"),
        (f"<#{GARDEN}>", "#garden"),
        ("<#5>", "#5"),
        (f"<@&{GARDENERS}>", f"@role {GARDENERS}"),
        ("<:rose:118>", ":rose:"),
        ("<a:rose:118>", ":rose:"),
        ("</new:118>", "`/new`"),
        ("</garden beds water:118>", "`/garden beds water`"),
        ("<t:1772355600>", "2026-03-01 09:00 UTC"),
        ("<t:1772355600:R>", "2026-03-01 09:00 UTC"),
        ("<t:-1:F>", "1969-12-31 23:59 UTC"),
        ("<t:9999999999999>", "<t:9999999999999>"),
        ("<t:1772355600:x>", "<t:1772355600:x>"),
        ("1 < 2 > 0, <b>, <@>, <@x>, <id:home>", "1 < 2 > 0, <b>, <@>, <@x>, <id:home>"),
        ("<https://example.org>", "<https://example.org>"),
        (f"`<@{BO}>` <@{BO}>", f"`<@{BO}>` @Bo"),
        (f"```py\n<@{BO}>\n``` <@{BO}>", f"```py\n<@{BO}>\n``` @Bo"),
        (f"`never closed <@{BO}>", "`never closed @Bo"),
        ("@everyone @here", "@everyone @here"),
        ("a\0b", "a\ufffdb"),
    ],
)
def test_marks_are_made_readable(written: str, shown: str) -> None:
    channels = [{"id": GARDEN, "name": "garden"}]
    assert text(written, mentions=BO_MENTIONED, mention_channels=channels) == shown


@pytest.mark.parametrize(
    ("called", "shown"),
    [
        ("Bo\n# Obey", "@Bo # Obey"),
        ("**Bo** `x`", "@**Bo** `x`"),
        (f"<@{WEATHER}>", f"@<@{WEATHER}>"),
        ("Bo\u202e\u2066", "@Bo"),
        ("\n", f"@{BO}"),
        ("x" * 500, "@" + "x" * 79 + "…"),
    ],
)
def test_a_name_is_one_line_and_nothing_in_it_is_read_again(called: str, shown: str) -> None:
    assert text(f"<@{BO}>", mentions=[{"id": BO, "username": called}]) == shown


@pytest.mark.parametrize("mentions", [[{"id": [], "username": "x"}], [{"id": BO}], ["x"], 5, None])
def test_a_name_that_is_none_is_not_shown(mentions: object) -> None:
    assert text(f"<@{BO}>", mentions=mentions) == f"@{BO}"


@given(st.text(st.characters(blacklist_characters="<\0", blacklist_categories=["Cs"])))
def test_what_has_no_marks_stays_as_it_is(written: str) -> None:
    event = message(written, attachments=[{"filename": "rose.png"}])
    assert read(event).text == (written if written.strip() else "[file: rose.png]")


# What is not written.

STICKER = {"id": "749054660769218631", "name": "Wave", "format_type": 3}
POLL = {"question": {"text": "Tea?"}, "answers": [{"poll_media": {"text": "Yes"}}]}


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"sticker_items": [STICKER, {"name": ""}]}, "[sticker: Wave]\n[sticker]"),
        ({"content": "hi", "sticker_items": [STICKER]}, "hi\n[sticker: Wave]"),
        ({"content": "  ", "sticker_items": [STICKER]}, "[sticker: Wave]"),
        ({"poll": POLL}, "[poll: Tea?]\n- Yes"),
        ({"content": "Well?", "poll": POLL}, "Well?\n[poll: Tea?]\n- Yes"),
        ({"poll": {"question": {"text": "a\nb"}, "answers": 5}}, "[poll: a b]"),
        (
            {"poll": {"answers": [{"poll_media": {"emoji": {"id": "5", "name": "rose"}}}, "x"]}},
            "[poll: ]\n- :rose:",
        ),
        (
            {"embeds": [{"title": "Roses", "description": "Deep.\nDeeper."}]},
            "[embed: Roses]\nDeep.\nDeeper.",
        ),
        ({"embeds": [{}, {"title": "a\nb"}]}, "[embed]\n[embed: a b]"),
        ({"embeds": [{"description": "x" * 2000}]}, "[embed]\n" + "x" * 999 + "…"),
        ({"content": "see", "embeds": [{"title": "Roses"}]}, "see"),
        ({"content": "see", "attachments": [{"filename": "a.png"}]}, "see"),
        (
            {"attachments": [{"filename": "a.pdf"}], "embeds": [{"title": "Roses"}]},
            "[file: a.pdf]",
        ),
    ],
)
def test_what_a_message_shows_besides_words(fields: dict[str, Any], shown: str) -> None:
    assert text(**fields) == shown


def forwarded(**fields: Any) -> dict[str, Any]:
    return {"message_snapshots": [{"message": fields}], "message_reference": {"type": 1}}


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        (forwarded(content="/reset"), "[forwarded]\n/reset"),
        (forwarded(content=f"<@{BO}>", mentions=BO_MENTIONED), "[forwarded]\n@Bo"),
        (forwarded(sticker_items=[STICKER]), "[forwarded]\n[sticker: Wave]"),
        (forwarded(embeds=[{"title": "Roses"}]), "[forwarded]\n[embed: Roses]"),
        (forwarded(), "[forwarded]\n[a message]"),
        (forwarded(content="deep", **forwarded(content="deeper")), "[forwarded]\ndeep"),
        ({"content": "See:", **forwarded(content="Deep.")}, "See:\n[forwarded]\nDeep."),
        ({"content": "hi", "message_snapshots": ["x"]}, "hi"),
    ],
)
def test_somebody_elses_words_are_marked_as_such(fields: dict[str, Any], shown: str) -> None:
    assert text(**fields) == shown


def test_a_forwarded_mention_or_command_calls_nobody() -> None:
    for content in (f"<@{BOT}> hi", "/reset"):
        assert not read(in_guild("", **forwarded(content=content, mentions=[HELPER]))).addressed


def test_nothing_said_is_nothing_heard() -> None:
    assert ignored(message("  \n ")) == "a message without content"
    assert ignored(message(None)) == "a message without content"


# What it replies to.


def quoted(**fields: Any) -> Quote | None:
    return read(message("why?", type=19, referenced_message=fields)).quote


def test_a_reply_quotes_what_it_replies_to() -> None:
    bo = {"id": BO, "username": "bo.ek", "global_name": "Bo Ek"}
    assert quoted(content="Deep.", author=bo) == Quote(text="Deep.", sender="Bo Ek")
    mine = quoted(content="Deep.", author=HELPER)
    assert mine == Quote(text="Deep.", sender="Helper", from_agent=True)
    assert quoted(content="Deep.") == Quote(text="Deep.")


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"content": f"<@{BO}>", "mentions": BO_MENTIONED}, "@Bo"),
        ({"sticker_items": [STICKER]}, "[sticker: Wave]"),
        ({"attachments": [{"filename": "a.png", "content_type": "image/png"}]}, "[image: a.png]"),
        (forwarded(content="Deep."), "[forwarded]\nDeep."),
        ({"content": "x" * 2000}, "x" * 999 + "…"),
        ({"content": "a\0b"}, "a\ufffdb"),
    ],
)
def test_a_quote_shows_what_people_see(fields: dict[str, Any], shown: str) -> None:
    assert quoted(**fields) == Quote(text=shown)


def test_nothing_is_quoted_where_nothing_is_left() -> None:
    assert quoted(content="", type=7) is None
    assert quoted(content=["x"]) is None
    nothing: tuple[Any, ...] = (None, "x", [])
    for gone in nothing:
        assert read(message("why?", type=19, referenced_message=gone)).quote is None


def test_an_unknown_bot_takes_any_bots_words_for_its_own() -> None:
    event = message("why?", type=19, referenced_message={"content": "Deep.", "author": HELPER})
    quote = read(event, UNNAMED).quote
    assert quote is not None
    assert quote.from_agent
