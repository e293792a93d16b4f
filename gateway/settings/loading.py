"""From a TOML file to ``Settings``, or to every problem in it at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from gateway.errors import ConfigurationError, Problem
from gateway.ports.adapter import AdapterFactory
from gateway.ports.agent import AgentKind
from gateway.settings.lines import locate
from gateway.settings.models import GatewaySection, KnowledgeSection, Settings
from gateway.settings.reading import Reading

EMBEDDED = "the embedded default"
USUAL = Path("config/gateway.toml")


def find(option: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file to use; None: the embedded default.

    ``--config`` comes before GATEWAY_CONFIG, which comes before ``config/gateway.toml`` in the
    current directory, if there is one.
    """
    if option is not None:
        return option
    if named := environ.get("GATEWAY_CONFIG"):
        return Path(named)
    return USUAL if USUAL.is_file() else None


def load(
    path: Path | None,
    environ: Mapping[str, str],
    adapters: Mapping[str, AdapterFactory],
    agent_kinds: Mapping[str, AgentKind],
    *,
    only: str = "",
    stand_in: str = "",
) -> Settings:
    """Read a configuration file, or with None the embedded default.

    Looks up only the adapters and kinds that the configuration uses. ``only`` names the one channel
    to read, and leaves the others out; ``stand_in`` is the value of every variable and file that
    cannot be had, where no valid token is needed.

    ``database`` and ``data_dir`` stay relative to the current directory; ``${file:PATH}`` and
    settings of type ``Path`` are relative to the file's folder. Every secret found is registered,
    so that no log shows it.

    Raises ``ConfigurationError`` with every problem, each with file, key and line.
    """
    raw, reading = _parsed(path, environ, stand_in)
    settings = reading.settings(raw, adapters, agent_kinds, only)
    if settings is None:
        raise ConfigurationError(reading.problems)
    return settings


def load_gateway(path: Path | None, environ: Mapping[str, str]) -> GatewaySection:
    """``[gateway]`` alone, as ``load`` reads it; for commands that run no channel.

    An operator token whose variable is unset counts as not configured.
    """
    raw, reading = _parsed(path, environ)
    section = reading.gateway_section(raw)
    if section is None:
        raise ConfigurationError(reading.problems)
    return section


def load_knowledge(
    path: Path | None, environ: Mapping[str, str]
) -> tuple[GatewaySection, Mapping[str, KnowledgeSection]]:
    """``[gateway]`` and every ``[knowledge.NAME]``, as ``load_gateway`` reads the former."""
    raw, reading = _parsed(path, environ)
    section, bases = reading.gateway_section(raw), reading.bases(raw)
    if section is None or reading.problems:
        raise ConfigurationError(reading.problems)
    return section, bases


def _parsed(
    path: Path | None, environ: Mapping[str, str], stand_in: str = ""
) -> tuple[dict[str, Any], Reading]:
    text = _read(path)
    source = str(path) if path else EMBEDDED
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([_syntax(source, error)]) from None
    folder = path.parent if path else Path()
    reading = Reading(
        source=source, lines=locate(text), environ=environ, folder=folder, stand_in=stand_in
    )
    return raw, reading


def embedded() -> str:
    """The text of the embedded default."""
    return files("gateway.settings").joinpath("default.toml").read_text(encoding="utf-8")


def _read(path: Path | None) -> str:
    if path is None:
        return embedded()
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        what, hint = "is not a UTF-8 text", ""
    except OSError as error:
        what, hint = f"cannot be read: {error.strerror}", "name a file with --config"
    raise ConfigurationError([Problem(where=str(path), what=what, hint=hint)])


def _syntax(source: str, error: tomllib.TOMLDecodeError) -> Problem:
    match = re.fullmatch(r"(.*) \(at (line \d+, column \d+|end of document)\)", str(error))
    place, what = (match[2], match[1]) if match else ("", str(error))
    where = f"{source} ({place})" if place else source
    return Problem(where=where, what=f"is no valid TOML: {what}")
