"""What starting adds to a definition, and what QEMU then makes of it."""

from __future__ import annotations

from vpmem_harness.libvirtd.xml import aliases, memory
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import add
from vpmem_harness.libvirtd.xml.host import XmlHost


def prepare(definition: Definition, host: XmlHost, number: int) -> None:
    """Make the definition a live one: its id, aligned sizes, aliases, what is given at random."""
    root = definition.root
    root.set('id', str(number))
    memory.align(definition)
    aliases.assign(definition)
    if root.find('resource') is None:
        add(add(root, 'resource'), 'partition', '/machine')


def complete(definition: Definition) -> None:
    """Note how much memory QEMU tells the guest of: NVDIMMs are none."""
    ram = definition.memory_initial + sum(
        memory.size(device) for device in definition.memory_devices
        if device.get('model') == 'dimm')
    definition.current_memory = ram


