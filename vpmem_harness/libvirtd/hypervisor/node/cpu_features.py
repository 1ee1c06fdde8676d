"""Features of CPU models, in libvirt's order.

``cpu_features.json`` is what libvirt 9.0.0 answers on ``baselineCPU`` with
VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES for each model alone.
"""

from __future__ import annotations

import functools
import json
import pathlib
from collections.abc import Mapping

_FILE = pathlib.Path(__file__).with_name('cpu_features.json')


@functools.cache
def _models() -> Mapping[str, str]:
    models: dict[str, str] = json.loads(_FILE.read_text())
    return models


def of_model(name: str) -> tuple[str, ...]:
    """Return the features of a CPU model; none for an unknown model."""
    return tuple(_models().get(name, '').split())
