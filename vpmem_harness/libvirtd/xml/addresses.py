"""The addresses of devices on their buses."""

from __future__ import annotations

from vpmem_harness.libvirtd.errors import bad_xml
from vpmem_harness.libvirtd.xml import memory
from vpmem_harness.libvirtd.xml.definition import Definition


def assign(definition: Definition) -> None:
    """Give every device that needs one an address.

    :raises LibvirtError: VIR_ERR_XML_ERROR where the machine has no bus for a device.
    """
    balloon = definition.devices.find("memballoon[@model='virtio']")
    if balloon is not None and not definition.has_pci:
        raise bad_xml('No PCI buses available')
    memory.assign_slots(definition)
