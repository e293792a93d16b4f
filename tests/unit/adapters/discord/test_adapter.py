"""The adapter on the simulated Discord: restarts, slash commands, and what it can besides."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from adapters.discord import acknowledging
from adapters.discord.adapter import DiscordAdapter
from gateway import (
    Act,
    Adapter,
    Address,
    Attachment,
    ConfigurationError,
    ConversationKind,
    NativeCommand,
    Preview,
    Rate,
    Receipt,
    Rejected,
    Unavailable,
)
from gateway import observability as obs
from gateway.ports.adapter import (
    Budgeted,
    Carrying,
    Checked,
    Commanded,
    Fetching,
    Previewing,
    Retracting,
    Settling,
    Splitting,
    Typing,
)
from gateway.testing.simulator import Fault
from tests.unit.adapters.discord.channel import Channel, until
from tests.unit.adapters.discord.leaving import BOT, TOKEN

STATUS = NativeCommand(name="status", descriptions={"en": "How it goes", "de": "Wie es steht"})
NEW = NativeCommand(
    name="new", descriptions={"en": "Start afresh"}, argument={"en": "What to begin with"}
)


async def test_it_is_an_adapter_that_can_all_this(discord: Channel) -> None:
    one: Adapter = discord.adapter
    assert DiscordAdapter.platform == one.settings.platform == "discord"
    can = (Budgeted, Carrying, Checked, Commanded, Fetching, Previewing)
    can_besides = (Retracting, Settling, Splitting, Typing)
    assert all(isinstance(discord.adapter, each) for each in (*can, *can_besides))
    assert not one.routes()


def test_boundaries_and_whom_it_answers() -> None:
    assert {kind: rule.value for kind, rule in DiscordAdapter.boundary.items()} == {
        "direct": "per-channel",
        "group": "per-channel",
        "channel": "per-channel",
        "thread": "per-channel",
    }
    assert DiscordAdapter.respond == {ConversationKind.CHANNEL: "mentions"}


# Restarts.


async def test_a_restart_resumes_the_session(discord: Channel) -> None:
    async with discord.running():
        await discord.say("before")
        await discord.say("before, too", discord.there, mention=True)
        await discord.settled()
    for number in range(3):
        await discord.say(f"meanwhile {number}")
        await discord.say(f"meanwhile, too {number}", discord.there, mention=True)
    second = discord.again()
    async with second.running():
        await second.hears(*(f"meanwhile {number}" for number in range(3)))
        await second.settled()
    assert second.inbox.said_in(second.here) == [f"meanwhile {number}" for number in range(3)]
    assert second.inbox.said_in(second.there) == [f"meanwhile, too {n}" for n in range(3)]
    assert [second.count(each) for each in ("IDENTIFY", "RESUME", "list_messages")] == [1, 1, 0]


async def test_what_a_stranger_said_first_survives_a_crash_before_it_was_committed(
    discord: Channel,
) -> None:
    """No history can be asked for in a direct channel that was never heard of."""
    async with discord.running():
        discord.inbox.gate.clear()
        await discord.say("hello, I am new here")
        await until(lambda: discord.inbox.offered)
        await asyncio.sleep(0.1)
    assert not discord.inbox.texts
    second = discord.again()
    async with second.running():
        await second.hears("hello, I am new here")
        await second.settled()
    assert [second.count(each) for each in ("IDENTIFY", "RESUME")] == [1, 1]
    assert not second.simulator.lost()


async def test_edits_deletions_and_buttons_survive_a_restart(discord: Channel) -> None:
    """These are in no history."""
    async with discord.running():
        event = await discord.say("before")
        await discord.settled()
    await discord.simulator.edit(event, "after")
    await discord.simulator.delete(event)
    second = discord.again()
    async with second.running():
        await second.settled()
    assert [each.action for each in second.inbox.heard] == ["edit", "delete"]


async def test_the_session_is_written_at_once(discord: Channel) -> None:
    flushed = []
    bookmarks = discord.host.bookmarks

    async def flush() -> None:
        flushed.append(discord.marks().get("session"))
        raise Unavailable("the store is away")

    vars(bookmarks)["flush"] = flush
    async with discord.running():
        await until(lambda: flushed)
        await discord.say("hello")
        await discord.hears("hello")
    assert flushed[0]


async def test_bookmarks_that_cannot_be_read_yet_are_waited_for(discord: Channel) -> None:
    kept, tries = discord.host.bookmarks.load, 0

    async def load(channel: str, *, limit: int = 1000) -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Unavailable("the store is away", retry_after=0.01)
        return await kept(channel, limit=limit)

    vars(discord.host.bookmarks)["load"] = load
    async with discord.running():
        await discord.say("hello")
        await discord.hears("hello")


@pytest.mark.parametrize("mark", ["", "7", "[]", '["a", "b", "c", "", "d"]', '{"id": 7}', "\0"])
@pytest.mark.parametrize("place", ["session", "me"])
async def test_a_bookmark_that_makes_no_sense_is_none(
    discord: Channel, place: str, mark: str
) -> None:
    async with discord.running():
        await discord.settled()
    discord.host.bookmarks.put("garden", place, mark)
    second = discord.again()
    async with second.running():
        await second.say("hello")
        await second.hears("hello")
    assert [second.count(each) for each in ("IDENTIFY", "RESUME")] == [2, 0]


async def test_its_own_role_means_the_bot_also_after_a_restart(discord: Channel) -> None:
    role = f"<@&{discord.simulator.role()}>"
    async with discord.running():
        await discord.say(f"{role} one", discord.there)
        await until(lambda: discord.inbox.heard)
        await discord.settled()
    second = discord.again()
    async with second.running():
        await second.say(f"{role} two", discord.there)
        await until(lambda: second.inbox.heard)
    assert [each.heard[0].addressed for each in (discord.inbox, second.inbox)] == [True, True]
    assert second.count("IDENTIFY") == 1


# Slash commands and buttons.


async def offered(discord: Channel) -> None:
    await discord.adapter.register_commands([STATUS, NEW])


async def answer(discord: Channel, text: str = "All is well.") -> None:
    """Say something to the newest command, as the outbox does."""
    event = discord.inbox.heard[-1]
    delivery = discord.delivery(text, event.address, replaces=event.preview)
    await discord.adapter.send(delivery)


async def test_a_command_shows_that_its_answer_is_coming_and_then_the_answer(
    discord: Channel,
) -> None:
    await offered(discord)
    async with discord.running():
        await discord.simulator.command("new", "roses", person=discord.ann, place=discord.here)
        await discord.hears("/new roses")
        await answer(discord)
        (seen,) = discord.simulator.sent(discord.here)
    assert seen.text == "All is well."
    assert not discord.simulator.promised()
    assert not discord.simulator.unanswered()


async def test_an_answer_that_is_quicker_than_the_acknowledgement_waits_for_it(
    discord: Channel,
) -> None:
    await offered(discord)
    answers: list[asyncio.Task[None]] = []

    async def receive(raw: bytes) -> Receipt:
        receipt = await discord.inbox(raw)
        answers.append(asyncio.create_task(answer(discord)))
        # The answer has all the time it wants before the commit is told of.
        await asyncio.sleep(0.05)
        return receipt

    run = asyncio.create_task(discord.adapter.run(receive))
    await until(discord.ready)
    await discord.simulator.command("status", person=discord.ann, place=discord.here)
    await until(lambda: answers and answers[0].done())
    assert [each.text for each in discord.simulator.sent(discord.here)] == ["All is well."]
    assert not discord.simulator.promised()
    assert not discord.simulator.refusals
    run.cancel()
    await asyncio.wait([run])


async def test_a_slow_store_keeps_nobody_waiting(
    discord: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three seconds, and Discord says that the bot does not respond."""
    assert acknowledging.PATIENCE < 2.5
    monkeypatch.setattr(acknowledging, "PATIENCE", 0.05)
    await offered(discord)
    async with discord.running():
        discord.inbox.away = True
        event = await discord.simulator.command("status", person=discord.ann, place=discord.here)
        await until(lambda: discord.count("create_interaction_response"))
        assert discord.simulator.promised()
        assert not discord.inbox.texts
        assert event in discord.simulator.unacknowledged()
        discord.inbox.away = False
        await discord.hears("/status")
        await answer(discord)
        await discord.settled()
    assert not discord.simulator.promised()
    assert discord.count("create_interaction_response") == 1


