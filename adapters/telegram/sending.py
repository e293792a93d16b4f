"""Sends what `outbound` words, and tries another way where Telegram refuses the first."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from telegram import InputFile
from telegram.error import BadRequest, ChatMigrated, InvalidToken, TelegramError

from adapters.telegram import markdown, outbound
from adapters.telegram.bot import LeanBot
from adapters.telegram.cutting import last_piece
from adapters.telegram.outbound import Call
from adapters.telegram.settings import TelegramSettings
from gateway import Attachment, Delivery, Host, Moved, Preview, Rejected, Sent

UPLOAD_TIMEOUT = 55.0
"""Seconds: a file leaves within them, or the outbox ends it at 60."""

# What Telegram says, in lower case, of a message that it cannot edit, or need not.
_NO_EDIT = ("message to edit not found", "message can't be edited", "message_id_invalid")
_UNCHANGED = "message is not modified"
_ENTITIES = ("can't parse entities", "entity")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")


class Sending:
    """What leaves through one bot. Everything here raises `TelegramError`."""

    def __init__(self, bot: LeanBot, settings: TelegramSettings, host: Host, *, log: Any) -> None:
        self._bot = bot
        self._settings = settings
        self._host = host
        self._log = log
        self._drafts = True

    async def send(self, delivery: Delivery) -> Sent:
        """Send one item, to where the group has moved if it has. Raises `Rejected` besides."""
        if delivery.replaces and await self._replace(delivery):
            return Sent(platform_id=delivery.replaces)
        if delivery.attachment is not None:
            sent = await self._send_file(delivery, delivery.attachment)
        else:
            sent = await self._follow(self._message(delivery))
        if delivery.replaces:
            await self._take_back(delivery)
        return sent

    def _message(self, delivery: Delivery) -> Call:
        previews = self._settings.link_previews
        parameters = outbound.send_message(delivery, link_previews=previews)
        return Call(method="sendMessage", parameters=parameters)

    # Previews

    async def preview(self, preview: Preview) -> str:
        """Show how far an answer is; returns the id of the message that does, if one does."""
        show = markdown.tail if self._settings.markdown else last_piece
        piece = show(preview.text)
        if not piece.text.strip():
            return preview.message_id
        if self._drafts and outbound.is_private(preview.address):
            draft = Call(method="sendMessageDraft", parameters=outbound.send_draft(preview, piece))
            if await self._show_draft(draft):
                return ""
        if preview.message_id:
            await self._edit(outbound.edit_preview(preview, piece))
            return preview.message_id
        sent = await self._follow(
            Call(method="sendMessage", parameters=outbound.send_preview(preview, piece))
        )
        return sent.platform_id

    async def _show_draft(self, draft: Call) -> bool:
        try:
            await self._unmarked_if_need_be(draft)
        except InvalidToken as error:
            # A server of one's own may be older than drafts; it says so as of a wrong token.
            self._log.info("telegram.no_drafts", error=self._bot.words(error))
            self._drafts = False
        return self._drafts

    async def _replace(self, delivery: Delivery) -> bool:
        """Whether the preview has become the answer."""
        previews = self._settings.link_previews
        parameters = outbound.edit_message(delivery, link_previews=previews)
        try:
            return parameters is not None and await self._edit(parameters)
        except ChatMigrated:
            # Where the group is now, the message has another number.
            return False

    async def _edit(self, parameters: dict[str, Any]) -> bool:
        """Whether the message now says this; not, if there is none to edit any more."""
        try:
            await self._unmarked_if_need_be(Call(method="editMessageText", parameters=parameters))
        except BadRequest as error:
            words = str(error).lower()
            if any(phrase in words for phrase in _NO_EDIT):
                return False
            if _UNCHANGED not in words:
                raise
        return True

    async def _take_back(self, delivery: Delivery) -> None:
        """Delete a preview that could not become the answer, if it is still there."""
        call = outbound.delete_message(delivery.address, delivery.replaces)
        try:
            await self._bot.call(call.method, call.parameters)
        except TelegramError as error:
            self._log.debug("telegram.preview_left", error=self._bot.words(error))

    # Files

    async def _send_file(self, delivery: Delivery, attachment: Attachment) -> Sent:
        """Send a file as what it is, or else as nothing but a file."""
        try:
            content = await self._host.files.read(attachment)
        except LookupError:
            raise Rejected("the file is gone") from None
        if outbound.above_file(delivery):
            await self._follow(self._message(replace(delivery, attachment=None, question=None)))
        call = outbound.send_file(delivery, attachment)
        try:
            return await self._follow(_uploading(call, attachment, content))
        except BadRequest as error:
            if call.upload == "document" or not isinstance(self._bot.verdict(error), Rejected):
                raise
            words = self._bot.words(error)
        self._log.info("telegram.sent_as_document", kind=call.upload, error=words)
        return await self._follow(_uploading(outbound.as_document(call), attachment, content))

    # Calls

    async def _follow(self, call: Call) -> Sent:
        try:
            return _sent(await self._unmarked_if_need_be(call))
        except ChatMigrated as error:
            old, new = call.parameters["chat_id"], error.new_chat_id
        call = replace(call, parameters={**call.parameters, "chat_id": new})
        moved = Moved(event_id=f"moved:{old}:{new}", old_id=str(old), new_id=str(new))
        return replace(_sent(await self._unmarked_if_need_be(call)), moved=moved)

    async def _unmarked_if_need_be(self, call: Call) -> Any:
        """Call; where Telegram refuses how the words are marked, say them plainly."""
        try:
            return await self._call(call)
        except BadRequest as error:
            plain = outbound.without_entities(call.parameters)
            words = self._bot.words(error)
            if len(plain) == len(call.parameters) or not any(
                phrase in words.lower() for phrase in _ENTITIES
            ):
                raise
        self._log.warning("telegram.entities_refused", error=words)
        return await self._call(replace(call, parameters=plain))

    async def _call(self, call: Call) -> Any:
        timeout = UPLOAD_TIMEOUT if call.upload else 20.0
        return await self._bot.call(call.method, call.parameters, read_timeout=timeout)


def _uploading(call: Call, attachment: Attachment, content: bytes) -> Call:
    file = InputFile(content, filename=outbound.file_name(attachment))
    if _MEDIA_TYPE.fullmatch(attachment.media_type):
        file.mimetype = attachment.media_type
    return replace(call, parameters={**call.parameters, call.upload: file})


def _sent(message: Any) -> Sent:
    known = isinstance(message, dict) and "message_id" in message
    return Sent(platform_id=str(message["message_id"]) if known else "")
