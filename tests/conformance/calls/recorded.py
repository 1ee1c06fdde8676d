"""Answers of libvirt's QEMU driver, as ``tools/recording/libvirt_calls.py`` recorded them."""

from __future__ import annotations

import functools
import json
import pathlib

from tests.conformance.calls.world import Outcome

_GOLDEN = pathlib.Path(__file__).parents[2] / 'golden' / 'libvirt'
#: The recording of each release.
FILES = {'debian12': _GOLDEN / 'calls-qemu.json',
         'debian13': _GOLDEN / 'debian13' / 'libvirt-11.3-calls-qemu.json'}


@functools.cache
def _all(release: str) -> dict[str, dict[str, Outcome]]:
    return json.loads(FILES[release].read_text())


def outcomes(scenario: str, release: str = 'debian12') -> dict[str, Outcome]:
    """Return the outcomes of a scenario by step."""
    return _all(release)[scenario]
