"""Adding, finding and removing devices of a definition.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainAttachDeviceConfig,
qemuDomainDetachDeviceConfig), src/qemu/qemu_hotplug.c, src/conf/domain_conf.c
(virDomainDefCompatibleDevice, virDomainNetFindIdx, virDomainMemoryFindByDefInternal).
"""

from __future__ import annotations

from collections.abc import Callable

import libvirt

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import LibvirtError, internal, invalid, unsupported
from vpmem_harness.libvirtd.xml import etree, reading
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import (
    addresses,
    aliases,
    character,
    controllers,
    device_address,
    devices,
    disks,
    interfaces,
    memory,
)
from vpmem_harness.libvirtd.xml.domain import attribute_values, validate
from vpmem_harness.libvirtd.xml.domain.layout import DEVICES
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.libvirtd.xml.host import XmlHost

#: Devices that can be added to a persistent definition, and to a running guest.
PERSISTENT = ('disk', 'interface', 'sound', 'hostdev', 'lease', 'controller', 'serial',
              'parallel', 'console', 'channel', 'filesystem', 'rng', 'memory', 'redirdev',
              'shmem', 'watchdog', 'input', 'vsock')
LIVE = ('disk', 'controller', 'lease', 'interface', 'hostdev', 'redirdev', 'serial', 'parallel',
        'console', 'channel', 'rng', 'memory', 'shmem', 'watchdog', 'input', 'vsock',
        'filesystem')

#: Names of device types in libvirt's errors.
_KINDS = {'interface': 'net', 'filesystem': 'fs', 'serial': 'chr', 'parallel': 'chr',
          'console': 'chr', 'channel': 'chr'}


def kind(device: Element) -> str:
    """Return what libvirt's errors call a device."""
    return _KINDS.get(str(device.tag), str(device.tag))


def parse(text: str, definition: Definition, host: XmlHost, *, to_find: bool = False,
          checked: bool = True) -> Element:
    """Parse a device from a client's XML, and add its defaults.

    :param to_find: the XML identifies an existing device, so no MAC address is generated.
    :param checked: require a complete device; one to detach need not be complete.
    :raises LibvirtError: if the XML is malformed, or libvirt refuses the device.
    """
    root = reading.read(text, 'device_definition', libvirt.VIR_FROM_DOMAIN)
    layout = DEVICES.children.get(str(root.tag))
    if layout is None or root.tag == 'emulator':
        raise unsupported(f"unknown device type '{root.tag}'", domain=libvirt.VIR_FROM_DOMAIN)
    if root.tag == 'controller':
        controllers.check(root)
        _check_bus(root)
    attribute_values.check_device(root, host.release)
    device = layout.apply(devices.read_device(root, checked=checked))
    named = device.find('mac') is not None
    devices.complete_device(device, definition, host)
    if to_find and not named:
        etree.drop(device, 'mac')
    return layout.apply(device)


def _check_bus(controller: Element) -> None:
    """Refuse a PCI controller without its QEMU device, which only a definition completes."""
    model = controller.get('model')
    if controller.get('type') == 'pci' and model not in ('pci-root', 'pcie-root') \
            and controller.find('model') is None:
        raise internal(f"Required option 'modelName' is not set for PCI controller with index "
                       f"'{controller.get('index', '-1')}', model '{model}' and modelName 'none'")


def check_compatible(device: Element, definition: Definition) -> None:
    """Refuse a device that conflicts with the domain's devices."""
    if device.tag == 'memory':
        size = memory.size(device)
        if not definition.max_memory:
            raise unsupported("cannot use/hotplug a memory device when domain 'maxMemory' is "
                              'not defined', domain=libvirt.VIR_FROM_DOMAIN)
        if definition.memory_total + size > definition.max_memory:
            raise unsupported(
                f"Attaching memory device with size '{size}' would exceed domain's maxMemory "
                f"config size '{definition.max_memory}'", domain=libvirt.VIR_FROM_DOMAIN)
    validate.boot_order([device], definition)
    alias = aliases.name(device)
    if alias and aliases.by_name(definition, alias) is not None:
        raise unsupported(f'non unique alias detected: {alias}', domain=libvirt.VIR_FROM_DOMAIN)


def _same_slot(one: Element, other: Element) -> bool:
    number, bases = memory.slot(one), {memory.base(one), memory.base(other)}
    return number is not None and number == memory.slot(other) and (len(bases) == 1 or 0 in bases)


def check_scsi_place(device: Element, definition: Definition) -> None:
    """Refuse a disk whose place on a SCSI bus is in use.

    Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainSCSIDriveAddressIsUsed).
    """
    address = device.find('address')
    if disks.target(device)[1] != 'scsi' or address is None:
        return
    for other in definition.devices.findall('disk'):
        theirs = other.find('address')
        if disks.target(other)[1] == 'scsi' and theirs is not None \
                and theirs.attrib == address.attrib:
            raise invalid('Domain already contains a disk with that address')


def check_new(device: Element, definition: Definition) -> None:
    """Refuse a device that the domain has already."""
    there = definition.devices
    if device.tag == 'disk' and disks.by_target(there, disks.target(device)[0]) is not None:
        raise invalid(f'target {disks.target(device)[0]} already exists')
    if device.tag == 'disk':
        check_scsi_place(device, definition)
    if device.tag == 'channel' and any(_same_channel(device, other)
                                       for other in there.findall('channel')):
        raise invalid('chardev already exists')
    if device.tag == 'controller' and controllers.find(
            definition, device.get('type', ''), int(device.get('index') or -1)) is not None:
        raise invalid(f"controller index='{device.get('index')}' already exists")
    if device.tag == 'hostdev' and _same_host_device(device, definition) is not None:
        raise invalid('device is already in the domain configuration')
    if device.tag == 'watchdog' and definition.release.shows_chipset_watchdog:
        if any(_bare(other) == _bare(device) for other in there.findall('watchdog')):
            raise invalid('device is already in the domain configuration')
    elif device.tag in ('watchdog', 'vsock') and there.find(str(device.tag)) is not None:
        text = 'a vsock device' if device.tag == 'vsock' else 'a watchdog'
        raise invalid(f'domain already has {text}')
    if device.tag == 'memory' and len(definition.memory_devices) == definition.memory_slots \
            and (device.get('model') in memory.SLOTTED or not definition.release.needs_no_slots):
        raise unsupported('no free memory device slot available')


