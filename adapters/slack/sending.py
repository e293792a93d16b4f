"""Sends what `outbound` words, and finds what may have been sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from adapters.slack import outbound, places
from adapters.slack.api import SlackApi, SlackRefused
from adapters.slack.settings import SlackSettings
from adapters.slack.streaming import Stopped, Streaming
from gateway import (
    Address,
    Attachment,
    Delivery,
    GatewayError,
    Host,
    NotAccepted,
    OutcomeUnknown,
    Preview,
    Rejected,
    SendError,
    Sent,
    Unavailable,
)

SKEW = 60.0
"""Seconds that Slack's clock and ours may differ by."""
PAGE = 200
MAX_PAGES = 10
MAX_CHATS = 1000

# Slack keeps no history for us: whether something stands there cannot be told.
_NOT_TO_BE_READ = frozenset({"method_not_supported_for_channel_type", "missing_scope"})
# The bot has no part in the conversation.
_NOT_THERE = frozenset({"channel_not_found", "not_in_channel"})

Message = dict[str, Any]


class Sending:
    """What leaves through one bot. Everything here raises `SendError` or `Unavailable`."""

    def __init__(self, api: SlackApi, settings: SlackSettings, host: Host, *, log: Any) -> None:
        self._api = api
        self._settings = settings
        self._host = host
        self._log = log
        self._streaming = Streaming(api, log)
        # People's own, by their ids.
        self._chats: dict[str, str] = {}

    @property
    def stopped(self) -> Stopped | None:
        """Called with an address and a task's id when somebody stops its stream."""
        return self._streaming.stopped

    @stopped.setter
    def stopped(self, call: Stopped | None) -> None:
        self._streaming.stopped = call

    async def send(self, delivery: Delivery) -> Sent:
        """Send one item, or make its preview it."""
        delivery = await self._opened(delivery)
        if delivery.attachment is not None:
            sent = await self._send_file(delivery, delivery.attachment)
        elif delivery.replaces and await self._streaming.become(delivery):
            return Sent(platform_id=delivery.replaces)
        else:
            sent = await self._post(delivery)
        if delivery.replaces:
            await self._take_back(delivery)
        return sent

    async def _post(self, delivery: Delivery) -> Sent:
        """Say it where it belongs; or, where a command was given that the bot cannot write to, in
        private to whoever gave it."""
        previews = self._settings.link_previews
        arguments = outbound.post_message(delivery, link_previews=previews)
        person = outbound.gave_command(delivery.address)
        try:
            answer = await self._api.call("chat.postMessage", **arguments)
        except SlackRefused as error:
            if not person or error.code not in _NOT_THERE:
                raise
        else:
            return Sent(platform_id=str(answer.get("ts") or ""))
        answer = await self._api.call("chat.postMessage", **{**arguments, "channel": person})
        return Sent(platform_id=str(answer.get("ts") or ""))

    async def _opened(self, delivery: Delivery) -> Delivery:
        """The same, to a person's own chat if it is for a person. Opened again, it is the same one.

        Without the scope for it, messages find their way by the person's id, and files do not.
        https://docs.slack.dev/reference/methods/conversations.open/
        """
        person = delivery.address.data["channel"]
        if not places.is_person(person):
            return delivery
        try:
            chat = self._chats.get(person) or await self._chat_with(person)
        except SlackRefused as error:
            if error.code != "missing_scope":
                raise
            words = str(error)
        else:
            address = replace(delivery.address, data={**delivery.address.data, "channel": chat})
            return replace(delivery, address=address)
        if delivery.attachment is not None:
            raise Rejected(words)
        return delivery

    async def _chat_with(self, person: str) -> str:
        try:
            answer = await self._api.call("conversations.open", users=person)
            chat = self._chats[person] = str(answer["channel"]["id"])
        except (OutcomeUnknown, KeyError, TypeError):
            raise NotAccepted("Slack does not say which chat is theirs") from None
        if len(self._chats) > MAX_CHATS:
            del self._chats[next(iter(self._chats))]
        return chat

    async def preview(self, preview: Preview) -> str:
        """Show how far an answer is; returns the id of the message that does."""
        return await self._streaming.show(preview)

    async def retract(self, address: Address, message_id: str) -> None:
        """Delete a preview that no answer became."""
        await self._streaming.take_back(address, message_id)

    async def _take_back(self, delivery: Delivery) -> None:
        """Delete a preview that could not become the answer, if it is still there."""
        try:
            await self._streaming.take_back(delivery.address, delivery.replaces)
        except (SendError, Unavailable) as error:
            self._log.debug("slack.preview_left", error=str(error))

    # Files

    async def _send_file(self, delivery: Delivery, attachment: Attachment) -> Sent:
        """Send a file; nobody sees it before the last call.

        https://docs.slack.dev/messaging/working-with-files#upload
        """
        try:
            content = await self._host.files.read(attachment)
        except LookupError:
            raise Rejected("the file is gone") from None
        name = outbound.file_name(attachment)
        try:
            file_id = await self._upload(name, content)
            arguments = outbound.complete_upload(delivery, file_id, name)
            answer = await self._api.call("files.completeUploadExternal", **arguments)
        except SlackRefused as error:
            if error.code != "missing_scope":
                raise
            # What else is said here must not wait for it.
            refusal = Rejected(str(error))
        else:
            files = answer.get("files")
            file = files[0] if isinstance(files, list) and files else {}
            shared = outbound.share_of(file, delivery.address.data["channel"])
            return Sent(platform_id=shared or file_id)
        raise refusal

    async def _upload(self, name: str, content: bytes) -> str:
        """Bring a file to Slack; returns its id there."""
        try:
            place = await self._api.call(
                "files.getUploadURLExternal", filename=name, length=len(content)
            )
        except OutcomeUnknown as error:
            words = str(error)
        else:
            url, file_id = place.get("upload_url"), place.get("file_id")
            if isinstance(url, str) and isinstance(file_id, str) and url and file_id:
                await self._api.upload(url, content)
                return file_id
            words = "Slack does not say where the file goes"
        raise NotAccepted(words)

    # What may have been sent

    async def settle(self, delivery: Delivery, after: str) -> Sent | None:
        """Look for a delivery where it would stand.

        Raises `Rejected` where Slack lets nobody look, and `OutcomeUnknown` where there is too
        much to look through.
        """
        failure: GatewayError | None
        try:
            return await self._found(delivery, after)
        except (SendError, Unavailable) as error:
            failure = _why_not_found(error)
        # What becomes of a preview is the same the second time.
        if failure is None or (delivery.replaces and isinstance(failure, Rejected)):
            return None
        raise failure

    async def _found(self, delivery: Delivery, after: str) -> Sent | None:
        delivery = await self._opened(delivery)
        is_it = await self._sign(delivery)
        async for message in self._messages(delivery.address, _oldest(delivery, after)):
            if is_it(message):
                return Sent(platform_id=str(message.get("ts") or ""))
        return None

    async def _sign(self, delivery: Delivery) -> Callable[[Message], bool]:
        """What a message is recognised by: metadata, or the file itself, which can have none."""
        if delivery.attachment is None:
            return lambda message: _delivery_of(message) == delivery.id
        me = (await self._api.call("auth.test")).get("user_id")
        file = replace(delivery.attachment, name=outbound.file_name(delivery.attachment))
        return lambda message: message.get("user") == me and _shows(message, file)

    async def _messages(self, address: Address, oldest: float) -> AsyncIterator[Message]:
        thread = outbound.thread_of(address)
        arguments: dict[str, Any] = {
            "channel": address.data["channel"],
            "oldest": f"{oldest:.6f}",
            "inclusive": True,
            "include_all_metadata": True,
            "limit": PAGE,
            **({"ts": thread} if thread else {}),
        }
        method = "conversations.replies" if thread else "conversations.history"
        for _ in range(MAX_PAGES):
            answer = await self._api.call(method, **arguments)
            for message in answer.get("messages") or ():
                if isinstance(message, dict):
                    yield message
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
            arguments["cursor"] = cursor
        raise Rejected("what was sent cannot be looked up: too much was said since")


