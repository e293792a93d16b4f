"""Calls, and what the simulated Telegram itself says, against descriptions of the Bot API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from telegram import BotCommand, BotCommandScopeChat, InputMediaDocument, MessageEntity

from adapters.telegram.simulation.files import KINDS
from adapters.telegram.simulation.schema import Schema
from adapters.telegram.simulation.vocabulary import FILE_METHODS
from tests.unit.adapters.telegram.loopback import Loopback, loopback


def described(name: str, category: str, description: str = "", **fields: str) -> dict[str, Any]:
    """One entry; the type of a required field ends with "!"."""
    annotations = [
        {"name": field, "type": kind.removesuffix("!"), "required": kind.endswith("!")}
        for field, kind in fields.items()
    ]
    return {
        "name": name,
        "category": category,
        "description": description,
        "annotations": annotations,
    }


SMALL = Schema(
    {
        "api": {"version": "0.1"},
        "items": [
            {
                "children": [
                    described("send", "methods", to="Integer or String!", texts="Array of String"),
                    described("draw", "methods", shapes="Array of Array of Shape!", loud="True"),
                    described("Shape", "types", "It can be one of\n - Dot\n - Line"),
                    described("Dot", "types", size="Float!"),
                    described("Line", "types", length="Integer!"),
                    described("File", "types", "Anything at all."),
                    described("post", "methods", file="File", quietly="Boolean"),
                ]
            }
        ],
    }
)


@pytest.mark.parametrize(
    ("method", "parameters", "findings"),
    [
        ("fly", {}, ["fly: not in Bot API 0.1"]),
        ("send", {"to": 5, "texts": ["a", "b"]}, []),
        ("send", {"to": "5", "texts": '["a"]'}, []),
        ("send", {"texts": "a"}, ["send: to is missing", "send.texts: 'a' is no array"]),
        ("send", {"to": True, "b": 1}, ["send.to: True is no Integer", "send: b is unknown"]),
        ("send", {"to": 1, "texts": [2]}, ["send.texts[0]: 2 is no String"]),
        ("draw", {"shapes": [[{"size": 1.5}], [{"length": 2}]], "loud": "true"}, []),
        ("draw", {"shapes": [[{"length": "x"}]]}, ["draw.shapes[0][0].length: 'x' is no Integer"]),
        ("draw", {"shapes": [[7]]}, ["draw.shapes[0][0]: 7 is no Dot"]),
        ("draw", {"shapes": [], "loud": False}, ["draw.loud: False is no True"]),
        ("post", {"file": {"any": "thing"}, "quietly": "false"}, []),
        ("post", {"quietly": "maybe"}, ["post.quietly: 'maybe' is no Boolean"]),
    ],
)
def test_what_the_description_does_not_know(
    method: str, parameters: dict[str, Any], findings: list[str]
) -> None:
    assert list(SMALL.violations(method, parameters)) == findings


@pytest.fixture(scope="module")
def bot_api(reference_data: Path) -> Any:
    return json.loads((reference_data / "specs/telegram/aiogram-schema-10.3.json").read_text())


async def test_what_the_client_sends_is_in_order(bot_api: Any) -> None:
    async with loopback(schema=bot_api) as tg:
        entities = [MessageEntity("bold", 0, 1)]
        await tg.bot.send_message(tg.ann.id, "a", entities=entities, reply_to_message_id=1)
        await tg.bot.set_message_reaction(tg.ann.id, 1, "👍")
        scope = BotCommandScopeChat(int(tg.ann.id))
        await tg.bot.set_my_commands([BotCommand("a", "b")], scope=scope)
        await tg.bot.get_updates(timeout=0, allowed_updates=["message"])
        await tg.bot.send_document(tg.ann.id, b"x", caption="c", caption_entities=entities)
        await tg.bot.send_media_group(
            tg.ann.id, [InputMediaDocument(b"x", caption="c"), InputMediaDocument(b"y")]
        )
        await tg.call("sendMessageDraft", chat_id=tg.ann.id, draft_id=1, text="", can_stop=True)
        assert tg.simulator.violations == []
        await tg.refused("sendMessage", chat_id=1, txt="a", message_effect_id=5)
        await tg.send(reply_markup={"inline_keyboard": [[{"text": "a", "url": "x", "size": 3}]]})
    assert tg.simulator.violations == [
        "sendMessage: text is missing",
        "sendMessage: txt is unknown",
        "sendMessage.message_effect_id: 5 is no String",
        "sendMessage.reply_markup.inline_keyboard[0][0]: size is unknown",
    ]


async def test_what_the_simulator_says_is_in_order(bot_api: Any) -> None:
    schema = Schema(bot_api)
    async with loopback() as tg:
        for update in await everything_that_happens(tg):
            assert list(schema.violations("Update", update)) == []
        group = tg.simulator.group("Crowd", people=[tg.ann])
        tg.simulator.join(group, "1000", admin=True)
        where = {"chat_id": group.id}
        for name, answer in (
            ("User", await tg.call("getMe")),
            ("ChatFullInfo", await tg.call("getChat", **where)),
            ("ChatMemberMember", await tg.call("getChatMember", **where, user_id=tg.ann.id)),
            ("ChatMemberAdministrator", await tg.call("getChatMember", **where, user_id=1000)),
            ("WebhookInfo", await tg.call("getWebhookInfo")),
            ("Message", await tg.send()),
            *[("Message", shown) for shown in await every_kind_of_file(tg)],
            ("File", await file_of_the_last(tg)),
        ):
            assert list(schema.violations(name, answer)) == []


async def every_kind_of_file(tg: Loopback) -> list[dict[str, Any]]:
    picture = b"GIF89a" + bytes([9, 0, 9, 0])
    answers = []
    for method, kind in FILE_METHODS.items():
        form = aiohttp.FormData({"chat_id": tg.ann.id, "caption": "c"})
        form.add_field(kind, picture, filename=f"file.{kind}")
        url = f"{tg.simulator.url}/bot1000:secret/{method}"
        async with tg.http.post(url, data=form) as response:
            answers.append((await response.json())["result"])
    return answers


async def file_of_the_last(tg: Loopback) -> dict[str, Any]:
    (sent,) = (await every_kind_of_file(tg))[-1:]
    answer: dict[str, Any] = await tg.call("getFile", file_id=sent["voice"]["file_id"])
    return answer


async def everything_that_happens(tg: Loopback) -> list[dict[str, Any]]:
    simulator = tg.simulator
    forum = simulator.place("group", people=[tg.ann])
    small = simulator.group("Small", basic=True, people=[tg.ann])
    topic = simulator.place("thread", parent=forum)
    for place in (tg.here, forum, small, topic, simulator.place("channel")):
        event = await simulator.say("/hello", person=tg.ann, place=place)
        await simulator.edit(event, "/hello again")
        button = {"text": "Go", "callback_data": "go"}
        chat_id, _, thread = place.id.partition(":")
        in_topic: dict[str, Any] = {"message_thread_id": int(thread)} if thread else {}
        await tg.send("?", chat_id, reply_markup={"inline_keyboard": [[button]]}, **in_topic)
        await simulator.press("Go", person=tg.ann, place=place)
    simulator.migrate(small)
    for kind in KINDS:
        await simulator.send_file(b"x", "x.bin", kind=kind, person=tg.ann, place=tg.here)
    await simulator.say("so", person=tg.ann, place=tg.here, reply_to="1", quote="hello")
    await in_business(tg)
    await tg.call("sendMessageDraft", chat_id=tg.ann.id, draft_id=1, text="a", can_stop=True)
    await simulator.press_stop(person=tg.ann, place=tg.here)
    updates = await tg.updates()
    assert len(updates) == 3 * 5 + 2 + len(KINDS) + 1 + 4 + 1
    return updates


async def in_business(tg: Loopback) -> None:
    shop = tg.simulator.business(tg.ann, "shop")
    event = await tg.simulator.say("hi", person=tg.ann, place=shop)
    await tg.simulator.edit(event, "hello")
    await tg.simulator.delete(tg.simulator.message_id(event), place=shop)
