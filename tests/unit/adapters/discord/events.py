"""Events as Discord sends them, made to measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from adapters.discord.inbound import Me, parse
from gateway import Ignored, Inbound

SAMPLES = Path(__file__).parents[3] / "samples" / "discord"
BOT = "1180000000000001000"
ANN, BO, WEATHER = "1180000000000005001", "1180000000000005002", "1180000000000005003"
GUILD, GARDEN, THREAD = "1180000000000007000", "1180000000000007001", "1180000000000007040"
DIRECT = "1180000000000008001"
ROLE, GARDENERS = "1180000000000007100", "1180000000000007101"
MESSAGE = "1190000000000000021"

ME = Me(id=BOT, application_id=BOT, roles=frozenset({ROLE}))
UNNAMED = Me()
HELPER = {"id": BOT, "username": "Helper", "bot": True}


def message(content: object = "hi", **fields: Any) -> dict[str, Any]:
    """One in a direct conversation with Ann."""
    author = {"id": ANN, "username": "annlee", "global_name": "Ann Lee"}
    usual = {"id": MESSAGE, "type": 0, "channel_id": DIRECT, "author": author, "mentions": []}
    return {**usual, "content": content, **fields}


def in_guild(content: object = "hi", **fields: Any) -> dict[str, Any]:
    """One in a server's channel."""
    return message(content, **{"channel_id": GARDEN, "guild_id": GUILD, "member": {}, **fields})


def command(*options: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A slash command of Ann's, in a direct conversation."""
    resolved = fields.pop("resolved", {})
    data = {"type": 1, "name": "new", "options": list(options), "resolved": resolved}
    return {**_interaction(2), "data": data, **fields}


def press(custom_id: object, **fields: Any) -> dict[str, Any]:
    """A button that Ann presses, in a direct conversation."""
    data = {"component_type": 2, "custom_id": custom_id}
    return {**_interaction(3), "data": data, "message": {"id": MESSAGE}, **fields}


def _interaction(kind: int) -> dict[str, Any]:
    return {
        "id": "1190000000000000201",
        "type": kind,
        "token": "t0ken",
        "application_id": BOT,
        "channel_id": DIRECT,
        "user": {"id": ANN, "username": "annlee"},
    }


def outcome(event: object, me: Me = ME) -> Inbound | Ignored:
    """What is made of an event."""
    return parse(orjson.dumps(event), me)


def read(event: object, me: Me = ME) -> Inbound:
    """An event that is heard."""
    heard = outcome(event, me)
    assert isinstance(heard, Inbound), heard
    return heard


def ignored(event: object, me: Me = ME) -> str:
    """Why an event is not heard."""
    unheard = outcome(event, me)
    assert isinstance(unheard, Ignored), unheard
    return unheard.reason
