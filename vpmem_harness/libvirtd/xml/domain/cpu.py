"""CPU and NUMA cells of a guest."""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_attribute,
    bad_xml,
    internal,
    missing_attribute,
    unsupported,
)
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import memory
from vpmem_harness.libvirtd.xml.etree import Element, add, drop, first, text_of, unset

MODES = ('custom', 'host-model', 'host-passthrough', 'maximum')


def check(source: Element) -> None:
    """Refuse an invalid CPU or invalid NUMA cells.

    Source: libvirt 9.0.0, src/conf/numa_conf.c (virDomainNumaDefParseXML).
    """
    _check_topology(source)
    count = _vcpus(source)
    numa = first(source, 'cpu/numa')
    if numa is None:
        return
    cells = numa.findall('cell')
    if not cells:
        raise bad_xml('NUMA topology defined without NUMA cells')
    seen: dict[int, set[int]] = {}
    for place, cell in enumerate(cells):
        _check_cell(cell, place, len(cells), seen)
    used = [cpu for cpus in seen.values() for cpu in cpus]
    if len(used) > count:
        raise internal('Number of CPUs in <numa> exceeds the <vcpu> count',
                       domain=libvirt.VIR_FROM_DOMAIN)
    if used and max(used) >= count:
        raise internal('CPU IDs in <numa> exceed the <vcpu> count',
                       domain=libvirt.VIR_FROM_DOMAIN)


def _check_topology(source: Element) -> None:
    """Refuse an incomplete topology. Source: libvirt 9.0.0, src/conf/cpu_conf.c."""
    topology = first(source, 'cpu/topology')
    if topology is None:
        return
    for name in ('sockets', 'dies', 'cores', 'threads'):
        if topology.get(name) is None and name != 'dies':
            raise missing_attribute('topology', name)
        _check_count(topology, name)


def _check_count(topology: Element, name: str) -> None:
    text = topology.get(name)
    number = numbers.whole(text)
    if text is not None and not number:
        raise bad_xml(f"Invalid value for attribute '{name}' in element 'topology': "
                      + (f"'{text}'. Expected non-negative integer value"
                         if number is None else 'Zero is not permitted'),
                      domain=libvirt.VIR_FROM_XML)


def _vcpus(source: Element) -> int:
    return numbers.whole((text_of(source, 'vcpu') or '').strip()) or 1


def _check_cell(cell: Element, place: int, count: int, seen: dict[int, set[int]]) -> None:
    text = cell.get('id')
    number = place if text is None else numbers.whole(text)
    if number is None:
        raise bad_attribute('cell', 'id', text or '', expected='non-negative integer value')
    if number >= count:
        raise bad_xml("Exactly one 'cell' element per guest NUMA cell allowed, non-contiguous "
                      'ranges or ranges not starting from 0 are not allowed')
    if number in seen:
        raise bad_xml(f"Duplicate NUMA cell info for cell id '{number}'")
    cpus = numbers.bitmap(cell.get('cpus', ''))
    if cpus is None:
        raise LibvirtError(libvirt.VIR_ERR_INVALID_ARG,
                           f"Failed to parse bitmap '{cell.get('cpus')}'",
                           domain=libvirt.VIR_FROM_NONE)
    for other, others in seen.items():
        if cpus & others:
            raise unsupported(f'NUMA cells {number} and {other} have overlapping vCPU ids',
                              domain=libvirt.VIR_FROM_DOMAIN)
    seen[number] = cpus
    cell.set('id', str(number))
    cell.set('memory', str(numbers.kib_attribute(cell, 'memory', 'unit')))
    cell.set('unit', 'KiB')
    access = cell.get('memAccess')
    if access is not None and access not in memory.ACCESS_MODES:
        raise bad_attribute('cell', 'memAccess', access)


def complete(definition: Definition) -> None:
    """Complete the CPU's mode, model and topology, and the CPUs of the cells."""
    root = definition.root
    cpu = root.find('cpu')
    if cpu is None:
        cpu = add(root, 'cpu')
    model = text_of(cpu, 'model')
    mode = cpu.get('mode') or ('custom' if model or cpu.get('match') else None)
    if mode is None or (mode == 'custom' and not model):
        mode = 'custom'
        drop(cpu, 'model')
        emulator = text_of(root, 'devices/emulator') or ''
        add(cpu, 'model', 'qemu32' if emulator.endswith('i386') else 'qemu64', fallback='forbid')
        cpu.set('match', 'exact')
        cpu.set('check', 'none')
    cpu.set('mode', mode)
    if mode == 'custom':
        _complete_custom(cpu, 'none' if definition.virt_type == 'qemu' else 'partial')
    elif mode == 'host-model':
        cpu.set('check', cpu.get('check') or 'partial')
    else:
        cpu.set('check', cpu.get('check') or 'none')
        if mode == 'host-passthrough' and cpu.get('migratable') is None:
            cpu.set('migratable', 'on')
    named = cpu.find('model')
    if named is not None and not named.text and named.get('vendor_id'):
        unset(named, 'fallback')
    elif named is not None and not named.text:
        cpu.remove(named)
    topology = cpu.find('topology')
    if topology is not None:
        if topology.get('dies') is None:
            topology.set('dies', '1')
        if not definition.release.has_clusters:
            unset(topology, 'clusters')
        else:
            _check_count(topology, 'clusters')
            topology.set('clusters', topology.get('clusters') or '1')
    _complete_cells(definition)


def _complete_custom(cpu: Element, check: str) -> None:
    if cpu.get('match') is None:
        cpu.set('match', 'exact')
    if cpu.get('check') is None:
        cpu.set('check', check)
    model = cpu.find('model')
    if model is not None and model.get('fallback') is None:
        model.set('fallback', 'allow')
    for feature in cpu.findall('feature'):
        if feature.get('policy') is None:
            feature.set('policy', 'require')


def _complete_cells(definition: Definition) -> None:
    """Sort the cells by id, and assign the remaining vCPUs to the first one."""
    numa = first(definition.root, 'cpu/numa')
    if numa is None:
        return
    cells = sorted(numa.findall('cell'), key=lambda cell: int(cell.get('id', '0')))
    for cell in cells:
        numa.remove(cell)
    for place, cell in enumerate(cells):
        numa.insert(place, cell)
        cpus = numbers.bitmap(cell.get('cpus', '')) or set()
        if cpus:
            cell.set('cpus', numbers.format_bitmap(cpus))
    used = {cpu for cell in cells for cpu in numbers.bitmap(cell.get('cpus', '')) or ()}
    _complete_distances(cells)
    missing = set(range(min(definition.max_vcpus, numbers.BITMAP_SIZE))) - used
    if missing and cells:
        taken = (numbers.bitmap(cells[0].get('cpus', '')) or set()) | missing
        cells[0].set('cpus', numbers.format_bitmap(taken))


def _complete_distances(cells: list[Element]) -> None:
    """Complete distances: that of a cell to itself is 10, and both directions are the same."""
    known: dict[tuple[str, str], str] = {}
    for cell in cells:
        for sibling in cell.findall('distances/sibling'):
            known[cell.get('id', ''), sibling.get('id', '')] = sibling.get('value', '')
    if not known:
        return
    for one, other in list(known):
        known.setdefault((other, one), known[one, other])
        for each in (one, other):
            known.setdefault((each, each), '10')
    for cell in cells:
        drop(cell, 'distances')
        values = {int(other): value for (one, other), value in known.items()
                  if one == cell.get('id')}
        distances = add(cell, 'distances') if values else cell
        for number in sorted(values):
            add(distances, 'sibling', id=number, value=values[number])
