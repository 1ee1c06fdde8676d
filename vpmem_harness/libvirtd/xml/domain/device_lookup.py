"""Finding the device of a definition that a client describes.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainDetachDeviceConfig),
src/qemu/qemu_hotplug.c (qemuDomainDetachPrepDisk and others), src/conf/domain_conf.c
(virDomainNetFindIdx, virDomainMemoryFindByDefInternal, virDomainChrEquals).
"""

from __future__ import annotations

from collections.abc import Callable

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml import etree
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import (
    aliases,
    character,
    controllers,
    device_address,
    disks,
    interfaces,
    memory,
)
from vpmem_harness.libvirtd.xml.domain.layout import DEVICES
from vpmem_harness.libvirtd.xml.etree import Element

#: Devices that can be added to a persistent definition, and to a running guest.
PERSISTENT = ('disk', 'interface', 'sound', 'hostdev', 'lease', 'controller', 'serial',
              'parallel', 'console', 'channel', 'filesystem', 'rng', 'memory', 'redirdev',
              'shmem', 'watchdog', 'input', 'vsock')
LIVE = ('disk', 'controller', 'lease', 'interface', 'hostdev', 'redirdev', 'serial', 'parallel',
        'console', 'channel', 'rng', 'memory', 'shmem', 'watchdog', 'input', 'vsock',
        'filesystem')

#: Names of device types in libvirt's errors.
_KINDS = {'interface': 'net', 'serial': 'chr', 'parallel': 'chr',
          'console': 'chr', 'channel': 'chr'}


def kind(device: Element) -> str:
    """Return what libvirt's errors call a device."""
    return _KINDS.get(str(device.tag), str(device.tag))


def _missing(text: str) -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_DEVICE_MISSING, text)


def find(definition: Definition, device: Element, *, live: bool) -> Element:
    """Find the device that a client describes.

    :raises LibvirtError: VIR_ERR_DEVICE_MISSING, with libvirt's text for the live or the persistent
        definition.
    """
    finder = _FINDERS.get(str(device.tag))
    if finder is None:
        raise _not_detachable(device, 'live' if live else 'persistent')
    return finder(definition, device, live)


def _disk(definition: Definition, device: Element, live: bool) -> Element:
    name = disks.target(device)[0] or '(null)'
    found = disks.by_target(definition.devices, name)
    if found is None:
        raise _missing(f'disk {name} not found' if live else f'no target device {name}')
    return found


def _interface(definition: Definition, device: Element, live: bool) -> Element:
    address = None if device.find('mac') is None else interfaces.mac(device)
    place = _place(device)
    alias = aliases.name(device)
    found = [other for other in definition.devices.findall('interface')
             if (address is None or interfaces.mac(other) == address)
             and (place is None or _place(other) == place)
             and (not alias or aliases.name(other) in ('', alias))]
    if len(found) > 1:
        text = ('multiple matching devices found' if address is None
                else f'multiple devices matching MAC address {address} found')
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED, text,
                           domain=libvirt.VIR_FROM_DOMAIN)
    if not found:
        where = '(<null>)' if place is None else f'0000:{place[0]:02x}:{place[1]:02x}.{place[2]}'
        raise LibvirtError(
            libvirt.VIR_ERR_DEVICE_MISSING,
            f"no device found at address '{where}' matching MAC address "
            f"'{address or '(<null>)'}' and alias '{alias or '(<null>)'}'",
            domain=libvirt.VIR_FROM_DOMAIN)
    return found[0]


def _place(device: Element) -> tuple[int, int, int] | None:
    address = device.find('address')
    if address is None or address.get('type') != 'pci' or not address.get('slot'):
        return None
    return (int(address.get('bus', '0'), 0), int(address.get('slot', '0'), 0),
            int(address.get('function', '0'), 0))


def _memory(definition: Definition, device: Element, live: bool) -> Element:
    model = device.get('model', '')
    for other in definition.memory_devices:
        if _same_memory(other, device):
            return other
    raise _missing(f"model '{model}' memory device not present in the domain configuration"
                   if live else 'matching memory device was not found')


