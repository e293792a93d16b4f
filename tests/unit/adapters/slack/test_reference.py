"""Every payload of the reference data has the outcome it should have.

Those that begin with `java-` show shapes: their values are blank, and none of their ids is one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.slack.inbound import Me, parse
from adapters.slack.settings import SlackSettings
from gateway import Ignored, Moved, UnreadableUpdate

pytestmark = pytest.mark.reference_data

# Whose the events are, most of them say themselves.
ME = Me(bot_id="BZYBOTHED", app_id="A111")
SETTINGS = SlackSettings.model_validate({"bot_token": "xoxb-1", "app_token": "xapp-1"})

# Action, conversation, participant, text and files; an asterisk where the bot is addressed, a plus
# where it concerns the bot if it takes part there.
HEARD = {
    "bolt-app-app_mention_event_body": "message in channel C111 by W222*: Hi there!",
    "bolt-app_bot_only-app_mention_body": "message in channel C111 by W222*: Hi there!",
    "bolt-events_assistant-channel_user_message_event_body": (
        "message in thread C111/1726133698.626339 by W222+: When Slack was released?"
    ),
    "bolt-events_assistant-user_message_event_body": (
        "message in direct D111 by W222*: When Slack was released?"
    ),
    "bolt-events_assistant-user_message_event_body_with_action_token": (
        "message in thread D111/1726133698.626339 by W222*: When Slack was released?"
    ),
    "bolt-events_assistant-user_message_event_body_with_assistant_thread": (
        "message in thread D111/1726133698.626339 by W222*: When Slack was released?"
    ),
    "bolt-events_org_apps-event_payload-27": "message in channel C111 by W111*: @W222",
    "bolt-events_request_verification-app_mention_body": (
        "message in channel C111 by W222*: Hi there!"
    ),
    "bolt-events_say_stream-org_app_mention_event_body": (
        "message in channel C111 by W222*: Hi there!"
    ),
    "bolt-message-message_body": "message in channel C111 by W111: Hello World!",
    "bolt-message-message_body2": (
        "message in channel C111 by W111: We've received 103 messages from you!"
    ),
    "bolt-message-message_body3": (
        "message in channel C111 by W111: Please fix JIRA-1234, SCM-567 and BUG-169 as "
        "soon as you can!"
    ),
    "bolt-message_changed-event_payload": "edit in channel C111 by U111+: updated message",
    "bolt-message_deleted-event_payload": "delete in channel C111 by U111+: ",
    "bolt-message_file_share-event_payload": "message in channel C111 by U111: Hi there! +file.png",
    "bolt-message_thread_broadcast-event_payload": (
        "message in thread C111/1633663824.000500 by U111+: Hi there!"
    ),
    "java-AppMentionPayload": "unreadable: event.channel is not an id",
    "java-BlockActionPayload": "unreadable: user.id is not an id",
    "java-ChannelIdChangedPayload": "unreadable: event.old_channel_id is not an id",
    "java-MessageBotPayload": "unreadable: event.channel is not an id",
    "java-MessageChangedPayload": "unreadable: event.channel is not an id",
    "java-MessageDeletedPayload": (
        'unreadable: event.deleted_ts is not a time such as "1726133700.887259"'
    ),
    "java-MessageFileSharePayload": "unreadable: event.channel is not an id",
    "java-MessageMePayload": "unreadable: event.channel is not an id",
    "java-MessagePayload": "unreadable: event.channel is not an id",
    "java-MessageThreadBroadcastPayload": "unreadable: event.channel is not an id",
    "java-SlashCommandPayload": "unreadable: channel_id is not an id",
}
# The reason, and what it is ignored for.
IGNORED = {
    "the app has no shortcuts": [
        "bolt-app_using_methods_in_class-payload",
        "bolt-listener_middleware-body",
        "java-MessageShortcutPayload",
    ],
    "a button of an old kind, which is not the gateway's": [
        "bolt-attachment_actions-body",
        "java-AttachmentActionPayload",
    ],
    "a button that is not the gateway's": [
        "bolt-authorize-block_actions_body",
        "bolt-block_actions-body",
        "bolt-error_handler-body",
    ],
    "nothing here offers suggestions": [
        "bolt-block_suggestion-body",
    ],
    "nothing is done with dialog_cancellation events": [
        "bolt-dialogs-cancellation_body",
    ],
    "nothing is done with dialog_submission events": [
        "bolt-dialogs-submission_body",
    ],
    "nothing is done with dialog_suggestion events": [
        "bolt-dialogs-suggestion_body",
    ],
    "the app was removed from the workspace": [
        "bolt-events-app_uninstalled_body",
        "bolt-events_shared_channels-app_uninstalled_body",
        "bolt-events_token_revocations-event_payload-40",
        "java-AppUninstalledPayload",
    ],
    "somebody left a channel": [
        "bolt-events-body",
        "bolt-events-left_event_body-17",
        "bolt-events-left_event_body",
        "bolt-events_shared_channels-left_event_body-35",
        "bolt-events_shared_channels-left_event_body",
        "java-MemberLeftChannelPayload",
    ],
    "somebody joined a channel": [
        "bolt-events-join_event_body-16",
        "bolt-events-join_event_body",
        "bolt-events_shared_channels-join_event_body-34",
        "bolt-events_shared_channels-join_event_body",
        "java-MemberJoinedChannelPayload",
    ],
    "the bot's own message": [
        "bolt-events-message_file_share_body",
        "bolt-events_ignore_self-response_url_message_event",
        "bolt-message_bot-bot_message_event_payload",
        "bolt-message_bot-user_message_event_payload",
    ],
    "nobody asked for reactions": [
        "bolt-events-reaction_added_body",
        "bolt-events_ignore_self-self_event",
        "bolt-events_shared_channels-reaction_added_body",
        "bolt-events_shared_channels-self_event",
        "bolt-events_socket_mode-self_event",
        "java-ReactionAddedPayload",
        "java-ReactionRemovedPayload",
    ],
    "tokens of the app were revoked": [
        "bolt-events-tokens_revoked_body",
        "bolt-events_shared_channels-tokens_revoked_body",
        "bolt-events_token_revocations-event_payload",
        "java-TokensRevokedPayload",
    ],
    "a message looks different, and says the same": [
        "bolt-events_assistant-channel_message_changed_event_body",
    ],
    "a chat in the agent view got its title": [
        "bolt-events_assistant-message_changed_event_body",
    ],
    "somebody looks at another channel beside the agent view": [
        "bolt-events_assistant-thread_context_changed_event_body",
    ],
    "a chat was opened in which nothing is said yet": [
        "bolt-events_assistant-thread_started_event_body",
    ],
    "another bot's message": [
        "bolt-events_ignore_self-different_app_response_url_message_event",
        "bolt-message_bot-classic_bot_message_event_payload",
    ],
    "the organisation lets a workspace use the app no more": [
        "bolt-events_org_apps-event_payload-25",
    ],
    "somebody opened the app": [
        "bolt-events_org_apps-event_payload-26",
        "java-AppHomeOpenedPayload",
    ],
    "the organisation lets another workspace use the app": [
        "bolt-events_org_apps-event_payload",
    ],
    "the app has no functions for workflows": [
        "bolt-function-function_body",
        "bolt-function-wrong_id_function_body",
    ],
    "the app has no dialogs": [
        "bolt-view_closed-body",
        "bolt-view_submission-body",
        "bolt-view_submission-connect_channel_payload",
        "bolt-view_submission-response_url_payload_body",
        "bolt-workflow_steps-save_payload",
    ],
    "the app has no steps for workflows": [
        "bolt-workflow_steps-edit_payload",
        "bolt-workflow_steps-execute_payload",
    ],
    "Slack held events back: more came than it hands out in an hour": [
        "java-AppRateLimitedPayload",
    ],
    "nothing is done with channel_archive events": [
        "java-ChannelArchivePayload",
    ],
    "nothing is done with channel_created events": [
        "java-ChannelCreatedPayload",
    ],
    "nothing is done with channel_rename events": [
        "java-ChannelRenamePayload",
    ],
    "nothing is done with file_created events": [
        "java-FileCreatedPayload",
    ],
    "nothing is done with file_shared events": [
        "java-FileSharedPayload",
    ],
    "nothing is done with goodbye events": [
        "java-GoodbyePayload",
    ],
    "nothing is done with grid_migration_finished events": [
        "java-GridMigrationFinishedPayload",
    ],
    "nothing is done with grid_migration_started events": [
        "java-GridMigrationStartedPayload",
    ],
    "nothing is done with group_open events": [
        "java-GroupOpenPayload",
    ],
    "nothing is done with group_rename events": [
        "java-GroupRenamePayload",
    ],
    "nothing is done with im_created events": [
        "java-ImCreatedPayload",
    ],
    "nothing is done with im_open events": [
        "java-ImOpenPayload",
    ],
    "a service message (channel_archive)": [
        "java-MessageChannelArchivePayload",
    ],
    "a service message (channel_join)": [
        "java-MessageChannelJoinPayload",
    ],
    "a service message (channel_leave)": [
        "java-MessageChannelLeavePayload",
    ],
    "a service message (channel_name)": [
        "java-MessageChannelNamePayload",
    ],
    "a service message (channel_posting_permissions)": [
        "java-MessageChannelPostingPermissionsPayload",
    ],
    "a service message (channel_purpose)": [
        "java-MessageChannelPurposePayload",
    ],
    "a service message (channel_topic)": [
        "java-MessageChannelTopicPayload",
    ],
    "a service message (channel_unarchive)": [
        "java-MessageChannelUnarchivePayload",
    ],
    "a message that the organisation's keys keep from the bot": [
        "java-MessageEkmAccessDeniedPayload",
    ],
    "a service message (group_topic)": [
        "java-MessageGroupTopicPayload",
    ],
    "somebody answered in a thread, which is told of by itself": [
        "java-MessageRepliedPayload",
    ],
    "nothing is done with pin_added events": [
        "java-PinAddedPayload",
    ],
    "nothing is done with pin_removed events": [
        "java-PinRemovedPayload",
    ],
    "nothing is done with team_join events": [
        "java-TeamJoinPayload",
    ],
}
OUTCOMES = {
    **HEARD,
    **{name: f"ignored: {reason}" for reason, names in IGNORED.items() for name in names},
}


def outcome(raw: bytes) -> str:
    try:
        event = parse(raw, ME, SETTINGS)
    except UnreadableUpdate as error:
        return f"unreadable: {error}"
    if isinstance(event, Ignored):
        return f"ignored: {event.reason}"
    if isinstance(event, Moved):
        return f"moved from {event.old_id} to {event.new_id}"
    meant = "*" if event.addressed else "+" if event.follows else ""
    place = event.conversation
    where = f"{place.kind} {f'{place.parent_id}/' if place.parent_id else ''}{place.id}"
    files = "".join(f" +{file.name}" for file in event.attachments)
    return f"{event.action} in {where} by {event.participant.id}{meant}: {event.text}{files}"


def test_every_payload_has_its_outcome(reference_data: Path) -> None:
    folder = reference_data / "payloads" / "slack"
    found = {path.stem: outcome(path.read_bytes()) for path in sorted(folder.rglob("*.json"))}
    # There may be more by now: those must be readable at least.
    assert {name: words for name, words in found.items() if name in OUTCOMES} == OUTCOMES
    more = {name: words for name, words in found.items() if name not in OUTCOMES}
    assert not [words for words in more.values() if words.startswith("unreadable")]
