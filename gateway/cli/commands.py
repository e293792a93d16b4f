"""What can be typed. The work is done elsewhere, so that ``--help`` imports none of it."""

from __future__ import annotations

from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.belonging_commands import data, drive, facts
from gateway.cli.group_commands import groups
from gateway.cli.knowledge_commands import knowledge
from gateway.cli.options import Config, Json
from gateway.cli.people_commands import export, forget
from gateway.cli.session_commands import sessions
from gateway.domain import DeliveryState


class SlackMode(StrEnum):
    """How Slack's events come: over a connection of ours, or sent to an address."""

    SOCKET = "socket"
    EVENTS = "events"


HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    help="One durable process between chat platforms and agents.",
    context_settings=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
deliveries = typer.Typer(
    help="See what was not delivered, and incoming messages that failed; retry or discard them.",
    no_args_is_help=True,
)
app.add_typer(sessions, name="sessions")
app.add_typer(deliveries, name="deliveries")
app.add_typer(groups, name="groups")
app.add_typer(data, name="data")
app.add_typer(facts, name="facts")
app.add_typer(drive, name="drive")
app.add_typer(knowledge, name="knowledge")

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
def chat(
    config: Config = None,
    agent: Annotated[str, typer.Option(help="Which agent. [default: the web channel's]")] = "",
    url: Annotated[
        str, typer.Option(help="A gateway's address. [default: the configuration's, or one here]")
    ] = "",
    new: Annotated[
        bool, typer.Option("--new/--continue", help="Begin anew, or go on where you were.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines in, lines out; also when it is no terminal.")
    ] = False,
) -> None:
    """Talk to an agent from the terminal.

    To the gateway that runs, or else to one that is started here for as long as you talk.
    """
    from gateway.cli.chat import chat as talk

    raise typer.Exit(talk(config, agent=agent, url=url, fresh=new, plain=plain))


@app.command()
def check(
    config: Config = None,
    online: Annotated[
        bool, typer.Option("--online", help="Also try tokens, keys and servers: calls them.")
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
def init(
    path: Annotated[
        Path | None, typer.Argument(help="Where to write it. [default: config/gateway.toml]")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="demo, model or python.")] = None,
    base_url: Annotated[str | None, typer.Option(help="The model server's address.")] = None,
    model: Annotated[str | None, typer.Option(help="The model's name.")] = None,
    key_env: Annotated[
        str | None, typer.Option(help="The variable that holds its key; - for none.")
    ] = None,
    web: Annotated[bool | None, typer.Option("--web/--no-web", help="A chat page.")] = None,
    port: Annotated[int | None, typer.Option(help="The chat page's port.")] = None,
    telegram: Annotated[
        bool | None, typer.Option("--telegram/--no-telegram", help="A Telegram bot.")
    ] = None,
    token_env: Annotated[
        str | None, typer.Option(help="The variable that holds the bot's token.")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="polling or webhook.")] = None,
    discord: Annotated[
        bool | None, typer.Option("--discord/--no-discord", help="A Discord bot.")
    ] = None,
    slack: Annotated[bool | None, typer.Option("--slack/--no-slack", help="A Slack app.")] = None,
    slack_mode: Annotated[str | None, typer.Option(help="socket or events.")] = None,
    whatsapp: Annotated[
        bool | None, typer.Option("--whatsapp/--no-whatsapp", help="A WhatsApp number, at Twilio.")
    ] = None,
    whatsapp_number: Annotated[
        str | None, typer.Option(help="The WhatsApp number. [default: Twilio's sandbox]")
    ] = None,
    sms: Annotated[
        bool | None, typer.Option("--sms/--no-sms", help="A number for SMS, at Twilio.")
    ] = None,
    sms_number: Annotated[str | None, typer.Option(help="The number for SMS.")] = None,
    public_url: Annotated[
        str | None, typer.Option(help="This server's address, for webhooks.")
    ] = None,
    online: Annotated[
        bool | None, typer.Option("--online/--offline", help="Try the credentials afterwards.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing: take the defaults.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write a first configuration, by asking a few questions. Secrets stay in the environment."""
    from gateway.cli import beginning

    given = {
        "agent": agent, "base_url": base_url, "model": model, "key_env": key_env, "web": web,
        "port": port, "telegram": telegram, "token_env": token_env, "mode": mode,
        "discord": discord, "slack": slack, "slack_mode": slack_mode, "whatsapp": whatsapp,
        "whatsapp_number": whatsapp_number, "sms": sms, "sms_number": sms_number,
        "public_url": public_url,
    }  # fmt: skip
    raise typer.Exit(beginning.init(path, given, yes=yes, force=force, online=online))


@app.command()
def migrate(config: Config = None) -> None:
    """Bring the database to this version's schema: once after an upgrade that says so.

    The gateway has to be stopped, and a backup is a good idea: docs/deployment.md says how.
    """
    from gateway.cli import running

    running.migrate(config)


@app.command("slack-manifest")
def slack_manifest(
    channel: Annotated[
        str,
        typer.Argument(help="The channel in the configuration. [default: the only one on Slack]"),
    ] = "",
    config: Config = None,
    name: Annotated[str, typer.Option(help="What the app is called. [default: CHANNEL]")] = "",
    mode: Annotated[
        SlackMode | None,
        typer.Option(help="How events come. [default: the channel's, or socket]"),
    ] = None,
    public_url: Annotated[
        str, typer.Option(help="This server's address, for events. [default: gateway.public_url]")
    ] = "",
    assistant: Annotated[
        bool | None,
        typer.Option("--assistant/--no-assistant", help="Turn Slack's agent view on."),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Begin all commands with it: /PREFIX-reset.")
    ] = None,
) -> None:
    """Print the manifest from which Slack makes the app. Needs neither network nor token."""
    from gateway.cli import manifest

    manifest.print_manifest(
        channel,
        config,
        name=name,
        mode=mode or "",
        public_url=public_url,
        assistant=assistant,
        prefix=prefix,
    )


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


app.command()(export)
app.command()(forget)
