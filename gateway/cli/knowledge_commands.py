"""``gateway knowledge``, as it is typed; the work is done in ``gateway.cli.knowledge``."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import Config, Json

knowledge = typer.Typer(
    help="See what the knowledge bases hold, and search them as an agent does.",
    no_args_is_help=True,
)


@knowledge.command("list")
def list_bases(config: Config = None, json: Json = False) -> None:
    """List the knowledge bases, with what is in their index and what was left out."""
    from gateway.cli import knowledge as work

    work.show_all(config, as_json=json)


@knowledge.command("search")
def search_bases(
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="What to look for.")],
    config: Config = None,
    base: Annotated[
        list[str] | None,
        typer.Option(help="Only this knowledge base; may be repeated. [default: all]"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many passages at most.")] = 5,
    json: Json = False,
) -> None:
    """Find the passages that fit best, the best first."""
    from gateway.cli import knowledge as work

    work.search(config, " ".join(words), base or [], limit, as_json=json)


@knowledge.command("update")
def update_bases(config: Config = None, json: Json = False) -> None:
    """Bring the index up to date now. A running gateway does so every minute."""
    from gateway.cli import knowledge as work

    work.update(config, as_json=json)
