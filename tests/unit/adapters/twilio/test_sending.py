"""What people on the simulated WhatsApp and by SMS see of deliveries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from adapters.twilio import outbound
from gateway import (
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
    RecipientGone,
    Rejected,
    Unavailable,
)
from gateway.testing.simulator import Fault
from tests.unit.adapters.twilio.sender import Sender, sender, templated

PNG = b"\x89PNG" + b"x" * 50


@pytest.fixture
async def twilio() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


@pytest.fixture
async def sms() -> AsyncIterator[Sender]:
    async with sender("sms") as everything:
        yield everything


# Texts


async def test_markdown_goes_out_in_whatsapps_dialect(twilio: Sender) -> None:
    sid = await twilio.send("**Tea** & [cake](https://a.example)")
    (message,) = twilio.seen()
    assert (message.message_id, message.text) == (sid, "*Tea* & cake (https://a.example)")


async def test_an_sms_is_plain(sms: Sender) -> None:
    await sms.send("**Tea** & _cake_")
    assert sms.texts() == ["Tea & cake"]


async def test_it_says_where_to_tell_what_became_of_it(twilio: Sender) -> None:
    delivery = twilio.delivery()
    await twilio.sending.send(delivery)
    (call,) = twilio.simulator.calls("CreateMessage")
    expected = f"{twilio.host.public_url}/webhooks/garden/status?delivery={delivery.id}"
    assert call.parameters["StatusCallback"] == expected
    await twilio.until(lambda: len(twilio.callbacks) == 4)
    assert twilio.host.outcomes.of(delivery) == [None, None]


async def test_a_long_text_arrives_whole(twilio: Sender) -> None:
    text = "\n\n".join(f"Paragraph {n}: " + "word " * 60 for n in range(30)).strip()
    for part in outbound.split(text, twilio.settings, markdown=True):
        await twilio.sending.send(replace(twilio.delivery(), text=part.text))
    seen = twilio.texts()
    assert len(seen) > 5
    assert "".join("".join(seen).split()) == "".join(text.split())


# Questions


async def test_options_are_buttons_a_list_or_numbers(twilio: Sender) -> None:
    for options in (("Tea", "Cake"), tuple("abcdef"), ("x" * 30, "y")):
        await twilio.send("**Which?**\n\nReally.", options=options)
    assert [(message.text, message.buttons) for message in twilio.seen()] == [
        ("*Which?*\n\nReally.", ("Tea", "Cake")),
        ("*Which?*\n\nReally.", tuple("abcdef")),
        (f"*Which?*\n\nReally.\n\n1. {'x' * 30}\n2. y", ()),
    ]


async def test_an_sms_has_numbers(sms: Sender) -> None:
    await sms.send("Which?", options=("Tea", "Cake"))
    assert sms.texts() == ["Which?\n\n1. Tea\n2. Cake"]
    assert sms.methods() == ["CreateMessage"]


@pytest.mark.parametrize("label", ["Cake", "c"])
async def test_a_pressed_button_says_which_question(twilio: Sender, label: str) -> None:
    await twilio.send("Which?", options=("Tea", "Cake") if label == "Cake" else tuple("abcd"))
    sid = await twilio.simulator.press(label, person=twilio.ann, place=twilio.direct)
    await twilio.until(lambda: any(form.get("MessageSid") == sid for form in twilio.arrived))
    form = twilio.arrived[-1]
    payload = form["ButtonPayload"] if label == "Cake" else form["ListId"]
    assert payload == f"q:{'0123456789abcdef' * 2}:{1 if label == 'Cake' else 2}"


# Files


async def test_a_file_is_fetched_by_its_signed_link(twilio: Sender) -> None:
    file = twilio.host.files.put("a.png", PNG)
    sent = await twilio.sending.send(twilio.carrying(file))
    await twilio.until(twilio.seen)
    (message,) = twilio.seen()
    assert message.message_id == sent.platform_id
    assert [(each.media_type, each.content) for each in message.files] == [("image/png", PNG)]
    (call,) = twilio.simulator.calls("CreateMessage")
    assert call.parameters["MediaUrl"] == (f"{twilio.host.public_url}/files/{file.id}?exp=1&sig=2")
    assert "Body" not in call.parameters


async def test_an_mms(sms: Sender) -> None:
    await sms.sending.send(sms.carrying(sms.host.files.put("a.png", PNG)))
    await sms.until(sms.seen)
    assert sms.seen()[0].files[0].content == PNG


async def test_a_file_that_cannot_be_fetched_is_tried_again(twilio: Sender) -> None:
    delivery = twilio.carrying(twilio.host.files.put("a.png", PNG))
    twilio.simulator.break_media()
    await twilio.sending.send(delivery)
    await twilio.until(lambda: twilio.host.outcomes.of(delivery))
    (error,) = twilio.host.outcomes.of(delivery)
    assert isinstance(error, NotAccepted)
    assert "gateway.public_url" in str(error)


async def test_a_file_that_is_gone_is_not_announced(twilio: Sender) -> None:
    file = twilio.host.files.put("a.png", PNG)
    deliveries = [twilio.carrying(file), twilio.carrying(file, await twilio.group())]
    twilio.host.files.kept.clear()
    for delivery in deliveries:
        with pytest.raises(Rejected, match="gone"):
            await twilio.sending.send(delivery)
    assert not {"CreateMessage", "UploadMedia"} & set(twilio.methods())


async def test_without_a_public_address_no_file_goes_out(twilio: Sender) -> None:
    delivery = twilio.carrying(twilio.host.files.put("a.png", PNG))
    twilio.host.public_url = ""
    with pytest.raises(Rejected, match=r"gateway\.public_url"):
        await twilio.sending.send(delivery)


# Groups


async def test_a_group_gets_it_once_with_its_options_numbered(twilio: Sender) -> None:
    group = await twilio.group()
    sent = await twilio.sending.send(twilio.delivery("*Which?*", group, options=("Tea", "Cake")))
    (message,) = twilio.seen(group)
    assert message.text == "_Which?_\n\n1. Tea\n2. Cake"
    assert sent.platform_id == f"{group.id}:{message.message_id}"
    assert sent.moved is None
    (call,) = twilio.simulator.calls("CreateConversationMessage")
    assert call.parameters["Author"] == "chat-gateway"


async def test_a_groups_file_is_brought_to_twilio(twilio: Sender) -> None:
    group = await twilio.group()
    await twilio.sending.send(twilio.carrying(twilio.host.files.put("a.png", PNG), group))
    (message,) = twilio.seen(group)
    assert [(each.media_type, each.content) for each in message.files] == [("image/png", PNG)]


async def test_an_upload_that_broke_is_done_again(twilio: Sender) -> None:
    group = await twilio.group()
    delivery = twilio.carrying(twilio.host.files.put("a.png", PNG), group)
    for fault in (Fault.RESET, Fault.SERVER_ERROR):
        twilio.simulator.fail_next(fault, method="UploadMedia")
        with pytest.raises(NotAccepted):
            await twilio.sending.send(delivery)
    assert twilio.seen(group) == []


async def test_a_group_text_becomes_a_conversation(sms: Sender) -> None:
    raw = sms.simulator.group_text([sms.ann, sms.bob])
    sent = await sms.sending.send(sms.delivery("hi", raw))
    assert sent.moved is not None
    assert sent.moved.old_id == raw.id
    assert sent.moved.new_id.startswith("CH")
    assert sent.platform_id.startswith(f"{sent.moved.new_id}:IM")
    again = await sms.sending.send(sms.delivery("ho", raw))
    assert again.moved == sent.moved
    assert len(sms.simulator.calls("CreateConversation")) == 1
    texts = [call.parameters["Body"] for call in sms.simulator.calls("CreateConversationMessage")]
    assert texts == ["hi", "ho"]


async def test_a_group_text_needs_conversations(sms: Sender) -> None:
    raw = sms.simulator.group_text([sms.ann, sms.bob])
    sms.restart(conversations=False)
    with pytest.raises(Rejected, match=r"channels\.garden\.conversations = true"):
        await sms.sending.send(sms.delivery("hi", raw))
    assert sms.methods() == []


async def test_a_group_that_is_gone(twilio: Sender) -> None:
    delivery = twilio.delivery("hi", await twilio.group())
    gone = replace(delivery.address, data={"conversation": "CH" + "9" * 32})
    with pytest.raises(RecipientGone):
        await twilio.sending.send(replace(delivery, address=gone))


# Typing


async def test_typing_is_shown_to_who_wrote(twilio: Sender) -> None:
    await twilio.sending.typing(twilio.address())
    assert twilio.simulator.typing(twilio.direct) == 1
    await twilio.sending.typing(twilio.address(await twilio.group()))
    assert len(twilio.simulator.calls("CreateTypingIndicator")) == 1


# What fails


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.RATE_LIMIT, RateLimited),
        (Fault.SERVER_ERROR, OutcomeUnknown),
        (Fault.RESET, OutcomeUnknown),
        (Fault.RESET_AFTER_ACCEPT, OutcomeUnknown),
        (Fault.TRUNCATED_BODY, OutcomeUnknown),
        (Fault.MALFORMED, OutcomeUnknown),
        (Fault.BLOCKED, RecipientGone),
    ],
)
@pytest.mark.parametrize("options", [(), ("Tea", "Cake")])
async def test_what_breaks_is_told_and_sent_once_at_most(
    twilio: Sender, fault: Fault, kind: type[Exception], options: tuple[str, ...]
) -> None:
    twilio.simulator.fail_next(fault)
    with pytest.raises(kind):
        await twilio.send("Which?", options=options)
    assert len(twilio.simulator.calls("CreateMessage")) == 1
    assert len(twilio.seen()) <= 1


async def test_a_wrong_token_waits_for_a_better_one(twilio: Sender) -> None:
    twilio.simulator.refuse(20003)
    with pytest.raises(Unavailable, match=r"console\.twilio\.com") as caught:
        await twilio.send()
    assert caught.value.retry_after == 60.0


async def test_an_outage(twilio: Sender) -> None:
    await twilio.simulator.outage(True)
    with pytest.raises(Unavailable):
        await twilio.send()
    await twilio.simulator.outage(False)
    await twilio.send()
    assert twilio.texts() == ["hello"]


@pytest.mark.reference_data
@pytest.mark.parametrize("kind", ["whatsapp", "sms"])
async def test_twilio_knows_every_argument(reference_data: Path, kind: str) -> None:
    folder = reference_data / "specs" / "twilio"
    schema = [orjson.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    async with sender(kind, schema=schema) as twilio:  # type: ignore[arg-type]
        group = await twilio.group()
        await twilio.send()
        file = twilio.host.files.put("a.png", PNG)
        for place in (twilio.direct, group):
            await twilio.send("Which?", place, options=("Tea", "Cake"))
            await twilio.send("Which?", place, options=tuple("abcdef"))
            delivery = twilio.carrying(file, place)
            await twilio.sending.send(delivery)
            await twilio.sending.settle(delivery, "")
        if kind == "whatsapp":
            await twilio.sending.typing(twilio.address())
            await templated(twilio, "News: {{1}} Answer us.")
            await twilio.send()
        assert list(twilio.simulator.violations) == []
