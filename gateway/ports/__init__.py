"""The four contracts that something outside the core implements, one page each."""
