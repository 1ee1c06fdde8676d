"""Aliases of the devices of running domains.

Source: libvirt 9.0.0, src/qemu/qemu_alias.c.
"""

from __future__ import annotations

from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import memory
from vpmem_harness.libvirtd.xml.devices.disks import index_of
from vpmem_harness.libvirtd.xml.etree import Element, add

#: Prefix of aliases that users choose; libvirt keeps those.
USER_PREFIX = 'ua-'

#: Devices that are numbered from 0 in their order, with the prefixes of their aliases.
_NUMBERED = {
    'filesystem': 'fs', 'interface': 'net', 'sound': 'sound', 'hostdev': 'hostdev',
    'redirdev': 'redir', 'video': 'video', 'console': 'console', 'hub': 'hub',
    'shmem': 'shmem', 'smartcard': 'smartcard', 'watchdog': 'watchdog', 'memballoon': 'balloon',
    'rng': 'rng', 'tpm': 'tpm', 'input': 'input', 'serial': 'serial', 'parallel': 'parallel',
    'channel': 'channel', 'vsock': 'vsock', 'panic': 'panic', 'iommu': 'iommu',
}
_SCSI_WITHOUT_TARGETS = ('lsilogic', 'ncr53c90', 'dc390', 'am53c974')


def name(device: Element) -> str:
    """Return the alias of a device, or an empty string."""
    alias = device.find('alias')
    return '' if alias is None else alias.get('name', '')


def give(device: Element, alias: str) -> None:
    """Set the alias of a device, unless it has one."""
    if not name(device):
        add(device, 'alias', name=alias)


def assign(definition: Definition) -> None:
    """Assign an alias to every device of a domain at its start."""
    devices = definition.devices
    for disk in devices.findall('disk'):
        give(disk, disk_alias(disk, definition))
    for tag, prefix in _NUMBERED.items():
        for number, device in enumerate(devices.findall(tag)):
            if tag == 'memballoon' and device.get('model') == 'none':
                continue
            if tag == 'interface' and device.get('type') == 'hostdev':
                prefix_here = 'hostdev'
            else:
                prefix_here = prefix
            give(device, f'{prefix_here}{number}')
    for controller in devices.findall('controller'):
        give(controller, _controller_alias(controller, definition))
    serial, console = devices.find('serial'), devices.find('console')
    if serial is not None and console is not None and _follows_serial(console):
        alias = console.find('alias')
        if alias is not None:
            alias.set('name', name(serial))
    for device in definition.memory_devices:
        give_memory(device, definition)


def _follows_serial(console: Element) -> bool:
    target = console.find('target')
    return target is not None and target.get('type') == 'serial'


def disk_alias(disk: Element, definition: Definition) -> str:
    """Return a disk's alias: from its bus, and from its address or the name of its target."""
    target = disk.find('target')
    bus = '' if target is None else target.get('bus', '')
    address = disk.find('address')
    if address is not None and address.get('type') == 'drive':
        controller = address.get('controller', '0')
        place = [controller, address.get('bus', '0')]
        if bus == 'scsi' and _model(definition, controller) not in _SCSI_WITHOUT_TARGETS:
            place.append(address.get('target', '0'))
        return bus + '-'.join([*place, address.get('unit', '0')])
    number = 0 if target is None else max(index_of(target.get('dev', '')), 0)
    return f"{'virtio-disk' if bus == 'virtio' else bus + '-disk'}{number}"


def _model(definition: Definition, index: str) -> str:
    found = definition.devices.find(f"controller[@type='scsi'][@index='{index}']")
    return '' if found is None else found.get('model', '')


def _controller_alias(controller: Element, definition: Definition) -> str:
    kind, index = controller.get('type', ''), controller.get('index', '0')
    if kind == 'pci':
        return f"{'pcie' if controller.get('model') == 'pcie-root' else 'pci'}.{index}"
    if index == '0' and (kind == 'usb' or (kind == 'ide' and definition.is_i440fx)
                         or (kind == 'sata' and definition.is_q35)):
        return 'ide' if kind == 'sata' else kind
    return f'{kind}{index}'


def next_name(definition: Definition, device: Element) -> str:
    """Return the alias for a hotplugged device: the next number above those in use."""
    tag = str(device.tag)
    if tag == 'disk':
        return disk_alias(device, definition)
    if tag == 'controller':
        return _controller_alias(device, definition)
    prefix = _NUMBERED.get(tag, tag)
    used = [int(rest) for other in definition.devices.findall(tag)
            if (rest := name(other).removeprefix(prefix)).isdigit()]
    return f'{prefix}{max(used, default=-1) + 1}'


def give_memory(device: Element, definition: Definition) -> None:
    """Set the alias of a memory device: from its slot, or its index among devices of its model."""
    model = device.get('model', '').replace('-', '')
    slot = memory.slot(device)
    if slot is None:
        used = {name(other) for other in definition.memory_devices}
        slot = next(number for number in range(len(used) + 1)
                    if f'{model}{number}' not in used)
    give(device, f'{model}{slot}')


def by_name(definition: Definition, alias: str) -> Element | None:
    """Return the device with an alias, or None."""
    for device in definition.devices:
        if alias and name(device) == alias:
            return device
    return None


