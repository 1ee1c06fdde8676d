"""Transient disks: a running guest writes to an overlay, which is deleted when the guest ends.

Source: libvirt 9.0.0, src/qemu/qemu_snapshot.c (qemuSnapshotGetTransientDiskDef),
src/qemu/qemu_process.c (qemuProcessSetupDisksTransient), src/qemu/qemu_domain.c
(qemuDomainDiskBlockJobIsSupported), src/qemu/qemu_migration.c (qemuMigrationSrcIsAllowed).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid, system_error
from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.hypervisor.domain.disk_sources import DiskSources
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.xml.devices import disk_chain, disks
from vpmem_harness.libvirtd.xml.etree import Element, add, element


def is_transient(disk: Element) -> bool:
    """Whether what a guest writes to a disk is discarded."""
    return disk.find('transient') is not None


def shares_backing(disk: Element) -> bool:
    """Whether several guests can use the image of a transient disk at once."""
    found = disk.find('transient')
    return found is not None and found.get('shareBacking') == 'yes'


def make_overlays(found: Iterable[Element], name: str, sources: DiskSources,
                  backing: Backing) -> None:
    """Create the overlays of transient disks.

    :param name: the name of the domain, which is part of the overlays' names.
    :raises LibvirtError: an overlay exists already, or cannot be created.
    """
    wanted = [(disk, path) for disk in found if (path := _overlay(disk, name)) is not None]
    for disk, path in wanted:
        if backing.stat(path) is not None:
            raise _unsupported(f"Overlay file '{path}' for transient disk "
                               f"'{disks.target(disk)[0]}' already exists")
    for disk, path in wanted:
        try:
            sources.make_overlay(disk, path)
        except OSError as error:
            raise system_error(error.errno or 0,
                               f"failed to create image file '{path}'") from None


def switch(found: Iterable[Element], domain: Domain) -> None:
    """Switch the transient disks of a running domain to their overlays."""
    for disk in found:
        path = _overlay(disk, domain.name)
        if path is not None:
            overlay = element('disk', type='file')
            add(overlay, 'driver', type='qcow2')
            add(overlay, 'source', file=path)
            disk_chain.put_on_top(disk, overlay, index=domain.next_storage_id())


def remove_overlays(found: Iterable[Element], name: str, backing: Backing) -> None:
    """Delete the overlays of transient disks, which no guest uses any more.

    :param name: the name of the domain. Files without it in their names are no overlays.
    """
    for disk in found:
        path = disks.source_path(disk)
        if is_transient(disk) and path and path.endswith(_suffix(name)):
            with contextlib.suppress(OSError):
                backing.storage.remove(path)


def _overlay(disk: Element, name: str) -> str | None:
    path = disks.source_path(disk) if is_transient(disk) else None
    return path + _suffix(name) if path else None


def _suffix(name: str) -> str:
    return f'.TRANSIENT-{name}'


def check_migration(domain: Domain) -> None:
    """Refuse to migrate, save or dump a guest that has a transient disk."""
    if domain.live is not None and any(map(is_transient, domain.live.devices.findall('disk'))):
        raise invalid('migration with transient disk is not supported')


def check_block_job(disk: Element) -> None:
    """Refuse a block job or an external snapshot of a transient disk."""
    if is_transient(disk):
        raise _unsupported('block jobs are not supported on transient disk '
                           f"'{disks.target(disk)[0]}'")


def _unsupported(detail: str) -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, detail)
