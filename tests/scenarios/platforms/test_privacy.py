"""``/export`` and ``/forget``, on every platform, in private and among others."""

from __future__ import annotations

import io
import zipfile

import orjson
import pytest

from tests.support.people import Home
from tests.support.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

CARRIES = {"telegram-polling", "telegram-webhook", "discord", "slack-socket", "slack-events"}
"""Where an archive can be sent; elsewhere there is a link to it."""


def alone(stage: Stage, home: Home) -> Home:
    """The same person in private with the bot."""
    return stage.beside(home, stage.simulator.place("direct", people=[home.person]))


async def test_in_private_everything_is_forgotten(stage: Stage) -> None:
    ada, bob = stage.at_home("Ada"), stage.at_home("Bob")
    await ada.ask("one")
    await bob.ask("his")
    told = await ada.ask("/forget")
    assert "messages: 2" in told
    assert await ada.ask("two") == "two after one"
    receipt = await ada.ask("/forget yes")
    # A page's commands are messages of its session, too.
    assert f"messages: {6 if stage.name == 'web' else 4}" in receipt
    assert await ada.ask("three") == "three after nothing"
    assert await bob.ask("still") == "still after his"


async def test_in_private_everything_is_handed_out(stage: Stage) -> None:
    ada, bob = stage.at_home("Ada"), stage.at_home("Bob")
    await bob.ask("his words")
    await ada.ask("her words")
    told = await ada.ask("/export")
    if stage.name == "web":
        # There it stands in the session, and is fetched: see the scenario of its own.
        assert told.startswith("Here is everything")
        return
    if stage.name not in CARRIES:
        assert f"{stage.gateway.base_url}/files/" in told
        return
    sent = await stage.simulator.wait_sent(lambda seen: any(m.files for m in seen), ada.place)
    (file,) = (file for message in sent for file in message.files)
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        document = archive.read("export.json")
    assert b"his words" not in document
    (talk,) = orjson.loads(document)["conversations"]
    assert [m["text"] for m in talk["messages"] if m["role"] == "user"] == ["her words"]


async def test_among_others_ones_own_words_are_forgotten(shared_stage: Stage) -> None:
    stage = shared_stage
    ada, bob = stage.together("Ada", "Bob")
    home = alone(stage, ada)
    if stage.platform.alone:
        await home.ask("at home")
    await ada.ask("one", mention=True)
    await bob.ask("two", mention=True)
    said = await ada.ask("/forget yes", mention=True)
    assert said.startswith("Done.")
    assert "messages:" not in said
    if stage.platform.alone:
        # What is at home is not forgotten from elsewhere.
        assert "messages: 2" in (await home.heard(2))[1]
        assert await home.ask("more") == "more after at home"
    assert await bob.ask("three", mention=True) == "three after two"


async def test_among_others_the_rest_is_told_in_private(shared_stage: Stage) -> None:
    stage = shared_stage
    if not stage.platform.alone:
        pytest.skip("who is in a group there has no place of their own")
    ada, bob = stage.together("Ada", "Bob")
    home = alone(stage, ada)
    await home.ask("at home")
    await ada.ask("one", mention=True)
    await bob.ask("two", mention=True)
    assert "privately" in await ada.ask("/forget", mention=True)
    assert "messages: 2" in (await home.heard(2))[1]
    assert "privately" in await ada.ask("/export", mention=True)
    await home.heard(3)
    assert not any(message.files for message in stage.simulator.sent(ada.place))
    assert await bob.ask("three", mention=True) == "three after one|two"
