"""What a turn may read, and what several rows of one message amount to."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import context
from gateway.boundary import Boundary, Rule
from gateway.domain import (
    Action,
    Address,
    Attachment,
    Conversation,
    ConversationKind,
    Inbound,
    Message,
    Participant,
    Question,
    Quote,
    Role,
    Session,
    Summary,
)
from gateway.lane import Lane, Memory, Waiting, tokens_of
from gateway.lanes import Lanes
from gateway.ports.adapter import Part
from gateway.ports.records import Effects, Hold, Revision
from gateway.seen import Seen
from gateway.store import connect
from gateway.testing._store_changes import Placed

PLACE = Conversation(kind=ConversationKind.DIRECT, id="7")
SAID = Inbound(
    event_id="1",
    conversation=PLACE,
    participant=Participant(id="ada"),
    address=Address(destination="7"),
    text="look",
)
MINE = Attachment(name="mine.png", id="f1")
EARLIER = Attachment(name="earlier.png", id="f2")
SOMEBODY_ELSES = Attachment(name="theirs.png", id="f3")


def message(number: int, *files: Attachment, row: str = "", role: Role = Role.USER) -> Message:
    return Message(
        number=number, role=role, text=str(number), created_at=0.0, row_id=row, attachments=files
    )


def row(name: str, text: str, *files: Attachment, action: Action = Action.MESSAGE) -> Waiting:
    said = replace(SAID, text=text, attachments=files, message_id=name, action=action)
    return Waiting(
        id=f"{name}-{action}",
        task_id="t",
        channel="c",
        inbound=said,
        boundary=Boundary(rule=Rule.PER_USER, key="c/user/ada", shared=False, owner="o"),
        accepted_at=0.0,
    )


SESSION = Session(
    id="s",
    lane_id="l",
    channel="c",
    agent="a",
    owner="o",
    conversation=PLACE,
    created_at=0.0,
    last_activity=0.0,
)


@pytest.mark.parametrize("own", [False, True])
async def test_what_a_session_was_given_meanwhile_is_not_forgotten_with_a_commit(own: bool) -> None:
    """As the store: a name and overrides are changed by who says so."""
    lanes = Lanes()
    lane = lanes._wake("l")
    lane.memory["a"] = Memory(session=SESSION, window=deque())
    given = replace(SESSION, name="boats", overrides={"model": "big"}, version=1)
    lanes.renamed(given)
    lanes.overridden(given)
    mine = replace(SESSION, name="tea", overrides={"prompt": "brief"}, last_number=2, version=1)
    effects = Effects(
        turn_id="u",
        hold=Hold(lane_id="l", fence=1),
        sessions=(mine,),
        renamed=own,
        overridden=own,
    )
    context.keep(lane, "a", effects, 50)
    known = lane.memory["a"].session
    expected = (mine if own else given).name, (mine if own else given).overrides
    assert (known.name, known.overrides, known.last_number) == (*expected, 2)
    assert known.version == (1 if own else 2)


@pytest.mark.parametrize("what", ["deleted", "overridden"])
async def test_what_changes_while_a_session_is_read_is_read_again(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = connect(f"sqlite:///{tmp_path}/gateway.db")
    await store.open()
    try:
        talk, lanes = Placed(store), Lanes()
        await talk.writes("p/a", "a")
        lane, read = lanes._wake(talk.lane_id), store.window

        async def overtaken(*args: Any) -> Any:
            monkeypatch.setattr(store, "window", read)
            found = await read(*args)
            if what == "deleted":
                gone = Revision(origin="p/a", text=None)
                await talk.revises(gone)
                lanes.revised(lane.id, (gone,))
            else:
                lanes.overridden(await store.override(talk.scope, {"model": "big"}))
            return found

        monkeypatch.setattr(store, "window", overtaken)
        memory = await context.recall(store, lane, "echo", 50)
        assert memory is not None
        texts = [(one.role.value, one.text) for one in memory.window]
        assert (("user", "a") in texts) == (what != "deleted")
        assert memory.session.overrides == ({} if what == "deleted" else {"model": "big"})
    finally:
        await store.close()


async def test_a_turn_reads_its_own_files_and_no_others() -> None:
    async def read(attachment: Attachment) -> bytes:
        return attachment.name.encode()

    said = replace(SAID, attachments=(MINE,))
    only = context.reader(read, said, (message(1, EARLIER),))
    assert await only(MINE) == b"mine.png"
    assert await only(EARLIER) == b"earlier.png"
    for other in (SOMEBODY_ELSES, Attachment(name="not here yet", ref="there")):
        with pytest.raises(LookupError, match="not a file of this turn"):
            await only(other)


def test_an_album_is_one_message_each_part_as_its_last_edit_left_it() -> None:
    lane = Lane("l")
    lane.current = (
        row("1", "both", MINE),
        row("2", "[photo]", EARLIER),
        row("1", "corrected", MINE, action=Action.EDIT),
    )
    folded = context._folded(lane.current)
    assert folded.text == "corrected\n[photo]"
    assert folded.attachments == (MINE, EARLIER)


def test_what_a_row_has_said_already_is_no_history_of_its_turn() -> None:
    said = [message(1, row="r0"), message(2, row="r1"), message(3, row="r1", role=Role.ASSISTANT)]
    memory = Memory(session=SESSION, window=deque(said))
    assert context.history(None, "r1") == ()
    assert [m.number for m in context.history(memory, "r2")] == [1, 2, 3]
    assert [m.number for m in context.history(memory, "r1")] == [1, 3]


@pytest.mark.parametrize(("first", "told"), [(1, ""), (3, "so far")])
def test_a_turn_that_sees_all_that_was_said_is_told_no_summary(first: int, told: str) -> None:
    window = deque([message(first), message(first + 1)])
    memory = Memory(session=SESSION, window=window, summary=Summary(text="so far", upto=2))
    said = row("m", "now")
    seen = Seen(
        turn_id="u",
        task_id="t",
        row_id=said.id,
        folded=(),
        hold=Hold(lane_id="l", fence=1),
        channel="c",
        inbound=said.inbound,
        session=SESSION,
        now=0.0,
        said_at=0.0,
        way=Plain(),
    )
    messages = context.history(memory, said.id)
    turn = context.build(seen, said, "a", memory, messages, (), nothing, {})
    assert [m.number for m in turn.messages] == [first, first + 1]
    assert turn.summary.text == told


@pytest.mark.parametrize(
    ("texts", "tokens", "first"),
    [
        (["x" * 40, "x" * 40, "x" * 40], 0, 1),
        (["x" * 40, "x" * 40, "x" * 40], 30, 1),
        (["x" * 40, "x" * 40, "x" * 40], 29, 2),
        (["x" * 40, "x" * 40, "x" * 37], 20, 2),
        (["x", "x" * 4000, "x"], 1000, 3),
        # Who wrote a book sees it still.
        (["x", "x", "x" * 4000], 10, 3),
        # Four bytes a token, not four letters.
        (["я" * 40, "я" * 40, "я" * 40], 30, 3),
    ],
)
def test_a_turn_sees_the_newest_messages_within_so_many_tokens(
    texts: list[str], tokens: int, first: int
) -> None:
    said = (replace(message(n), text=text) for n, text in enumerate(texts, 1))
    memory = Memory(session=SESSION, window=deque(said))
    seen = context.history(memory, "r", tokens)
    assert [m.number for m in seen] == list(range(first, 4))
    assert context.history(None, "r", tokens) == ()


def test_what_a_message_quotes_counts() -> None:
    one = replace(message(1), text="x" * 40)
    assert tokens_of(one) == 10
    assert tokens_of(replace(one, quote=Quote(text="y" * 5))) == 12


class Plain:
    """A channel that is asked nothing here."""

    def spell(self, text: str, question: Question | None, address: Address) -> str:
        return text

    def split(self, text: str, *, markdown: bool) -> list[Part]:
        return [Part(text=text)]

    def carries(self, attachment: Attachment) -> bool:
        return True


async def nothing(attachment: Attachment) -> bytes:
    raise LookupError(attachment.name)
