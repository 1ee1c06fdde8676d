"""The /sys of a machine with given hardware, for a real libvirtd to read.

libvirtd reads everything about NUMA nodes, CPUs, huge pages and PCI devices there. The tree has
what it looks at, and no more.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from vpmem_harness.hardware import Cell, Cpu, Hardware, PciDevice, Vpd
from vpmem_harness.libvirtd.hypervisor.node.device_tree import DeviceTree
from vpmem_harness.libvirtd.xml.numbers import format_bitmap

#: The header types of PCI devices, and the offset of the field.
_HEADER_TYPE, _ENDPOINT, _BRIDGE = 0x0e, 0, 1


def write(root: Path, hardware: Hardware, tree: DeviceTree) -> None:
    """Write the tree below ``root``.

    :param tree: the node devices, for MAC addresses and IOMMU groups.
    """
    system = root / 'devices' / 'system'
    _cpus(system / 'cpu', hardware)
    for cell in hardware.cells:
        _node(system / 'node' / f'node{cell.id}', cell, hardware)
    nodes = format_bitmap({cell.id for cell in hardware.cells})
    for name in ('online', 'possible', 'has_normal_memory', 'has_memory'):
        _file(system / 'node' / name, nodes)
    for bus in ('pci', 'mdev', 'vdpa'):
        (root / 'bus' / bus / 'devices').mkdir(parents=True)
        (root / 'bus' / bus / 'drivers').mkdir()
    (root / 'class' / 'net').mkdir(parents=True)
    for device in hardware.pci:
        _pci(root, device, hardware, tree)
    for device in tree.mdevs:
        if device.active:
            _mdev(root, device.name, tree)


def _file(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{content}\n')


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))


def _mask(numbers: set[int]) -> str:
    """Return a kernel's bitmap in words of 32 bits."""
    bits = sum(1 << number for number in numbers)
    words = [bits >> shift & 0xffffffff for shift in range(0, max(bits.bit_length(), 1), 32)]
    return ','.join(f'{word:08x}' for word in reversed(words))


def _cpus(folder: Path, hardware: Hardware) -> None:
    present = {cpu.id for cpu in hardware.cpus}
    online = {cpu.id for cell in hardware.cells for cpu in cell.online}
    for name, numbers in (('possible', present), ('present', present), ('online', online)):
        _file(folder / name, format_bitmap(numbers))
    sockets: dict[int, set[int]] = {}
    for cpu in hardware.cpus:
        if cpu.online:
            sockets.setdefault(cpu.socket, set()).add(cpu.id)
    for cpu in hardware.cpus:
        _cpu(folder / f'cpu{cpu.id}', cpu, online, sockets)


def _cpu(folder: Path, cpu: Cpu, online: set[int], sockets: dict[int, set[int]]) -> None:
    folder.mkdir(parents=True)
    if cpu.id:
        _file(folder / 'online', int(cpu.online))
    if not cpu.online:
        return
    siblings = online.intersection(cpu.siblings)
    topology = folder / 'topology'
    _file(topology / 'physical_package_id', cpu.socket)
    _file(topology / 'die_id', cpu.die)
    _file(topology / 'core_id', cpu.core)
    _file(topology / 'thread_siblings', _mask(siblings))
    _file(topology / 'thread_siblings_list', format_bitmap(siblings))
    cache = folder / 'cache' / 'index3'
    for name, value in (('id', cpu.socket), ('level', 3), ('type', 'Unified'),
                        ('size', '36864K'), ('shared_cpu_list', format_bitmap(
                            sockets[cpu.socket]))):
        _file(cache / name, value)


