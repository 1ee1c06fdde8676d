"""Validation of complete definitions, in libvirt's order.

Source: libvirt 9.0.0, src/qemu/qemu_validate.c (qemuValidateDomainDef),
src/conf/domain_validate.c (virDomainDefValidate).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import libvirt

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import bad_xml, internal, unknown_value, unsupported
from vpmem_harness.libvirtd.xml import emulators
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import aliases, device_validate, disks, memory_validate
from vpmem_harness.libvirtd.xml.domain import firmware, platform, section_checks, tuning_checks
from vpmem_harness.libvirtd.xml.etree import Element, every, first

#: vCPUs that need no extended interrupt mode.
VCPUS_WITHOUT_IOMMU = 255


def definition(definition: Definition, hardware: Hardware, *, plugs: bool = True) -> None:
    """Refuse a definition that libvirt or this host's QEMU does not support.

    :param hardware: the hardware of the host.
    :param plugs: check that memory devices fit their slots and the maximum memory.
    """
    _driver(definition, hardware, plugs=plugs)
    for each in definition.devices:
        device(each, definition, hardware)
    device_validate.check_together(definition)
    for number, model in enumerate(every(definition.devices, 'video/model')):
        if number and model.get('primary') != 'yes' and model.get('type') not in (
                'qxl', 'virtio'):
            raise unsupported(f"video type '{model.get('type')}' is only valid as primary video "
                              'device')
    _watchdogs(definition)
    disks.check(definition)
    _aliases(definition)
    firmware.check(definition)
    tuning_checks.check_schedulers(definition.root, definition.max_vcpus)
    tuning_checks.check_iothread_pins(definition.root, definition.iothread_ids)
    if '/' in definition.name:
        raise bad_xml(f"name {definition.name} cannot contain '/'")


def device(device: Element, definition: Definition, hardware: Hardware) -> None:
    """Refuse a device that libvirt or this host's QEMU does not support."""
    if device.tag == 'memory':
        memory_validate.check_device(device, definition)
        memory_validate.check_driver(device)
        return
    device_validate.check(device, definition)
    if device.tag == 'tpm':
        platform.tpm(device, definition, hardware)


def machine(definition: Definition, hardware: Hardware) -> None:
    """Refuse a machine type that this host's QEMU does not have."""
    if definition.machine not in definition.release.tables.max_cpus or (
            not hardware.has_machine(definition.machine)):
        raise unsupported(f"Emulator '{_emulator(definition)}' does not support machine type "
                          f"'{definition.machine}'")


def _emulator(definition: Definition) -> str:
    return definition.devices.findtext('emulator') or ''


def _driver(definition: Definition, hardware: Hardware, *, plugs: bool) -> None:
    emulator = _emulator(definition)
    root = definition.root
    if definition.os_type != 'hvm':
        raise unsupported(f"Emulator '{emulator}' does not support os type "
                          f"'{definition.os_type}'")
    if not emulators.emulates(emulator, definition.arch):
        raise emulators.no_architecture(emulator, definition.arch)
    if definition.virt_type not in ('qemu', 'kvm'):
        raise unsupported(f"Emulator '{emulator}' does not support virt type "
                          f"'{definition.virt_type}'")
    machine(definition, hardware)
    section_checks.check_driver(definition)
    if first(root, 'memtune/min_guarantee') is not None:
        raise unsupported("Parameter 'min_guarantee' not supported by QEMU.")
    firmware.check_driver(definition)
    lifecycle({event: root.findtext(f'on_{event}')
               for event in ('poweroff', 'reboot', 'crash')})
    if plugs:
        memory_validate.check_plugs(definition)
    _vcpus(definition)
    _memory_backing(definition)
    panics = [panic.get('model', '') for panic in definition.devices.findall('panic')]
    platform.encryption(definition, hardware)
    for model in panics:
        if panics.count(model) > 1:
            raise bad_xml(f"Multiple panic devices with model '{model}'")


def lifecycle(actions: Mapping[str, str | None]) -> None:
    """Refuse lifecycle actions that QEMU does not support, by event such as ``reboot``."""
    if 'rename-restart' in actions.values():
        raise unsupported("qemu driver doesn't support the 'rename-restart' action for "
                          "'on_reboot'/'on_poweroff'/'on_crash'")
    if 'preserve' in (actions.get('poweroff'), actions.get('reboot')):
        raise unsupported("qemu driver doesn't support the 'preserve' action for "
                          "'on_reboot'/'on_poweroff'")


