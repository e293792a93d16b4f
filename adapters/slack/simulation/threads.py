"""The methods of the agent view: what a thread is called, and what is shown meanwhile.

https://docs.slack.dev/reference/methods/assistant.threads.setStatus
"""

from __future__ import annotations

from adapters.slack.simulation.access import Access, Method, required, root_of
from adapters.slack.simulation.errors import ApiError, invalid
from adapters.slack.simulation.model import App, Channel, JsonObject

MAX_PROMPTS = 4


class Threads:
    """What an app can do to a thread."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._world = access.world
        self.table: dict[str, Method] = {
            "assistant.threads.setStatus": self._set_status,
            "assistant.threads.setSuggestedPrompts": self._set_prompts,
            "assistant.threads.setTitle": self._set_title,
        }

    def _set_status(self, app: App, given: JsonObject) -> JsonObject:
        if "status" not in given:
            raise invalid("invalid_arguments", "missing required field: status")
        channel = self._access.member(app, required(given, "channel_id"))
        thread = root_of(channel, required(given, "thread_ts"), "invalid_thread_ts")
        channel.statuses[thread] = (str(given["status"]), self._world.clock())
        return {}

    def _set_title(self, app: App, given: JsonObject) -> JsonObject:
        channel, thread = self._assistant(app, given)
        channel.titles[thread] = str(required(given, "title"))
        return {}

    def _set_prompts(self, app: App, given: JsonObject) -> JsonObject:
        channel, thread = self._assistant(app, given)
        prompts = required(given, "prompts")
        if not isinstance(prompts, list) or len(prompts) > MAX_PROMPTS:
            raise invalid("invalid_arguments", f"prompts: a list of at most {MAX_PROMPTS}")
        if any(not each.get("title") or not each.get("message") for each in prompts):
            raise invalid("invalid_arguments", "prompts: each needs a title and a message")
        channel.prompts[thread] = prompts
        return {}

    def _assistant(self, app: App, given: JsonObject) -> tuple[Channel, str]:
        channel = self._access.member(app, required(given, "channel_id"))
        thread = str(required(given, "thread_ts"))
        if thread not in channel.assistant_threads:
            raise ApiError("invalid_thread_ts")
        return channel, thread
