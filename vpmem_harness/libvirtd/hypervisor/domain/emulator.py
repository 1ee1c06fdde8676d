"""QEMU's refusals of guests that cannot start and of memory devices that cannot be plugged.

Source: QEMU 7.2, softmmu/physmem.c (qemu_ram_alloc_from_fd, file_ram_alloc), hw/core/machine.c
(machine_set_mem), hw/i386/pc.c (pc_memory_init, pc_memory_pre_plug), hw/mem/memory-device.c,
hw/mem/pc-dimm.c, hw/mem/nvdimm.c; libvirt 9.0.0, src/qemu/qemu_command.c, src/util/vircgroup.c.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable

import libvirt

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    internal,
    system_error,
    unsupported,
)
from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.hypervisor.domain import start_checks
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.memory_map import GuestMemory, PlugRefused
from vpmem_harness.libvirtd.hypervisor.node import host_memory
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import aliases, memory
from vpmem_harness.libvirtd.xml.etree import Element, every, first, having, text_of
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import Release

PROGRAM = 'qemu-system-x86_64'
PAGE = 4096
#: The maximum number of memory slots of a PC (ACPI).
MAX_SLOTS = 256
#: QEMU's device drivers by libvirt's model of memory device.
DRIVERS = {'dimm': 'pc-dimm', 'nvdimm': 'nvdimm', 'virtio-pmem': 'virtio-pmem-pci',
           'virtio-mem': 'virtio-mem-pci'}


#: Physical address bits of the host's CPUs, and of guests with the host's CPU.
HOST_PHYSICAL_BITS = 46


class Refused(Exception):
    """A refusal of QEMU, with the text that it prints."""


def start(definition: Definition, backing: Backing, hardware: Hardware,
          domains: Iterable[Domain] = (), races: Randomness | None = None) -> None:
    """Start a guest, and set the addresses of its memory devices.

    :param hardware: the host's NUMA cells and huge pages.
    :param domains: the domains of the host, which use some of them.
    :param races: decides which of libvirt's two texts an error has. libvirt connects to QEMU's
        monitor in one thread and reads from it in another, and either can notice first that QEMU
        has ended (``start_also`` in golden/libvirt/debian13). None chooses by the cause.
    :raises LibvirtError: libvirt or QEMU refuses the guest. Checks run in their order: files,
        memory backends, the machine, its devices.
    """
    start_checks.check_devices(definition.devices)
    start_checks.check_partition(definition)
    _check_nodes(definition, hardware)
    _check_huge_pages(definition, hardware)
    check_paths(definition.memory_devices, backing)
    start_checks.check_boot_files(definition, backing)
    space = GuestMemory(definition)
    try:
        alone = start_checks.without_kernel(definition)
        if alone is not None:
            raise Refused(alone)
        for cell in definition.numa_cells:
            if cell.get('memory') == '0':
                raise Refused("property 'size' of memory-backend-ram doesn't take value '0'")
        for device in definition.memory_devices:
            check_backend(device, backing, definition.release)
        _check_free_pages(definition, hardware, domains)
        _check_machine(definition, space.top)
    except Refused as refused:
        raise ended(definition, str(refused), races, late=False) from None
    for device in definition.memory_devices:
        try:
            if not definition.has_acpi:
                raise PlugRefused('memory hotplug is not enabled: missing acpi device or acpi '
                                  'disabled')
            space.plug(device)
        except PlugRefused as refused:
            message = f'-device {_command_line(device)}: {refused}'
            raise ended(definition, message, races, late=refused.late) from None
    if not definition.release.starts_virtio_pmem and having(
            definition.devices, 'memory', model='virtio-pmem'):
        raise internal('virtio-pmem memory device info is not handled yet')


def _check_huge_pages(definition: Definition, hardware: Hardware) -> None:
    asked = [*every(definition.root, 'memoryBacking/hugepages'),
             *(page for page in every(definition.root, 'devices/memory/source/pagesize')
               if int(page.text or 0) > 4)]
    if asked and not any(count for cell in hardware.cells for _, count in cell.huge_pages):
        raise internal('hugetlbfs filesystem is not mounted or disabled by administrator config')
    for need in host_memory.needs(definition):
        if need.page is not None and need.page != host_memory.DEFAULT_HUGE_PAGE and not any(
                dict(cell.huge_pages).get(need.page) for cell in hardware.cells):
            raise internal(f'Unable to find any usable hugetlbfs mount for {need.page} KiB')


def _check_free_pages(definition: Definition, hardware: Hardware,
                      domains: Iterable[Domain]) -> None:
    huge = [need for need in host_memory.needs(definition) if need.page is not None]
    # What the other guests use takes time to add up.
    memory = host_memory.HostMemory(hardware, domains if huge else ())
    for need in huge:
        if not memory.take_pages(need):
            raise Refused('unable to map backing store for guest RAM: '
                          f'{os.strerror(errno.ENOMEM)}')


def _check_nodes(definition: Definition, hardware: Hardware) -> None:
    sets = [mask.text for mask in every(definition.root, 'devices/memory/source/nodemask')]
    for path in ('numatune/memory', 'numatune/memnode'):
        sets += [found.get('nodeset') for found in every(definition.root, path)]
    for text in sets:
        for node in sorted(numbers.bitmap(text or '') or ()):
            if hardware.cell(node) is None:
                raise unsupported(f'NUMA node {node} is unavailable',
                                  domain=libvirt.VIR_FROM_NONE)


def hot_plug(definition: Definition, device: Element, backing: Backing, *,
             nvdimm_enabled: bool) -> None:
    """Plug a memory device into a running guest, and set its address.

    :param nvdimm_enabled: whether the guest was started with an NVDIMM: otherwise libvirt has not
        enabled NVDIMMs in QEMU's machine.
    :raises LibvirtError: QEMU's refusal of ``object-add`` or ``device_add``.
    """
    check_paths([device], backing)
    try:
        check_backend(device, backing, definition.release)
    except Refused as refused:
        raise command_failed('object-add', str(refused)) from None
    try:
        if not definition.has_acpi:
            raise PlugRefused('memory hotplug is not enabled: missing acpi device or acpi '
                              'disabled')
        if device.get('model') == 'nvdimm' and not nvdimm_enabled:
            raise PlugRefused("nvdimm is not enabled: missing 'nvdimm' in '-M'")
        others = [other for other in definition.memory_devices if other is not device]
        GuestMemory(definition, others).plug(device)
    except PlugRefused as refused:
        raise command_failed('device_add', str(refused)) from None


def command_failed(command: str, text: str) -> LibvirtError:
    """Return libvirt's error for a command that QEMU refuses."""
    return internal(f"unable to execute QEMU command '{command}': {text}")


