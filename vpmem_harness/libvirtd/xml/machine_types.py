"""Machine types of QEMU 7.2, in the order of libvirt's capabilities.

Source: golden/libvirt/capabilities.xml.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Machine(NamedTuple):
    """A machine type: name, canonical name, maximum vCPUs, and whether it is deprecated."""

    name: str
    canonical: str | None
    max_cpus: int
    deprecated: bool


#: Machine types of x86_64.
X86_64: Final = (
    Machine('pc-i440fx-7.2', None, 255, False),
    Machine('pc', 'pc-i440fx-7.2', 255, False),
    Machine('pc-q35-5.2', None, 288, False),
    Machine('pc-i440fx-2.12', None, 255, False),
    Machine('pc-i440fx-2.0', None, 255, False),
    Machine('pc-i440fx-6.2', None, 255, False),
    Machine('pc-q35-4.2', None, 288, False),
    Machine('pc-i440fx-2.5', None, 255, False),
    Machine('pc-i440fx-4.2', None, 255, False),
    Machine('pc-i440fx-5.2', None, 255, False),
    Machine('pc-i440fx-1.5', None, 255, True),
    Machine('pc-q35-2.7', None, 255, False),
    Machine('pc-q35-7.1', None, 288, False),
    Machine('pc-i440fx-2.2', None, 255, False),
    Machine('pc-i440fx-2.7', None, 255, False),
    Machine('pc-q35-6.1', None, 288, False),
    Machine('pc-q35-2.4', None, 255, False),
    Machine('pc-i440fx-7.1', None, 255, False),
    Machine('pc-q35-2.10', None, 288, False),
    Machine('x-remote', None, 1, False),
    Machine('pc-q35-5.1', None, 288, False),
    Machine('pc-i440fx-1.7', None, 255, True),
    Machine('pc-q35-2.9', None, 288, False),
    Machine('pc-i440fx-2.11', None, 255, False),
    Machine('pc-q35-3.1', None, 288, False),
    Machine('pc-i440fx-6.1', None, 255, False),
    Machine('pc-q35-4.1', None, 288, False),
    Machine('pc-i440fx-2.4', None, 255, False),
    Machine('pc-i440fx-4.1', None, 255, False),
    Machine('pc-i440fx-5.1', None, 255, False),
    Machine('pc-i440fx-2.9', None, 255, False),
    Machine('isapc', None, 1, False),
    Machine('pc-i440fx-1.4', None, 255, True),
    Machine('pc-q35-2.6', None, 255, False),
    Machine('pc-i440fx-3.1', None, 255, False),
    Machine('pc-q35-2.12', None, 288, False),
    Machine('pc-q35-7.0', None, 288, False),
    Machine('pc-i440fx-2.1', None, 255, False),
    Machine('pc-q35-6.0', None, 288, False),
    Machine('pc-i440fx-2.6', None, 255, False),
    Machine('pc-q35-4.0.1', None, 288, False),
    Machine('pc-i440fx-7.0', None, 255, False),
    Machine('pc-i440fx-1.6', None, 255, True),
    Machine('pc-q35-5.0', None, 288, False),
    Machine('pc-q35-2.8', None, 288, False),
    Machine('pc-i440fx-2.10', None, 255, False),
    Machine('pc-q35-3.0', None, 288, False),
    Machine('pc-i440fx-6.0', None, 255, False),
    Machine('pc-q35-7.2', None, 288, False),
    Machine('q35', 'pc-q35-7.2', 288, False),
    Machine('pc-q35-4.0', None, 288, False),
    Machine('microvm', None, 288, False),
    Machine('pc-i440fx-2.3', None, 255, False),
    Machine('pc-i440fx-4.0', None, 255, False),
    Machine('pc-i440fx-5.0', None, 255, False),
    Machine('pc-i440fx-2.8', None, 255, False),
    Machine('pc-q35-6.2', None, 288, False),
    Machine('pc-q35-2.5', None, 255, False),
    Machine('pc-i440fx-3.0', None, 255, False),
    Machine('pc-q35-2.11', None, 288, False),
)

#: Machine types of i686: the same in another order.
I686_ORDER: Final = (
    'pc-i440fx-7.2', 'pc', 'pc-q35-5.2', 'pc-i440fx-2.12', 'pc-i440fx-2.0', 'pc-i440fx-6.2',
    'pc-q35-4.2', 'pc-i440fx-2.5', 'pc-i440fx-4.2', 'pc-i440fx-5.2', 'pc-i440fx-1.5',
    'pc-q35-2.7', 'pc-q35-7.1', 'pc-i440fx-2.2', 'pc-i440fx-2.7', 'pc-q35-6.1', 'pc-q35-2.4',
    'pc-i440fx-7.1', 'pc-q35-2.10', 'x-remote', 'pc-q35-5.1', 'pc-i440fx-1.7', 'pc-q35-2.9',
    'pc-i440fx-2.11', 'pc-q35-3.1', 'pc-i440fx-6.1', 'pc-q35-4.1', 'pc-i440fx-2.4',
    'pc-i440fx-4.1', 'pc-i440fx-5.1', 'pc-i440fx-2.9', 'isapc', 'pc-i440fx-1.4', 'pc-q35-2.6',
    'pc-i440fx-3.1', 'pc-q35-2.12', 'pc-q35-7.0', 'pc-i440fx-2.1', 'pc-q35-6.0', 'pc-q35-4.0.1',
    'pc-i440fx-2.6', 'pc-i440fx-7.0', 'pc-i440fx-1.6', 'pc-q35-5.0', 'pc-q35-2.8',
    'pc-i440fx-2.10', 'pc-q35-3.0', 'pc-i440fx-6.0', 'pc-q35-7.2', 'q35', 'pc-q35-4.0', 'microvm',
    'pc-i440fx-2.3', 'pc-i440fx-4.0', 'pc-i440fx-5.0', 'pc-i440fx-2.8', 'pc-q35-6.2',
    'pc-q35-2.5', 'pc-i440fx-3.0', 'pc-q35-2.11',
)

#: Maximum vCPUs by machine type.
MACHINES: Final = {machine.name: machine.max_cpus for machine in X86_64}
