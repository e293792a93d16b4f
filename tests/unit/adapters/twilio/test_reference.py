"""Every payload of the reference data has the outcome it should have."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from adapters.twilio.inbound import parse
from adapters.twilio.settings import TwilioSettings
from gateway import Ignored, Inbound, UnreadableUpdate
from tests.unit.adapters.twilio.forms import sms, whatsapp

pytestmark = pytest.mark.reference_data

ACCOUNT = "AC00000000000000000000000000000001"
ANN = "whatsapp:+15005550006"
GROUP = "CH00000000000000000000000000000031"
MINE = {"account_sid": ACCOUNT, "conversations": True}
WHATSAPP = whatsapp(**MINE, **{"from": "+14155238886"})
SMS = sms(**MINE, **{"from": "+15005550001"})

# Action, conversation, participant and what is said; an asterisk where the bot is addressed.
HEARD = {
    "conv_onMessageAdded_media": (
        f"message in group {GROUP} by whatsapp:+15005550007: [image: a.jpg] +a.jpg"
    ),
    "conv_onMessageAdded_retry": f"message in group {GROUP} by {ANN}: group hello",
    "conv_onMessageAdded_wa": f"message in group {GROUP} by {ANN}: group hello",
    "conv_onMessageAdded_wa_bsuid_author": (
        f"message in group {GROUP} by whatsapp:US.ABC123XYZ: no phone shown"
    ),
    "conv_onMessageRemoved": f"delete in group {GROUP} by {ANN}: ",
    "conv_onMessageUpdated": f"edit in group {GROUP} by {ANN}: edited by API",
    "group_mms_inbound": (
        "message in group mms:+15005550006,+15005550007,+15005550008 by +15005550006: hey all"
    ),
    "mms_two_images": (
        "message in direct +15005550006 by +15005550006*: pics +image-1.jpg +image-2.png"
    ),
    "sms_concatenated_unicode": (
        "message in direct +15005550006 by +15005550006*: 🙂🙂🙂🙂🙂🙂🙂🙂…"
    ),
    "sms_text": "message in direct +15005550006 by +15005550006*: Hello",
    "wa_contact_vcard": f"message in direct {ANN} by {ANN}*: [file: contact.vcf] +contact.vcf",
    "wa_ctwa_referral": (
        f"message in direct {ANN} by {ANN}*: Hi from the ad"
        "|[they come from an advertisement: Headline, Ad body, https://fb.me/x]"
    ),
    "wa_document": f"message in direct {ANN} by {ANN}*: [file: report.pdf] +report.pdf",
    "wa_forwarded": f"message in direct {ANN} by {ANN}*: [forwarded many times]|fwd",
    "wa_huge": f"message in direct {ANN} by {ANN}*: xxxxxxxx…",
    "wa_image_caption": f"message in direct {ANN} by {ANN}*: look +image.jpg",
    "wa_image_no_caption": f"message in direct {ANN} by {ANN}*: [image: image.jpg] +image.jpg",
    "wa_list_picker": f"message in direct {ANN} by {ANN}*: Option B",
    "wa_location": (
        f"message in direct {ANN} by {ANN}*:"
        " [location: Office, 375 Beale St, San Francisco; 37.787890, -122.391664]"
    ),
    "wa_quick_reply_button": f"message in direct {ANN} by {ANN}*: Confirm",
    "wa_reply_quote": f"message in direct {ANN} by {ANN}*: yes to this",
    "wa_rtl_mixed": (
        f"message in direct {ANN} by {ANN}*: שלום hello مرحبا \u202eabc\u202c 👩🏽\u200d💻🏳️\u200d🌈"
    ),
    "wa_sticker": f"message in direct {ANN} by {ANN}*: [image: image.webp] +image.webp",
    "wa_text": f"message in direct {ANN} by {ANN}*: Hello",
    "wa_text_bsuid_with_phone": (
        f"message in direct {ANN} by {ANN}*: Hello (also whatsapp:US.1234567890123456)"
    ),
    "wa_text_username_only_bsuid_from": (
        "message in direct whatsapp:US.1234567890123456 by whatsapp:US.1234567890123456*: Hello"
    ),
    "wa_video": f"message in direct {ANN} by {ANN}*: [video: video.mp4] +video.mp4",
    "wa_voice_note": f"message in direct {ANN} by {ANN}*: [audio: audio.ogg] +audio.ogg",
}
# The reason, and what it is ignored for.
IGNORED = {
    "a call, and nothing here speaks": ["voice_gather_speech", "voice_inbound"],
    "a message without content": ["sms_empty", "wa_whitespace_body"],
    "nothing is done with onConversationAdded events": ["conv_onConversationAdded"],
    "nothing is done with onParticipantAdded events": ["conv_onParticipantAdded"],
    "the gateway's own message": ["conv_onMessageAdded_own_bot"],
    "they joined the sandbox": ["wa_sandbox_join"],
    "they want no more messages": ["sms_stop_optout"],
    "what became of a message belongs to the webhook's /status": [
        "status_delivered",
        "status_failed_63016",
        "status_queued",
        "status_read",
    ],
    "what became of a message in a group": ["conv_onDeliveryUpdated_failed"],
}
OUTCOMES = {
    **HEARD,
    **{name: f"ignored: {reason}" for reason, names in IGNORED.items() for name in names},
}


def settings_for(name: str) -> TwilioSettings:
    return SMS if name.startswith(("sms_", "mms_", "group_mms_", "voice_")) else WHATSAPP


def outcome(raw: bytes, settings: TwilioSettings) -> str:
    try:
        event = parse(raw, settings)
    except UnreadableUpdate as error:
        return f"unreadable: {error}"
    if isinstance(event, Ignored):
        return f"ignored: {event.reason}"
    text = event.text.replace("\n", "|")
    text = text if len(text) < 120 and len(set(text)) > 1 else f"{text[:8]}…" if text else ""
    files = "".join(f" +{file.name}" for file in event.attachments)
    others = f" (also {', '.join(event.also)})" if event.also else ""
    meant = "*" if event.addressed else ""
    where = f"{event.conversation.kind} {event.conversation.id}"
    return f"{event.action} in {where} by {event.participant.id}{meant}: {text}{files}{others}"


def test_every_payload_has_its_outcome(reference_data: Path) -> None:
    folder = reference_data / "payloads" / "twilio"
    paths = sorted(folder.glob("*.json"))
    found = {path.stem: outcome(path.read_bytes(), settings_for(path.stem)) for path in paths}
    # There may be more by now: those must be readable at least.
    assert {name: words for name, words in found.items() if name in OUTCOMES} == OUTCOMES
    more = {name: words for name, words in found.items() if name not in OUTCOMES}
    assert not [words for words in more.values() if words.startswith("unreadable")]


def test_a_payload_by_itself_and_as_it_is_kept_are_the_same(reference_data: Path) -> None:
    for path in sorted((reference_data / "payloads" / "twilio").glob("*.json")):
        form, settings = orjson.loads(path.read_bytes())["form"], settings_for(path.stem)
        kept = parse(orjson.dumps({"form": form}), settings)
        assert kept == parse(orjson.dumps(form), settings) == parse(path.read_bytes(), settings)


def test_no_payload_is_for_another_number(reference_data: Path) -> None:
    for path in sorted((reference_data / "payloads" / "twilio").glob("*.json")):
        if path.stem.startswith("conv_"):
            # A Conversation does not say which number it is with: its webhook is the channel's.
            continue
        other = SMS if settings_for(path.stem) is WHATSAPP else WHATSAPP
        assert not isinstance(parse(path.read_bytes(), other), Inbound), path.stem
