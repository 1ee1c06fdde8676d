"""Chaos: random operations and faults on a fleet, and invariants."""
