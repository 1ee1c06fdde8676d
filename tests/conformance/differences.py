"""Known differences between the simulated daemon and libvirtd, with their reasons.

The simulated daemon follows libvirt 9.0.0's QEMU driver, privileged. That driver's answers to
the calls of ``tests/conformance/calls`` are in ``tests/golden/libvirt/calls-qemu.json``. The same
calls are made live to libvirt's test driver, which differs from the QEMU driver; there the
simulated daemon follows the QEMU driver.

A reason applies to the steps of each scenario that match its patterns (``fnmatch``).
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
}

#: The same for libvirt 11.3 alone.
KNOWN_11: dict[str, Mapping[str, Sequence[str]]] = {
    'the recorded machine had firmware and another CPU': {
        'connections': ['domain capabilities, flags']},
}

#: Reason for procedures that a vPMEM host does not need; the coverage page lists them.
NOT_SIMULATED = 'not simulated'


def reason(scenario: str, step: str, outcome: object, release: str = 'debian12') -> str | None:
    """Return why the outcome of a step may differ, or None if it may not."""
    if isinstance(outcome, dict) and outcome.get('code') == libvirt.VIR_ERR_NO_SUPPORT:
        return NOT_SIMULATED
    known = KNOWN if release == 'debian12' else {**KNOWN, **KNOWN_11}
    for text, scenarios in known.items():
        if any(fnmatch.fnmatchcase(step, pattern) for pattern in scenarios.get(scenario, ())):
            return text
    return None



#: The same for virsh's commands, by script.
_UNPRIVILEGED = 'the recorded libvirtd was unprivileged'
VIRSH: dict[str, str] = {
    'uri': f'{_UNPRIVILEGED}, and its socket was elsewhere',
    'schedinfo off --set none=1 --config': f'{_UNPRIVILEGED}: it had no cgroups',
}

#: Scripts that virsh 11.3 prints differently on any daemon; an older virsh cannot compare them.
VIRSH_11: dict[str, str] = {
    **dict.fromkeys(
        ('dominfo off', 'dominfo running', 'setmem off 32M --config; dominfo off',
         'setmaxmem off 128M --config; dominfo off',
         'autostart off; list --all --autostart --name; autostart --disable off; dominfo off'),
        'virsh 11.3 prints Autostart Once'),
    **dict.fromkeys(
        ('metadata off urn:x', "metadata off urn:x --key k --set '<a/>'; "
         'metadata off urn:x --remove; metadata off urn:x'),
        'virsh 11.3 prints nothing without metadata'),
}

#: Scripts whose recording on Debian 13 depends on its machine.
VIRSH_13: dict[str, str] = {
    'migrate running qemu+tcp://none.invalid/system': 'the recorded machine resolved no names',
}
