"""Refuse interfaces that libvirt or QEMU cannot provide.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainNetDefParseXML),
src/conf/domain_validate.c (virDomainNetDefValidate), src/conf/netdev_bandwidth_conf.c,
src/qemu/qemu_validate.c (qemuValidateDomainDeviceDefNetwork); each refusal was compared with
libvirt 9.0.0.
"""

from __future__ import annotations

from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    bad_xml,
    internal,
    missing_attribute,
    unsupported,
    xml_detail,
)
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element, first

_DOMAIN: Final[int] = libvirt.VIR_FROM_DOMAIN
_NONE: Final[int] = libvirt.VIR_FROM_NONE

#: What the source of an interface must name, by type.
_SOURCES: Final = {
    'network': 'network', 'bridge': 'bridge', 'direct': 'dev', 'vdpa': 'dev', 'internal': 'name',
    'vhostuser': 'type', 'mcast': 'address', 'udp': 'address', 'server': 'port', 'client': 'port'}
_WITH_MTU: Final = ('network', 'bridge', 'ethernet', 'vhostuser')
_WITH_FILTERS: Final = ('network', 'bridge', 'ethernet')
_WITH_PORTS: Final = ('network', 'bridge', 'direct', 'hostdev')
_WITH_COALESCE: Final = ('network', 'bridge')


def read(device: Element) -> None:
    """Refuse an interface whose XML libvirt does not understand."""
    kind = device.get('type', 'user')
    source, wanted = device.find('source'), _SOURCES.get(kind)
    if wanted is not None and source is None:
        raise bad_xml(f"interface type='{kind}' requires a 'source' element")
    if wanted is not None and source is not None and source.get(wanted) is None:
        raise missing_attribute('source', wanted)
    mtu = device.find('mtu')
    if mtu is not None and numbers.whole(mtu.get('size')) is None:
        raise bad_xml('malformed mtu size')
    rom = device.find('rom')
    if rom is not None and rom.get('enabled') == 'no' and (rom.get('bar') or rom.get('file')):
        raise unsupported('ROM tuning is not supported when ROM is disabled', domain=_DOMAIN)
    teaming = device.find('teaming')
    if teaming is not None and teaming.get('type') == 'transient' and not teaming.get('persistent'):
        raise unsupported("teaming persistent attribute must be set if teaming type is "
                          "'transient'", domain=_DOMAIN)
    if device.find('virtualport') is not None and kind not in _WITH_PORTS:
        raise unsupported(f"<virtualport> element unsupported for <interface type='{kind}'>",
                          domain=_DOMAIN)
    _check_bandwidth(device, kind)
    if kind == 'vhostuser' and not (_model(device) or '').startswith('virtio'):
        raise internal("Wrong or no <model> 'type' attribute specified with <interface "
                       "type='vhostuser'/>. vhostuser requires the virtio-net* frontend",
                       domain=_DOMAIN)


def _model(device: Element) -> str | None:
    found = device.find('model')
    return None if found is None else found.get('type')


def _check_bandwidth(device: Element, kind: str) -> None:
    for direction in ('inbound', 'outbound'):
        rates = first(device, f'bandwidth/{direction}')
        if rates is None:
            continue
        floor = rates.get('floor') is not None
        if floor and direction == 'outbound':
            raise unsupported("'floor' attribute allowed only in <inbound> element", domain=_NONE)
        if floor and kind != 'network':
            raise unsupported('floor attribute is not supported for this config', domain=_NONE)
        if rates.get('average') is None and not floor:
            raise xml_detail('Missing mandatory average or floor attributes', domain=_NONE)


def check(device: Element) -> None:
    """Refuse an interface that libvirt or QEMU does not support."""
    kind = device.get('type', 'user')
    port = device.find('port')
    if port is not None and port.get('isolated') == 'yes' and kind not in ('network', 'bridge'):
        found = device.find('mac')
        mac = '' if found is None else found.get('address')
        raise unsupported(f"interface {mac} - <port isolated='yes'/> is not supported for "
                          f"network interfaces with type='{kind}'", domain=_DOMAIN)
    _check_addresses(device, kind)
    if device.find('mtu') is not None and kind not in _WITH_MTU:
        raise unsupported(f'setting MTU on interface type {kind} is not supported yet')
    if device.find('coalesce') is not None and kind not in _WITH_COALESCE:
        raise unsupported(f'coalesce settings on interface type {kind} are not supported')
    driver = device.find('driver')
    for name in ('rx_queue_size', 'tx_queue_size'):
        size = 0 if driver is None else numbers.whole(driver.get(name)) or 0
        if size & (size - 1):
            raise unsupported(f'{name} has to be a power of two')


def _check_addresses(device: Element, kind: str) -> None:
    """Refuse addresses and routes for the guest, which only QEMU's own network provides."""
    if kind == 'user':
        if device.find('route') is not None:
            raise unsupported('Invalid attempt to set network interface guest-side IP route, not '
                              'supported by QEMU')
    elif device.find('ip') is not None or device.find('route') is not None:
        raise unsupported('Invalid attempt to set network interface guest-side IP route and/or '
                          'address info, not supported by QEMU')


def normalize(device: Element) -> None:
    """Name the family of addresses, and remove what libvirt ignores.

    These are filters on other types of interfaces, and options of other models.
    """
    for address in device.findall('ip'):
        if address.get('family') is None:
            address.set('family', 'ipv6' if ':' in address.get('address', '') else 'ipv4')
    if device.get('type') not in _WITH_FILTERS:
        for found in device.findall('filterref'):
            device.remove(found)
    driver = device.find('driver')
    if driver is not None:
        if driver.get('queues') in ('0', '1'):
            del driver.attrib['queues']
        if not (_model(device) or '').startswith('virtio'):
            device.remove(driver)
