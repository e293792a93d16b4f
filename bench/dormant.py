"""A database with dormant sessions in it, written by SQL as the gateway would have left it."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from pathlib import Path
from typing import Any

from gateway.store import connect

FIRST = 10_000_000
"""The people who have one are numbered from here on, unless they are to write."""

_PEOPLE = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :people),"
    " k(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM k WHERE number < :messages) "
)
# Since a week ago: housekeeping drops what has been done for a month.
_ID = "printf('%012x70008{kind:03d}%012x', :week_ago * 1000 + i, i)"
_WHEN = ":week_ago + i / 1000.0"


def _id(kind: int) -> str:
    return _ID.format(kind=kind)


_LANE, _SESSION, _TASK, _ROW, _DELIVERY, _TURN = (_id(kind) for kind in range(1, 7))

_COLUMNS = {
    "lanes": f"""
        {_LANE} AS id, 'bench' AS channel, 'participant:' || (:first + i - 1) AS owner, 0 AS shared,
        NULL AS holder, 1 AS fence, {_WHEN} AS created_at""",
    "lane_keys": f"""
        'bench/user/' || (:first + i - 1) AS key, {_LANE} AS lane_id""",
    "session_rows": f"""
        {_SESSION} AS id, {_LANE} AS lane_id, 'bench' AS channel, :agent AS agent,
        'participant:' || (:first + i - 1) AS owner,
        '{{"kind":"direct","id":"1","parent_id":null,"title":null}}' AS conversation,
        {_WHEN} AS created_at, {_WHEN} AS last_activity, '' AS name,
        :messages AS message_count, :messages AS last_number, 2 AS version, '{{}}' AS variables""",
    "message_rows": f"""
        {_SESSION} AS session_id, k.number AS number,
        CASE k.number % 2 WHEN 1 THEN 'user' ELSE 'assistant' END AS role,
        'something that was said once, and is kept' AS text, {_WHEN} AS created_at,
        'Ada' AS sender, '1' AS sender_id, {_TASK} AS task_id, {_ROW} AS row_id, 1 AS in_context,
        '' AS question_id""",
    "inbox": f"""
        {_ROW} AS id, 'bench' AS channel, 'old-' || i AS event_id, {_LANE} AS lane_id,
        {_TASK} AS task_id, {_TURN} AS turn_id, 0 AS control, i AS ord, 'done' AS state,
        'answered' AS outcome, 1 AS attempts, 0 AS not_before, '0123456789abcdef' AS fingerprint,
        {_WHEN} AS accepted_at, {_WHEN} AS done_at""",
    "tasks": f"""
        {_SESSION} AS session_id, {_TASK} AS id, 'completed' AS state, {_WHEN} AS created_at,
        {_WHEN} AS updated_at, '[]' AS steps""",
    "deliveries": f"""
        {_DELIVERY} AS id, 'bench' AS channel, {_LANE} AS lane_id, '1' AS destination,
        '{{}}' AS address, 'something' AS text, {_TURN} AS turn_id, {_SESSION} AS session_id,
        'sent' AS state, 0 AS attempts, 0 AS started, 0 AS not_before, {_WHEN} AS created_at,
        0 AS part, '1' AS platform_id, '' AS error""",
}
_SUMMARISED = f"""
    {_SESSION} AS session_id, 'what was said before' AS text, '[]' AS topics,
    :messages - 30 AS upto, 1 AS revision"""


async def fill(
    database: Path, people: int, *, messages: int = 4, first: int = FIRST, agent: str = "echo"
) -> None:
    """Make the database and put a dormant session of so many messages for each person into it."""
    store = connect(f"sqlite:///{database}", replica="bench")
    await store.open()
    await store.close()
    values = {"people": people, "messages": messages, "first": first, "agent": agent}
    await asyncio.to_thread(_fill, database, values)


def _fill(database: Path, wanted: dict[str, Any]) -> None:
    values = {**wanted, "week_ago": int(time.time()) - 7 * 86400}
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")
        tables = dict(_COLUMNS)
        if wanted["messages"] > 50:
            tables["summaries"] = _SUMMARISED
        for table, columns in tables.items():
            names = ", ".join(re.findall(r" AS (\w+)(?:,|$)", columns))
            source = f"FROM n{', k' if table == 'message_rows' else ''}"
            statement = f"INSERT INTO {table} ({names}) {_PEOPLE} SELECT {columns} {source}"
            connection.execute(statement, values)
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
