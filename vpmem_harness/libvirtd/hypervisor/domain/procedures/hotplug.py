"""Procedures that attach, detach and update devices.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainAttachDeviceFlags and others),
src/qemu/qemu_hotplug.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, internal, unsupported
from vpmem_harness.libvirtd.hypervisor.domain import disk_update, emulator, hotplug_checks
from vpmem_harness.libvirtd.hypervisor.domain.definitions import CONFIG, LIVE, get_defs
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.images import locks, transient
from vpmem_harness.libvirtd.hypervisor.domain.jobs import check_no_block_job
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.network import guests
from vpmem_harness.libvirtd.hypervisor.nwfilter.filters import NWFilterList
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml import etree
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import (
    addresses,
    aliases,
    disks,
    memory,
    memory_validate,
    pci,
    usb,
    virtio_serial,
)
from vpmem_harness.libvirtd.xml.domain import device_changes, device_lookup, startup, validate
from vpmem_harness.libvirtd.xml.etree import Element

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

_FORCE = libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE


class HotplugProcedures(ProcedureGroup):
    """Procedures that attach, detach and update devices."""

    @procedure
    def domain_attach_device(self, handle: DomainHandle, xml: str) -> None:
        """Attach a device to a running domain."""
        self._attach(self.domain(handle), xml, LIVE)

    @procedure
    def domain_attach_device_flags(self, handle: DomainHandle, xml: str, flags: int) -> None:
        """Attach a device, live or in the configuration."""
        domain = self.domain(handle)
        get_defs(domain, flags)
        check_flags('qemuDomainAttachDeviceLiveAndConfig', flags, LIVE | CONFIG)
        self._attach(domain, xml, flags)

    def _attach(self, domain: Domain, xml: str, flags: int) -> None:
        live, config = get_defs(domain, flags)
        changed = None
        if config is not None:
            changed = config.copy()
            device = self._parse(xml, changed)
            device_changes.check_compatible(device, changed)
            device_changes.add_persistent(changed, device, self.hypervisor.hardware)
        if live is not None:
            with self.hypervisor.xml_host.reserving():
                self._attach_live(domain, live, self._parse(xml, live))
        if changed is not None:
            domain.config = changed

    def _parse(self, xml: str, definition: Definition, *, to_find: bool = False,
               to_detach: bool = False) -> Element:
        return device_changes.parse(xml, definition, self.hypervisor.xml_host,
                                    to_find=to_find or to_detach, checked=not to_detach)

    def _attach_live(self, domain: Domain, live: Definition, device: Element) -> None:
        device_changes.check_compatible(device, live)
        validate.device(device, live, self.hypervisor.hardware)
        if device.tag not in device_lookup.LIVE:
            raise LibvirtError(
                libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                f"live attach of device '{device_lookup.kind(device)}' is not supported")
        if device.tag == 'memory':
            alias = self._attach_memory(domain, live, device)
        else:
            alias = self._attach_other(domain, live, device)
        self.hypervisor.events.publish(
            libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, domain, alias)

    def _attach_memory(self, domain: Domain, live: Definition, device: Element) -> str:
        backing = self.hypervisor.backing
        memory.set_size(device, -(-memory.size(device) // memory.MEMORY_ALIGNMENT)
                        * memory.MEMORY_ALIGNMENT)
        memory_validate.check_plugs(live, device)
        if device.get('model') in memory.SLOTTED:
            memory.assign_slot(live, device,
                               {memory.slot(other) for other in live.memory_devices})
        else:
            pci.plug(live, device)
        aliases.give_memory(device, live)
        emulator.hot_plug(live, device, backing, nvdimm_enabled=domain.nvdimm_enabled)
        live.devices.append(device)
        live.memory_total += memory.size(device)
        if device.get('model') == 'virtio-mem':
            for target in device.findall('target'):
                etree.add(target, 'current', 0, unit='KiB')
        if device.get('model') == 'dimm':
            live.current_memory += memory.size(device)
        path = memory.path(device)
        if path is not None:
            path = memory.real_path(path)
            backing.opened(path, domain.uuid_text)
            domain.open_paths.append(path)
            if domain.state == libvirt.VIR_DOMAIN_RUNNING:
                backing.written(path, domain.uuid_text)
        return f'mem{aliases.name(device)}'

    def _attach_other(self, domain: Domain, live: Definition, device: Element) -> str:
        if device.tag == 'disk':
            found = disks.by_target(live.devices, disks.target(device)[0])
            if found is not None and found.get('device') in disk_update.REMOVABLE \
                    and device.get('device') in disk_update.REMOVABLE:
                return self._change_media(domain, found, device)
            self.hypervisor.disk_sources.check(device)
        hotplug_checks.attach(device, live)
        device_changes.check_new(device, live)
        self.hypervisor.host_devices.take([device], domain)
        pci.plug(live, device)
        usb.plug(live, device)
        virtio_serial.plug(live, device)
        address = device.find("address[@type='pci']")
        if address is not None and live.is_i440fx and not live.has_acpi:
            raise emulator.command_failed('device_add',
                                          "Bus 'pci.0' does not support hotplugging")
        aliases.give(device, aliases.next_name(live, device))
        if device.tag == 'disk':
            startup.start_source(device, domain.next_storage_id())
        elif device.tag == 'interface':
            guests.check_floors(self.hypervisor.networks, [device],
                                self.hypervisor.domains.live_interfaces())
            startup.start_interface(device, self.hypervisor.xml_host)
            guests.plugged(self.hypervisor.networks, [device], self.hypervisor.clock.now())
            self.hypervisor.nwfilters.plugged([device], domain.name, domain.uuid_text)
        elif device.tag in ('serial', 'parallel', 'console', 'channel'):
            startup.start_character_device(device, live, self.hypervisor.xml_host, domain.id)
        if device.tag == 'disk':
            locks.check_plug(self.hypervisor.image_locks, device, 'device_add')
            transient.make_overlays([device], domain.name, self.hypervisor.disk_sources,
                                    self.hypervisor.backing)
            transient.switch([device], domain)
        live.devices.append(device)
        if device.tag == 'disk':
            disks.sort(live.devices)
            self.hypervisor.image_locks.refresh(domain)
        return aliases.name(device)

    def _change_media(self, domain: Domain, found: Element, device: Element) -> str:
        disk_update.change_medium(found, device, domain, self.hypervisor)
        return aliases.name(found)

    @procedure
    def domain_detach_device(self, handle: DomainHandle, xml: str) -> None:
        """Detach a device from a running domain."""
        self._detach(self.domain(handle), xml, LIVE)

    @procedure
    def domain_detach_device_flags(self, handle: DomainHandle, xml: str, flags: int) -> None:
        """Detach a device, live or in the configuration."""
        domain = self.domain(handle)
        get_defs(domain, flags)
        check_flags('qemuDomainDetachDeviceLiveAndConfig', flags, LIVE | CONFIG)
        self._detach(domain, xml, flags)

    def _detach(self, domain: Domain, xml: str, flags: int) -> None:
        live, config = get_defs(domain, flags)
        changed = None
        if config is not None:
            changed = config.copy()
            device_changes.remove_persistent(changed, self._parse(xml, changed, to_detach=True))
        if live is not None:
            wanted = self._parse(xml, live, to_detach=True)
            if wanted.tag == 'memory':
                memory.set_size(wanted, -(-memory.size(wanted) // memory.MEMORY_ALIGNMENT)
                                * memory.MEMORY_ALIGNMENT)
            self._detach_live(domain, live, device_lookup.find(live, wanted, live=True))
        if changed is not None:
            domain.config = changed

    @procedure
    def domain_detach_device_alias(self, handle: DomainHandle, alias: str, flags: int) -> None:
        """Detach the device with that alias."""
        domain = self.domain(handle)
        live, config = get_defs(domain, flags)
        check_flags('qemuDomainDetachDeviceAliasLiveAndConfig', flags, LIVE | CONFIG)
        changed = None
        if config is not None:
            changed = config.copy()
            device_changes.remove_persistent(changed, _by_alias(changed, alias))
        if live is not None:
            self._detach_live(domain, live, _by_alias(live, alias))
        if changed is not None:
            domain.config = changed

    def _detach_live(self, domain: Domain, live: Definition, device: Element) -> None:
        if device.tag not in device_lookup.LIVE:
            raise LibvirtError(
                libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                f"live detach of device '{device_lookup.kind(device)}' is not supported")
        if device.get('model') == 'nvdimm' and device.tag == 'memory':
            raise emulator.command_failed(
                'device_del', 'nvdimm device hot unplug is not supported yet.')
        hotplug_checks.detach(device, live)
        if device.tag == 'disk':
            check_no_block_job(domain, disks.target(device)[0])
        reactions = self.hypervisor.guests
        number, alias = domain.id, aliases.name(device)
        if not reactions.releases_devices:
            return

        def unplugged() -> None:
            with self.hypervisor.lock:
                if domain.active and domain.id == number and domain.live is not None:
                    self._unplugged(domain, domain.live, alias)
        self.hypervisor.after(reactions.unplug_seconds, unplugged)

    def _unplugged(self, domain: Domain, live: Definition, alias: str) -> None:
        device = aliases.by_name(live, alias)
        if device is None:
            return
        live.devices.remove(device)
        startup.release_device(device, self.hypervisor.xml_host)
        self.hypervisor.host_devices.give_back([device])
        if device.tag == 'interface':
            guests.unplugged(self.hypervisor.networks, [device], self.hypervisor.clock.now())
            self.hypervisor.nwfilters.unplugged([device])
        if device.tag == 'disk':
            self.hypervisor.image_locks.refresh(domain)
            transient.remove_overlays([device], domain.name, self.hypervisor.backing)
        if device.tag == 'memory':
            size = memory.size(device)
            live.memory_total -= size
            live.current_memory = max(live.current_memory - size, 0)
            path = memory.path(device)
            path = None if path is None else memory.real_path(path)
            if path in domain.open_paths and path is not None:
                domain.open_paths.remove(path)
                self.hypervisor.backing.closed(path, domain.uuid_text)
        self.hypervisor.events.publish(
            libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, domain, alias)

    @procedure
    def domain_update_device_flags(self, handle: DomainHandle, xml: str, flags: int) -> None:
        """Update a device, live or in the configuration."""
        check_flags('qemuDomainUpdateDeviceFlags', flags, LIVE | CONFIG | _FORCE)
        domain = self.domain(handle)
        live, config = get_defs(domain, flags & ~_FORCE)
        changed = None
        if config is not None:
            changed = config.copy()
            self._update(changed, xml)
        if live is not None:
            self._update(live, xml, domain)
        if changed is not None:
            domain.config = changed

    def _update(self, definition: Definition, xml: str, running: Domain | None = None) -> None:
        device = self._parse(xml, definition, to_find=True)
        validate.boot_order([device], definition)
        validate.device(device, definition, self.hypervisor.hardware)
        _update(definition, device, running, self.hypervisor)


def _by_alias(definition: Definition, alias: str) -> Element:
    device = aliases.by_name(definition, alias)
    if device is None:
        raise LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR, f'no device found with alias {alias}',
                           domain=libvirt.VIR_FROM_DOMAIN)
    return device


def _update(definition: Definition, device: Element, running: Domain | None,
            hypervisor: Hypervisor) -> None:
    """Update a device of a definition.

    :param running: the domain whose live definition is updated, or None for a configuration.
    :raises LibvirtError: there is no such device, or it cannot be updated.
    """
    live = running is not None
    how = 'live' if live else 'persistent'
    if device.tag == 'graphics':
        found = definition.devices.find(f"graphics[@type='{device.get('type')}']")
        if found is None and not live:
            raise bad_argument(f"cannot find existing graphics type '{device.get('type')}' device "
                               'to modify')
        if found is None:
            raise LibvirtError(
                libvirt.VIR_ERR_DEVICE_MISSING,
                f"cannot find existing graphics device to modify of type '{device.get('type')}'")
        if live:
            hotplug_checks.update_graphics(found, device)
        for name in ('passwd', 'passwdValidTo', 'connected'):
            if device.get(name) is not None:
                found.set(name, device.get(name, ''))
        return
    if device.tag not in ('disk', 'interface', 'memory'):
        code = (libvirt.VIR_ERR_CONFIG_UNSUPPORTED if live
                else libvirt.VIR_ERR_OPERATION_UNSUPPORTED)
        raise LibvirtError(
            code, f"{how} update of device '{device_lookup.kind(device)}' is not supported")
    if device.tag == 'memory':
        _update_memory(definition, device)
        return
    if device.tag == 'disk':
        found = disks.by_target(definition.devices, disks.target(device)[0])
        if found is None:
            name = disks.target(device)[0]
            raise (internal(f"disk '{name}' not found") if live
                   else bad_argument(f"target {name} doesn't exist."))
    else:
        found = device_lookup.find(definition, device, live=live)
    if device.tag == 'interface':
        _update_interface(found, device, running, hypervisor.nwfilters)
    elif running is not None:
        disk_update.change_medium(found, device, running, hypervisor)
    else:
        etree.replace(definition.devices, found, device)
        addresses.assign(definition)


def _update_interface(found: Element, device: Element, running: Domain | None,
                      filters: NWFilterList) -> None:
    if running is not None:
        hotplug_checks.update_interface(found, device)
    changed = etree.copy(found)
    for tag in ('link', 'bandwidth', 'filterref', 'mtu', 'source', 'vlan', 'virtualport'):
        if device.find(tag) is not None or tag in ('link', 'bandwidth', 'filterref'):
            etree.drop(changed, tag)
            changed.extend(etree.copy(child) for child in device.findall(tag))
    if running is not None:
        filters.changed(found, changed, running.name, running.uuid_text)
    found[:] = changed[:]


def _update_memory(definition: Definition, device: Element) -> None:
    if device.get('model') != 'virtio-mem':
        raise unsupported(f"updating of memory device of type '{device.get('model')}' is not "
                          'supported')
    for other in definition.memory_devices:
        old, new = other.find('target/requested'), device.find('target/requested')
        if other.get('model') == 'virtio-mem' and memory.size(other) == memory.size(device) \
                and old is not None and new is not None:
            old.text = new.text
            return
    raise LibvirtError(libvirt.VIR_ERR_INVALID_ARG, 'no such virtio-mem device was found')


