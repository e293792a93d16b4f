"""The methods that write, change and delete messages.

https://docs.slack.dev/reference/methods/chat.postMessage
"""

from __future__ import annotations

from typing import Any

import orjson

from adapters.slack.simulation.access import Access, Method, required, root_of
from adapters.slack.simulation.blocks import MAX_MARKDOWN, read_blocks
from adapters.slack.simulation.errors import ApiError, invalid
from adapters.slack.simulation.model import App, Channel, JsonObject, Message
from adapters.slack.simulation.shapes import message_of

MAX_TEXT = 40_000
MAX_METADATA = 16_000


class Chatting:
    """What an app can do to messages."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._world = access.world
        self.table: dict[str, Method] = {
            "chat.delete": self._delete,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
        }

    def _post_message(self, app: App, given: JsonObject) -> JsonObject:
        channel = self._access.writable(app, required(given, "channel"))
        message = self._new(app, channel, given)
        if given.get("thread_ts"):
            message.thread_ts = root_of(channel, given["thread_ts"])
            if given.get("reply_broadcast"):
                message.subtype = "thread_broadcast"
        if given.get("metadata"):
            message.metadata = read_metadata(given["metadata"])
        self._world.post(message)
        return {"channel": channel.id, "ts": message.ts, "message": message_of(message)}

    def _post_ephemeral(self, app: App, given: JsonObject) -> JsonObject:
        channel = self._access.writable(app, required(given, "channel"))
        if required(given, "user") not in channel.people:
            raise ApiError("user_not_in_channel")
        message = self._new(app, channel, given)
        message.ephemeral_to = given["user"]
        if given.get("thread_ts"):
            message.thread_ts = root_of(channel, given["thread_ts"])
        self._world.check(message)
        self._world.ephemerals.append(message)
        return {"message_ts": message.ts}

    def _update(self, app: App, given: JsonObject) -> JsonObject:
        message = self._access.own(app, given, "cant_update_message")
        if message.streaming is not None:
            raise ApiError("streaming_state_conflict")
        if message.channel.archived:
            raise ApiError("is_archived")
        before = message_of(message)
        has_text = check_content(given)
        blocks = read_blocks(given.get("blocks"))
        if "metadata" in given:
            message.metadata = read_metadata(given["metadata"])
        if has_text:
            put_text(message, given)
        if blocks or has_text:
            message.blocks = blocks
        # People are not shown that a message of blocks was edited; it is one all the same.
        message.edited, message.flagged = self._world.timestamp(), True
        self._world.changed(message, before)
        return {
            "channel": message.channel.id,
            "ts": message.ts,
            "text": message.text,
            "message": message_of(message),
        }

    def _delete(self, app: App, given: JsonObject) -> JsonObject:
        message = self._access.own(app, given, "cant_delete_message")
        self._world.delete(message)
        return {"channel": message.channel.id, "ts": message.ts}

    def _new(self, app: App, channel: Channel, given: JsonObject) -> Message:
        check_content(given)
        message = Message(
            channel=channel,
            ts=self._world.timestamp(),
            at=self._world.clock(),
            user=app.user_id,
            app=app,
            blocks=read_blocks(given.get("blocks")),
        )
        put_text(message, given)
        message.accepted = (message.text, message.markdown, orjson.dumps(message.blocks))
        return message


def check_content(given: JsonObject) -> bool:
    """What a call wants to say is something, and not too long; return whether text is given."""
    markdown, text = given.get("markdown_text"), given.get("text")
    if markdown is not None and (text is not None or given.get("blocks")):
        raise ApiError("markdown_text_conflict")
    if not (markdown or text or given.get("blocks") or given.get("attachments")):
        raise ApiError("no_text")
    if len(markdown or "") > MAX_MARKDOWN or len(text or "") > MAX_TEXT:
        raise ApiError("msg_too_long")
    return bool(markdown or text)


def put_text(message: Message, given: JsonObject) -> None:
    """Let a message say what a call gives."""
    message.markdown = given.get("markdown_text")
    message.text = "" if message.markdown is not None else str(given.get("text") or "")
    message.mrkdwn = given.get("mrkdwn", True) is not False and given.get("parse") != "full"
    message.links_names = bool(given.get("link_names")) or given.get("parse") == "full"


def read_metadata(given: Any) -> JsonObject | None:
    """The metadata of a call, checked; https://docs.slack.dev/messaging/message-metadata."""
    if given in ({}, ""):
        return None
    if not isinstance(given, dict):
        raise ApiError("invalid_metadata_format")
    kind, payload = given.get("event_type"), given.get("event_payload")
    if not isinstance(kind, str) or not kind or not isinstance(payload, dict):
        raise invalid("invalid_metadata_schema", "event_type and event_payload are required")
    if len(orjson.dumps(given)) > MAX_METADATA:
        raise ApiError("metadata_too_large")
    return given