def _vcpus(definition: Definition) -> None:
    limit = definition.release.tables.max_cpus[definition.machine]
    if definition.max_vcpus > limit:
        raise unsupported(f'Maximum CPUs greater than specified machine type limit {limit}')
    _interrupts(definition)
    topology = first(definition.root, 'cpu/topology')
    if topology is None:
        return
    count = 1
    for name in ('sockets', 'dies', 'clusters', 'cores', 'threads'):
        count *= int(topology.get(name) or 1)
    if count != definition.max_vcpus:
        raise unsupported("CPU topology doesn't match maximum vcpu count")


def _interrupts(definition: Definition) -> None:
    """Refuse interrupt remapping without its I/O APIC, and many vCPUs without remapping.

    Source: libvirt 9.0.0, src/conf/domain_validate.c (virDomainDefIOMMUValidate),
    src/qemu/qemu_validate.c (qemuValidateDomainVCpuTopology).
    """
    driver = first(definition.root, 'devices/iommu/driver')
    if driver is not None and driver.get('intremap') == 'on' \
            and first(definition.root, "features/ioapic[@driver='qemu']") is None:
        raise unsupported('IOMMU interrupt remapping requires split I/O APIC '
                          "(ioapic driver='qemu')", domain=libvirt.VIR_FROM_DOMAIN)
    if definition.max_vcpus > VCPUS_WITHOUT_IOMMU and (
            driver is None or driver.get('eim') != 'on'):
        raise unsupported(f'more than {VCPUS_WITHOUT_IOMMU} vCPUs require extended interrupt mode '
                          'enabled on the iommu device')


def _memory_backing(definition: Definition) -> None:
    backing = definition.root.find('memoryBacking')
    if backing is None or backing.find('hugepages') is None:
        return
    if backing.find("allocation[@mode='ondemand']") is not None:
        raise unsupported('hugepages are not allowed with memory allocation ondemand')
    if backing.find("source[@type='anonymous']") is not None:
        raise unsupported('hugepages are not allowed with anonymous memory source')


def _watchdogs(definition: Definition) -> None:
    """Refuse watchdogs of unknown models, and combinations of several.

    Source: libvirt 9.0.0, src/conf/domain_conf.c; 11.3.0, src/qemu/qemu_validate.c.
    """
    domain = libvirt.VIR_FROM_DOMAIN
    found = definition.devices.findall('watchdog')
    several = definition.release.shows_chipset_watchdog
    if len(found) > 1 and not several:
        raise internal('only a single watchdog device is supported', domain=domain)
    for device in found:
        model = device.get('model', '')
        if model not in ('i6300esb', 'ib700', 'diag288', *(('itco',) if several else ())):
            raise unknown_value(unsupported(f"unknown watchdog model '{model}'", domain=domain),
                                'watchdog', 'model', model)
        if model == 'itco' and not definition.is_q35:
            raise unsupported('itco model of watchdog is only part of q35 machine')
    if sum(device.get('model') == 'itco' for device in found) > 1:
        raise unsupported("domain can only have one watchdog with model 'itco'")
    if len({device.get('action') for device in found}) > 1:
        raise unsupported('watchdogs with different actions are not supported with this QEMU '
                          'binary')


def _aliases(definition: Definition) -> None:
    seen: set[str] = set()
    for device in definition.devices:
        alias = aliases.name(device)
        if alias and alias in seen and device.tag != 'console':
            raise unsupported(f'non unique alias detected: {alias}',
                              domain=libvirt.VIR_FROM_DOMAIN)
        seen.add(alias)


def boot_order(devices: Iterable[Element], definition: Definition) -> None:
    """Refuse places of devices in the boot order if the domain boots from kinds of devices."""
    if every(definition.root, 'os/boot') and any(
            device.find('boot') is not None for device in devices):
        raise unsupported('per-device boot elements cannot be used together with os/boot '
                          'elements', domain=libvirt.VIR_FROM_DOMAIN)
