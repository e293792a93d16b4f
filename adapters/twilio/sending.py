"""Sends what `outbound` words: to people by Messages, to groups by Conversations.

Nothing here is sent twice on purpose, and Twilio knows no idempotency key: what of a call is in
doubt, `settling` looks for.

https://www.twilio.com/docs/messaging/api/message-resource
https://www.twilio.com/docs/conversations-classic/api/conversation-message-resource
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adapters.twilio import outbound
from adapters.twilio.api import Product, TwilioApi, TwilioRefused
from adapters.twilio.content import Content, Contents
from adapters.twilio.groups import Groups
from adapters.twilio.inviting import Inviting
from adapters.twilio.opting_out import OptingOut
from adapters.twilio.settings import TwilioSettings
from adapters.twilio.settling import Settling
from adapters.twilio.verdicts import CONTENT_REFUSED
from adapters.twilio.window import Window
from gateway import (
    Address,
    Attachment,
    Delivery,
    Held,
    Host,
    Moved,
    NotAccepted,
    OutcomeUnknown,
    RecipientGone,
    Rejected,
    Sent,
)

OPTED_OUT = "they have sent STOP, and nothing is sent to them until they send START"
OUTSIDE = "they last wrote more than 24 hours ago; sent when they write again"


class Sending:
    """What leaves from one number. Everything here raises `SendError` or `Unavailable`."""

    def __init__(
        self,
        settings: TwilioSettings,
        api: TwilioApi,
        host: Host,
        *,
        channel: str,
        window: Window,
        groups: Groups,
        opting_out: OptingOut,
        log: Any,
    ) -> None:
        self._settings = settings
        self._api = api
        self._host = host
        self._channel = channel
        self._window = window
        self._groups = groups
        self._opting_out = opting_out
        self._log = log
        self._contents = Contents(api, log)
        self._settling = Settling(settings, api)
        self._inviting = Inviting(settings, api, host, channel=channel, log=log)

    async def send(self, delivery: Delivery) -> Sent:
        """Send one item. Raises `Held` where WhatsApp lets nothing through before they write."""
        if outbound.is_group(delivery.address):
            return await self._send_to_group(delivery)
        person = outbound.person(delivery.address)
        if await self._opting_out.is_out(person):
            raise RecipientGone(OPTED_OUT)
        if await self._window.is_open(delivery.address):
            try:
                return await self._send_inside(delivery)
            except Held:
                self._window.closed(person)
        return await self._send_outside(delivery)

    async def _send_inside(self, delivery: Delivery) -> Sent:
        if delivery.attachment is not None:
            return await self._post(delivery, media=await self._link(delivery.attachment))
        content = outbound.ask(delivery, self._settings)
        if content is not None:
            return await self._ask(delivery, content)
        return await self._post(delivery)

    async def settle(self, delivery: Delivery, after: str) -> Sent | None:
        """Look whether something of unknown outcome was sent."""
        address = delivery.address
        if not outbound.is_group(address):
            return await self._settling.in_messages(delivery, after)
        conversation = await self._conversation(address)
        found = await self._settling.in_conversation(delivery, conversation)
        return found and replace(found, moved=_moved(address, conversation))

    async def typing(self, address: Address) -> None:
        """Show that an answer is being written."""
        form = outbound.typing(address)
        if form is not None:
            await self._api.post(Product.MESSAGING, "/v2/Indicators/Typing.json", form)

    # To a person

    async def _post(
        self,
        delivery: Delivery,
        *,
        text: str | None = None,
        media: str = "",
        filled: dict[str, str] | None = None,
        template: bool = False,
    ) -> Sent:
        callback = outbound.callback(
            self._host.public_url, self._channel, delivery.id, template=template
        )
        form = outbound.message(
            delivery, self._settings, callback=callback, text=text, media=media, filled=filled
        )
        path = f"{self._api.account_path}/Messages.json"
        answer = await self._api.post(Product.API, path, form)
        return Sent(platform_id=str(answer.get("sid") or ""))

    async def _ask(self, delivery: Delivery, content: Content) -> Sent:
        """Ask with buttons; where Twilio has none of them to give, in words."""
        try:
            filled = content.form(await self._contents.sid(content))
        except (NotAccepted, OutcomeUnknown, RecipientGone, Rejected) as error:
            # A Content is seen by nobody.
            words = str(error)
        else:
            try:
                return await self._post(delivery, filled=filled)
            except TwilioRefused as error:
                if error.code not in CONTENT_REFUSED:
                    raise
                words = str(error)
        self._contents.forget(content)
        self._log.warning("twilio.buttons_refused", error=words)
        return await self._post(delivery, text=outbound.spelled(delivery, self._settings))

    async def _send_outside(self, delivery: Delivery) -> Sent:
        """The window is closed: say it in a template if one can, else invite them to write."""
        if not getattr(self._settings, "template", ""):
            raise Held(OUTSIDE)
        text = outbound.in_template(delivery, self._settings)
        if not text:
            await self._inviting.invite(delivery)
            raise Held(OUTSIDE)
        filled = outbound.template(self._settings, text)
        try:
            return await self._post(delivery, filled=filled, template=True)
        except Rejected as error:
            words = str(error)
        self._log.warning("twilio.template_refused", error=words)
        raise Held(f"{OUTSIDE}; the template does not go out: {words}")

    async def _link(self, attachment: Attachment) -> str:
        """Where Twilio fetches a file from, at once."""
        public = self._host.public_url.rstrip("/")
        if not public:
            raise Rejected("Twilio fetches files from gateway.public_url, which is not set")
        await self._content(attachment)
        return f"{public}{self._host.files.link(attachment)}"

    async def _content(self, attachment: Attachment) -> bytes:
        try:
            return await self._host.files.read(attachment)
        except LookupError:
            raise Rejected("the file is gone") from None

    # To a group

    async def _send_to_group(self, delivery: Delivery) -> Sent:
        """Send to a conversation; a group of numbers that has none yet gets one, and moves."""
        sid = await self._conversation(delivery.address)
        media = ""
        if delivery.attachment is not None:
            media = await self._upload(sid, delivery.attachment)
        form = outbound.conversation_message(delivery, self._settings, media=media)
        path = f"{self._api.conversation_path(sid)}/Messages"
        answer = await self._api.post(Product.CONVERSATIONS, path, form)
        return Sent(
            platform_id=f"{sid}:{answer.get('sid') or ''}", moved=_moved(delivery.address, sid)
        )

    async def _conversation(self, address: Address) -> str:
        """The conversation of a group, which is made or found where only its members are known."""
        sid = outbound.conversation(address)
        if sid:
            return sid
        if not self._settings.conversations:
            raise Rejected(
                "groups are answered by Conversations:"
                f" set channels.{self._channel}.conversations = true"
            )
        return await self._groups.of_members(outbound.members(address))

    async def _upload(self, conversation: str, attachment: Attachment) -> str:
        """Bring a file to Twilio; returns its id there.

        https://www.twilio.com/docs/conversations-classic/api/media-resource
        """
        content = await self._content(attachment)
        service = await self._api.service_of(conversation)
        answer = await self._api.upload(
            Product.MEDIA,
            f"/v1/Services/{service}/Media",
            content,
            outbound.media_type_of(attachment),
        )
        sid = answer.get("sid")
        if not isinstance(sid, str) or not sid:
            raise NotAccepted("Twilio does not say where the file is")
        return sid


def _moved(address: Address, conversation: str) -> Moved | None:
    """That a group which had no conversation yet has this one now."""
    if outbound.conversation(address):
        return None
    old = address.destination
    return Moved(event_id=f"moved:{old}:{conversation}", old_id=old, new_id=conversation)
