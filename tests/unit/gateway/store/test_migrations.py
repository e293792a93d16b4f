"""A database of every earlier schema is brought to this one, and all that was in it is there."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

import gateway.store.migrations
from gateway.belongings import Fact, Item
from gateway.domain import (
    Address,
    Conversation,
    ConversationKind,
    Delivery,
    DeliveryState,
    Message,
    Question,
    QuestionKind,
    Role,
    Session,
    Task,
    TaskState,
)
from gateway.ports.records import (
    Keeping,
    LaneScope,
    OwnerScope,
    Row,
    SessionScope,
    Standing,
    TokenScope,
)
from gateway.store import connect, migrate, schema_state, views
from gateway.testing._store_files import stored
from gateway.testing._store_moves import key
from gateway.testing._talk import CHANNEL, OPERATOR, arrival, waiting
from tests.unit.gateway.store.test_schema import execute, run, url

__all__ = ["url"]

LANE, SCOPE = LaneScope(lane_id="l1"), SessionScope(session_id="s1")
SESSION = Session(
    id="s1",
    lane_id="l1",
    channel=CHANNEL,
    agent="echo",
    owner="conversation:-42",
    conversation=Conversation(kind=ConversationKind.GROUP, id="-42", title="Küche"),
    created_at=1.5,
    last_activity=2.5,
    name="cooking",
    message_count=2,
    last_number=2,
    version=3,
    variables={"a": [1, None, "ü"]},
)
SAID = Message(
    number=1,
    role=Role.USER,
    text="grüße",
    created_at=1.5,
    sender="Ada",
    sender_id="7",
    task_id="t1",
    row_id="i1",
)
ANSWER = Message(number=2, role=Role.ASSISTANT, text="hello", created_at=2.5, task_id="t1")
QUESTION = Question(
    id="q1",
    session_id="s1",
    task_id="t1",
    addressee="7",
    kind=QuestionKind.CHOICE,
    text="Which?",
    options=("one", "two"),
    created_at=2.5,
)
PENDING = Delivery(
    id="d1",
    channel=CHANNEL,
    lane_id="l1",
    address=Address(destination="-42", data={"chat_id": -42}),
    text="hello",
    turn_id="u1",
    session_id="s1",
    attempts=1,
    created_at=2.5,
    error="busy",
)
WAITS = Row(
    id="i2",
    task_id="t2",
    lane_id="l1",
    channel=CHANNEL,
    inbound=b"{}",
    accepted_at=3.5,
    order=2**40,
    attempts=1,
)
FIRST_VIEWS = {
    "sessions": "session_rows",
    "messages": "message_rows",
    "session_state": "session_rows",
}
# What the first release wrote.
FIRST = """
INSERT INTO lanes VALUES ('l1', 'contract', 'conversation:-42', 1, NULL, 4, 'u1', 1.5);
INSERT INTO lane_keys VALUES ('contract/group/-42', 'l1');
INSERT INTO inbox VALUES ('i1', 'contract', 'e1', 'l1', 't1', 'u1', 0, 1,
  'done', 'answered', 1, 0.0, NULL, NULL, 'print', 1.5, 2.5);
INSERT INTO inbox VALUES ('i2', 'contract', 'e2', 'l1', 't2', 'x:1', 0, 1099511627776,
  'claimed', NULL, 1, 0.0, BLOB, BLOB, '', 3.5, NULL);
INSERT INTO session_rows VALUES ('s1', 'l1', 'contract', 'echo', 'conversation:-42',
  '{"kind":"group","id":"-42","parent_id":null,"title":"Küche"}', 1.5, 2.5, 'cooking',
  2, 2, 3, '{"a":[1,null,"ü"]}', NULL, NULL);
INSERT INTO message_rows VALUES
  ('s1', 1, 'user', 'grüße', 1.5, 'Ada', '7', 't1', 'i1', 1, ''),
  ('s1', 2, 'assistant', 'hello', 2.5, '', '', 't1', '', 1, '');
INSERT INTO tasks VALUES ('s1', 't1', 'completed', 1.5, 2.5, '["looked"]');
INSERT INTO questions VALUES ('q1', 's1', 't1', '7', 'choice', 'Which?',
  '["one","two"]', 2.5, NULL, 'open', '');
