"""The checks that keep what is one's own apart, each with a way to take it out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_STORE = "gateway/store/"
_ANY = '.concat("~")'
"""Added to a value, it equals none; so ``!=`` of it holds for every row."""


@dataclass(frozen=True)
class Guard:
    """``old`` in a file (the ``place``-th, from 0) becomes ``new``, which checks no more."""

    name: str
    path: str
    old: str
    new: str
    place: int = 0

    def take_out(self, tree: Path) -> None:
        """Do so in a copy of the tree."""
        path = tree / self.path
        parts = path.read_text().split(self.old)
        assert len(parts) > self.place + 1, f"{self.path} has no {self.old!r} any more"
        before, after = self.old.join(parts[: self.place + 1]), parts[self.place + 1 :]
        path.write_text(before + self.new + self.old.join(after))


def _column(name: str, path: str, column: str, place: int = 0) -> Guard:
    """A comparison of a column with a value of a prepared statement."""
    table, _, field = column.rpartition(".c.")
    value = f'sql.value("{field}")'
    old = f"{table}.c.{field} == {value}"
    return Guard(name, path, old, f"{table}.c.{field} != {value}{_ANY}", place)


GUARDS = (
    _column("the live session: its lane", f"{_STORE}sessions.py", "sessions.c.lane_id", 2),
    _column("the live session: its agent", f"{_STORE}sessions.py", "sessions.c.agent", 1),
    _column("messages: their session", f"{_STORE}messages.py", "messages.c.session_id"),
    _column("a token: its session", f"{_STORE}sessions.py", "credentials.c.token_hash"),
    Guard(
        "/sessions: the lane",
        f"{_STORE}sessions.py",
        "sessions.c.lane_id == scope.lane_id, sessions.c.agent == agent",
        "sessions.c.agent == agent",
    ),
    Guard(
        "/sessions: the agent",
        f"{_STORE}sessions.py",
        "sessions.c.lane_id == scope.lane_id, sessions.c.agent == agent",
        "sessions.c.lane_id == scope.lane_id",
    ),
    *(
        Guard(
            f"an owner's sessions: the {name}", f"{_STORE}sessions.py", f"        {line},\n", "", 0
        )
        for name, line in (
            ("channel", "sessions.c.channel == scope.channel"),
            ("owner", "sessions.c.owner == clean(scope.owner)"),
            ("agent", "sessions.c.agent == scope.agent"),
        )
    ),
    *(
        Guard(
            f"what is kept: the {name}",
            f"{_STORE}places.py",
            'table.c[name] == sql.value(f"at_{name}")',
            f'table.c[name] != sql.value(f"at_{{name}}"){_ANY} if name == "{name}"'
            ' else table.c[name] == sql.value(f"at_{name}")',
        )
        for name in ("channel", "owner", "agent")
    ),
    Guard(
        "a summary: its session",
        f"{_STORE}summaries.py",
        "select(summaries).where(summaries.c.session_id == scope.session_id)",
        "select(summaries).order_by(summaries.c.upto.desc())",
    ),
    Guard(
        "earlier sessions: only the owner's",
        "gateway/reach.py",
        "if all(session.id != session_id for session in await self.sessions()):",
        "if not session_id:",
    ),
    Guard(
        "whose it is: the session's owner",
        "gateway/reach.py",
        "owner=session.owner)",
        'owner="everybody")',
    ),
    Guard(
        "data at hand: whose",
        "gateway/longterm.py",
        "found = orjson.dumps(await self._store.data(scope))",
        'found = max(self._known.values(), key=len, default=b"{}")',
    ),
    Guard(
        "a lane: the channel",
        "gateway/boundary.py",
        "f\"{quote(channel, safe='')}/{rule",
        'f"all/{rule',
    ),
    Guard(
        "a lane: the person in the group",
        "gateway/boundary.py",
        'return [("group id", group), ("participant id", who.id)]',
        'return [("group id", group)]',
    ),
    Guard(
        "knowledge: the agent's bases",
        "gateway/knowledge/index.py",
        "WHERE base IN ({places})",
        "WHERE base IN ({places}) OR 1",
    ),
    Guard(
        "an export: the person's own messages",
        f"{_STORE}people.py",
        "if message.role is Role.USER and message.sender_id in senders:",
        "if message.role is Role.USER:",
    ),
    Guard(
        "/forget: what is kept",
        f"{_STORE}erasing.py",
        "keepings.delete_of_owner(connection, scope.channel, owner)",
        "[]",
    ),
    Guard(
        "/forget: messages among others'",
        f"{_STORE}people.py",
        "mine = message.role is Role.USER and message.sender_id in senders",
        "mine = False",
    ),
    Guard(
        "/forget: data at hand",
        "gateway/longterm.py",
        "(scope.channel, scope.owner) == (channel, owner)",
        "not scope",
    ),
)
