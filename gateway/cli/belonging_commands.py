"""``gateway data|facts|drive``, as typed; the work is done in ``gateway.cli.belongings``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import Config, Json

data = typer.Typer(
    help="See and change the data of people, shared conversations and agents.",
    no_args_is_help=True,
)
facts = typer.Typer(
    help="See and change what agents remember of people and shared conversations.",
    no_args_is_help=True,
)
drive = typer.Typer(
    help="See and change what people, shared conversations and agents have on the Drive.",
    no_args_is_help=True,
)

Agent = Annotated[str, typer.Option(help="With which agent; alone, what is the agent's own.")]
Channel = Annotated[str, typer.Option(help="On which channel; with --owner.")]
Owner = Annotated[
    str, typer.Option(help="Whose, as `gateway data owners` and `gateway sessions list` say it.")
]
Words = Annotated[list[str] | None, typer.Argument(help="Only what has all of these words.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]


@data.command("owners")
def list_owners(config: Config = None, limit: Limit = 100, json: Json = False) -> None:
    """List who has data, facts or anything on the Drive."""
    from gateway.cli import belongings as work

    work.owners(config, limit, as_json=json)


@data.command("show")
def show_data(
    agent: Agent, channel: Channel = "", owner: Owner = "", config: Config = None
) -> None:
    """Print the data, as JSON."""
    from gateway.cli import belongings as work

    work.show_data(config, work.whose(agent, channel, owner))


@data.command("set")
def set_data(
    pairs: Annotated[list[str], typer.Argument(metavar="KEY=VALUE", help="JSON, or a text.")],
    agent: Agent,
    channel: Channel = "",
    owner: Owner = "",
    config: Config = None,
) -> None:
    """Put some keys and leave the others; prints what it is then."""
    from gateway.cli import belongings as work

    work.set_data(config, work.whose(agent, channel, owner), pairs)


@data.command("unset")
def unset_data(
    keys: Annotated[list[str], typer.Argument(metavar="KEY")],
    agent: Agent,
    channel: Channel = "",
    owner: Owner = "",
    config: Config = None,
) -> None:
    """Remove some keys; prints what it is then."""
    from gateway.cli import belongings as work

    work.unset_data(config, work.whose(agent, channel, owner), keys)


@facts.command("list")
def list_facts(
    agent: Agent,
    channel: Channel,
    owner: Owner,
    words: Words = None,
    config: Config = None,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List what is remembered, the newest first."""
    from gateway.cli import belongings as work

    scope = work.whose(agent, channel, owner)
    work.show_facts(config, scope, " ".join(words or ()), limit, as_json=json)


@facts.command("add")
def add_fact(
    text: Annotated[str, typer.Argument(metavar="TEXT")],
    agent: Agent,
    channel: Channel,
    owner: Owner,
    config: Config = None,
    json: Json = False,
) -> None:
    """Remember something."""
    from gateway.cli import belongings as work

    work.add_fact(config, work.whose(agent, channel, owner), text, as_json=json)


@facts.command("forget")
def drop_fact(
    fact_id: Annotated[str, typer.Argument(metavar="ID", help="As `gateway facts list` says it.")],
    agent: Agent,
    channel: Channel,
    owner: Owner,
    config: Config = None,
    json: Json = False,
) -> None:
    """Remember it no more."""
    from gateway.cli import belongings as work

    work.drop_fact(config, work.whose(agent, channel, owner), fact_id, as_json=json)


@drive.command("list")
def list_items(
    agent: Agent,
    words: Words = None,
    channel: Channel = "",
    owner: Owner = "",
    config: Config = None,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List what is on a shelf, the newest first."""
    from gateway.cli import belongings as work

    scope = work.whose(agent, channel, owner)
    work.show_items(config, scope, " ".join(words or ()), limit, as_json=json)


@drive.command("get")
def get_item(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    agent: Agent,
    channel: Channel = "",
    owner: Owner = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Into this file. [default: print it]")
    ] = None,
    config: Config = None,
) -> None:
    """Fetch a thing's content."""
    from gateway.cli import belongings as work

    work.get_item(config, work.whose(agent, channel, owner), name, output)


@drive.command("put")
def put_item(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    agent: Agent,
    channel: Channel = "",
    owner: Owner = "",
    name: Annotated[str, typer.Option(help="What it is called. [default: the file's name]")] = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Put a file on a shelf; what stood there under its name is replaced."""
    from gateway.cli import belongings as work

    work.put_item(config, work.whose(agent, channel, owner), file, name, as_json=json)


@drive.command("delete")
def delete_item(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    agent: Agent,
    channel: Channel = "",
    owner: Owner = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Take a thing off a shelf."""
    from gateway.cli import belongings as work

    work.delete_item(config, work.whose(agent, channel, owner), name, as_json=json)
