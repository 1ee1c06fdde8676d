"""Adding devices to a definition, and removing them.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainAttachDeviceConfig,
qemuDomainDetachDeviceConfig), src/qemu/qemu_hotplug.c, src/conf/domain_conf.c
(virDomainDefCompatibleDevice, virDomainNetFindIdx, virDomainMemoryFindByDefInternal).
"""

from __future__ import annotations

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
    devices,
    disks,
    memory,
    memory_validate,
)
from vpmem_harness.libvirtd.xml.domain import attribute_values, device_lookup, validate
from vpmem_harness.libvirtd.xml.domain.layout import DEVICES
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.libvirtd.xml.host import XmlHost


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
        if checked:
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
        memory_validate.check_node(device, definition)
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
    if device.tag in ('serial', 'parallel', 'console') \
            and device_lookup.same_character(device, definition) is not None:
        raise invalid('chardev already exists')
    if device.tag == 'controller' and controllers.find(
            definition, device.get('type', ''), int(device.get('index') or -1)) is not None:
        raise invalid(f"controller index='{device.get('index')}' already exists")
    if device.tag == 'hostdev' and device_lookup.same_host_device(device, definition) is not None:
        raise invalid('device is already in the domain configuration')
    if device.tag == 'shmem' and device_lookup.same_content(device, definition) is not None:
        raise invalid('device is already in the domain configuration')
    if device.tag == 'filesystem' and device_lookup.same_target(device, definition) is not None:
        raise invalid('Target already exists')
    if device.tag == 'lease' and device_lookup.same_lease(device, definition) is not None:
        raise invalid(f'Lease {device_lookup.lease(device)} already exists')
    if device.tag == 'watchdog' and definition.release.shows_chipset_watchdog:
        if device_lookup.same_content(device, definition) is not None:
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
    if device.tag not in device_lookup.PERSISTENT:
        raise LibvirtError(
            libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
            f"persistent attach of device '{device_lookup.kind(device)}' is not supported")
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
    found = device_lookup.find(definition, device, live=False)
    definition.devices.remove(found)
    if found.tag == 'memory':
        size = memory.size(found)
        definition.current_memory -= min(size, definition.current_memory)
        definition.memory_total -= size
        definition.current_memory = min(definition.current_memory or definition.memory_total,
                                        definition.memory_total)
