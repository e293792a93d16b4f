"""The methods that write a message piece by piece.

https://docs.slack.dev/reference/methods/chat.startStream
"""

from __future__ import annotations

from typing import Any

import orjson

from adapters.slack.simulation.access import Access, Method, required, root_of
from adapters.slack.simulation.blocks import MAX_MARKDOWN, read_blocks
from adapters.slack.simulation.chatting import read_metadata
from adapters.slack.simulation.errors import ApiError
from adapters.slack.simulation.model import App, Channel, JsonObject, Message
from adapters.slack.simulation.shapes import message_of

CHUNKS = frozenset({"blocks", "markdown_text", "plan_update", "task_update"})
# Nobody documents how much a stream holds; a message holds this.
MAX_STREAM = 40_000


class Streaming:
    """Streams end when they are stopped, and when nothing came for `idle` seconds."""

    def __init__(self, access: Access, idle: float) -> None:
        self._access = access
        self._world = access.world
        self._idle = idle
        self.table: dict[str, Method] = {
            "chat.appendStream": self._append,
            "chat.startStream": self._start,
            "chat.stopStream": self._stop,
        }

    def end(self) -> None:
        """Let every stream be over, as a restart of Slack's would."""
        for message in self._world.sent:
            message.streaming = None

    def _start(self, app: App, given: JsonObject) -> JsonObject:
        channel = self._access.writable(app, required(given, "channel"))
        root = root_of(channel, required(given, "thread_ts"))
        self._check_recipient(channel, given)
        now = self._world.clock()
        message = Message(
            channel=channel,
            ts=self._world.timestamp(),
            at=now,
            user=app.user_id,
            app=app,
            markdown=piece(given),
            thread_ts=root,
            streaming=now,
            recipient=str(given.get("recipient_user_id") or ""),
        )
        # Not what another message is compared with, until it is whole.
        message.accepted = object()
        self._world.post(message)
        return {"channel": channel.id, "ts": message.ts}

    def _check_recipient(self, channel: Channel, given: JsonObject) -> None:
        if channel.kind == "im":
            return
        for name in ("recipient_user_id", "recipient_team_id"):
            if not given.get(name):
                raise ApiError(f"missing_{name}")
        person = self._world.people.get(given["recipient_user_id"])
        if person is None:
            raise ApiError("user_not_found")
        if person.team != given["recipient_team_id"]:
            raise ApiError("team_not_found")

    def _append(self, app: App, given: JsonObject) -> JsonObject:
        message = self._stream(app, given)
        text = piece(given)
        if not text and not given.get("chunks"):
            raise ApiError("no_text")
        self._grow(message, text)
        return {"channel": message.channel.id, "ts": message.ts}

    def _stop(self, app: App, given: JsonObject) -> JsonObject:
        message = self._stream(app, given, "message_not_in_streaming_state")
        text, blocks = piece(given), read_blocks(given.get("blocks"))
        if given.get("metadata"):
            message.metadata = read_metadata(given["metadata"])
        before = message_of(message)
        self._grow(message, text)
        message.blocks = blocks
        message.streaming = None
        message.accepted = ("", message.markdown, orjson.dumps(blocks))
        self._world.changed(message, before)
        return {
            "channel": message.channel.id,
            "ts": message.ts,
            "message": message_of(message),
        }

    def _stream(self, app: App, given: JsonObject, stopped: str = "stopped_by_user") -> Message:
        message = self._access.own(app, given, "message_not_owned_by_app")
        if message.stopped:
            raise ApiError(stopped)
        if message.streaming is None:
            raise ApiError("message_not_in_streaming_state")
        if self._world.clock() - message.streaming > self._idle:
            message.streaming = None
            raise ApiError("message_not_in_streaming_state")
        return message

    def _grow(self, message: Message, text: str) -> None:
        whole = (message.markdown or "") + text
        if len(whole) > MAX_STREAM:
            raise ApiError("msg_too_long")
        message.markdown = whole
        message.streaming = self._world.clock()
        self._world.check(message)


def piece(given: JsonObject) -> str:
    """The text that a call adds."""
    chunks: Any = given.get("chunks") or []
    if not isinstance(chunks, list) or not all(_is_chunk(chunk) for chunk in chunks):
        raise ApiError("invalid_chunks")
    texts = [chunk["text"] for chunk in chunks if chunk["type"] == "markdown_text"]
    text = "".join([given.get("markdown_text") or "", *texts])
    if len(text) > MAX_MARKDOWN:
        raise ApiError("msg_too_long")
    return text


def _is_chunk(chunk: object) -> bool:
    if not isinstance(chunk, dict) or chunk.get("type") not in CHUNKS:
        return False
    return chunk["type"] != "markdown_text" or isinstance(chunk.get("text"), str)