@pytest.mark.parametrize(
    "outcome",
    [
        Receipt(outcome="refused", reason="too many messages"),
        Receipt(outcome="ignored", reason="?"),
        Receipt(outcome="accepted", settled=True),
    ],
)
async def test_where_no_answer_will_come_none_is_promised(
    discord: Channel, outcome: Receipt
) -> None:
    await offered(discord)
    discord.inbox.outcome = outcome
    async with discord.running():
        await discord.simulator.command("status", person=discord.ann, place=discord.here)
        await until(lambda: discord.count("delete_original_webhook_message"))
        assert not discord.simulator.promised()
        assert not discord.simulator.unanswered()


async def test_an_acknowledgement_is_tried_again(discord: Channel) -> None:
    await offered(discord)
    discord.simulator.fail_next(Fault.SERVER_ERROR, 2, method="create_interaction_response")
    async with discord.running():
        await discord.simulator.command("status", person=discord.ann, place=discord.here)
        await until(discord.simulator.promised)


async def test_one_that_comes_too_late_is_answered_in_the_channel(discord: Channel) -> None:
    """After a restart Discord takes no acknowledgement any more, but people want their answer."""
    await offered(discord)
    async with discord.running():
        await discord.settled()
    await discord.simulator.command("status", person=discord.ann, place=discord.here)
    (interaction,) = discord.simulator._world.interactions.values()
    interaction.at -= 60.0
    second = discord.again()
    with obs.captured() as lines:
        async with second.running():
            await second.hears("/status")
            await answer(second)
            await second.settled()
    assert [each.text for each in second.simulator.sent(second.here)] == ["All is well."]
    assert "discord.not_acknowledged" in [line["event"] for line in lines]
    assert str(interaction.token) not in str(lines)


