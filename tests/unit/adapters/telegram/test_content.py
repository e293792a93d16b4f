"""What messages show: in words for whoever has no eyes, and as text where they are rich."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.telegram.inbound import Me, parse
from gateway import Inbound

ME = Me(id=1000, username="helper_bot")
ANN = {"id": 5001, "is_bot": False, "first_name": "Ann"}
GROUP = {"id": -100, "title": "Gardeners", "type": "supergroup"}


def outcome(chat: dict[str, Any] | None = None, **fields: Any) -> Any:
    message = {"message_id": 21, "date": 1, "from": ANN, "chat": chat or {**ANN, "type": "private"}}
    raw = json.dumps({"update_id": 7, "message": {**message, **fields}})
    return parse(raw.encode(), ME)


def read(chat: dict[str, Any] | None = None, **fields: Any) -> Inbound:
    event = outcome(chat, **fields)
    assert isinstance(event, Inbound), event
    return event


@pytest.mark.parametrize(
    ("fields", "heard"),
    [
        ({"photo": [{"file_id": "a"}]}, "[photo]"),
        ({"video": {"duration": 52}}, "[video, 52 s]"),
        ({"video_note": {"duration": 5}}, "[video message, 5 s]"),
        ({"animation": {"duration": 3}, "document": {"file_name": "a.mp4"}}, "[animation, 3 s]"),
        ({"audio": {"duration": 243}}, "[audio, 243 s]"),
        ({"audio": {"title": "Compost"}}, "[audio: Compost]"),
        ({"document": {}}, "[file]"),
        ({"document": {"file_name": "a\n\u202eb"}}, "[file: a b]"),
        ({"sticker": {"emoji": "🛠"}}, "[sticker: 🛠]"),
        ({"sticker": {"set_name": "Tools"}}, "[sticker of the set Tools]"),
        ({"location": {"latitude": 52.5, "longitude": 13}}, "[location 52.5, 13]"),
        ({"location": {"latitude": "x"}}, "[location ?, ?]"),
        (
            {"venue": {"title": "Kew"}, "location": {"latitude": 51.5, "longitude": -0.3}},
            "[venue: Kew]",
        ),
        ({"contact": {"first_name": "Bo", "phone_number": "+4912"}}, "[contact: Bo, +4912]"),
        ({"poll": {"question": "Tea?"}}, "[poll: Tea?]"),
        ({"dice": {"emoji": "🎲", "value": 4}}, "[🎲 4]"),
        ({"dice": {}}, "[dice]"),
        ({"game": {"title": "Go"}}, "[game: Go]"),
        ({"story": {"id": 1}}, "[story]"),
        ({"paid_media": {"star_count": 1}}, "[paid media]"),
        ({"checklist": {"title": "Seeds"}}, "[checklist: Seeds]"),
        ({"giveaway": {}}, "[giveaway]"),
        ({"giveaway_winners": {}}, "[winners of a giveaway]"),
        ({"rich_message": {"blocks": []}}, "[rich message]"),
        ({"photo": [{}], "caption": "a rose"}, "a rose"),
        ({"photo": [{}], "caption": ""}, "[photo]"),
    ],
)
def test_what_has_no_text_is_described(fields: dict[str, Any], heard: str) -> None:
    assert read(**fields).text == heard


@pytest.mark.parametrize("junk", ["", 5, [], {}, [{}], {"blocks": [[], {}]}])
@pytest.mark.parametrize("kind", ["sticker", "poll", "venue", "rich_message", "checklist"])
def test_a_broken_detail_costs_only_the_detail(kind: str, junk: object) -> None:
    event = read(None, **{kind: junk})
    assert event.text == f"[{kind.replace('_', ' ')}]"


# Forwarded: somebody else's words.


def forwarded(text: str, chat: dict[str, Any] | None = None, **origin: Any) -> Inbound:
    return read(chat, text=text, forward_origin=origin)


def test_a_forwarded_command_is_none() -> None:
    event = forwarded("/reset", type="hidden_user", sender_user_name="Bo")
    assert event.text == "[forwarded from Bo]\n/reset"
    event = forwarded("/reset", GROUP, type="hidden_user", sender_user_name="Bo")
    assert not event.addressed
    event = forwarded("@helper_bot look", GROUP, type="hidden_user", sender_user_name="Bo")
    assert (event.text, event.addressed) == ("[forwarded from Bo]\n@helper_bot look", True)


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ({"type": "user", "sender_user": ANN}, "Ann"),
        ({"type": "user"}, "somebody"),
        ({"type": "hidden_user", "sender_user_name": "B]\n\u202e[o " * 99}, None),
        ({"type": "channel", "chat": {"username": "news"}}, "news"),
        ([], "somebody"),
    ],
)
def test_who_wrote_it_first(origin: Any, name: str | None) -> None:
    head, text = read(text="hi", forward_origin=origin).text.split("\n")
    assert text == "hi", "a name cannot break out of its line"
    assert len(head) < 230
    assert name is None or head == f"[forwarded from {name}]"


def test_servers_of_old_name_it_otherwise() -> None:
    hidden = read(text="hi", forward_date=1, forward_sender_name="Bo")
    assert hidden.text == "[forwarded from Bo]\nhi"
    news = {"title": "News"}
    event = read(text="hi", forward_date=1, forward_from_chat=news, forward_from=ANN)
    assert event.text == "[forwarded from News]\nhi"


# Rich messages.


def rich(*blocks: Any, chat: dict[str, Any] | None = None) -> Inbound:
    return read(chat, rich_message={"blocks": list(blocks)})


def nested(depth: int, inner: Any, wrap: str) -> Any:
    for _ in range(depth):
        if wrap == "text":
            inner = {"type": "bold", "text": inner}
        elif wrap == "list":
            inner = {"type": "list", "items": [{"label": "-", "blocks": [inner]}]}
        else:
            inner = {"type": wrap, "blocks": [inner]}
    return inner


@pytest.mark.parametrize("wrap", ["details", "list", "blockquote", "collage", "new_kind"])
def test_deep_nesting_is_cut_off(wrap: str) -> None:
    said = {"type": "paragraph", "text": "deep"}
    assert "deep" in rich(nested(5, said, wrap)).text
    assert "deep" not in rich(nested(200, said, wrap), {"type": "divider"}).text


def test_deep_nesting_of_inline_text_is_cut_off() -> None:
    block = {"type": "paragraph", "text": nested(300, "deep", "text")}
    assert rich(block, {"type": "footer", "text": "end"}).text == "end"


def test_a_kind_of_block_that_is_new_is_read_as_far_as_it_goes() -> None:
    new = {"type": "hologram", "text": "shines", "blocks": [{"type": "paragraph", "text": "in"}]}
    assert rich(new).text == "shines\nin"


def test_media_stand_in_words_and_as_files() -> None:
    voice = {"type": "voice_note", "voice_note": {"file_id": "v"}, "caption": {"text": "hear"}}
    slides = {"type": "slideshow", "blocks": [{"type": "photo", "photo": [{"file_id": "p"}]}]}
    event = rich(voice, {"type": "list", "items": [{"label": "1.", "blocks": [slides]}]})
    assert event.text == "[voice message] hear\n1. [photo]"
    assert [file.ref for file in event.attachments] == ["v", "p"]


def test_a_mention_in_a_rich_message_counts() -> None:
    mention = {"type": "mention", "text": "@helper_bot", "username": "helper_bot"}
    event = rich({"type": "paragraph", "text": [mention, " water?"]}, chat=GROUP)
    assert (event.text, event.addressed) == ("water?", True)


def test_a_rich_message_is_never_too_long() -> None:
    assert len(rich({"type": "paragraph", "text": "x" * 60_000}).text) == 50_000
