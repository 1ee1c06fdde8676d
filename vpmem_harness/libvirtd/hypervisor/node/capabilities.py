"""The host's capabilities as XML.

Source of the document: golden/libvirt/capabilities.xml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpmem_harness.hardware import Cell, Hardware
from vpmem_harness.libvirtd.hypervisor.node import cpu_models, topology
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element, add, element, serialize
from vpmem_harness.libvirtd.xml.host import EMULATORS
from vpmem_harness.releases import Release

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

#: QEMU's user and group on Debian.
_OWNER = '+64055:+64055'


def host(hypervisor: Hypervisor) -> str:
    """Return the document of ``getCapabilities``."""
    root = element('capabilities')
    _host(add(root, 'host'), hypervisor)
    for arch, word in (('i686', 32), ('x86_64', 64)):
        _guest(root, arch, word, hypervisor.release, hypervisor.hardware)
    text = serialize(root)
    for tag in ('host', 'guest'):
        text = text.replace(f'  <{tag}>\n', f'\n  <{tag}>\n')
    return text.replace('</capabilities>', '\n</capabilities>')


def _host(parent: Element, hypervisor: Hypervisor) -> None:
    hardware = hypervisor.hardware
    add(parent, 'uuid', hypervisor.uuid)
    cpu(add(parent, 'cpu'), hardware, hypervisor.release)
    add(parent, 'power_management')
    add(parent, 'iommu', support='yes' if hardware.has_iommu else 'no')
    migration = add(parent, 'migration_features')
    add(migration, 'live')
    transports = add(migration, 'uri_transports')
    for transport in ('tcp', 'rdma'):
        add(transports, 'uri_transport', transport)
    cells = add(add(parent, 'topology'), 'cells', num=len(hardware.cells))
    for cell in hardware.cells:
        _cell(add(cells, 'cell', id=cell.id), cell, hardware, hypervisor.release)
    _caches(add(parent, 'cache'), hardware, hypervisor.release)
    add(add(parent, 'secmodel'), 'model', 'none')
    add(parent[-1], 'doi', 0)
    dac = add(parent, 'secmodel')
    add(dac, 'model', 'dac')
    add(dac, 'doi', 0)
    for kind in ('kvm', 'qemu'):
        add(dac, 'baselabel', _OWNER, type=kind)


def _caches(parent: Element, hardware: Hardware, release: Release) -> None:
    """Add the third-level cache of each socket and, on later releases, the second-level ones."""
    sockets: dict[int, set[int]] = {}
    cores: dict[tuple[int, ...], set[int]] = {}
    for cpu in topology.online(hardware):
        sockets.setdefault(cpu.socket, set()).add(cpu.id)
        cores.setdefault(cpu.siblings, set()).add(cpu.id)
    for number, cpus in enumerate(cores.values() if release.shows_second_level_caches else ()):
        add(parent, 'bank', id=number, level=2, type='both', size=1, unit='MiB',
            cpus=numbers.format_bitmap(cpus))
    for socket, cpus in sorted(sockets.items()):
        add(parent, 'bank', id=socket, level=3, type='both', size=36, unit='MiB',
            cpus=numbers.format_bitmap(cpus))


def cpu(parent: Element, hardware: Hardware, release: Release) -> None:
    """Add the description of the host's CPU."""
    add(parent, 'arch', hardware.arch)
    add(parent, 'model', hardware.model)
    add(parent, 'vendor', hardware.vendor)
    add(parent, 'microcode', version=83886592)
    family, model, stepping = cpu_models.SIGNATURES.get(hardware.vendor, (6, 85, 7))
    add(parent, 'signature', family=family, model=model, stepping=stepping)
    add(parent, 'counter', name='tsc', frequency=hardware.mhz * 1_000_000, scaling='no')
    counts = topology.counts(hardware)
    add(parent, 'topology', sockets=counts.sockets, dies=1,
        clusters=1 if release.has_clusters else None, cores=counts.cores,
        threads=counts.threads)
    add(parent, 'maxphysaddr', mode='emulate', bits=46)
    for name in cpu_models.host_features(hardware):
        add(parent, 'feature', name=name)
    for size in (4, 2048, 1048576):
        add(parent, 'pages', unit='KiB', size=size)


def _cell(parent: Element, cell: Cell, hardware: Hardware, release: Release) -> None:
    if cell.memory:
        add(parent, 'memory', cell.memory // 1024, unit='KiB')
    for size, count in ((4, cell.small_pages), *cell.huge_pages):
        add(parent, 'pages', count, unit='KiB', size=size)
    distances = add(parent, 'distances')
    for other in hardware.cells:
        add(distances, 'sibling', id=other.id, value=hardware.distance(cell.id, other.id))
    online = {cpu.id for cpu in cell.online}
    cpus = add(parent, 'cpus', num=len(online))
    for cpu in cell.online:
        add(cpus, 'cpu', id=cpu.id, socket_id=cpu.socket, die_id=cpu.die,
            cluster_id=cpu.core if release.has_clusters else None, core_id=cpu.core,
            siblings=numbers.format_bitmap(online.intersection(cpu.siblings)))


def _guest(root: Element, arch: str, word: int, release: Release, hardware: Hardware) -> None:
    guest = add(root, 'guest')
    add(guest, 'os_type', 'hvm')
    parent = add(guest, 'arch', name=arch)
    add(parent, 'wordsize', word)
    add(parent, 'emulator', EMULATORS[arch])
    for machine in release.tables.machines[arch]:
        if not hardware.has_machine(machine.canonical or machine.name):
            continue
        add(parent, 'machine', machine.name, canonical=machine.canonical,
            maxCpus=machine.max_cpus, deprecated='yes' if machine.deprecated else None)
    for kind in ('qemu', 'kvm'):
        add(parent, 'domain', type=kind)
    features = add(guest, 'features')
    if arch == 'i686':
        add(features, 'pae')
        add(features, 'nonpae')
    add(features, 'acpi', default='on', toggle='yes')
    add(features, 'apic', default='on', toggle='no')
    add(features, 'cpuselection')
    add(features, 'deviceboot')
    add(features, 'disksnapshot', default='on', toggle='no')
    if release.has_external_snapshots:
        add(features, 'externalSnapshot')
