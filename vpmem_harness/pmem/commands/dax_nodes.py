"""What libdaxctl says of a dax device whose node in /dev is a regular file.

daxio leaves such a file where it was told to write to a missing device. libdaxctl looks up the
numbers of the node, and of a regular file there are none (daxctl/lib/libdaxctl.c,
``device_model_is_dax_bus``).
"""

from __future__ import annotations

from vpmem_harness.pmem.commands.results import Transcript
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.machine import PersistentMemory

#: How often listing a device looks its node up: for its mode and for its state.
LISTED = 2


def check_node(memory: PersistentMemory, transcript: Transcript, device: NamespaceDevice,
               times: int) -> bool:
    """Whether the node of a dax device is one; reports each of ``times`` failed look-ups."""
    name = device.char_device
    if name is None or not memory.is_leftover(f'/dev/{name}'):
        return True
    for _ in range(times):
        transcript.library(
            'device_model_is_dax_bus',
            f'{name}:  unable to determine subsys: No such file or directory', 'libdaxctl')
    return False
