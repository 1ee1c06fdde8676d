"""The names that a running domain's devices have.

Source: libvirt 9.0.0, src/qemu/qemu_alias.c.
"""

from __future__ import annotations

from vpmem_harness.libvirtd.xml import memory
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element, add

#: What a user's own alias begins with; libvirt keeps those.
USER_PREFIX = 'ua-'


def name(device: Element) -> str:
    """A device's alias, or an empty string."""
    alias = device.find('alias')
    return '' if alias is None else alias.get('name', '')


def give(device: Element, alias: str) -> None:
    """Name a device, unless it has a name."""
    if not name(device):
        add(device, 'alias', name=alias)


def assign(definition: Definition) -> None:
    """Name every device of a domain that starts."""
    for device in definition.memory_devices:
        give_memory(device)


def give_memory(device: Element) -> None:
    """Name a memory device for its slot."""
    model = device.get('model', '').replace('-', '')
    slot = memory.slot(device)
    give(device, f'{model}{0 if slot is None else slot}')
