"""What the XML of a device must contain.

Source: libvirt 9.0.0 and 11.3.0, src/conf/domain_conf.c; each error was compared with both.
"""

from __future__ import annotations

import re
import uuid as uuids
from collections.abc import Callable

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_attribute,
    bad_xml,
    internal,
    missing_attribute,
    unknown_value,
    unsupported,
)
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.devices import character, character_validate
from vpmem_harness.libvirtd.xml.etree import Element

_DOMAIN = libvirt.VIR_FROM_DOMAIN

_ACTIONS = ('reset', 'shutdown', 'poweroff', 'pause', 'none', 'dump', 'inject-nmi')
_VIDEO = ('default', 'vga', 'cirrus', 'vmvga', 'xen', 'vbox', 'qxl', 'parallels', 'virtio', 'gop',
          'none', 'bochs', 'ramfb')
_HOSTDEVS = {
    'subsystem': ('usb', 'pci', 'scsi', 'scsi_host', 'mdev'),
    'capabilities': ('storage', 'misc', 'net')}


def check(device: Element) -> None:
    """Refuse a device without a required attribute, or with an unknown value of one."""
    checker = _CHECKERS.get(str(device.tag))
    if checker is not None:
        checker(device)


def _rng(device: Element) -> None:
    model = device.get('model')
    if model is None:
        raise bad_xml('missing RNG device model')
    if model not in ('virtio', 'virtio-transitional', 'virtio-non-transitional'):
        raise unknown_value(unsupported(
            f"unknown RNG model '{model}'", domain=libvirt.VIR_FROM_DOMAIN), 'rng', 'model', model)
    backends = device.findall('backend')
    if len(backends) != 1:
        raise bad_xml('only one RNG backend is supported')
    backend = backends[0].get('model')
    if backend is None:
        raise bad_xml('missing RNG device backend model').renewed(
            'names_attributes', missing_attribute('backend', 'model'))
    if backend not in ('random', 'egd', 'builtin'):
        raise unknown_value(unsupported(
            f"unknown RNG backend model '{backend}'", domain=libvirt.VIR_FROM_DOMAIN),
            'backend', 'model', backend)
    rate = device.find('rate')
    if rate is not None and numbers.whole(rate.get('bytes', '1')) is None:
        raise bad_xml('invalid RNG rate bytes value')
    if backend == 'egd' and backends[0].get('type') is None:
        raise bad_xml('missing EGD backend type')


def _watchdog(device: Element) -> None:
    if device.get('model') is None:
        raise internal('watchdog must contain model name', domain=_DOMAIN).renewed(
            'names_attributes', missing_attribute('watchdog', 'model'))
    action = device.get('action')
    if action is not None and action not in _ACTIONS:
        raise unknown_value(unsupported(f"unknown watchdog action '{action}'", domain=_DOMAIN),
                            'watchdog', 'action', action)


def _graphics(device: Element) -> None:
    kind, listen = device.get('type'), device.find('listen')
    share = device.get('sharePolicy')
    address, first = device.get('listen'), None if listen is None else listen.get('address')
    if address and first and address != first:
        raise unsupported(f"graphics 'listen' attribute '{address}' must match 'address' attribute "
                          f"of first listen element (found '{first}')", domain=_DOMAIN)
    path = None if listen is None else listen.get('socket')
    if kind == 'vnc' and device.get('socket') and path and path != device.get('socket'):
        raise unsupported(f"graphics 'socket' attribute '{device.get('socket')}' must match "
                          f"'socket' attribute of first listen element (found '{path}')",
                          domain=_DOMAIN)
    for name in _PORTS.get(kind or '', ()):
        text = device.get(name)
        if text is not None and not numbers.is_integer(text):
            if kind == 'spice':
                raise bad_attribute('graphics', name, text, expected='integer value')
            what = 'port' if name == 'port' else 'WebSocket port'
            raise internal(f'cannot parse vnc {what} {text}', domain=_DOMAIN)
    if kind == 'vnc' and share is not None and share not in (
            'allow-exclusive', 'force-shared', 'ignore'):
        raise bad_attribute('graphics', 'sharePolicy', share)
    if device.get('passwd') is not None:
        _password(device, kind)


def _password(device: Element, kind: str | None) -> None:
    until = device.get('passwdValidTo')
    if until is not None and not _TIME.fullmatch(until):
        raise internal(f"cannot parse password validity time '{until}', expect "
                       'YYYY-MM-DDTHH:MM:SS', domain=_DOMAIN)
    if kind == 'vnc' and device.get('connected') not in (None, 'keep'):
        raise unsupported("VNC supports connected='keep' only", domain=_DOMAIN)


#: The ports of graphics by type.
_PORTS = {'vnc': ('port', 'websocket'), 'spice': ('port', 'tlsPort')}
_TIME = re.compile(r'[0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]')


def _video(device: Element) -> None:
    model = device.find('model')
    if model is None:
        return
    kind = model.get('type')
    if kind is not None and kind not in _VIDEO:
        raise unknown_value(unsupported(f"unknown video model '{kind}'", domain=_DOMAIN),
                            'model', 'type', kind)
    for name in ('ram', 'vram', 'vgamem', 'heads'):
        text = model.get(name)
        if text is not None and numbers.whole(text) is None:
            what = f"cannot parse video {name} '{text}'"
            error = internal(what, domain=_DOMAIN) if name == 'heads' else bad_xml(what)
            raise error.renewed('names_attributes', bad_attribute(
                'model', name, text, expected='non-negative integer value'))


