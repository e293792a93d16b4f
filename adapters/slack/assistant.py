"""What the agent view shows besides messages: what can be asked, a chat's title, a status.

All of it is an embellishment: a failure is logged, and nothing else is.

https://docs.slack.dev/ai/developing-agents
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from adapters.slack import inert, outbound
from adapters.slack.api import SlackApi
from adapters.slack.fields import JsonObject, a_detail, a_string, in_one_line
from adapters.slack.remembering import remember
from adapters.slack.settings import SlackSettings
from adapters.slack.texts import plain
from gateway import Address, SendError, Unavailable

STATUS = "is thinking…"
LONGEST_TITLE = 60
MAX_UNTITLED = 1000


class Assistant:
    """The agent view of one app."""

    def __init__(self, api: SlackApi, settings: SlackSettings, log: Any) -> None:
        self._api = api
        self._settings = settings
        self._log = log
        self._untitled: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def started(self, event: Mapping[str, Any]) -> None:
        """A chat begins (`assistant_thread_started`): offer what can be asked in it."""
        thread = a_detail(_inner(event), "assistant_thread")
        channel, ts = a_string(thread, "channel_id"), a_string(thread, "thread_ts")
        if not (channel and ts):
            return
        remember(self._untitled, (channel, ts), None, MAX_UNTITLED)
        if self._settings.prompts:
            await self._embellish(
                "assistant.threads.setSuggestedPrompts",
                channel_id=channel,
                thread_ts=ts,
                prompts=[
                    {"title": inert.literal(prompt), "message": prompt}
                    for prompt in self._settings.prompts
                ],
            )

    async def titled(self, event: Mapping[str, Any]) -> None:
        """A person writes (`message`): a new chat is called by what is said in it first.

        That a chat was opened only the older kind of agent view tells; in the newer one, its first
        message is what begins it. https://docs.slack.dev/ai/migrating-to-agent-messaging/
        """
        message = _inner(event)
        words = plain(
            a_string(message, "text"), a_detail(a_detail(dict(event), "gateway"), "names")
        )
        title = in_one_line(inert.literal(words), LONGEST_TITLE)
        if title and self.wants_title(event):
            key = _chat(message)
            self._untitled.pop(key, None)
            await self._embellish(
                "assistant.threads.setTitle", channel_id=key[0], thread_ts=key[1], title=title
            )

    def wants_title(self, event: Mapping[str, Any]) -> bool:
        """Whether a message is the first of a chat that is called nothing yet."""
        message = _inner(event)
        key = channel, chat = _chat(message)
        begins = channel.startswith("D") and chat == a_string(message, "ts")
        return (self._settings.assistant and begins) or key in self._untitled

    async def thinking(self, address: Address) -> None:
        """Show that an answer is being written, where Slack can: in a thread. May raise."""
        if thread := outbound.thread_of(address):
            await self._api.call(
                "assistant.threads.setStatus",
                channel_id=address.data["channel"],
                thread_ts=thread,
                status=STATUS,
            )

    async def _embellish(self, method: str, **arguments: Any) -> None:
        try:
            await self._api.call(method, **arguments)
        except (SendError, Unavailable) as error:
            self._log.debug("slack.embellishment_failed", what=method, error=str(error))


def _chat(message: JsonObject) -> tuple[str, str]:
    """The chat that a message stands in, or begins."""
    thread = a_string(message, "thread_ts") or a_string(message, "ts")
    return a_string(message, "channel"), thread


def _inner(event: Mapping[str, Any]) -> JsonObject:
    """The event itself, whether or not it comes in its wrapper."""
    inner = event.get("event")
    return inner if isinstance(inner, dict) else dict(event)
