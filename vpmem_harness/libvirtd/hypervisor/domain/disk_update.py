"""Checks of an update of a running guest's disk: only its medium can change.

Source: libvirt 9.0.0, src/qemu/qemu_domain.c (qemuDomainDiskChangeSupported).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, unsupported
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.images import locks
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.domain import startup
from vpmem_harness.libvirtd.xml.etree import Element, add, copy, drop, first

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor


class _Field(NamedTuple):
    """A field and its name in errors; ``attribute`` is None for an element's text."""

    name: str
    path: str
    attribute: str | None = None
    #: Whether an update without the field leaves it unchanged.
    optional: bool = True

    def of(self, disk: Element) -> str | None:
        found = disk if self.path == '.' else disk.find(self.path)
        if found is None:
            return None
        value = (found.text or '') if self.attribute is None else found.get(self.attribute)
        # A missing value is 0, unless 0 is a value of its own.
        return None if value == 'default' or (value == '0' and not self.optional) else value


_TUNED = tuple(f'{direction}_{unit}_sec{limit}'
               for limit in ('', '_max')
               for unit in ('bytes', 'iops')
               for direction in ('total', 'read', 'write'))

#: The fields before the address and after it, in libvirt's order.
_FIRST: Final = (
    _Field('device', '.', 'device', optional=False),
    _Field('bus', 'target', 'bus', optional=False),
    _Field('tray', 'target', 'tray'),
    _Field('removable', 'target', 'removable'),
    _Field('geometry cylinders', 'geometry', 'cyls'),
    _Field('geometry heads', 'geometry', 'heads'),
    _Field('geometry sectors', 'geometry', 'secs'),
    _Field('BIOS-translation-modus', 'geometry', 'trans'),
    _Field('blockio logical_block_size', 'blockio', 'logical_block_size', optional=False),
    _Field('blockio physical_block_size', 'blockio', 'physical_block_size', optional=False),
    *(_Field(f'blkdeviotune {name}', f'iotune/{name}', optional=False) for name in _TUNED),
    _Field('blkdeviotune size_iops_sec', 'iotune/size_iops_sec', optional=False),
    _Field('blkdeviotune group name', 'iotune/group_name'),
    _Field('serial', 'serial'),
    _Field('wwn', 'wwn'),
    _Field('vendor', 'vendor'),
    _Field('product', 'product'),
    *(_Field(name, 'driver', name) for name in (
        'cache', 'error_policy', 'rerror_policy', 'io', 'ioeventfd', 'event_idx',
        'copy_on_read')),
)
_LAST: Final = (
    _Field('boot order', 'boot', 'order'),
    _Field('rawio', '.', 'rawio'),
    _Field('sgio', '.', 'sgio'),
    _Field('discard', 'driver', 'discard'),
    _Field('iothread', 'driver', 'iothread'),
    _Field('backenddomain', 'backenddomain', 'name'),
)

#: Drives whose medium can change.
REMOVABLE: Final = ('cdrom', 'floppy')


def change_medium(found: Element, device: Element, domain: Domain,
                  hypervisor: Hypervisor) -> None:
    """Give a running guest's disk the source of an update.

    A source that stays the same keeps its index; an empty drive has one too.

    :raises LibvirtError: the update changes more than the medium, there is no such image, or
        another guest locks it.
    """
    check(found, device)
    policy = first(device, 'source')
    if disks.source_path(found) == disks.source_path(device):
        old = found.find('source')
        if old is not None and policy is not None and policy.get('startupPolicy') is not None:
            old.set('startupPolicy', policy.get('startupPolicy', ''))
        return
    if found.get('device') not in REMOVABLE:
        raise unsupported('disk source can be changed only in removable drives')
    hypervisor.disk_sources.check(device)
    locks.check_plug(hypervisor.image_locks, device, 'blockdev-insert-medium')
    for tag in ('source', 'backingStore'):
        drop(found, tag)
    found.set('type', device.get('type', 'file'))
    for source in device.findall('source'):
        found.append(copy(source))
    driver = found.find('driver')
    if driver is not None:
        driver.set('type', disks.driver_format(device))
    number = domain.next_storage_id()
    if found.find('source') is None:
        add(found, 'source', index=number)
    else:
        startup.start_source(found, number)
    hypervisor.image_locks.refresh(domain)


def check(found: Element, device: Element) -> None:
    """Refuse an update of a running guest's disk that changes more than the medium.

    :param found: the current disk.
    :param device: the disk of the update.
    :raises LibvirtError: VIR_ERR_OPERATION_UNSUPPORTED, naming the first field that differs.
    """
    _compare(_FIRST, found, device)
    _compare_presence('transient', 'transient', found, device)
    address = device.find('address')
    if address is not None and address.attrib != _address(found):
        raise _refusal('address')
    _compare(_LAST, found, device)
    _compare_presence('readonly', 'readonly', found, device)
    _compare_presence('shareable', 'shared', found, device)


def _compare(fields: tuple[_Field, ...], found: Element, device: Element) -> None:
    for field in fields:
        wanted = field.of(device)
        if (wanted is not None or not field.optional) and wanted != field.of(found):
            raise _refusal(field.name)


def _compare_presence(tag: str, name: str, found: Element, device: Element) -> None:
    if device.find(tag) is not None and found.find(tag) is None:
        raise _refusal(name)


def _address(disk: Element) -> dict[str, str]:
    found = disk.find('address')
    return {} if found is None else found.attrib


def _refusal(name: str) -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                        f"cannot modify field '{name}' of the disk")
