"""How Slack tells of things: messages, events, presses, commands.

https://docs.slack.dev/reference/events
"""

from __future__ import annotations

from typing import Any

from adapters.slack.simulation.model import App, Channel, JsonObject, Message, Person, StoredFile


def message_of(message: Message, *, metadata: bool = False) -> JsonObject:
    """A message as the history has it: the conversation it is in is not said."""
    body: JsonObject = {
        "user": message.user,
        "type": "message",
        "ts": message.ts,
        "text": _text(message),
        "team": message.channel.team,
    }
    if message.subtype:
        body["subtype"] = message.subtype
    if message.app is not None:
        body |= {"bot_id": message.app.bot_id, "app_id": message.app.id}
    else:
        body["client_msg_id"] = f"simulated-{message.ts}"
    if message.blocks or message.app is None:
        body["blocks"] = message.blocks or _typed(message.text)
    if message.thread_ts is not None:
        body |= {"thread_ts": message.thread_ts, **_thread(message)}
    if message.files:
        body |= {"files": [file_of(file) for file in message.files], "upload": False}
    if message.edited:
        body["edited"] = {"user": message.user, "ts": message.edited}
    if message.metadata and metadata:
        body["metadata"] = message.metadata
    return {**body, **message.extra}


def _text(message: Message) -> str:
    return message.text if message.markdown is None else message.markdown


def _typed(text: str) -> list[JsonObject]:
    """What Slack's apps make of what somebody types."""
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return [{"type": "rich_text", "block_id": "typed", "elements": [section]}]


def _thread(message: Message) -> JsonObject:
    root = message.channel.messages.get(message.thread_ts or "")
    if message.is_reply:
        return {} if root is None else {"parent_user_id": root.user}
    replies = message.channel.replies(message.ts)
    if not replies:
        return {}
    users = list(dict.fromkeys(each.user for each in replies))
    return {
        "reply_count": len(replies),
        "reply_users": users,
        "reply_users_count": len(users),
        "latest_reply": replies[-1].ts,
        "is_locked": False,
        "subscribed": False,
    }


def file_of(file: StoredFile) -> JsonObject:
    """A `file` object; the addresses come with `fields`."""
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": file.media_type,
        "filetype": file.name.rpartition(".")[2],
        "size": len(file.content),
        "mode": "hosted",
        "is_external": False,
        "is_public": False,
        "file_access": "visible",
        **file.fields,
    }


def message_event(message: Message) -> JsonObject:
    """The event that a message was written. Of an assistant's thread it says so."""
    event = message_of(message)
    for hidden in ("reply_count", "reply_users", "reply_users_count", "latest_reply"):
        event.pop(hidden, None)
    channel = message.channel
    event |= {"channel": channel.id, "event_ts": message.ts, "channel_type": channel.kind}
    if message.thread_ts in channel.assistant_threads:
        event["assistant_thread"] = {"action_token": "simulated"}
    return event


def mention_event(message: Message) -> JsonObject:
    """The event that a message names the app: without the conversation's kind."""
    event = message_event(message)
    event.pop("channel_type", None)
    event.pop("subtype", None)
    return {**event, "type": "app_mention"}


def changed_event(message: Message, before: JsonObject, at: str) -> JsonObject:
    """The event that a message is not what it was."""
    return {
        "type": "message",
        "subtype": "message_changed",
        "message": message_of(message),
        "previous_message": before,
        "channel": message.channel.id,
        "hidden": True,
        "ts": at,
        "event_ts": at,
        "channel_type": message.channel.kind,
    }


def deleted_event(message: Message, at: str) -> JsonObject:
    """The event that a message is gone."""
    return {
        "type": "message",
        "subtype": "message_deleted",
        "previous_message": message_of(message),
        "channel": message.channel.id,
        "hidden": True,
        "deleted_ts": message.ts,
        "ts": at,
        "event_ts": at,
        "channel_type": message.channel.kind,
    }


def assistant_event(kind: str, person: Person, channel: Channel, thread: str, at: str) -> Any:
    """The event that somebody opened a thread in the agent view, or looks elsewhere from it."""
    return {
        "type": kind,
        "assistant_thread": {
            "user_id": person.id,
            "context": {"team_id": person.team},
            "channel_id": channel.id,
            "thread_ts": thread,
        },
        "event_ts": at,
    }


def body_of(app: App, event: JsonObject, *, event_id: str, at: float, team: str) -> JsonObject:
    """What is around an event. An organisation's installation gets its own id as `team_id`."""
    return {
        "token": "simulated",
        "team_id": app.enterprise if app.org_install else team,
        "context_team_id": team,
        "context_enterprise_id": app.enterprise or None,
        "enterprise_id": app.enterprise or None,
        "api_app_id": app.id,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(at),
        "authorizations": [
            {
                "enterprise_id": app.enterprise or None,
                "team_id": None if app.org_install else app.team,
                "user_id": app.user_id,
                "is_bot": True,
                "is_enterprise_install": app.org_install,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"simulated-{event_id}",
    }


def _where(app: App, channel: Channel) -> JsonObject:
    names = {"im": "directmessage", "mpim": channel.name, "group": "privategroup"}
    return {
        "enterprise_id": app.enterprise or None,
        "channel_id": channel.id,
        "channel_name": names.get(channel.kind, channel.name),
    }


def press_of(
    app: App,
    message: Message,
    person: Person,
    pressed: tuple[JsonObject, JsonObject],
    *,
    trigger_id: str,
    at: str,
    response_url: str,
) -> JsonObject:
    """The payload of a pressed button."""
    block, button = pressed
    where = _where(app, message.channel)
    team = {"id": person.team, "domain": "simulated"}
    container: JsonObject = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel.id,
        "is_ephemeral": bool(message.ephemeral_to),
    }
    if message.is_reply:
        container["thread_ts"] = message.thread_ts
    body: JsonObject = {
        "type": "block_actions",
        "user": {
            "id": person.id,
            "username": person.name.lower(),
            "name": person.name.lower(),
            "team_id": person.team,
        },
        "api_app_id": app.id,
        "token": "simulated",
        "container": container,
        "trigger_id": trigger_id,
        "team": team | ({"enterprise_id": app.enterprise} if app.enterprise else {}),
        "enterprise": {"id": app.enterprise, "name": "Simulated"} if app.enterprise else None,
        "is_enterprise_install": app.org_install,
        "channel": {"id": where["channel_id"], "name": where["channel_name"]},
        "state": {"values": {}},
        "response_url": response_url,
        "actions": [
            {
                "block_id": block.get("block_id", "simulated"),
                "action_id": button.get("action_id", "simulated"),
                "type": "button",
                "text": button["text"],
                **({"value": button["value"]} if "value" in button else {}),
                "action_ts": at,
            }
        ],
    }
    if not message.ephemeral_to:
        body["message"] = message_of(message)
    return body


def command_of(
    app: App,
    channel: Channel,
    person: Person,
    *,
    command: str,
    text: str,
    trigger_id: str,
    response_url: str,
) -> JsonObject:
    """The fields of a slash command; all are strings, as they go out as a form, too."""
    fields = {
        "token": "simulated",
        "team_id": person.team,
        "team_domain": "simulated",
        **_where(app, channel),
        "user_id": person.id,
        "user_name": person.name.lower(),
        "command": command,
        "text": text,
        "api_app_id": app.id,
        "is_enterprise_install": str(app.org_install).lower(),
        "response_url": response_url,
        "trigger_id": trigger_id,
    }
    return {name: value for name, value in fields.items() if value is not None}
