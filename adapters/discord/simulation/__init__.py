"""What the Discord simulator is made of; `adapters.discord.simulator` is the way in."""
