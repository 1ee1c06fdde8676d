"""Hardware of a simulated host: CPUs, NUMA cells, memory, PCI devices, firmware.

:class:`Hardware` is a value: every part of it is a frozen dataclass that checks its fields.
"""

from vpmem_harness.hardware.cells import Cell, Cpu
from vpmem_harness.hardware.hardware import GIB, Hardware
from vpmem_harness.hardware.pci import (
    Mdev,
    MdevType,
    NetworkInterface,
    PciAddress,
    PciDevice,
    Vpd,
    VpdFields,
)
from vpmem_harness.hardware.platform import OVMF, Firmware, Sev, Tpm

__all__ = [
    'GIB',
    'OVMF',
    'Cell',
    'Cpu',
    'Firmware',
    'Hardware',
    'Mdev',
    'MdevType',
    'NetworkInterface',
    'PciAddress',
    'PciDevice',
    'Sev',
    'Tpm',
    'Vpd',
    'VpdFields',
]