async def test_pending_acknowledgements_end_with_the_run(discord: Channel) -> None:
    await offered(discord)
    async with discord.running():
        discord.inbox.gate.clear()
        await discord.simulator.command("status", person=discord.ann, place=discord.here)
        await until(lambda: discord.inbox.offered)
    assert not discord.adapter._acknowledging._pending


# What it sends.


def address_of(discord: Channel) -> Address:
    return Address(destination=discord.here.id, data={"channel": discord.here.id})


async def test_what_it_sends_counts_for_the_channel_and_for_the_bot(discord: Channel) -> None:
    address = address_of(discord)
    for act in Act:
        assert discord.adapter.budgets(address, act) == [
            (f"channel:{discord.here.id}", Rate(count=4, per=5, burst=4)),
            ("overall", Rate(count=45, per=1, burst=10)),
        ]
    free = discord.again(channel_rate=0, overall_rate="0").adapter
    assert free.budgets(address, Act.SEND) == []


async def test_typing_is_seen(discord: Channel) -> None:
    await discord.adapter.typing(address_of(discord))
    assert discord.simulator.typing(discord.here)


async def test_a_preview_is_one_message_that_becomes_the_answer(discord: Channel) -> None:
    preview = Preview(address=address_of(discord), task_id="t", text="Ro")
    shown = await discord.adapter.preview(preview)
    sent = await discord.adapter.send(discord.delivery("Roses", replaces=shown))
    assert sent.platform_id == shown
    assert [each.text for each in discord.simulator.sent(discord.here)] == ["Roses"]


