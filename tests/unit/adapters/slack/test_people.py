"""Names of people: learned once, never waited for long, never a reason to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.slack import people
from adapters.slack.people import People
from adapters.slack.simulation.vocabulary import DEFAULT_SCOPES
from gateway.testing.simulator import Fault
from tests.unit.adapters.slack.sender import Sender, sender


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
async def slack() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


def asked(slack: Sender) -> int:
    """How often Slack was asked."""
    return len(slack.simulator.calls("users.info"))


async def test_names_are_learned_once_an_hour(slack: Sender) -> None:
    clock = Clock()
    known = People(slack.api, clock)
    bea = slack.simulator.person("Bea")
    for _ in range(2):
        found = await known.names([slack.ann.id, bea.id, slack.ann.id])
        assert found == {slack.ann.id: "Ann", bea.id: "Bea"}
    assert asked(slack) == 2
    clock.now += people.KNOWN_FOR + 1
    await known.names([bea.id])
    assert asked(slack) == 3


async def test_what_is_known_can_be_had_at_once(slack: Sender) -> None:
    clock = Clock()
    known = People(slack.api, clock)
    both = [slack.ann.id, "U0NOBODY"]
    assert known.known(both) is None
    await known.names(both)
    assert known.known(both) == {slack.ann.id: "Ann"}
    assert known.known([slack.ann.id, "U0OTHER"]) is None
    clock.now += people.KNOWN_FOR + 1
    assert known.known([slack.ann.id]) is None


async def test_who_is_asked_for_twice_at_once_is_looked_up_once(slack: Sender) -> None:
    known = People(slack.api)
    both = await asyncio.gather(*(known.names([slack.ann.id]) for _ in range(2)))
    assert both == [{slack.ann.id: "Ann"}] * 2
    assert asked(slack) == 1


async def test_nobody_is_no_name_and_not_asked_for_at_once(slack: Sender) -> None:
    clock = Clock()
    known = People(slack.api, clock)
    for _ in range(2):
        assert await known.names(["U0NOBODY", slack.ann.id]) == {slack.ann.id: "Ann"}
    assert asked(slack) == 2
    clock.now += people.UNKNOWN_FOR + 1
    await known.names(["U0NOBODY"])
    assert asked(slack) == 3


@pytest.mark.parametrize("fault", list(Fault))
async def test_no_fault_matters(slack: Sender, fault: Fault) -> None:
    known = People(slack.api)
    slack.simulator.fail_next(fault, method="users.info")
    async with asyncio.timeout(5):
        found = await known.names([slack.ann.id], within=0.05)
    assert found in ({}, {slack.ann.id: "Ann"})
    assert not [task for task in asyncio.all_tasks() if "_look_up" in repr(task)]


async def test_an_old_name_is_better_than_none(slack: Sender) -> None:
    clock = Clock()
    known = People(slack.api, clock)
    await known.names([slack.ann.id])
    clock.now += people.KNOWN_FOR + 1
    slack.simulator.fail_next(Fault.TIMEOUT_AFTER_ACCEPT, method="users.info")
    assert await known.names([slack.ann.id], within=0.05) == {slack.ann.id: "Ann"}


async def test_whoever_waits_no_more_leaves_nothing_behind(slack: Sender) -> None:
    slack.simulator.fail_next(Fault.TIMEOUT_AFTER_ACCEPT, method="users.info")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await People(slack.api).names([slack.ann.id], within=10.0)
    assert not [task for task in asyncio.all_tasks() if "_look_up" in repr(task)]


async def test_without_the_scope_an_id_has_to_do() -> None:
    async with sender(scopes=DEFAULT_SCOPES - {"users:read"}) as slack:
        assert await People(slack.api).names([slack.ann.id]) == {}


async def test_not_everybody_is_remembered(slack: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "MAX_KNOWN", 2)
    known = People(slack.api)
    everybody = [slack.simulator.person(name).id for name in ("Bea", "Cem", "Dee")]
    for person in everybody:
        await known.names([person])
    await known.names([everybody[2]])
    assert asked(slack) == 3
    await known.names([everybody[0]])
    assert asked(slack) == 4


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"profile": {"display_name": "ann", "real_name": "Ann B"}, "name": "a"}, "ann"),
        ({"profile": {"display_name": "", "real_name": "Ann B"}}, "Ann B"),
        ({"profile": None, "real_name": "Ann"}, "Ann"),
        ({"profile": {"display_name": 7}, "name": "ann"}, "ann"),
        ({"name": "a\n\u202eb"}, "a b"),
        ({"profile": {"display_name": " \u202e "}, "name": "ann"}, "ann"),
        ({}, ""),
    ],
)
def test_what_a_person_is_called(user: dict[str, object], name: str) -> None:
    assert people._name(user) == name