def _hostdev(device: Element) -> None:
    mode = device.get('mode') or 'subsystem'
    if mode not in _HOSTDEVS:
        raise unknown_value(unsupported(f"unknown hostdev mode '{mode}'", domain=_DOMAIN),
                            'hostdev', 'mode', mode)
    kind = device.get('type')
    if kind is not None and kind not in _HOSTDEVS[mode]:
        raise unknown_value(
            unsupported(f"unknown host device source address type '{kind}'", domain=_DOMAIN),
            'hostdev', 'type', kind)
    if mode == 'subsystem':
        _hostdev_source(device, kind)


def _hostdev_source(device: Element, kind: str | None) -> None:
    source = device.find('source')
    if source is None:
        raise bad_xml('Missing <source> element in hostdev device')
    if kind is None:
        raise bad_xml('missing source address type')
    driver = device.find('driver')
    name = None if driver is None else driver.get('name')
    if kind == 'pci' and name is not None and name not in ('kvm', 'vfio', 'xen'):
        raise bad_attribute('driver', 'name', name)
    for attribute in ('sgio', 'rawio'):
        if kind != 'scsi' and device.get(attribute) is not None:
            raise bad_xml(f'{attribute} is only supported for scsi host device')
    if kind == 'usb' and source.find('vendor') is not None and source.find('product') is None:
        raise internal('missing product', domain=_DOMAIN)
    if kind == 'mdev':
        _mediated(device, source)


def _mediated(device: Element, source: Element) -> None:
    if device.get('model') is None:
        raise missing_attribute('hostdev', 'model')
    address = source.find('address')
    try:
        uuids.UUID('' if address is None else address.get('uuid', ''))
    except ValueError:
        raise internal('Cannot parse uuid attribute of element <address>',
                       domain=_DOMAIN) from None


def _filesystem(device: Element) -> None:
    source, target = device.find('source'), device.find('target')
    named = '' if source is None else next(iter(source.attrib.values()), '')
    directory = '' if target is None else target.get('dir', '')
    if source is None and device.get('type') != 'ram':
        raise LibvirtError(libvirt.VIR_ERR_NO_SOURCE, directory, domain=_DOMAIN)
    if not directory and (source is None or source.get('socket') is None):
        raise LibvirtError(libvirt.VIR_ERR_NO_TARGET, named, domain=_DOMAIN)


def _tpm(device: Element) -> None:
    if len(device.findall('backend')) != 1:
        raise bad_xml('missing TPM device backend' if device.find('backend') is None
                      else 'only one TPM backend is supported')


def _smartcard(device: Element) -> None:
    if device.get('mode') == 'host-certificates' and len(device.findall('certificate')) != 3:
        raise bad_xml('host-certificates mode needs exactly three certificates')


def _shmem(device: Element) -> None:
    name = device.get('name')
    if not name:
        raise bad_xml("shmem element must contain 'name' attribute")
    if device.find('msi') is not None and device.find('server') is None:
        raise bad_xml('msi option is only supported with a server')


def _lease(device: Element) -> None:
    if not device.findtext('key'):
        raise bad_xml("Missing 'key' element for lease")


def _typed(text: str) -> Callable[[Element], None]:
    """Return a check that a device has a type."""
    def check_type(device: Element) -> None:
        if device.get('type') is None:
            raise internal(text, domain=_DOMAIN).renewed(
                'names_attributes', missing_attribute(str(device.tag), 'type'))
    return check_type


def _controller(device: Element) -> None:
    models, model = _MODELS.get(device.get('type', '')), device.get('model')
    if models is not None and model is not None and model not in models:
        raise unknown_value(unsupported(f"Unknown model type '{model}'", domain=_DOMAIN),
                            'controller', 'model', model)


#: Models of controllers by type.
_MODELS = {
    'pci': ('pci-root', 'pcie-root', 'pci-bridge', 'dmi-to-pci-bridge', 'pcie-to-pci-bridge',
            'pcie-root-port', 'pcie-switch-upstream-port', 'pcie-switch-downstream-port',
            'pci-expander-bus', 'pcie-expander-bus'),
    'usb': ('piix3-uhci', 'piix4-uhci', 'ehci', 'ich9-ehci1', 'ich9-uhci1', 'ich9-uhci2',
            'ich9-uhci3', 'vt82c686b-uhci', 'pci-ohci', 'nec-xhci', 'qusb1', 'qusb2',
            'qemu-xhci', 'none'),
    'scsi': ('auto', 'buslogic', 'lsilogic', 'lsisas1068', 'vmpvscsi', 'ibmvscsi', 'virtio-scsi',
             'lsisas1078', 'virtio-transitional', 'virtio-non-transitional', 'ncr53c90', 'dc390',
             'am53c974'),
}

_CHECKERS = {
    'rng': _rng, 'watchdog': _watchdog, 'video': _video, 'hostdev': _hostdev,
    'graphics': _graphics, 'filesystem': _filesystem, 'tpm': _tpm, 'smartcard': _smartcard,
    'shmem': _shmem, 'lease': _lease, 'controller': _controller,
    'hub': _typed('missing hub device type'), 'input': _typed('missing input device type'),
    'redirdev': _typed('missing type in redirdev'),
    **dict.fromkeys(character.TAGS, character_validate.read),
}
