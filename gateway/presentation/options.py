"""Options as text, where there are no buttons. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!~|<>&])")


def numbered(options: Iterable[str]) -> str:
    """A Markdown list of ``options``, each under the number that answers with it; nothing in them
    is a mark."""
    lines = (_MARKS.sub(r"\\\1", " ".join(option.split())) for option in options)
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, start=1))
