"""The files that people send."""

from __future__ import annotations

import pytest

from gateway import (
    Ignored,
)
from tests.unit.adapters.slack.events import (
    accepted,
    message,
    outcome,
    raw_sample,
    read,
)


def test_files_are_found_by_their_address_or_their_id() -> None:
    photo, plan = accepted("direct_files_with_text").attachments
    assert (photo.name, photo.media_type, photo.size) == ("rose.jpg", "image/jpeg", 81920)
    assert photo.ref == "https://files.slack.com/files-pri/T0GARDEN-F0ROSE/download/rose.jpg"
    assert plan.media_type == "application/pdf"
    raw = raw_sample("direct_file")
    raw["event"]["files"] = [
        {"id": "F0FAR", "mode": "file_access", "file_access": "check_file_info"}
    ]
    (far,) = read(raw).attachments
    assert (far.ref, far.name) == ("F0FAR", "file")


@pytest.mark.parametrize("address", ["file:///etc/passwd", "javascript:x", "https://a b", ""])
def test_what_is_no_address_is_not_gone_to(address: str) -> None:
    raw = raw_sample("direct_file")
    raw["event"]["files"][0]["url_private_download"] = address
    raw["event"]["files"][0]["url_private"] = address
    assert read(raw).attachments[0].ref == "F0PLAN"


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\x\\passwd", " .passwd ", "pass\u202ewd"])
def test_a_files_name_is_no_path(name: str) -> None:
    raw = raw_sample("direct_file")
    raw["event"]["files"][0]["name"] = name
    assert read(raw).attachments[0].name == "passwd"


def test_files_that_cannot_be_had_are_told_in_words() -> None:
    for name in ("direct_file_beyond_the_limit", "direct_file_deleted", "direct_file_elsewhere"):
        assert accepted(name).attachments == ()
    raw = raw_sample("direct_file")
    raw["event"]["files"] = [{"id": "F 0", "name": "x.txt"}, {"file_access": "access_denied"}]
    assert read(raw).text == (
        "[file: x.txt; Slack does not say where it is]\n[file: file; the bot may not see it]"
    )


def test_a_message_that_says_nothing_is_ignored() -> None:
    assert isinstance(outcome(message(" ")), Ignored)
