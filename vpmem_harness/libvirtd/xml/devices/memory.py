"""Memory and memory devices: parsing, checks and defaults.

Source of the rules and texts: libvirt 9.0.0, src/conf/domain_conf.c, domain_validate.c,
domain_postparse.c, src/qemu/qemu_domain.c, qemu_domain_address.c, qemu_validate.c.
"""

from __future__ import annotations

import posixpath
import uuid as uuids

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_attribute,
    bad_xml,
    internal,
    unsupported,
)
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import device_address
from vpmem_harness.libvirtd.xml.etree import Element, add, drop, element, first, text_of, unset
from vpmem_harness.releases import Release

MODELS = ('dimm', 'nvdimm', 'virtio-pmem', 'virtio-mem', 'sgx-epc')
ACCESS_MODES = ('shared', 'private')

#: Models that use a memory slot; the others have a PCI address or none.
SLOTTED = ('dimm', 'nvdimm')

#: Models that have a PCI address, and their address in memory in ``<target>``.
VIRTIO = ('virtio-pmem', 'virtio-mem')

_OUTSIDE = libvirt.VIR_FROM_XML

#: Granularity of memory and of memory devices in QEMU, in KiB.
MEMORY_ALIGNMENT, MODULE_ALIGNMENT = 1024, 2048


def path(device: Element) -> str | None:
    """Return the file or device that backs a memory device, or None."""
    return text_of(device, 'source/path') or None


def real_path(path: str) -> str:
    """Return ``path`` without ``..``, double slashes and a final slash."""
    return posixpath.normpath(path)


def size(device: Element) -> int:
    """Return a memory device's size in KiB."""
    return int(text_of(device, 'target/size') or 0)


def label_size(device: Element) -> int:
    """Return the size of an NVDIMM's label area in KiB."""
    return int(text_of(device, 'target/label/size') or 0)


def target_node(device: Element) -> int | None:
    """Return the guest NUMA node of a memory device, or None."""
    text = text_of(device, 'target/node')
    return None if text is None else int(text)


def address_type(device: Element) -> str | None:
    """Return the address type of a memory device, or None."""
    address = device.find('address')
    return None if address is None else address.get('type')


def slot(device: Element) -> int | None:
    """Return the slot of a memory device, or None."""
    address = device.find('address')
    if address is None or address.get('type') != 'dimm':
        return None
    return int(address.get('slot', '0'), 0)


def read_device(source: Element) -> Element:
    """Return a ``<memory>`` device in libvirt's form.

    :raises LibvirtError: for what libvirt's parser refuses, in its order.
    """
    model = source.get('model')
    if model is None:
        raise LibvirtError(libvirt.VIR_ERR_XML_ERROR,
                           "Missing required attribute 'model' in element 'memory'",
                           domain=_OUTSIDE)
    if model not in MODELS:
        raise bad_attribute('memory', 'model', model)
    device = element('memory', model=model)
    for attribute, allowed in (('access', ACCESS_MODES), ('discard', ('yes', 'no'))):
        value = source.get(attribute)
        if value is None:
            continue
        if value not in allowed:
            raise bad_attribute('memory', attribute, value)
        device.set(attribute, value)
    uuid = text_of(source, 'uuid')
    if model == 'nvdimm' and uuid:
        add(device, 'uuid', _uuid(uuid))
    _read_source(source, device, model)
    target = source.find('target')
    if target is None:
        raise bad_xml('missing <target> element for <memory> device')
    _read_target(target, add(device, 'target'), model)
    for tag in ('alias', 'address'):
        found = source.find(tag)
        if found is not None:
            device.append(_copy(found))
    device_address.read(device)
    return device


def _copy(found: Element) -> Element:
    copied = element(found.tag)
    for key, value in found.attrib.items():
        copied.set(key, value)
    return copied


def _uuid(text: str) -> str:
    try:
        return str(uuids.UUID(text))
    except ValueError:
        raise internal('malformed uuid element', domain=libvirt.VIR_FROM_DOMAIN) from None


