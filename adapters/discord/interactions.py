"""Slash commands and pressed buttons are acknowledged within three seconds, or they have failed.

https://docs.discord.com/developers/interactions/receiving-and-responding
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from adapters.discord.rest import ALREADY_ACKNOWLEDGED, Refused, Rest

TIMEOUT = 3.0
"""Seconds after which Discord takes no answer any more."""

COMMAND = 2
BUTTON = 3
_SHOW_THINKING = 5
_SHOW_NOTHING = 6
_ANSWERS: Mapping[object, int] = {COMMAND: _SHOW_THINKING, BUTTON: _SHOW_NOTHING}


async def acknowledge(rest: Rest, interaction: Mapping[str, Any]) -> None:
    """Say that it arrived: a command then shows that an answer will come, a button stops spinning.

    Does nothing for what asks for no such answer, and is no error when it was said before. Raises
    what `Rest.call` does.
    """
    kind = interaction.get("type")
    answer = _ANSWERS.get(kind) if isinstance(kind, int) else None
    if answer is None:
        return
    names = (quote(str(interaction.get(name, "")), safe="") for name in ("id", "token"))
    path = "/interactions/" + "/".join(names) + "/callback"
    try:
        await rest.call("POST", path, body={"type": answer}, auth=False, timeout=TIMEOUT)
    except Refused as error:
        if error.code != ALREADY_ACKNOWLEDGED:
            raise