def _node(folder: Path, cell: Cell, hardware: Hardware) -> None:
    online = {cpu.id for cpu in cell.online}
    for cpu in cell.cpus:
        _link(folder / f'cpu{cpu.id}', folder.parents[1] / 'cpu' / f'cpu{cpu.id}')
    _file(folder / 'cpumap', _mask(online))
    _file(folder / 'cpulist', format_bitmap(online))
    _file(folder / 'distance', ' '.join(
        str(hardware.distance(cell.id, other.id)) for other in hardware.cells))
    free = cell.small_pages * 4
    _file(folder / 'meminfo', '\n'.join(
        f'Node {cell.id} {name:16}{value} kB' for name, value in (
            ('MemTotal:', cell.memory // 1024), ('MemFree:', free),
            ('MemUsed:', cell.memory // 1024 - free))))
    for size, count in cell.huge_pages:
        pages = folder / 'hugepages' / f'hugepages-{size}kB'
        for name, value in (('nr_hugepages', count), ('free_hugepages', count),
                            ('surplus_hugepages', 0)):
            _file(pages / name, value)


def _pci(root: Path, device: PciDevice, hardware: Hardware, tree: DeviceTree) -> None:
    folder = root / tree.path(device.address).removeprefix('/sys/')
    folder.mkdir(parents=True, exist_ok=True)
    driver = tree.driver(device)
    lines = [f'PCI_CLASS={device.klass:X}', f'PCI_SLOT_NAME={device.address}',
             f'PCI_ID={device.vendor[0]:04X}:{device.product[0]:04X}']
    if driver is not None:
        lines.insert(0, f'DRIVER={driver}')
        _link(folder / 'driver', root / 'bus' / 'pci' / 'drivers' / driver)
    _file(folder / 'uevent', '\n'.join(lines))
    for name, value in (('vendor', f'0x{device.vendor[0]:04x}'),
                        ('device', f'0x{device.product[0]:04x}'),
                        ('class', f'0x{device.klass:06x}'), ('numa_node', device.numa_node),
                        ('resource', '0x0 0x0 0x0')):
        _file(folder / name, value)
    (folder / 'config').write_bytes(_config(device))
    _link(folder / 'subsystem', root / 'bus' / 'pci')
    _link(root / 'bus' / 'pci' / 'devices' / str(device.address), folder)
    group = tree.groups.get(device.address)
    if group is not None:
        home = root / 'kernel' / 'iommu_groups' / str(group)
        _link(folder / 'iommu_group', home)
        _link(home / 'devices' / str(device.address), folder)
    _functions(root, folder, device, hardware, tree)
    for kind in device.mdev_types:
        home = folder / 'mdev_supported_types' / kind.id
        for name, value in (('name', kind.name), ('device_api', kind.api), (
                'available_instances', tree.mdevs.left(device, kind))):
            _file(home / name, value)
    if device.vpd is not None:
        (folder / 'vpd').write_bytes(_vpd(device.vpd))
    if device.interface is not None:
        _network(root, folder, device, tree)
    if device.vdpa is not None:
        _vdpa(root, folder, device.vdpa)


def _functions(root: Path, folder: Path, device: PciDevice, hardware: Hardware,
               tree: DeviceTree) -> None:
    functions = hardware.virtual_functions(device)
    if device.max_vfs or functions:
        _file(folder / 'sriov_totalvfs', device.max_vfs or len(functions))
        _file(folder / 'sriov_numvfs', len(functions))
    for number, function in enumerate(functions):
        _link(folder / f'virtfn{number}',
              root / tree.path(function.address).removeprefix('/sys/'))
    if device.physical is not None:
        _link(folder / 'physfn', root / tree.path(device.physical).removeprefix('/sys/'))


def _network(root: Path, folder: Path, device: PciDevice, tree: DeviceTree) -> None:
    interface = device.interface
    assert interface is not None
    home = folder / 'net' / interface.name
    for name, value in (('uevent', f'INTERFACE={interface.name}\nIFINDEX=7'),
                        ('address', tree.mac(device)), ('addr_len', 6), ('ifindex', 7),
                        ('operstate', 'up' if interface.up else 'down'),
                        ('speed', interface.speed if interface.up else -1)):
        _file(home / name, value)
    _link(home / 'subsystem', root / 'class' / 'net')
    _link(home / 'device', folder)
    _link(root / 'class' / 'net' / interface.name, home)


def _vdpa(root: Path, folder: Path, name: str) -> None:
    home = folder / name
    _file(home / 'uevent', 'DRIVER=vhost_vdpa')
    number = name.removeprefix('vdpa')
    (home / f'vhost-vdpa-{number}').mkdir(parents=True)
    _link(home / 'driver', root / 'bus' / 'vdpa' / 'drivers' / 'vhost_vdpa')
    _link(home / 'subsystem', root / 'bus' / 'vdpa')
    _link(root / 'bus' / 'vdpa' / 'devices' / name, home)


def _mdev(root: Path, name: str, tree: DeviceTree) -> None:
    device = tree.mdevs.get(name)
    assert device is not None
    parent = root / tree.path(device.parent.address).removeprefix('/sys/')
    home = parent / device.uuid
    _file(home / 'uevent', 'DRIVER=vfio_mdev')
    _link(home / 'mdev_type', parent / 'mdev_supported_types' / device.kind)
    _link(home / 'driver', root / 'bus' / 'mdev' / 'drivers' / 'vfio_mdev')
    _link(home / 'subsystem', root / 'bus' / 'mdev')
    _link(root / 'bus' / 'mdev' / 'devices' / device.uuid, home)
    group = root / 'kernel' / 'iommu_groups' / str(device.group)
    _link(home / 'iommu_group', group)
    _link(group / 'devices' / device.uuid, home)


def _config(device: PciDevice) -> bytes:
    """Return a configuration space without capabilities."""
    space = bytearray(256)
    struct.pack_into('<HH', space, 0, device.vendor[0], device.product[0])
    struct.pack_into('<I', space, 8, device.klass << 8)
    space[_HEADER_TYPE] = _BRIDGE if device.is_bridge else _ENDPOINT
    return bytes(space)


def _vpd(vpd: Vpd) -> bytes:
    """Return vital product data. Source: PCI Local Bus Specification 3.0, appendix I."""
    name = vpd.name.encode()
    data = b'\x82' + struct.pack('<H', len(name)) + name
    for tag, fields, last in ((0x90, vpd.read_only, 'RV'), (0x91, vpd.writable, 'RW')):
        if fields is None:
            continue
        pairs = [(word, value) for word, value in (
            ('PN', fields.part_number), ('SN', fields.serial_number),
            ('EC', fields.change_level), ('MN', fields.manufacture_id),
            ('YA', fields.asset_tag)) if value is not None]
        pairs += [(f'V{index}', value) for index, value in fields.vendor]
        pairs += [(f'Y{index}', value) for index, value in fields.system]
        body = b''.join(word.encode() + bytes([len(value)]) + value.encode()
                        for word, value in pairs)
        if last == 'RV':
            checked = data + bytes([tag]) + struct.pack('<H', len(body) + 4) + body + b'RV\x01'
            body += b'RV\x01' + bytes([-sum(checked) & 0xff])
        else:
            body += b'RW\x00'
        data += bytes([tag]) + struct.pack('<H', len(body)) + body
    return data + b'\x78'