def _read_source(source: Element, device: Element, model: str) -> None:
    found = source.find('source')
    if found is None:
        return
    kept = add(device, 'source')
    if model in ('dimm', 'virtio-mem', 'sgx-epc'):
        page = numbers.kib(found, './pagesize') if model != 'sgx-epc' else 0
        mask = text_of(found, 'nodemask')
        if mask:
            nodes = numbers.bitmap(mask)
            if nodes is None:
                raise LibvirtError(libvirt.VIR_ERR_INVALID_ARG,
                                   f"Failed to parse bitmap '{mask}'",
                                   domain=libvirt.VIR_FROM_NONE)
            if not nodes:
                raise unsupported(f"Invalid value of 'nodemask': {mask}",
                                  domain=libvirt.VIR_FROM_DOMAIN)
            add(kept, 'nodemask', numbers.format_bitmap(nodes))
        if page:
            add(kept, 'pagesize', page, unit='KiB')
        return
    where = text_of(found, 'path')
    if where:
        add(kept, 'path', where)
    if model == 'nvdimm':
        align = numbers.kib(found, './alignsize')
        if align:
            add(kept, 'alignsize', align, unit='KiB')
        if found.find('pmem') is not None:
            add(kept, 'pmem')


def _read_target(found: Element, kept: Element, model: str) -> None:
    node = text_of(found, 'node')
    if node:
        number = numbers.whole(node)
        if number is None or number >= 2**31:
            raise bad_xml('invalid value of memory device node')
    whole = numbers.kib(found, './size', required=True)
    add(kept, 'size', whole, unit='KiB')
    if node:
        add(kept, 'node', numbers.whole(node))
    if model == 'nvdimm':
        label = numbers.kib(found, './label/size')
        if label and label < 128:
            raise bad_xml('nvdimm label must be at least 128KiB')
        if label >= whole:
            raise bad_xml('label size must be smaller than NVDIMM size')
        if label:
            add(add(kept, 'label'), 'size', label, unit='KiB')
        if found.find('readonly') is not None:
            add(kept, 'readonly')
    address = found.find('address')
    if model in VIRTIO and address is not None and address.get('base') is not None:
        add(kept, 'address', base=address.get('base'))
    if model == 'virtio-mem':
        block = numbers.kib(found, './block')
        requested = numbers.kib(found, './requested')
        if block:
            add(kept, 'block', block, unit='KiB')
            add(kept, 'requested', requested, unit='KiB')


def base(device: Element) -> int:
    """Return a memory device's address in the guest, or 0 if it has none yet."""
    place = 'target/address' if device.get('model') in VIRTIO else 'address'
    address = first(device, place)
    return 0 if address is None else int(address.get('base', '0'), 0)


def set_base(device: Element, start: int, release: Release) -> None:
    """Set a memory device's address in the guest, if the release shows it."""
    address = device.find('address')
    if address is not None and address.get('type') == 'dimm':
        address.set('base', f'0x{start:x}')
    elif device.get('model') in VIRTIO and release.shows_virtio_addresses:
        drop(device, 'target/address')
        target = device.find('target')
        if target is not None and start:
            add(target, 'address', base=f'0x{start:x}')


def complete_device(device: Element, release: Release) -> None:
    """Add a memory device's defaults, and convert the address of a virtio device.

    :raises LibvirtError: VIR_ERR_XML_ERROR for an address that is no number.
    """
    address = first(device, 'target/address')
    if address is not None:
        start = 0
        if release.shows_virtio_addresses:
            start = device_address.number(address, 'base', 16) or 0
        drop(device, 'target/address')
        set_base(device, start, release)
    if device.get('model') == 'virtio-pmem' and device.get('access') is None:
        device.set('access', 'shared')


