"""Scenarios of calls for any daemon: each is a function that makes its steps in a world."""

from __future__ import annotations

from collections.abc import Callable

from tests.conformance.calls import configuration, documents, host, lifecycle
from tests.conformance.calls.world import Outcome, World

SCENARIOS: dict[str, Callable[[World], None]] = {
    scenario.__name__: scenario
    for module in (lifecycle, documents, configuration, host) for scenario in module.SCENARIOS}


def outcomes(scenario: str, uri: str, kind: str = 'qemu') -> dict[str, Outcome]:
    """Return the outcome of each step of a scenario on a daemon."""
    world = World(uri, kind)
    try:
        SCENARIOS[scenario](world)
        return world.outcomes
    finally:
        world.close()
