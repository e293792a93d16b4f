"""A stateless echo bot as discord.py's documentation writes it."""

from __future__ import annotations

import sys

import discord
import uvloop
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route


class Echo(discord.Client):
    """Says it back."""

    async def on_message(self, message: discord.Message) -> None:
        """What somebody wrote, the bot too."""
        if message.author == self.user:
            return
        await message.channel.send(message.content)


async def main(api_url: str, gateway_url: str, token: str) -> None:
    """Stay connected until killed."""
    Route.BASE = api_url
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
    intents = discord.Intents.default()
    intents.message_content = True
    async with Echo(intents=intents, guild_ready_timeout=0.05) as client:
        await client.start(token)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:4]))
