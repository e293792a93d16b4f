"""Deliveries and previews as parameters of calls."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.telegram import inbound, outbound
from adapters.telegram.cutting import Piece
from adapters.telegram.outbound import Call
from adapters.telegram.simulation.markup import check_markup
from gateway import (
    Address,
    Attachment,
    Delivery,
    Inbound,
    Part,
    Participant,
    Press,
    Preview,
    Question,
    QuestionKind,
    new_id,
)
from gateway.presentation import Span

DIRECT = {"chat_id": 5001}
GROUP = {"chat_id": -100, "reply_to": 21}
TOPIC = {"chat_id": -100, "message_thread_id": 40, "reply_to": 21}


def delivery(
    where: dict[str, Any] = DIRECT,
    text: str = "hello",
    *,
    part: int = 0,
    replaces: str = "",
    **asked: Any,
) -> Delivery:
    return Delivery(
        id=new_id(),
        channel="garden",
        lane_id="lane",
        address=Address(destination="there", data=where),
        text=text,
        part=part,
        replaces=replaces,
        question=question(**asked) if asked else None,
    )


def question(
    options: tuple[str, ...] = (), kind: QuestionKind = QuestionKind.CHOICE, question_id: str = ""
) -> Question:
    return Question(
        id=question_id or new_id(),
        session_id="s",
        task_id="t",
        addressee="5001",
        kind=kind,
        text="?",
        options=options,
    )


# One message.


def test_a_text_goes_to_its_chat() -> None:
    assert outbound.send_message(delivery()) == {"chat_id": 5001, "text": "hello"}


def test_answers_in_groups_quote_what_they_answer_once() -> None:
    quote = {"message_id": 21, "allow_sending_without_reply": True}
    first = {"chat_id": -100, "message_thread_id": 40, "text": "hello", "reply_parameters": quote}
    assert outbound.send_message(delivery(TOPIC)) == first
    assert "reply_parameters" not in outbound.send_message(delivery(TOPIC, part=1))


def test_a_channels_direct_messages_have_topics_of_their_own() -> None:
    where = {"chat_id": -100, "direct_messages_topic_id": 5001}
    assert outbound.send_message(delivery(where)) == {**where, "text": "hello"}
    address = Address(destination="there", data=where)
    assert outbound.send_chat_action(address) == {"chat_id": -100, "action": "typing"}


def test_typing_is_shown_in_its_topic() -> None:
    address = Address(destination="there", data=TOPIC)
    expected = {"chat_id": -100, "message_thread_id": 40, "action": "typing"}
    assert outbound.send_chat_action(address) == expected


def test_a_text_question_in_a_group_opens_the_input_field_of_who_is_asked() -> None:
    asked = outbound.send_message(delivery(GROUP, part=1, kind=QuestionKind.TEXT))
    assert asked["reply_markup"] == {"force_reply": True, "selective": True}
    assert asked["reply_parameters"]["message_id"] == 21
    assert "reply_markup" not in outbound.send_message(delivery(kind=QuestionKind.TEXT))


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (("Yes", "No"), [2]),
        (("1", "2", "3", "4", "5"), [3, 2]),
        (("Red roses, many", "White ones"), [2]),
        (("Red roses, many", "White", "None"), [2, 1]),
        (("A label too long to share its row", "No"), [1, 1]),
    ],
)
def test_options_are_buttons_in_rows(options: tuple[str, ...], rows: list[int]) -> None:
    markup = outbound.send_message(delivery(options=options))["reply_markup"]
    assert [len(row) for row in markup["inline_keyboard"]] == rows
    assert tuple(b["text"] for row in markup["inline_keyboard"] for b in row) == options
    assert check_markup(markup)


def test_no_option_is_without_a_label_and_no_keyboard_is_too_large() -> None:
    keyboard = outbound.keyboard(question(("", " ", *"abc" * 50)))
    labels = [button["text"] for row in keyboard for button in row]
    assert labels[:3] == ["1", "2", "a"]
    assert len(labels) == outbound.MAX_BUTTONS


def test_a_button_is_read_back_as_its_option() -> None:
    asked = question(tuple("ab" * 50))
    buttons = [button for row in outbound.keyboard(asked) for button in row]
    for option in (0, 99):
        data = buttons[option]["callback_data"]
        assert len(data.encode()) <= 64
        raw = (
            '{"update_id":1,"callback_query":{"id":"1","from":{"id":5},"message":{"message_id":1,'
            f'"chat":{{"id":5,"type":"private"}}}},"data":"{data}"}}}}'
        )
        event = inbound.parse(raw.encode(), inbound.Me(id=1))
        assert isinstance(event, Inbound)
        assert event.press == Press(question_id=asked.id, option=option)


# Other calls.


def test_a_business_account_speaks_through_its_connection() -> None:
    where = {"chat_id": 7, "business_connection_id": "c"}
    address = Address(destination="there", data=where)
    assert outbound.send_message(delivery(where)) == {**where, "text": "hello"}
    assert outbound.send_chat_action(address) == {**where, "action": "typing"}
    edit = outbound.edit_message(delivery(where, replaces="3"))
    assert edit == {**where, "message_id": 3, "text": "hello"}
    assert outbound.delete_message(address, "3") == Call(
        method="deleteBusinessMessages",
        parameters={"business_connection_id": "c", "message_ids": [3]},
    )
    assert not outbound.is_private(address)


def test_an_edit_takes_the_stop_button_away_or_puts_the_options_there() -> None:
    plain = outbound.edit_message(delivery(GROUP, replaces="3"))
    assert plain == {"chat_id": -100, "message_id": 3, "text": "hello"}
    asked = outbound.edit_message(delivery(GROUP, replaces="3", options=("Yes", "No")))
    assert asked is not None
    assert "inline_keyboard" in asked["reply_markup"]
    assert outbound.edit_message(delivery(GROUP, replaces="3", kind=QuestionKind.TEXT)) is None


def test_drafts_of_a_task_share_a_number_that_is_not_zero() -> None:
    numbers = {outbound.draft_id(new_id()) for _ in range(100)}
    assert len(numbers) > 90
    assert all(0 < number < 2**31 for number in numbers)
    assert outbound.draft_id("t") == outbound.draft_id("t")
    assert outbound.draft_id("") == 1


def test_a_draft_is_shown_in_its_topic() -> None:
    where = {"chat_id": 5, "message_thread_id": 9, "reply_to": 3}
    preview = Preview(address=Address(destination="x", data=where), task_id="t", text="")
    piece = Piece(text="Roses", spans=(Span(start=0, end=5, kind="bold"),))
    assert outbound.send_draft(preview, piece) == {
        "chat_id": 5,
        "message_thread_id": 9,
        "draft_id": outbound.draft_id("t"),
        "can_stop": True,
        "text": "Roses",
        "entities": [{"type": "bold", "offset": 0, "length": 5}],
    }


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("rose.jpg", "rose.jpg"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ('a"\r\nX-Header: 1', "a_X-Header: 1"),
        ("", "file"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        ("\ud83c.txt", "_.txt"),
    ],
)
def test_a_files_name_can_stand_in_a_header(name: str, shown: str) -> None:
    assert outbound.file_name(Attachment(name=name)) == shown


@pytest.mark.parametrize(
    ("media_type", "size", "kind"),
    [
        ("image/jpeg", 10_000_000, "photo"),
        ("image/jpeg", 10_000_001, "document"),
        ("IMAGE/PNG", 1, "photo"),
        ("image/heic", 1, "document"),
        ("audio/wav", 1, "document"),
        ("text/html", 1, "document"),
    ],
)
def test_what_a_file_is_shown_as(media_type: str, size: int, kind: str) -> None:
    assert outbound.kind_of(Attachment(name="x", media_type=media_type, size=size)) == kind


def test_a_plain_part_carries_nothing_besides() -> None:
    assert list(outbound.split("hello", is_markdown=True)) == [Part(text="hello")]
    (part,) = outbound.split("*hello*", is_markdown=True)
    assert part.format == {"entities": [{"type": "italic", "offset": 0, "length": 5}]}


@pytest.mark.parametrize(
    ("who", "where", "chat"),
    [
        ("5001", GROUP, 5001),
        ("5001", TOPIC, 5001),
        ("-100", GROUP, None),  # an anonymous admin speaks as the group
        ("5001@bc1", {"chat_id": 5001, "business_connection_id": "bc1"}, None),
        ("5001", {"chat_id": 5001, "business_connection_id": "bc1"}, None),
        ("", GROUP, None),
    ],
)
def test_whom_a_private_chat_is_with(who: str, where: dict[str, Any], chat: int | None) -> None:
    address = Address(destination="there", data=where)
    private = outbound.private_chat(address, Participant(id=who))
    wanted = chat and Address(destination=str(chat), data={"chat_id": chat})
    assert private == wanted
