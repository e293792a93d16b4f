"""The vocabulary of the log: every event the gateway and its adapters write, and what it means."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

__all__ = ["ADAPTER_EVENTS", "Event"]


class Event(StrEnum):
    """The ``event`` of a log line; ``meaning`` says what happened. No event carries what people
    write: texts of messages are never logged."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    # the process
    GATEWAY_STARTING = "gateway_starting", "a configuration was read and the gateway starts on it"
    GATEWAY_STARTED = "gateway_started", "everything is up; `address` is where to find it"
    GATEWAY_STOPPING = "gateway_stopping", "asked to stop: intake ends, running turns may finish"
    GATEWAY_STOPPED = "gateway_stopped", "the end; what was left waits in the store"
    WORK_LEFT = "work_left", "turns cut off at shutdown; they run again at the next start"
    LIBRARY = "library", "a library's own words, in `message`"

    # channels
    CHANNEL_SKIPPED = "channel_skipped", "an optional channel lacks what it needs and stays out"
    CHANNEL_DOWN = "channel_down", "a channel's adapter failed; it is run again in `retry_in` s"
    CHANNEL_STOPPED = "channel_stopped", "a channel's adapter came to its end"
    COMMANDS_FAILED = "commands_failed", "a platform did not take the list of chat commands"

    # what comes in
    EVENT_UNREADABLE = "event_unreadable", "a platform event that cannot be read; it is set aside"
    EVENT_REFUSED = "event_refused", "a platform event that the channel's rules refuse"
    PERSON_MOVED = "person_moved", "two lanes turned out to be one person's; the older goes on"
    GROUP_MOVED = "group_moved", "a group goes on under another id, and its sessions with it"

    # sessions
    SESSION_CREATED = "session_created", "a session began"
    SESSION_RESUMED = "session_resumed", "a dormant session goes on where it was"
    SESSION_REOPENED = "session_reopened", "an earlier session was chosen by its number and goes on"
    SESSION_WAITING = "session_waiting", "a session waits for an answer to a question of its agent"
    SESSION_ENDED = "session_ended", "a session was reset, or is over by itself; it is kept"
    SESSION_DELETED = "session_deleted", "a session was deleted with everything in it"
    SESSIONS_EXPIRED = "sessions_expired", "`count` sessions were deleted: their time was over"

    # privacy
    PERSON_ERASED = "person_erased", "all that was kept of a person was erased, where they said so"

    # lanes and turns
    LANE_FENCED = "lane_fenced", "somebody else holds this lane now; this work is dropped"
    LANE_FAILED = "lane_failed", "a lane's worker failed in a way nobody expected"
    RECOVERED = "recovered", "rows and deliveries found waiting in the store"
    AGENT_FAILED = "agent_failed", "an agent raised; the turn is tried again or dies"
    TURN_FAILED = "turn_failed", "a command, or fetching a file, failed; tried again or dies"
    AGENT_AWAY = "agent_away", "an agent cannot answer now; its turns wait. Said once"
    AGENT_BACK = "agent_back", "an agent that was away answers again"
    TOOLS_REFUSED = "tools_refused", "a model's server takes no tools; the agent goes on without"
    MODEL_UNKNOWN = "model_unknown", "a session turned on a model its server has not; the usual one"
    TOOL_UNKNOWN = "tool_unknown", "a session turned on a tool its agent has not; it is left out"
    ROW_DEAD = "row_dead", "an inbox row failed too often; an operator may retry or discard it"

    # what goes out
    SEND_FAILED = "send_failed", "an adapter raised what it should not while sending"
    DELIVERY_REFUSED = "delivery_refused", "the platform will never take this delivery"

    DELIVERY_DEAD = "delivery_dead", "a delivery failed too often; an operator may retry it"
    DELIVERY_UNKNOWN = "delivery_unknown", "whether a delivery arrived is unknown; it is held"
    DELIVERY_HELD = "delivery_held", "its recipient may not be written to now; sent when they may"
    NOT_DELIVERED = "not_delivered", "the platform took a delivery, and then could not deliver it"
    SUMMARY_FAILED = "summary_failed", "older messages were not condensed; tried after a later turn"
    NOT_SETTLED = "not_settled", "the platform does not say whether a delivery arrived"

    # files
    FILES_FAILED = "files_failed", "the disk did not take or give a file; its sender was told"
    FILES_SWEPT = "files_swept", "`count` contents on disk that nobody refers to were removed"

    # knowledge bases
    KNOWLEDGE_INDEXED = "knowledge_indexed", "a base's index has what its folder holds now"
    KNOWLEDGE_LEFT_OUT = "knowledge_left_out", "a document or folder that cannot be read; said once"
    KNOWLEDGE_REBUILT = (
        "knowledge_rebuilt",
        "the index was not sound or another version's; made anew",
    )
    KNOWLEDGE_DAMAGED = "knowledge_damaged", "the index was found damaged while in use; made anew"

    # the store
    SQLITE_OLD = "sqlite_old", "this SQLite has a rare bug; a newer one is to be preferred"