def _why_not_found(error: SendError | Unavailable) -> GatewayError | None:
    """What it means that a look failed; None: that there was nothing to be found."""
    code = error.code if isinstance(error, SlackRefused) else ""
    if code == "thread_not_found":
        return None
    if code in _NOT_TO_BE_READ:
        return Rejected(f"what was sent cannot be looked up: {error}")
    if isinstance(error, OutcomeUnknown | NotAccepted):
        return Unavailable(str(error))
    return error


def _oldest(delivery: Delivery, after: str) -> float:
    """From when on a delivery can stand there; a preview that it became is older than it."""
    earliest = delivery.created_at - SKEW
    if delivery.replaces:
        return min(earliest, _time(delivery.replaces) or earliest)
    return max(0.0, earliest, _time(after))


def _time(message_id: str) -> float:
    try:
        return float(message_id)
    except ValueError:
        return 0.0


def _delivery_of(message: Message) -> object:
    metadata = message.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != outbound.EVENT_TYPE:
        return None
    payload = metadata.get("event_payload")
    return payload.get("id") if isinstance(payload, dict) else None


def _shows(message: Message, file: Attachment) -> bool:
    return any(
        isinstance(other, dict)
        and other.get("name") == file.name
        and other.get("size") == file.size
        for other in message.get("files") or ()
    )
