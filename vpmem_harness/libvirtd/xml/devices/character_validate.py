"""Refuse character devices that libvirt or QEMU cannot provide.

Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainChrSourceDefParseXML,
virDomainChrDefParseXML), src/conf/domain_validate.c (virDomainChrSourceDefValidate),
src/qemu/qemu_validate.c (qemuValidateDomainDeviceDefChr); each refusal was compared with
libvirt 9.0.0.
"""

from __future__ import annotations

from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import bad_xml, internal, unknown_value, unsupported
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element

_DOMAIN: Final[int] = libvirt.VIR_FROM_DOMAIN

_TYPES: Final = ('null', 'vc', 'pty', 'dev', 'file', 'pipe', 'stdio', 'udp', 'tcp', 'unix',
                 'spicevmc', 'spiceport', 'nmdm', 'qemu-vdagent', 'dbus')
_PROTOCOLS: Final = ('raw', 'telnet', 'telnets', 'tls')
_SPICE: Final = ('spicevmc', 'spiceport')

#: The types of targets, by tag.
_TARGETS: Final = {
    'serial': ('none', 'isa-serial', 'usb-serial', 'pci-serial', 'spapr-vio-serial',
               'system-serial', 'sclp-serial', 'isa-debug'),
    'console': ('none', 'serial', 'xen', 'uml', 'virtio', 'lxc', 'openvz', 'sclp', 'sclplm'),
    'channel': ('none', 'guestfwd', 'virtio', 'xen'),
}
#: The type of a target that older documents have.
_OLD_TARGET: Final = 'serial'


def read(device: Element) -> None:
    """Refuse a character device whose XML libvirt does not understand."""
    kind = device.get('type')
    if kind is not None and kind not in _TYPES:
        raise unknown_value(
            unsupported(f'unknown type presented to host for character device: {kind}',
                        domain=_DOMAIN), str(device.tag), 'type', kind)
    protocol = device.find('protocol')
    form = None if protocol is None else protocol.get('type')
    if kind == 'tcp' and form is not None and form not in _PROTOCOLS:
        raise unknown_value(unsupported(f"Unknown protocol '{form}'", domain=_DOMAIN),
                            'protocol', 'type', form)
    _read_target(device)


def _read_target(device: Element) -> None:
    tag, target = str(device.tag), device.find('target')
    if target is None:
        if tag == 'channel':
            raise bad_xml('target type must be specified for channel device')
        return
    kind, known = target.get('type'), _TARGETS.get(tag)
    if known is not None and kind != _OLD_TARGET and (kind is not None or tag == 'channel') \
            and kind not in known:
        raise unsupported(f"unknown target type '{kind or '(null)'}' specified for character "
                          'device', domain=_DOMAIN)
    port = target.get('port')
    if tag != 'channel' and port is not None and numbers.whole(port) is None:
        raise bad_xml(f'Invalid port number: {port}')


def check(device: Element, definition: Definition) -> None:
    """Refuse a character device that libvirt or QEMU does not support."""
    kind, source = device.get('type'), device.find('source')
    target = device.find('target')
    target_type = None if target is None else target.get('type')
    if kind in ('file', 'dev', 'pipe') and (source is None or not source.get('path')):
        raise internal('Missing source path attribute for char device', domain=_DOMAIN)
    if kind == 'unix' and (source is None or not source.get('path')) \
            and not (device.tag == 'channel' and target_type in ('virtio', 'xen')):
        raise internal('Missing source path attribute for char device', domain=_DOMAIN)
    if kind == 'tcp':
        for name in ('host', 'service'):
            if source is None or not source.get(name):
                raise internal(f'Missing source {name} attribute for char device', domain=_DOMAIN)
    if device.tag in _TARGETS or device.tag == 'parallel':
        if kind == 'spicevmc' and target_type != 'virtio':
            raise unsupported('spicevmc device type only supports virtio', domain=_DOMAIN)
        if device.tag == 'console' and target_type == 'sclp':
            raise unsupported('sclpconsole is not supported in this QEMU binary')
        if device.tag == 'console' and target_type not in ('serial', 'virtio', 'sclplm'):
            raise unsupported(f'unsupported console target type {target_type}')
    if kind in _SPICE and definition.devices.find("graphics[@type='spice']") is None:
        raise unsupported(f"chardev '{kind}' not supported without spice graphics")
