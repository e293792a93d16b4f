"""What the Twilio simulator is made of; `adapters.twilio.simulator` is the way in."""
