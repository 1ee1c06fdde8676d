"""Procedures that save, rename and describe a domain, and set how many CPUs it has.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c, src/conf/domain_conf.c (virDomainDefSetMetadata).
"""

from __future__ import annotations

import errno

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_argument,
    bad_xml,
    invalid,
    system_error,
    unsupported,
)
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.migration import check_same_guest
from vpmem_harness.libvirtd.hypervisor.domain.modification_impact import CONFIG, LIVE, impact, one
from vpmem_harness.libvirtd.hypervisor.domain.process import check_active
from vpmem_harness.libvirtd.hypervisor.procedures import Procedures, check_flags, procedure
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain import formatter, metadata, validate
from vpmem_harness.libvirtd.xml.domain import parser as domain_xml
from vpmem_harness.libvirtd.xml.etree import add, drop, unset
from vpmem_harness.libvirtd.xml.machine_types import MACHINES

_SAVE_FLAGS = (libvirt.VIR_DOMAIN_SAVE_BYPASS_CACHE | libvirt.VIR_DOMAIN_SAVE_RUNNING
               | libvirt.VIR_DOMAIN_SAVE_PAUSED)
_VCPU_MAXIMUM, _VCPU_GUEST = libvirt.VIR_DOMAIN_VCPU_MAXIMUM, libvirt.VIR_DOMAIN_VCPU_GUEST
_VCPU_HOTPLUGGABLE = libvirt.VIR_DOMAIN_VCPU_HOTPLUGGABLE
_TEXTS = {libvirt.VIR_DOMAIN_METADATA_DESCRIPTION: 'description',
          libvirt.VIR_DOMAIN_METADATA_TITLE: 'title'}

#: A guest's ends and what can follow them, as VIR_DOMAIN_LIFECYCLE_* count them.
_LIFECYCLE = ('poweroff', 'reboot', 'crash')
_ACTIONS = ('destroy', 'restart', 'rename-restart', 'preserve', 'coredump-destroy',
            'coredump-restart')