ADAPTER_EVENTS = {
    "discord.caught_up": "what was said while no session told of it is read; `messages` were found",
    "discord.connected": "a new session has begun; `user` is the bot's id",
    "discord.disconnected": "the connection broke or was ended; it is made again",
    "discord.dispatch_skipped": "something dispatched that cannot be read; it is set aside",
    "discord.history_missed": "Discord does not tell what a channel missed; it goes on without",
    "discord.history_refused": "what a channel missed may not be read, or the channel is gone",
    "discord.intake_paused": "what came could not be committed; it waits, in order. Said once",
    "discord.not_acknowledged": "people were told that a command or button failed, or wait in vain",
    "discord.preview_lost": "a message that showed an answer being written is gone; sent anew",
    "discord.resumed": "a session goes on where it was interrupted",
    "discord.silent": "Discord answers no heartbeats; the connection is made anew",
    "slack.acknowledgement_lost": "a connection was gone before Slack heard that an event is taken",
    "slack.app_removed": "the app was removed from the workspace, or its token revoked",
    "slack.away": "Slack does not answer; what it tells meanwhile is asked for afterwards",
    "slack.call_failed": "a call that is made until it succeeds failed; said once",
    "slack.catch_up_failed": "what was missed cannot be asked for now; tried again",
    "slack.catch_up_incomplete": "more was missed than is asked for",
    "slack.catch_up_refused": "what was missed at `place` cannot be read: a scope, or no member",
    "slack.caught_up": "what nobody had heard was asked for; `messages` were found",
    "slack.connected": "the bot's token is good; `user` is its id",
    "slack.embellishment_failed": "a status, a title or suggested prompts are not shown",
    "slack.event_failed": "an event could not be taken, and should have been; it comes again",
    "slack.event_skipped": "an event that cannot be read; it is set aside",
    "slack.intake_paused": "what came could not be committed; it comes again",
    "slack.no_streaming": "Slack does not stream there; a message that is changed stands in",
    "slack.preview_left": "a message that showed an answer being written could not be deleted",
    "slack.reached": "Slack answers again",
    "slack.request_unauthorized": "a request to the webhook that Slack did not sign",
    "slack.socket_ending": "Slack will end the connection; another takes its place first",
    "slack.socket_failed": "Socket Mode does not connect; tried again, and said once",
    "slack.socket_lost": "the connection broke; what is missing is asked for",
    "slack.socket_rotated": "a connection was replaced for its age",
    "slack.stream_over": "an answer being streamed had ended already",
    "telegram.call_failed": "a call that is made until it succeeds failed; said once",
    "telegram.conflict": "another program asks for the same bot's updates",
    "telegram.connected": "the bot's token is good; `username` is what it is called",
    "telegram.entities_refused": "Telegram did not take bold, links and the like; sent without",
    "telegram.intake_paused": "what came could not be committed; it is asked for again",
    "telegram.embellishment_failed": "a reaction is not shown, or a button goes on spinning",
    "telegram.no_drafts": "this Bot API server is older than drafts; messages stand in for them",
    "telegram.preview_left": "a message that showed an answer being written could not be deleted",
    "telegram.reached": "Telegram answers again",
    "telegram.sent_as_document": "Telegram did not take a picture or sound as such; sent as a file",
    "telegram.update_skipped": "an update that cannot be read; it is set aside",
    "telegram.webhook_not_set": "without gateway.public_url Telegram cannot be told the address",
    "telegram.webhook_set": "Telegram knows where to send updates",
    "telegram.webhook_unauthorized": "a request to the webhook without the channel's secret",
    "twilio.buttons_refused": "Twilio did not take a question's buttons; its options are numbered",
    "twilio.catch_up_failed": "what was missed cannot be asked for now; tried again, said once",
    "twilio.catch_up_incomplete": "more was missed than is asked for; the newest are taken",
    "twilio.caught_up": "what Twilio could not bring was asked for; `messages` were found",
    "twilio.content_made": "buttons of another form were made at Twilio, and are used again",
    "twilio.conversation_gone": "a group that was known is there no longer",
    "twilio.conversation_refused": "Twilio does not show a group; it is asked for again",
    "twilio.event_skipped": "a form that cannot be read; it is set aside",
    "twilio.group_left": "a group that was not completed could not be deleted",
    "twilio.group_text_missed": "a missed message was for a group, and nothing tells for which",
    "twilio.intake_paused": "what came could not be committed; it is asked for again. Said once",
    "twilio.invitation_unknown": "whether somebody was invited to write is unknown",
    "twilio.media_missed": "Twilio does not tell of a missed message's files",
    "twilio.member_missed": "a member of a group does not get what the others do",
    "twilio.no_conversations": "the account has no conversations in which people could be",
    "twilio.not_delivered": "an invitation or a word of the gateway's own did not arrive",
    "twilio.opted": "somebody wants no more messages, or wants them again; see `wish`",
    "twilio.reports_not_read": "what failed cannot be asked for now; it is tried again, said once",
    "twilio.request_unauthorized": "a request to a webhook that Twilio did not sign for it",
    "twilio.template_refused": "the template does not go out; what waits goes when they write",
    "twilio.window_unknown": "Twilio does not say when somebody wrote last; what is known counts",
}
"""What the built-in adapters log besides, each event with its platform's name before it."""