def ended(definition: Definition, text: str, races: Randomness | None, *,
          late: bool) -> LibvirtError:
    """Return libvirt's error for a QEMU that ends while it starts a guest.

    :param late: whether libvirt is connected to the monitor by then, unless ``races`` decides.
    """
    if late if races is None else races.chance(0.5):
        return closed(definition, text)
    return internal(f'process exited while connecting to monitor: {PROGRAM}: {text}')


def closed(definition: Definition, text: str) -> LibvirtError:
    """Return libvirt's error for a QEMU that ends after libvirt has connected to its monitor."""
    what = 'qemu unexpectedly closed the monitor'
    if definition.release.names_closed_monitor:
        what = f"QEMU unexpectedly closed the monitor (vm='{definition.name}')"
    return internal(f'{what}: {PROGRAM}: {text}')


def cannot_load(definition: Definition) -> LibvirtError:
    """Return the error for a guest whose saved state is not complete.

    Source: QEMU 7.2, migration/migration.c (process_incoming_migration_co).
    """
    return closed(definition, f'load of migration failed: {os.strerror(errno.EINVAL)}')


def check_paths(devices: list[Element], backing: Backing) -> None:
    """Refuse memory devices whose file or device does not exist."""
    for device in devices:
        path = memory.path(device)
        if path is None:
            continue
        file = backing.stat(memory.real_path(path))
        if file is not None and (file.kind == 'directory' or not path.endswith('/')):
            continue
        raise system_error(errno.ENOENT if file is None else errno.ENOTDIR,
                           f"Path '{path}' is not accessible", domain=libvirt.VIR_FROM_CGROUP)


