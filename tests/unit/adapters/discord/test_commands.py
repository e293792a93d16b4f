"""Slash commands: how they are worded, and that they are set only when they have changed."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.discord.commands import PLACE, definitions, fingerprint, offer
from adapters.discord.rest import Rest
from gateway import NativeCommand, RateLimited
from tests.unit.adapters.discord.leaving import Bookmarks

RESET = NativeCommand(name="reset", descriptions={"en": "start afresh", "de": "neu beginnen"})
NEW = NativeCommand(
    name="new",
    descriptions={"en": "start", "es": "empezar", "pt": "começar", "fr": "partir", "ru": "начать"},
    argument={"en": "the first message", "de": "die erste Nachricht"},
)
WHO = NativeCommand(name="whoami", descriptions={"en": "who you are"}, personal=True)


class Recorder(Rest):
    """A client that calls nobody."""

    def __init__(self, *errors: Exception) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.errors = list(errors)

    async def call(self, method: str, path: str, **more: Any) -> Any:
        """Note it."""
        self.calls.append((method, path, more["body"]))
        if self.errors:
            raise self.errors.pop(0)


def test_descriptions_are_in_the_languages_that_discord_knows() -> None:
    reset, new = definitions([RESET, NEW])
    assert reset["description"] == "start afresh"
    assert reset["description_localizations"] == {"de": "neu beginnen"}
    assert set(new["description_localizations"]) == {"es-ES", "es-419", "pt-BR", "fr", "ru"}
    assert "options" not in reset


def test_the_rest_of_the_line_is_an_option() -> None:
    (new,) = definitions([NEW])
    (option,) = new["options"]
    assert (option["type"], option["name"]) == (3, "text")
    assert option["description"] == "the first message"
    assert option["description_localizations"] == {"de": "die erste Nachricht"}
    assert not option.get("required")


def test_what_makes_no_sense_in_groups_is_offered_in_private_only() -> None:
    assert [each["contexts"] for each in definitions([RESET, WHO])] == [[0, 1], [1]]


def test_what_discord_would_refuse_is_not_offered() -> None:
    long = NativeCommand(name="x" * 32, descriptions={"en": "d" * 300, "de": "e" * 300, "fr": ""})
    bad = [NativeCommand(name=n, descriptions={"en": "d"}) for n in ("Two Words", "x" * 33, "")]
    (only,) = definitions([long, *bad])
    assert only["description"] == "d" * 100
    assert only["description_localizations"] == {"de": "e" * 100}
    assert len(definitions([RESET] * 150)) == 100


def test_another_application_has_other_commands() -> None:
    wanted = definitions([RESET])
    assert fingerprint("1", wanted) == fingerprint("1", definitions([RESET]))
    assert fingerprint("1", wanted) != fingerprint("2", wanted)
    assert fingerprint("1", wanted) != fingerprint("1", definitions([NEW]))


async def test_commands_are_set_once_and_again_when_they_change() -> None:
    rest, shelf = Recorder(), Bookmarks()
    for commands in ([RESET, NEW], [RESET, NEW], [RESET]):
        await offer(rest, "77", commands, shelf, "garden")
    assert [call[:2] for call in rest.calls] == [("PUT", "/applications/77/commands")] * 2
    assert rest.calls[-1][2] == definitions([RESET])


async def test_what_failed_is_not_taken_for_done() -> None:
    rest, shelf = Recorder(RateLimited("later", retry_after=3600.0)), Bookmarks()
    with pytest.raises(RateLimited):
        await offer(rest, "77", [RESET], shelf, "garden")
    assert PLACE not in shelf.marks
    await offer(rest, "77", [RESET], shelf, "garden")
    assert len(rest.calls) == 2


async def test_a_short_wait_is_waited_for() -> None:
    rest, shelf = Recorder(RateLimited("soon", retry_after=0.001)), Bookmarks()
    await offer(rest, "77", [RESET], shelf, "garden")
    assert len(rest.calls) == 2
    assert PLACE in shelf.marks