def add_numa(definition: Definition) -> None:
    """Add a NUMA cell to a guest that needs one for its memory devices.

    Source: libvirt 11.3.0, src/qemu/qemu_domain.c; recording: ``no-numa`` of
    golden/libvirt/debian13/libvirt-11.3-nvdimm-definitions-shared.json.

    :raises LibvirtError: VIR_ERR_XML_ERROR if the memory devices are larger than the memory.
    """
    if not definition.release.adds_numa or definition.numa_cells or not definition.max_memory:
        return
    devices = sum(size(device) for device in definition.memory_devices)
    if devices > definition.memory_total:
        raise bad_xml('Total size of memory devices exceeds the total memory size',
                      domain=libvirt.VIR_FROM_QEMU)
    cpu = definition.root.find('cpu')
    if cpu is None:
        cpu = add(definition.root, 'cpu')
    cpus = numbers.format_bitmap(set(range(definition.max_vcpus)))
    add(add(cpu, 'numa'), 'cell', id=0, cpus=cpus, memory=definition.memory_total - devices,
        unit='KiB')
    for device in definition.memory_devices:
        target = device.find('target')
        if device.get('model') != 'virtio-pmem' and target is not None \
                and target.find('node') is None:
            add(target, 'node', 0)


def complete_sizes(definition: Definition) -> None:
    """Complete the total, current and maximum memory.

    :raises LibvirtError: VIR_ERR_XML_ERROR if the sizes contradict each other.
    """
    root = definition.root
    cells = sum(int(cell.get('memory', '0')) for cell in definition.numa_cells)
    devices = sum(size(device) for device in definition.memory_devices)
    total = cells + devices if cells else definition.memory_total
    if devices > total:
        raise bad_xml('Total size of memory devices exceeds the total memory size')
    if total - devices == 0:
        raise bad_xml('Memory size must be specified via <memory> or in the <numa> configuration')
    current = definition.current_memory
    if not current or current > total:
        current = total
    definition.memory_total, definition.current_memory = total, current
    maximum, slots = definition.max_memory, definition.memory_slots
    if definition.release.needs_no_slots:
        if slots and not maximum:
            raise bad_xml('maximum memory size must be specified when specifying number of '
                          'memory slots')
        limit = root.find('maxMemory')
        if limit is not None and not slots:
            unset(limit, 'slots')
    elif bool(maximum) != bool(slots):
        raise bad_xml('both maximum memory size and memory slot count must be specified')
    if maximum and maximum < total:
        raise bad_xml('maximum memory size must be equal or greater than the actual memory size')
    if not maximum:
        drop(root, 'maxMemory')


def assign_slots(definition: Definition) -> None:
    """Assign the lowest free slot to each memory device that has none."""
    if not definition.max_memory:
        return
    taken = {slot(device) for device in definition.memory_devices} - {None}
    for device in definition.memory_devices:
        if device.get('model') in SLOTTED:
            assign_slot(definition, device, taken)


def assign_slot(definition: Definition, device: Element, taken: set[int | None]) -> None:
    """Assign the lowest slot that is not in ``taken`` to a memory device."""
    if slot(device) is not None:
        return
    free = next((number for number in range(definition.memory_slots) if number not in taken),
                None)
    if free is None:
        raise internal('failed to find an empty memory slot')
    taken.add(free)
    before = device.find('address')
    left = 0 if before is None else device_address.overlay(before)
    drop(device, 'address')
    add(device, 'address', type='dimm', slot=free, base=f'0x{left:x}' if left else None)


def align(definition: Definition) -> None:
    """Round the sizes up to units that QEMU accepts, as every start does."""
    initial = 0
    for cell in definition.numa_cells:
        whole = _up(int(cell.get('memory', '0')), MEMORY_ALIGNMENT)
        cell.set('memory', str(whole))
        initial += whole
    if not initial:
        initial = _up(definition.memory_initial, MEMORY_ALIGNMENT)
    maximum = definition.root.find('maxMemory')
    if maximum is not None:
        maximum.text = str(_up(definition.max_memory, MEMORY_ALIGNMENT))
    plugged = 0
    for device in definition.memory_devices:
        whole = _up(size(device), MODULE_ALIGNMENT)
        set_size(device, whole)
        plugged += whole
    definition.memory_total = initial + plugged


def set_size(device: Element, whole: int) -> None:
    """Set a memory device's size in KiB."""
    found = first(device, 'target/size')
    if found is not None:
        found.text = str(whole)


def _up(number: int, step: int) -> int:
    return -(-number // step) * step

