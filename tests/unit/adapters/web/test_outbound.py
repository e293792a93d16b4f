"""What a client is told."""

from __future__ import annotations

from dataclasses import asdict, replace

import orjson
import pytest

from adapters.web import outbound
from gateway import Attachment, Message, Question, QuestionKind, Quote, Role

MESSAGE = Message(
    number=3, role=Role.ASSISTANT, text="Tea?", created_at=1_800_000_000.5, task_id="t",
    question_id="q",
)  # fmt: skip
QUESTION = Question(
    id="q", session_id="s", task_id="t", addressee="p", kind=QuestionKind.CHOICE, text="Tea?",
    options=("Yes", "No"),
)  # fmt: skip
FILE = Attachment(id="f1", name="cat.png", media_type="image/png", size=7)


def link(attachment: Attachment) -> str:
    return f"/files/{attachment.id}?exp=1&sig=x"


def test_a_moment_is_utc() -> None:
    assert outbound.moment(1_800_000_000.5) == "2027-01-15T08:00:00.500Z"


def test_a_message_leaves_out_what_it_has_not() -> None:
    assert outbound.message(MESSAGE, link) == {
        "id": 3,
        "role": "assistant",
        "text": "Tea?",
        "created_at": "2027-01-15T08:00:00.500Z",
        "notice": False,
        "attachments": [],
        "task_id": "t",
    }


@pytest.mark.parametrize(("name", "shown"), [("Ada", "Ada"), ("anon:1", None), ("", None)])
def test_a_sender_is_shown_only_by_name(name: str, shown: str | None) -> None:
    message = Message(
        number=1, role=Role.USER, text="x", created_at=0, sender=name, sender_id="anon:1"
    )
    assert outbound.message(message, link).get("sender") == shown


def test_only_open_questions_are_asked() -> None:
    asked, other = outbound.messages([MESSAGE, MESSAGE], link, [QUESTION]), [MESSAGE]
    assert asked[0]["question"] == {"id": "q", "kind": "choice", "options": ["Yes", "No"]}
    assert "question" not in outbound.messages(other, link)[0]


def test_a_frame_has_an_id_only_for_a_durable_number() -> None:
    assert outbound.frame("message", {"a": "b\n\nc"}, 3) == (
        b'event: message\nid: 3\ndata: {"a":"b\\n\\nc"}\n\n'
    )
    assert outbound.frame("delta", {}) == b"event: delta\ndata: {}\n\n"


def test_a_published_message_survives_the_way_between_machines() -> None:
    data = {"message": asdict(MESSAGE), "question": asdict(QUESTION)}
    assert outbound.published(data) == (MESSAGE, QUESTION)
    assert outbound.published(orjson.loads(orjson.dumps(data))) == (MESSAGE, QUESTION)
    assert outbound.published({"message": asdict(MESSAGE)}) == (MESSAGE, None)


def test_a_message_shows_its_files_and_what_it_replies_to() -> None:
    elsewhere = Attachment(name="still on its platform", ref="r")
    quote = Quote(text="before", sender="Ada", from_agent=True)
    message = replace(MESSAGE, attachments=(FILE, elsewhere), quote=quote)
    shown = outbound.message(message, link)
    assert shown["attachments"] == [
        {
            "id": "f1",
            "name": "cat.png",
            "media_type": "image/png",
            "size": 7,
            "url": "/files/f1?exp=1&sig=x",
        }
    ]
    assert shown["quote"] == {"text": "before", "sender": "Ada", "from_agent": True}
    data = orjson.loads(orjson.dumps({"message": asdict(message)}))
    assert outbound.published(data) == (message, None)
