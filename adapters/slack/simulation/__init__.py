"""What the Slack simulator is made of; `adapters.slack.simulator` is the way in."""
