"""Drafts, quotes, business accounts, reactions and menus on the simulated Telegram."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from telegram import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    ReactionTypeEmoji,
    ReplyParameters,
)
from telegram.error import BadRequest, Forbidden, TelegramError

from adapters.telegram.simulation.access import BUSINESS_WINDOW
from adapters.telegram.simulation.editing import DELETABLE
from adapters.telegram.simulator import Rates
from adapters.telegram.transport import RateLimited
from gateway.testing.simulator import Fault, SimulatedPlace
from tests.unit.adapters.telegram.loopback import Clock, Loopback, loopback


@pytest.fixture
async def tg() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


async def draft(tg: Loopback, text: str, draft_id: int = 7, **more: Any) -> None:
    given = {"chat_id": tg.ann.id, "draft_id": draft_id, "text": text, **more}
    assert await tg.call("sendMessageDraft", **given)


async def test_a_draft_is_replaced_and_goes_with_the_message(tg: Loopback) -> None:
    bold = {"type": "bold", "offset": 0, "length": 4}
    await draft(tg, "Once")
    await draft(tg, "Once upon", entities=[bold], can_stop=True)
    (shown,) = tg.simulator.drafts(tg.here)
    assert (shown.id, shown.text, shown.entities, shown.can_stop) == (7, "Once upon", [bold], True)
    await draft(tg, "Else", draft_id=8)
    assert [each.id for each in tg.simulator.drafts(tg.here)] == [8]
    await tg.send("Once upon a time")
    assert tg.simulator.drafts(tg.here) == []


async def test_pressing_stop_is_an_update(tg: Loopback) -> None:
    await draft(tg, "Once")
    with pytest.raises(LookupError, match="nothing that can be stopped"):
        await tg.simulator.press_stop(person=tg.ann, place=tg.here)
    await draft(tg, "Once upon", can_stop=True)
    event = await tg.simulator.press_stop(person=tg.ann, place=tg.here)
    (update,) = await tg.updates(allowed_updates=["stopped_message_generation"])
    told = update["stopped_message_generation"]
    assert (str(update["update_id"]), told["draft_id"]) == (event, 7)
    assert str(told["chat"]["id"]) == tg.ann.id
    assert tg.simulator.drafts(tg.here) == []
    await draft(tg, "Once upon a", can_stop=True)
    assert tg.simulator.drafts(tg.here) == [], "people asked not to see more of it"
    await draft(tg, "Other", draft_id=8, can_stop=True, keep_on_stop=True)
    await tg.simulator.press_stop(person=tg.ann, place=tg.here)
    assert tg.simulator.draft(tg.here) == "Other"
    with pytest.raises(LookupError):
        await tg.simulator.press_stop(person=tg.ann, place=tg.here)


async def test_drafts_count_to_the_rates_and_break_down() -> None:
    async with loopback(clock=Clock(), rates=Rates(private_burst=2)) as tg:
        tg.simulator.fail_next(Fault.SERVER_ERROR, method="sendMessageDraft")
        with pytest.raises(TelegramError):
            await draft(tg, "a")
        await draft(tg, "a")
        await draft(tg, "a b")
        with pytest.raises(RateLimited):
            await tg.send("a b c")


async def test_topics_of_a_private_chat_have_drafts_of_their_own(tg: Loopback) -> None:
    account = tg.simulator.add_bot("1000:secret", "helper_bot", has_topics_enabled=True)
    assert (await tg.bot.get_me()).has_topics_enabled
    topic = tg.simulator.place("thread", parent=tg.here)
    thread = int(topic.id.partition(":")[2])
    await draft(tg, "inside", message_thread_id=thread, can_stop=True)
    await tg.send("outside")
    assert (tg.simulator.draft(topic), tg.simulator.draft(tg.here)) == ("inside", None)
    await tg.simulator.press_stop(person=tg.ann, place=topic)
    await tg.simulator.say("hi", person=tg.ann, place=topic)
    stopped, said = await tg.updates()
    assert stopped["stopped_message_generation"]["message_thread_id"] == thread
    assert (said["message"]["message_thread_id"], said["message"]["is_topic_message"]) == (
        thread,
        True,
    )
    assert "is_forum" not in said["message"]["chat"]
    assert topic.account == account
    tg.simulator.add_bot("1000:secret", "helper_bot")
    with pytest.raises(ValueError, match="has no topics"):
        tg.simulator.place("thread", parent=tg.here)


async def test_a_reply_may_quote(tg: Loopback) -> None:
    sent = await tg.send("😀 red or blue?")
    number = str(sent["message_id"])
    say = partial(tg.simulator.say, person=tg.ann, place=tg.here)
    await say("this", reply_to=number, quote="blue")
    (update,) = await tg.bot.get_updates()
    assert update.message is not None
    quote, origin = update.message.quote, update.message.reply_to_message
    assert quote is not None
    assert (quote.text, quote.position, quote.is_manual) == ("blue", 10, True)
    assert origin is not None
    assert origin.text == "😀 red or blue?"
    with pytest.raises(ValueError, match="nothing says 'green'"):
        await say("this", reply_to=number, quote="green")


async def test_a_bot_quotes_only_what_is_there(tg: Loopback) -> None:
    await tg.bot.send_message(
        tg.ann.id, "hi", reply_parameters=ReplyParameters(message_id=1, quote="hell")
    )
    with pytest.raises(BadRequest, match="Quote_text_invalid"):
        await tg.bot.send_message(
            tg.ann.id, "hi", reply_parameters=ReplyParameters(message_id=1, quote="heaven")
        )


async def test_anything_else_is_a_raw_message(tg: Loopback) -> None:
    fields = {"location": {"latitude": 52.5, "longitude": 13.4}}
    await tg.simulator.send_raw_message(fields, person=tg.ann, place=tg.here)
    (update,) = await tg.bot.get_updates()
    assert update.message is not None
    assert update.message.location is not None
    assert update.message.location.latitude == 52.5


async def test_an_edit_by_the_messages_own_id(tg: Loopback) -> None:
    event = await tg.simulator.say("frist", person=tg.ann, place=tg.here)
    number = tg.simulator.message_id(event)
    await tg.simulator.edit(number, "first", person=tg.ann, place=tg.here)
    assert (await tg.updates())[-1]["edited_message"]["text"] == "first"
    bob = tg.simulator.person("Bob")
    with pytest.raises(ValueError, match="only what they wrote"):
        await tg.simulator.edit(number, "mine", person=bob, place=tg.here)
    assert await tg.simulator.delete(number, place=tg.here) == ""
    assert await tg.refused("deleteMessage", chat_id=tg.ann.id, message_id=number) == (
        "Message to delete not found"
    )


async def shop_of(tg: Loopback) -> SimulatedPlace:
    """Ann in the chat of a business account, where she has said something."""
    shop = tg.simulator.business(tg.ann, "shop-1")
    await tg.simulator.say("Open today?", person=tg.ann, place=shop)
    return shop


async def test_a_business_account_is_answered_for(tg: Loopback) -> None:
    shop = await shop_of(tg)
    event = (await tg.updates())[-1]["update_id"]
    await tg.simulator.edit(str(event), "Open tomorrow?")
    deleted = await tg.simulator.delete(tg.simulator.message_id(str(event)), place=shop)
    connected, said, edited, gone = await tg.bot.get_updates()
    assert connected.business_connection is not None
    assert connected.business_connection.id == "shop-1"
    assert said.business_message is not None
    assert (said.business_message.business_connection_id, said.business_message.text) == (
        "shop-1",
        "Open today?",
    )
    assert edited.edited_business_message is not None
    assert gone.deleted_business_messages is not None
    assert gone.deleted_business_messages.message_ids == (said.business_message.message_id,)
    assert str(gone.update_id) == deleted
    sent = await tg.bot.send_message(tg.ann.id, "Yes", business_connection_id="shop-1")
    assert sent.from_user == connected.business_connection.user
    assert sent.sender_business_bot is not None
    assert [(each.text, each.place_id) for each in tg.simulator.sent(shop)] == [("Yes", shop.id)]
    assert tg.simulator.sent(tg.here) == []
    where = {"chat_id": tg.ann.id, "message_id": sent.message_id}
    await tg.call("editMessageText", **where, business_connection_id="shop-1", text="No")
    assert [each.text for each in tg.simulator.sent(shop)] == ["No"]
    kept = {"business_connection_id": "shop-1", "message_ids": [sent.message_id]}
    assert await tg.call("deleteBusinessMessages", **kept)
    assert tg.simulator.sent(shop) == []
    assert (await tg.call("getBusinessConnection", business_connection_id="shop-1"))["is_enabled"]
    assert (await tg.bot.get_me()).can_connect_to_business


async def test_what_a_business_account_does_not_allow() -> None:
    clock = Clock()
    async with loopback(clock=clock) as tg:
        await shop_of(tg)
        bob = tg.simulator.person("Bob")

        async def said(chat_id: str = "", connection: str = "shop-1") -> str:
            where = {"chat_id": chat_id or tg.ann.id, "business_connection_id": connection}
            return await tg.refused("sendMessage", **where, text="hi")

        assert await said(connection="nothing") == "Business connection not found"
        assert await said(bob.id) == "Business_peer_invalid"
        clock.now += BUSINESS_WINDOW + 1
        assert await said() == "Business_peer_usage_missing"
        tg.simulator.change_business("shop-1", rights=["can_read_messages"])
        with pytest.raises(Forbidden, match="BOT_ACCESS_FORBIDDEN"):
            await tg.send(business_connection_id="shop-1")
        tg.simulator.change_business("shop-1", enabled=False)
        assert await said() == "Business_connection_invalid"
        updates = await tg.bot.get_updates()
        told = [each.business_connection for each in updates if each.business_connection]
        assert [each.is_enabled for each in told] == [True, True, False]
        assert tg.simulator.sent() == []


async def test_the_owner_of_a_business_account_may_write_too(tg: Loopback) -> None:
    owner = tg.simulator.person("Zoe")
    shop = tg.simulator.business(tg.ann, "shop-2", owner=owner)
    assert await tg.simulator.say("Welcome", person=owner, place=shop)
    (_, update) = await tg.updates()
    shown = update["business_message"]
    assert (str(shown["from"]["id"]), str(shown["chat"]["id"])) == (owner.id, tg.ann.id)
    answer = await tg.refused(
        "sendMessage", chat_id=tg.ann.id, business_connection_id="shop-2", text="hi"
    )
    assert answer == "Business_peer_usage_missing", "its customer has not written"
    tg.simulator.change_business("shop-2", enabled=False)
    assert await tg.simulator.say("hi", person=tg.ann, place=shop) == ""


async def test_reactions_are_seen(tg: Loopback) -> None:
    assert tg.simulator.reactions(tg.here) == {}
    await tg.bot.set_message_reaction(tg.ann.id, 1, [ReactionTypeEmoji("👀")])
    assert tg.simulator.reactions(tg.here) == {"1": ("👀",)}
    await tg.bot.set_message_reaction(tg.ann.id, 1, [])
    assert tg.simulator.reactions(tg.here) == {}


async def test_menus_are_seen(tg: Loopback) -> None:
    await tg.bot.set_my_commands([BotCommand("reset", "Start afresh")])
    private = BotCommandScopeAllPrivateChats()
    await tg.bot.set_my_commands([BotCommand("help", "Hilfe")], private, language_code="de")
    assert tg.simulator.commands() == {"reset": "Start afresh"}
    assert tg.simulator.commands("all_private_chats", "de") == {"help": "Hilfe"}
    assert tg.simulator.commands("all_private_chats") == {}
    with pytest.raises(BadRequest, match="Chat not found"):
        await tg.bot.set_my_commands([BotCommand("a", "b")], BotCommandScopeChat(4711))
    one = {"commands": [{"command": "a", "description": "b"}]}
    said = await tg.refused("setMyCommands", **one, language_code="deutsch")
    assert said == "Invalid language code specified"
    said = await tg.refused("setMyCommands", **one, scope={"type": "everybody"})
    assert said == "Can't parse botcommandscope: unsupported type specified"


async def test_deleting_is_possible_for_two_days() -> None:
    clock = Clock()
    async with loopback(clock=clock) as tg:
        old = await tg.send("old")
        clock.now += DELETABLE + 1
        new = await tg.send("new")
        numbers = [old["message_id"], new["message_id"]]
        said = await tg.refused("deleteMessage", chat_id=tg.ann.id, message_id=numbers[0])
        assert said == "Message can't be deleted for everyone"
        assert await tg.call("deleteMessages", chat_id=tg.ann.id, message_ids=numbers)
        assert [message.text for message in tg.simulator.sent()] == ["old"]
        for wrong in ([], list(range(101))):
            with pytest.raises(BadRequest, match="essage identifiers"):
                await tg.call("deleteMessages", chat_id=tg.ann.id, message_ids=wrong)


async def test_an_edit_that_is_too_long_has_an_answer_of_its_own(tg: Loopback) -> None:
    sent = await tg.send("short")
    where = {"chat_id": tg.ann.id, "message_id": sent["message_id"]}
    assert await tg.refused("editMessageText", **where, text="x" * 4097) == "Message_too_long"


async def test_edits_count_to_the_rates() -> None:
    async with loopback(clock=Clock(), rates=Rates(private_burst=2)) as tg:
        sent = await tg.send("one")
        where = {"chat_id": tg.ann.id, "message_id": sent["message_id"]}
        await tg.call("editMessageText", **where, text="two")
        with pytest.raises(RateLimited):
            await tg.call("editMessageText", **where, text="three")
