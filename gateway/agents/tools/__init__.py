"""The tools that a model may call, each under its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import ModuleType

from gateway.agents.tools import documents, memory, shelves
from gateway.agents.tools.base import Desk, Tool

__all__ = ["TOOLS", "Desk", "Tool"]


def _of(module: ModuleType) -> Iterator[type[Tool]]:
    for each in vars(module).values():
        if isinstance(each, type) and issubclass(each, Tool) and each is not Tool:
            yield each


def _called(tool: type[Tool]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", tool.__name__).lower()


TOOLS: Mapping[str, type[Tool]] = {
    _called(tool): tool for module in (memory, documents, shelves) for tool in _of(module)
}
