"""``gateway groups``: groups on platforms where an account makes them itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from gateway.cli.explaining import unknown
from gateway.cli.output import Record, print_json, print_table, printable
from gateway.cli.reading import configuration
from gateway.cli.standing_in import host
from gateway.errors import ConfigurationError, GatewayError, Problem
from gateway.ports.adapter import Group, Grouping
from gateway.settings import Settings

T = TypeVar("T")

COLUMNS = ("id", "title", "members")
TIMEOUT = 60.0


def show_all(config: Path | None, channel: str, *, as_json: bool) -> None:
    """Print the channel's groups."""

    async def work(adapter: Grouping) -> Sequence[Group]:
        return await adapter.groups()

    groups = _with(config, channel, work)
    if as_json:
        print_json([_record(group) for group in groups])
        return
    rows = [(group.id, group.title, ", ".join(group.members)) for group in groups]
    print_table(COLUMNS, rows, empty="No groups.")


def create(
    config: Path | None, channel: str, title: str, members: Sequence[str], *, as_json: bool
) -> None:
    """Make a group with these people in it."""

    async def work(adapter: Grouping) -> Group:
        return await adapter.create_group(title, members)

    _tell(_with(config, channel, work), "is made", as_json=as_json)


def change(
    config: Path | None,
    channel: str,
    group_id: str,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    as_json: bool,
) -> None:
    """Let people into a group, or out of it."""

    async def work(adapter: Grouping) -> Group:
        return await adapter.change_group(group_id, add=add, remove=remove)

    _tell(_with(config, channel, work), "is changed", as_json=as_json)


def _with(config: Path | None, channel: str, work: Callable[[Grouping], Awaitable[T]]) -> T:
    """Do something with a channel's adapter; a gateway may run beside it or not."""
    settings = configuration(config, only=channel)
    if channel in settings.skipped:
        raise GatewayError(f"channels.{channel} is skipped: {settings.skipped[channel]}")
    if channel not in settings.channels:
        raise unknown(channel, settings)
    return asyncio.run(_done(settings, channel, work))


async def _done(settings: Settings, channel: str, work: Callable[[Grouping], Awaitable[T]]) -> T:
    import aiohttp

    from gateway.opening import channel_of

    async with aiohttp.ClientSession() as http:
        adapter = channel_of(settings.channels[channel], host(settings, http)).adapter
        if not isinstance(adapter, Grouping):
            raise _made_elsewhere(channel, settings)
        try:
            async with asyncio.timeout(TIMEOUT):
                return await work(adapter)
        except ConfigurationError as error:
            raise ConfigurationError(list(map(settings.locate, error.problems))) from None
        except TimeoutError:
            raise GatewayError(f"channels.{channel}: no answer in time") from None


def _made_elsewhere(channel: str, settings: Settings) -> ConfigurationError:
    platform = settings.channels[channel].settings.platform
    what = f"is on {platform}, where people make groups themselves and let the bot in"
    problem = Problem(where=f"channels.{channel}", what=what)
    return ConfigurationError([settings.locate(problem)])


def _tell(group: Group, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_record(group))
        return
    title = f' "{group.title}"' if group.title else ""
    print(printable(f"Group {group.id}{title} {what}."))
    print(printable(f"In it: {', '.join(group.members) or 'nobody'}"))


def _record(group: Group) -> Record:
    return {"id": group.id, "title": group.title, "members": list(group.members)}
