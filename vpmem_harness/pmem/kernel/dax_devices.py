"""The drivers of dax devices: device_dax, and kmem, which makes them system RAM.

Follows the kernel's drivers/dax/bus.c and drivers/dax/kmem.c (Linux 6.1).
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

from vpmem_harness.pmem.kernel import extents, sizes
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.namespaces import MemoryBlocks, NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region

#: Bytes of a memory block on machines with less than 64 GiB of RAM, and on virtual ones.
MEMORY_BLOCK = 128 * sizes.MIB


def bind_device_dax(regions: Iterable[Region], device: NamespaceDevice) -> None:
    """Binds device_dax, to each device without a driver at that (kernel: dax/bus.c, do_id_store).

    :raises KernelError: EBUSY, when the kernel kept memory that the device's driver had added
    """
    for region in regions:
        for other in region.namespaces:
            if other.char_device and not extents.overlaps(other.data, region.kept_memory):
                other.dax_bound = True
    if not device.dax_bound:
        raise KernelError(errno.EBUSY)


def bind_kmem(region: Region, device: NamespaceDevice, *, block_size: int, online: bool) -> None:
    """Binds kmem, which adds the whole memory blocks within the device.

    :param online: whether the kernel onlines what is added
    :raises KernelError: EINVAL, when no whole block is within the device; EBUSY, when the kernel
        kept its memory
    """
    offset, size = device.data
    begin = sizes.align_up(region.start + offset, block_size)
    count = max(region.start + offset + size - begin, 0) // block_size
    if not count:
        raise KernelError(errno.EINVAL)
    extent = begin - region.start, count * block_size
    if extents.overlaps(extent, region.kept_memory):
        raise KernelError(errno.EBUSY)
    device.memory = MemoryBlocks(count, extent, count if online else 0, movable=not online)
    device.dax_bound = True
