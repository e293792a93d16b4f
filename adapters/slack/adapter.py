"""Slack: one app in one workspace, by Socket Mode or by the Events API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

import orjson
import structlog
from pydantic import SecretStr
from starlette.routing import BaseRoute, Route

from adapters.slack import checking, fetching, inbound, outbound, places
from adapters.slack.api import APPS_PAGE, REFUSED_TOKENS, SlackApi, SlackRefused
from adapters.slack.aside import Aside
from adapters.slack.assistant import Assistant
from adapters.slack.backoff import Backoff
from adapters.slack.events import Events
from adapters.slack.inbound import Me
from adapters.slack.manifest import manifest
from adapters.slack.people import People
from adapters.slack.receiving import Ends, Receiving
from adapters.slack.sending import Sending
from adapters.slack.settings import SlackSettings
from adapters.slack.surroundings import Surroundings
from gateway import (
    Act,
    Address,
    Attachment,
    ConfigurationError,
    ConversationKind,
    Delivery,
    GatewayError,
    Host,
    Ignored,
    Inbound,
    Moved,
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
    SendError,
    Sent,
    Unavailable,
    UnreadableUpdate,
    failpoint,
    read_rate,
)

PREVIEW_EVERY = 1.0
NO_CONNECTION = REFUSED_TOKENS | {"forbidden_team", "missing_scope", "socket_mode_disabled"}
"""Why Slack opens no connection for an app, and never will."""


class SlackAdapter:
    """`gateway.Adapter` for one app in one workspace."""

    platform: ClassVar[str] = "slack"
    Settings: ClassVar[type[Any]] = SlackSettings
    boundary: ClassVar[Rules] = {
        ConversationKind.DIRECT: Rule.PER_USER,
        ConversationKind.GROUP: Rule.PER_GROUP,
        ConversationKind.CHANNEL: Rule.PER_THREAD,
        ConversationKind.THREAD: Rule.PER_THREAD,
    }
    respond: ClassVar[Mapping[ConversationKind, str]] = {
        ConversationKind.GROUP: "mentions",
        ConversationKind.CHANNEL: "mentions",
        ConversationKind.THREAD: "mentions",
    }
    # Slack shows it until there is an answer, but for two minutes at most.
    typing_every: ClassVar[float] = 50.0

    manifest = staticmethod(manifest)

    def __init__(self, name: str, settings: SlackSettings, host: Host) -> None:
        self.settings = settings
        self._name = name
        self._host = host
        self._log = structlog.get_logger("gateway.adapters.slack", channel=name)
        self._me = Me(user_id=settings.bot_user_id)
        self._everywhere = False
        self._aside = Aside(self._log)
        self._rates = {
            Act.SEND: ("", read_rate(settings.channel_rate)),
            Act.PREVIEW: ("update", read_rate(settings.update_rate)),
            Act.TYPING: ("typing", read_rate(settings.typing_rate)),
            "stream": ("stream", read_rate(settings.stream_rate)),
        }
        self._events = Events(_plain(settings.signing_secret), self._log)
        self.preview_every = PREVIEW_EVERY if settings.streaming else 0.0

    @staticmethod
    def identity(settings: SlackSettings) -> str:
        """What no two channels may share."""
        return settings.bot_token.get_secret_value()

    # Made late: `parse` needs no session, and `gateway explain` has none.

    @cached_property
    def _api(self) -> SlackApi:
        return self._api_with(self.settings.bot_token)

    @cached_property
    def _sending(self) -> Sending:
        return Sending(self._api, self.settings, self._host, log=self._log)

    @cached_property
    def _people(self) -> People:
        return People(self._api)

    @cached_property
    def _assistant(self) -> Assistant:
        return Assistant(self._api, self.settings, self._log)

    @cached_property
    def _app_api(self) -> SlackApi:
        return self._api_with(self.settings.app_token)

    def _api_with(self, token: SecretStr | None) -> SlackApi:
        return SlackApi(_plain(token), self.settings.api_url, self._host.http, self._log)

    # Receiving

    def parse(self, raw: bytes) -> Inbound | Moved | Ignored:
        """Read one event."""
        return inbound.parse(raw, self._me, self.settings)

    def routes(self) -> Sequence[BaseRoute]:
        """The webhook, in its mode; it answers 503 until `run` takes what comes."""
        if self.settings.mode != "events":
            return ()
        return (Route(f"/webhooks/{self._name}", self._events, methods=["POST"]),)

    async def run(self, receive: Receive) -> None:
        """Take events until cancelled. Raises `ConfigurationError` when a token is refused."""
        await self._introduce()
        ends = Ends(
            channel=self._name,
            host=self._host,
            api=self._api,
            events=self._events,
            open_url=self._open_url if self.settings.mode == "socket" else None,
            around=Surroundings(self._api.call, self._people, self._concerns),
            aftermath=self._aftermath,
            me=self._me,
            window=self.settings.catch_up,
            called=self._is_called,
            everywhere=self._everywhere,
            log=self._log,
        )
        receiving = Receiving(ends, receive)
        self._sending.stopped = partial(self._stopped, receiving)
        self._aside.begin()
        try:
            await receiving.run()
        finally:
            await self._aside.end()

    async def _introduce(self) -> None:
        """Learn who the bot is: people mention it, and it must not hear itself."""
        backoff, said = Backoff(), ""
        while True:
            try:
                answer = await self._api.call("auth.test")
            except (SendError, Unavailable) as error:
                if _is_refused(error, REFUSED_TOKENS):
                    raise self._bot_refused(error) from None
                if (words := str(error)) != said:
                    self._log.warning("slack.call_failed", method="auth.test", error=words)
                said = words
                await backoff.wait(error)
            else:
                self._me = _who(answer)
                self._everywhere = answer.get("is_enterprise_install") is True
                self._log.info("slack.connected", user=self._me.user_id, mode=self.settings.mode)
                return

    async def _open_url(self) -> str:
        """Where to connect; the address is good for one connection."""
        try:
            answer = await self._app_api.call("apps.connections.open")
        except (SendError, Unavailable) as error:
            if _is_refused(error, NO_CONNECTION):
                raise self._app_refused(error) from None
            raise
        return str(answer.get("url"))

    def _concerns(self, event: Mapping[str, Any]) -> bool:
        """Whether somebody may be answered; in channels most of what is said is not for the bot."""
        inner = event.get("event")
        said = inner if isinstance(inner, dict) else {}
        if self._me.user_id and said.get("user") == self._me.user_id:
            return False
        if said.get("channel_type") == "im":
            # There it always is: nothing has to be read twice for it.
            return True
        read = self._read(event)
        heard = self.settings.respond == "all"
        return read is not None and (heard or read.addressed or read.follows)

    def _is_called(self, event: Mapping[str, Any]) -> bool:
        """Whether somebody speaks to the bot, and not only where it takes part."""
        read = self._read(event)
        return read is not None and (self.settings.respond == "all" or read.addressed)

    def _read(self, event: Mapping[str, Any]) -> Inbound | None:
        try:
            read = self.parse(orjson.dumps(event))
        except (UnreadableUpdate, orjson.JSONEncodeError):
            return None
        return read if isinstance(read, Inbound) else None

    def _aftermath(self, event: dict[str, Any], receipt: Receipt) -> None:
        """What depends on an event that was taken, and nothing waits for."""
        inner = event.get("event")
        kind = inner.get("type") if isinstance(inner, dict) else None
        if kind == "assistant_thread_started":
            self._aside.do("prompts", self._assistant.started(event))
        elif kind == "message" and receipt.outcome == "accepted" and not receipt.duplicate:
            if self._assistant.wants_title(event):
                self._aside.do("title", self._assistant.titled(event))
        elif kind in {"app_uninstalled", "tokens_revoked"}:
            hint = (
                f"if it was the bot's token: install the app again, {APPS_PAGE} shows the new one"
            )
            self._log.warning("slack.app_removed", event_type=kind, hint=hint)

    def _stopped(self, receiving: Receiving, address: Address, task_id: str) -> None:
        """Somebody pressed the platform's own button below an answer that is being written."""
        data = address.data
        stop = {"type": "gateway_stop", "event": {**data, "ts": data.get("message")}}
        self._aside.do("stop", receiving.intake.take(stop))

    # Sending

    def split(self, text: str, *, markdown: bool) -> Sequence[Part]:
        """Parts that one message each can hold."""
        return outbound.split(text, markdown=markdown)

    def carries(self, attachment: Attachment) -> bool:
        """Whether Slack takes a file of this size."""
        return outbound.carries(attachment)

    def confide(self, address: Address, participant: Participant) -> Address | None:
        """A person's own chat with the bot."""
        return places.private_address(participant)

    def budgets(self, address: Address, act: Act) -> Sequence[tuple[str, Rate]]:
        """A conversation's own budget for messages; the app's in the workspace for the rest."""
        streams = act is Act.PREVIEW and outbound.start_stream(address, "") is not None
        key, limit = self._rates["stream" if streams else act]
        if limit is None:
            return ()
        return ((key or f"chan:{address.data['channel']}", limit),)

    async def send(self, delivery: Delivery) -> Sent:
        """Send one message or file."""
        if not delivery.text.strip() and delivery.attachment is None:
            raise Rejected("there is no text to send")
        sent = await self._sending.send(delivery)
        # Slack has it, and nobody here knows yet.
        failpoint("during-send")
        return sent

    async def settle(self, delivery: Delivery, after: str) -> Sent | None:
        """Look whether something of unknown outcome stands in its conversation."""
        return await self._sending.settle(delivery, after)

    async def preview(self, preview: Preview) -> str:
        """Show how far an answer is."""
        if not self.settings.streaming:
            return preview.message_id
        return await self._sending.preview(preview)

    async def retract(self, address: Address, message_id: str) -> None:
        """Take away a preview that no answer became."""
        await self._sending.retract(address, message_id)

    async def typing(self, address: Address) -> None:
        """Show that the bot is at work, where Slack can: in threads."""
        await self._assistant.thinking(address)

    def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The content of a file that somebody sent."""
        return fetching.fetch(self._api, attachment)

    # Configuration

    async def check(self) -> str:
        """Try the tokens; returns who the bot is, and what may surprise."""
        try:
            auth = await self._api.call("auth.test")
            granted, bot = self._api.granted, await self._about(auth)
            if problems := checking.problems(auth, granted, bot, self._name, self.settings):
                raise ConfigurationError(problems)
            if self.settings.mode == "socket":
                await self._open_url()
        except (SendError, Unavailable) as error:
            if _is_refused(error, REFUSED_TOKENS):
                raise self._bot_refused(error) from None
            problem = Problem(
                where=f"channels.{self._name}.api_url",
                what=f"{self.settings.api_url} does not answer: {error}",
                hint="is the address right, and this machine online?",
            )
            raise ConfigurationError([problem]) from None
        return checking.said(auth, granted, bot, self.settings, self._webhook_url())

    async def _about(self, auth: Mapping[str, Any]) -> Mapping[str, Any]:
        """What Slack says of the bot; without the scope users:read it says nothing."""
        try:
            answer = await self._api.call("bots.info", bot=auth.get("bot_id"))
        except SlackRefused:
            return {}
        bot = answer.get("bot")
        return bot if isinstance(bot, dict) else {}

    def _webhook_url(self) -> str:
        public = self._host.public_url.rstrip("/")
        return f"{public}/webhooks/{self._name}" if public else ""

    def _bot_refused(self, error: GatewayError) -> ConfigurationError:
        problem = checking.bot_refused(_code(error), self._name, self.settings)
        return ConfigurationError([problem])

    def _app_refused(self, error: GatewayError) -> ConfigurationError:
        problem = checking.app_refused(_code(error), self._name, self.settings)
        return ConfigurationError([problem])


def _is_refused(error: GatewayError, codes: Collection[str]) -> bool:
    return _code(error) in codes


def _code(error: GatewayError) -> str:
    """Slack's word for why it refused, if it was Slack that did."""
    return error.code if isinstance(error, SlackRefused) else ""


def _who(answer: Mapping[str, Any]) -> Me:
    """The bot, as `auth.test` tells of it."""
    said = {name: answer.get(name) for name in ("user_id", "bot_id", "team_id")}
    return Me(**{name: value for name, value in said.items() if isinstance(value, str)})


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
