"""``gateway chat``: talk to an agent from the terminal.

It is a client of the web API like the chat page: of the gateway that runs, or else of one of its
own, which it starts in this very process and stops at the end.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from gateway.cli.chat.client import JSON, Client, Refused, SessionOver, connections
from gateway.cli.chat.conversation import Conversation
from gateway.cli.chat.lines import Lines, Piped
from gateway.cli.chat.place import found
from gateway.cli.chat.remembered import HISTORY, Remembered
from gateway.cli.chat.screen import Plain, Screen, Terminal
from gateway.cli.chat.talk import Talk
from gateway.cli.reading import gateway_section
from gateway.errors import GatewayError

_GLANCE = 2


def chat(config: Path | None, *, agent: str, url: str, fresh: bool, plain: bool) -> int:
    """Talk until the person leaves; 1 when something said found no answer."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows another; it does not end the conversation.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    plain = plain or not (sys.stdin.isatty() and sys.stdout.isatty())
    try:
        return asyncio.run(_chat(config, agent, url, fresh=fresh, plain=plain))
    except KeyboardInterrupt:
        return 1


async def _chat(config: Path | None, agent: str, url: str, *, fresh: bool, plain: bool) -> int:
    folder = Path(gateway_section(config).data_dir)
    screen: Screen = Plain() if plain else Terminal(Console(highlight=False))
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(connections())
        address, where = await stack.enter_async_context(found(config, url, http, folder))
        client = Client(http, address)
        conversation = Conversation(client, Remembered(folder, url, agent), agent)
        session = await _begun(conversation, fresh)
        screen.note(await _introduction(client, session, where))
        talk = Talk(conversation, screen, _lines(folder, stack, plain=plain))
        if session is not None:
            await (conversation.recent(_GLANCE) if plain else talk.history(_GLANCE))
        async with asyncio.TaskGroup() as tasks:
            listening = None if plain else tasks.create_task(talk.listen())
            await talk.run()
            if listening is not None:
                listening.cancel()
    return 1 if talk.failed else 0


async def _begun(conversation: Conversation, fresh: bool) -> JSON | None:
    try:
        return await conversation.begin(fresh=fresh)
    except SessionOver as over:
        raise GatewayError(f"this gateway takes only people who are signed in: {over}") from None
    except Refused as refused:
        if refused.status == 404 and "/api/session" in str(refused):
            what = f"the gateway at {conversation.client.url} has no web channel, which this needs"
            raise GatewayError(what) from None
        named = f" ({conversation.agent})" if conversation.agent else ""
        raise GatewayError(f"{refused}{named}") from None


async def _introduction(client: Client, session: JSON | None, where: str) -> str:
    shown = session or await client.session()
    count = shown["message_count"]
    goes_on = f"goes on after {count} message{'' if count == 1 else 's'}; --new starts another"
    which = f"the last conversation {goes_on}" if session else "a new conversation"
    return f"{shown['agent']} on {where}: {which}. /help helps, Ctrl-D leaves."


def _lines(folder: Path, stack: AsyncExitStack, *, plain: bool) -> Lines:
    if plain:
        return Piped()
    from gateway.cli.chat.typed import Typed, unechoed

    stack.enter_context(unechoed())
    return Typed(folder / HISTORY)