INSERT INTO deliveries VALUES
  ('d1', 'contract', 'l1', '-42', '{"chat_id":-42}', 'hello', 'u1', 's1', NULL,
   'pending', 1, 0, 0.0, 2.5, 0, '', 'busy'),
  ('d0', 'contract', 'l1', '-42', '{}', 'sent', 'u1', 's1', NULL,
   'sent', 0, 0, 0.0, 1.5, 0, '55', '');
INSERT INTO credentials VALUES ('hash', 'contract', 's1', NULL)
"""


def first_schema(connection: Connection) -> None:
    """What the first release made of an empty database."""
    config = Config()
    folder = Path(gateway.store.migrations.__file__).parent
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
    for view, table in FIRST_VIEWS.items():
        connection.exec_driver_sql(f"CREATE VIEW {view} AS SELECT * FROM {table}")


@pytest.fixture
def old(url: str) -> str:
    """A database of the first release, in use."""
    run(url, first_schema)
    blob = "X'7B7D'" if url.startswith("sqlite") else "'\\x7B7D'"
    execute(url, *FIRST.replace("BLOB", blob).split(";\n"))
    return url


def test_everything_is_there_after_a_migration(old: str) -> None:
    assert schema_state(old).pending == ("0002", "0003", "0004", "0005", "0006", "0007")
    assert migrate(old) == ["0002", "0003", "0004", "0005", "0006", "0007"]
    asyncio.run(_everything_is_there(old))


async def _everything_is_there(url: str) -> None:
    store = connect(url)
    await store.open()
    try:
        assert await store.session(SCOPE) == SESSION
        token = TokenScope(channel=CHANNEL, token_hash="hash")
        assert await store.session(token) == SESSION
        assert await store.current_session(LANE, "echo") == SESSION
        assert list(await store.history(SCOPE)) == [SAID, ANSWER]
        assert list(await store.window(SCOPE, 50)) == [SAID, ANSWER]
        assert await store.task(SCOPE, "t1") == Task(
            id="t1",
            session_id="s1",
            state=TaskState.COMPLETED,
            created_at=1.5,
            updated_at=2.5,
            steps=("looked",),
        )
        assert list(await store.open_questions(SCOPE)) == [QUESTION]
        assert list(await store.pending(LANE)) == [PENDING]
        sent = await store.delivery(OPERATOR, "d0")
        assert sent is not None
        assert (sent.state, sent.platform_id) == (DeliveryState.SENT, "55")
        assert await waiting(store) == [WAITS]
        again = await store.accept(arrival(key("-42"), event_id="e1", fingerprint="print"))
        assert (again.duplicate, again.conflict, again.lane_id) == (True, False, "l1")
        # What is new is there as well.
        await store.preview("i2", "77")
        assert [row.preview for row in await waiting(store)] == ["77"]
        assert list(await store.search(SCOPE, "GRÜSSE")) == [SAID]
        file = stored("s1")
        await store.add_file(file)
        assert await store.file(SCOPE, file.id) == file
        assert not await store.move(CHANNEL, "-42", "-10042")
        assert (await store.accept(arrival(key("-10042")))).lane_id == "l1"
        assert await store.standing(LANE) == Standing(owner="conversation:-42")
        scope = OwnerScope(channel=CHANNEL, agent="echo", owner="conversation:-42")
        assert list(await store.owned_sessions(scope, 10)) == [SESSION]
        fact = Fact(id="f1", text="they cook", created_at=4.5)
        item = Item(id="o1", name="list", text="flour", created_at=4.5)
        await store.keep(Keeping(scope=scope, data={"a": 1}, facts=(fact,), items=(item,)))
        assert await store.data(scope) == {"a": 1}
        assert list(await store.facts(scope)) == [fact]
        assert list(await store.items(scope)) == [item]
    finally:
        await store.close()


def test_a_failed_migration_leaves_the_old_schema(
    old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Connection) -> None:
        raise ArithmeticError

    monkeypatch.setattr(views, "create", fail)
    with pytest.raises(ArithmeticError):
        migrate(old)
    monkeypatch.undo()
    assert schema_state(old).version == "0001"
    assert migrate(old) == ["0002", "0003", "0004", "0005", "0006", "0007"]
    asyncio.run(_everything_is_there(old))


def test_sqlite_of_any_age_reads_what_was_migrated(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    run(f"sqlite:///{path}", first_schema)
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(message_rows)")]
    assert columns[-2:] == ["origin", "extra"]
