"""What an app may reach: its scopes, its conversations, its messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.slack.simulation.errors import ApiError, invalid
from adapters.slack.simulation.model import App, Channel, JsonObject, Message
from adapters.slack.simulation.world import World

Method = Callable[[App, JsonObject], JsonObject]


class Access:
    """Finds what a call names. Raises `ApiError` for what the app may not have."""

    def __init__(self, world: World) -> None:
        self.world = world

    def require(self, app: App, scope: str) -> None:
        """The app was given a scope."""
        if scope not in app.scopes:
            provided = ",".join(sorted(app.scopes))
            raise ApiError("missing_scope", needed=scope, provided=provided)

    def channel(self, app: App, id: Any, scopes: Mapping[str, str] | None = None) -> Channel:
        """The conversation a call names, if the app can know it and has the scope for it."""
        channel = self.world.channels.get(str(id or ""))
        if channel is None or (channel.kind != "channel" and app.id not in channel.apps):
            raise ApiError("channel_not_found")
        if scopes is not None:
            self.require(app, scopes[channel.kind])
        return channel

    def member(self, app: App, id: Any, scopes: Mapping[str, str] | None = None) -> Channel:
        """The same where the app is in it."""
        channel = self.channel(app, id, scopes)
        if app.id not in channel.apps:
            raise ApiError("not_in_channel")
        return channel

    def writable(self, app: App, id: Any) -> Channel:
        """The same where the app can say something; a person's id means their direct messages."""
        person = self.world.people.get(str(id or ""))
        channel = self.world.dialog(app, person) if person else self.member(app, id)
        if channel.archived:
            raise ApiError("is_archived")
        return channel

    def own(self, app: App, given: JsonObject, refused: str) -> Message:
        """The app's own message that a call names."""
        channel = self.channel(app, required(given, "channel"))
        message = channel.messages.get(str(required(given, "ts")))
        if message is None:
            raise ApiError("message_not_found")
        if message.app is not app:
            raise ApiError(refused)
        return message


def required(given: JsonObject, name: str) -> Any:
    """An argument that has to be there. Raises `ApiError`."""
    if given.get(name) in (None, ""):
        raise invalid("invalid_arguments", f"missing required field: {name}")
    return given[name]


def root_of(channel: Channel, thread_ts: Any, refused: str = "cannot_reply_to_message") -> str:
    """The thread a call names, which has to be there."""
    root = channel.messages.get(str(thread_ts))
    if root is None or root.is_reply:
        raise ApiError(refused)
    return root.ts
