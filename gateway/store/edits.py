"""Edited and deleted messages: what people took back is kept no longer."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from gateway.domain import Message
from gateway.ports.records import LaneScope, Revision
from gateway.store import files, inbox, messages, sessions, summaries
from gateway.store.scope import scoped
from gateway.store.text import key


@scoped(LaneScope)
def revise(
    connection: Connection, scope: LaneScope, row_id: str, revisions: Sequence[Revision]
) -> bool:
    """Change the messages that the control row is about, in whichever session of the lane.

    A row that is over has changed them before. Returns whether there were any.
    """
    texts = {key(revision.origin): revision.text for revision in revisions if revision.origin}
    session_ids = sessions.ids_on(connection, scope.lane_id)
    found = messages.with_origins(connection, session_ids, list(texts))
    if not inbox.end_revision(connection, row_id, bool(found)):
        return False
    for session_id, message in found:
        text = texts[message.origin]
        messages.edit(connection, session_id, message.number, text)
        summaries.outdated(connection, session_id, message.number)
        if text is None:
            _drop_files(connection, session_id, message)
    for session_id in {session_id for session_id, _ in found}:
        sessions.touch(connection, session_id)
    return bool(found)


def _drop_files(connection: Connection, session_id: str, deleted: Message) -> None:
    for attachment in deleted.attachments:
        # An agent may have sent it back.
        if attachment.id and not messages.mention(connection, session_id, attachment.id):
            files.delete_one(connection, session_id, attachment.id)
