"""Network interfaces.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainNetDefParseXML), src/qemu/qemu_domain.c
(qemuDomainDeviceNetDefPostParse).
"""

from __future__ import annotations

import re

from vpmem_harness.libvirtd.errors import bad_attribute, bad_xml
from vpmem_harness.libvirtd.xml.devices import device_address
from vpmem_harness.libvirtd.xml.etree import Element, add, element, every, first, unset
from vpmem_harness.libvirtd.xml.host import XmlHost

TYPES = ('user', 'ethernet', 'vhostuser', 'server', 'client', 'mcast', 'network', 'bridge',
         'internal', 'direct', 'hostdev', 'udp', 'vdpa', 'null', 'vds')

#: Prefixes of tap names that libvirt generates; clients cannot choose such a name.
_GENERATED = re.compile(r'(vnet|macvtap|macvlan|vif)[0-9]+')
_MAC = re.compile(r'[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{1,2}){5}')

DEFAULT_MODEL = 'rtl8139'


def mac(device: Element) -> str:
    """Return the MAC address of an interface in lower case."""
    found = device.find('mac')
    return '' if found is None else found.get('address', '').lower()


def read(device: Element) -> None:
    """Refuse an invalid interface."""
    kind = device.get('type')
    if kind is not None and kind not in TYPES:
        raise bad_attribute('interface', 'type', kind)
    found = device.find('mac')
    address = None if found is None else found.get('address')
    if address is not None:
        if not _MAC.fullmatch(address):
            raise bad_xml(f"unable to parse mac address '{address}'")
        first = int(address.split(':')[0], 16)
        if first & 1:
            raise bad_xml(f"expected unicast mac address, found multicast '{address}'")


def complete(device: Element, host: XmlHost) -> None:
    """Complete an interface's type, MAC address and model."""
    if device.get('type') is None:
        device.set('type', 'user')
    found = device.find('mac')
    if found is None:
        found = element('mac')
        device.insert(0, found)
    if found.get('address') is None:
        found.set('address', host.randomness.mac())
    else:
        found.set('address', ':'.join(f'{int(part, 16):02x}'
                                      for part in found.get('address', '').split(':')))
    target = device.find('target')
    if target is not None and _GENERATED.fullmatch(target.get('dev', '')):
        unset(target, 'dev')
        if not target.attrib:
            device.remove(target)
    kind = device.get('type')
    for port in every(device, 'virtualport'):
        if port.get('type') == 'openvswitch':
            _identify(port, host)
    if kind == 'hostdev':
        if device.get('managed') == 'no':
            unset(device, 'managed')
        address = first(device, 'source/address')
        if address is not None and address.get('type') == 'pci':
            for name, form in (('domain', '0x{:04x}'), ('bus', '0x{:02x}'),
                               ('slot', '0x{:02x}'), ('function', '0x{:x}')):
                address.set(name, form.format(device_address.number(address, name, 0) or 0))
        return
    if kind == 'direct':
        source = device.find('source')
        if source is not None and source.get('mode') is None:
            source.set('mode', 'vepa')
    model = device.find('model')
    if model is None:
        model = add(device, 'model')
    if model.get('type') is None:
        model.set('type', 'virtio' if kind == 'vdpa' else DEFAULT_MODEL)


def _identify(port: Element, host: XmlHost) -> None:
    """Draw the ID of a port of Open vSwitch."""
    parameters = port.find('parameters')
    if parameters is None:
        parameters = add(port, 'parameters')
    if parameters.get('interfaceid') is None:
        parameters.set('interfaceid', host.randomness.uuid())
