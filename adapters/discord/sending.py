"""Sends what `outbound` words, and looks up what became of it where nobody knows."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from adapters.discord import outbound
from adapters.discord.fields import snowflake
from adapters.discord.interactions import ORIGINAL
from adapters.discord.outbound import Call
from adapters.discord.rest import (
    INVALID_WEBHOOK_TOKEN,
    NO_ACCESS,
    NO_PERMISSION,
    NO_REPLY,
    NOT_OUR_MESSAGE,
    THREAD_ARCHIVED,
    UNKNOWN_INTERACTION,
    UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK,
    Gone,
    Refused,
    Rest,
    Upload,
)
from adapters.discord.settings import DiscordSettings
from gateway import (
    Address,
    Attachment,
    Delivery,
    Host,
    NotAccepted,
    OutcomeUnknown,
    Preview,
    Rejected,
    SendError,
    Sent,
    Unavailable,
    new_id,
)

UPLOAD_TIMEOUT = 55.0
"""Seconds: a file leaves within them, or the outbox ends it at 60."""
NONCE_KNOWN = 120.0
"""Seconds for which Discord surely knows a nonce; it promises "the past few minutes"."""
CLOCKS_DIFFER = 5.0
"""Seconds by which Discord's clock may be behind ours."""
PAGE = 100
MAX_PAGES = 20
MAX_UNSURE = 100
MAX_DMS = 1000

# What Discord says of a message that cannot become the answer any more.
_NO_EDIT = frozenset(
    {
        UNKNOWN_MESSAGE,
        UNKNOWN_WEBHOOK,
        UNKNOWN_INTERACTION,
        INVALID_WEBHOOK_TOKEN,
        NOT_OUR_MESSAGE,
    }
)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")


