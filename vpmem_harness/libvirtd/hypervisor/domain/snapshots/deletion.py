"""Delete snapshots of domains.

Source: libvirt 9.0.0, src/qemu/qemu_snapshot.c (qemuSnapshotDelete).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, unsupported
from vpmem_harness.libvirtd.hypervisor.domain.snapshots.snapshot import Snapshot
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import disk_chain, disks
from vpmem_harness.libvirtd.xml.etree import Element, copy, drop

# For annotations only: the hypervisor imports domains, which have snapshots.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

_CHILDREN: Final = libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN
_CHILDREN_ONLY: Final = libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY
_METADATA: Final = libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY


def delete(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot, flags: int) -> None:
    """Delete a snapshot, or the snapshots below it, or both.

    :param flags: VIR_DOMAIN_SNAPSHOT_DELETE_*.
    """
    tree = domain.snapshots
    several = flags & (_CHILDREN | _CHILDREN_ONLY)
    gone = tree.descendants(snapshot.name) if several else []
    if not flags & _CHILDREN_ONLY:
        gone.append(snapshot)
    if not flags & _METADATA:
        _check(domain, snapshot, flags)
        if snapshot.external and not several:
            _commit(hypervisor, domain, snapshot)
        else:
            for each in gone:
                hypervisor.image_snapshots.forget(
                    each, domain.definition if domain.active or each.definition is None
                    else each.definition)
    for each in gone:
        _update(domain, each)
        tree.remove(each)


def _check(domain: Domain, snapshot: Snapshot, flags: int) -> None:
    definition = snapshot.definition
    if not snapshot.external and domain.active and definition is not None:
        for disk in snapshot.disks:
            name = disk.get('name', '')
            now, then = (disks.by_target(each.devices, name)
                         for each in (domain.definition, definition))
            if now is None or then is None or disks.source_path(now) != disks.source_path(then):
                raise LibvirtError(
                    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                    f"disk image '{name}' for internal snapshot '{snapshot.name}' is not the same "
                    'as disk image currently used by VM')
    if flags & (_CHILDREN | _CHILDREN_ONLY):
        kinds = {each.external for each in domain.snapshots.descendants(snapshot.name)}
        if kinds == {True, False}:
            raise unsupported('deletion of external and internal children disk snapshots not '
                              'supported')
        if True in kinds:
            raise unsupported('deletion of external children disk snapshots not supported')
    if snapshot.external and domain.block_jobs:
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, 'cannot delete external '
                           'snapshots when there is another active block job')
    if snapshot.external and flags & _CHILDREN:
        raise unsupported('deletion of external disk snapshots with children not supported')


@dataclass(frozen=True)
class _Commit:
    """An image of a running domain that is committed to the one below it."""

    disk: Element
    path: str
    active: bool


def _commit(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot) -> None:
    """Commit the files of a snapshot to those below them, and delete them.

    A domain that is off is started for that, without events.
    """
    off = not domain.active
    if off:
        for disk in snapshot.disks:
            _check_parent(domain, snapshot, disk)
        hypervisor.processes.start(domain, paused=True)
    try:
        for commit in [_prepared(domain, snapshot, disk) for disk in snapshot.disks
                       if disk.get('snapshot') != 'no']:
            _run(hypervisor, domain, commit)
    finally:
        if off:
            hypervisor.processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN)


def _check_parent(domain: Domain, snapshot: Snapshot, disk: Element) -> None:
    """Refuse a disk of which the snapshot above is an internal one."""
    if disk.get('snapshot') == 'no':
        return
    above = domain.snapshots.get(snapshot.parent)
    while above is not None:
        if any(other.get('name') == disk.get('name') and other.get('snapshot') != 'no'
               for other in above.disks):
            break
        above = domain.snapshots.get(above.parent)
    if above is not None and not above.external:
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, 'deleting external snapshot '
                           'that has internal snapshot as parent not supported')


def _prepared(domain: Domain, snapshot: Snapshot, wanted: Element) -> _Commit:
    name = wanted.get('name', '')
    disk = disks.by_target(domain.definition.devices, name)
    if disk is None:
        raise bad_argument(f"disk '{name}' not found in domain")
    path = disks.source_path(wanted) or ''
    chain = disk_chain.paths(disk)
    if path not in chain:
        raise bad_argument('could not find base disk source in disk source chain',
                           domain=libvirt.VIR_FROM_STORAGE)
    then = None if snapshot.definition is None else disks.by_target(
        snapshot.definition.devices, name)
    if then is None:
        raise _failed(f"failed to find disk '{name}' in snapshot VM XML")
    below = chain[chain.index(path) + 1:]
    if not below:
        raise _failed('failed to find parent disk source in backing chain')
    if below[0] != disks.source_path(then):
        raise _failed('snapshot VM disk source and parent disk source are not the same')
    _check_parent(domain, snapshot, wanted)
    return _Commit(disk, path, path == chain[0])


def _failed(text: str) -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED, text)


def _run(hypervisor: Hypervisor, domain: Domain, commit: _Commit) -> None:
    kind = (libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT if commit.active
            else libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT)
    events = hypervisor.events
    if commit.active:
        events.block_job(domain, commit.disk, kind, libvirt.VIR_DOMAIN_BLOCK_JOB_READY)
    if domain.config is not None:
        configured = disks.by_target(domain.config.devices, disks.target(commit.disk)[0])
        if configured is not None:
            _commit_configured(configured, commit)
    hypervisor.image_bitmaps.merge(commit.disk, commit.path)
    disk_chain.remove(commit.disk, commit.path)
    hypervisor.image_locks.refresh(domain)
    with contextlib.suppress(OSError):
        hypervisor.backing.storage.remove(commit.path)
    events.block_job(domain, commit.disk, kind, libvirt.VIR_DOMAIN_BLOCK_JOB_COMPLETED)


def _commit_configured(configured: Element, commit: _Commit) -> None:
    """Change the disk of the configuration as that of the running domain.

    Its chain is forgotten if it does not reach down to the image that remains.
    """
    live, own = disk_chain.paths(commit.disk), disk_chain.paths(configured)
    base = live.index(commit.path) + 1
    if own[:base + 1] == live[:base + 1]:
        disk_chain.remove(configured, commit.path)
    elif own[0] == live[0]:
        drop(configured, 'backingStore')
        if commit.active:
            below = copy(disk_chain.images(commit.disk)[1])
            drop(below, 'backingStore')
            configured.append(below)
            disk_chain.remove(configured, commit.path)
            for source in configured.findall('source'):
                source.attrib.pop('index', None)


def _update(domain: Domain, gone: Snapshot) -> None:
    """Take the images of a deleted snapshot out of the definitions of those below it."""
    for snapshot in domain.snapshots.descendants(gone.name):
        for own, then in ((snapshot.definition, gone.definition),
                          (snapshot.inactive, gone.inactive or gone.definition)):
            if own is None:
                continue
            for disk in gone.disks:
                if disk.get('snapshot') != 'no':
                    _update_disk(snapshot, own, then, disk)


def _update_disk(snapshot: Snapshot, own: Definition, then: Definition | None,
                 gone: Element) -> None:
    name, path = gone.get('name', ''), disks.source_path(gone)
    disk = disks.by_target(own.devices, name)
    if disk is None or path is None:
        return
    before = None if then is None else disks.by_target(then.devices, name)
    if snapshot.external and before is not None and disks.source_path(disk) == path:
        for tag in ('source', 'backingStore', 'driver'):
            drop(disk, tag)
            disk.extend([copy(found) for found in before.findall(tag)])
        disk.set('type', before.get('type', 'file'))
    elif disks.source_path(disk) != path:
        disk_chain.remove(disk, path)
