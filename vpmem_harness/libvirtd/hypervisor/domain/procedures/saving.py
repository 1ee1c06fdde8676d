"""Procedures that save a guest in a file, and restore it from there.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c, src/qemu/qemu_saveimage.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument
from vpmem_harness.libvirtd.hypervisor.domain import emulator, save_image
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.images import transient
from vpmem_harness.libvirtd.hypervisor.domain.jobs import check_no_backup, check_no_block_jobs
from vpmem_harness.libvirtd.hypervisor.domain.migration import check_same_guest
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.domain.save_image import SaveImage
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags, check_parameters
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain import formatter
from vpmem_harness.libvirtd.xml.domain import parser as domain_xml

_RUNNING, _PAUSED = libvirt.VIR_DOMAIN_SAVE_RUNNING, libvirt.VIR_DOMAIN_SAVE_PAUSED
_STATES = _RUNNING | _PAUSED
_SAVE = libvirt.VIR_DOMAIN_SAVE_BYPASS_CACHE | _STATES
_RESTORE = _SAVE | libvirt.VIR_DOMAIN_SAVE_RESET_NVRAM
_FILE, _XML = libvirt.VIR_DOMAIN_SAVE_PARAM_FILE, libvirt.VIR_DOMAIN_SAVE_PARAM_DXML
_PARAMETERS = {_FILE: libvirt.VIR_TYPED_PARAM_STRING, _XML: libvirt.VIR_TYPED_PARAM_STRING}


class SavingProcedures(ProcedureGroup):
    """Procedures that save a guest in a file, and restore it from there."""

    @procedure
    def domain_save(self, handle: DomainHandle, path: str) -> None:
        """Save a guest in a file and end it."""
        self._save(handle, path, None, 0)

    @procedure
    def domain_save_flags(self, handle: DomainHandle, path: str, xml: str | None,
                          flags: int) -> None:
        """Save a guest in a file, with changes of its XML, and end it."""
        check_flags('qemuDomainSaveFlags', flags, _SAVE)
        self._save(handle, path, xml, flags)

    @procedure
    def domain_save_params(self, handle: DomainHandle, params: list[TypedParameter],
                           flags: int) -> None:
        """Save a guest in the file that a parameter names; without one, as a managed save does."""
        check_flags('qemuDomainSaveParams', flags, _SAVE)
        check_parameters(params, _PARAMETERS)
        values = {parameter.name: str(parameter.value) for parameter in params}
        if _FILE not in values:
            self.connection.managed_save.domain_managed_save(handle, flags)
            return
        self._save(handle, values[_FILE], values.get(_XML), flags)

    def _save(self, handle: DomainHandle, path: str, xml: str | None, flags: int) -> None:
        domain = self.domain(handle)
        check_no_backup(domain)
        check_active(domain)
        transient.check_migration(domain)
        check_no_block_jobs(domain)
        if domain.live is None:
            raise AssertionError('an active domain has a live definition')
        saved = self.image_of(domain)
        running = save_image.runs(flags, domain.state == libvirt.VIR_DOMAIN_RUNNING)
        if xml is not None:
            saved = self.changed(xml, saved)
        processes = self.hypervisor.processes
        was_running = domain.state == libvirt.VIR_DOMAIN_RUNNING
        if was_running:
            processes.suspend(domain, libvirt.VIR_DOMAIN_PAUSED_SAVE)
        try:
            SaveImage(_text(saved), running).write(self.hypervisor.backing.storage, path)
        except LibvirtError:
            if was_running:
                processes.resume(domain, libvirt.VIR_DOMAIN_RUNNING_SAVE_CANCELED)
            raise
        self.hypervisor.jobs.iterations(domain)
        self.hypervisor.jobs.saved(domain, libvirt.VIR_DOMAIN_JOB_OPERATION_SAVE)
        processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_SAVED,
                       libvirt.VIR_DOMAIN_EVENT_STOPPED_SAVED)

    @procedure
    def domain_restore(self, path: str) -> None:
        """Start the guest that is saved in a file."""
        self._restore(path, None, 0)

    @procedure
    def domain_restore_flags(self, path: str, xml: str | None, flags: int) -> None:
        """Start the guest that is saved in a file, with changes of its XML."""
        check_flags('qemuDomainRestoreInternal', flags, _RESTORE)
        self._restore(path, xml, flags)

    @procedure
    def domain_restore_params(self, params: list[TypedParameter], flags: int) -> None:
        """Start the guest that is saved in the file that a parameter names."""
        check_parameters(params, _PARAMETERS)
        values = {parameter.name: str(parameter.value) for parameter in params}
        if _FILE not in values:
            raise bad_argument('missing path to restore from')
        check_flags('qemuDomainRestoreInternal', flags, _RESTORE)
        self._restore(values[_FILE], values.get(_XML), flags)

    def _restore(self, path: str, xml: str | None, flags: int) -> None:
        hypervisor = self.hypervisor
        image = save_image.read(hypervisor.backing.storage, path)
        definition = domain_xml.parse(image.xml, hypervisor.xml_host)
        if xml is not None:
            definition = self.changed(xml, definition)
        domain = hypervisor.domains.find(definition.name, definition.uuid, to_start=True)
        if domain is None:
            domain = Domain(definition.name, definition.uuid)
            hypervisor.domains.add(domain)
        try:
            if not image.complete:
                raise emulator.cannot_load(definition)
            self.start(domain, definition, paused=not save_image.runs(flags, image.running))
        except LibvirtError:
            if not domain.persistent:
                hypervisor.domains.remove(domain)
            raise

    def start(self, domain: Domain, definition: Definition, *, paused: bool,
              detail: int = libvirt.VIR_DOMAIN_EVENT_SUSPENDED_RESTORED) -> None:
        """Start a guest from its saved state.

        :param detail: VIR_DOMAIN_EVENT_SUSPENDED_* of a guest that stays paused.
        """
        hypervisor = self.hypervisor
        hypervisor.processes.start(domain, paused=paused, source=definition, restored=True,
                                   reason=libvirt.VIR_DOMAIN_RUNNING_RESTORED,
                                   paused_reason=libvirt.VIR_DOMAIN_PAUSED_MIGRATION)
        hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_STARTED,
                                    libvirt.VIR_DOMAIN_EVENT_STARTED_RESTORED)
        if paused:
            hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_SUSPENDED, detail)
        else:
            hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_RESUMED,
                                        libvirt.VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT)
        hypervisor.agents.guest_started(domain)

    @procedure
    def domain_save_image_get_xml_desc(self, path: str, flags: int) -> str:
        """Return the XML of a saved guest."""
        check_flags('qemuDomainSaveImageGetXMLDesc', flags,
                    libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
        image = save_image.read(self.hypervisor.backing.storage, path)
        definition = domain_xml.parse(image.xml, self.hypervisor.xml_host)
        secure = bool(flags & libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
        return formatter.domain(definition, inactive=True, secure=secure)

    @procedure
    def domain_save_image_define_xml(self, path: str, xml: str, flags: int) -> None:
        """Change the XML of a saved guest, and whether it runs when it is restored."""
        check_flags('qemuDomainSaveImageDefineXML', flags, _STATES)
        files = self.hypervisor.backing.storage
        image = save_image.read(files, path)
        running = save_image.runs(flags, image.running)
        if xml == image.xml and running == image.running:
            return
        changed = self.changed(xml, domain_xml.parse(image.xml, self.hypervisor.xml_host))
        SaveImage(_text(changed), running).write(files, path)

    def image_of(self, domain: Domain) -> Definition:
        """Return what the image of a running guest says: its migratable XML."""
        return domain_xml.parse(formatter.domain(
            domain.definition, secure=True, migratable=True, asked_cpu=domain.asked_cpu),
            self.hypervisor.xml_host)

    def changed(self, xml: str, saved: Definition) -> Definition:
        """Return the definition of ``xml``, if a guest with the definition ``saved`` can use it."""
        definition = domain_xml.parse(xml, self.hypervisor.xml_host)
        check_same_guest(definition, saved)
        return definition


def _text(definition: Definition) -> str:
    return formatter.domain(definition, inactive=True, secure=True)
