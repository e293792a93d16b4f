"""What a turn may read, and what several rows of one message amount to."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

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
    Role,
    Session,
    Summary,
)
from gateway.lane import Lane, Memory, Waiting
from gateway.ports.adapter import Part
from gateway.ports.records import Hold
from gateway.seen import Seen

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
    session = Session(
        id="s",
        lane_id="l",
        channel="c",
        agent="a",
        owner="o",
        conversation=PLACE,
        created_at=0.0,
        last_activity=0.0,
    )
    said = [message(1, row="r0"), message(2, row="r1"), message(3, row="r1", role=Role.ASSISTANT)]
    memory = Memory(session=session, window=deque(said))
    assert context.history(None, "r1") == ()
    assert [m.number for m in context.history(memory, "r2")] == [1, 2, 3]
    assert [m.number for m in context.history(memory, "r1")] == [1, 3]


@pytest.mark.parametrize(("first", "told"), [(1, ""), (3, "so far")])
def test_a_turn_that_sees_all_that_was_said_is_told_no_summary(first: int, told: str) -> None:
    session = Session(
        id="s",
        lane_id="l",
        channel="c",
        agent="a",
        owner="o",
        conversation=PLACE,
        created_at=0.0,
        last_activity=0.0,
    )
    window = deque([message(first), message(first + 1)])
    memory = Memory(session=session, window=window, summary=Summary(text="so far", upto=2))
    said = row("m", "now")
    seen = Seen(
        turn_id="u",
        task_id="t",
        row_id=said.id,
        folded=(),
        hold=Hold(lane_id="l", fence=1),
        channel="c",
        inbound=said.inbound,
        session=session,
        now=0.0,
        said_at=0.0,
        way=Plain(),
    )
    turn = context.build(seen, said, "a", memory, (), nothing)
    assert [m.number for m in turn.messages] == [first, first + 1]
    assert turn.summary.text == told


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
