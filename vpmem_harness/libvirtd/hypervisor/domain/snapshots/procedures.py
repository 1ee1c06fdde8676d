"""Procedures for snapshots of domains.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c, src/qemu/qemu_snapshot.c.
"""

from __future__ import annotations

from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.jobs import check_no_backup, check_no_block_jobs
from vpmem_harness.libvirtd.hypervisor.domain.snapshots import (
    creation,
    deletion,
    document,
    reversion,
)
from vpmem_harness.libvirtd.hypervisor.domain.snapshots.snapshot import Snapshot, SnapshotTree
from vpmem_harness.libvirtd.hypervisor.driver_checks import (
    check_exclusive_flags,
    check_flags,
    check_required_flag,
)
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, SnapshotHandle

#: All filters of listings, which are the lowest bits.
_LIST_FLAGS: Final = (libvirt.VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL << 1) - 1
_FLAGS: Final = (libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_HALT
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_LIVE
          | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_VALIDATE)


_CREATE: Final = 'VIR_DOMAIN_SNAPSHOT_CREATE_'
_REVERT_FLAGS: Final = (libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING
                        | libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED
                        | libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_FORCE
                        | libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_RESET_NVRAM)
_DELETE_FLAGS: Final = (libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN
                        | libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY
                        | libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY)


class SnapshotProcedures(ProcedureGroup):
    """Procedures for snapshots."""

    @procedure
    def domain_snapshot_create_xml(self, handle: DomainHandle, xml: str,
                                   flags: int) -> SnapshotHandle:
        """Take a snapshot of a domain's disks and memory, or define one that exists."""
        check_flags('qemuSnapshotCreateXML', flags, _FLAGS)
        check_required_flag('qemuSnapshotCreateXML', flags, f'{_CREATE}QUIESCE',
                            f'{_CREATE}DISK_ONLY')
        check_exclusive_flags('qemuSnapshotCreateXML', flags, f'{_CREATE}LIVE',
                              f'{_CREATE}REDEFINE', domain=libvirt.VIR_FROM_QEMU)
        domain = self.domain(handle)
        if not domain.active and domain.checkpoints:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               'cannot perform block operations while checkpoint exists')
        if not domain.persistent and flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_HALT:
            raise invalid('cannot halt after transient domain snapshot')
        hypervisor = self.hypervisor
        redefine = bool(flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE)
        snapshot = document.parse(
            xml, hypervisor.xml_host, int(hypervisor.clock.now()), redefine=redefine,
            offline=not domain.active or bool(
                flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY),
            validate=bool(flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_VALIDATE))
        creation.check(snapshot, domain, flags)
        check_no_backup(domain)
        act = creation.redefine if redefine else creation.create
        act(hypervisor, domain, snapshot, flags)
        return _handle(domain, snapshot.name)

    @procedure
    def domain_revert_to_snapshot(self, handle: SnapshotHandle, flags: int) -> None:
        """Revert a domain to one of its snapshots."""
        check_flags('qemuSnapshotRevert', flags, _REVERT_FLAGS)
        domain = self.domain(handle.dom)
        check_no_backup(domain)
        check_no_block_jobs(domain)
        snapshot = domain.snapshots.named(handle.name)
        reversion.check(domain, snapshot, flags)
        reversion.revert(self.hypervisor, domain, snapshot, flags)

    @procedure
    def domain_snapshot_delete(self, handle: SnapshotHandle, flags: int) -> None:
        """Delete snapshots with their contents, or with the flag only their descriptions."""
        check_flags('qemuSnapshotDelete', flags, _DELETE_FLAGS)
        domain = self.domain(handle.dom)
        check_no_backup(domain)
        deletion.delete(self.hypervisor, domain, domain.snapshots.named(handle.name), flags)

    def _snapshot(self, handle: SnapshotHandle) -> tuple[Domain, Snapshot]:
        domain = self.domain(handle.dom)
        return domain, domain.snapshots.named(handle.name)

    @procedure
    def domain_snapshot_get_xml_desc(self, handle: SnapshotHandle, flags: int) -> str:
        """Return a snapshot's XML."""
        check_flags('qemuDomainSnapshotGetXMLDesc', flags,
                    libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE)
        domain, snapshot = self._snapshot(handle)
        return document.serialize(snapshot, domain.uuid_text,
                                  secure=bool(flags & libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE))

    def _listed(self, handle: DomainHandle, flags: int) -> list[SnapshotHandle]:
        domain = self.domain(handle)
        tree = domain.snapshots
        # The lowest flag means the roots of a domain, but the descendants of a snapshot.
        found = (tree.children(None) if flags & libvirt.VIR_DOMAIN_SNAPSHOT_LIST_ROOTS
                 else list(tree))
        return [_handle(domain, each.name) for each in found if _fits(tree, each, flags)]

    def _below(self, handle: SnapshotHandle, flags: int) -> list[SnapshotHandle]:
        domain, snapshot = self._snapshot(handle)
        tree = domain.snapshots
        find = (tree.descendants if flags & libvirt.VIR_DOMAIN_SNAPSHOT_LIST_DESCENDANTS
                else tree.children)
        found = {each.name for each in find(snapshot.name) if _fits(tree, each, flags)}
        return [SnapshotHandle(each.name, handle.dom) for each in tree if each.name in found]

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
                                  flags: int) -> list[SnapshotHandle]:
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
                                          flags: int) -> list[SnapshotHandle]:
        """Return a snapshot's children."""
        check_flags('qemuDomainSnapshotListAllChildren', flags, _LIST_FLAGS)
        return self._below(handle, flags)

    @procedure
    def domain_snapshot_lookup_by_name(self, handle: DomainHandle, name: str,
                                       flags: int) -> SnapshotHandle:
        """Return the snapshot with that name."""
        check_flags('qemuDomainSnapshotLookupByName', flags, 0)
        domain = self.domain(handle)
        return _handle(domain, domain.snapshots.named(name).name)

    @procedure
    def domain_has_current_snapshot(self, handle: DomainHandle, flags: int) -> int:
        """Return 1 if a domain has a current snapshot."""
        check_flags('qemuDomainHasCurrentSnapshot', flags, 0)
        return int(self.domain(handle).snapshots.current is not None)

    @procedure
    def domain_snapshot_current(self, handle: DomainHandle, flags: int) -> SnapshotHandle:
        """Return the current snapshot."""
        check_flags('qemuDomainSnapshotCurrent', flags, 0)
        domain = self.domain(handle)
        if domain.snapshots.current is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
                               'the domain does not have a current snapshot')
        return _handle(domain, domain.snapshots.current)

    @procedure
    def domain_snapshot_is_current(self, handle: SnapshotHandle, flags: int) -> int:
        """Return 1 for the current snapshot."""
        check_flags('qemuDomainSnapshotIsCurrent', flags, 0)
        domain, snapshot = self._snapshot(handle)
        return int(domain.snapshots.current == snapshot.name)

    @procedure
    def domain_snapshot_has_metadata(self, handle: SnapshotHandle, flags: int) -> int:
        """Return 1: every listed snapshot has metadata."""
        check_flags('qemuDomainSnapshotHasMetadata', flags, 0)
        self._snapshot(handle)
        return 1

    @procedure
    def domain_snapshot_get_parent(self, handle: SnapshotHandle, flags: int) -> SnapshotHandle:
        """Return a snapshot's parent."""
        check_flags('qemuDomainSnapshotGetParent', flags, 0)
        domain, snapshot = self._snapshot(handle)
        return SnapshotHandle(domain.snapshots.parent_of(snapshot).name, handle.dom)


