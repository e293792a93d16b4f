"""What the Telegram simulator is made of; `adapters.telegram.simulator` is the way in."""
