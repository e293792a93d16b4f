"""What is hidden from libraries, and from nobody else."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from gateway.imports import hidden

NAME = "tests.support.agents"


def test_a_module_is_absent_inside_the_block_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    with hidden(NAME), pytest.raises(ImportError):
        import_module(NAME)
    assert import_module(NAME).__name__ == NAME


def test_what_somebody_uses_already_is_not_taken_away() -> None:
    module = import_module(NAME)
    with hidden(NAME):
        assert import_module(NAME) is module
    assert sys.modules[NAME] is module
