"""``gateway groups``, as it is typed; the work is done in ``gateway.cli.groups``."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import Config, Json

groups = typer.Typer(
    help="See and make groups, where the account makes them itself: WhatsApp and SMS.",
    no_args_is_help=True,
)

ChannelName = Annotated[
    str, typer.Argument(metavar="CHANNEL", help="The channel's name in the configuration.")
]
GroupId = Annotated[
    str, typer.Argument(metavar="GROUP", help="Its id, as `gateway groups list` prints it.")
]
Members = Annotated[
    list[str], typer.Argument(metavar="NUMBER", help="People's numbers, as in +15005550006.")
]


@groups.command("list")
def list_groups(channel: ChannelName, config: Config = None, json: Json = False) -> None:
    """List the groups that the channel made, with who is in them."""
    from gateway.cli import groups as work

    work.show_all(config, channel, as_json=json)


@groups.command("create")
def create_group(
    channel: ChannelName,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What it is called.")],
    members: Members,
    config: Config = None,
    json: Json = False,
) -> None:
    """Make a group with these people in it."""
    from gateway.cli import groups as work

    work.create(config, channel, title, members, as_json=json)


@groups.command("add")
def add_to_group(
    channel: ChannelName,
    group: GroupId,
    members: Members,
    config: Config = None,
    json: Json = False,
) -> None:
    """Let people into a group; who is in it already stays."""
    from gateway.cli import groups as work

    work.change(config, channel, group, add=members, as_json=json)


@groups.command("remove")
def remove_from_group(
    channel: ChannelName,
    group: GroupId,
    members: Members,
    config: Config = None,
    json: Json = False,
) -> None:
    """Let people out of a group; who is not in it stays out."""
    from gateway.cli import groups as work

    work.change(config, channel, group, remove=members, as_json=json)
