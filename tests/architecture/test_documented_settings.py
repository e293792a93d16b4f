"""docs/configuration.md has every setting of the core and of all that comes with it, as it is."""

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from gateway import plugins
from gateway.settings import (
    AgentBasics,
    ChannelSettings,
    GatewaySection,
    KnowledgeSection,
    LimitsSection,
    RetentionSection,
    Seconds,
    descriptions,
)
from tests.architecture.source import ROOT

ROW = re.compile(r"^\| `([a-z_]+)` \| (.+?) \| (.+) \|$")
HEADING = re.compile(r"^##+ `(.+)`$")
UNITS = (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001))


def documented() -> dict[str, dict[str, str]]:
    """Each section's keys and defaults, as the document shows them."""
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in (ROOT / "docs" / "configuration.md").read_text().splitlines():
        if line.startswith("#"):
            heading = HEADING.match(line)
            section = found.setdefault(heading[1], {}) if heading else {}
        elif row := ROW.match(line):
            section[row[1]] = row[2]
    return found


def sections() -> Iterator[tuple[str, type[BaseModel], frozenset[str]]]:
    """Each section, its model, and the keys that are documented elsewhere."""
    yield "[gateway]", GatewaySection, frozenset()
    yield "[limits]", LimitsSection, frozenset()
    yield "[retention]", RetentionSection, frozenset()
    yield "[knowledge.NAME]", KnowledgeSection, frozenset()
    yield "[agents.NAME]", AgentBasics, frozenset()
    yield "[channels.NAME]", ChannelSettings, frozenset()
    adapters, kinds = plugins.adapters(), plugins.agent_kinds()
    for name in ours(plugins.ADAPTERS):
        shared = frozenset(ChannelSettings.model_fields)
        yield f'platform = "{name}"', adapters[name].Settings, shared
    for name in ours(plugins.AGENTS):
        yield f'kind = "{name}"', kinds[name].settings, frozenset()


def ours(group: str) -> list[str]:
    points = entry_points(group=group)
    return [p.name for p in points if p.dist is not None and p.dist.name == plugins.OURS]


SECTIONS = list(sections())


@pytest.mark.parametrize(
    ("section", "model", "elsewhere"), SECTIONS, ids=[name for name, *_ in SECTIONS]
)
def test_every_setting_is_documented_with_its_default(
    section: str, model: type[BaseModel], elsewhere: frozenset[str]
) -> None:
    expected = {
        field.alias or name: shown(field)
        for name, field in model.model_fields.items()
        if name not in elsewhere
    }
    assert documented().get(section) == expected


@pytest.mark.parametrize(
    ("section", "model", "elsewhere"), SECTIONS, ids=[name for name, *_ in SECTIONS]
)
def test_every_setting_is_described_to_editors(
    section: str, model: type[BaseModel], elsewhere: frozenset[str]
) -> None:
    undescribed = model.model_fields.keys() - descriptions(model).keys() - {"platform"}
    assert not undescribed, section


def test_nothing_is_documented_that_is_not_there() -> None:
    known = {name for name, *_ in SECTIONS} | {"[agents.NAME]"}
    assert documented().keys() == known


def test_every_variable_the_core_reads_is_documented() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    for file in Path(ROOT / "gateway" / "settings").glob("*.py"):
        for name in re.findall(r"\bGATEWAY_[A-Z_]+\b", file.read_text()):
            assert f"`{name}`" in text


def shown(field: FieldInfo) -> str:
    """A default as the document writes it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "unset"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value == "":
        return "empty"
    return f"`{duration(value) if is_duration(field) else plain(value)}`"


def plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    if isinstance(value, int) and value > 9999:
        return f"{value:_}"
    return str(value)


def is_duration(field: FieldInfo) -> bool:
    known = [item.func for item in get_args(Seconds) if isinstance(item, BeforeValidator)]
    return any(isinstance(m, BeforeValidator) and m.func in known for m in field.metadata)


def duration(seconds: float) -> str:
    for unit, size in UNITS:
        if seconds >= size and not round(seconds / size, 6) % 1:
            return f"{round(seconds / size)}{unit}"
    return "0s"
