"""Telegram: one bot, by long polling or by webhook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

import orjson
import structlog
from pydantic import SecretStr
from starlette.routing import BaseRoute, Route
from telegram.error import InvalidToken, TelegramError

from adapters.telegram import checking, fetching, inbound, menus, outbound
from adapters.telegram.bot import LeanBot
from adapters.telegram.inbound import ALLOWED_UPDATES, Me
from adapters.telegram.polling import Polling, Take
from adapters.telegram.sending import Sending
from adapters.telegram.settings import TelegramSettings
from adapters.telegram.webhook import Webhook
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
    Receipt,
    Receive,
    Rejected,
    Rule,
    Rules,
    Sent,
    Unavailable,
    failpoint,
    read_rate,
)

PREVIEW_EVERY = 1.0
MAX_COSMETICS = 100


class TelegramAdapter:
    """`gateway.Adapter` for one bot."""

    platform: ClassVar[str] = "telegram"
    Settings: ClassVar[type[Any]] = TelegramSettings
    boundary: ClassVar[Rules] = {
        ConversationKind.DIRECT: Rule.PER_USER,
        ConversationKind.GROUP: Rule.PER_GROUP,
        ConversationKind.CHANNEL: Rule.PER_CHANNEL,
        ConversationKind.THREAD: Rule.PER_GROUP,
    }
    respond: ClassVar[Mapping[ConversationKind, str]] = {
        ConversationKind.GROUP: "mentions",
        ConversationKind.THREAD: "mentions",
        ConversationKind.CHANNEL: "all",
    }
    # Telegram shows it for five seconds.
    typing_every: ClassVar[float] = 4.0

    def __init__(self, name: str, settings: TelegramSettings, host: Host) -> None:
        self.settings = settings
        self._name = name
        self._host = host
        self._log = structlog.get_logger("gateway.adapters.telegram", channel=name)
        self._me = Me(id=settings.bot_id, username=settings.username.lower())
        self._introduced = bool(settings.username)
        self._chat_rate = read_rate(settings.chat_rate)
        self._group_rate = read_rate(settings.group_rate)
        self._overall_rate = read_rate(settings.overall_rate)
        self._cosmetics: set[asyncio.Task[None]] = set()
        self.preview_every = PREVIEW_EVERY if settings.streaming else 0.0
        self._webhook = Webhook(_plain(settings.secret), self._log)

    @cached_property
    def _bot(self) -> LeanBot:
        # Made late: `parse` needs no session, and `gateway explain` has none.
        token = self.settings.token.get_secret_value()
        return LeanBot(token, api_url=self.settings.api_url, http=self._host.http)

    @cached_property
    def _sending(self) -> Sending:
        return Sending(self._bot, self.settings, self._host, log=self._log)

    # Receiving

    def parse(self, raw: bytes) -> Inbound | Moved | Ignored:
        """Read one update."""
        return inbound.parse(raw, self._me)

    def routes(self) -> Sequence[BaseRoute]:
        """The webhook, in its mode; it answers 503 until `run` takes what comes."""
        if self.settings.mode != "webhook":
            return ()
        return (Route(f"/webhooks/{self._name}", self._webhook, methods=["POST"]),)

    async def run(self, receive: Receive) -> None:
        """Take updates until cancelled. Raises `ConfigurationError` when the token is refused."""
        take = partial(self._take, receive)
        try:
            if self.settings.mode == "webhook":
                await self._serve(take)
            else:
                await self._poll(take)
        except InvalidToken as error:
            raise self._token_refused(error) from None
        finally:
            await self._end_cosmetics()

    async def _serve(self, take: Take) -> None:
        self._webhook.take = take
        try:
            await self._introduce()
            if self._host.public_url:
                await self._set_webhook()
            else:
                hint = "set gateway.public_url, or the webhook by hand"
                self._log.warning("telegram.webhook_not_set", hint=hint)
            await asyncio.get_running_loop().create_future()
        finally:
            self._webhook.take = None

    async def _poll(self, take: Take) -> None:
        await self._introduce()
        await self._bot.insist("deleteWebhook", log=self._log)
        timeout = self.settings.poll_timeout
        await Polling(self._bot, take, timeout=timeout, log=self._log).run()

    async def _introduce(self) -> None:
        """Learn what the bot is called: people address it by that name."""
        user = await self._bot.insist("getMe", log=self._log)
        self._me = Me(id=user["id"], username=str(user.get("username", "")).lower())
        self._introduced = True
        self._log.info("telegram.connected", username=self._me.username, mode=self.settings.mode)

    async def _set_webhook(self) -> None:
        url = self._webhook_url()
        parameters = {
            "url": url,
            "secret_token": _plain(self.settings.secret),
            "allowed_updates": ALLOWED_UPDATES,
            "max_connections": self.settings.max_connections,
        }
        await self._bot.insist("setWebhook", parameters, log=self._log)
        self._log.info("telegram.webhook_set", url=url)

    def _webhook_url(self) -> str:
        public = self._host.public_url.rstrip("/")
        return f"{public}/webhooks/{self._name}" if public else ""

    async def _take(self, receive: Receive, raw: bytes) -> None:
        if not self._introduced and b"@" in raw:
            raise Unavailable("it cannot be told yet whether this bot is meant")
        receipt = await receive(raw)
        # In what people write this key would have its quotes escaped.
        if b'"callback_query"' in raw:
            self._acknowledge_press(orjson.loads(raw)["callback_query"])
        elif self.settings.reaction and _is_taken_on(receipt):
            self._react(orjson.loads(raw))

    def _acknowledge_press(self, query: Any) -> None:
        """Let the button stop spinning; nothing depends on it."""
        if isinstance(query, dict) and isinstance(query.get("id"), str):
            answer = {"callback_query_id": query["id"]}
            if query.get("data") == outbound.STOP:
                answer["text"] = "Stopping…"
            self._decorate("answerCallbackQuery", answer)

    def _react(self, update: Any) -> None:
        """Show that a message was taken on; a business account's cannot be reacted to."""
        message = update.get("message") or update.get("channel_post")
        if message:
            parameters = outbound.set_reaction(message, self.settings.reaction)
            self._decorate("setMessageReaction", parameters)

    def _decorate(self, method: str, parameters: dict[str, Any]) -> None:
        """Call on the side, if not too much goes on there already."""
        if len(self._cosmetics) < MAX_COSMETICS:
            call = self._call_once(method, parameters)
            task = asyncio.get_running_loop().create_task(call)
            self._cosmetics.add(task)
            task.add_done_callback(self._cosmetics.discard)

    async def _call_once(self, method: str, parameters: dict[str, Any]) -> None:
        try:
            await self._bot.call(method, parameters)
        except TelegramError as error:
            words = self._bot.words(error)
            self._log.debug("telegram.embellishment_failed", method=method, error=words)

    async def _end_cosmetics(self) -> None:
        tasks = list(self._cosmetics)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Sending

    def split(self, text: str, *, markdown: bool) -> Sequence[Part]:
        """Parts of at most 4096 UTF-16 units."""
        return outbound.split(text, is_markdown=markdown and self.settings.markdown)

    def carries(self, attachment: Attachment) -> bool:
        """Whether Telegram takes a file of this size."""
        return outbound.carries(attachment)

    def confide(self, address: Address, participant: Participant) -> Address | None:
        """A person's own chat with the bot, which they have to have begun."""
        return outbound.private_chat(address, participant)

    def budgets(self, address: Address, act: Act) -> Sequence[tuple[str, Rate]]:
        """The chat's own budget, and the bot's: whatever is called there, it counts the same."""
        chat = address.data["chat_id"]
        own = self._group_rate if chat < 0 else self._chat_rate
        both = ((f"chat:{chat}", own), ("overall", self._overall_rate))
        return [(key, limit) for key, limit in both if limit is not None]

    async def send(self, delivery: Delivery) -> Sent:
        """Send one message or file, to where the group has moved if it has."""
        if not delivery.text.strip() and delivery.attachment is None:
            raise Rejected("there is no text to send")
        try:
            sent = await self._sending.send(delivery)
        except TelegramError as error:
            raise self._bot.verdict(error) from None
        # Telegram has it, and nobody here knows yet.
        failpoint("during-send")
        return sent

    async def preview(self, preview: Preview) -> str:
        """Show how far an answer is: in private as a draft, elsewhere as a message."""
        if not self.settings.streaming:
            return preview.message_id
        try:
            return await self._sending.preview(preview)
        except TelegramError as error:
            raise self._bot.verdict(error) from None

    async def retract(self, address: Address, message_id: str) -> None:
        """Delete a message that showed an answer being written, which never came."""
        call = outbound.delete_message(address, message_id)
        try:
            await self._bot.call(call.method, call.parameters)
        except TelegramError as error:
            raise self._bot.verdict(error) from None

    async def typing(self, address: Address) -> None:
        """Show that somebody types."""
        try:
            await self._bot.call("sendChatAction", outbound.send_chat_action(address))
        except TelegramError as error:
            raise self._bot.verdict(error) from None

    async def register_commands(self, commands: Sequence[NativeCommand]) -> None:
        """Show these in people's menus."""
        try:
            await menus.offer(self._bot, commands)
        except TelegramError as error:
            raise self._bot.verdict(error) from None

    def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The content of a file that somebody sent."""
        return fetching.fetch(self._bot, attachment)

    # Configuration

    async def check(self) -> str:
        """Try the token; returns the bot's @name, and what may surprise."""
        try:
            user = await self._bot.call("getMe")
            webhook = await self._bot.call("getWebhookInfo")
        except InvalidToken as error:
            raise self._token_refused(error) from None
        except TelegramError as error:
            problem = Problem(
                where=f"channels.{self._name}.api_url",
                what=f"{self.settings.api_url} does not answer: {self._bot.words(error)}",
                hint="is the address right, and this machine online?",
            )
            raise ConfigurationError([problem]) from None
        return checking.said(user, webhook, self.settings, self._webhook_url())

    def _token_refused(self, error: InvalidToken) -> ConfigurationError:
        problem = Problem(
            where=f"channels.{self._name}.token",
            what=f"Telegram does not know this token: {self._bot.words(error)}",
            hint="@BotFather shows the valid one, under /mybots",
        )
        return ConfigurationError([problem])


def _is_taken_on(receipt: Receipt) -> bool:
    """Whether it was a message that will be answered, told of for the first time."""
    return receipt.outcome == "accepted" and not (receipt.duplicate or receipt.settled)


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
