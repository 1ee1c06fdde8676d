"""Named profiles of hardware.

Vendors, products and types are those of real devices, from the PCI ID database and from the
documentation of their drivers.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.hardware.hardware import GIB, Hardware
from vpmem_harness.hardware.pci import (
    MdevType,
    NetworkInterface,
    PciAddress,
    PciDevice,
    Vpd,
    VpdFields,
)
from vpmem_harness.hardware.platform import OVMF, Tpm

_INTEL, _NVIDIA, _MELLANOX = (0x8086, 'Intel Corporation'), (0x10de, 'NVIDIA Corporation'), (
    0x15b3, 'Mellanox Technologies')
_ROOT_PORT = (0x2030, 'Sky Lake-E PCI Express Root Port A')
_X710, _VIRTUAL_FUNCTION = (0x1572, 'Ethernet Controller X710 for 10GbE SFP+'), (
    0x154c, 'Ethernet Virtual Function 700 Series')


def _default() -> Hardware:
    return Hardware.uniform()


def _small() -> Hardware:
    return Hardware.uniform(cells=1, cores=2, threads=1, memory=4 * GIB)


def _optane(sockets: int, memory: int, distance: int) -> Hardware:
    """Return a host with a six-channel socket in each NUMA node and a network card on the first."""
    base = Hardware.uniform(cells=sockets, cores=24, threads=2, memory=memory)
    numbers = range(sockets)
    return dataclasses.replace(
        base, mhz=2400, firmware=OVMF, tpm=Tpm(), memory_profile=f'optane-{sockets}s',
        distances=tuple(tuple(10 if one == other else distance for other in numbers)
                        for one in numbers),
        pci=(_root_port(0x17), _port(0x18, 0, 'eno1'), _port(0x18, 1, 'eno2')))


def _sriov() -> Hardware:
    """Return a host with two cards of two ports: eight virtual functions each, then none yet."""
    pci: list[PciDevice] = []
    for node, bus in enumerate((0x18, 0x81)):
        pci.append(_root_port(bus - 1, node))
        for port in range(2):
            card = _port(bus, port, f'enp{bus}s0f{port}', node)
            enabled = 4 if node == 0 else 0
            base = dataclasses.replace(card, address=PciAddress(0, bus, 0, port))
            functions = base.with_vfs(enabled, product=_VIRTUAL_FUNCTION, driver='iavf',
                                      max_vfs=64, interfaces=True)
            pci.append(functions[0])
            pci += [dataclasses.replace(
                function, address=PciAddress(0, bus, 2 + number // 8 + 4 * port, number % 8))
                for number, function in enumerate(functions[1:])]
    return dataclasses.replace(Hardware.uniform(), pci=tuple(pci))


def _vgpu() -> Hardware:
    """Return a host with a graphics card on each NUMA node."""
    types = (MdevType('nvidia-222', 'GRID T4-1B', 16), MdevType('nvidia-223', 'GRID T4-2B', 8),
             MdevType('nvidia-230', 'GRID T4-1Q', 16), MdevType('nvidia-231', 'GRID T4-2Q', 8),
             MdevType('nvidia-232', 'GRID T4-4Q', 4))
    pci: list[PciDevice] = []
    for node, bus in enumerate((0x3b, 0xaf)):
        pci += [_root_port(bus - 1, node),
                PciDevice(PciAddress(0, bus, 0, 0), _NVIDIA, (0x1eb8, 'TU104GL [Tesla T4]'),
                          klass=0x030200, numa_node=node, driver='nvidia', mdev_types=types,
                          parent=PciAddress(0, bus - 1, 0, 0))]
    return dataclasses.replace(Hardware.uniform(), pci=tuple(pci))


def _root_port(bus: int, node: int = 0) -> PciDevice:
    return PciDevice(PciAddress(0, bus, 0, 0), _INTEL, _ROOT_PORT, klass=0x060400,
                     numa_node=node, driver='pcieport')


def _port(bus: int, port: int, interface: str, node: int = 0) -> PciDevice:
    vpd = Vpd('Ethernet Converged Network Adapter X710', VpdFields(part_number='H58362-002'))
    return PciDevice(PciAddress(0, bus, 0, port), _INTEL, _X710, numa_node=node, driver='i40e',
                     interface=NetworkInterface(interface, speed=10000),
                     parent=PciAddress(0, bus - 1, 0, 0), vpd=vpd)


_MAKERS: Mapping[str, Callable[[], Hardware]] = {
    'default': _default,
    'optane-2s': lambda: _optane(2, 384 * GIB, 21),
    'optane-4s': lambda: _optane(4, 768 * GIB, 21),
    'small': _small,
    'sriov': _sriov,
    'vgpu': _vgpu,
}

#: The names of the profiles.
NAMES = tuple(_MAKERS)


@functools.cache
def named(name: str) -> Hardware:
    """Return the hardware of a profile; raises InvalidInputError if there is none of that name."""
    if name not in _MAKERS:
        raise InvalidInputError('profile of hardware', expected=', '.join(NAMES), got=repr(name),
                                remedy='choose one of them')
    return _MAKERS[name]()


def chosen(hardware: Hardware | str | None) -> Hardware | None:
    """Return hardware from a value, the name of a profile, or nothing; raises InvalidInputError."""
    if hardware is None or isinstance(hardware, Hardware):
        return hardware
    if isinstance(hardware, str):
        return named(hardware)
    raise InvalidInputError('hardware', expected=f'a Hardware, or one of {", ".join(NAMES)}',
                            got=repr(hardware), remedy="write it as in hardware='small'")
