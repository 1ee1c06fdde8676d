"""Validation of memory devices.

Source of the rules and texts: libvirt 9.0.0, src/conf/domain_validate.c
(virDomainMemoryDefValidate), src/qemu/qemu_validate.c, src/qemu/qemu_domain.c
(qemuDomainDefValidateMemoryHotplug).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import unsupported, xml_detail
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices.memory import (
    SLOTTED,
    address_type,
    base,
    label_size,
    path,
    size,
    slot,
    target_node,
)
from vpmem_harness.libvirtd.xml.etree import Element, text_of

#: Size of a transparent huge page on x86 in KiB: the smallest block of virtio-mem.
THP_SIZE = 2048

#: Bytes of a small page.
PAGE = 4096


def check_device(device: Element, definition: Definition) -> None:
    """Refuse memory devices that no libvirt driver supports."""
    model = device.get('model', '')
    if definition.release.refuses_overlaps:
        _check_place(device, definition)
    check_node(device, definition)
    if model in ('nvdimm', 'virtio-pmem'):
        _check_file_backed(device, model)
    elif model == 'virtio-mem':
        _check_virtio_mem(device)
    elif model == 'sgx-epc' and address_type(device) is not None:
        raise unsupported(f"memory device address is not supported for model '{model}'",
                          domain=libvirt.VIR_FROM_DOMAIN)


def check_node(device: Element, definition: Definition) -> None:
    """Refuse a memory device for a NUMA node that the guest does not have."""
    node, cells = target_node(device), len(definition.numa_cells)
    if node is None:
        return
    if not cells:
        raise xml_detail("can't add memory backend as guest has no NUMA nodes configured")
    if node >= cells:
        raise xml_detail(f"can't add memory backend for guest node '{node}' as the guest "
                         f"has only '{cells}' NUMA nodes configured")


def _check_place(device: Element, definition: Definition) -> None:
    """Refuse a memory device whose slot or addresses are another one's.

    Recordings: golden/libvirt/libvirt-9.0-same-machine-addresses.txt,
    golden/libvirt/debian13/libvirt-11.3-addresses.txt.
    """
    number, start = slot(device), base(device)
    end = start + _guest_bytes(device)
    for other in definition.memory_devices:
        if other is device:
            continue
        if number is not None and slot(other) == number:
            raise unsupported(f"memory device slot '{number}' is already being used by "
                              'another memory device', domain=libvirt.VIR_FROM_DOMAIN)
        theirs = base(other)
        if start and theirs and start < theirs + _guest_bytes(other) and theirs < end:
            raise unsupported(
                f'memory device address [0x{start:x}:0x{end:x}] overlaps with other memory '
                f'device (0x{theirs:x})', domain=libvirt.VIR_FROM_DOMAIN)


def _guest_bytes(device: Element) -> int:
    return (size(device) - label_size(device)) * 1024


def _check_file_backed(device: Element, model: str) -> None:
    domain = libvirt.VIR_FROM_DOMAIN
    if path(device) is None:
        raise xml_detail(f"path is required for model '{model}'")
    discard = device.get('discard') == 'yes'
    if model == 'nvdimm':
        if discard:
            raise unsupported('discard is not supported for nvdimms', domain=domain)
        if device.find('uuid') is not None:
            raise unsupported('UUID is not supported for NVDIMM device', domain=domain)
        return
    if discard:
        raise unsupported(f"discard is not supported for model '{model}'", domain=domain)
    if device.get('access') != 'shared':
        raise unsupported('shared access mode required for virtio-pmem device', domain=domain)
    if base(device) % PAGE:
        raise unsupported(f'memory address must be aligned to {PAGE} bytes', domain=domain)
    if target_node(device) is not None:
        raise unsupported('virtio-pmem does not support NUMA nodes', domain=domain)


def _check_virtio_mem(device: Element) -> None:
    whole = size(device)
    block = int(text_of(device, 'target/block') or 0)
    requested = int(text_of(device, 'target/requested') or 0)
    if requested > whole:
        raise xml_detail(f'requested size must be smaller than or equal to @size ({whole}KiB)')
    if block == 0 or block & (block - 1):
        raise xml_detail('block size must be a power of two')
    if block < THP_SIZE:
        raise xml_detail(f'block size too small, must be at least {THP_SIZE}KiB')
    if requested % block:
        raise xml_detail('requested size must be an integer multiple of block size')
    if base(device) % (block * 1024):
        raise xml_detail('memory device address must be aligned to blocksize')


def check_driver(device: Element) -> None:
    """Refuse memory devices that this host's QEMU does not support: it has no SGX."""
    if device.get('model') == 'sgx-epc':
        raise unsupported("sgx epc isn't supported by this QEMU binary")


