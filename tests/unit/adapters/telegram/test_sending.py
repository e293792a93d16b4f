"""Marked words, files, previews, and the second way where Telegram refuses the first."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from adapters.telegram.cutting import MAX_TEXT
from gateway import (
    Address,
    Attachment,
    Delivery,
    Inbound,
    NotAccepted,
    OutcomeUnknown,
    Part,
    Preview,
    Question,
    QuestionKind,
    RecipientGone,
    Rejected,
    Unavailable,
    new_id,
)
from gateway.testing.simulator import Fault, SimulatedPlace
from tests.unit.adapters.telegram.channel import Channel, channel

LINK = "**Roses** are [red](https://example.org/🌹) 🌹 `x`"


class Shelf:
    """The gateway's files, as far as an adapter reads them."""

    limit = 0

    def __init__(self, **contents: bytes) -> None:
        self.contents = contents

    async def read(self, attachment: Attachment) -> bytes:
        """What stands there. Raises `LookupError`."""
        return self.contents[attachment.id]


@pytest.fixture
async def tg() -> AsyncIterator[Channel]:
    async with channel() as everything:
        yield everything


@pytest.fixture
async def group(tg: Channel) -> SimulatedPlace:
    return tg.simulator.place("group", people=[tg.ann])


async def asked_in(tg: Channel, place: SimulatedPlace) -> Inbound:
    return await tg.read("how deep?", place, mention=True)


def marked(tg: Channel, parts: Sequence[Part], **more: Any) -> Delivery:
    (part,) = parts
    return tg.delivery(part.text, format=part.format, **more)


def kinds(message: Any) -> list[tuple[str, str]]:
    """Each entity of a message with its words."""
    raw = message.text.encode("utf-16-le")
    return [
        (e["type"], raw[2 * e["offset"] : 2 * (e["offset"] + e["length"])].decode("utf-16-le"))
        for e in message.entities
    ]


