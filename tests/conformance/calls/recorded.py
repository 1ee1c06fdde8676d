"""Answers of libvirt's QEMU driver, as ``tools/recording/libvirt_calls.py`` recorded them."""

from __future__ import annotations

import functools
import json
import pathlib

from tests.conformance.calls.world import Outcome

_FILE = pathlib.Path(__file__).parents[2] / 'golden' / 'libvirt' / 'calls-qemu.json'


@functools.cache
def _all() -> dict[str, dict[str, Outcome]]:
    return json.loads(_FILE.read_text())


def outcomes(scenario: str) -> dict[str, Outcome]:
    """Return the outcomes of a scenario by step."""
    return _all()[scenario]
