"""Raw events of the samples, and what is read in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from adapters.slack.adapter import SlackAdapter
from adapters.slack.inbound import Me, parse
from adapters.slack.settings import SlackSettings
from gateway import Ignored, Inbound, Moved
from gateway.boundary import place

SAMPLES = Path(__file__).parents[3] / "samples" / "slack"
ME = Me(user_id="U0HELPER", bot_id="B0HELPER", team_id="T0GARDEN", app_id="A0HELPER")
NAMELESS = Me()
ROOT, TS = "1763719200.000100", "1763719260.000200"
QUESTION = "0198c0de" * 4


def configured(**keys: Any) -> SlackSettings:
    return SlackSettings.model_validate({"bot_token": "xoxb-1", "app_token": "xapp-1", **keys})


PLAINLY = configured()
IN_VIEW = configured(assistant=True)


def raw_sample(name: str) -> dict[str, Any]:
    raw = orjson.loads((SAMPLES / f"{name}.json").read_bytes())
    assert isinstance(raw, dict)
    return raw


def outcome(raw: Any, me: Me = ME, by: SlackSettings = PLAINLY) -> Inbound | Moved | Ignored:
    return parse(orjson.dumps(raw), me, by)


def read(raw: Any, me: Me = ME, by: SlackSettings = PLAINLY) -> Inbound:
    event = outcome(raw, me, by)
    assert isinstance(event, Inbound), event
    return event


def accepted(name: str, by: SlackSettings = PLAINLY) -> Inbound:
    return read(raw_sample(name), by=by)


def message(text: str, name: str = "channel_talk", **fields: Any) -> dict[str, Any]:
    raw = raw_sample(name)
    raw["event"] |= {"text": text, **fields}
    return raw


def lane(event: Inbound, rules: Any = SlackAdapter.boundary) -> str:
    return place(rules, "garden", event.conversation, event.participant).key