def png(width: int = 2, height: int = 2) -> bytes:
    """A black picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\0" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def question(kind: QuestionKind = QuestionKind.CHOICE, *options: str) -> Question:
    return Question(
        id=new_id(),
        session_id="s",
        task_id="t",
        addressee="5",
        kind=kind,
        text="?",
        options=options,
    )


# Words.


async def test_markdown_is_shown(tg: Channel) -> None:
    await tg.adapter.send(marked(tg, tg.adapter.split(LINK, markdown=True)))
    (seen,) = tg.simulator.sent(tg.here)
    assert seen.text == "Roses are red 🌹 x"
    assert kinds(seen) == [("bold", "Roses"), ("text_link", "red"), ("code", "x")]


async def test_a_notice_and_a_channel_without_markdown_show_it_as_it_stands(tg: Channel) -> None:
    assert list(tg.adapter.split(LINK, markdown=False)) == [Part(text=LINK)]
    plain = tg.again(markdown=False).adapter
    assert list(plain.split(LINK, markdown=True)) == [Part(text=LINK)]


async def test_entities_that_telegram_refuses_are_left_out(tg: Channel) -> None:
    bad = {"entities": [{"type": "text_link", "offset": 0, "length": 5, "url": "gopher://x"}]}
    await tg.adapter.send(tg.delivery("Roses", format=bad))
    (seen,) = tg.simulator.sent(tg.here)
    assert (seen.text, seen.entities) == ("Roses", ())
    assert tg.methods() == ["sendMessage", "sendMessage"]


async def test_links_have_previews_only_where_they_are_wanted(tg: Channel) -> None:
    for adapter in (tg.adapter, tg.again(link_previews=True).adapter):
        await adapter.send(tg.delivery("see example.org"))
    given = [call.parameters.get("link_preview_options") for call in tg.simulator.calls()]
    assert given == [{"is_disabled": True}, None]


# Files.


@pytest.mark.parametrize(
    ("media_type", "content", "method"),
    [
        ("image/png", png(), "sendPhoto"),
        ("image/gif", b"GIF89a", "sendAnimation"),
        ("audio/ogg", b"OggS", "sendVoice"),
        ("audio/ogg; codecs=opus", b"OggS", "sendVoice"),
        ("audio/mpeg", b"ID3", "sendAudio"),
        ("video/mp4", b"ftyp", "sendVideo"),
        ("application/pdf", b"%PDF", "sendDocument"),
        ("image/svg+xml", b"<svg/>", "sendDocument"),
        ("evil\r\nX-Header: 1", b"x", "sendDocument"),
    ],
)
async def test_a_file_is_sent_as_what_it_is(
    tg: Channel, media_type: str, content: bytes, method: str
) -> None:
    tg.host.files = Shelf(f=content)
    name = 'Grüße\r\n "für" /dich ü🌹.bin'
    attachment = Attachment(name=name, media_type=media_type, size=len(content), id="f")
    sent = await tg.adapter.send(tg.delivery("Look!", attachment=attachment))
    (seen,) = tg.simulator.sent(tg.here)
    assert tg.methods() == [method]
    assert (seen.text, seen.message_id) == ("Look!", sent.platform_id)
    assert [file.content for file in seen.files] == [content]
    if method == "sendDocument":
        assert seen.files[0].name == "Grüße_ _für_ _dich ü🌹.bin"


async def test_a_picture_that_is_refused_goes_as_a_file(tg: Channel) -> None:
    tall = png(1, 9000)
    tg.host.files = Shelf(f=tall, g=b"no picture")
    for file_id in "fg":
        attachment = Attachment(name="x.png", media_type="image/png", size=9, id=file_id)
        await tg.adapter.send(tg.delivery("", attachment=attachment))
    assert tg.methods() == ["sendPhoto", "sendDocument"] * 2
    assert [seen.files[0].content for seen in tg.simulator.sent(tg.here)] == [tall, b"no picture"]


async def test_a_large_picture_goes_as_a_file_at_once(tg: Channel) -> None:
    content = b"x" * 11_000_000
    tg.host.files = Shelf(f=content)
    attachment = Attachment(name="x.png", media_type="image/png", size=len(content), id="f")
    await tg.adapter.send(tg.delivery("", attachment=attachment))
    assert tg.methods() == ["sendDocument"]
    assert tg.simulator.sent(tg.here)[0].files[0].size == len(content)


async def test_a_caption_is_marked_and_a_long_one_goes_ahead(tg: Channel) -> None:
    tg.host.files = Shelf(f=b"x")
    attachment = Attachment(name="x", size=1, id="f")
    await tg.adapter.send(
        marked(tg, tg.adapter.split("**Look**", markdown=True), attachment=attachment)
    )
    await tg.adapter.send(tg.delivery("x" * 1025, attachment=attachment))
    short, long, file = tg.simulator.sent(tg.here)
    assert (kinds(short), len(short.files)) == ([("bold", "Look")], 1)
    assert (len(long.text), long.files) == (1025, ())
    assert (file.text, len(file.files)) == ("", 1)


async def test_a_file_quotes_what_it_answers(tg: Channel, group: SimulatedPlace) -> None:
    event = await asked_in(tg, group)
    tg.host.files = Shelf(f=b"x")
    attachment = Attachment(name="x", size=1, id="f")
    await tg.adapter.send(tg.delivery("", event.address, attachment=attachment))
    (seen,) = tg.simulator.sent(group)
    assert seen.reply_to == event.message_id


async def test_a_file_that_is_gone_is_rejected(tg: Channel) -> None:
    tg.host.files = Shelf()
    with pytest.raises(Rejected, match="gone"):
        await tg.adapter.send(tg.delivery("", attachment=Attachment(name="x", size=1, id="f")))
    assert not tg.methods()


@pytest.mark.parametrize(
    ("fault", "error"), [(Fault.SERVER_ERROR, NotAccepted), (Fault.RESET, OutcomeUnknown)]
)
async def test_trouble_with_a_file_is_called_by_its_name(
    tg: Channel, fault: Fault, error: type[Exception]
) -> None:
    tg.host.files = Shelf(f=png())
    attachment = Attachment(name="x.png", media_type="image/png", size=9, id="f")
    tg.simulator.fail_next(fault)
    with pytest.raises(error):
        await tg.adapter.send(tg.delivery("", attachment=attachment))
    # Only a refusal of the picture itself is a reason to send it otherwise.
    assert tg.methods() == ["sendPhoto"]


def test_what_can_be_sent_at_all(tg: Channel) -> None:
    sizes = {0: False, 1: True, 50_000_000: True, 50_000_001: False}
    for size, can in sizes.items():
        assert tg.adapter.carries(Attachment(name="x", size=size)) is can


# Previews.


async def test_in_private_a_draft_shows_the_answer_being_written(tg: Channel) -> None:
    address = tg.delivery().address
    for text in ("", "Roses **ar", "Roses **are** red"):
        assert await tg.adapter.preview(Preview(address=address, task_id="t", text=text)) == ""
    (draft,) = tg.simulator.drafts(tg.here)
    assert draft.text == "Roses are red"
    assert [call.parameters["can_stop"] for call in tg.simulator.calls()] == [True, True]
    assert len({call.parameters["draft_id"] for call in tg.simulator.calls()}) == 1
    assert not tg.simulator.sent(tg.here)


async def test_in_a_group_a_message_does_and_becomes_the_answer(
    tg: Channel, group: SimulatedPlace
) -> None:
    event = await asked_in(tg, group)
    shown = ""
    for text in ("Roses", "Roses **ar", "Roses **ar"):
        preview = Preview(address=event.address, task_id="t", text=text, message_id=shown)
        shown = await tg.adapter.preview(preview)
    (seen,) = tg.simulator.sent(group)
    assert (seen.text, seen.message_id, seen.buttons) == ("Roses ar", shown, ("Stop",))
    assert (seen.reply_to, kinds(seen)) == (event.message_id, [("bold", "ar")])
    assert tg.simulator.calls("sendMessage")[0].parameters["disable_notification"] is True
    parts = tg.adapter.split("Roses **are** red", markdown=True)
    sent = await tg.adapter.send(marked(tg, parts, address=event.address, replaces=shown))
    (seen,) = tg.simulator.sent(group)
    assert (seen.text, sent.platform_id, seen.buttons) == ("Roses are red", shown, ())
    assert kinds(seen) == [("bold", "are")]


async def test_a_choice_takes_the_place_of_the_stop_button(
    tg: Channel, group: SimulatedPlace
) -> None:
    event = await asked_in(tg, group)
    shown = await tg.adapter.preview(Preview(address=event.address, task_id="t", text="Which"))
    asked = question(QuestionKind.CHOICE, "Red", "White")
    await tg.adapter.send(tg.delivery("Which?", event.address, asked, replaces=shown))
    (seen,) = tg.simulator.sent(group)
    assert (seen.text, seen.buttons) == ("Which?", ("Red", "White"))


async def test_an_answer_that_stands_there_already_is_sent(
    tg: Channel, group: SimulatedPlace
) -> None:
    """As after a crash between the edit and its mark."""
    event = await asked_in(tg, group)
    shown = await tg.adapter.preview(Preview(address=event.address, task_id="t", text="Roses"))
    for _ in range(2):
        sent = await tg.adapter.send(tg.delivery("Roses.", event.address, replaces=shown))
        assert sent.platform_id == shown
    assert [seen.text for seen in tg.simulator.sent(group)] == ["Roses."]


async def test_without_its_preview_an_answer_is_sent_anew(
    tg: Channel, group: SimulatedPlace
) -> None:
    event = await asked_in(tg, group)
    sent = await tg.adapter.send(tg.delivery("Roses.", event.address, replaces="999"))
    (seen,) = tg.simulator.sent(group)
    assert (seen.text, seen.message_id) == ("Roses.", sent.platform_id)
    assert seen.message_id != "999"


async def test_what_no_edit_can_show_takes_the_preview_away(
    tg: Channel, group: SimulatedPlace
) -> None:
    event = await asked_in(tg, group)
    tg.host.files = Shelf(f=b"x")
    file = {"attachment": Attachment(name="x", size=1, id="f")}
    ask = {"question": question(QuestionKind.TEXT)}
    for more in (file, ask):
        shown = await tg.adapter.preview(Preview(address=event.address, task_id="t", text="Ro"))
        await tg.adapter.send(tg.delivery("How?", event.address, replaces=shown, **more))
    file_message, question_message = tg.simulator.sent(group)
    assert (file_message.text, len(file_message.files)) == ("How?", 1)
    assert question_message.text == "How?"
    given = tg.simulator.calls("sendMessage")[-1].parameters
    assert given["reply_markup"]["force_reply"] is True


async def test_an_answer_finds_its_group_when_its_preview_was_left_behind(tg: Channel) -> None:
    old = tg.simulator.group("Gardeners", basic=True, people=[tg.ann])
    event = await asked_in(tg, old)
    shown = await tg.adapter.preview(Preview(address=event.address, task_id="t", text="Ro"))
    new = tg.simulator.migrate(old)
    sent = await tg.adapter.send(tg.delivery("Roses.", event.address, replaces=shown))
    assert "Roses." in [seen.text for seen in tg.simulator.sent(new)]
    assert sent.moved is not None
    assert (sent.moved.old_id, sent.moved.new_id) == (old.id, new.id)


async def test_a_long_answer_shows_its_end(tg: Channel, group: SimulatedPlace) -> None:
    event = await asked_in(tg, group)
    text = "\n\n".join(f"**{number}** 🌹" for number in range(3000))
    for address in (event.address, tg.delivery().address):
        await tg.adapter.preview(Preview(address=address, task_id="t", text=text))
    (draft,) = tg.simulator.drafts(tg.here)
    (seen,) = tg.simulator.sent(group)
    assert draft.text == seen.text
    assert seen.text.startswith("…")
    assert seen.text.endswith("2999 🌹")
    assert len(seen.text.encode("utf-16-le")) <= 2 * MAX_TEXT


async def test_a_refused_preview_says_so(tg: Channel) -> None:
    tg.simulator.fail_next(Fault.SERVER_ERROR, method="sendMessageDraft")
    preview = Preview(address=tg.delivery().address, task_id="t", text="Ro")
    with pytest.raises(NotAccepted):
        await tg.adapter.preview(preview)


async def test_a_server_that_knows_no_drafts_gets_messages(tg: Channel) -> None:
    del tg.simulator._api._methods["sendMessageDraft"]
    preview = Preview(address=tg.delivery().address, task_id="t", text="Ro")
    for _ in range(2):
        assert await tg.adapter.preview(preview)
    assert tg.methods() == ["sendMessageDraft", "sendMessage", "sendMessage"]


async def test_previews_can_be_turned_off(tg: Channel) -> None:
    still = tg.again(streaming=False).adapter
    assert (tg.adapter.preview_every, still.preview_every) == (1.0, 0.0)
    preview = Preview(address=tg.delivery().address, task_id="t", text="Ro", message_id="7")
    assert await still.preview(preview) == "7"
    assert not tg.methods()


# Business accounts.


async def test_a_business_account_answers_its_customers(tg: Channel) -> None:
    place = tg.simulator.business(tg.ann, "connection-1")
    event = await tg.read("are you open?", place)
    assert event.address.data["business_connection_id"] == "connection-1"
    await tg.adapter.typing(event.address)
    shown = await tg.adapter.preview(Preview(address=event.address, task_id="t", text="We"))
    await tg.adapter.preview(
        Preview(address=event.address, task_id="t", text="We are", message_id=shown)
    )
    await tg.adapter.send(tg.delivery("We are.", event.address, replaces=shown))
    assert [seen.text for seen in tg.simulator.sent(place)] == ["We are."]
    tg.simulator.change_business("connection-1", enabled=False)
    with pytest.raises(RecipientGone):
        await tg.adapter.send(tg.delivery("Hello?", event.address))


async def test_nothing_is_lost_while_telegram_is_away(tg: Channel, group: SimulatedPlace) -> None:
    event = await asked_in(tg, group)
    shown = await tg.adapter.preview(Preview(address=event.address, task_id="t", text="Ro"))
    await tg.simulator.outage(True)
    answer = tg.delivery("Roses.", event.address, replaces=shown)
    for _ in range(2):
        with pytest.raises((Unavailable, OutcomeUnknown, NotAccepted)):
            await tg.adapter.send(answer)
    await tg.simulator.outage(False)
    await tg.adapter.send(answer)
    assert [seen.text for seen in tg.simulator.sent(group)] == ["Roses."]


async def test_somebody_unknown_is_gone_for_files_too(tg: Channel) -> None:
    tg.host.files = Shelf(f=png())
    nowhere = Address(destination="-1", data={"chat_id": -1})
    attachment = Attachment(name="x.png", media_type="image/png", size=9, id="f")
    with pytest.raises(RecipientGone):
        await tg.adapter.send(tg.delivery("", nowhere, attachment=attachment))
    assert tg.methods() == ["sendPhoto"]
