"""Built-in kinds of agent."""
