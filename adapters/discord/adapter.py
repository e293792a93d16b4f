"""Discord: one bot, over its gateway connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import structlog
from starlette.routing import BaseRoute

from adapters.discord import checking, commands, fetching, inbound, outbound, places
from adapters.discord.acknowledging import Acknowledging
from adapters.discord.inbound import Me
from adapters.discord.interactions import ORIGINAL
from adapters.discord.receiving import Receiving
from adapters.discord.refusals import TOKEN_REFUSED, refusal
from adapters.discord.rest import Rest, TokenRefused
from adapters.discord.sending import Sending
from adapters.discord.settings import DiscordSettings
from gateway import (
    Act,
    Address,
    Attachment,
    ConfigurationError,
    ConversationKind,
    Delivery,
    Host,
    Ignored,
    Inbound,
    Moved,
    NativeCommand,
    Part,
    Participant,
    Preview,
    Problem,
    Rate,
    Receive,
    Rule,
    Rules,
    SendError,
    Sent,
    Unavailable,
    failpoint,
    read_rate,
)

PREVIEW_EVERY = 1.2


class DiscordAdapter:
    """`gateway.Adapter` for one bot."""

    platform: ClassVar[str] = "discord"
    Settings: ClassVar[type[Any]] = DiscordSettings
    # A thread is a channel of its own here, and so is what a person and the bot write each other.
    boundary: ClassVar[Rules] = {
        ConversationKind.DIRECT: Rule.PER_CHANNEL,
        ConversationKind.GROUP: Rule.PER_CHANNEL,
        ConversationKind.CHANNEL: Rule.PER_CHANNEL,
        ConversationKind.THREAD: Rule.PER_CHANNEL,
    }
    respond: ClassVar[Mapping[ConversationKind, str]] = {ConversationKind.CHANNEL: "mentions"}
    # Discord shows it for ten seconds.
    typing_every: ClassVar[float] = 8.0

    def __init__(self, name: str, settings: DiscordSettings, host: Host) -> None:
        self.settings = settings
        self._name = name
        self._host = host
        self._log = structlog.get_logger("gateway.adapters.discord", channel=name)
        self._me = Me(
            id=settings.bot_id,
            application_id=settings.application_id,
            answer_bots=settings.answer_bots,
        )
        self._channel_rate = read_rate(settings.channel_rate)
        self._overall_rate = read_rate(settings.overall_rate)
        self.preview_every = PREVIEW_EVERY if settings.streaming else 0.0

    @cached_property
    def _rest(self) -> Rest:
        # Made late: `parse` needs no session, and `gateway explain` has none.
        token = self.settings.token.get_secret_value()
        return Rest(token, self.settings.api_url, self._host.http)

    @cached_property
    def _sending(self) -> Sending:
        return Sending(self._rest, self.settings, self._host, log=self._log)

    @cached_property
    def _acknowledging(self) -> Acknowledging:
        return Acknowledging(self._rest, log=self._log)

    # Receiving

    def parse(self, raw: bytes) -> Inbound | Moved | Ignored:
        """Read one dispatch."""
        return inbound.parse(raw, self._me)

    def routes(self) -> Sequence[BaseRoute]:
        """None: everything comes over the connection."""
        return ()

    async def run(self, receive: Receive) -> None:
        """Stay connected until cancelled. Raises `ConfigurationError` when Discord refuses it."""
        await Receiving(
            receive,
            name=self._name,
            settings=self.settings,
            host=self._host,
            rest=self._rest,
            acknowledging=self._acknowledging,
            me=self._me,
            acquaint=self._acquaint,
            log=self._log,
        ).run()

    def _acquaint(self, me: Me) -> None:
        self._me = me

    def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The content of a file that somebody sent."""
        return fetching.fetch(self._rest, attachment, limit=self._host.files.limit)

    # Sending

    def split(self, text: str, *, markdown: bool) -> Sequence[Part]:
        """Parts of at most 2000 UTF-16 units."""
        return outbound.split(text, markdown=markdown)

    def carries(self, attachment: Attachment) -> bool:
        """Whether Discord takes a file of this size."""
        return outbound.carries(attachment)

    def confide(self, address: Address, participant: Participant) -> Address | None:
        """A person's DM with the bot."""
        return places.private_address(participant)

    def budgets(self, address: Address, act: Act) -> Sequence[tuple[str, Rate]]:
        """The channel's own budget, and the bot's: whatever is called there, it counts the same."""
        own = (f"channel:{address.data['channel']}", self._channel_rate)
        both = (own, ("overall", self._overall_rate))
        return [(key, limit) for key, limit in both if limit is not None]

    async def send(self, delivery: Delivery) -> Sent:
        """Send one message or file; what a slash command began to show becomes the answer."""
        await self._shown(delivery.address, delivery.replaces)
        sent = await self._sending.send(delivery)
        # Discord has it, and nobody here knows yet.
        failpoint("during-send")
        return sent

    async def settle(self, delivery: Delivery, after: str) -> Sent | None:
        """Find out what became of a delivery; most may simply be sent again."""
        return await self._sending.settle(delivery, after)

    async def preview(self, preview: Preview) -> str:
        """Show how far an answer is, in the message that will be the answer."""
        if not self.settings.streaming:
            return preview.message_id
        await self._shown(preview.address, preview.message_id)
        return await self._sending.preview(preview)

    async def retract(self, address: Address, message_id: str) -> None:
        """Take a preview away."""
        await self._shown(address, message_id)
        await self._sending.retract(address, message_id)

    async def typing(self, address: Address) -> None:
        """Show that somebody types."""
        await self._rest.call("POST", f"/channels/{address.data['channel']}/typing")

    async def _shown(self, address: Address, message_id: str) -> None:
        """A command's own message is there only once the command was acknowledged."""
        if message_id == ORIGINAL:
            interaction = address.data.get("interaction") or {}
            await self._acknowledging.shown(interaction.get("id"))

    # Configuration

    async def register_commands(self, commands_: Sequence[NativeCommand]) -> None:
        """Offer these as slash commands."""
        if not self.settings.commands:
            return
        application = self.settings.application_id or await self._application()
        bookmarks = self._host.bookmarks
        await commands.offer(self._rest, application, commands_, bookmarks, self._name)

    async def _application(self) -> str:
        if not self._me.application_id:
            told = await self._rest.call("GET", "/applications/@me")
            return str(told.get("id", ""))
        return self._me.application_id

    async def check(self) -> str:
        """Try the token; returns the bot's name, and what may surprise."""
        try:
            user = await self._rest.call("GET", "/users/@me")
            application = await self._rest.call("GET", "/applications/@me")
        except TokenRefused as error:
            raise refusal(TOKEN_REFUSED, self._name, self.settings, str(error)) from None
        except (SendError, Unavailable) as error:
            problem = Problem(
                where=f"channels.{self._name}.api_url",
                what=f"{self.settings.api_url} does not answer: {error}",
                hint="is the address right, and this machine online?",
            )
            raise ConfigurationError([problem]) from None
        return checking.said(self._name, user, application, self.settings)
