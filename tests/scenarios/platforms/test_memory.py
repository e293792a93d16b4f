"""What outlives a session, and whose it is: on every platform, by the real process."""

from __future__ import annotations

import pytest

from tests.support.keeper import NOTHING
from tests.support.people import Home
from tests.support.stage import SECOND, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_was_learned_in_private_is_not_known_in_the_group_nor_the_other_way(
    stage: Stage,
) -> None:
    ada = stage.at_home("Ada")
    await ada.ask("learn likes green tea")
    await ada.ask("note city Turin")
    assert await ada.ask("belongings") == 'facts likes green tea; data {"city": "Turin"}'
    assert await stage.at_home("Bob").ask("belongings") == NOTHING
    if stage.platform.shared is None:
        return
    eve, dan = stage.together("Eve", "Dan")
    # Where nobody in a group writes to the bot in private, somebody else does.
    alone = [eve.person] if stage.platform.alone else [stage.simulator.person("Cyd")]
    place = stage.simulator.place("direct", people=alone)
    private = Home(stage.simulator, alone[0], place)
    await private.ask("learn hides a key")
    assert await eve.ask("belongings", mention=True) == NOTHING
    await eve.ask("learn meets on Monday", mention=True)
    assert await dan.ask("belongings", mention=True) == "facts meets on Monday"
    assert await private.ask("belongings") == "facts hides a key"


async def test_another_agent_on_the_same_lane_knows_nothing(stage: Stage) -> None:
    if stage.name == "web":
        pytest.skip("there each agent has a page of its own")
    ada = stage.at_home("Ada")
    await ada.ask("learn likes green tea")
    await ada.ask(f"/agent {SECOND[0]}")
    assert await ada.ask("belongings") == NOTHING
    assert await ada.ask("earlier tea") == NOTHING
    await ada.ask("learn likes coffee")
    await ada.ask("/agent scenario")
    assert await ada.ask("belongings") == "facts likes green tea"


async def test_a_reset_keeps_what_is_the_persons_and_ends_what_is_the_sessions(
    stage: Stage,
) -> None:
    ada, bob = stage.at_home("Ada"), stage.at_home("Bob")
    await bob.ask("my tea is black")
    await ada.ask("learn likes green tea")
    await ada.ask("note city Turin")
    await ada.ask("prefer small")
    assert (await ada.ask("belongings")).endswith("; model small")
    await ada.ask("/reset")
    kept = 'facts likes green tea; data {"city": "Turin"}; sessions 1'
    assert await ada.ask("belongings") == kept
    assert await ada.ask("earlier LEARN") == "done learn likes green tea; learn likes green tea"
    await ada.ask("unlearn tea")
    await ada.ask("/reset")
    assert not (await ada.ask("belongings")).startswith("facts")


async def test_what_is_saved_comes_back_later_as_a_file(stage: Stage) -> None:
    ada = stage.at_home("Ada")
    await ada.ask("shelve plan green tea at five")
    await ada.ask("/reset")
    assert await ada.ask("belongings") == "drive plan; sessions 1"
    if stage.name in {"sms", "web"}:
        pytest.skip("no file is sent there; see its own tests")
    before = len(stage.simulator.sent(ada.place))
    await ada.say("fetch plan")
    await ada.simulator.wait_until(
        lambda: any(m.files for m in stage.simulator.sent(ada.place)[before:]), timeout=20.0
    )
    files = [file for m in stage.simulator.sent(ada.place)[before:] for file in m.files]
    assert [file.content for file in files] == [b"green tea at five"]
