"""Procedures about snapshots: external ones of disks, whose files the client makes.

Source: libvirt 9.0.0, src/qemu/qemu_snapshot.c, src/conf/snapshot_conf.c.
"""

from __future__ import annotations

from typing import NamedTuple

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, unsupported
from vpmem_harness.libvirtd.hypervisor.domain import Domain
from vpmem_harness.libvirtd.hypervisor.machine import check_active
from vpmem_harness.libvirtd.hypervisor.procedures import Procedures, check_flags, procedure
from vpmem_harness.libvirtd.values import DomainHandle, SnapshotHandle
from vpmem_harness.libvirtd.xml import disks, etree, output
from vpmem_harness.libvirtd.xml.etree import Element, add, element

#: Every filter of listings: together they are the lowest bits.
_LIST_FLAGS = (libvirt.VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL << 1) - 1
_FLAGS = (libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_HALT
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_LIVE
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_VALIDATE)


class Snapshot(NamedTuple):
    """A snapshot as clients name it."""

    name: str
    dom: DomainHandle


class SnapshotProcedures(Procedures):
    """Procedures about snapshots of disks."""

    @procedure
    def domain_snapshot_create_xml(self, handle: DomainHandle, xml: str,
                                   flags: int) -> Snapshot:
        """Let a running domain go on with new files over its disks' present ones."""
        check_flags('qemuDomainSnapshotCreateXML', flags, _FLAGS)
        domain = self.domain(handle)
        if not flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               'only snapshots of disks (VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY) '
                               'are simulated')
        check_active(domain)
        if flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE:
            self.hypervisor.check_agent(domain)
        root = etree.parse(xml, root='domainsnapshot', document='domain_snapshot')
        name = root.findtext('name') or str(int(self.hypervisor.clock.now()))
        if name in domain.snapshots:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                               f'domain snapshot {name} already exists',
                               domain=libvirt.VIR_FROM_DOMAIN_SNAPSHOT)
        before = output.domain(domain.definition)
        for wanted in root.findall('disks/disk'):
            self._switch(domain, wanted, name)
        if not flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA:
            domain.snapshots[name] = self._document(domain, name, root, before)
            domain.current_snapshot = name
        return Snapshot(name, DomainHandle(domain.name, domain.uuid, domain.id))

    def _switch(self, domain: Domain, wanted: Element, name: str) -> None:
        target = wanted.get('name') or ''
        if wanted.get('snapshot') in ('no',):
            return
        disk = disks.by_target(domain.definition.devices, target)
        if disk is None:
            raise unsupported(f"no disk named '{target}'",
                              domain=libvirt.VIR_FROM_DOMAIN_SNAPSHOT)
        if wanted.get('snapshot') == 'internal':
            raise unsupported(f"active qemu domains require external disk snapshots; disk "
                              f'{target} requested internal')
        source = wanted.find('source')
        old = disks.source_path(disk) or ''
        path = old.rsplit('.', 1)[0] + '.' + name
        new = etree.copy(source) if source is not None else element('source', file=path)
        for definition in (domain.live, domain.config):
            if definition is None:
                continue
            found = disks.by_target(definition.devices, target)
            if found is None:
                continue
            etree.drop(found, 'source')
            etree.drop(found, 'backingStore')
            found.append(etree.copy(new))
            driver = found.find('driver')
            if driver is not None:
                driver.set('type', 'qcow2')

    def _document(self, domain: Domain, name: str, root: Element, before: str) -> Element:
        document = element('domainsnapshot')
        add(document, 'name', name)
        description = root.findtext('description')
        if description:
            add(document, 'description', description)
        running = domain.state == libvirt.VIR_DOMAIN_RUNNING
        add(document, 'state', 'disk-snapshot' if running else 'paused')
        if domain.current_snapshot is not None:
            add(add(document, 'parent'), 'name', domain.current_snapshot)
        add(document, 'creationTime', int(self.hypervisor.clock.now()))
        add(document, 'memory', snapshot='no')
        listed = add(document, 'disks')
        for wanted in root.findall('disks/disk'):
            listed.append(etree.copy(wanted))
        document.append(etree.read(before, 'domain_definition'))
        return document

    def _snapshot(self, handle: SnapshotHandle) -> tuple[Domain, Element]:
        domain = self.domain(handle.dom)
        return domain, self._named_snapshot(domain, handle.name)

    def _named_snapshot(self, domain: Domain, name: str) -> Element:
        document = domain.snapshots.get(name)
        if document is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
                               f"no domain snapshot with matching name '{name}'")
        return document

    @procedure
    def domain_snapshot_get_xml_desc(self, handle: SnapshotHandle, flags: int) -> str:
        """A snapshot's XML."""
        check_flags('qemuDomainSnapshotGetXMLDesc', flags,
                    libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE)
        return etree.serialize(self._snapshot(handle)[1])

    @procedure
    def domain_snapshot_num(self, handle: DomainHandle, flags: int) -> int:
        """How many snapshots a domain has."""
        check_flags('qemuDomainSnapshotNum', flags, _LIST_FLAGS)
        return len(self.domain(handle).snapshots)

    @procedure
    def domain_snapshot_list_names(self, handle: DomainHandle, maximum: int,
                                   flags: int) -> list[str]:
        """The names of a domain's snapshots."""
        check_flags('qemuDomainSnapshotListNames', flags, _LIST_FLAGS)
        return list(self.domain(handle).snapshots)

    @procedure
    def domain_list_all_snapshots(self, handle: DomainHandle, need_results: int,
                                  flags: int) -> list[Snapshot]:
        """A domain's snapshots."""
        check_flags('qemuDomainListAllSnapshots', flags, _LIST_FLAGS)
        domain = self.domain(handle)
        named = DomainHandle(domain.name, domain.uuid, domain.id)
        return [Snapshot(name, named) for name in domain.snapshots]

    @procedure
    def domain_snapshot_lookup_by_name(self, handle: DomainHandle, name: str,
                                       flags: int) -> Snapshot:
        """The snapshot of that name."""
        check_flags('qemuDomainSnapshotLookupByName', flags, 0)
        domain = self.domain(handle)
        self._named_snapshot(domain, name)
        return Snapshot(name, DomainHandle(domain.name, domain.uuid, domain.id))

    @procedure
    def domain_has_current_snapshot(self, handle: DomainHandle, flags: int) -> int:
        """1 when a domain has a current snapshot."""
        check_flags('qemuDomainHasCurrentSnapshot', flags, 0)
        return int(self.domain(handle).current_snapshot is not None)

    @procedure
    def domain_snapshot_current(self, handle: DomainHandle, flags: int) -> Snapshot:
        """The current snapshot."""
        check_flags('qemuDomainSnapshotCurrent', flags, 0)
        domain = self.domain(handle)
        if domain.current_snapshot is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
                               'the domain does not have a current snapshot')
        return Snapshot(domain.current_snapshot,
                        DomainHandle(domain.name, domain.uuid, domain.id))

    @procedure
    def domain_snapshot_is_current(self, handle: SnapshotHandle, flags: int) -> int:
        """1 for the current snapshot."""
        check_flags('qemuDomainSnapshotIsCurrent', flags, 0)
        domain, _ = self._snapshot(handle)
        return int(domain.current_snapshot == handle.name)

    @procedure
    def domain_snapshot_has_metadata(self, handle: SnapshotHandle, flags: int) -> int:
        """1: libvirt knows of the snapshots that are listed here."""
        check_flags('qemuDomainSnapshotHasMetadata', flags, 0)
        self._snapshot(handle)
        return 1

    @procedure
    def domain_snapshot_get_parent(self, handle: SnapshotHandle, flags: int) -> Snapshot:
        """The snapshot before."""
        check_flags('qemuDomainSnapshotGetParent', flags, 0)
        domain, document = self._snapshot(handle)
        parent = document.findtext('parent/name')
        if parent is None or parent not in domain.snapshots:
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
                               f"snapshot '{handle.name}' does not have a parent")
        return Snapshot(parent, handle.dom)

    @procedure
    def domain_snapshot_delete(self, handle: SnapshotHandle, flags: int) -> None:
        """Forget a snapshot: its files are the client's."""
        check_flags('qemuDomainSnapshotDelete', flags,
                    libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN
                    | libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY
                    | libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY)
        domain, document = self._snapshot(handle)
        if not flags & libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY:
            raise unsupported('deletion of 1 external disk snapshots not supported yet')
        del domain.snapshots[handle.name]
        if domain.current_snapshot == handle.name:
            parent = document.findtext('parent/name')
            domain.current_snapshot = parent if parent in domain.snapshots else None


