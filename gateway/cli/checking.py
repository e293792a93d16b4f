"""``gateway check`` and ``gateway schema``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from gateway import plugins
from gateway.cli.output import print_json, printable
from gateway.cli.reading import configuration
from gateway.cli.standing_in import Nobody, host
from gateway.errors import ConfigurationError, GatewayError, Problem
from gateway.ports.adapter import Checked
from gateway.ports.agent import CheckedAgent, ClosingAgent
from gateway.settings import ChannelSection, Settings, schema

P = TypeVar("P")

TIMEOUT = 30.0


@dataclass(kw_only=True)
class Report:
    """What was found; ``accounts`` says who each channel is on its platform, ``answers`` who
    answered for each agent, ``notes`` what may be meant so."""

    source: str = ""
    problems: list[Problem] = field(default_factory=list)
    skipped: Mapping[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    online: bool = False
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
                "answers": report.answers,
                "notes": report.notes,
            }
        )
    else:
        _tell(report)
    return 1 if report.problems else 0


def print_schema() -> None:
    """Print the JSON schema of every platform and kind that can be used."""
    print_json(schema(_usable(plugins.adapters()), _usable(plugins.agent_kinds())))


async def _checked(config: Path | None, online: bool) -> Report:
    report = Report(online=online)
    if (clash := plugins.clash()) is not None:
        report.problems.append(clash)
    try:
        settings = configuration(config)
    except ConfigurationError as error:
        report.problems += error.problems
        return report
    report.source, report.skipped = settings.source, settings.skipped
    report.counted = f"{_many(settings.channels, 'channel')}, {_many(settings.agents, 'agent')}"
    _try_folders(settings, report)
    await _try_agents(settings, report)
    if online:
        await _try_channels(settings, report)
    return report


def _try_folders(settings: Settings, report: Report) -> None:
    if not settings.knowledge:
        return
    from gateway.knowledge.folder import state

    for name, section in settings.knowledge.items():
        problem, note = state(section.path)
        if problem:
            hint = "make it, or give the path of another"
            found = Problem(where=f"knowledge.{name}.path", what=problem, hint=hint)
            report.problems.append(settings.locate(found))
        elif note:
            report.notes.append(f"knowledge.{name}: {note}")


async def _try_agents(settings: Settings, report: Report) -> None:
    for name, section in settings.agents.items():
        try:
            agent = section.create(name, section.settings)
        except ConfigurationError as error:
            report.problems += map(settings.locate, error.problems)
        else:
            try:
                if report.online and isinstance(agent, CheckedAgent):
                    where = f"agents.{name}"
                    await _ask(settings, report, where, agent.check(), report.answers)
            finally:
                if isinstance(agent, ClosingAgent):
                    await agent.aclose()


async def _try_channels(settings: Settings, report: Report) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as http:
        asking = host(settings, http)
        for section in settings.channels.values():
            await _try_channel(settings, section, asking, report)


async def _try_channel(
    settings: Settings, section: ChannelSection, asking: Nobody, report: Report
) -> None:
    from gateway.opening import channel_of

    adapter = channel_of(section, asking).adapter
    if not isinstance(adapter, Checked):
        return
    where = f"channels.{section.name}"
    await _ask(settings, report, where, adapter.check(), report.accounts)


async def _ask(
    settings: Settings,
    report: Report,
    where: str,
    checking: Awaitable[str],
    found: dict[str, str],
) -> None:
    """Have a channel or an agent try what it was given; note who answered, or the problem."""
    try:
        async with asyncio.timeout(TIMEOUT):
            found[where.partition(".")[2]] = await checking
    except ConfigurationError as error:
        report.problems += map(settings.locate, error.problems)
    except (GatewayError, TimeoutError) as error:
        what = f"cannot be asked: {str(error) or 'no answer in time'}"
        report.problems.append(settings.locate(Problem(where=where, what=what)))


def _tell(report: Report) -> None:
    for problem in report.problems:
        print(problem)
    for name, reason in report.skipped.items():
        print(f"channels.{name} is skipped: {reason}")
    for name, account in report.accounts.items():
        print(printable(f"channels.{name} is {account}"))
    for name, answer in report.answers.items():
        print(printable(f"agents.{name}: {answer}"))
    for note in report.notes:
        print(printable(note))
    if report.problems:
        print(f"{_many(report.problems, 'problem')} found")
    else:
        print(f"{report.source}: no problem found ({report.counted})")
        if not report.online:
            print("Nothing was called: --online also tries tokens, keys and servers.")


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
