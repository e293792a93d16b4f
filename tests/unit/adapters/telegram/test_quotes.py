"""What a message replies to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.telegram.inbound import Me, parse
from gateway import Inbound, Quote

SAMPLES = Path(__file__).parents[3] / "samples" / "telegram"
ME = Me(id=1000, username="helper_bot")
ANN = {"id": 5001, "is_bot": False, "first_name": "Ann"}
BOT = {"id": 1000, "is_bot": True, "first_name": "Helper"}
GROUP = {"id": -100, "title": "Gardeners", "type": "supergroup"}


def quoted(me: Me = ME, **fields: Any) -> Quote | None:
    message = {"message_id": 21, "date": 1, "from": ANN, "chat": GROUP, "text": "why?", **fields}
    event = parse(orjson.dumps({"update_id": 7, "message": message}), me)
    assert isinstance(event, Inbound), event
    return event.quote


def replying(reply: Any, me: Me = ME, **fields: Any) -> Quote | None:
    return quoted(me, reply_to_message=reply, **fields)


@pytest.mark.parametrize(
    ("name", "quote"),
    [
        ("group_reply_to_bot", Quote(text="Twice a day.", sender="Helper", from_agent=True)),
        ("group_reply_to_person", Quote(text="Roses want shade.", sender="Olga")),
        ("business_reply_to_bot", Quote(text="We open at nine.", sender="Olga", from_agent=True)),
        ("private_reply_to_part", Quote(text="40 cm", sender="Helper", from_agent=True)),
        ("private_reply_to_own_photo", Quote(text="[photo]", sender="Ann Lee")),
        ("private_reply_to_elsewhere", Quote(text="Roses need no water.", sender="News")),
        ("private_reply_to_story", Quote(text="[story of News]", sender="News")),
        ("private_reply_to_task", Quote(text="Peas", sender="Ann Lee")),
        ("topic_reply_to_bot", Quote(text="A hand.", sender="Helper", from_agent=True)),
        ("topic_text", None),
        ("topic_of_bot", None),
        ("private_text", None),
    ],
)
def test_what_the_samples_reply_to(name: str, quote: Quote | None) -> None:
    event = parse((SAMPLES / f"{name}.json").read_bytes(), ME)
    assert isinstance(event, Inbound)
    assert event.quote == quote


def test_captions_and_senders_of_all_sorts() -> None:
    reply: dict[str, Any] = {"message_id": 3, "photo": [{}], "caption": "a rose", "from": ANN}
    assert replying(reply) == Quote(text="a rose", sender="Ann")
    admin = {**reply, "from": {**BOT, "id": 1087968824}, "sender_chat": GROUP}
    assert replying(admin) == Quote(text="a rose", sender="Gardeners")
    post = {"message_id": 3, "chat": {"title": "News"}, "text": "x"}
    assert replying(post) == Quote(text="x", sender="News")
    assert replying({"message_id": 3, "text": "x"}) == Quote(text="x")


def test_only_the_bot_s_own_words_are_the_agent_s() -> None:
    def agent_s(author: object, me: Me = ME, **fields: Any) -> bool:
        quote = replying({"message_id": 3, "from": author, "text": "x", **fields}, me)
        assert quote is not None
        return quote.from_agent

    assert agent_s(BOT)
    assert not agent_s(ANN)
    assert not agent_s({**BOT, "id": 2000})
    assert agent_s({**BOT, "id": 2000}, Me(id=0))
    assert agent_s(ANN, sender_business_bot=BOT)
    assert not agent_s(ANN, sender_business_bot={**BOT, "id": 2000})


@pytest.mark.parametrize(
    "reply",
    [
        None,
        "x",
        {},
        {"message_id": 3, "from": ANN},
        {"message_id": 3, "text": " \n "},
        {"message_id": 3, "text": 5},
        {"message_id": 3, "new_chat_members": [ANN]},
    ],
)
def test_a_reply_to_nothing_that_shows_is_no_quote(reply: Any) -> None:
    assert replying(reply) is None


def test_a_topic_s_root_is_not_quoted_whatever_its_number() -> None:
    root = {"message_id": 4, "from": BOT, "text": "x"}
    topic: dict[str, Any] = {"is_topic_message": True, "message_thread_id": 4}
    assert replying(root, **topic) is None
    assert replying({**root, "message_id": 5}, **topic) is not None
    assert replying({**root, "message_id": 5, "forum_topic_created": {}}, **topic) is None


def test_what_lies_elsewhere_is_named_after_its_writer() -> None:
    origin = {"type": "user", "sender_user": BOT}
    said = {"origin": origin, "voice": {"duration": 3}}
    assert quoted(external_reply=said) == Quote(
        text="[voice message, 3 s]", sender="Helper", from_agent=True
    )
    assert quoted(external_reply={"origin": origin}) is None
    assert quoted(quote={"text": "alone"}) == Quote(text="alone")


def test_options_of_polls() -> None:
    options = [{"persistent_id": "a", "text": "Yes"}, {"persistent_id": "b", "text": "No"}]
    reply = {"message_id": 3, "from": ANN, "poll": {"question": "Tea?", "options": options}}
    assert replying(reply, reply_to_poll_option_id="b") == Quote(text="No", sender="Ann")
    whole = Quote(text="[poll: Tea?]\n- Yes\n- No", sender="Ann")
    assert replying(reply, reply_to_poll_option_id="z") == whole


def test_long_and_naughty_quotes() -> None:
    quote = replying({"message_id": 3, "from": ANN, "text": "🌹" * 4000})
    assert quote is not None
    assert quote.text == "🌹" * 999 + "…"
    sender = {"first_name": "A\0n\u202en\n" * 200}
    quote = replying({"message_id": 3, "from": sender, "text": "a\0b"})
    assert quote is not None
    assert quote.text == "a\ufffdb"
    assert len(quote.sender) == 200
    assert not set(quote.sender) & set("\0\n\u202e")
