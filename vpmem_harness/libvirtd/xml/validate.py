"""What libvirt refuses of a complete definition, in its order.

Source: libvirt 9.0.0, src/qemu/qemu_validate.c (qemuValidateDomainDef),
src/conf/domain_validate.c (virDomainDefValidate).
"""

from __future__ import annotations

from vpmem_harness.libvirtd.errors import unsupported
from vpmem_harness.libvirtd.xml import memory
from vpmem_harness.libvirtd.xml.definition import Definition


def definition(definition: Definition) -> None:
    """Refuse a definition that QEMU on this host, or libvirt, does not serve."""
    _driver(definition)
    for device in definition.memory_devices:
        memory.check_device(device, definition)
        memory.check_driver(device)


def _driver(definition: Definition) -> None:
    emulator = definition.devices.findtext('emulator') or ''
    if definition.os_type != 'hvm':
        raise unsupported(f"Emulator '{emulator}' does not support os type "
                          f"'{definition.os_type}'")
    if definition.virt_type not in ('qemu', 'kvm'):
        raise unsupported(f"Emulator '{emulator}' does not support virt type "
                          f"'{definition.virt_type}'")
    memory.check_plugs(definition)


