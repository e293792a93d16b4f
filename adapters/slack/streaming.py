"""Answers that are shown while they are being written: streamed, or in a message that changes.

A stream only grows. What was streamed is remembered here and nowhere else; where that is not the
beginning of the answer, or nobody remembers, the message is changed into the answer in the end.

https://docs.slack.dev/reference/methods/chat.startStream/
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.slack import inert, outbound
from adapters.slack.api import SlackApi, SlackRefused
from adapters.slack.remembering import remember
from gateway import (
    Address,
    Delivery,
    OutcomeUnknown,
    Preview,
    RateLimited,
    Rejected,
    SendError,
    Unavailable,
)
from gateway.presentation import markdown_parts

MAX_REMEMBERED = 1000

_NOT_STREAMING = "message_not_in_streaming_state"
_STOPPED = "stopped_by_user"
_STILL_STREAMING = "streaming_state_conflict"
# What Slack says of a message that it changes no more.
_NO_UPDATE = frozenset(
    {
        "block_mismatch",
        "cant_update_message",
        "edit_window_closed",
        "message_not_found",
        "message_not_owned_by_app",
    }
)
# What it says of an app, and not of one place, that cannot stream.
_NEVER = frozenset({"method_deprecated", "not_allowed", "unknown_method"})

Stopped = Callable[[Address, str], None]


@dataclass(kw_only=True, slots=True)
class _Stream:
    """What a streamed message shows. `ended`: nothing can be added; `unsure`: nobody knows what
    arrived; `stopped`: the person asked for no more."""

    text: str
    ended: bool = False
    unsure: bool = False
    stopped: bool = False


class Streaming:
    """The previews of one channel of the gateway's."""

    def __init__(self, api: SlackApi, log: Any) -> None:
        self._api = api
        self._log = log
        self._streams: OrderedDict[tuple[str, str], _Stream] = OrderedDict()
        self._without: OrderedDict[str, None] = OrderedDict()
        self._lost: OrderedDict[str, None] = OrderedDict()
        self._none_at_all = False
        self.stopped: Stopped | None = None

    async def show(self, preview: Preview) -> str:
        """Show how far an answer is; returns the id of the message that does."""
        if preview.task_id in self._lost:
            return preview.message_id
        if preview.message_id:
            await self._show_more(preview)
            return preview.message_id
        return await self._begin(preview)

    async def become(self, delivery: Delivery) -> bool:
        """Make a preview the answer; not, if it cannot be changed any more.

        Doing it twice changes nothing.
        """
        if await self._finish(delivery):
            return True
        try:
            return await self._update(outbound.update_message(delivery))
        finally:
            self._streams.pop(_key(delivery.address, delivery.replaces), None)

    async def take_back(self, address: Address, message_id: str) -> None:
        """Delete a preview that no answer became."""
        channel = address.data["channel"]
        stream = self._streams.pop(_key(address, message_id), None)
        if stream is not None and not stream.ended:
            await self._stop(channel, message_id)
        try:
            await self._api.call("chat.delete", channel=channel, ts=message_id)
        except SlackRefused as error:
            if error.code != _STILL_STREAMING:
                raise
        else:
            return
        await self._stop(channel, message_id)
        await self._api.call("chat.delete", channel=channel, ts=message_id)

    # The first words

    async def _begin(self, preview: Preview) -> str:
        can_stream = self._can_stream(preview.address)
        text = self._addition(preview.text, "") if can_stream else outbound.preview_text(preview)
        if not text.strip():
            return ""
        # Until it is known: it may stand there, and another beside it would be worse than none.
        remember(self._lost, preview.task_id, None, MAX_REMEMBERED)
        try:
            message_id = await self._start(preview.address, text) if can_stream else ""
            message_id = message_id or await self._post(preview)
        except (SendError, Unavailable) as error:
            if not isinstance(error, OutcomeUnknown):
                del self._lost[preview.task_id]
            raise
        del self._lost[preview.task_id]
        return message_id

    def _can_stream(self, address: Address) -> bool:
        if self._none_at_all or address.data["channel"] in self._without:
            return False
        return outbound.start_stream(address, "") is not None

    async def _start(self, address: Address, text: str) -> str:
        """Start a stream; empty where Slack has none."""
        channel = address.data["channel"]
        arguments = outbound.start_stream(address, text) or {}
        try:
            answer = await self._api.call("chat.startStream", **arguments)
        except SlackRefused as error:
            if isinstance(error, RateLimited | OutcomeUnknown | Unavailable):
                raise
            self._log.info("slack.no_streaming", conversation=channel, error=str(error))
            self._none_at_all = error.code in _NEVER
            remember(self._without, channel, None, MAX_REMEMBERED)
            return ""
        message_id = str(answer.get("ts") or "")
        remember(self._streams, _key(address, message_id), _Stream(text=text), MAX_REMEMBERED)
        return message_id

    async def _post(self, preview: Preview) -> str:
        text = outbound.preview_text(preview)
        if not text.strip():
            return ""
        answer = await self._api.call(
            "chat.postMessage",
            **outbound.place(preview.address),
            **outbound.preview_words(text, preview.address),
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(answer.get("ts") or "")

    # More of them

    async def _show_more(self, preview: Preview) -> None:
        stream = self._streams.get(_key(preview.address, preview.message_id))
        if stream is None or stream.ended:
            if stream is None or not stream.stopped:
                await self._change(preview)
            return
        more = "" if stream.unsure else self._addition(preview.text, stream.text)
        if more:
            await self._append(preview, stream, more)

    def _addition(self, text: str, streamed: str) -> str:
        """What can be added to a stream; nothing once the text is not what it began with."""
        whole = inert.markdown(inert.settled(text)).strip()
        first = markdown_parts(whole, outbound.MAX_PART)[0]
        return first[len(streamed) :] if first.startswith(streamed) else ""

    async def _append(self, preview: Preview, stream: _Stream, more: str) -> None:
        channel = preview.address.data["channel"]
        # Until it is known, also where nobody waits for the answer any more.
        stream.unsure = True
        try:
            await self._api.call(
                "chat.appendStream", channel=channel, ts=preview.message_id, markdown_text=more
            )
            stream.text += more
        except (SendError, Unavailable) as error:
            stream.unsure = isinstance(error, OutcomeUnknown)
            code = error.code if isinstance(error, SlackRefused) else ""
            if code not in {_STOPPED, _NOT_STREAMING}:
                raise
            stream.ended = True
            stream.stopped = code == _STOPPED
        else:
            stream.unsure = False
        if stream.stopped and self.stopped is not None:
            self.stopped(preview.address, preview.task_id)

    async def _change(self, preview: Preview) -> None:
        """Show more in a message that is not a stream, or not any more."""
        text = outbound.preview_text(preview)
        if text.strip():
            where = {"channel": preview.address.data["channel"], "ts": preview.message_id}
            await self._update({**where, **outbound.preview_words(text, preview.address)})

    # The end

    async def _finish(self, delivery: Delivery) -> bool:
        """Whether the stream's end made it the answer; if not, it is no stream any more."""
        key = _key(delivery.address, delivery.replaces)
        stream = self._streams.get(key)
        if stream is None or stream.ended:
            return False
        text = outbound.final_text(delivery)
        if stream.unsure or not outbound.is_markdown(delivery) or not text.startswith(stream.text):
            await self._stop(*key)
            stream.ended = True
            return False
        stream.unsure = True
        try:
            rest = text[len(stream.text) :]
            await self._api.call("chat.stopStream", **outbound.stop_stream(delivery, rest))
        except (SendError, Unavailable) as error:
            stream.unsure = isinstance(error, OutcomeUnknown)
            if isinstance(error, Rejected):
                return False
            raise
        del self._streams[key]
        return True

    async def _stop(self, channel: str, message_id: str) -> None:
        """End a stream as it is, if it has not ended."""
        try:
            await self._api.call("chat.stopStream", channel=channel, ts=message_id)
        except SlackRefused as error:
            if not isinstance(error, Rejected):
                raise
            self._log.debug("slack.stream_over", error=str(error))

    async def _update(self, arguments: dict[str, Any]) -> bool:
        """Whether a message now says this; not, if it can say nothing new."""
        try:
            await self._api.call("chat.update", **arguments)
        except SlackRefused as error:
            if error.code in _NO_UPDATE:
                return False
            if error.code != _STILL_STREAMING:
                raise
        else:
            return True
        # It was streamed before a restart, and nobody ended it.
        await self._stop(arguments["channel"], arguments["ts"])
        await self._api.call("chat.update", **arguments)
        return True


def _key(address: Address, message_id: str) -> tuple[str, str]:
    return address.data["channel"], message_id
