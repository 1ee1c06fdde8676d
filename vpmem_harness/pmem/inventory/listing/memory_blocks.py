"""The size of memory blocks, from the devices that are used as memory."""

from __future__ import annotations

from vpmem_harness.pmem.inventory.listing.facts import Facts
from vpmem_harness.pmem.kernel.dax_devices import MEMORY_BLOCK
from vpmem_harness.pmem.kernel.sizes import GIB

#: The sizes that x86 uses, the usual ones first.
_SIZES = (MEMORY_BLOCK, 2 * GIB, GIB, GIB // 2, GIB // 4)


def block_size(facts: Facts) -> int:
    """Return the block size that gives the listed numbers of blocks."""
    counted = [(device.get('size'), device.get('total_memblocks'))
               for device in facts.devices.values() if 'total_memblocks' in device]
    for size in _SIZES:
        # The first block begins at a multiple of its size, so that one may be missing.
        if all(shown.low // size - 1 <= total <= shown.high // size for shown, total in counted):
            return size
    return MEMORY_BLOCK
