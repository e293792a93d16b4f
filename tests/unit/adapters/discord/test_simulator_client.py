"""The real discord.py works on the simulated Discord, and knows nothing of it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
import pytest
import yarl
from discord import app_commands

from adapters.discord.simulator import DiscordSimulator
from gateway.testing.simulator import Fault, SimulatedPerson, SimulatedPlace, running


class Sure(discord.ui.View):
    """One button, which is pressed once."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.button(label="Yes", custom_id="yes")
    async def yes(
        self, interaction: discord.Interaction[Echo], button: discord.ui.Button[Sure]
    ) -> None:
        """Say that it was pressed."""
        await interaction.response.edit_message(content=f"pressed {button.label}", view=None)


class Echo(discord.Client):
    """A bot as the documentation of discord.py teaches it."""

    def __init__(self) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(intents=intents, guild_ready_timeout=0.02)
        self.tree = app_commands.CommandTree(self)
        self.ready = asyncio.Event()
        self.tree.command(name="ask", description="Ask something")(ask)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Do not wait the five seconds that real identifies have to be apart."""

    async def on_ready(self) -> None:
        """Register the commands, the first time."""
        if not self.ready.is_set():
            await self.tree.sync()
            self.ready.set()

    async def on_message(self, message: discord.Message) -> None:
        """Answer in the ways that there are."""
        if message.author == self.user:
            return
        if message.content == "file":
            await message.channel.send("here", file=discord.File(io.BytesIO(b"abc"), "a.txt"))
        elif message.content == "button":
            await message.channel.send("Sure?", view=Sure())
        elif message.attachments:
            await message.channel.send((await message.attachments[0].read()).decode())
        elif message.content == "history":
            past = [each.content async for each in message.channel.history(limit=2)]
            await message.channel.send(" ".join(past))
        else:
            async with message.channel.typing():
                sent = await message.reply(f"re: {message.clean_content}")
                await sent.edit(content=f"{sent.content}!")


async def ask(interaction: discord.Interaction[Echo], text: str) -> None:
    """Promise an answer, and give it."""
    await interaction.response.defer()
    await interaction.followup.send(f"answer to {text}")


def point_to(simulator: DiscordSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let discord.py take the simulator for Discord."""
    settings = simulator.settings()
    monkeypatch.setattr(discord.http.Route, "BASE", settings["api_url"])
    address = yarl.URL(settings["gateway_url"])
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", address)


@pytest.fixture
async def here(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordSimulator]:
    async with running(DiscordSimulator(rates=None, heartbeat=0.05)) as simulator:
        point_to(simulator, monkeypatch)
        yield simulator


@asynccontextmanager
async def echoing(simulator: DiscordSimulator) -> AsyncIterator[Echo]:
    """The bot, ready."""
    async with Echo() as client:
        runs = asyncio.create_task(client.start(simulator.settings()["token"]))
        ready = asyncio.create_task(client.ready.wait())
        await asyncio.wait([runs, ready], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        yield client
        await client.close()
        await runs


def ann_in(
    simulator: DiscordSimulator, kind: Any = "direct"
) -> tuple[SimulatedPerson, SimulatedPlace]:
    """Ann, and where she is."""
    ann = simulator.person("Ann")
    return ann, simulator.place(kind, people=[ann])


async def test_messages_replies_edits_and_files(here: DiscordSimulator) -> None:
    async with echoing(here):
        for kind in ("direct", "channel"):
            ann, place = ann_in(here, kind)
            who: dict[str, Any] = {"person": ann, "place": place}
            event = await here.say("hello", **who, mention=True)
            (seen,) = await here.wait_sent(lambda sent: bool(sent) and sent[0].edited, place)
            name = "@helper " if kind == "channel" else ""
            assert (seen.text, seen.reply_to) == (f"re: {name}hello!", event)
            await here.say("file", **who)
            (file,) = (await here.wait_sent(2, place))[-1].files
            assert (file.name, file.content) == ("a.txt", b"abc")
            await here.send_file(b"content", "c.txt", **who)
            assert (await here.wait_sent(3, place))[-1].text == "content"
            await here.say("history", **who)
            assert (await here.wait_sent(4, place))[-1].text == "history content"
        await here.wait_until(lambda: not here.unacknowledged())
    assert (here.refusals, here.duplicates(), here.lost()) == ([], [], [])
    assert here.violations == []


async def test_commands_and_buttons(here: DiscordSimulator) -> None:
    ann, place = ann_in(here, "channel")
    async with echoing(here):
        assert list(here.commands()) == ["ask"]
        await here.command("ask", "why", person=ann, place=place)
        assert (await here.wait_sent(1, place))[0].text == "answer to why"
        await here.say("button", person=ann, place=place)
        await here.wait_sent(2, place)
        await here.press("Yes", person=ann, place=place)
        await here.wait_sent(lambda sent: sent[1].text == "pressed Yes", place)
    assert here.unanswered() == []
    assert here.refusals == []


async def test_sessions_that_break_off(here: DiscordSimulator) -> None:
    ann, place = ann_in(here)
    who: dict[str, Any] = {"person": ann, "place": place}
    async with echoing(here):
        here.reconnect()
        await here.wait_until(lambda: len(here.calls("RESUME")) == 1)
        await here.say("resumed", **who)
        await here.wait_sent(1)
        await here.disconnect()
        await here.say("meanwhile", **who)
        await here.wait_sent(2)
        assert len(here.calls("RESUME")) == 2
        here.kill_session()
        await here.wait_until(lambda: len(here.calls("IDENTIFY")) == 2)
        await here.say("anew", **who)
        await here.wait_sent(3)
    texts = [message.text.rstrip("!") for message in here.sent()]
    assert texts == ["re: resumed", "re: meanwhile", "re: anew"]


async def test_refusals_become_the_errors_that_people_know(here: DiscordSimulator) -> None:
    ann, _ = ann_in(here)
    async with echoing(here) as client:
        user = await client.fetch_user(int(ann.id))
        here.fail_next(Fault.RATE_LIMIT, retry_after=0.01)
        await user.send("waits")
        assert len(here.calls("create_message")) == 2
        with pytest.raises(discord.HTTPException, match="2000 or fewer"):
            await user.send("x" * 2001)
        here.block(ann)
        with pytest.raises(discord.Forbidden, match="Cannot send messages to this user"):
            await user.send("x")
    here.add_bot(here.settings()["token"], message_content=False)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with echoing(here):
            pass
    client = Echo()
    with pytest.raises(discord.LoginFailure):
        await client.login("wrong")
    await client.close()


@pytest.mark.reference_data
async def test_what_it_sends_is_in_order(
    reference_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openapi = json.loads((reference_data / "specs/discord/openapi.json").read_text())
    async with running(DiscordSimulator(rates=None, schema=openapi)) as simulator:
        point_to(simulator, monkeypatch)
        ann, place = ann_in(simulator)
        async with echoing(simulator):
            for count, text in enumerate(("file", "button", "hello"), 1):
                await simulator.say(text, person=ann, place=place)
                await simulator.wait_sent(count)
            await simulator.press("Yes", person=ann, place=place)
            await simulator.command("ask", "why", person=ann, place=place)
            await simulator.wait_sent(4)
        # A field that Discord does not describe for edits, and takes.
        assert set(simulator.violations) == {"update_message: tts is unknown"}
