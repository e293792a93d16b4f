"""``gateway sessions``, as typed; the work is done in ``gateway.cli.sessions`` and ``acting``."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from gateway.cli.options import Config, Json
from gateway.ports.records import SessionQuery


class State(StrEnum):
    """The states of a session."""

    ACTIVE = "active"
    DORMANT = "dormant"
    WAITING = "waiting"
    ENDED = "ended"
    EXPIRED = "expired"


class Transcript(StrEnum):
    """What a session is exported as."""

    JSONL = "jsonl"
    MARKDOWN = "markdown"
    HTML = "html"


sessions = typer.Typer(help="See sessions, and step in.", no_args_is_help=True)

Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]


@sessions.command("list")
def list_sessions(
    config: Config = None,
    channel: Annotated[str, typer.Option(help="Only this channel's.")] = "",
    agent: Annotated[str, typer.Option(help="Only this agent's.")] = "",
    owner: Annotated[str, typer.Option(help="Only this owner's, as this list says it.")] = "",
    state: Annotated[State | None, typer.Option(help="Only sessions in this state.")] = None,
    search: Annotated[
        str, typer.Option(help="Only those with this text in id, name, owner or place.")
    ] = "",
    after: Annotated[
        str, typer.Option(metavar="SESSION", help="Those that follow this one: the next page.")
    ] = "",
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List sessions, the newest activity first."""
    from gateway.cli import sessions as work

    query = SessionQuery(
        channel=channel,
        agent=agent,
        owner=owner,
        state=state or "",
        text=search,
        after_id=after,
        limit=limit,
    )
    work.show_all(config, query, as_json=json)


@sessions.command("search")
def search_sessions(
    words: Annotated[list[str], typer.Argument(metavar="WORDS")],
    config: Config = None,
    channel: Annotated[str, typer.Option(help="Only this channel's.")] = "",
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Find messages that have all of the words, the newest first. Reads every message there is."""
    from gateway.cli import sessions as work

    work.search(config, " ".join(words), channel, limit, as_json=json)


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
    form: Annotated[
        Transcript, typer.Option("--format", help="JSON Lines, or something to read.")
    ] = Transcript.JSONL,
) -> None:
    """Print every message of a session, the oldest first."""
    from gateway.cli import sessions as work

    work.export(config, session_id, form.value)


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


@sessions.command("override")
def override_session(
    session_id: Annotated[str, typer.Argument(metavar="SESSION")],
    pairs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="model, prompt, tools or knowledge, the last two with commas;"
            " KEY= takes the agent's own again.",
        ),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Drop what was turned on before.")] = False,
    config: Config = None,
) -> None:
    """Turn something on for one session alone; prints what it then has."""
    from gateway.cli import belongings as work

    work.override(config, session_id, pairs or (), clear=clear)
