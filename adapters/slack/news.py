"""Events that need nothing, and why, in words for `gateway explain`.

https://docs.slack.dev/reference/events
"""

from __future__ import annotations

from adapters.slack.fields import in_one_line

_UNUSED = {
    "app_home_opened": "somebody opened the app",
    "app_rate_limited": "Slack held events back: more came than it hands out in an hour",
    "app_uninstalled": "the app was removed from the workspace",
    "assistant_thread_context_changed": "somebody looks at another channel beside the agent view",
    "assistant_thread_started": "a chat was opened in which nothing is said yet",
    "block_suggestion": "nothing here offers suggestions",
    "function_executed": "the app has no functions for workflows",
    "interactive_message": "a button of an old kind, which is not the gateway's",
    "member_joined_channel": "somebody joined a channel",
    "member_left_channel": "somebody left a channel",
    "message_action": "the app has no shortcuts",
    "reaction_added": "nobody asked for reactions",
    "reaction_removed": "nobody asked for reactions",
    "shortcut": "the app has no shortcuts",
    "team_access_granted": "the organisation lets another workspace use the app",
    "team_access_revoked": "the organisation lets a workspace use the app no more",
    "tokens_revoked": "tokens of the app were revoked",
    "url_verification": "Slack tries the address, and nobody said anything",
    "view_closed": "the app has no dialogs",
    "view_submission": "the app has no dialogs",
    "workflow_step_edit": "the app has no steps for workflows",
    "workflow_step_execute": "the app has no steps for workflows",
}
_ABOUT_MESSAGES = {
    "assistant_app_thread": "a chat in the agent view got its title",
    "ekm_access_denied": "a message that the organisation's keys keep from the bot",
    "message_replied": "somebody answered in a thread, which is told of by itself",
}


def unused(kind: str) -> str:
    """Why an event of this type needs nothing."""
    if not kind:
        return "an event that does not say its type"
    return _UNUSED.get(kind) or f"nothing is done with {in_one_line(kind, 60)} events"


def about_messages(subtype: str) -> str:
    """Why a message of this subtype needs nothing: nobody says anything in it."""
    known = _ABOUT_MESSAGES.get(subtype)
    return known or f"a service message ({in_one_line(subtype, 60)})"
