"""Implementations of the coordinator's contract."""
