"""A platform and a kind of agent, as somebody else would add them: by the public surface alone."""
