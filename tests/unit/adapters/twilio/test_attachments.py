"""The files that come with messages: what they are called, and which are taken."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.twilio import attachments
from adapters.twilio.attachments import MAX_FILES
from gateway import Attachment
from tests.unit.adapters.twilio.forms import GROUP, disrupts, form, heard, whatsapp

URL = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"


def with_files(*types: str, body: str = "", **more: Any) -> dict[str, Any]:
    files: dict[str, Any] = {"NumMedia": str(len(types))}
    for place, media_type in enumerate(types):
        files[f"MediaUrl{place}"] = f"{URL}{place}"
        files[f"MediaContentType{place}"] = media_type
    return form(body, **{**files, **more})


def test_a_file_is_got_by_its_address() -> None:
    event = heard(with_files("image/jpeg", body="look"))
    assert event.text == "look"
    assert event.attachments == (
        Attachment(name="image.jpg", media_type="image/jpeg", ref=f"{URL}0"),
    )


def test_a_message_that_is_a_file_is_told_in_words() -> None:
    assert heard(with_files("audio/ogg")).text == "[audio: audio.ogg]"
    assert heard(with_files("image/webp", "video/mp4")).text == (
        "[image: image-1.webp]\n[video: video-2.mp4]"
    )
    assert heard(with_files("audio/ogg", Forwarded="true")).text == (
        "[forwarded]\n[audio: audio.ogg]"
    )


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        ("image/png", "image.png"),
        ("audio/ogg; codecs=opus", "audio.ogg"),
        ("AUDIO/MPEG", "audio.mp3"),
        ("text/vcard", "contact.vcf"),
        ("text/plain", "file.txt"),
        ("application/pdf", "file.pdf"),
        ("video/x-unknown", "video"),
    ],
)
def test_a_file_is_called_after_what_it_is(media_type: str, name: str) -> None:
    (file,) = heard(with_files(media_type)).attachments
    assert file.name == name


def test_a_document_is_called_by_its_name() -> None:
    event = heard(with_files("application/pdf", body="report.pdf", MessageType="document"))
    assert (event.text, event.attachments[0].name) == ("[file: report.pdf]", "report.pdf")


@pytest.mark.parametrize(
    "body", ["my report", "see a.b/c.pdf", "one\ntwo.pdf", "x" * 300 + ".pdf", "what? it is"]
)
def test_words_with_a_document_stay_words(body: str) -> None:
    event = heard(with_files("application/pdf", body=body, MessageType="document"))
    assert (event.text, event.attachments[0].name) == (body, "file.pdf")


def test_a_name_turns_nothing_around() -> None:
    body = "a\u202efdp.exe.pdf"
    event = heard(with_files("application/pdf", body=body, MessageType="document"))
    assert event.attachments[0].name == "afdp.exe.pdf"


def test_what_is_not_taken_is_said_to_have_come() -> None:
    event = heard(with_files("application/zip", "image/png", body="two"))
    assert event.text == "two\n[file: file-1; application/zip is not taken here]"
    assert [file.name for file in event.attachments] == ["image-2.png"]
    only = heard(with_files("image/png"), whatsapp(media_types=["audio/"]))
    assert only.text == "[file: image.png; image/png is not taken here]"
    assert heard(with_files("image/png"), whatsapp(media_types=[])).attachments == ()


@pytest.mark.parametrize("said", ["", "x", "image", "../..", "a/b/c", "é/é", 5, None])
def test_a_type_that_is_none_is_any_file(said: Any) -> None:
    fields = with_files("image/png", body="x", MediaContentType0=said)
    assert "application/octet-stream is not taken" in heard(fields).text
    taken = heard(fields, whatsapp(media_types=["application/octet-stream"]))
    assert taken.attachments[0].media_type == "application/octet-stream"


@pytest.mark.parametrize(
    "url", ["", "ftp://x/y", "/Media/ME1", "https://a b", "https://é", 7, None]
)
def test_a_file_without_an_address_cannot_be_had(url: Any) -> None:
    event = heard(with_files("image/png", MediaUrl0=url))
    assert event.attachments == ()
    assert event.text == "[file: image.png; Twilio does not say where it is]"


@pytest.mark.parametrize("count", ["x", "-1", "1e3", "", None, 1, "²"])
def test_a_count_that_is_none_is_no_file(count: Any) -> None:
    assert heard(with_files("image/png", body="x", NumMedia=count)).attachments == ()


def test_files_without_end_are_not_listed() -> None:
    many = with_files(*["image/png"] * 40)
    assert len(heard({**many, "NumMedia": "999999999999"}).attachments) == MAX_FILES


NAMES = st.text(max_size=200)


@given(NAMES, st.text(max_size=60), st.integers(-5, 2**70) | st.text(max_size=3))
def test_any_file_has_a_name_of_one(name: str, media_type: str, size: Any) -> None:
    listed = [{"Sid": "ME" + "1" * 32, "Filename": name, "ContentType": media_type}]
    text = orjson.dumps(listed).decode()[:-2] + f',"Size":{orjson.dumps(str(size)).decode()}}}]'
    settings = whatsapp(media_types=["application/", "image/"])
    taken, lines = attachments.of_conversation({"Media": text}, GROUP, "IM1", settings)
    assert len(taken) + len(lines) == 1
    for file in taken:
        assert not disrupts(file.name)
        assert file.name.strip(". ") == file.name != ""
        assert not set("/\\") & set(file.name)
        assert len(file.name) <= 120
        assert "/" in file.media_type
        assert 0 <= file.size < 2**63
