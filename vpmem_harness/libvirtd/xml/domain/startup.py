"""Changes that the start of a domain makes to its definition.

Source: libvirt 9.0.0, src/qemu/qemu_process.c (qemuProcessPrepareDomain, qemuProcessLaunch);
golden/libvirt/*.dumpxml-live.xml.
"""

from __future__ import annotations

import math

import libvirt

from vpmem_harness.libvirtd.errors import unsupported
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import aliases, graphics, interfaces, memory
from vpmem_harness.libvirtd.xml.domain import platform, validate, vcpus
from vpmem_harness.libvirtd.xml.etree import Element, add, copy, drop, element, having, unset
from vpmem_harness.libvirtd.xml.host import XmlHost

#: User and group of QEMU processes on Debian.
QEMU_OWNER = '+64055:+64055'


def prepare(definition: Definition, host: XmlHost, number: int) -> None:
    """Turn a definition into a live one: id, aligned sizes, aliases, generated names."""
    validate.machine(definition, host.hardware)
    root = definition.root
    root.set('id', str(number))
    sockets = f'/var/lib/libvirt/qemu/domain-{number}-{definition.name[:20]}'
    memory.align(definition)
    aliases.assign(definition)
    if root.find('resource') is None:
        add(add(root, 'resource'), 'partition', '/machine')
    _label(root)
    _start_cpu(definition, host)
    if root.find('vcpus') is not None:
        vcpus.store(definition, vcpus.of(definition, live=True), listed=True)
    platform.start_encryption(definition, host.hardware)
    number = 0
    for disk in reversed(definition.devices.findall('disk')):
        number += 1
        if _has_source(disk):
            number = start_source(disk, number)
        else:
            empty(disk)
    for device in definition.devices.findall('interface'):
        start_interface(device, host)
    _start_character_devices(definition, host, number)
    for device in definition.devices.findall('graphics'):
        graphics.start(device, host, sockets)


def complete(definition: Definition) -> None:
    """Set the current memory that QEMU reports: NVDIMMs do not count."""
    for device in having(definition.devices, 'memory', model='virtio-mem'):
        for target in device.findall('target'):
            add(target, 'current', 0, unit='KiB')
    definition.current_memory = definition.memory_initial + sum(
        memory.size(device) for device in definition.memory_devices
        if device.get('model') == 'dimm')


def release(definition: Definition, host: XmlHost) -> None:
    """Release the host's resources of a domain that has ended."""
    for device in definition.devices.findall('graphics'):
        for name in ('port', 'tlsPort', 'websocket'):
            host.ports_in_use.discard(int(device.get(name, '-1')))
    for device in definition.devices:
        release_device(device, host)


def release_device(device: Element, host: XmlHost) -> None:
    """Release the host's resources of a device that is unplugged."""
    if device.tag == 'interface':
        for target in device.findall('target'):
            host.taps_in_use.discard(target.get('dev', ''))
    elif device.tag == 'serial':
        for source in device.findall('source'):
            host.terminals_in_use.discard(source.get('path', ''))


def _label(root: Element) -> None:
    if root.find('seclabel') is None:
        label = add(root, 'seclabel', type='dynamic', model='dac', relabel='yes')
        add(label, 'label', QEMU_OWNER)
        add(label, 'imagelabel', QEMU_OWNER)


def _start_cpu(definition: Definition, host: XmlHost) -> None:
    """Expand the requested CPU model to the CPU that the guest sees."""
    cpu = definition.root.find('cpu')
    if cpu is None:
        return
    if cpu.get('mode') == 'host-passthrough' and definition.virt_type == 'qemu':
        raise unsupported(f"CPU mode 'host-passthrough' for {definition.arch} qemu domain on "
                          f'{definition.arch} host is not supported by hypervisor')
    if cpu.get('mode') in ('host-passthrough', 'maximum'):
        return
    if cpu.get('mode') == 'host-model':
        cpu.set('mode', 'custom')
        drop(cpu, 'model')
        emulated = definition.virt_type == 'qemu'
        if emulated:
            for tag, policy, name in definition.release.tables.emulated_model:
                if tag == 'feature':
                    add(cpu, tag, policy=policy, name=name)
                else:
                    add(cpu, tag, name)
        else:
            add(cpu, 'model', host.hardware.model, fallback='forbid')
            if cpu.find('vendor') is None:
                add(cpu, 'vendor', host.hardware.vendor)
    cpu.set('match', 'exact')
    cpu.set('check', 'full')
    model = cpu.find('model')
    if model is None:
        return
    model.set('fallback', 'forbid')
    named = {feature.get('name') for feature in cpu.findall('feature')}
    wanted = ['hypervisor']
    several = definition.release.topology_sets_features and _threads(cpu) > 1
    known = definition.release.tables.cpu_models.get(model.text or '')
    if several:
        wanted.append('ht')
    if model.text == 'qemu64':
        wanted.append('lahf_lm')
    if several and (model.text == 'qemu64' or (known is not None and known.vendor == 'AMD')):
        wanted.append('cmp_legacy')
    for name in wanted:
        if name not in named:
            add(cpu, 'feature', policy='require', name=name)


