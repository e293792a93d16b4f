"""Twilio: one number of one account, on WhatsApp or by SMS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import structlog
from starlette.routing import BaseRoute, Route

from adapters.twilio import checking, fetching, inbound, outbound
from adapters.twilio.api import TwilioApi
from adapters.twilio.groups import Groups
from adapters.twilio.intake import Intake
from adapters.twilio.opting_out import OptingOut
from adapters.twilio.receiving import Receiving
from adapters.twilio.reports import Reports
from adapters.twilio.sending import Sending
from adapters.twilio.settings import SmsSettings, TwilioSettings, WhatsAppSettings
from adapters.twilio.signatures import Signatures
from adapters.twilio.unheard import Unheard
from adapters.twilio.webhooks import Webhooks
from adapters.twilio.window import Window
from gateway import (
    Act,
    Address,
    Attachment,
    ConfigurationError,
    ConversationKind,
    Delivery,
    Group,
    Host,
    Ignored,
    Inbound,
    Moved,
    Part,
    Participant,
    Problem,
    Question,
    Rate,
    Receive,
    Rejected,
    Rule,
    Rules,
    Sent,
    failpoint,
    read_rate,
)


class TwilioAdapter:
    """`gateway.Adapter` for one number of one account."""

    platform: ClassVar[str]
    Settings: ClassVar[type[Any]]
    boundary: ClassVar[Rules] = {
        ConversationKind.DIRECT: Rule.PER_USER,
        ConversationKind.GROUP: Rule.PER_GROUP,
    }
    # Nobody can be mentioned there, so that a group's every message is for the bot.
    respond: ClassVar[Mapping[ConversationKind, str]] = {ConversationKind.GROUP: "all"}

    def __init__(self, name: str, settings: TwilioSettings, host: Host) -> None:
        self.settings = settings
        self._name = name
        self._host = host
        self._log = structlog.get_logger(f"gateway.adapters.{self.platform}", channel=name)
        self._overall = read_rate(settings.overall_rate)

    @staticmethod
    def identity(settings: TwilioSettings) -> str:
        """What no two channels may share: two numbers of an account are two channels."""
        return f"{settings.account_sid}:{settings.from_}"

    # Made late: `parse` needs no session, and `gateway explain` has none.

    @cached_property
    def _api(self) -> TwilioApi:
        return TwilioApi(self.settings, self._host.http, self._log)

    @cached_property
    def _webhooks(self) -> Webhooks:
        token = self.settings.auth_token.get_secret_value()
        return Webhooks(self._name, Signatures(token, self._host.public_url), self._log)

    @cached_property
    def _window(self) -> Window:
        return Window(self.settings, self._api, self._log)

    @cached_property
    def _opting_out(self) -> OptingOut:
        return OptingOut(self._host, self._name, self.settings, self._log)

    @cached_property
    def _groups(self) -> Groups:
        return Groups(self.settings, self._api, self._host, channel=self._name, log=self._log)

    @cached_property
    def _reports(self) -> Reports:
        return Reports(
            self.settings,
            self._api,
            self._host,
            channel=self._name,
            window=self._window,
            log=self._log,
        )

    @cached_property
    def _unheard(self) -> Unheard:
        return Unheard(
            self.settings,
            self._api,
            self._host.bookmarks,
            channel=self._name,
            reports=self._reports,
            log=self._log,
        )

    @cached_property
    def _sending(self) -> Sending:
        return Sending(
            self.settings,
            self._api,
            self._host,
            channel=self._name,
            window=self._window,
            groups=self._groups,
            opting_out=self._opting_out,
            log=self._log,
        )

    # Receiving

    def parse(self, raw: bytes) -> Inbound | Moved | Ignored:
        """Read one event."""
        return inbound.parse(raw, self.settings)

    def routes(self) -> Sequence[BaseRoute]:
        """The webhook for what people write, and the one for what became of ours."""
        self._webhooks.report = self._unheard.take
        path = f"/webhooks/{self._name}"
        return (
            Route(path, self._webhooks.messages, methods=["POST"]),
            Route(f"{path}/status", self._webhooks.statuses, methods=["POST"]),
        )

    async def run(self, receive: Receive) -> None:
        """Take what comes until cancelled. Raises `ConfigurationError` without a public address, or
        without an account or a number."""
        self._require_values()
        self._require_public_url()
        intake = Intake(
            receive,
            settings=self.settings,
            host=self._host,
            channel=self._name,
            window=self._window,
            opting_out=self._opting_out,
            report=self._unheard.take,
            log=self._log,
        )
        receiving = Receiving(
            self.settings,
            self._api,
            self._host,
            channel=self._name,
            webhooks=self._webhooks,
            intake=intake,
            log=self._log,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._unheard.run())
            await receiving.run()

    def _require_values(self) -> None:
        """A stand-in is any account and any number, which is for reading events alone."""
        problems = [
            Problem(
                where=f"channels.{self._name}.{key}",
                what="is what `gateway explain` takes for a value that is not there",
                hint="set the real one: https://console.twilio.com shows it",
            )
            for key in self.settings.stood_in_for
        ]
        if problems:
            raise ConfigurationError(problems)

    def _require_public_url(self) -> None:
        if self._host.public_url:
            return
        problem = Problem(
            where="gateway.public_url",
            what=f"is not set, and Twilio brings messages for {self._name} only to an address",
            hint="set it to the address at which Twilio reaches this server, as in"
            ' "https://chat.example.com"; requests are signed over it',
        )
        raise ConfigurationError([problem])

    def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The content of a file that somebody sent."""
        return fetching.fetch(self._api, attachment)

    # Sending

    def split(self, text: str, *, markdown: bool) -> Sequence[Part]:
        """Parts that one message each can hold."""
        return outbound.split(text, self.settings, markdown=markdown)

    def spell(self, text: str, question: Question, address: Address) -> str:
        """A question's text, with its options numbered where there are no buttons for them."""
        return outbound.spell(text, question, address, self.settings)

    def carries(self, attachment: Attachment) -> bool:
        """Whether a file of this type and size can be sent."""
        return outbound.carries(attachment, self.settings)

    def confide(self, address: Address, participant: Participant) -> Address | None:
        """A person's number, where they write from one."""
        return outbound.private_address(participant)

    def budgets(self, address: Address, act: Act) -> Sequence[tuple[str, Rate]]:
        """All that this number sends has one budget."""
        if act is not Act.SEND or self._overall is None:
            return ()
        return (("number", self._overall),)

    async def send(self, delivery: Delivery) -> Sent:
        """Send one message or file."""
        if not delivery.text.strip() and delivery.attachment is None:
            raise Rejected("there is no text to send")
        sent = await self._sending.send(delivery)
        # Twilio has it, and nobody here knows yet.
        failpoint("during-send")
        return sent

    async def settle(self, delivery: Delivery, after: str) -> Sent | None:
        """Look whether something of unknown outcome was sent."""
        return await self._sending.settle(delivery, after)

    # Groups

    async def groups(self) -> Sequence[Group]:
        """The groups with this number."""
        return await self._groups.groups()

    async def create_group(self, title: str, members: Sequence[str]) -> Group:
        """A new one."""
        return await self._groups.create(title, members)

    async def change_group(
        self, group_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> Group:
        """Let people in and out."""
        return await self._groups.change(group_id, add=add, remove=remove)

    # Configuration

    async def check(self) -> str:
        """Try the token; returns whose number it is, and what may surprise."""
        self._require_values()
        return await checking.check(self.settings, self._api, self._host, channel=self._name)


class WhatsAppAdapter(TwilioAdapter):
    """WhatsApp."""

    platform: ClassVar[str] = "whatsapp"
    Settings: ClassVar[type[Any]] = WhatsAppSettings
    settings: WhatsAppSettings
    # It is shown for 25 seconds, or until there is an answer.
    # https://www.twilio.com/docs/whatsapp/api/typing-indicators-resource
    typing_every: ClassVar[float] = 20.0

    def __init__(self, name: str, settings: WhatsAppSettings, host: Host) -> None:
        super().__init__(name, settings, host)
        self._person = read_rate(settings.person_rate)

    def budgets(self, address: Address, act: Act) -> Sequence[tuple[str, Rate]]:
        """A person's own budget, and that of all that this number sends."""
        overall = super().budgets(address, act)
        if act is not Act.SEND or self._person is None:
            return overall
        return ((f"to:{address.destination}", self._person), *overall)

    async def typing(self, address: Address) -> None:
        """Show that an answer is being written; it marks what they wrote as read."""
        await self._sending.typing(address)


class SmsAdapter(TwilioAdapter):
    """SMS, and MMS."""

    platform: ClassVar[str] = "sms"
    Settings: ClassVar[type[Any]] = SmsSettings
    settings: SmsSettings
