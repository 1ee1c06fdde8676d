"""Devices of the host that guests use: PCI devices, mediated and vDPA devices.

Source: libvirt 9.0.0, src/hypervisor/virhostdev.c (virHostdevPreparePCIDevicesImpl,
virHostdevSaveNetConfig), src/qemu/qemu_hostdev.c, src/util/virpci.c, src/util/virmdev.c.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import libvirt

from vpmem_harness.hardware import PciAddress, PciDevice
from vpmem_harness.libvirtd.errors import LibvirtError, internal, invalid, system_error, unsupported
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.node.device_tree import VFIO
from vpmem_harness.libvirtd.xml.etree import Element, first

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

_NONE = libvirt.VIR_FROM_NONE


class HostDevices:
    """The devices of one host that its guests use."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor

    def user(self, address: PciAddress) -> Domain | None:
        """Return the active domain that has a PCI device, or None."""
        return next((domain for domain in self._hypervisor.domains
                     if domain.active and domain.live is not None
                     and address in (found for _, found in _pci(domain.live.devices))), None)

    def mdev_user(self, uuid: str) -> Domain | None:
        """Return the active domain that has a mediated device, or None."""
        return next((domain for domain in self._hypervisor.domains
                     if domain.active and domain.live is not None
                     and uuid in (_uuid(device) for device in _mdevs(domain.live.devices))), None)

    def take(self, devices: Iterable[Element], domain: Domain) -> None:
        """Check the devices that a guest gets, and detach the managed ones from the host.

        :raises LibvirtError: if one does not exist, is in use or must be detached first.
        """
        devices = list(devices)
        wanted = list(_pci(devices))
        found = [self._checked(device, address) for device, address in wanted]
        for card in found:
            self._check_free(card, domain)
        for (device, _), card in zip(wanted, found, strict=True):
            if device.tag == 'interface' and card.physical is None:
                raise unsupported('Interface type hostdev is currently supported on SR-IOV '
                                  'Virtual Functions only', domain=_NONE)
        tree = self._hypervisor.devices
        for (device, _), card in zip(wanted, found, strict=True):
            if device.get('managed') != 'yes' and tree.driver(card) != VFIO:
                raise invalid(f'Unmanaged PCI device {card.address} must be manually detached '
                              'from the host', domain=_NONE)
        for device in _mdevs(devices):
            self._check_mdev(device, domain)
        for device in devices:
            if device.tag == 'interface' and device.get('type') == 'vdpa':
                self._check_vdpa(device)
        for card in found:
            tree.drivers[card.address] = VFIO

    def give_back(self, devices: Iterable[Element]) -> None:
        """Attach the managed devices to the host again that a guest has released."""
        for device, address in _pci(devices):
            if device.get('managed') == 'yes':
                self._hypervisor.devices.drivers.pop(address, None)

    def _checked(self, device: Element, address: PciAddress) -> PciDevice:
        if not self._hypervisor.hardware.has_iommu:
            driver = device.find('driver')
            what = 'VFIO PCI passthrough' if driver is not None and driver.get(
                'name') == 'vfio' else 'passthrough of host PCI devices'
            raise unsupported(f"host doesn't support {what}")
        card = self._hypervisor.hardware.device(address)
        if card is None:
            raise system_error(
                errno.ENOENT, f'Device {address} not found: could not access '
                f'/sys/bus/pci/devices/{address}/config', domain=_NONE)
        if card.is_bridge:
            raise internal('Non-endpoint PCI devices cannot be assigned to guests', domain=_NONE)
        return card

    def _check_free(self, card: PciDevice, domain: Domain) -> None:
        groups = self._hypervisor.devices.groups
        own = groups.get(card.address)
        mates = [address for address, group in groups.items()
                 if group == own and address != card.address]
        for address in (card.address, *mates):
            user = self.user(address)
            if user is not None and (address == card.address or user is not domain):
                raise invalid(f'PCI device {address} is in use by driver QEMU, domain '
                              f'{user.name}', domain=_NONE)

    def _check_mdev(self, device: Element, domain: Domain) -> None:
        uuid = _uuid(device)
        mdev = self._hypervisor.devices.mdevs.by_uuid(uuid)
        if mdev is None:
            raise LibvirtError(libvirt.VIR_ERR_DEVICE_MISSING,
                               f"mediated device '{uuid}' not found", domain=_NONE)
        path = f'/sys/bus/mdev/devices/{uuid}'
        api = next((kind.api for kind in mdev.parent.mdev_types if kind.id == mdev.kind), '')
        if device.get('model') != api:
            raise internal(f"invalid device API '{device.get('model')}' for device {path}: "
                           f"device only supports '{api}'", domain=_NONE)
        user = self.mdev_user(uuid)
        if user is not None and user is not domain:
            raise invalid(f'mediated device {path} is in use by driver QEMU, domain {user.name}',
                          domain=_NONE)

    def _check_vdpa(self, device: Element) -> None:
        source = device.find('source')
        path = '' if source is None else source.get('dev', '')
        if path not in self._hypervisor.devices.character_devices:
            raise system_error(errno.ENOENT, f"Unable to open '{path}' for vdpa device")


def _pci(devices: Iterable[Element]) -> Iterator[tuple[Element, PciAddress]]:
    """Yield each PCI device of the host among a guest's devices, with its address."""
    for device in devices:
        passed = device.tag == 'hostdev' and device.get('type') == 'pci'
        if passed or (device.tag == 'interface' and device.get('type') == 'hostdev'):
            found = first(device, 'source/address')
            if found is not None:
                yield device, PciAddress(*(int(found.get(name) or '0', 0) for name in (
                    'domain', 'bus', 'slot', 'function')))


def _mdevs(devices: Iterable[Element]) -> Iterator[Element]:
    return (device for device in devices
            if device.tag == 'hostdev' and device.get('type') == 'mdev')


def _uuid(device: Element) -> str:
    found = first(device, 'source/address')
    return '' if found is None else found.get('uuid', '').lower()
