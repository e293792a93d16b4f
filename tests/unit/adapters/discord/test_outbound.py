"""Deliveries and previews as calls: words, buttons, files, and what can be told of them later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.discord import outbound
from adapters.discord.markdown import escaped
from adapters.discord.outbound import MAX_TEXT
from gateway import Address, Attachment, Delivery, Preview, Question, QuestionKind
from gateway.presentation import units

HERE = Address(destination="5", data={"channel": "5", "reply_to": "77"})
INVOKED = Address(
    destination="5",
    data={"channel": "5", "interaction": {"id": "1", "token": "tok/en?", "application": "9"}},
)
ROSE = Attachment(name="a rose.png", media_type="image/png", size=7, id="f")


def delivery(text: str = "hello", address: Address = HERE, **more: Any) -> Delivery:
    return Delivery(
        id=more.pop("id", "d1"), channel="c", lane_id="l", address=address, text=text, **more
    )


def question(*options: str) -> Question:
    return Question(
        id="0" * 32,
        session_id="s",
        task_id="t",
        addressee="5",
        kind=QuestionKind.CHOICE,
        text="?",
        options=options,
    )


# By a slash command's token.


def test_a_follow_up_is_the_same_but_for_what_hooks_do_not_know() -> None:
    path, body = outbound.create_message(delivery(address=INVOKED, attachment=ROSE))
    found = outbound.follow_up(INVOKED, {**body, "message_reference": {}})
    assert found is not None
    assert found[0] == "/webhooks/9/tok%2Fen%3F"
    assert set(body) - set(found[1]) == {"nonce", "enforce_nonce"}
    assert "message_reference" not in found[1]
    assert found[1].items() <= body.items()
    assert path != found[0]
    assert outbound.follow_up(HERE, body) is None


# Words.


def test_nobody_is_called_whatever_is_said() -> None:
    item = delivery("@everyone <@1>", question=question("@here"), replaces="8", attachment=ROSE)
    asked = delivery("?", question=question(*["x" * 90] * 30))
    preview = Preview(address=HERE, task_id="t", text="@everyone", message_id="8")
    calls = [
        outbound.create_message(item),
        outbound.edit_message(item),
        outbound.create_preview(preview, nonce="n"),
        outbound.edit_preview(preview),
        *outbound.create_list(asked),
    ]
    assert len(calls) > 4
    for _, body in calls:
        assert body["allowed_mentions"] == {"parse": [], "replied_user": False}


def test_links_have_previews_only_where_they_are_wanted() -> None:
    assert outbound.create_message(delivery())[1]["flags"] == 4
    assert outbound.create_message(delivery(), link_previews=True)[1]["flags"] == 0
    # An edit has to say it too: the preview of the answer may have been told otherwise.
    assert outbound.edit_message(delivery(replaces="8"), link_previews=True)[1]["flags"] == 0


def test_a_nonce_is_the_deliverys_own() -> None:
    one, same, other = (
        outbound.create_message(delivery(id=name))[1]["nonce"] for name in ("a", "a", "b")
    )
    assert one == same != other
    assert 0 < len(one) <= 25
    assert outbound.create_message(delivery())[1]["enforce_nonce"] is True


def test_only_the_first_part_refers_to_what_it_answers() -> None:
    first, second = (outbound.create_message(delivery(part=part))[1] for part in (0, 1))
    assert first["message_reference"] == {"message_id": "77", "fail_if_not_exists": False}
    assert "message_reference" not in second
    assert "message_reference" not in outbound.create_message(delivery(address=INVOKED))[1]


def test_a_notice_is_escaped_when_it_leaves() -> None:
    (part,) = outbound.split("*not* @everyone", markdown=False)
    assert part.text == "*not* @everyone"
    said = outbound.create_message(delivery(part.text, format=part.format))[1]["content"]
    assert said == "\\*not\\* @everyone"
    (answer,) = outbound.split("*it* #### x\n#### y", markdown=True)
    said = outbound.create_message(delivery(answer.text, format=answer.format))[1]["content"]
    assert said == "*it* #### x\n**y**"


@pytest.mark.parametrize("markdown", [True, False])
@pytest.mark.parametrize(
    "text", ["x" * 5000, "two words " * 500, "*_" * 2500, "👋🏽" * 1500, "```py\n" + "x_y\n" * 1500]
)
def test_long_texts_are_cut(text: str, markdown: bool) -> None:
    parts = outbound.split(text, markdown=markdown)
    assert len(parts) > 1
    for part in parts:
        said = outbound.content(delivery(part.text, format=part.format))
        assert units(said) <= MAX_TEXT
        assert said.strip()
    shortest = min(units(outbound.content(delivery(p.text, format=p.format))) for p in parts[:-1])
    assert shortest > MAX_TEXT // 3


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="ab *_`~[]()<>#-|\\:\n👋", max_size=120), times=st.integers(1, 60))
def test_no_part_is_ever_too_long(text: str, times: int) -> None:
    for markdown in (True, False):
        for part in outbound.split(text * times, markdown=markdown):
            assert units(outbound.content(delivery(part.text, format=part.format))) <= MAX_TEXT


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="ab *_`~[]()<>#-|\\:\n👋", max_size=120), times=st.integers(1, 60))
def test_no_preview_is_ever_too_long(text: str, times: int) -> None:
    assert units(outbound.preview_text(text * times)) <= MAX_TEXT


def test_a_long_answers_preview_shows_its_end() -> None:
    said = outbound.preview_text("\n\n".join(f"__{number}__" for number in range(2000)))
    assert said.startswith("…")
    assert said.endswith("**1999**")
    assert units(outbound.preview_text("||x" * 5000)) <= MAX_TEXT
    assert outbound.preview_text("here is **bo") == "here is **bo**"
    assert outbound.preview_text("```py\nx = 1") == "```py\nx = 1\n```"


# Paths.


def test_a_commands_own_message_is_found_by_its_token() -> None:
    path, body = outbound.edit_message(delivery(address=INVOKED, replaces="@original"))
    assert path == "/webhooks/9/tok%2Fen%3F/messages/@original"
    assert body["content"] == "hello"
    assert outbound.edit_message(delivery(replaces="8"))[0] == "/channels/5/messages/8"
    assert outbound.create_message(delivery(address=INVOKED))[0] == "/channels/5/messages"


def test_what_is_no_id_stays_in_its_place() -> None:
    odd = Address(destination="../users/@me?x")
    path, _ = outbound.create_message(delivery(address=odd))
    assert path == "/channels/..%2Fusers%2F%40me%3Fx/messages"


# Questions.


def test_options_are_rows_of_buttons() -> None:
    asked = question("Tea", " two\nlines ", "", *map(str, range(4, 30)))
    rows = outbound.create_message(delivery("Which?", question=asked))[1]["components"]
    buttons = [button for row in rows for button in row["components"]]
    assert [len(row["components"]) for row in rows] == [5] * 5
    assert [button["label"] for button in buttons[:4]] == ["Tea", "two lines", "3", "4"]
    assert [button["custom_id"] for button in buttons[:2]] == [f"q:{'0' * 32}:{n}" for n in (0, 1)]
    assert all(len(button["custom_id"]) <= 100 for button in buttons)


def test_what_no_button_shows_is_listed_ahead() -> None:
    long = "👋" * 41
    asked = question("Tea", long, *(f"option {number}" for number in range(3, 28)))
    assert outbound.listed(asked).splitlines() == [
        f"2. {long}",
        "26. option 26",
        "27. option 27",
    ]
    ((path, body),) = outbound.create_list(delivery("Which?", question=asked))
    assert path == "/channels/5/messages"
    assert body["content"].startswith("2\\. 👋")
    assert body["nonce"] != outbound.create_message(delivery("Which?", question=asked))[1]["nonce"]
    label = outbound.rows(asked)[0]["components"][1]["label"]
    assert label.startswith("2. 👋")
    assert label.endswith("…")
    assert units(label) <= 80


def test_a_list_may_be_long_itself() -> None:
    asked = question(*(f"{number} " + "x*" * 400 for number in range(30)))
    calls = list(outbound.create_list(delivery("?", question=asked)))
    assert len(calls) > 5
    assert len({body["nonce"] for _, body in calls}) == len(calls)
    assert all(units(body["content"]) <= MAX_TEXT for _, body in calls)
    assert not list(outbound.create_list(delivery("?", question=question("Tea", "Coffee"))))


def test_buttons_go_when_the_answer_has_none() -> None:
    assert outbound.edit_message(delivery(replaces="8"))[1]["components"] == []
    asked = delivery("?", replaces="8", question=question("Tea"))
    assert outbound.edit_message(asked)[1]["components"][0]["components"][0]["label"] == "Tea"
    preview = Preview(address=HERE, task_id="t", text="x")
    stop = outbound.create_preview(preview, nonce="n")[1]["components"][0]["components"][0]
    assert (stop["label"], stop["custom_id"]) == ("Stop", "stop")


# Files.


def test_what_can_be_sent_at_all() -> None:
    sizes = {0: False, 1: True, 10 * 2**20: True, 10 * 2**20 + 1: False}
    for size, can in sizes.items():
        assert outbound.carries(Attachment(name="x", size=size)) is can


def test_a_file_is_called_as_it_was() -> None:
    assert (
        outbound.file_name(Attachment(name='Grüße\r\n "für" /dich.bin')) == "Grüße_ _für_ _dich.bin"
    )
    assert outbound.file_name(Attachment(name=" \x00 ")) == "_"
    assert outbound.file_name(Attachment(name="")) == "file"
    # Said of an edit too, it leaves no other file in the message.
    for _, body in (
        outbound.create_message(delivery(attachment=ROSE)),
        outbound.edit_message(delivery(attachment=ROSE, replaces="8")),
    ):
        assert body["attachments"] == [{"id": 0, "filename": "a rose.png"}]


# What stands there already.


def told(content: str = "hello", **more: Any) -> dict[str, Any]:
    return {"id": "1", "content": content, "attachments": [], "components": [], **more}


def test_a_message_is_known_by_what_it_says() -> None:
    assert outbound.is_same(told(), delivery(" hello\n"))
    assert not outbound.is_same(told("hello!"), delivery())
    assert outbound.is_same(told(escaped("*a*")), delivery("*a*", format={"plain": True}))
    assert not outbound.is_same(told("*a*"), delivery("*a*", format={"plain": True}))


def test_a_preview_is_no_answer() -> None:
    stop = [{"type": 1, "components": [{"type": 2, "custom_id": "stop"}]}]
    assert not outbound.is_same(told(components=stop), delivery())


def test_a_file_is_known_by_its_name_and_size() -> None:
    item = delivery("", attachment=ROSE)
    file = {"filename": "a_rose.png", "size": 7}
    assert outbound.is_same(told("", attachments=[file]), item)
    assert not outbound.is_same(told("", attachments=[{**file, "size": 8}]), item)
    assert not outbound.is_same(told("", attachments=[{**file, "filename": "b.png"}]), item)
    assert not outbound.is_same(told(""), item)
    assert not outbound.is_same(told(attachments=[file]), delivery())


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"content": None},
        {"content": "hello", "attachments": "x", "components": 7},
        {"content": "hello", "attachments": [None], "components": [None, {"components": [3]}]},
    ],
)
def test_odd_messages_are_none_of_ours_or_read_as_far_as_they_go(odd: dict[str, Any]) -> None:
    assert outbound.is_same(odd, delivery()) is (odd.get("content") == "hello")
    assert not outbound.is_same(odd, replace(delivery(), attachment=ROSE))
