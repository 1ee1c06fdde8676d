"""QEMU: what it says to a guest that cannot start.

Source: QEMU 7.2, hw/mem/memory-device.c, hw/mem/pc-dimm.c, hw/mem/nvdimm.c, hw/i386/pc.c,
backends/hostmem-file.c, softmmu/physmem.c; libvirt 9.0.0, src/qemu/qemu_command.c.
"""

from __future__ import annotations

from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.xml.definition import Definition


def check_start(definition: Definition, backing: Backing) -> None:
    """Refuse a guest that QEMU would refuse.

    :raises LibvirtError: with libvirt's or QEMU's text.
    """
