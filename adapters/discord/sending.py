"""Sends what `outbound` words, and looks up what became of it where nobody knows."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from adapters.discord import outbound
from adapters.discord.outbound import ORIGINAL, Call
from adapters.discord.rest import (
    INVALID_WEBHOOK_TOKEN,
    NOT_OUR_MESSAGE,
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
    OutcomeUnknown,
    Preview,
    Rejected,
    Sent,
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

# https://docs.discord.com/developers/reference#snowflakes
_EPOCH = 1420070400000

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

    async def send(self, delivery: Delivery) -> Sent:
        """Send one item. Raises `Rejected` besides."""
        if not delivery.text.strip() and delivery.attachment is None:
            raise Rejected("there is no text to send")
        previews = self._settings.link_previews
        files = await self._files(delivery.attachment)
        for call in outbound.create_list(delivery, link_previews=previews):
            await self._post(call)
        if delivery.replaces:
            replaced = await self._replace(delivery, files)
            if replaced is not None:
                return replaced
        return await self._post(outbound.create_message(delivery, link_previews=previews), files)

    async def _replace(self, delivery: Delivery, files: Sequence[Upload]) -> Sent | None:
        """Make the preview the answer; None where there is none any more."""
        call = outbound.edit_message(delivery, link_previews=self._settings.link_previews)
        try:
            return await self._edit(delivery.replaces, call, files)
        except (Refused, Gone) as error:
            if not _is_lost(error):
                raise
            self._log.info("discord.preview_lost", error=str(error))
            return None

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
            return (await self._post(call)).platform_id
        except (OutcomeUnknown, asyncio.CancelledError):
            # With another nonce, the next try would make it two.
            if len(self._unsure) < MAX_UNSURE:
                self._unsure[preview.task_id] = nonce
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
        since = max(_number(after), _snowflake(delivery.created_at - CLOCKS_DIFFER))
        own_id = await self._me()
        async for message in self._history(delivery.address, since):
            author = message.get("author")
            mine = isinstance(author, dict) and author.get("id") == own_id
            if mine and outbound.is_same(message, delivery):
                return Sent(platform_id=str(message["id"]))
        return None

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

    # Calls

    async def _post(self, call: Call, files: Sequence[Upload] = ()) -> Sent:
        path, body = call
        return _sent(await self._call("POST", path, body, files))

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


def _snowflake(at: float) -> int:
    """The least id of what was said at a time."""
    return max(0, int(at * 1000) - _EPOCH) << 22


def _number(snowflake: object) -> int:
    text = str(snowflake)
    return int(text) if text.isascii() and text.isdigit() else 0
