"""PCI slots that devices need, and the order of assignment.

Source: libvirt 9.0.0, src/qemu/qemu_domain_address.c (qemuDomainDeviceCalculatePCIConnectFlags,
qemuDomainAssignDevicePCISlots).
"""

from __future__ import annotations

from dataclasses import dataclass

from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import device_address
from vpmem_harness.libvirtd.xml.etree import Element, having


@dataclass(frozen=True)
class Slot:
    """The slot that a device needs; one that ``shares`` can use a slot together with others."""

    kind: str
    shares: bool = False


_PCI = Slot('pci')
_TRANSITIONAL = 'virtio-transitional'


def slot_of(device: Element, definition: Definition) -> Slot | None:
    """Return the slot that a device needs, or None if it is not a PCI device."""
    return _slot_of(device, _express(definition))


def _express(definition: Definition) -> Slot:
    return Slot('pcie') if definition.is_q35 else _PCI


def _slot_of(device: Element, express: Slot) -> Slot | None:
    kind = _KINDS.get(str(device.tag))
    return None if kind is None else kind(device, express)


def _child(device: Element, path: str, name: str) -> str:
    found = device.find(path)
    return '' if found is None else found.get(name, '')


def _virtio(model: str, express: Slot) -> Slot:
    return _PCI if model == _TRANSITIONAL else express


def _controller(device: Element, express: Slot) -> Slot | None:
    kind, model = device.get('type'), device.get('model') or ''
    if kind == 'pci':
        if model in ('pci-root', 'pcie-root', ''):
            return None
        return Slot(model, shares=model == 'pcie-root-port')
    if kind in ('sata', 'ide'):
        return _PCI
    if kind == 'usb':
        if model == 'none':
            return None
        return express if model.endswith('xhci') else _PCI
    if kind == 'scsi':
        return _virtio(model, express) if model.startswith('virtio') else _PCI
    if kind == 'virtio-serial':
        return _virtio(model, express)
    return None


def _interface(device: Element, express: Slot) -> Slot | None:
    model = _child(device, 'model', 'type')
    if device.get('type') == 'hostdev':
        return express
    if model == 'usb-net':
        return None
    return _PCI if model in _CONVENTIONAL else express


#: The models of interfaces that are no devices of PCI Express. Source: libvirt 9.0.0,
#: src/conf/domain_conf.c (virDomainNetModel); any other model is the name of a QEMU device.
_CONVENTIONAL = frozenset((
    'e1000', 'rtl8139', 'netfront', 'vlance', 'vmxnet', 'vmxnet2', 'vmxnet3', 'Am79C970A',
    'Am79C973', '82540EM', '82545EM', '82543GC', _TRANSITIONAL))


def _sound(device: Element, express: Slot) -> Slot | None:
    return _PCI if device.get('model') in ('es1370', 'ac97', 'ich6', 'ich9') else None


def _disk(device: Element, express: Slot) -> Slot | None:
    if _child(device, 'target', 'bus') != 'virtio':
        return None
    return _virtio(device.get('model', ''), express)


def _hostdev(device: Element, express: Slot) -> Slot | None:
    if device.get('type') in ('pci', 'mdev', 'scsi_host'):
        return express
    return None


def _memballoon(device: Element, express: Slot) -> Slot | None:
    model = device.get('model', '')
    return _virtio(model, express) if model.startswith('virtio') else None


def _video(device: Element, express: Slot) -> Slot | None:
    model = _child(device, 'model', 'type')
    if model in ('virtio', 'bochs'):
        return express
    return None if model in ('none', 'ramfb', '') else _PCI


def _plain_virtio(device: Element, express: Slot) -> Slot | None:
    return _virtio(device.get('model', ''), express)


def _watchdog(device: Element, express: Slot) -> Slot | None:
    return _PCI if device.get('model') == 'i6300esb' else None


def _input(device: Element, express: Slot) -> Slot | None:
    return _virtio(device.get('model', ''), express) if device.get('bus') == 'virtio' else None


def _iommu(device: Element, express: Slot) -> Slot | None:
    return Slot('pcie-integrated') if device.get('model') == 'virtio' else None


def _memory(device: Element, express: Slot) -> Slot | None:
    return express if device.get('model') in ('virtio-pmem', 'virtio-mem') else None


def _shmem(device: Element, express: Slot) -> Slot | None:
    return _PCI


def _serial(device: Element, express: Slot) -> Slot | None:
    return _PCI if _child(device, 'target', 'type') == 'pci-serial' else None


_KINDS = {
    'controller': _controller, 'filesystem': _plain_virtio, 'interface': _interface,
    'sound': _sound, 'disk': _disk, 'hostdev': _hostdev, 'memballoon': _memballoon,
    'rng': _plain_virtio, 'watchdog': _watchdog, 'video': _video, 'shmem': _shmem,
    'input': _input, 'serial': _serial, 'iommu': _iommu, 'vsock': _plain_virtio,
    'memory': _memory,
}

#: The order of assignment, after the PCI controllers.
_ORDER = ('filesystem', 'interface', 'sound', 'controller', 'disk', 'hostdev', 'memballoon',
          'rng', 'watchdog', 'video', 'shmem', 'input', 'serial', 'iommu', 'vsock', 'memory')


def wanting(definition: Definition) -> list[tuple[Element, Slot]]:
    """Return the devices that need an address, in the order of assignment."""
    devices, express = definition.devices, _express(definition)
    found = [(device, slot) for device in having(devices, 'controller', type='pci')
             if (slot := _wanted(device, definition, express)) is not None]
    for tag in _ORDER:
        for device in devices.findall(tag):
            if tag == 'controller' and device.get('type') == 'pci':
                continue
            if tag == 'interface' and device.get('type') == 'hostdev':
                continue
            slot = _wanted(device, definition, express)
            if slot is not None:
                found.append((device, slot))
        if tag == 'disk':
            found += [(device, slot)
                      for device in having(devices, 'interface', type='hostdev')
                      if (slot := _wanted(device, definition, express)) is not None]
    return found


def _wanted(device: Element, definition: Definition, express: Slot) -> Slot | None:
    address = device.find('address')
    if address is not None and not (
            address.get('type') == 'pci' and not device_address.is_pci(address)):
        return None
    if device.get('type') == 'ide' and device.get('index') == '0' and device.tag == 'controller':
        return None if definition.is_i440fx else _PCI
    return _slot_of(device, express)
