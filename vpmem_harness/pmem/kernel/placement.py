"""Placement of namespaces at given ranges, as on a host whose history is unknown."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from vpmem_harness.pmem.kernel import extents
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region


def place(region: Region, device: NamespaceDevice, offset: int, size: int) -> None:
    """Takes a free range for a new namespace, as if what is before it had been in use.

    :raises KernelError: ENOSPC, when it is not free; ENXIO, when the label area is full
    """
    if extents.overlaps((offset, size), region.mappings.used()) or offset + size > region.size:
        raise KernelError(errno.ENOSPC)
    device.offset, device.size = offset, size
    region.mappings.allocate(device.uuid or '', [(offset, size)])
    region.update_labels(device)


def keep_idle(region: Region, devices: Iterable[tuple[int, str, str | None, int]]) -> None:
    """Makes the idle devices those with these numbers, names, UUIDs and sector sizes.

    The one with the highest number becomes the seed.
    """
    for device in [device for device in region.namespaces if device.idle]:
        region.namespaces.remove(device)
        region.numbers.release(device.number)
    for number, name, uuid, sector_size in sorted(devices):
        region.seed = NamespaceDevice(region.number, region.numbers.reserve(number), name=name,
                                      uuid=uuid, sector_size=sector_size)
        region.namespaces.append(region.seed)
