"""``gateway check`` and ``gateway schema``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from gateway import plugins
from gateway.cli.output import print_json
from gateway.cli.reading import configuration
from gateway.errors import ConfigurationError, GatewayError, Problem
from gateway.ports.adapter import Checked
from gateway.ports.agent import ClosingAgent
from gateway.settings import ChannelSection, Settings, schema

P = TypeVar("P")

TIMEOUT = 30.0


@dataclass(kw_only=True)
class Report:
    """What was found; ``accounts`` says who each channel is on its platform."""

    source: str = ""
    problems: list[Problem] = field(default_factory=list)
    skipped: Mapping[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    counted: str = ""


def check(config: Path | None, *, online: bool, as_json: bool) -> int:
    """Print every problem; 1 when there is any."""
    report = asyncio.run(_checked(config, online))
    if as_json:
        print_json(
            {
                "source": report.source,
                "problems": [_record(problem) for problem in report.problems],
                "skipped": dict(report.skipped),
                "accounts": report.accounts,
            }
        )
    else:
        _tell(report)
    return 1 if report.problems else 0


def print_schema() -> None:
    """Print the JSON schema of every platform and kind that can be used."""
    print_json(schema(_usable(plugins.adapters()), _usable(plugins.agent_kinds())))


async def _checked(config: Path | None, online: bool) -> Report:
    report = Report()
    if (clash := plugins.clash()) is not None:
        report.problems.append(clash)
    try:
        settings = configuration(config)
    except ConfigurationError as error:
        report.problems += error.problems
        return report
    report.source, report.skipped = settings.source, settings.skipped
    report.counted = f"{_many(settings.channels, 'channel')}, {_many(settings.agents, 'agent')}"
    await _try_agents(settings, report)
    if online:
        await _try_channels(settings, report)
    return report


async def _try_agents(settings: Settings, report: Report) -> None:
    for name, section in settings.agents.items():
        try:
            agent = section.create(name, section.settings)
        except ConfigurationError as error:
            report.problems += map(settings.locate, error.problems)
        else:
            if isinstance(agent, ClosingAgent):
                await agent.aclose()


async def _try_channels(settings: Settings, report: Report) -> None:
    import aiohttp

    from gateway.app import Host

    async with aiohttp.ClientSession() as http:
        host = Host(
            http=http,
            public_url=settings.gateway.public_url,
            agents=tuple(settings.agents),
            sessions=None,  # type: ignore[arg-type]  # nobody opens a session here
        )
        for section in settings.channels.values():
            await _try_channel(settings, section, host, report)


async def _try_channel(
    settings: Settings, section: ChannelSection, host: Any, report: Report
) -> None:
    from gateway.app import channel_of

    adapter = channel_of(section, host).adapter
    if not isinstance(adapter, Checked):
        return
    try:
        async with asyncio.timeout(TIMEOUT):
            report.accounts[section.name] = await adapter.check()
    except ConfigurationError as error:
        report.problems += map(settings.locate, error.problems)
    except (GatewayError, TimeoutError) as error:
        what = f"the platform cannot be asked: {str(error) or 'no answer in time'}"
        where = f"channels.{section.name}"
        report.problems.append(settings.locate(Problem(where=where, what=what)))


def _tell(report: Report) -> None:
    for problem in report.problems:
        print(problem)
    for name, reason in report.skipped.items():
        print(f"channels.{name} is skipped: {reason}")
    for name, account in report.accounts.items():
        print(f"channels.{name} is {account}")
    if report.problems:
        print(f"{_many(report.problems, 'problem')} found")
    else:
        print(f"{report.source}: no problem found ({report.counted})")


def _many(things: Any, noun: str) -> str:
    return f"{len(things)} {noun}" + ("" if len(things) == 1 else "s")


def _record(problem: Problem) -> dict[str, str]:
    return {"where": problem.where, "what": problem.what, "hint": problem.hint}


def _usable(found: Mapping[str, P]) -> dict[str, P]:
    """What loads; a broken plugin is named, and takes nothing else along."""
    usable: dict[str, P] = {}
    for name in found:
        try:
            usable[name] = found[name]
        except ConfigurationError as error:
            print(error, file=sys.stderr)
    return usable
