"""Checkpoints of domains."""
