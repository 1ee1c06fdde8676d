"""The drivers of dax devices: device_dax, and kmem, which makes them system RAM.

Follows the kernel's drivers/dax/kmem.c (Linux 6.1).
"""

from __future__ import annotations

import errno

from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.namespaces import MemoryBlocks, NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region

#: Bytes of a memory block on machines with less than 64 GiB of RAM, and on virtual ones.
MEMORY_BLOCK = 128 * sizes.MIB


def unbind(device: NamespaceDevice) -> None:
    """Unbinds the driver; memory that kmem added is removed, which is offline by then."""
    device.memory = None
    device.dax_bound = False


def bind_device_dax(device: NamespaceDevice) -> None:
    """Binds device_dax, unless a driver is bound."""
    device.dax_bound = True


def bind_kmem(region: Region, device: NamespaceDevice, *, block_size: int, online: bool) -> None:
    """Binds kmem, which adds the whole memory blocks within the device.

    :param online: whether the kernel onlines what is added
    :raises KernelError: EINVAL, when no whole block is within the device
    """
    offset, size = device.data
    begin = sizes.align_up(region.start + offset, block_size)
    count = max(region.start + offset + size - begin, 0) // block_size
    if not count:
        raise KernelError(errno.EINVAL)
    device.memory = MemoryBlocks(count, online=count if online else 0, movable=not online)
    device.dax_bound = True
