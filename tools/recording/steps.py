"""Files with the recorded outcomes of a session, one step per line."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

_GOLDEN = pathlib.Path(__file__).parents[2] / 'tests/golden/libvirt'


def write(name: str, outcomes: Mapping[str, Any]) -> None:
    """Write ``tests/golden/libvirt/NAME.json``."""
    (_GOLDEN / f'{name}.json').write_text('{\n' + ',\n'.join(
        f'{json.dumps(step)}: {json.dumps(outcome)}' for step, outcome in outcomes.items())
        + '\n}\n')