class Sending:
    """What leaves through one bot. Everything here raises what `Rest.call` does."""

    def __init__(self, rest: Rest, settings: DiscordSettings, host: Host, *, log: Any) -> None:
        self._rest = rest
        self._settings = settings
        self._host = host
        self._log = log
        self._own_id = settings.bot_id
        # Nonces of previews that may stand there, by task.
        self._unsure: dict[str, str] = {}
        # Their channels, by person.
        self._dms: dict[str, str] = {}

    async def send(self, delivery: Delivery) -> Sent:
        """Send one item. Raises `Rejected` besides."""
        if not delivery.text.strip() and delivery.attachment is None:
            raise Rejected("there is no text to send")
        delivery = await self._opened(delivery)
        previews = self._settings.link_previews
        files = await self._files(delivery.attachment)
        for call in outbound.create_list(delivery, link_previews=previews):
            await self._post(delivery.address, call)
        left = ""
        if delivery.replaces:
            edit = outbound.edit_message(delivery, link_previews=previews)
            try:
                return await self._edit(delivery.replaces, edit, files)
            except (Refused, Gone) as error:
                # What cannot be edited is said anew, which also opens an archived thread; where it
                # cannot be said at all, that is refused as well.
                if isinstance(error, Gone) and error.code != THREAD_ARCHIVED:
                    raise
                self._log.info("discord.preview_lost", error=str(error))
                left = "" if _is_lost(error) else delivery.replaces
        call = outbound.create_message(delivery, link_previews=previews)
        sent = await self._post(delivery.address, call, files)
        if left:
            await self._clear(delivery.address, left)
        return sent

    async def _clear(self, address: Address, message_id: str) -> None:
        """Take a preview away that stays beside its answer."""
        try:
            await self.retract(address, message_id)
        except (SendError, Unavailable) as error:
            self._log.debug("discord.preview_lost", error=str(error))

    async def _files(self, attachment: Attachment | None) -> Sequence[Upload]:
        if attachment is None:
            return ()
        try:
            content = await self._host.files.read(attachment)
        except LookupError:
            raise Rejected("the file is gone") from None
        media_type = attachment.media_type
        known = media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"
        name = outbound.file_name(attachment)
        return (Upload(name=name, content=content, media_type=known),)

    # Previews

    async def preview(self, preview: Preview) -> str:
        """Show how far an answer is; returns the id of the message that does."""
        if not preview.text.strip():
            return preview.message_id
        previews = self._settings.link_previews
        if not preview.message_id:
            return await self._begin(preview)
        try:
            call = outbound.edit_preview(preview, link_previews=previews)
            await self._edit(preview.message_id, call)
        except (Refused, Gone) as error:
            # Somebody deleted it, and does not want to see another.
            if not _is_lost(error):
                raise
            self._log.debug("discord.preview_lost", error=str(error))
        return preview.message_id

    async def _begin(self, preview: Preview) -> str:
        nonce = self._unsure.pop(preview.task_id, "") or new_id()
        previews = self._settings.link_previews
        call = outbound.create_preview(preview, nonce=nonce, link_previews=previews)
        try:
            return (await self._post(preview.address, call)).platform_id
        except (OutcomeUnknown, asyncio.CancelledError):
            # With another nonce, the next try would make it two.
            self._unsure[preview.task_id] = nonce
            if len(self._unsure) > MAX_UNSURE:
                del self._unsure[next(iter(self._unsure))]
            raise

    async def retract(self, address: Address, message_id: str) -> None:
        """Take a preview away, if it is still there."""
        path, auth = outbound.message_path(address, message_id), message_id != ORIGINAL
        try:
            await self._rest.call("DELETE", path, auth=auth)
        except (Refused, Gone) as error:
            if not _is_lost(error):
                raise

    # What became of it

    async def settle(self, delivery: Delivery, after: str) -> Sent | None:
        """Find a delivery that may stand there already; None where sending it makes it no second.

        Discord knows the nonce of a young one, and surely makes it one; an older one is looked up
        by what it says, since in its history a message has no nonce. Either way Discord is asked
        something first: while it is away, another try is none.
        """
        if time.time() - delivery.created_at < NONCE_KNOWN:
            await self._rest.call("GET", "/users/@me")
            return None
        delivery = await self._opened(delivery)
        since = max(_number(after), snowflake(delivery.created_at - CLOCKS_DIFFER))
        own_id, said = await self._me(), 0
        async for message in self._history(delivery.address, since):
            said += 1
            author = message.get("author")
            mine = isinstance(author, dict) and author.get("id") == own_id
            if mine and outbound.is_same(message, delivery):
                return Sent(platform_id=str(message["id"]))
        if not said and delivery.address.data.get("reply_to"):
            await self._look_whether_any(delivery.address)
        return None

    async def _look_whether_any(self, address: Address) -> None:
        """Who may not read a history is shown an empty one, though it holds what was asked."""
        if not await self._rest.call("GET", f"{outbound.messages_path(address)}?limit=1"):
            raise OutcomeUnknown("the channel's history may not be read")

    async def _history(self, address: Address, since: int) -> AsyncIterator[dict[str, Any]]:
        """A channel's messages from there on, page by page, the oldest first."""
        for _ in range(MAX_PAGES):
            path = f"{outbound.messages_path(address)}?after={since}&limit={PAGE}"
            told = await self._rest.call("GET", path)
            page = [message for message in told if isinstance(message, dict) and "id" in message]
            for message in sorted(page, key=lambda message: _number(message["id"])):
                yield message
            if len(page) < PAGE:
                return
            since = max(_number(message["id"]) for message in page)
        raise OutcomeUnknown("too much was said since to find it again")

    async def _me(self) -> str:
        """The bot's own id, which most tokens tell."""
        if not self._own_id:
            self._own_id = str((await self._rest.call("GET", "/users/@me"))["id"])
        return self._own_id

    async def _opened(self, delivery: Delivery) -> Delivery:
        """The same, to a person's DM if it is for a person. Opened again, it is the same one.

        https://docs.discord.com/developers/resources/user#create-dm
        """
        person = delivery.address.data.get("person")
        if not person:
            return delivery
        channel = self._dms.get(person) or await self._dm_with(person)
        return replace(delivery, address=replace(delivery.address, data={"channel": channel}))

    async def _dm_with(self, person: str) -> str:
        body = {"recipient_id": person}
        try:
            told = await self._rest.call("POST", "/users/@me/channels", body=body)
            channel = self._dms[person] = str(told["id"])
        except (OutcomeUnknown, KeyError, TypeError):
            raise NotAccepted("Discord does not say which channel their DM is") from None
        if len(self._dms) > MAX_DMS:
            del self._dms[next(iter(self._dms))]
        return channel

    # Calls

    async def _post(self, address: Address, call: Call, files: Sequence[Upload] = ()) -> Sent:
        path, body = call
        try:
            return _sent(await self._call("POST", path, body, files))
        except Refused as error:
            if error.code != NO_REPLY or "message_reference" not in body:
                raise
            # Who may not read what was said may not refer to it.
            plain = {name: value for name, value in body.items() if name != "message_reference"}
            return _sent(await self._call("POST", path, plain, files))
        except Gone as error:
            if error.code not in {NO_ACCESS, NO_PERMISSION}:
                raise
            return await self._aside(address, body, files, error)

    async def _aside(
        self, address: Address, body: dict[str, Any], files: Sequence[Upload], error: Gone
    ) -> Sent:
        """Answer a slash command that was used where the bot itself may not write: for 15 minutes
        its token allows it. Such a message has no nonce."""
        if call := outbound.follow_up(address, body):
            with suppress(Refused, Gone):
                return _sent(await self._call("POST", *call, files, auth=False))
        if files and error.code == NO_PERMISSION:
            # It may be files alone that it may not send: what else there is to say still goes.
            raise Refused(f"the bot may not attach files there, or not write: {error}")
        raise error

    async def _edit(self, message_id: str, call: Call, files: Sequence[Upload] = ()) -> Sent:
        path, body = call
        return _sent(await self._call("PATCH", path, body, files, auth=message_id != ORIGINAL))

    async def _call(
        self, method: str, path: str, body: Any, files: Sequence[Upload], *, auth: bool = True
    ) -> Any:
        timeout = UPLOAD_TIMEOUT if files else 20.0
        return await self._rest.call(
            method, path, body=body, files=files, auth=auth, timeout=timeout
        )


def _is_lost(error: Refused | Gone) -> bool:
    """Whether it is only this message that cannot be had: a command's, above all, after its 15
    minutes. https://docs.discord.com/developers/interactions/receiving-and-responding"""
    return error.code in _NO_EDIT


def _sent(message: Any) -> Sent:
    known = message.get("id") if isinstance(message, dict) else None
    if not isinstance(known, str):
        raise OutcomeUnknown("the answer is no message of Discord's")
    return Sent(platform_id=known)


def _number(snowflake: object) -> int:
    text = str(snowflake)
    return int(text) if text.isascii() and text.isdigit() else 0
