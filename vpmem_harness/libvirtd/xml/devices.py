"""Devices: reading those with rules of their own, and completing each."""

from __future__ import annotations

from vpmem_harness.libvirtd.xml import memory
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.libvirtd.xml.host import XmlHost


def read(source: Element) -> None:
    """Check the devices of a client's document, and turn memory devices into libvirt's form."""
    devices = source.find('devices')
    if devices is None:
        return
    for device in devices.findall('memory'):
        devices.replace(device, memory.read_device(device))


def complete(definition: Definition, host: XmlHost) -> None:
    """Fill in what devices leave open."""
    for device in definition.memory_devices:
        memory.complete_device(device)
