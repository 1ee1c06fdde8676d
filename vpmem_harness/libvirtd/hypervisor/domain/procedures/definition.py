"""Procedures for the persistent configuration of domains.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c.
"""

from __future__ import annotations

import errno
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_argument,
    bad_xml,
    invalid,
    misused,
    system_error,
    unsupported,
)
from vpmem_harness.libvirtd.hypervisor.domain.definitions import CONFIG, LIVE, get_defs
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.domain import parser as domain_xml
from vpmem_harness.libvirtd.xml.domain import validate
from vpmem_harness.libvirtd.xml.etree import add

_UNDEFINE_FLAGS = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_TPM
    | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM)

#: The longest name of a file in bytes.
_FILE_NAME_MAX: Final = 255
#: The lifecycle events and actions, in the order of VIR_DOMAIN_LIFECYCLE_*.
_LIFECYCLE = ('poweroff', 'reboot', 'crash')
_ACTIONS = ('destroy', 'restart', 'rename-restart', 'preserve', 'coredump-destroy',
            'coredump-restart')


#: The types of graphics that can reload certificates: any of them, or VNC.
_GRAPHICS_TYPES = 2


class DefinitionProcedures(ProcedureGroup):
    """Procedures that define, rename and undefine domains."""

    @procedure
    def connect_domain_xml_to_native(self, native_format: str, xml: str, flags: int) -> str:
        """Refuse to print QEMU's command line, after the checks of the arguments.

        :raises LibvirtError: VIR_ERR_NO_SUPPORT for a valid domain: there is no command line.
        """
        check_flags('qemuConnectDomainXMLToNative', flags, 0)
        if native_format != 'qemu-argv':
            raise bad_argument(f'unsupported config type {native_format}')
        domain_xml.parse(xml, self.hypervisor.xml_host)
        raise LibvirtError(libvirt.VIR_ERR_NO_SUPPORT, 'virConnectDomainXMLToNative',
                           domain=libvirt.VIR_FROM_DOMAIN)

    @procedure
    def domain_define_xml(self, xml: str) -> Domain:
        """Define a persistent domain, or redefine one."""
        return self._define(xml, validate=False)

    @procedure
    def domain_define_xml_flags(self, xml: str, flags: int) -> Domain:
        """Define a persistent domain, validated against the schema if the client asks for it."""
        check_flags('qemuDomainDefineXMLFlags', flags, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
        return self._define(xml, validate=bool(flags & libvirt.VIR_DOMAIN_DEFINE_VALIDATE))

    def _define(self, xml: str, *, validate: bool) -> Domain:
        hypervisor = self.hypervisor
        definition = domain_xml.parse(xml, hypervisor.xml_host, validate_schema=validate)
        if '\n' in definition.name:
            raise LibvirtError(libvirt.VIR_ERR_XML_DETAIL,
                               'invalid char in name: \n', domain=libvirt.VIR_FROM_XML)
        domain = hypervisor.domains.find(definition.name, definition.uuid)
        _check_file_name(definition.name)
        detail = libvirt.VIR_DOMAIN_EVENT_DEFINED_UPDATED
        if domain is None:
            domain = Domain(definition.name, definition.uuid)
            hypervisor.domains.add(domain)
            detail = libvirt.VIR_DOMAIN_EVENT_DEFINED_ADDED
        domain.config = definition
        hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_DEFINED, detail)
        return domain

    @procedure
    def domain_undefine(self, handle: DomainHandle) -> None:
        """Remove a domain's configuration; a running domain becomes transient."""
        self._undefine(self.domain(handle), 0)

    @procedure
    def domain_undefine_flags(self, handle: DomainHandle, flags: int) -> None:
        """Remove a domain's configuration, and what the flags name."""
        check_flags('qemuDomainUndefineFlags', flags, _UNDEFINE_FLAGS)
        if (flags & libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
                and flags & libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM):
            raise invalid('cannot both keep and delete nvram')
        if (flags & libvirt.VIR_DOMAIN_UNDEFINE_TPM
                and flags & libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM):
            raise invalid('cannot both keep and delete TPM')
        self._undefine(self.domain(handle), flags)

    def _undefine(self, domain: Domain, flags: int) -> None:
        if not domain.persistent:
            raise invalid('cannot undefine transient domain')
        if not domain.active and domain.snapshots:
            if not flags & libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA:
                raise invalid(
                    f'cannot delete inactive domain with {len(domain.snapshots)} snapshots')
            domain.snapshots.clear()
        if not domain.active and domain.checkpoints:
            if not flags & libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA:
                raise invalid(
                    f'cannot delete inactive domain with {len(domain.checkpoints)} checkpoints')
            domain.checkpoints.clear()
        if domain.managed_save is not None:
            if not flags & libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE:
                raise invalid('Refusing to undefine while domain managed save image exists')
            domain.managed_save = None
        definition = domain.definition
        self.hypervisor.guest_files.check_undefine(definition, flags)
        self.hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_UNDEFINED,
                                         libvirt.VIR_DOMAIN_EVENT_UNDEFINED_REMOVED)
        domain.autostart = domain.autostart_once = False
        if not domain.active:
            self.hypervisor.guest_files.undefine(definition, flags)
            self.hypervisor.domains.remove(domain)
        else:
            domain.config = None

    @procedure
    def domain_rename(self, handle: DomainHandle, name: str | None, flags: int) -> int:
        """Rename a domain that is not running."""
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
        _check_file_name(name)
        hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_UNDEFINED,
                                    libvirt.VIR_DOMAIN_EVENT_UNDEFINED_RENAMED)
        hypervisor.domains.rename(domain, name)
        if domain.config is not None:
            domain.config.name = name
        hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_DEFINED,
                                    libvirt.VIR_DOMAIN_EVENT_DEFINED_RENAMED)
        return 0

    @procedure
    def domain_get_autostart(self, handle: DomainHandle) -> int:
        """Return whether the domain starts with the host."""
        return int(self.domain(handle).autostart)

    @procedure
    def domain_set_autostart(self, handle: DomainHandle, autostart: int) -> None:
        """Set whether the domain starts with the host."""
        domain = self.domain(handle)
        if not domain.persistent:
            raise invalid('cannot set autostart for transient domain')
        domain.autostart = bool(autostart)

    @procedure
    def domain_get_autostart_once(self, handle: DomainHandle) -> int:
        """Return whether the domain starts at the next start of the host, and only then."""
        return int(self.domain(handle).autostart_once)

    @procedure
    def domain_set_autostart_once(self, handle: DomainHandle, autostart: int) -> None:
        """Start the domain, or not, at the next start of the host."""
        domain = self.domain(handle)
        if not domain.persistent:
            raise invalid('cannot set autostart for transient domain')
        domain.autostart_once = bool(autostart)

    @procedure
    def domain_graphics_reload(self, handle: DomainHandle, kind: int, flags: int) -> None:
        """Reload the certificates of a running domain's VNC server."""
        check_flags('qemuDomainGraphicsReload', flags, 0)
        domain = self.domain(handle)
        if kind >= _GRAPHICS_TYPES:
            raise misused('qemuDomainGraphicsReload', 'type',
                          f'type must be less than {_GRAPHICS_TYPES}')
        if kind and not domain.active:
            raise invalid('domain is not running')

    @procedure
    def domain_set_lifecycle_action(self, handle: DomainHandle, event: int, action: int,
                                    flags: int) -> None:
        """Set the action for a poweroff, reboot or crash of the guest."""
        check_flags('qemuDomainSetLifecycleAction', flags, LIVE | CONFIG)
        if event not in range(len(_LIFECYCLE)) or action not in range(len(_ACTIONS)):
            raise bad_argument(f'unknown lifecycle event {event} or action {action}',
                               domain=libvirt.VIR_FROM_DOMAIN)
        name, wanted = _LIFECYCLE[event], _ACTIONS[action]
        if name != 'crash' and wanted.startswith('coredump'):
            raise unsupported(f"Lifecycle event '{name}' doesn't support '{wanted}' action",
                              domain=libvirt.VIR_FROM_DOMAIN)
        definitions = [definition for definition in get_defs(self.domain(handle), flags)
                       if definition is not None]
        for definition in definitions:
            actions = {each: definition.root.findtext(f'on_{each}') for each in _LIFECYCLE}
            validate.lifecycle({**actions, name: wanted})
        for definition in definitions:
            found = definition.root.find(f'on_{name}')
            if found is None:
                found = add(definition.root, f'on_{name}')
            found.text = wanted


def _check_file_name(name: str) -> None:
    """Refuse a domain whose configuration cannot have a file, because the name is too long."""
    file = f'{name}.xml.new'
    if len(file.encode(errors='surrogateescape')) > _FILE_NAME_MAX:
        raise system_error(errno.ENAMETOOLONG, f"Failed to create file '/etc/libvirt/qemu/{file}'",
                           domain=libvirt.VIR_FROM_NONE)
