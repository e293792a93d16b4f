"""The tables, for both dialects. Times are seconds since the epoch, JSON is text, flags 0 and 1.

What a person may rely on when looking inside are the views of ``views.py``; the tables may change
with any release. Every message pays for every index, so each serves a named need: the unique key of
``inbox`` deduplicates, ``inbox_open`` finds what waits on a lane and what a crash left behind,
``deliveries_state`` finds what is to be sent and what a deleted session had sent. The others are
written only when a lane, a session, a question, a token, a file or something to keep is made, or
once a second. Old rows are
found along the primary key, because ids begin with the time of their making.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

# SQLite keeps such a table in the tree of its primary key: one page less to write for each row.
CLUSTERED: Any = {"sqlite_with_rowid": False}


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _late_text(name: str) -> Column[str]:
    """A text that rows made before the column do without."""
    return Column(name, Text, nullable=False, server_default=text("''"))


def _time(name: str) -> Column[float]:
    return Column(name, Double, nullable=False)


def _flag(name: str) -> Column[int]:
    return Column(name, SmallInteger, nullable=False)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _whose() -> tuple[Column[str], ...]:
    """The start of a key: everything of an owner, with every agent, is a range."""
    return _key("channel"), _key("owner"), _key("agent")


lanes = Table(
    "lanes",
    metadata,
    _key("id"),
    _text("channel"),
    _text("owner"),
    _flag("shared"),
    Column("holder", Text),
    Column("fence", BigInteger, nullable=False),
    Column("last_turn", Text),
    _time("created_at"),
    _late_text("agent"),
    # The lane that this one gave way to; its deliveries still stand under its own id.
    Column("heir", Text),
    # When somebody was erased here; what is left goes once it is over.
    Column("forgotten_at", Double),
    Index("lanes_owner", "channel", "owner"),
    Index(
        "lanes_forgotten",
        "forgotten_at",
        sqlite_where=text("forgotten_at IS NOT NULL"),
        postgresql_where=text("forgotten_at IS NOT NULL"),
    ),
    Index(
        "lanes_heir",
        "heir",
        sqlite_where=text("heir IS NOT NULL"),
        postgresql_where=text("heir IS NOT NULL"),
    ),
    **CLUSTERED,
)

lane_keys = Table(
    "lane_keys",
    metadata,
    # In the order of its bytes everywhere: all keys of one place are a range.
    Column("key", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    _text("lane_id"),
    Index("lane_keys_lane", "lane_id"),
    **CLUSTERED,
)

inbox = Table(
    "inbox",
    metadata,
    _key("id"),
    _text("channel"),
    # A keyed hash, as the fingerprint is: see ``sealing``.
    _text("event_id"),
    _text("lane_id"),
    _text("task_id"),
    # Of the turn that ended the row; until then, of the transaction that stored it.
    Column("turn_id", Text),
    _flag("control"),
    Column("ord", BigInteger, nullable=False),
    _text("state"),
    Column("outcome", Text),
    _count("attempts"),
    _time("not_before"),
    Column("raw", LargeBinary),
    Column("inbound", LargeBinary),
    _text("fingerprint"),
    _time("accepted_at"),
    Column("done_at", Double),
    _late_text("preview"),
    UniqueConstraint("channel", "event_id"),
    Index(
        "inbox_open",
        "lane_id",
        "id",
        sqlite_where=text("state <> 'done'"),
        postgresql_where=text("state <> 'done'"),
    ),
)

sessions = Table(
    "session_rows",
    metadata,
    _key("id"),
    _text("lane_id"),
    _text("channel"),
    _text("agent"),
    _text("owner"),
    _text("conversation"),
    _time("created_at"),
    _time("last_activity"),
    _text("name"),
    _count("message_count"),
    _count("last_number"),
    _count("version"),
    _text("variables"),
    Column("ended_at", Double),
    Column("expires_at", Double),
    Column("overrides", Text, nullable=False, server_default=text("'{}'")),
    Index("session_rows_lane", "lane_id", "agent", "id"),
    # Without the agent: what a turn sets again would be written again.
    Index("session_rows_owner", "channel", "owner"),
    Index(
        "session_rows_expiry",
        "expires_at",
        sqlite_where=text("expires_at IS NOT NULL"),
        postgresql_where=text("expires_at IS NOT NULL"),
    ),
    **CLUSTERED,
)

messages = Table(
    "message_rows",
    metadata,
    _key("session_id"),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("role"),
    _text("text"),
    _time("created_at"),
    _text("sender"),
    _text("sender_id"),
    _text("task_id"),
    _text("row_id"),
    _flag("in_context"),
    _text("question_id"),
    _late_text("origin"),
    Column("extra", Text),
    **CLUSTERED,
)

tasks = Table(
    "tasks",
    metadata,
    _key("session_id"),
    _key("id"),
    _text("state"),
    _time("created_at"),
    _time("updated_at"),
    _text("steps"),
    **CLUSTERED,
)

questions = Table(
    "questions",
    metadata,
    _key("id"),
    _text("session_id"),
    _text("task_id"),
    _text("addressee"),
    _text("kind"),
    _text("text"),
    _text("options"),
    _time("created_at"),
    Column("expires_at", Double),
    _text("state"),
    _text("answer"),
    Index("questions_session", "session_id", "id"),
    **CLUSTERED,
)

deliveries = Table(
    "deliveries",
    metadata,
    _key("id"),
    _text("channel"),
    _text("lane_id"),
    _text("destination"),
    _text("address"),
    _text("text"),
    _text("turn_id"),
    _text("session_id"),
    Column("question", Text),
    _text("state"),
    _count("attempts"),
    _flag("started"),
    _time("not_before"),
    _time("created_at"),
    _count("part"),
    _text("platform_id"),
    _text("error"),
    Column("format", Text),
    Column("attachment", Text),
    _late_text("replaces"),
    Index("deliveries_state", "state", "lane_id", "id"),
    **CLUSTERED,
)

files = Table(
    "files",
    metadata,
    _key("id"),
    _text("session_id"),
    _text("digest"),
    _text("name"),
    _text("media_type"),
    Column("size", BigInteger, nullable=False),
    _time("created_at"),
    # 0 until its session is known to be there.
    _flag("settled"),
    Index("files_session", "session_id"),
    Index("files_digest", "digest"),
    Index(
        "files_unsettled",
        "created_at",
        sqlite_where=text("settled = 0"),
        postgresql_where=text("settled = 0"),
    ),
    **CLUSTERED,
)

credentials = Table(
    "credentials",
    metadata,
    _key("token_hash"),
    _text("channel"),
    _text("session_id"),
    Column("expires_at", Double),
    Index("credentials_session", "session_id"),
    **CLUSTERED,
)

bookmarks = Table(
    "bookmarks",
    metadata,
    _key("channel"),
    _key("place"),
    _text("position"),
    _time("updated_at"),
    Column("lasting", SmallInteger, nullable=False, server_default=text("0")),
    Index("bookmarks_age", "updated_at"),
    **CLUSTERED,
)

summaries = Table(
    "summaries",
    metadata,
    _key("session_id"),
    _text("text"),
    _text("topics"),
    _count("upto"),
    _count("revision"),
    **CLUSTERED,
)

# Whose they are stands in three columns; what is an agent's own has no channel and no owner.

data_rows = Table(
    "data_rows",
    metadata,
    *_whose(),
    _text("data"),
    _time("updated_at"),
    **CLUSTERED,
)

facts = Table(
    "fact_rows",
    metadata,
    *_whose(),
    _key("id"),
    _text("text"),
    _time("created_at"),
    _text("session_id"),
    **CLUSTERED,
)

items = Table(
    "items",
    metadata,
    *_whose(),
    _key("name"),
    _text("id"),
    _text("text"),
    _text("media_type"),
    Column("size", BigInteger, nullable=False),
    _text("digest"),
    _time("created_at"),
    _text("session_id"),
    Index(
        "items_digest",
        "digest",
        sqlite_where=text("digest <> ''"),
        postgresql_where=text("digest <> ''"),
    ),
)

secrets = Table(
    "secrets",
    metadata,
    _key("name"),
    Column("value", LargeBinary, nullable=False),
    **CLUSTERED,
)

replicas = Table(
    "replicas",
    metadata,
    _key("id"),
    Column("pid", BigInteger, nullable=False),
    _text("host"),
    _time("started"),
    _time("heartbeat"),
    Column("batch", BigInteger, nullable=False),
    **CLUSTERED,
)