def check_backend(device: Element, backing: Backing, release: Release) -> None:
    """Refuse a memory device whose file is too small, misaligned or cannot be mapped."""
    path = memory.path(device)
    file = None if path is None else backing.stat(memory.real_path(path))
    size = memory.size(device) * 1024
    align = int(text_of(device, 'source/alignsize') or 0) * 1024
    if path is None and not size:
        raise Refused("property 'size' of memory-backend-ram doesn't take value '0'")
    if file is None:
        return
    if 0 < file.size < size and release.names_small_backend:
        raise Refused(f"mem{aliases.name(device)} backing store size 0x{file.size:x} is too "
                      f"small for 'size' option 0x{size:x} plus 'offset' option 0x0")
    if 0 < file.size < size:
        raise Refused(f"backing store size 0x{file.size:x} does not match 'size' option "
                      f'0x{size:x}')
    if file.align > align:
        raise Refused(f"backing store align 0x{file.align:x} is larger than 'align' option "
                      f'0x{align:x}')
    if align % PAGE:
        raise Refused(f'alignment 0x{align:x} must be multiples of page size 0x{PAGE:x}')
    if align & (align - 1):
        raise Refused(f'alignment 0x{align:x} must be a power of two')
    if size < PAGE:
        raise Refused(f'memory size 0x{size:x} must be equal to or larger than page size '
                      f'0x{PAGE:x}')
    if file.dead:
        raise Refused('unable to map backing store for guest RAM: '
                      f'{os.strerror(errno.ENXIO)}')


def _check_machine(definition: Definition, top: int) -> None:
    topology = first(definition.root, 'cpu/topology')
    if topology is not None and topology.get('clusters', '1') != '1':
        raise Refused("clusters > 1 not supported by this machine's CPU topology")
    limit = (1 << _physical_bits(definition)) - 1
    if not definition.max_memory:
        return
    ram, most = definition.memory_initial * 1024, definition.max_memory * 1024
    if most == ram:
        raise Refused('invalid value of maxmem: memory slots were specified but maximum memory '
                      f'size (0x{most:x}) is equal to the initial memory size (0x{ram:x})')
    if definition.memory_slots > MAX_SLOTS:
        raise Refused(f'unsupported amount of memory slots: {definition.memory_slots}')
    if limit < top:
        raise Refused(f'Address space limit 0x{limit:x} < 0x{top:x} phys-bits too low '
                      f'({_physical_bits(definition)})')


def _physical_bits(definition: Definition) -> int:
    """Return the width of the guest's physical addresses."""
    cpu = definition.root.find('cpu')
    for emulated in [] if cpu is None else having(cpu, 'maxphysaddr', mode='emulate')[:1]:
        if emulated.get('bits'):
            return int(emulated.get('bits', '40'))
    passed = cpu is not None and cpu.get('mode') in ('host-passthrough', 'maximum')
    return HOST_PHYSICAL_BITS if passed else 40


def _command_line(device: Element) -> str:
    """Return libvirt's ``-device`` argument for a memory device."""
    properties: dict[str, object] = {'driver': DRIVERS[device.get('model', '')]}
    node = memory.target_node(device)
    if node is not None:
        properties['node'] = node
    label = memory.label_size(device)
    if label:
        properties['label-size'] = label * 1024
    for name, path in (('block-size', 'target/block'), ('requested-size', 'target/requested')):
        size = int(text_of(device, path) or 0)
        if size:
            properties[name] = size * 1024
    if first(device, 'target/readonly') is not None:
        properties['unarmed'] = True
    alias = aliases.name(device)
    properties['memdev'] = f'mem{alias}'
    if device.get('model') in memory.VIRTIO and memory.base(device):
        properties['memaddr'] = memory.base(device)
    properties['id'] = alias
    slot = memory.slot(device)
    if slot is not None:
        properties['slot'] = slot
        base = memory.base(device)
        if base:
            properties['addr'] = base
    elif memory.address_type(device) == 'pci':
        address = device.find('address')
        if address is not None:
            number = int(address.get('slot', '0'), 0)
            properties['bus'] = f"pci.{int(address.get('bus', '0'), 0)}"
            properties['addr'] = f'0x{number:x}'
    return json.dumps(properties, separators=(',', ':'))
