"""The buses of a machine: where the kernel finds DIMMs and regions."""

from __future__ import annotations

import dataclasses

from vpmem_harness.pmem.kernel.dimms import NFIT, Dimm
from vpmem_harness.pmem.kernel.regions import Region

#: The parents of buses in sysfs.
_PARENTS = {NFIT: '/LNXSYSTM:00/LNXSYBUS:00/ACPI0012:00', 'e820': '/platform/e820_pmem',
            'virtio-pmem': '/pci0000:00/0000:00:03.0/virtio1'}


@dataclasses.dataclass(frozen=True)
class BusSpec:
    """Number and provider of a bus, and whether it scrubs; as its DIMMs do when None."""

    number: int
    provider: str
    scrubs: bool | None = None


@dataclasses.dataclass
class Bus:
    """One bus: the platform's NFIT, memory reserved with ``memmap=``, or another provider's."""

    number: int
    provider: str
    scrubs: bool | None = None
    dimms: list[Dimm] = dataclasses.field(default_factory=list)
    regions: list[Region] = dataclasses.field(default_factory=list)

    @property
    def dev(self) -> str:
        """``ndbus0``."""
        return f'ndbus{self.number}'

    @property
    def path(self) -> str:
        """Its path in sysfs, below /sys/devices."""
        parent = _PARENTS.get(self.provider, f'/platform/{self.provider}')
        return f'{parent}/{self.dev}'

    @property
    def has_firmware_commands(self) -> bool:
        """Whether the firmware of its DIMMs injects errors and scrubs."""
        if self.scrubs is not None:
            return self.scrubs
        return bool(self.dimms) and all(dimm.spec.firmware_commands for dimm in self.dimms)