class ChangeProcedures(Procedures):
    """Procedures that save, rename and describe a domain, and set how many CPUs it has."""

    @procedure
    def domain_managed_save(self, handle: DomainHandle, flags: int) -> None:
        """Save a domain's memory and end it; its next start goes on from there."""
        check_flags('qemuDomainManagedSave', flags, _SAVE_FLAGS)
        domain = self.domain(handle)
        check_active(domain)
        if not domain.persistent:
            raise invalid('cannot do managed save for transient domain')
        if domain.live is None:
            raise AssertionError('an active domain has a live definition')
        saved = domain.live.copy()
        paused = domain.state == libvirt.VIR_DOMAIN_PAUSED
        if flags & libvirt.VIR_DOMAIN_SAVE_RUNNING:
            paused = False
        if flags & libvirt.VIR_DOMAIN_SAVE_PAUSED:
            paused = True
        formatter.stop(saved)
        domain.managed_save, domain.managed_save_paused = saved, paused
        if domain.state == libvirt.VIR_DOMAIN_RUNNING:
            self.hypervisor.machine.suspend(domain, libvirt.VIR_DOMAIN_PAUSED_SAVE)
        self.hypervisor.machine.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_SAVED,
                                     libvirt.VIR_DOMAIN_EVENT_STOPPED_SAVED)

    @procedure
    def domain_has_managed_save_image(self, handle: DomainHandle, flags: int) -> int:
        """1 when the next start goes on from a saved state."""
        check_flags('qemuDomainHasManagedSaveImage', flags, 0)
        return int(self.domain(handle).managed_save is not None)

    @procedure
    def domain_managed_save_remove(self, handle: DomainHandle, flags: int) -> None:
        """Forget the saved state."""
        check_flags('qemuDomainManagedSaveRemove', flags, 0)
        domain = self.domain(handle)
        if domain.managed_save is None:
            raise system_error(
                errno.ENOENT, 'Failed to remove managed save file '
                f"'/var/lib/libvirt/qemu/save/{domain.name}.save'")
        domain.managed_save = None

    @procedure
    def domain_managed_save_get_xml_desc(self, handle: DomainHandle, flags: int) -> str:
        """The XML of the saved state."""
        check_flags('qemuDomainManagedSaveGetXMLDesc', flags,
                    libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
        domain = self.domain(handle)
        if domain.managed_save is None:
            raise invalid('domain does not have managed save image')
        secure = bool(flags & libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
        return formatter.domain(domain.managed_save, inactive=True, secure=secure)

    @procedure
    def domain_managed_save_define_xml(
        self, handle: DomainHandle, xml: str | None, flags: int,
    ) -> None:
        """Change what the saved state's guest does not see, such as the paths of its devices.

        Source: libvirt's qemuDomainSaveImageDefineXML.
        """
        domain = self.domain(handle)
        if domain.managed_save is None:
            raise invalid('domain does not have managed save image')
        check_flags('qemuDomainSaveImageDefineXML', flags,
                    libvirt.VIR_DOMAIN_SAVE_RUNNING | libvirt.VIR_DOMAIN_SAVE_PAUSED)
        definition = domain_xml.parse(xml or '', self.hypervisor.xml_host)
        check_same_guest(definition, domain.managed_save)
        domain.managed_save = definition
        if flags & libvirt.VIR_DOMAIN_SAVE_RUNNING:
            domain.managed_save_paused = False
        elif flags & libvirt.VIR_DOMAIN_SAVE_PAUSED:
            domain.managed_save_paused = True

    @procedure
    def domain_rename(self, handle: DomainHandle, name: str | None, flags: int) -> int:
        """Give a domain that is off another name."""
        check_flags('qemuDomainRename', flags, 0)
        domain = self.domain(handle)
        hypervisor = self.hypervisor
        if domain.active:
            raise invalid('cannot rename active domain')
        if domain.managed_save is not None:
            raise invalid("domain with a managed saved state can't be renamed")
        if not name:
            raise bad_argument('can\'t rename domain to an empty name',
                               domain=libvirt.VIR_FROM_DOMAIN)
        if name == domain.name:
            raise invalid("Can't rename domain to itself", domain=libvirt.VIR_FROM_DOMAIN)
        if any(other.name == name for other in hypervisor.domains):
            raise invalid(f"domain with name '{name}' already exists",
                          domain=libvirt.VIR_FROM_DOMAIN)
        if '/' in name:
            raise bad_xml(f"name {name} cannot contain '/'", domain=libvirt.VIR_FROM_QEMU)
        hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_UNDEFINED,
                                    libvirt.VIR_DOMAIN_EVENT_UNDEFINED_RENAMED)
        hypervisor.domains.rename(domain, name)
        if domain.config is not None:
            domain.config.name = name
        hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_DEFINED,
                                    libvirt.VIR_DOMAIN_EVENT_DEFINED_RENAMED)
        return 0

    @procedure
    def domain_set_lifecycle_action(self, handle: DomainHandle, event: int, action: int,
                                    flags: int) -> None:
        """Say what becomes of a domain whose guest powers off, reboots or crashes."""
        check_flags('qemuDomainSetLifecycleAction', flags, LIVE | CONFIG)
        if event not in range(len(_LIFECYCLE)) or action not in range(len(_ACTIONS)):
            raise bad_argument(f'unknown lifecycle event {event} or action {action}',
                               domain=libvirt.VIR_FROM_DOMAIN)
        name, wanted = _LIFECYCLE[event], _ACTIONS[action]
        if name != 'crash' and wanted.startswith('coredump'):
            raise unsupported(f"Lifecycle event '{name}' doesn't support '{wanted}' action",
                              domain=libvirt.VIR_FROM_DOMAIN)
        definitions = [definition for definition in impact(self.domain(handle), flags)
                       if definition is not None]
        for definition in definitions:
            actions = {each: definition.root.findtext(f'on_{each}') for each in _LIFECYCLE}
            validate.lifecycle({**actions, name: wanted})
        for definition in definitions:
            found = definition.root.find(f'on_{name}')
            if found is None:
                found = add(definition.root, f'on_{name}')
            found.text = wanted

    @procedure
    def domain_get_metadata(self, handle: DomainHandle, kind: int, uri: str | None,
                            flags: int) -> str:
        """A domain's description, title, or the element of a namespace."""
        check_flags('virDomainObjGetMetadata', flags, LIVE | CONFIG,
                    domain=libvirt.VIR_FROM_DOMAIN)
        definition = one(self.domain(handle), flags)
        found: str | None = None
        if kind in _TEXTS:
            found = definition.root.findtext(_TEXTS[kind])
        elif kind == libvirt.VIR_DOMAIN_METADATA_ELEMENT:
            found = metadata.get(definition, uri or '')
        else:
            raise bad_argument(f"unknown metadata type '{kind}'", domain=libvirt.VIR_FROM_DOMAIN)
        if not found:
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN_METADATA,
                               'Requested metadata element is not present',
                               domain=libvirt.VIR_FROM_DOMAIN)
        return found

    @procedure
    def domain_set_metadata(self, handle: DomainHandle, kind: int, metadata: str | None,
                            key: str | None, uri: str | None, flags: int) -> None:
        """Set or, with None, remove a domain's description, title, or a namespace's element."""
        check_flags('qemuDomainSetMetadata', flags, LIVE | CONFIG)
        domain = self.domain(handle)
        definitions = impact(domain, flags)
        for definition in definitions:
            if definition is not None:
                _set_metadata(definition, kind, metadata, key, uri)
        self.hypervisor.events.publish(
            libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, domain, kind,
            uri if kind == libvirt.VIR_DOMAIN_METADATA_ELEMENT else None)

    @procedure
    def domain_get_vcpus_flags(self, handle: DomainHandle, flags: int) -> int:
        """How many vCPUs a domain has, or can have."""
        check_flags('qemuDomainGetVcpusFlags', flags,
                    LIVE | CONFIG | _VCPU_MAXIMUM | _VCPU_GUEST)
        domain = self.domain(handle)
        definition = one(domain, flags & (LIVE | CONFIG))
        if flags & _VCPU_GUEST:
            if not domain.active:
                raise bad_argument('vCPU count provided by the guest agent can only be requested '
                                   'for live domains')
            self.hypervisor.check_agent(domain)
        return definition.max_vcpus if flags & _VCPU_MAXIMUM else definition.vcpus

    @procedure
    def domain_set_vcpus(self, handle: DomainHandle, count: int) -> None:
        """Set how many vCPUs a running domain has."""
        _set_vcpus(self.domain(handle), count, LIVE)

    @procedure
    def domain_set_vcpus_flags(self, handle: DomainHandle, count: int, flags: int) -> None:
        """Set how many vCPUs a domain has, or can have."""
        check_flags('qemuDomainSetVcpusFlags', flags,
                    LIVE | CONFIG | _VCPU_MAXIMUM | _VCPU_GUEST | _VCPU_HOTPLUGGABLE)
        domain = self.domain(handle)
        if flags & _VCPU_GUEST:
            self.hypervisor.check_agent(domain)
        _set_vcpus(domain, count, flags)


