"""What the database offers for looking inside by hand; stable, described in docs/database.md."""

from __future__ import annotations

from sqlalchemy import Connection

NAMES = ("sessions", "messages", "session_state", "participant_data", "facts", "drive")

_SQLITE = {
    "sessions": """
SELECT id, channel, agent, owner, lane_id,
       json_extract(conversation, '$.kind') AS conversation_kind,
       json_extract(conversation, '$.id') AS conversation_id,
       name,
       CASE WHEN ended_at IS NOT NULL THEN 'ended'
            WHEN expires_at <= CAST(strftime('%s', 'now') AS INTEGER) THEN 'expired'
            WHEN last_activity > CAST(strftime('%s', 'now') AS INTEGER) - 1800 THEN 'active'
            ELSE 'dormant' END AS state,
       message_count,
       strftime('%Y-%m-%dT%H:%M:%fZ', created_at, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', last_activity, 'unixepoch') AS last_activity,
       strftime('%Y-%m-%dT%H:%M:%fZ', ended_at, 'unixepoch') AS ended_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', expires_at, 'unixepoch') AS expires_at
  FROM session_rows""",
    "messages": """
SELECT session_id, number, role, text, sender, sender_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', created_at, 'unixepoch') AS created_at,
       in_context, task_id
  FROM message_rows""",
    "session_state": """
SELECT id AS session_id, version, variables, message_count,
       strftime('%Y-%m-%dT%H:%M:%fZ', last_activity, 'unixepoch') AS last_activity,
       overrides
  FROM session_rows""",
    "participant_data": """
SELECT channel, agent, owner, data,
       strftime('%Y-%m-%dT%H:%M:%fZ', updated_at, 'unixepoch') AS updated_at
  FROM data_rows""",
    "facts": """
SELECT id, channel, agent, owner, text, session_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', created_at, 'unixepoch') AS created_at
  FROM fact_rows""",
    "drive": """
SELECT id, channel, agent, owner, name, media_type, size, text, digest, session_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', created_at, 'unixepoch') AS created_at
  FROM items""",
}

_POSTGRESQL = {
    "sessions": """
SELECT id, channel, agent, owner, lane_id,
       conversation::json ->> 'kind' AS conversation_kind,
       conversation::json ->> 'id' AS conversation_id,
       name,
       CASE WHEN ended_at IS NOT NULL THEN 'ended'
            WHEN expires_at <= extract(epoch FROM now()) THEN 'expired'
            WHEN last_activity > extract(epoch FROM now()) - 1800 THEN 'active'
            ELSE 'dormant' END AS state,
       message_count,
       to_timestamp(created_at) AS created_at,
       to_timestamp(last_activity) AS last_activity,
       to_timestamp(ended_at) AS ended_at,
       to_timestamp(expires_at) AS expires_at
  FROM session_rows""",
    "messages": """
SELECT session_id, number, role, text, sender, sender_id,
       to_timestamp(created_at) AS created_at, in_context <> 0 AS in_context, task_id
  FROM message_rows""",
    "session_state": """
SELECT id AS session_id, version, variables::jsonb AS variables, message_count,
       to_timestamp(last_activity) AS last_activity, overrides::jsonb AS overrides
  FROM session_rows""",
    "participant_data": """
SELECT channel, agent, owner, data::jsonb AS data, to_timestamp(updated_at) AS updated_at
  FROM data_rows""",
    "facts": """
SELECT id, channel, agent, owner, text, session_id, to_timestamp(created_at) AS created_at
  FROM fact_rows""",
    "drive": """
SELECT id, channel, agent, owner, name, media_type, size, text, digest, session_id,
       to_timestamp(created_at) AS created_at
  FROM items""",
}


def create(connection: Connection) -> None:
    """Make the views anew, over the tables as this program knows them."""
    drop(connection)
    queries = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
    for name in NAMES:
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {queries[name]}")


def drop(connection: Connection) -> None:
    """Take the views away, so that the tables under them can change."""
    for name in reversed(NAMES):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
