"""The methods that say something: messages, files, albums, drafts, typing."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import Any

from adapters.telegram.simulation.access import Access, Method, replied, topic_of
from adapters.telegram.simulation.errors import ApiError, bad_request
from adapters.telegram.simulation.files import KINDS, StoredFile, Upload
from adapters.telegram.simulation.markup import check_markup
from adapters.telegram.simulation.model import Chat, Draft, JsonObject, Message
from adapters.telegram.simulation.text import (
    MAX_TEXT,
    TOO_LONG,
    caption,
    outgoing,
    trimmed,
    utf16_length,
)
from adapters.telegram.simulation.vocabulary import CHAT_ACTIONS, FILE_METHODS
from adapters.telegram.simulation.world import Bot, World

ALBUM_KINDS = frozenset({"audio", "document", "photo", "video"})
MAX_ALBUM = 10
ATTACHED = "attach://"


class Sending:
    """What a bot can say, and where."""

    def __init__(self, world: World, access: Access) -> None:
        self._world = world
        self._access = access
        self.table: dict[str, Method] = {
            "sendChatAction": self._send_chat_action,
            "sendMediaGroup": self._send_media_group,
            "sendMessage": self._send_message,
            "sendMessageDraft": self._send_message_draft,
            **{
                method: partial(self._send_file, method, kind)
                for method, kind in FILE_METHODS.items()
            },
        }

    def _send_message(self, bot: Bot, given: JsonObject) -> JsonObject:
        chat = self._access.writable(bot, given)
        text, entities = outgoing(
            text_of(given), given.get("parse_mode"), given.get("entities") or ()
        )
        message = self._message(bot, chat, given, text, entities)
        self._access.spend("sendMessage", bot, chat)
        self._world.post(bot, message)
        return message.shown()

    def _send_file(self, method: str, kind: str, bot: Bot, given: JsonObject) -> JsonObject:
        chat = self._access.writable(bot, given)
        text, entities = _caption(given)
        if not given.get(kind):
            raise bad_request(f"there is no {kind.replace('_', ' ')} in the request")
        file = self._file(bot, kind, given[kind], given)
        message = self._message(bot, chat, given, text, entities, file)
        self._access.spend(method, bot, chat)
        self._world.post(bot, message)
        return message.shown()

    def _send_media_group(self, bot: Bot, given: JsonObject) -> list[JsonObject]:
        chat = self._access.writable(bot, given)
        media = given.get("media") or []
        _check_album(media)
        messages = []
        for position, each in enumerate(media, 1):
            text, entities = _caption(each)
            file = self._part(bot, each, given, position)
            messages.append(self._message(bot, chat, given, text, entities, file))
        if len(messages) > 1:
            album = self._world.album()
            for message in messages:
                message.extra["media_group_id"] = album
        self._access.spend("sendMediaGroup", bot, chat, len(messages))
        for message in messages:
            self._world.post(bot, message)
        return [message.shown() for message in messages]

    def _part(self, bot: Bot, media: JsonObject, given: JsonObject, position: int) -> StoredFile:
        """One file of an album; what is wrong with it is told with its number."""
        named = media.get("media")
        if not named or (
            isinstance(named, str)
            and named.startswith(ATTACHED)
            and not isinstance(given.get(named.removeprefix(ATTACHED)), Upload)
        ):
            raise bad_request("can't parse InputMedia: media not found")
        try:
            return self._file(bot, media["type"], named, given)
        except ApiError as error:
            reason = error.description.removeprefix("Bad Request: ")
            raise bad_request(
                f'failed to send message #{position} with the error message "{reason}"'
            ) from None

    def _file(self, bot: Bot, kind: str, named: Any, given: JsonObject) -> StoredFile:
        """An upload, a part the call names, or a file that is here already."""
        if isinstance(named, str) and named.startswith(ATTACHED):
            named = given.get(named.removeprefix(ATTACHED))
        if isinstance(named, Upload):
            file = self._world.files.upload(kind, named, bot.id)
            given_too = ("duration", "width", "height", "performer", "title", "length")
            known = KINDS[kind].title not in {"Photo", "Document"}
            file.extra = {name: given[name] for name in given_too if known and name in given}
            return file
        return self._world.files.reused(kind, bot.id, str(named or ""))

    def _message(
        self,
        bot: Bot,
        chat: Chat,
        given: JsonObject,
        text: str,
        entities: list[JsonObject],
        file: StoredFile | None = None,
    ) -> Message:
        message = Message(
            chat=chat,
            date=self._world.clock(),
            text=text,
            accepted=(text, None if file is None else sha256(file.content).digest()),
            sender=None if chat.type == "channel" else bot.user,
            bot_id=bot.id,
            entities=entities,
            markup=check_markup(given.get("reply_markup")),
            reply_to=replied(chat, given.get("reply_parameters")),
            file=file,
            extra={} if file is None else file.shown(),
        )
        if file is not None:
            file.tell(chat.bots)
        if chat.connection is not None:
            message.sender = chat.connection.owner.as_user()
            message.extra["sender_business_bot"] = bot.user
        self._world.thread(message, topic_of(chat, given))
        return message

    def _send_message_draft(self, bot: Bot, given: JsonObject) -> bool:
        chat = self._access.chat(bot, given)
        if chat.type != "private":
            raise bad_request("TEXTDRAFT_PEER_INVALID")
        chat = self._access.writable(bot, {"chat_id": chat.id})
        if not given.get("draft_id"):
            raise bad_request("draft_id must be non-zero")
        text, entities = trimmed(
            text_of(given), given.get("parse_mode"), given.get("entities") or ()
        )
        if utf16_length(text) > MAX_TEXT:
            raise bad_request(TOO_LONG)
        topic = topic_of(chat, given) or 0
        self._access.spend("sendMessageDraft", bot, chat)
        before = chat.drafts.get(topic)
        chat.drafts[topic] = Draft(
            id=given["draft_id"],
            at=self._world.clock(),
            text=text,
            entities=entities,
            topic=topic,
            can_stop=bool(given.get("can_stop")),
            keep_on_stop=bool(given.get("keep_on_stop")),
            # What happens to drafts that come after the stop is not documented; people asked
            # not to see them.
            stopped=before is not None and before.stopped and before.id == given["draft_id"],
        )
        return True

    def _send_chat_action(self, bot: Bot, given: JsonObject) -> bool:
        chat = self._access.writable(bot, given)
        if given.get("action") not in CHAT_ACTIONS:
            raise bad_request("wrong parameter action in request")
        topic_of(chat, given)
        self._access.spend("sendChatAction", bot, chat)
        return True


def text_of(given: JsonObject) -> str:
    """A call's text."""
    text = given.get("text", "")
    return text if isinstance(text, str) else str(text)


def _caption(given: JsonObject) -> tuple[str, list[JsonObject]]:
    return caption(
        str(given.get("caption", "")),
        given.get("parse_mode"),
        given.get("caption_entities") or (),
    )


def _check_album(media: list[JsonObject]) -> None:
    if not media:
        raise bad_request("there are no messages to send")
    if len(media) > MAX_ALBUM:
        raise bad_request("too many messages to send as an album")
    kinds = {str(each.get("type")) for each in media}
    for kind in sorted(kinds - ALBUM_KINDS):
        why = "can't be used in sendMediaGroup" if kind in KINDS else "is unsupported"
        raise bad_request(f'can\'t parse InputMedia: type "{kind}" {why}')
    for kind in ("document", "audio"):
        if kind in kinds and len(kinds) > 1:
            raise bad_request(f"{kind} can't be mixed with other media types")
