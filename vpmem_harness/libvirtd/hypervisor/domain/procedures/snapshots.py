"""Procedures for external disk snapshots; clients create the files.

Source: libvirt 9.0.0, src/qemu/qemu_snapshot.c, src/conf/snapshot_conf.c.
"""

from __future__ import annotations

from typing import NamedTuple

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid, unsupported, xml_detail
from vpmem_harness.libvirtd.hypervisor.domain import snapshot_disks
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, SnapshotHandle
from vpmem_harness.libvirtd.xml import etree, reading
from vpmem_harness.libvirtd.xml.domain import formatter
from vpmem_harness.libvirtd.xml.etree import Element, add, drop, element

#: All filters of listings, which are the lowest bits.
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
    """A client's reference to a snapshot."""

    name: str
    dom: DomainHandle


class SnapshotProcedures(ProcedureGroup):
    """Procedures for disk snapshots."""

    @procedure
    def domain_snapshot_create_xml(self, handle: DomainHandle, xml: str,
                                   flags: int) -> Snapshot:
        """Switch a domain's disks to new files on top of the current ones."""
        check_flags('qemuDomainSnapshotCreateXML', flags, _FLAGS)
        domain = self.domain(handle)
        if flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE \
                or not flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               'only snapshots of disks (VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY) '
                               'are simulated')
        halt = flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_HALT
        if halt and not domain.persistent:
            raise invalid('cannot halt after transient domain snapshot')
        root = reading.parse(xml, root='domainsnapshot', document='domain_snapshot')
        name = root.findtext('name') or str(int(self.hypervisor.clock.now()))
        kept = not flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
        if kept:
            _check_name(name)
        if flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_LIVE:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               'live snapshot creation is supported only during full system '
                               'snapshots')
        listed = snapshot_disks.align(root, domain.definition, name, self.hypervisor.backing)
        snapshot_disks.check(listed, domain)
        if kept and name in domain.snapshots:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                               f'domain snapshot {name} already exists',
                               domain=libvirt.VIR_FROM_DOMAIN_SNAPSHOT)
        if domain.active and flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE:
            self.hypervisor.agents.of(domain)
        before = formatter.domain(domain.definition, inactive=True, secure=True)
        snapshot_disks.switch(listed, domain, self.hypervisor.disk_sources)
        if kept:
            domain.snapshots[name] = self._document(domain, name, root, listed, before)
            domain.current_snapshot = name
        if halt and domain.active:
            self.hypervisor.processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT,
                                         libvirt.VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT)
        return Snapshot(name, DomainHandle(domain.name, domain.uuid, domain.id))

    def _document(self, domain: Domain, name: str, root: Element, listed: list[Element],
                  before: str) -> Element:
        document = element('domainsnapshot')
        add(document, 'name', name)
        description = root.findtext('description')
        if description:
            add(document, 'description', description)
        add(document, 'state', 'disk-snapshot' if domain.active else 'shutoff')
        if domain.current_snapshot is not None:
            add(add(document, 'parent'), 'name', domain.current_snapshot)
        add(document, 'creationTime', int(self.hypervisor.clock.now()))
        add(document, 'memory', snapshot='no')
        disks = add(document, 'disks')
        for wanted in listed:
            disks.append(wanted)
        document.append(reading.read(before, 'domain_definition'))
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
        """Return a snapshot's XML."""
        check_flags('qemuDomainSnapshotGetXMLDesc', flags,
                    libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE)
        document = etree.copy(self._snapshot(handle)[1])
        if not flags & libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE:
            for domain in document.findall('domain'):
                formatter.hide_passwords(domain)
        return etree.serialize(document)

    def _listed(self, handle: DomainHandle, flags: int) -> list[Snapshot]:
        domain = self.domain(handle)
        named = DomainHandle(domain.name, domain.uuid, domain.id)
        # The lowest flag means the roots of a domain, but the descendants of a snapshot.
        names = (_children(domain, None) if flags & libvirt.VIR_DOMAIN_SNAPSHOT_LIST_ROOTS
                 else list(domain.snapshots))
        return [Snapshot(name, named) for name in names if _fits(domain, name, flags)]

    def _below(self, handle: SnapshotHandle, flags: int) -> list[Snapshot]:
        domain, _ = self._snapshot(handle)
        find = (_descendants if flags & libvirt.VIR_DOMAIN_SNAPSHOT_LIST_DESCENDANTS
                else _children)
        return [Snapshot(name, handle.dom) for name in find(domain, handle.name)
                if _fits(domain, name, flags)]

    @procedure
    def domain_snapshot_num(self, handle: DomainHandle, flags: int) -> int:
        """Return the number of a domain's snapshots."""
        check_flags('qemuDomainSnapshotNum', flags, _LIST_FLAGS)
        return len(self._listed(handle, flags))

    @procedure
    def domain_snapshot_list_names(self, handle: DomainHandle, maximum: int,
                                   flags: int) -> list[str]:
        """Return the names of a domain's snapshots."""
        check_flags('qemuDomainSnapshotListNames', flags, _LIST_FLAGS)
        return [snapshot.name for snapshot in self._listed(handle, flags)]

    @procedure
    def domain_list_all_snapshots(self, handle: DomainHandle, need_results: int,
                                  flags: int) -> list[Snapshot]:
        """Return a domain's snapshots."""
        check_flags('qemuDomainListAllSnapshots', flags, _LIST_FLAGS)
        return self._listed(handle, flags)

    @procedure
    def domain_snapshot_num_children(self, handle: SnapshotHandle, flags: int) -> int:
        """Return the number of a snapshot's children."""
        check_flags('qemuDomainSnapshotNumChildren', flags, _LIST_FLAGS)
        return len(self._below(handle, flags))

    @procedure
    def domain_snapshot_list_children_names(self, handle: SnapshotHandle, maximum: int,
                                            flags: int) -> list[str]:
        """Return the names of a snapshot's children."""
        check_flags('qemuDomainSnapshotListChildrenNames', flags, _LIST_FLAGS)
        return [snapshot.name for snapshot in self._below(handle, flags)]

    @procedure
    def domain_snapshot_list_all_children(self, handle: SnapshotHandle, need_results: int,
                                          flags: int) -> list[Snapshot]:
        """Return a snapshot's children."""
        check_flags('qemuDomainSnapshotListAllChildren', flags, _LIST_FLAGS)
        return self._below(handle, flags)

    @procedure
    def domain_snapshot_lookup_by_name(self, handle: DomainHandle, name: str,
                                       flags: int) -> Snapshot:
        """Return the snapshot with that name."""
        check_flags('qemuDomainSnapshotLookupByName', flags, 0)
        domain = self.domain(handle)
        self._named_snapshot(domain, name)
        return Snapshot(name, DomainHandle(domain.name, domain.uuid, domain.id))

    @procedure
    def domain_has_current_snapshot(self, handle: DomainHandle, flags: int) -> int:
        """Return 1 if a domain has a current snapshot."""
        check_flags('qemuDomainHasCurrentSnapshot', flags, 0)
        return int(self.domain(handle).current_snapshot is not None)

    @procedure
    def domain_snapshot_current(self, handle: DomainHandle, flags: int) -> Snapshot:
        """Return the current snapshot."""
        check_flags('qemuDomainSnapshotCurrent', flags, 0)
        domain = self.domain(handle)
        if domain.current_snapshot is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
                               'the domain does not have a current snapshot')
        return Snapshot(domain.current_snapshot,
                        DomainHandle(domain.name, domain.uuid, domain.id))

    @procedure
    def domain_snapshot_is_current(self, handle: SnapshotHandle, flags: int) -> int:
        """Return 1 for the current snapshot."""
        check_flags('qemuDomainSnapshotIsCurrent', flags, 0)
        domain, _ = self._snapshot(handle)
        return int(domain.current_snapshot == handle.name)

    @procedure
    def domain_snapshot_has_metadata(self, handle: SnapshotHandle, flags: int) -> int:
        """Return 1: every listed snapshot has metadata."""
        check_flags('qemuDomainSnapshotHasMetadata', flags, 0)
        self._snapshot(handle)
        return 1

    @procedure
    def domain_snapshot_get_parent(self, handle: SnapshotHandle, flags: int) -> Snapshot:
        """Return a snapshot's parent."""
        check_flags('qemuDomainSnapshotGetParent', flags, 0)
        domain, document = self._snapshot(handle)
        parent = document.findtext('parent/name')
        if parent is None or parent not in domain.snapshots:
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
                               f"snapshot '{handle.name}' does not have a parent")
        return Snapshot(parent, handle.dom)

    @procedure
    def domain_snapshot_delete(self, handle: SnapshotHandle, flags: int) -> None:
        """Delete the metadata of a snapshot; its files stay."""
        check_flags('qemuDomainSnapshotDelete', flags,
                    libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN
                    | libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY
                    | libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY)
        domain, document = self._snapshot(handle)
        children = libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN
        only = libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY
        gone = [] if flags & only else [handle.name]
        if flags & (children | only):
            gone += _descendants(domain, handle.name)
        if gone and not flags & libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY:
            raise unsupported(f'deletion of {len(gone)} external disk snapshots not supported '
                              'yet')
        above = handle.name if flags & only else document.findtext('parent/name')
        for name in _children(domain, handle.name):
            if name not in gone:
                _set_parent(domain.snapshots[name], above)
        for name in gone:
            del domain.snapshots[name]
        if domain.current_snapshot in gone:
            domain.current_snapshot = above