def check_plug(device: Element, definition: Definition) -> None:
    """Refuse a memory device whose slot, bus or NUMA node is invalid."""
    model = device.get('model', '')
    where = address_type(device)
    if model in SLOTTED:
        if where not in ('dimm', None):
            raise unsupported("only 'dimm' addresses are supported for the pc-dimm device")
        if definition.numa_cells and target_node(device) is None:
            raise unsupported('target NUMA node needs to be specified for memory device')
        if where == 'dimm':
            _check_slot(device, definition)
    elif model == 'virtio-pmem':
        if where not in ('pci', None):
            raise unsupported("only 'pci' addresses are supported for the virtio-pmem device")
    elif model == 'virtio-mem':
        if where not in ('pci', None):
            raise unsupported(
                f"only 'pci' addresses are supported for the {model} device")
    else:
        raise unsupported(f'hotplug is not supported for the {model} device')
    if model != 'virtio-pmem' and definition.numa_cells and target_node(device) is None:
        raise unsupported('target NUMA node needs to be specified for memory device')


def _check_slot(device: Element, definition: Definition) -> None:
    number = slot(device) or 0
    if number >= definition.memory_slots:
        raise unsupported(f"memory device slot '{number}' exceeds slots count "
                          f"'{definition.memory_slots}'")
    if definition.release.refuses_overlaps:
        return
    start = base(device)
    for other in definition.memory_devices:
        if other is device or address_type(other) != 'dimm':
            continue
        if slot(other) == number:
            raise unsupported(f"memory device slot '{number}' is already being used by "
                              'another memory device')
        if start and base(other) == start:
            raise unsupported(f"memory device base '0x{start:x}' is already being used by "
                              'another memory device')


def slots_wanted(definition: Definition, added: Element | None = None) -> int:
    """Return how many slots the memory devices and ``added`` need."""
    devices = [*definition.memory_devices, *([] if added is None else [added])]
    if definition.release.needs_no_slots:
        devices = [device for device in devices if device.get('model') in SLOTTED]
    return len(devices)


def _check_count(definition: Definition, count: int, what: str) -> None:
    if count > definition.memory_slots:
        raise unsupported(f"{what} '{count}' exceeds slots count '{definition.memory_slots}'")


def check_plugs(definition: Definition, added: Element | None = None) -> None:
    """Refuse memory devices, including ``added``, that exceed slots or maximum memory.

    Source: libvirt 9.0.0, src/qemu/qemu_domain.c (qemuDomainDefValidateMemoryHotplug).
    """
    devices = definition.memory_devices
    count = len(devices)
    if added is not None:
        count += 1
        check_plug(added, definition)
    if not definition.max_memory:
        if count:
            raise unsupported("cannot use/hotplug a memory device when domain 'maxMemory' is "
                              'not defined')
        return
    if not definition.numa_cells and not definition.release.adds_numa:
        raise unsupported('At least one numa node has to be configured when enabling memory '
                          'hotplug')
    if not definition.release.needs_no_slots:
        _check_count(definition, count, 'memory device count')
    if added is None:
        for device in devices:
            if device.get('model') != 'sgx-epc':
                check_plug(device, definition)
    if definition.release.needs_no_slots:
        _check_count(definition, slots_wanted(definition, added),
                     'count of memory devices requiring memory slots')
    plugged = sum(size(device) for device in devices) + (0 if added is None else size(added))
    if plugged > definition.max_memory - definition.memory_initial:
        raise unsupported('memory device total size exceeds hotplug space')
