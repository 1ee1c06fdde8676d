"""The capabilities of domains as XML.

Source of the document: golden/libvirt/domcapabilities*.xml.
"""

from __future__ import annotations

import fnmatch

from vpmem_harness.hardware import Hardware, Sev
from vpmem_harness.libvirtd.hypervisor.node import cpu_models
from vpmem_harness.libvirtd.hypervisor.node.emulator_lookup import Emulator
from vpmem_harness.libvirtd.xml.etree import Element, add, element, serialize
from vpmem_harness.releases import Release


def domain(hardware: Hardware, release: Release, emulator: Emulator) -> str:
    """Return the document of ``getDomainCapabilities``.

    :raises LibvirtError: VIR_ERR_INVALID_ARG for what the emulator does not support.
    """
    emulator.check()
    machine, virt_type = emulator.machine, emulator.virt_type
    root = element('domainCapabilities')
    add(root, 'path', emulator.path)
    add(root, 'domain', virt_type)
    add(root, 'machine', machine)
    add(root, 'arch', emulator.arch)
    add(root, 'vcpu', max=release.tables.max_cpus[machine])
    add(root, 'iothreads', supported='yes')
    _os(add(root, 'os', supported='yes'), hardware, machine)
    _cpu(add(root, 'cpu'), hardware, release, virt_type)
    _enum(add(root, 'memoryBacking', supported='yes'), 'sourceType',
          ('file', 'anonymous', 'memfd'))
    tpm = hardware.tpm
    announced = tpm is not None and tpm.announced
    devices = add(root, 'devices')
    for name, properties in release.tables.devices:
        parent = add(devices, name, supported='yes')
        for key, values in properties:
            if machine.startswith('pc-q35'):
                values = tuple(value for value in values if key != 'bus' or value != 'ide')
            if name == 'tpm' and key == 'backendModel' and announced:
                values = (*values, 'emulator', 'external')
            _enum(parent, key, values)
        if name == 'tpm' and tpm is not None and announced:
            _enum(parent, 'backendVersion', tpm.versions)
    _features(add(root, 'features'), hardware, release)
    return serialize(root)


def _enum(parent: Element, name: str, values: tuple[str, ...]) -> None:
    enum = add(parent, 'enum', name=name)
    for value in values:
        add(enum, 'value', value)


def _os(parent: Element, hardware: Hardware, machine: str) -> None:
    usable = [firmware for firmware in hardware.firmware if any(
        fnmatch.fnmatchcase(machine, pattern) for pattern in firmware.machines)]
    kinds = {firmware.interface for firmware in usable}
    _enum(parent, 'firmware', tuple(
        word for word, kind in (('bios', 'bios'), ('efi', 'uefi')) if kind in kinds))
    loader = add(parent, 'loader', supported='yes')
    for path in dict.fromkeys(firmware.executable for firmware in usable):
        add(loader, 'value', path)
    _enum(loader, 'type', ('rom', 'pflash'))
    _enum(loader, 'readonly', ('yes', 'no'))
    secure = any('secure-boot' in firmware.features for firmware in usable)
    _enum(loader, 'secure', ('yes', 'no') if secure else ('no',))


def _cpu(parent: Element, hardware: Hardware, release: Release, virt_type: str) -> None:
    if virt_type == 'kvm':
        _enum(add(parent, 'mode', name='host-passthrough', supported='yes'),
              'hostPassthroughMigratable', ('on', 'off'))
    else:
        add(parent, 'mode', name='host-passthrough', supported='no')
    _enum(add(parent, 'mode', name='maximum', supported='yes'), 'maximumMigratable',
          ('on', 'off'))
    host_model(add(parent, 'mode', name='host-model', supported='yes'), hardware, release,
               virt_type)
    custom = add(parent, 'mode', name='custom', supported='yes')
    for model in release.tables.cpu_models.values():
        missing: list[str] = []
        if release.names_blockers:
            missing = (list(model.not_emulated) if virt_type == 'qemu'
                       else cpu_models.missing_features(model, hardware, release))
            usable = not missing
        else:
            usable = (model.emulated if virt_type == 'qemu'
                      else cpu_models.runs_on(model.name, hardware.model))
        add(custom, 'model', model.name, usable='yes' if usable else 'no',
            deprecated='yes' if model.deprecated else None, vendor=model.vendor,
            canonical=model.canonical)
        if missing:
            blockers = add(custom, 'blockers', model=model.name)
            for name in missing:
                add(blockers, 'feature', name=name)


def host_model(parent: Element, hardware: Hardware, release: Release, virt_type: str) -> None:
    """Add the CPU model that a guest with ``host-model`` gets."""
    if virt_type == 'kvm':
        add(parent, 'model', hardware.model, fallback='forbid')
        add(parent, 'vendor', hardware.vendor)
        for name in cpu_models.guest_features(hardware):
            add(parent, 'feature', policy='require', name=name)
    else:
        for tag, policy, name in release.tables.emulated_model:
            if tag == 'feature':
                add(parent, tag, policy=policy, name=name)
            else:
                add(parent, tag, name, fallback='forbid' if tag == 'model' else None)


def _features(parent: Element, hardware: Hardware, release: Release) -> None:
    for name, supported in release.tables.features:
        found = add(parent, name, supported=supported)
        if name == 'sev' and hardware.sev is not None:
            found.set('supported', 'yes')
            _sev(found, hardware.sev)
        if name == 'hyperv' and supported == 'yes':
            _enum(found, 'features', ('spinlocks', 'vendor_id'))


def _sev(parent: Element, sev: Sev) -> None:
    for name, value in (('cbitpos', sev.cbit_position), ('reducedPhysBits', sev.reduced_bits),
                        ('maxGuests', sev.max_guests), ('maxESGuests', sev.max_es_guests)):
        add(parent, name, value)
