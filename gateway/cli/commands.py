"""What can be typed. The work is done elsewhere, so that ``--help`` imports none of it."""

from __future__ import annotations

import sys
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from gateway.domain import DeliveryState


class State(StrEnum):
    """The states of a session."""

    ACTIVE = "active"
    DORMANT = "dormant"
    ENDED = "ended"
    EXPIRED = "expired"


HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    help="One durable process between chat platforms and agents.",
    context_settings=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
sessions = typer.Typer(help="See sessions, and step in.", no_args_is_help=True)
deliveries = typer.Typer(
    help="See what was not delivered, and incoming messages that failed; retry or discard them.",
    no_args_is_help=True,
)
app.add_typer(sessions, name="sessions")
app.add_typer(deliveries, name="deliveries")

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The configuration file. [default: config/gateway.toml]"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"chat-gateway {version('chat-gateway')}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show where an unexpected error comes from.")
    ] = False,
) -> None:
    """One durable process between chat platforms and agents."""


@app.command()
def run(config: Config = None) -> None:
    """Run the gateway. Without a configuration: a chat page on http://127.0.0.1:8080."""
    from gateway.cli import running

    raise typer.Exit(running.run(config))


@app.command()
def check(
    config: Config = None,
    online: Annotated[
        bool, typer.Option("--online", help="Also try the credentials on the platforms.")
    ] = False,
    json: Json = False,
) -> None:
    """Report every problem in the configuration at once."""
    from gateway.cli import checking

    raise typer.Exit(checking.check(config, online=online, as_json=json))


@app.command()
def schema() -> None:
    """Print the configuration's JSON schema, for editors."""
    from gateway.cli import checking

    checking.print_schema()


@app.command()
def explain(
    channel: Annotated[str, typer.Argument(help="The channel's name in the configuration.")],
    update: Annotated[str, typer.Argument(help="A file with one raw update; - is standard input.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """Say which session a raw update goes to, and why. Needs neither network nor token."""
    from gateway.cli import explaining

    explaining.explain(channel, update, config, as_json=json)


@app.command()
def migrate(config: Config = None) -> None:
    """Bring the database to this version's schema."""
    from gateway.cli import running

    running.migrate(config)


@sessions.command("list")
def list_sessions(
    config: Config = None,
    channel: Annotated[str, typer.Option(help="Only this channel's.")] = "",
    state: Annotated[State | None, typer.Option(help="Only sessions in this state.")] = None,
    search: Annotated[str, typer.Option(help="Only those with this text in them.")] = "",
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List sessions, the newest activity first."""
    from gateway.cli import sessions as work

    work.show_all(config, channel, state or "", search, limit, as_json=json)


@sessions.command("show")
def show_session(
    session_id: Annotated[str, typer.Argument(metavar="SESSION")],
    config: Config = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """Show one session and its newest messages."""
    from gateway.cli import sessions as work

    work.show(config, session_id, limit, as_json=json)


@sessions.command("export")
def export_session(
    session_id: Annotated[str, typer.Argument(metavar="SESSION")],
    config: Config = None,
) -> None:
    """Print every message of a session as JSON Lines, the oldest first."""
    from gateway.cli import sessions as work

    work.export(config, session_id)


@sessions.command("reset")
def reset_session(
    session_id: Annotated[str, typer.Argument(metavar="SESSION")],
    config: Config = None,
    json: Json = False,
) -> None:
    """End a session and keep it; the next message starts another."""
    from gateway.cli import acting

    acting.reset(config, session_id, as_json=json)


@sessions.command("delete")
def delete_session(
    session_id: Annotated[str, typer.Argument(metavar="SESSION")],
    config: Config = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete a session with everything in it. On a terminal, asks first."""
    from gateway.cli import acting

    if sys.stdin.isatty() and not yes:
        typer.confirm(f"Delete session {session_id} for good?", abort=True, err=True)
    acting.delete(config, session_id, as_json=json)


@deliveries.command("list")
def list_deliveries(
    config: Config = None,
    state: Annotated[
        list[DeliveryState] | None,
        typer.Option(help="Only what is in this state; may be repeated."),
    ] = None,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List what waits or failed to go out, and incoming messages that failed."""
    from gateway.cli import deliveries as work

    work.show_all(config, state or [], limit, as_json=json)


@deliveries.command("retry")
def retry_delivery(
    item_id: Annotated[str, typer.Argument(metavar="ID")], config: Config = None, json: Json = False
) -> None:
    """Send a delivery again, or run a failed incoming message again."""
    from gateway.cli import acting

    acting.retry(config, item_id, as_json=json)


@deliveries.command("discard")
def discard_delivery(
    item_id: Annotated[str, typer.Argument(metavar="ID")], config: Config = None, json: Json = False
) -> None:
    """Give a delivery or a failed incoming message up for good."""
    from gateway.cli import acting

    acting.discard(config, item_id, as_json=json)