def _check_name(name: str) -> None:
    if '/' in name:
        raise xml_detail(f"invalid snapshot name '{name}': name can't contain '/'",
                         domain=libvirt.VIR_FROM_QEMU)
    if name.startswith('.'):
        raise xml_detail(f"invalid snapshot name '{name}': name can't start with '.'",
                         domain=libvirt.VIR_FROM_QEMU)


def _children(domain: Domain, parent: str | None) -> list[str]:
    return [name for name, document in domain.snapshots.items()
            if document.findtext('parent/name') == parent]


def _descendants(domain: Domain, name: str) -> list[str]:
    found = []
    for child in _children(domain, name):
        found += [child, *_descendants(domain, child)]
    return found


def _set_parent(document: Element, parent: str | None) -> None:
    found = document.find('parent')
    if found is None:
        return
    if parent is None:
        document.remove(found)
    else:
        drop(found, 'name')
        add(found, 'name', parent)


def _fits(domain: Domain, name: str, flags: int) -> bool:
    """Whether a snapshot matches the filters of a listing."""
    document = domain.snapshots[name]
    state = document.findtext('state')
    leaf = not _children(domain, name)
    external = document.find("disks/disk[@snapshot='external']") is not None
    groups: tuple[dict[int, bool], ...] = (
        {libvirt.VIR_DOMAIN_SNAPSHOT_LIST_METADATA: True,
         libvirt.VIR_DOMAIN_SNAPSHOT_LIST_NO_METADATA: False},
        {libvirt.VIR_DOMAIN_SNAPSHOT_LIST_LEAVES: leaf,
         libvirt.VIR_DOMAIN_SNAPSHOT_LIST_NO_LEAVES: not leaf},
        {libvirt.VIR_DOMAIN_SNAPSHOT_LIST_INACTIVE: state == 'shutoff',
         libvirt.VIR_DOMAIN_SNAPSHOT_LIST_DISK_ONLY: state == 'disk-snapshot',
         libvirt.VIR_DOMAIN_SNAPSHOT_LIST_ACTIVE: state not in ('shutoff', 'disk-snapshot')},
        {libvirt.VIR_DOMAIN_SNAPSHOT_LIST_INTERNAL: not external,
         libvirt.VIR_DOMAIN_SNAPSHOT_LIST_EXTERNAL: external})
    return all(any(fits for flag, fits in group.items() if flags & flag)
               for group in groups if any(flags & flag for flag in group))