def _same_channel(device: Element, other: Element) -> bool:
    name, theirs = (None if (target := each.find('target')) is None else target.get('name')
                    for each in (device, other))
    source, path = device.find('source'), None
    if source is not None:
        path = source.get('path')
    found = other.find('source')
    return name is not None and name == theirs and (
        path is None or (found is not None and found.get('path') == path))


def add_persistent(definition: Definition, device: Element, hardware: Hardware) -> None:
    """Add a device to a persistent definition, with its addresses and controllers.

    :raises LibvirtError: if libvirt refuses the device in this definition.
    """
    if device.tag not in PERSISTENT:
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                           f"persistent attach of device '{kind(device)}' is not supported")
    if device.tag == 'memory' and not definition.release.refuses_overlaps and any(
            _same_slot(device, other) for other in definition.memory_devices):
        raise invalid('Domain already contains a device with the same address',
                      domain=libvirt.VIR_FROM_DOMAIN)
    check_new(device, definition)
    definition.devices.append(device)
    if device.tag == 'memory':
        definition.current_memory += memory.size(device)
        definition.memory_total += memory.size(device)
    if device.tag in ('serial', 'parallel'):
        character.complete_ports(definition.devices)
    controllers.number(definition)
    disks.sort(definition.devices)
    controllers.add_implicit(definition)
    addresses.assign(definition)
    # libvirt 9.0.0 checks a domain as a whole when it is defined and started, but not here.
    if device.tag == 'memory':
        validate.definition(definition, hardware, plugs=definition.release.refuses_overlaps)
    else:
        validate.device(device, definition, hardware)


def remove_persistent(definition: Definition, device: Element) -> None:
    """Remove the device that a client describes from a persistent definition.

    :raises LibvirtError: VIR_ERR_DEVICE_MISSING if there is none.
    """
    found = find(definition, device, live=False)
    definition.devices.remove(found)
    if found.tag == 'memory':
        size = memory.size(found)
        definition.current_memory -= min(size, definition.current_memory)
        definition.memory_total -= size
        definition.current_memory = min(definition.current_memory or definition.memory_total,
                                        definition.memory_total)


def _missing(text: str) -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_DEVICE_MISSING, text)


def find(definition: Definition, device: Element, *, live: bool) -> Element:
    """Find the device that a client describes.

    :raises LibvirtError: VIR_ERR_DEVICE_MISSING, with libvirt's text for the live or the persistent
        definition.
    """
    finder = _FINDERS.get(str(device.tag))
    if finder is None:
        how = 'live' if live else 'persistent'
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                           f"{how} detach of device '{kind(device)}' is not supported")
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
    found = _same_host_device(device, definition)
    if found is not None:
        return found
    address = device.find('source/address')
    if not live or address is None:
        raise _missing('device not present in domain configuration')
    if device.get('type') == 'mdev':
        raise _missing(f"mediated device '{address.get('uuid')}' not found")
    if device.get('type') != 'pci':
        raise _missing('device not present in domain configuration')
    domain, bus, slot, function = (device_address.number(address, name, 0) or 0
                                   for name in ('domain', 'bus', 'slot', 'function'))
    raise _missing(f'host pci device {domain:04x}:{bus:02x}:{slot:02x}.{function} not found')


def _same_host_device(device: Element, definition: Definition) -> Element | None:
    source = device.find('source')
    for other in definition.devices.findall('hostdev'):
        theirs = other.find('source')
        if other.get('type') == device.get('type') and source is not None \
                and theirs is not None and _content(source) == _content(theirs):
            return other
    return None


def _content(source: Element) -> str:
    return DEVICES.children['hostdev'].children['source'].serialize(source)


def _one(text: str) -> Callable[[Definition, Element, bool], Element]:
    """Return a function that matches devices by content, apart from alias and address."""
    def find_one(definition: Definition, device: Element, live: bool) -> Element:
        for other in definition.devices.findall(str(device.tag)):
            if _bare(other) == _bare(device):
                return other
        model = device.get('model') or device.get('type') or ''
        raise _missing(text.format(model=model))
    return find_one


def _bare(device: Element) -> str:
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


_FINDERS: dict[str, Callable[[Definition, Element, bool], Element]] = {
    'sound': _one('device not present in domain configuration'),
    'disk': _disk, 'interface': _interface, 'memory': _memory, 'hostdev': _hostdev,
    'rng': _one("model '{model}' RNG device not present in domain configuration"),
    'controller': _one('controller {model} not found'),
    'watchdog': _one('watchdog device not present in domain configuration'),
    'input': _one('matching input device not found'),
    'vsock': _one('matching vsock device not found'),
    'shmem': _one("model '{model}' shmem device not present in domain configuration"),
    'filesystem': _one('matching filesystem not found'),
    'redirdev': _one('no matching redirdev was not found'),
    'lease': _one('Lease does not exist'),
    **{tag: _one("chr type '" + tag + "' device not present in domain configuration")
       for tag in character.TAGS},
}