def _set_metadata(definition: Definition, kind: int, text: str | None, key: str | None,
                  uri: str | None) -> None:
    root = definition.root
    if kind in _TEXTS:
        if kind == libvirt.VIR_DOMAIN_METADATA_TITLE and '\n' in (text or ''):
            raise bad_xml("Domain title can't contain newlines")
        drop(root, _TEXTS[kind])
        if text:
            add(root, _TEXTS[kind], text)
        return
    if kind != libvirt.VIR_DOMAIN_METADATA_ELEMENT:
        raise bad_argument(f"unknown metadata type '{kind}'", domain=libvirt.VIR_FROM_DOMAIN)
    metadata.put(definition, text or None, key or '', uri or '')


def _set_vcpus(domain: Domain, count: int, flags: int) -> None:
    live, config = impact(domain, flags & (LIVE | CONFIG))
    if flags & _VCPU_MAXIMUM:
        if live is not None:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               "maximum vcpu count of a live domain can't be modified")
        if config is not None:
            _set_maximum(config, count)
        return
    for definition, what in ((live, 'live'), (config, 'persistent')):
        if definition is not None and count > definition.max_vcpus:
            raise bad_argument(
                f'requested vcpus is greater than max allowable vcpus for the {what} domain: '
                f'{count} > {definition.max_vcpus}')
    for definition in (live, config):
        if definition is None:
            continue
        vcpu = definition.root.find('vcpu')
        if vcpu is not None:
            unset(vcpu, 'current')
            if count < definition.max_vcpus:
                vcpu.set('current', str(count))


def _set_maximum(config: Definition, count: int) -> None:
    limit = MACHINES.get(config.machine, 1)
    if count > limit:
        raise unsupported(f'Maximum CPUs greater than specified machine type limit {limit}')
    topology = config.root.find('cpu/topology')
    if topology is not None:
        product = 1
        for name in ('sockets', 'dies', 'cores', 'threads'):
            product *= int(topology.get(name) or 1)
        if product != count:
            raise bad_argument("CPU topology doesn't match the desired vcpu count")
    vcpu = config.root.find('vcpu')
    if vcpu is not None:
        current = min(config.vcpus, count)
        vcpu.text = str(count)
        unset(vcpu, 'current')
        if current < count:
            vcpu.set('current', str(current))
