"""Addresses of devices on their buses."""

from __future__ import annotations

from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import memory, pci, usb, virtio_serial


def assign(definition: Definition, *, hubs: bool = False) -> None:
    """Assign an address to every device that needs one.

    Source of the order: libvirt 9.0.0, src/qemu/qemu_domain_address.c
    (qemuDomainAssignAddresses).

    :param hubs: whether USB hubs are added if the devices need them.
    :raises LibvirtError: if the machine has no bus for a device, or an address is in use.
    """
    virtio_serial.assign(definition)
    pci.assign(definition)
    usb.assign(definition, hubs=hubs)
    usb.assign_smartcards(definition)
    memory.assign_slots(definition)
