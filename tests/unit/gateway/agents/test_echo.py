"""The ``echo`` kind."""

from __future__ import annotations

import time

import pytest
from pydantic import ValidationError

from gateway.agents.echo import KIND
from gateway.ports.agent import Text
from gateway.testing.agent import make_turn, run_turn


@pytest.mark.parametrize(
    ("options", "text", "said"),
    [
        ({}, "hello", "hello"),
        ({}, "", ""),
        ({"prefix": "echo: "}, "hello", "echo: hello"),
        ({"prefix": "{name} "}, "{name}", "{name} {name}"),
    ],
)
async def test_answers_with_what_was_said(options: dict[str, str], text: str, said: str) -> None:
    agent = KIND.create("parrot", KIND.settings(**options))
    assert await run_turn(agent, make_turn(text)) == [Text(said)]


async def test_can_take_its_time() -> None:
    agent = KIND.create("parrot", KIND.settings(delay="50ms"))
    begun = time.monotonic()
    await run_turn(agent, make_turn())
    assert time.monotonic() - begun >= 0.05


def test_refuses_keys_it_does_not_know() -> None:
    with pytest.raises(ValidationError, match="prefx"):
        KIND.settings(prefx="?")