def _same_memory(one: Element, wanted: Element) -> bool:
    slot, alias = memory.slot(wanted), aliases.name(wanted)
    if slot is not None and memory.slot(one) != slot:
        return False
    if alias and aliases.name(one) != alias:
        return False
    keys: list[Callable[[Element], object]] = [
        lambda device: device.get('model'), memory.target_node, memory.size, memory.path,
        lambda device: device.findtext('target/block'),
        lambda device: device.findtext('target/requested'),
        lambda device: device.findtext('source/pagesize'),
        lambda device: device.findtext('source/nodemask')]
    return all(key(one) == key(wanted) for key in keys)


def _hostdev(definition: Definition, device: Element, live: bool) -> Element:
    found = same_host_device(device, definition)
    if found is not None:
        return found
    address = device.find('source/address')
    if not live:
        raise _missing(_NOT_THERE)
    if device.get('type') == 'usb':
        raise _missing(f'host usb device {_usb_name(device)} not found')
    if address is None:
        raise _missing(_NOT_THERE)
    if device.get('type') == 'mdev':
        raise _missing(f"mediated device '{address.get('uuid')}' not found")
    adapter = device.find('source/adapter')
    if device.get('type') == 'scsi' and adapter is not None:
        raise _missing(f"host scsi device {adapter.get('name')}:{address.get('bus')}:"
                       f"{address.get('target')}.{address.get('unit')} not found")
    if device.get('type') != 'pci':
        raise _missing(_NOT_THERE)
    domain, bus, slot, function = (device_address.number(address, name, 0) or 0
                                   for name in ('domain', 'bus', 'slot', 'function'))
    raise _missing(f'host pci device {domain:04x}:{bus:02x}:{slot:02x}.{function} not found')


def _usb_name(device: Element) -> str:
    """Return what libvirt's errors call a USB device of the host."""
    address = device.find('source/address')
    if address is not None:
        return f"{int(address.get('bus', '0')):03}.{int(address.get('device', '0')):03}"
    vendor, product = device.find('source/vendor'), device.find('source/product')
    return ' '.join(f"{name}={'' if found is None else found.get('id')}"
                    for name, found in (('vendor', vendor), ('product', product)))


def same_host_device(device: Element, definition: Definition) -> Element | None:
    source = device.find('source')
    for other in definition.devices.findall('hostdev'):
        theirs = other.find('source')
        if other.get('type') == device.get('type') and source is not None \
                and theirs is not None and _content(source) == _content(theirs):
            return other
    return None


def _content(source: Element) -> str:
    return DEVICES.children['hostdev'].children['source'].serialize(source)


def _by(same: Callable[[Element, Definition], Element | None], stored: str, live: str, *,
        stored_code: int = libvirt.VIR_ERR_DEVICE_MISSING,
        live_code: int = libvirt.VIR_ERR_DEVICE_MISSING,
        ) -> Callable[[Definition, Element, bool], Element]:
    """Return a function that finds a device with ``same``.

    :param stored: libvirt's error for a persistent definition, with ``stored_code``; ``live`` and
        ``live_code`` are those for a running guest.
    """
    def find_one(definition: Definition, device: Element, is_live: bool) -> Element:
        if is_live and str(device.tag) not in LIVE:
            raise _not_detachable(device, 'live')
        if is_live and device.tag == 'controller' and device.get('type') != 'scsi':
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               f"'{device.get('type')}' controller cannot be hot unplugged.")
        found = same(device, definition)
        if found is None:
            code, text = (live_code, live) if is_live else (stored_code, stored)
            raise LibvirtError(code, text.format(**_words(device)))
        return found
    return find_one


def _not_detachable(device: Element, how: str) -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                        f"{how} detach of device '{kind(device)}' is not supported")


def _words(device: Element) -> dict[str, str | None]:
    """Return what libvirt's errors say of a device."""
    model, backend = device.find('model'), device.find('backend')
    return {'tag': str(device.tag), 'lease': lease(device),
            'model': None if model is None else model.get('type'),
            'backend': None if backend is None else backend.get('model'),
            'controller': f"{device.get('type')}:{device.get('index', '-1')}"}