async def test_a_preview_that_no_answer_became_goes(discord: Channel) -> None:
    address = address_of(discord)
    shown = await discord.adapter.preview(Preview(address=address, task_id="t", text="Ro"))
    await discord.adapter.retract(address, shown)
    assert not discord.simulator.sent(discord.here)


async def test_streaming_can_be_turned_off(discord: Channel) -> None:
    still = discord.again(streaming=False).adapter
    assert still.preview_every == 0.0
    assert await still.preview(Preview(address=address_of(discord), task_id="t", text="x")) == ""
    assert not discord.simulator.calls("create_message")


async def test_the_outcome_of_a_young_delivery_needs_no_looking_up(discord: Channel) -> None:
    delivery = discord.delivery("once", created_at=discord.simulator._clock())
    await discord.adapter.send(delivery)
    assert await discord.adapter.settle(delivery, "") is None
    await discord.adapter.send(delivery)
    assert [each.text for each in discord.simulator.sent(discord.here)] == ["once"]


async def test_a_crash_point_stands_after_discord_has_it(
    discord: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[tuple[str, int]] = []
    monkeypatch.setattr(
        "adapters.discord.adapter.failpoint",
        lambda name: passed.append((name, len(discord.simulator.sent()))),
    )
    await discord.adapter.send(discord.delivery())
    assert passed == [("during-send", 1)]


async def test_nothing_is_not_sent(discord: Channel) -> None:
    with pytest.raises(Rejected):
        await discord.adapter.send(discord.delivery(" "))


async def test_what_it_carries(discord: Channel) -> None:
    assert discord.adapter.carries(Attachment(name="r.png", size=10 * 2**20))
    assert not discord.adapter.carries(Attachment(name="r.png", size=10 * 2**20 + 1))


# Commands and credentials.


async def test_commands_are_offered_once(discord: Channel) -> None:
    await discord.adapter.register_commands([STATUS])
    await discord.again().adapter.register_commands([STATUS])
    assert list(discord.simulator.commands()) == ["status"]
    assert discord.count("bulk_set_application_commands") == 1
    await discord.adapter.register_commands([STATUS, NEW])
    assert list(discord.simulator.commands()) == ["status", "new"]


async def test_commands_can_be_done_without(discord: Channel) -> None:
    await discord.again(commands=False).adapter.register_commands([STATUS])
    assert not discord.simulator.calls()


async def test_a_configured_application_needs_no_asking(discord: Channel) -> None:
    await discord.again(application_id=str(BOT)).adapter.register_commands([STATUS])
    assert [call.method for call in discord.simulator.calls()] == ["bulk_set_application_commands"]


async def test_a_good_token_says_who_we_are(discord: Channel) -> None:
    assert "@helper" in await discord.adapter.check()


async def test_a_bad_token_is_named(discord: Channel) -> None:
    bad = discord.again(token=f"{TOKEN}x").adapter
    with pytest.raises(ConfigurationError, match=r"channels\.garden\.token") as raised:
        await bad.check()
    assert TOKEN not in str(raised.value)


async def test_an_address_where_nobody_answers_is_named(discord: Channel) -> None:
    away = discord.again(api_url="http://127.0.0.1:9").adapter
    with pytest.raises(ConfigurationError, match=r"channels\.garden\.api_url"):
        await away.check()


async def test_the_position_names_the_session(discord: Channel) -> None:
    async with discord.running():
        await discord.say("hello")
        await discord.settled()
    session, url, seq, since, there = orjson.loads(discord.marks()["session"])
    assert isinstance(session, str)
    assert url.startswith(there)
    assert seq >= 3
    assert since == ""
    assert orjson.loads(discord.marks()["me"])["roles"] == [discord.simulator.role()]
