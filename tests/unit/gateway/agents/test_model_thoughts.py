"""What a model thinks aloud, cut into pieces anywhere."""

from __future__ import annotations

import pytest

from gateway.agents.model_thoughts import Thoughts


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("<think>Hm.</think>\n\nYes.", "Yes."),
        ("\n<think>\n</think>Yes <think>no</think>", "Yes <think>no</think>"),
        ("<think></think><think>twice</think>Yes.", "Yes."),
        ("<thinking is hard", "<thinking is hard"),
        ("<th", "<th"),
        ("a < b", "a < b"),
        ("<think>for ever </thin", ""),
        ("  \n ", ""),
        ("", ""),
    ],
)
def test_what_a_model_thinks_aloud_is_left_out(said: str, shown: str) -> None:
    for size in range(1, len(said) + 2):
        thoughts = Thoughts()
        pieces = [thoughts.visible(said[at : at + size]) for at in range(0, len(said), size)]
        assert "".join(pieces) + thoughts.rest() == shown, size