def _threads(cpu: Element) -> int:
    """Return the threads of each socket."""
    topology = cpu.find('topology')
    if topology is None:
        return 1
    return math.prod(int(topology.get(name) or 1)
                     for name in ('dies', 'clusters', 'cores', 'threads'))


def start_source(disk: Element, number: int) -> int:
    """Give a disk's source its index, and an empty backing store unless it has one.

    At the start libvirt numbers all disks from the last one backwards, empty drives included. The
    images below a disk's own take the next numbers.
    Source: libvirt 9.0.0, src/qemu/qemu_domain.c (qemuDomainPrepareDiskSourceBlockdev).

    :return: the last number that the disk takes.
    """
    source = disk.find('source')
    if source is None:
        return number
    source.set('index', str(number))
    store = disk.find('backingStore')
    if store is None:
        disk.append(element('backingStore'))
    while store is not None and store.find('source') is not None:
        number += 1
        store.set('index', str(number))
        store = store.find('backingStore')
    return number


def storage_ids(definition: Definition) -> int:
    """Return how many indexes the disks of a domain that starts have taken."""
    disks = definition.devices.findall('disk')
    used = [int(found.get('index', '0')) for disk in disks
            for found in disk.iter() if found.tag in ('source', 'backingStore')]
    return max([len(disks), *used])


def empty(disk: Element) -> None:
    """Remove the source and the format of an empty drive."""
    driver = disk.find('driver')
    if driver is not None:
        unset(driver, 'type')


def _has_source(disk: Element) -> bool:
    source = disk.find('source')
    return source is not None and bool(source.attrib)


def start_interface(device: Element, host: XmlHost) -> None:
    """Assign a tap to an interface.

    :raises LibvirtError: its network, its filter or its VLAN cannot be used, or its tap is in use.
    """
    _check_vlan(device)
    if device.get('type') not in ('bridge', 'network', 'ethernet'):
        return
    host.connect(device)
    target = device.find('target')
    if target is None:
        target = add(device, 'target')
    name = target.get('dev')
    if name is None or '%d' in name:
        target.set('dev', host.next_tap(name or 'vnet%d'))
    elif target.get('managed') != 'no':
        host.take_tap(name)
    host.check_filter(device)
    if device.get('type') == 'network':
        source = device.find('source')
        if source is not None:
            source.set('portid', host.randomness.uuid())


def _check_vlan(device: Element) -> None:
    """Refuse a VLAN on an interface whose type has none.

    Source: libvirt 9.0.0, src/conf/domain_validate.c (virDomainActualNetDefValidate).
    """
    kind = device.get('type')
    if device.find('vlan') is None or kind in ('network', 'hostdev') or (
            having(device, 'virtualport', type='openvswitch')
            or (kind == 'direct' and having(device, 'source', mode='passthrough'))):
        return
    raise unsupported(f'interface {interfaces.mac(device)} - vlan tag not supported for this '
                      'connection type', domain=libvirt.VIR_FROM_DOMAIN)


def _start_character_devices(definition: Definition, host: XmlHost, number: int) -> None:
    devices = definition.devices
    serials = devices.findall('serial')
    for device in [*serials, *devices.findall('parallel'), *devices.findall('console'),
                   *devices.findall('channel')]:
        target = device.find('target')
        if device.tag == 'console' and serials and target is not None \
                and target.get('type') == 'serial':
            _follow_serial(device, serials[0])
            continue
        start_character_device(device, definition, host, number)


def start_character_device(device: Element, definition: Definition, host: XmlHost,
                           number: int) -> None:
    """Assign a terminal or socket to a character device."""
    target = device.find('target')
    if device.get('type') == 'pty' and device.find('source') is None:
        path = host.next_terminal()
        add(device, 'source', path=path)
        if device.tag == 'console' and target is not None and target.get('port') == '0':
            device.set('tty', path)
    source = device.find('source')
    if device.get('type') == 'tcp' and source is not None and source.get('tls') is None:
        source.set('tls', 'no')
    if device.tag != 'channel' or target is None:
        return
    if device.get('type') == 'unix':
        name = target.get('name', '')
        if device.find('source') is None:
            add(device, 'source', mode='bind', path='/var/lib/libvirt/qemu/channel/target/'
                f'domain-{number}-{definition.name[:20]}/{name}')
        target.set('state', 'disconnected')
    elif target.get('type') == 'virtio' and device.get('type') in ('pty', 'spicevmc'):
        target.set('state', 'disconnected')


def _follow_serial(console: Element, serial: Element) -> None:
    for tag in ('source', 'protocol', 'log'):
        drop(console, tag)
        for found in serial.findall(tag):
            console.append(copy(found))
    source = serial.find('source')
    if serial.get('type') == 'pty' and source is not None:
        console.set('tty', source.get('path', ''))
