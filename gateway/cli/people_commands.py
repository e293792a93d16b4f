"""``gateway export`` and ``gateway forget``, as typed; ``gateway.cli.people`` does them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.group_commands import ChannelName
from gateway.cli.options import Config, Json

PersonId = Annotated[str, typer.Argument(metavar="PERSON", help="The person's id on the platform.")]


def export(
    channel: ChannelName,
    participant: PersonId,
    config: Config = None,
    output: Annotated[
        Path | None, typer.Option(help="Where to; - is standard output. [default: export-….zip]")
    ] = None,
) -> None:
    """Write everything that is kept of a person into an archive, for whoever asks for it."""
    from gateway.cli import people

    people.export(config, channel, participant, output)


def forget(
    channel: ChannelName,
    participant: PersonId,
    config: Config = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Erase everything that is kept of a person, for whoever asks for it. Asks first."""
    from gateway.cli import people

    if not yes:
        typer.confirm(f"Erase all of {participant} on {channel} for good?", abort=True, err=True)
    people.forget(config, channel, participant, as_json=json)
