"""One pass over one configuration; problems are collected, never raised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from gateway.errors import ConfigurationError, Problem
from gateway.observability.redaction import register_secret
from gateway.ports.adapter import AdapterFactory
from gateway.ports.agent import AgentKind
from gateway.settings import cross, words
from gateway.settings.lines import KeyPath, line_of
from gateway.settings.models import (
    SECTIONS,
    AgentBasics,
    AgentSection,
    ChannelSection,
    ChannelSettings,
    GatewaySection,
    KnowledgeSection,
    LimitsSection,
    RetentionSection,
    Settings,
)
from gateway.settings.variables import Expander, texts

OPERATOR_TOKEN = "GATEWAY_OPERATOR_TOKEN"  # noqa: S105 - the variable's name
PUBLIC_URL = "GATEWAY_PUBLIC_URL"

_CHANNEL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*"), "use a to z, digits, - and _"
_AGENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*"), "use A to Z, a to z, digits, - and _"
_SECRETISH = re.compile(r"(?i)token|secret|password|passwd|credential|(^|[_-])key$|api_?key")

M = TypeVar("M", bound=BaseModel)
P = TypeVar("P")


@dataclass(kw_only=True)
class Reading:
    """What is known while a configuration is read."""

    source: str
    lines: Mapping[KeyPath, int]
    environ: Mapping[str, str]
    folder: Path
    stand_in: str = ""
    problems: list[Problem] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    _order: dict[str, int] = field(default_factory=dict)
    _unfilled: set[KeyPath] = field(default_factory=set)

    def settings(
        self,
        raw: dict[str, Any],
        adapters: Mapping[str, AdapterFactory],
        agent_kinds: Mapping[str, AgentKind],
        only: str = "",
    ) -> Settings | None:
        """The whole configuration; None when there are problems."""
        for name in sorted(raw.keys() - set(SECTIONS)):
            self._add((name,), "unknown section", words.suggest(name, SECTIONS))
        tables = {name: self._tables(raw, name) for name in ("agents", "channels", "knowledge")}
        gateway = self._gateway(self._table(raw, "gateway"))
        limits = self._whole(raw, "limits", LimitsSection)
        retention = self._whole(raw, "retention", RetentionSection)
        knowledge = self._knowledge(tables["knowledge"])
        agents = self._agents(tables["agents"], agent_kinds)
        if not tables["channels"]:
            self._add(("channels",), "no channel is configured", "add a table [channels.NAME]")
        wanted = {n: table for n, table in tables["channels"].items() if only in ("", n)}
        channels = self._channels(wanted, adapters, list(tables["agents"]))
        found = cross.problems(channels, list(tables["agents"]), agents, list(tables["knowledge"]))
        for path, what, hint in found:
            self._add(path, what, hint)
        self.problems.sort(key=lambda problem: self._order.get(problem.where, 0))
        if self.problems or gateway is None or limits is None or retention is None:
            return None
        return Settings(
            source=self.source,
            gateway=gateway,
            limits=limits,
            retention=retention,
            knowledge=knowledge,
            agents=agents,
            channels=channels,
            skipped=self.skipped,
            lines=self.lines,
        )

    # sections

    def _gateway(self, table: dict[str, Any]) -> GatewaySection | None:
        token = self.environ.get(OPERATOR_TOKEN)
        if token and "operator_token" not in table:
            register_secret(token)
            table = {**table, "operator_token": SecretStr(token)}
        if address := self.environ.get(PUBLIC_URL):
            table = {"public_url": address, **table}
        return self._section(GatewaySection, self._filled(table, ("gateway",)), ("gateway",))

    def gateway_section(self, raw: dict[str, Any]) -> GatewaySection | None:
        """``[gateway]`` alone; an operator token that cannot be had is none."""
        table = self._table(raw, "gateway")
        expander = self._expander()
        expander.expand(table.get("operator_token", ""))
        if expander.failures:
            table = {key: value for key, value in table.items() if key != "operator_token"}
        return self._gateway(table)

    def bases(self, raw: dict[str, Any]) -> dict[str, KnowledgeSection]:
        """The ``[knowledge.NAME]`` alone."""
        return self._knowledge(self._tables(raw, "knowledge"))

    def _whole(self, raw: dict[str, Any], name: str, model: type[M]) -> M | None:
        return self._section(model, self._filled(self._table(raw, name), (name,)), (name,))

    def _knowledge(self, tables: dict[str, dict[str, Any]]) -> dict[str, KnowledgeSection]:
        found: dict[str, KnowledgeSection] = {}
        for name, table in tables.items():
            path = ("knowledge", name)
            self._check_name(path, _AGENT_NAME)
            section = self._section(KnowledgeSection, self._filled(table, path), path)
            if section is not None:
                found[name] = section
        return found

    def _agents(
        self, tables: dict[str, dict[str, Any]], kinds: Mapping[str, AgentKind]
    ) -> dict[str, AgentSection]:
        found: dict[str, AgentSection] = {}
        for name, table in tables.items():
            path = ("agents", name)
            self._check_name(path, _AGENT_NAME)
            table = self._filled(table, path)
            chosen = self._plugin(kinds, table, (*path, "kind"), "agent kind")
            if chosen is None:
                continue
            kind, plugin = chosen
            model: type[BaseModel] = plugin.settings
            # A kind's own key comes first, should it be called the same.
            everybodys = AgentBasics.model_fields.keys() - model.model_fields.keys()
            own = {k: v for k, v in table.items() if k != "kind" and k not in everybodys}
            basic = {k: v for k, v in table.items() if k in everybodys}
            basics = self._section(AgentBasics, basic, path)
            settings = self._section(model, own, path, also=("kind", *everybodys))
            if settings is not None and basics is not None:
                found[name] = AgentSection(
                    name=name, kind=kind, settings=settings, create=plugin.create, basics=basics
                )
        return found

    def _channels(
        self,
        tables: dict[str, dict[str, Any]],
        adapters: Mapping[str, AdapterFactory],
        agents: list[str],
    ) -> dict[str, ChannelSection]:
        found: dict[str, ChannelSection] = {}
        for name, table in tables.items():
            self._check_name(("channels", name), _CHANNEL_NAME)
            if self._skips(name, table):
                continue
            filled = self._filled(table, ("channels", name))
            section = self._channel(name, filled, adapters, agents)
            if section is not None:
                found[name] = section
        return found

    def _channel(
        self,
        name: str,
        table: dict[str, Any],
        adapters: Mapping[str, AdapterFactory],
        agents: list[str],
    ) -> ChannelSection | None:
        path = ("channels", name)
        chosen = self._plugin(adapters, table, (*path, "platform"), "platform")
        agent = self._agent(table.get("agent", ""), path, agents)
        if chosen is None:
            return None
        platform, factory = chosen
        model: type[ChannelSettings] = factory.Settings
        settings = self._section(model, table, path)
        if settings is None:
            return None
        return ChannelSection(
            name=name,
            platform=platform,
            settings=settings.model_copy(update={"agent": agent}),
            factory=factory,
        )

    def _skips(self, name: str, table: dict[str, Any]) -> bool:
        if table.get("optional") is not True:
            return False
        expander = self._expander()
        expander.expand(table, ("channels", name))
        unset = [failure for failure in expander.failures if failure.unset]
        if unset:
            self.skipped[name] = unset[0].what
        return bool(unset)

    def _agent(self, agent: object, path: KeyPath, agents: list[str]) -> str:
        """The name of the channel's agent; "" when that is no good."""
        if (*path, "agent") in self._unfilled:
            return ""
        if isinstance(agent, str) and agent:
            if agent not in agents:
                what = f'there is no agent "{agent}"'
                self._add((*path, "agent"), what, words.suggest(agent, agents))
            return agent
        if len(agents) == 1:
            return agents[0]
        if agents:
            what = "is missing, and there are several agents"
            self._add((*path, "agent"), what, f"choose one of {words.listed(agents)}")
        else:
            self._add((*path, "agent"), "no agent is configured", "add a table [agents.NAME]")
        return ""

    def _plugin(
        self, plugins: Mapping[str, P], table: dict[str, Any], path: tuple[str, ...], noun: str
    ) -> tuple[str, P] | None:
        name = table.get(path[-1])
        if path in self._unfilled:
            return None
        if not isinstance(name, str):
            what = "is missing" if name is None else "should be a text"
            self._add(path, what, f"installed: {words.listed(plugins)}")
        elif name not in plugins:
            hint = words.suggest(name, plugins)
            self._add(path, f'there is no {noun} "{name}"', hint or "none is installed")
        else:
            try:
                return name, plugins[name]
            except ConfigurationError as error:
                for problem in error.problems:
                    self._add(path, f"{problem.where}: {problem.what}", problem.hint)
        return None

    # tables and models

    def _tables(self, raw: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
        outer = self._table(raw, name)
        return {key: self._table(outer, key, (name,)) for key in outer}

    def _table(self, outer: dict[str, Any], name: str, path: KeyPath = ()) -> dict[str, Any]:
        table = outer.get(name, {})
        if isinstance(table, dict):
            return table
        hint = f"write [{'.'.join(map(str, (*path, name)))}]"
        self._add((*path, name), "should be a table", hint)
        return {}

    def _expander(self) -> Expander:
        return Expander(environ=self.environ, folder=self.folder, stand_in=self.stand_in)

    def _filled(self, table: dict[str, Any], path: KeyPath) -> dict[str, Any]:
        """The table with its references filled; what cannot be filled is a problem, once."""
        expander = self._expander()
        filled: dict[str, Any] = expander.expand(table, path)
        for failure in expander.failures:
            self._add(failure.path, failure.what, failure.hint)
            self._unfilled.add(failure.path)
        _register_texts(filled)
        return filled

    def _section(
        self, model: type[M], table: dict[str, Any], path: KeyPath, also: tuple[str, ...] = ()
    ) -> M | None:
        """Check a table against its model."""
        try:
            section = model.model_validate(table)
        except ValidationError as error:
            for finding in words.findings(error, model, also):
                if (*path, *finding.path) not in self._unfilled:
                    self._add((*path, *finding.path), finding.what, finding.hint)
            return None
        _register_secrets(section)
        return _resolved(section, self.folder)

    def _check_name(self, path: KeyPath, rule: tuple[re.Pattern[str], str]) -> None:
        pattern, hint = rule
        if not pattern.fullmatch(str(path[-1])):
            self._add(path, "is no valid name", hint)

    def _add(self, path: KeyPath, what: str, hint: str = "") -> None:
        where = f"{self.source}: {words.place(self.lines, path)}"
        self._order[where] = line_of(self.lines, path) or 0
        self.problems.append(Problem(where=where, what=what, hint=hint))


def _register_texts(table: dict[str, Any]) -> None:
    """Before validation, so that no validator's complaint can show what it complains about."""
    for path, text in texts(table):
        if any(_SECRETISH.search(str(part)) for part in path):
            register_secret(text)


def _register_secrets(value: object) -> None:
    if isinstance(value, SecretStr):
        register_secret(value.get_secret_value())
    elif isinstance(value, BaseModel):
        _register_secrets([getattr(value, name) for name in type(value).model_fields])
    elif isinstance(value, Mapping):
        _register_secrets(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            _register_secrets(item)


def _resolved(section: M, folder: Path) -> M:
    paths = {
        name: folder / value
        for name in type(section).model_fields
        if isinstance(value := getattr(section, name), Path)
    }
    return section.model_copy(update=paths) if paths else section
