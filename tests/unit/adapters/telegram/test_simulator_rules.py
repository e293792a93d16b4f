"""What the simulated Telegram refuses, in Telegram's words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from telegram import BotCommand, BotCommandScopeChat, MessageEntity, ReactionTypeEmoji
from telegram.error import Forbidden

from adapters.telegram.simulator import Rates
from adapters.telegram.transport import RateLimited
from tests.unit.adapters.telegram.loopback import Clock, Loopback, loopback


@pytest.fixture
async def tg() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


def keyboard(**button: object) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": "Go", **button}]]}


LONG = "x" * 4097

REFUSED = [
    ("sendMessage", {"text": ""}, "Message text is empty"),
    ("sendMessage", {"text": " \n "}, "Message text is empty"),
    ("sendMessage", {"text": LONG}, "Message is too long"),
    ("sendMessage", {"text": "😀" * 2049}, "Message is too long"),
    ("sendMessage", {"text": "<b>" + LONG + "</b>", "parse_mode": "HTML"}, "Message is too long"),
    ("sendMessage", {"text": "a", "parse_mode": "XML"}, "Unsupported parse_mode"),
    ("sendMessage", {"text": "<b>a", "parse_mode": "HTML"}, "Can't parse entities: can't find end"),
    ("sendMessage", {"text": "a</b>", "parse_mode": "HTML"}, "Can't parse entities: unmatched end"),
    ("sendMessage", {"text": "a < b", "parse_mode": "HTML"}, "Can't parse entities: unsupported"),
    ("sendMessage", {"text": "1.", "parse_mode": "MarkdownV2"}, "Can't parse entities: character"),
    ("sendMessage", {"text": "*a", "parse_mode": "MarkdownV2"}, "Can't parse entities: can't find"),
    ("sendMessage", {"text": "[a]", "parse_mode": "MarkdownV2"}, "Can't parse entities"),
    (
        "sendMessage",
        {"text": "a", "entities": [{"type": "bold", "offset": 0, "length": 2}]},
        "Entity beginning at utf-16 offset 0 ends after the end of the text at utf-16 offset 2",
    ),
    ("sendMessage", {"text": "a", "chat_id": "4711"}, "Chat not found"),
    ("sendMessage", {"text": "a", "chat_id": "@nobody"}, "Chat not found"),
    ("sendMessage", {"text": "a", "chat_id": "Ann"}, "Can't parse parameter chat_id"),
    ("sendMessage", {"text": "a", "message_thread_id": 5}, "Message thread not found"),
    (
        "sendMessage",
        {"text": "a", "reply_parameters": {"message_id": 99}},
        "Message to be replied not found",
    ),
    ("sendMessage", {"text": "a", "reply_markup": "{"}, "Can't parse parameter reply_markup"),
    ("sendMessage", {"text": "a", "reply_markup": "[1]"}, "Can't parse parameter reply_markup"),
    ("sendMessage", {"text": "a", "reply_markup": {"a": 1}}, "Object expected as reply markup"),
    ("sendMessage", {"text": "a", "entities": [5]}, "Can't parse parameter entities"),
    ("sendMessage", {"text": ["a"]}, "Can't parse parameter text"),
    ("sendMessage", {"text": "a", "chat_id": [1]}, "Can't parse parameter chat_id"),
    ("sendMessage", {"text": "a", "reply_markup": keyboard()}, "Text buttons are unallowed"),
    (
        "sendMessage",
        {"text": "a", "reply_markup": keyboard(callback_data="x" * 65)},
        "Button_data_invalid",
    ),
    ("sendMessage", {"text": "a", "reply_markup": keyboard(callback_data="")}, "Button_data"),
    (
        "sendMessage",
        {"text": "a", "reply_markup": {"inline_keyboard": [{"text": "a"}]}},
        "Can't parse inline keyboard",
    ),
    ("sendMessageDraft", {"text": "a", "draft_id": 0}, "Draft_id must be non-zero"),
    ("sendChatAction", {"action": "dancing"}, "Wrong parameter action"),
    ("editMessageText", {"message_id": 99, "text": "a"}, "Message to edit not found"),
    ("editMessageText", {"message_id": 1, "text": "a"}, "Message can't be edited"),
    ("deleteMessage", {"message_id": 99}, "Message to delete not found"),
    ("getChatMember", {"user_id": 4711}, "Participant_id_invalid"),
    ("setMessageReaction", {"message_id": 99}, "Message to react not found"),
    (
        "setMessageReaction",
        {"message_id": 1, "reaction": [{"type": "emoji", "emoji": "🦖"}]},
        "Reaction_invalid",
    ),
    (
        "setMessageReaction",
        {"message_id": 1, "reaction": [{"type": "emoji", "emoji": "👍"}] * 2},
        "Reactions_too_many",
    ),
    ("answerCallbackQuery", {"callback_query_id": "4711"}, "Query is too old"),
    ("setMyCommands", {"commands": [{"command": "Reset", "description": "x"}]}, "Bot_command_inv"),
    ("setMyCommands", {"commands": [{"command": "a", "description": ""}]}, "Bot_command_desc"),
    ("setMyCommands", {"commands": [{"command": "a", "description": "b"}] * 101}, "Bot_commands_t"),
    ("setWebhook", {"url": "http://x", "secret_token": "!"}, "Secret token contains"),
    ("setWebhook", {"url": "http://x", "max_connections": 101}, "Max_connections must be"),
]


@pytest.mark.parametrize(("method", "parameters", "answer"), REFUSED)
async def test_what_telegram_refuses(
    tg: Loopback, method: str, parameters: dict[str, Any], answer: str
) -> None:
    said = await tg.refused(method, **{"chat_id": tg.ann.id, **parameters})
    assert said.startswith(answer)
    assert [line.partition(":")[0] for line in tg.simulator.refusals] == [method]
    assert tg.simulator.sent() == []


@pytest.mark.parametrize(
    ("text", "parse_mode", "seen"),
    [
        ("x" * 4096, None, "x" * 4096),
        ("  hi\n", None, "hi"),
        ("<b>a</b> &lt; <a href='x'>b</a>", "HTML", "a < b"),
        ("<code>" + "&amp;" * 4096 + "</code>", "HTML", "&" * 4096),
        (r"*a* _b_ __c__ ||d|| 1\.5 [e](http://x) `f\\` ~g~", "MarkdownV2", "a b c d 1.5 e f\\ g"),
        ("```python\n1 + 1```\n>quoted", "MarkdownV2", "1 + 1\nquoted"),
        (r"*a* [b](x) \*", "Markdown", "a b *"),
    ],
)
async def test_people_see_a_text_without_its_markup(
    tg: Loopback, text: str, parse_mode: str | None, seen: str
) -> None:
    await tg.bot.send_message(tg.ann.id, text, parse_mode=parse_mode)
    assert [message.text for message in tg.simulator.sent()] == [seen]


async def test_entities_come_back_with_the_message(tg: Loopback) -> None:
    bold = MessageEntity(MessageEntity.BOLD, 0, 2)
    message = await tg.bot.send_message(tg.ann.id, "😀!", entities=[bold])
    assert message.entities == (bold,)


async def test_a_bot_may_not_write_first(tg: Loopback) -> None:
    bob = tg.simulator.person("Bob")
    assert await tg.refused("sendMessage", chat_id=bob.id, text="hi") == "Chat not found"
    tg.simulator.group("Crowd", people=[bob])
    with pytest.raises(Forbidden, match="can't initiate conversation"):
        await tg.send("hi", bob.id)


async def test_a_bot_knows_only_groups_it_is_in(tg: Loopback) -> None:
    other = tg.simulator.add_bot("2000:x", "other_bot")
    group = tg.simulator.group("Theirs", account=other)
    assert await tg.refused("getChat", chat_id=group.id) == "Chat not found"


async def test_a_blocked_bot_and_one_that_is_not_any_more(tg: Loopback) -> None:
    tg.simulator.block(tg.ann)
    for method in ("sendMessage", "sendChatAction"):
        said = await tg.refused(method, chat_id=tg.ann.id, text="hi", action="typing")
        assert said == "Forbidden: bot was blocked by the user"
    tg.simulator.block(tg.ann, on=False)
    await tg.send()


async def test_an_edit_that_changes_nothing_and_one_that_drops_the_buttons(tg: Loopback) -> None:
    sent = await tg.send("same", reply_markup=keyboard(callback_data="x"))
    where = {"chat_id": tg.ann.id, "message_id": sent["message_id"]}
    markup = keyboard(callback_data="x")
    said = await tg.refused("editMessageText", **where, text="same", reply_markup=markup)
    assert said.startswith("Message is not modified")
    await tg.call("editMessageReplyMarkup", **where)
    assert tg.simulator.sent()[0].buttons == ()
    said = await tg.refused("editMessageReplyMarkup", **where)
    assert said.startswith("Message is not modified")


async def test_only_an_administrator_deletes_what_others_wrote_in_a_group(tg: Loopback) -> None:
    group = tg.simulator.group("Crowd", people=[tg.ann])
    await tg.simulator.say("rude", person=tg.ann, place=group)
    where = {"chat_id": group.id, "message_id": 1}
    assert await tg.refused("deleteMessage", **where) == "Message can't be deleted"
    tg.simulator.join(group, "1000", admin=True)
    assert await tg.call("deleteMessage", **where)


async def test_a_pressed_button_is_answered_once_and_in_time() -> None:
    clock = Clock()
    async with loopback(clock=clock, callback_lifetime=10) as tg:
        await tg.send("?", reply_markup=keyboard(callback_data="x"))
        for _ in range(2):
            await tg.simulator.press("Go", person=tg.ann, place=tg.here)
        first, second = [update["callback_query"]["id"] for update in await tg.updates()]
        assert await tg.call("answerCallbackQuery", callback_query_id=first, text="ok")
        again = await tg.refused("answerCallbackQuery", callback_query_id=first)
        clock.now += 11
        late = await tg.refused("answerCallbackQuery", callback_query_id=second)
        assert again == late
        assert late.startswith("Query is too old and response timeout expired")


async def test_commands_are_kept_for_each_scope_and_language(tg: Loopback) -> None:
    scope = BotCommandScopeChat(int(tg.ann.id))
    await tg.bot.set_my_commands([BotCommand("reset", "Start afresh")])
    await tg.bot.set_my_commands([BotCommand("help", "Help")], scope=scope, language_code="de")
    assert [c.command for c in await tg.bot.get_my_commands()] == ["reset"]
    (mine,) = await tg.bot.get_my_commands(scope=scope, language_code="de")
    assert mine.command == "help"
    await tg.bot.delete_my_commands()
    assert await tg.bot.get_my_commands() == ()


async def test_chats_members_and_reactions(tg: Loopback) -> None:
    group = tg.simulator.group("Crowd", people=[tg.ann])
    bob = tg.simulator.person("Bob")
    chat = await tg.bot.get_chat(group.id)
    assert (chat.title, chat.type) == ("Crowd", "supergroup")
    tg.simulator.join(group, "1000", admin=True)
    members = [await tg.bot.get_chat_member(group.id, int(i)) for i in (tg.ann.id, bob.id, "1000")]
    assert [member.status for member in members] == ["member", "left", "administrator"]
    assert await tg.bot.set_message_reaction(tg.ann.id, 1, [ReactionTypeEmoji("👍")])
    me = await tg.bot.get_me()
    assert (me.username, me.can_read_all_group_messages) == ("helper_bot", False)


async def test_drafts_are_for_private_chats(tg: Loopback) -> None:
    group = tg.simulator.place("group", people=[tg.ann])
    said = await tg.refused("sendMessageDraft", chat_id=group.id, draft_id=1, text="a")
    assert said == "Textdraft_peer_invalid"


async def wait_of(tg: Loopback, chat_id: str = "") -> float:
    """How long Telegram makes the next message wait; 0 when it takes it."""
    try:
        await tg.send("x", chat_id)
    except RateLimited as error:
        return error.retry_after
    return 0.0


async def test_a_private_chat_takes_a_burst_and_then_one_each_second() -> None:
    clock = Clock()
    async with loopback(clock=clock, rates=Rates(private_burst=2)) as tg:
        assert [await wait_of(tg) for _ in range(3)] == [0, 0, 1]
        clock.now += 1
        assert [await wait_of(tg), await wait_of(tg)] == [0, 1]
        clock.now += 0.5
        assert await wait_of(tg) == 2, "whoever does not wait, waits longer"
        clock.now += 2
        assert await wait_of(tg) == 0
        assert len(tg.simulator.sent()) == 4


async def test_a_group_takes_twenty_a_minute_and_a_bot_gives_thirty_a_second() -> None:
    clock = Clock()
    async with loopback(clock=clock, rates=Rates()) as tg:
        groups = [tg.simulator.group("Crowd", people=[tg.ann]).id for _ in range(2)]
        assert [await wait_of(tg, groups[0]) for _ in range(21)] == [0] * 20 + [3]
        assert [await wait_of(tg, groups[1]) for _ in range(11)] == [0] * 10 + [1]
        clock.now += 3
        assert [await wait_of(tg, group) for group in groups] == [0, 0]


async def test_which_calls_count_is_configurable() -> None:
    rates = Rates(private_burst=1, methods=frozenset({"sendChatAction"}))
    async with loopback(clock=Clock(), rates=rates) as tg:
        await tg.call("sendChatAction", chat_id=tg.ann.id, action="typing")
        said = await tg.refused("sendChatAction", chat_id=tg.ann.id, action="typing")
        assert said == "Flood control exceeded. Retry in 1 seconds"
        await tg.send()


async def test_tokens_and_methods_nobody_knows() -> None:
    async with loopback(strict=True) as tg:
        for path, status, description in (
            ("/bot4711:x/getMe", 401, "Unauthorized"),
            ("/bot1000:wrong/getMe", 401, "Unauthorized"),
            ("/botnothing/getMe", 404, "Not Found"),
            ("/", 404, "Not Found"),
            ("/bot1000:secret/fly", 404, "Not Found"),
        ):
            async with tg.http.get(tg.simulator.url + path) as response:
                answer = await response.json()
                assert (response.status, answer["description"]) == (status, description)
                assert answer["ok"] is False
    async with (
        loopback() as tg,
        tg.http.get(f"{tg.simulator.url}/bot4711:x/GETME") as response,
    ):
        assert (await response.json())["result"]["username"] == "simulated1_bot"


async def test_parameters_may_come_in_every_form(tg: Loopback) -> None:
    url = f"{tg.simulator.url}/bot1000:secret/sendMessage"
    markup = keyboard(callback_data="x")
    plain = {"chat_id": tg.ann.id, "text": "a", "reply_markup": json.dumps(markup)}
    for arguments in (
        {"params": plain},
        {"data": plain},
        {"json": {"chat_id": int(tg.ann.id), "text": "a", "reply_markup": markup}},
    ):
        async with tg.http.post(url, **arguments) as response:
            assert response.status == 200, await response.text()
    multipart = aiohttp.FormData(plain, default_to_multipart=True)
    async with tg.http.post(url, data=multipart) as response:
        assert response.status == 200, await response.text()
    typed = {"chat_id": int(tg.ann.id), "text": "a", "reply_markup": markup}
    assert [call.parameters for call in tg.simulator.calls("sendMessage")] == [typed] * 4
    async with tg.http.post(url, data=b"[1]", headers={"Content-Type": "application/json"}) as no:
        assert (await no.json())["description"] == "Bad Request: can't parse request JSON"