def same_content(device: Element, definition: Definition) -> Element | None:
    """Return the device with the same content, apart from alias and address."""
    for other in definition.devices.findall(str(device.tag)):
        if bare(other) == bare(device):
            return other
    return None


def has_port(device: Element) -> bool:
    """Whether a character device names its port."""
    target = device.find('target')
    return target is not None and target.get('port') is not None


def same_character(device: Element, definition: Definition) -> Element | None:
    """Return the character device with the same content, and the same port if it has one."""
    target = device.find('target')
    for other in definition.devices.findall(str(device.tag)):
        theirs = other.find('target')
        if bare(other) == bare(device) and (device.tag == 'channel' or (
                has_port(device) and target is not None and theirs is not None
                and target.get('port') == theirs.get('port'))):
            return other
    return None


def _same_controller(device: Element, definition: Definition) -> Element | None:
    return controllers.find(definition, device.get('type', ''), int(device.get('index') or -1))


def same_target(device: Element, definition: Definition) -> Element | None:
    target = device.find('target')
    for other in definition.devices.findall('filesystem'):
        theirs = other.find('target')
        if target is not None and theirs is not None and target.get('dir') == theirs.get('dir'):
            return other
    return None


def same_lease(device: Element, definition: Definition) -> Element | None:
    return next((other for other in definition.devices.findall('lease')
                 if lease(other) == lease(device)), None)


def lease(device: Element) -> str:
    return f"{device.findtext('key')} in lockspace {device.findtext('lockspace')}"


def _same_watchdog(device: Element, definition: Definition) -> Element | None:
    """Return the watchdog; libvirt 9.0.0 knows only one."""
    if definition.release.shows_chipset_watchdog:
        return same_content(device, definition)
    return definition.devices.find('watchdog')


def bare(device: Element) -> str:
    """Return the content of a device, apart from alias and address."""
    plain = etree.copy(device)
    etree.drop(plain, 'alias')
    etree.drop(plain, 'address')
    if plain.get('type') == 'pty':
        etree.drop(plain, 'source')
    target = plain.find('target')
    if target is not None:
        etree.unset(target, 'state', 'port')
    etree.unset(plain, 'tty')
    return DEVICES.children[device.tag].serialize(plain)


_INVALID = libvirt.VIR_ERR_INVALID_ARG
_NOT_THERE = 'device not present in domain configuration'
_NO_LEASE = 'Lease {lease} does not exist'
_NO_REDIRDEV = 'no matching redirdev was not found'
_NO_VSOCK = 'matching vsock device not found'

#: How to find each kind of device, with libvirt's errors. Recording: golden/libvirt/detaching.json.
_FINDERS: dict[str, Callable[[Definition, Element, bool], Element]] = {
    'disk': _disk, 'interface': _interface, 'memory': _memory, 'hostdev': _hostdev,
    'sound': _by(same_content, _NOT_THERE, _NOT_THERE),
    'rng': _by(same_content, 'no matching RNG device was found',
               f"model '{{backend}}' RNG {_NOT_THERE}"),
    'controller': _by(_same_controller, _NOT_THERE, 'controller {controller} not found'),
    'watchdog': _by(_same_watchdog, 'domain has no watchdog', f'watchdog {_NOT_THERE}'),
    'input': _by(same_content, 'matching input device not found',
                 'matching input device not found'),
    'vsock': _by(same_content, _NO_VSOCK, _NO_VSOCK,
                 stored_code=libvirt.VIR_ERR_OPERATION_FAILED),
    'shmem': _by(same_content, 'matching shmem device was not found',
                 f"model '{{model}}' shmem {_NOT_THERE}"),
    'filesystem': _by(same_target, 'no matching filesystem device was found',
                      'matching filesystem not found'),
    'redirdev': _by(same_content, _NO_REDIRDEV, _NO_REDIRDEV,
                    live_code=libvirt.VIR_ERR_OPERATION_INVALID),
    'lease': _by(same_lease, _NO_LEASE, _NO_LEASE, live_code=_INVALID),
    **dict.fromkeys(character.TAGS, _by(
        same_character, _NOT_THERE, f"chr type '{{tag}}' {_NOT_THERE}", stored_code=_INVALID)),
}
