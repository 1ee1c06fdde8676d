"""Where the simulated daemon knowingly answers otherwise than libvirtd, and why.

Its model is libvirt 9.0.0's QEMU driver, privileged.  What that driver answers to the calls of
``tests/conformance/calls`` is recorded in ``tests/golden/libvirt/calls-qemu.json``; libvirt's test
driver, to which the same calls are made live, is another driver and differs from QEMU's in turn:
there the simulated daemon follows QEMU's.

A reason stands for the steps of each scenario that fit its patterns (``fnmatch``).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

import libvirt

KNOWN: dict[str, Mapping[str, Sequence[str]]] = {
    'guests here obey the power button at once; a guest that executes no firmware does not': {
        'running': ['running: state after shutdown'],
        'transient': ['transient: state after shutdown']},
    'the recorded libvirtd was unprivileged: it had no cgroups and labelled nothing': {
        'memory_and_vcpus': ['*: schedulerType'],
        'queries': ['running: securityLabelList']},
    "a disk's image need not exist: no guest reads it": {
        'devices': ['running: attach live and config']},
    'libvirt fails here and does not say why': {
        'absent': ['wwn']},
}

#: What nobody asks of a vPMEM host is not simulated; the coverage page lists it.
NOT_SIMULATED = 'not simulated'


def reason(scenario: str, step: str, outcome: object) -> str | None:
    """Why the outcome of a step may differ, or None when it may not."""
    if isinstance(outcome, dict) and outcome.get('code') == libvirt.VIR_ERR_NO_SUPPORT:
        return NOT_SIMULATED
    for text, scenarios in KNOWN.items():
        if any(fnmatch.fnmatchcase(step, pattern) for pattern in scenarios.get(scenario, ())):
            return text
    return None



#: The same for virsh's commands, by script.
_UNPRIVILEGED = 'the recorded libvirtd was unprivileged'
VIRSH: dict[str, str] = {
    'uri': f'{_UNPRIVILEGED}, and its socket was elsewhere',
    'schedinfo off --set none=1 --config': f'{_UNPRIVILEGED}: it had no cgroups',
    'domblkthreshold off vda 5': NOT_SIMULATED,
}
