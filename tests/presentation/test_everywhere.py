"""One answer looks right on every platform: ten thousand of them, and texts that are nonsense."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from adapters.discord import outbound as discord
from tests.presentation import documents
from tests.presentation.properties import check_answer, check_literal, check_soup, delivery

BLOCKS = range(20)
EXAMPLES = 250
"""Answers in each block, and as many soups: ten thousand in all."""


def holds(
    check: Callable[[str], None], texts: st.SearchStrategy[str], block: int, examples: int
) -> None:
    """The check holds of examples that are other ones in each block, and the same ever again."""

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @seed(block)
    @given(text=texts)
    def run(text: str) -> None:
        check(text)

    run()


@pytest.mark.parametrize("block", BLOCKS)
def test_answers_look_right_everywhere(block: int) -> None:
    holds(check_answer, documents.answers(), block, EXAMPLES)


@pytest.mark.parametrize("block", BLOCKS)
def test_nonsense_harms_nothing_anywhere(block: int) -> None:
    holds(check_soup, documents.soups(), block, EXAMPLES)


@pytest.mark.parametrize("block", range(4))
def test_long_answers_are_whole_in_parts(block: int) -> None:
    holds(check_answer, documents.long_answers(), block, 5)


def test_notices_are_shown_as_they_stand() -> None:
    holds(check_literal, documents.soups(), 0, 500)


@pytest.mark.parametrize("text", documents.HOSTILE)
def test_on_discord_nobody_is_called_whatever_is_said(text: str) -> None:
    """What looks like a mention there is one, so Discord is told that it calls nobody."""
    for part in discord.split(text, markdown=True):
        _, body = discord.create_message(delivery(part))
        assert body["allowed_mentions"] == {"parse": [], "replied_user": False}
