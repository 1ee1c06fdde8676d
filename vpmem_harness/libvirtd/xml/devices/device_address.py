"""Device addresses given by clients: parse, check, and format as libvirt does.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainDeviceAddressParseXML),
src/conf/device_conf.c (virPCIDeviceAddressParseXML).
"""

from __future__ import annotations

import re

import libvirt

from vpmem_harness.libvirtd.errors import (
    bad_attribute,
    bad_xml,
    internal,
    missing_attribute,
    unknown_value,
    unsupported,
)
from vpmem_harness.libvirtd.xml.etree import Element, drop, unset

TYPES = ('pci', 'drive', 'virtio-serial', 'ccid', 'usb', 'spapr-vio', 'virtio-s390', 'ccw',
         'virtio-mmio', 'isa', 'dimm', 'unassigned')

#: The numbers of an address by its type: name, base and format. Numbers with a default are
#: written even if the client omits them.
_NUMBERS: dict[str, tuple[tuple[str, int, str, int | None], ...]] = {
    'pci': (('domain', 0, '0x{:04x}', 0), ('bus', 0, '0x{:02x}', 0),
            ('slot', 0, '0x{:02x}', 0), ('function', 0, '0x{:x}', 0)),
    'drive': (('controller', 10, '{}', 0), ('bus', 10, '{}', 0), ('target', 10, '{}', 0),
              ('unit', 10, '{}', 0)),
    'virtio-serial': (('controller', 10, '{}', 0), ('bus', 10, '{}', 0), ('port', 10, '{}', 0)),
    'ccid': (('controller', 10, '{}', 0), ('slot', 10, '{}', 0)),
    'usb': (('bus', 10, '{}', 0),),
    'isa': (('iobase', 16, '0x{:x}', None), ('irq', 16, '0x{:x}', None)),
    'dimm': (('slot', 10, '{}', None), ('base', 16, '0x{:x}', None)),
}

_ALIAS = re.compile(r'ua-[A-Za-z0-9_-]*')


def read(device: Element) -> None:
    """Check a device's address and alias, and convert them to libvirt's form.

    An alias without the user prefix ``ua-`` is dropped: libvirt assigns those at start.

    :raises LibvirtError: for what libvirt's parser refuses.
    """
    alias = device.find('alias')
    if alias is not None and not _ALIAS.fullmatch(alias.get('name', '')):
        drop(device, 'alias')
    address = device.find('address')
    if address is None:
        return
    kind = address.get('type')
    if kind is None:
        raise internal(
            'No type specified for device address', domain=libvirt.VIR_FROM_DOMAIN).renewed(
                'names_attributes', missing_attribute('address', 'type'))
    if kind not in TYPES:
        raise unknown_value(unsupported(
            f"unknown address type '{kind}'", domain=libvirt.VIR_FROM_DOMAIN),
            'address', 'type', kind)
    if kind == 'dimm' and address.get('slot') is None:
        raise missing_attribute('address', 'slot')
    if kind == 'pci' and not any(address.get(name) for name in ('bus', 'slot', 'domain')):
        unset(address, 'function')
        return
    for name, base, form, default in _NUMBERS.get(kind, ()):
        value = number(address, name, base)
        if value is None:
            value = default
        if value is not None:
            address.set(name, form.format(value))
    if kind == 'pci':
        _check_pci(address)
    if kind == 'dimm' and address.get('base') == '0x0':
        unset(address, 'base')


def _check_pci(address: Element) -> None:
    if not any(get(address, name) for name in ('domain', 'bus', 'slot')):
        return
    for name, text, most, shown in (('bus', "bus='0x{:x}'", 0xff, '0xFF'),
                                    ('slot', "slot='0x{:x}'", 0x1f, '0x1F'),
                                    ('function', 'function=0x{:x}', 7, '7')):
        value = get(address, name)
        if value > most:
            raise bad_xml(f'Invalid PCI address {text.format(value)}, must be <= {shown}',
                          domain=libvirt.VIR_FROM_NONE)


def number(element: Element, name: str, base: int = 10) -> int | None:
    """Return the number in an attribute, or None if there is no such attribute.

    :raises LibvirtError: VIR_ERR_XML_ERROR unless it is a number of 32 bits (64 bits if
        hexadecimal).
    """
    text = element.get(name)
    if text is None:
        return None
    value = _whole(text, base)
    if not 0 <= value < (2**64 if base == 16 else 2**32):
        raise bad_attribute(str(element.tag), name, text, expected='non-negative integer value')
    return value


def _whole(text: str, base: int) -> int:
    """Parse a number, -1 if invalid; base 0 as in C: ``0x10`` is 16, ``010`` is 8."""
    try:
        if base == 0 and re.fullmatch(r'0[0-7]+', text):
            return int(text, 8)
        return int(text, base)
    except ValueError:
        return -1


def get(address: Element, name: str) -> int:
    """Return a number of an address that :func:`read` has checked."""
    return int(address.get(name) or '0', 0)


def is_pci(address: Element) -> bool:
    """Whether an address names a PCI slot; libvirt chooses one in place of slot 0 of bus 0."""
    return address.get('type') == 'pci' and bool(address.get('slot')) and any(
        get(address, name) for name in ('domain', 'bus', 'slot'))


def overlay(address: Element) -> int:
    """Return the base that libvirt uses for a memory device with an address of another type.

    libvirt assigns a slot to a device without one, and keeps the rest of its old address: all types
    of addresses share one C union, whose other bytes it then reads as the base.
    Source: libvirt 9.0.0, src/conf/device_conf.h (virDomainDeviceInfo),
    src/qemu/qemu_domain_address.c (qemuAssignMemoryDeviceSlot).
    """
    kind = address.get('type')
    if kind == 'pci':
        return get(address, 'slot') | get(address, 'function') << 32
    if kind == 'drive':
        return get(address, 'target') | get(address, 'unit') << 32
    if kind == 'virtio-serial':
        return get(address, 'port')
    if kind == 'usb':
        ports = [int(part) for part in address.get('port', '0').split('.')] + [0, 0, 0]
        return ports[1] | ports[2] << 32
    return 0
