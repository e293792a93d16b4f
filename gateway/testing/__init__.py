"""Contract suites and the simulator protocol, for third-party authors too."""
