"""Entities on the simulated Telegram: what is refused, and how they stand with the message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from telegram import MessageEntity

from adapters.telegram.simulation.entities import MOST
from tests.unit.adapters.telegram.loopback import Loopback, loopback


@pytest.fixture
async def tg() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


def entity(kind: str, offset: int, length: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "offset": offset, "length": length, **more}


BOLD, CODE, ITALIC = "bold", "code", "italic"

REFUSED = [
    ("ab", entity("shiny", 0, 1), "Can't parse messageentity: unsupported type specified"),
    ("ab", {"offset": 0, "length": 1}, "Can't parse messageentity: can't find field \"type\""),
    ("ab", {"type": BOLD, "length": 1}, "Can't parse messageentity: can't find field \"offset\""),
    ("ab", entity("text_link", 0, 1), "Can't parse messageentity: can't find field \"url\""),
    ("ab", entity("custom_emoji", 0, 1), "Can't parse messageentity: can't find field"),
    ("ab", entity("text_link", 0, 1, url="nodot"), "Entity url 'nodot' is invalid: wrong http url"),
    ("ab", entity("text_link", 0, 1, url="ftp://a.org"), "Entity url 'ftp://a.org' is invalid"),
    ("ab", entity(BOLD, -1, 1), "Receive an entity with incorrect offset -1"),
    ("ab", entity(BOLD, 0, -1), "Receive an entity with incorrect length -1"),
    ("aba caba", entity(BOLD, 3, 6), "Entity beginning at utf-16 offset 3 ends after the end"),
    ("aba caba", entity(BOLD, 9, 1), "Entity begins after the end of the text at utf-16 offset 9"),
    ("👉 👉", entity(BOLD, 1, 1), "Entity begins in a middle of a utf-16 symbol at byte offset 4"),
    ("👉 👉", entity(BOLD, 0, 1), "Entity beginning at utf-16 offset 0 ends in a middle of a"),
]


@pytest.mark.parametrize(("text", "given", "answer"), REFUSED)
async def test_what_is_wrong_with_an_entity(
    tg: Loopback, text: str, given: dict[str, Any], answer: str
) -> None:
    shown = await tg.send("fine")
    where = {"chat_id": tg.ann.id, "message_id": shown["message_id"]}
    for method in ("sendMessage", "editMessageText", "sendMessageDraft"):
        said = await tg.refused(method, **where, draft_id=1, text=text, entities=[given])
        assert said.startswith(answer)
    assert [message.text for message in tg.simulator.sent()] == ["fine"]


KEPT = [
    ("as they are", "😀bc", [entity(BOLD, 0, 2)], [entity(BOLD, 0, 2)]),
    ("found ones are passed over", "@anna", [entity("mention", 0, 5)], []),
    ("empty ones are dropped", "ab", [entity(BOLD, 1, 0)], []),
    ("they move with the text", "  ab  ", [entity(BOLD, 1, 5)], [entity(BOLD, 0, 2)]),
    ("they lie in what is stripped", "ab  ", [entity(BOLD, 2, 2)], []),
    (
        "in order, the outer first",
        "abcd",
        [entity(ITALIC, 1, 1), entity(BOLD, 0, 4)],
        [entity(BOLD, 0, 4), entity(ITALIC, 1, 1)],
    ),
    (
        "one that crosses another is cut",
        "abcd",
        [entity(BOLD, 0, 3), entity(ITALIC, 2, 2)],
        [entity(BOLD, 0, 3), entity(ITALIC, 2, 1), entity(ITALIC, 3, 1)],
    ),
    (
        "nothing stands around code",
        "abcd",
        [entity(BOLD, 0, 4), entity(CODE, 1, 2), entity(ITALIC, 2, 1)],
        [entity(BOLD, 0, 1), entity(CODE, 1, 2), entity(BOLD, 3, 1)],
    ),
    (
        "but a quote",
        "abcd",
        [entity("blockquote", 0, 4), entity(CODE, 1, 2)],
        [entity("blockquote", 0, 4), entity(CODE, 1, 2)],
    ),
    (
        "with what they carry",
        "ab",
        [entity("text_link", 0, 2, url="tg://user?id=1")],
        [entity("text_link", 0, 2, url="tg://user?id=1")],
    ),
]


@pytest.mark.parametrize(
    ("text", "given", "seen"), [case[1:] for case in KEPT], ids=[case[0] for case in KEPT]
)
async def test_how_entities_stand_with_the_message(
    tg: Loopback, text: str, given: list[dict[str, Any]], seen: list[dict[str, Any]]
) -> None:
    shown = await tg.send(text, entities=given)
    (message,) = tg.simulator.sent()
    assert list(message.entities) == seen == shown.get("entities", [])
    assert message.text == text.strip()


async def test_only_a_hundred_are_kept(tg: Loopback) -> None:
    many = [MessageEntity(BOLD, place, 1) for place in range(0, 300, 2)]
    message = await tg.bot.send_message(tg.ann.id, "x" * 300, entities=many)
    assert list(message.entities) == many[:MOST]


async def test_an_edit_of_the_entities_alone_is_one(tg: Loopback) -> None:
    message = await tg.bot.send_message(tg.ann.id, "bold", entities=[MessageEntity(BOLD, 0, 4)])
    assert (
        await tg.refused(
            "editMessageText",
            chat_id=tg.ann.id,
            message_id=message.message_id,
            text="bold",
            entities=[entity(BOLD, 0, 4)],
        )
    ).startswith("Message is not modified")
    await tg.bot.edit_message_text(
        "bold", tg.ann.id, message.message_id, entities=[MessageEntity(ITALIC, 0, 4)]
    )
    (seen,) = tg.simulator.sent()
    assert (seen.entities, seen.edited) == ((entity(ITALIC, 0, 4),), True)