def _handle(domain: Domain, name: str) -> SnapshotHandle:
    return SnapshotHandle(name, DomainHandle(domain.name, domain.uuid, domain.id))


def _fits(tree: SnapshotTree, snapshot: Snapshot, flags: int) -> bool:
    """Whether a snapshot matches the filters of a listing."""
    leaf, external = not tree.children(snapshot.name), snapshot.external
    offline, disk_only = snapshot.state == 'shutoff', snapshot.state == 'disk-snapshot'
    groups: tuple[dict[int, bool], ...] = (
        {libvirt.VIR_DOMAIN_SNAPSHOT_LIST_METADATA: True,
         libvirt.VIR_DOMAIN_SNAPSHOT_LIST_NO_METADATA: False},
        {libvirt.VIR_DOMAIN_SNAPSHOT_LIST_LEAVES: leaf,
         libvirt.VIR_DOMAIN_SNAPSHOT_LIST_NO_LEAVES: not leaf},
        {libvirt.VIR_DOMAIN_SNAPSHOT_LIST_INACTIVE: offline,
         libvirt.VIR_DOMAIN_SNAPSHOT_LIST_DISK_ONLY: disk_only,
         libvirt.VIR_DOMAIN_SNAPSHOT_LIST_ACTIVE: not offline and not disk_only},
        {libvirt.VIR_DOMAIN_SNAPSHOT_LIST_INTERNAL: not external,
         libvirt.VIR_DOMAIN_SNAPSHOT_LIST_EXTERNAL: external})
    return all(any(fits for flag, fits in group.items() if flags & flag)
               for group in groups if any(flags & flag for flag in group))
