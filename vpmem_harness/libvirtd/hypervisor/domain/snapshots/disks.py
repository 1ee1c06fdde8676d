"""The disks of a snapshot.

Source: libvirt 9.0.0, src/conf/snapshot_conf.c (virDomainSnapshotAlignDisks),
src/qemu/qemu_snapshot.c (qemuSnapshotPrepare).
"""

from __future__ import annotations

import errno
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, system_error, unsupported
from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.images import transient
from vpmem_harness.libvirtd.hypervisor.domain.jobs import check_no_block_job
from vpmem_harness.libvirtd.hypervisor.domain.snapshots.snapshot import Snapshot
from vpmem_harness.libvirtd.xml import etree
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.domain import firmware
from vpmem_harness.libvirtd.xml.etree import Element, add, element

_FROM: Final = libvirt.VIR_FROM_DOMAIN_SNAPSHOT


def form(disk: Element) -> str:
    """Return the format of a disk's image; empty if it is not known."""
    return disks.driver_format(disk, '')


def align(snapshot: Snapshot, definition: Definition, default: str, backing: Backing) -> None:
    """Give a snapshot a complete ``<disk>`` for each of the domain's disks, in their order.

    :param default: the place of disks that the snapshot does not list, ``internal`` or
        ``external``; empty drives are left out.
    :raises LibvirtError: a listed disk does not exist, or a new file cannot be named.
    """
    present = definition.devices.findall('disk')
    if len(snapshot.disks) > len(present):
        raise unsupported('too many disk snapshot requests for domain', domain=_FROM)
    wanted: dict[str, Element] = {}
    for request in snapshot.disks:
        given = request.get('name') or ''
        disk = disks.named(definition.devices, given)
        if disk is None:
            raise unsupported(f"no disk named '{given}'", domain=_FROM)
        target = disks.target(disk)[0]
        if target in wanted:
            raise unsupported(f"disk '{given}' specified twice", domain=_FROM)
        wanted[target] = _placed(request, disk, default)
    if not present:
        return
    snapshot.disks = [
        wanted[disks.target(disk)[0]] if disks.target(disk)[0] in wanted
        else _default(disk, default) for disk in present]
    _name_files(snapshot, present, backing)


def _placed(request: Element, disk: Element, default: str) -> Element:
    """Return a listed disk with the place of its snapshot."""
    name, target = request.get('name'), disks.target(disk)[0]
    given, own = request.get('snapshot'), _own(disk)
    uniform = default == 'internal'
    if given is None:
        given = own if own is not None and (not uniform or own == 'no') else default
    elif uniform and given != default and not given == own == 'no':
        raise unsupported(f"disk '{name}' must use snapshot mode '{default}'", domain=_FROM)
    path = disks.source_path(request)
    if path and given != 'external':
        raise unsupported(f"file '{path}' for disk '{name}' requires use of external snapshot "
                          'mode', domain=_FROM)
    placed = etree.copy(request)
    placed.attrib.clear()
    placed.attrib.update({'name': target, 'snapshot': given, 'type': request.get('type', 'file')})
    return placed


def _own(disk: Element) -> str | None:
    """Return the place that a domain's definition gives snapshots of a disk."""
    readonly = disk.find('readonly') is not None
    return disk.get('snapshot') or ('no' if readonly else None)


def _default(disk: Element, default: str) -> Element:
    empty = not disks.source_path(disk) and disk.find('source') is None
    return element('disk', name=disks.target(disk)[0],
                   snapshot='no' if empty else _own(disk) or default, type='file')


def _name_files(snapshot: Snapshot, present: list[Element], backing: Backing) -> None:
    names: dict[str, str] = {}
    for disk, own in zip(snapshot.disks, present, strict=True):
        name = disk.get('name', '')
        path = disks.source_path(disk)
        if disk.get('snapshot') == 'external' and not path:
            path = _new_path(own, name, disk.get('type', 'file'), snapshot.name, backing)
            add(disk, 'source', file=path)
            if path in names:
                raise unsupported(f"cannot generate external snapshot name for disk '{name}': "
                                  f"collision with disk '{names[path]}'", domain=_FROM)
        if path:
            names[path] = name


def _new_path(disk: Element, target: str, kind: str, name: str, backing: Backing) -> str:
    """Return the new file's path: the current one with the snapshot's name as its suffix."""
    if kind != 'file':
        raise unsupported(f"cannot generate external snapshot name for disk '{target}' on a "
                          f"'{kind}' device", domain=_FROM)
    old = disks.source_path(disk)
    if not old:
        raise unsupported(f"cannot generate external snapshot name for disk '{target}' without "
                          'source', domain=_FROM)
    found = backing.stat(old)
    if disk.get('type') != 'file' or (found is not None and found.kind != 'regular'):
        raise unsupported(f"source for disk '{target}' is not a regular file; refusing to "
                          'generate external snapshot name', domain=_FROM)
    directory, slash, file = old.rpartition('/')
    stem = file.rpartition('.')[0] if '.' in file else file
    return f'{directory}{slash}{stem}.{name}'


def prepare(snapshot: Snapshot, domain: Domain, backing: Backing, *, reuse: bool) -> None:
    """Refuse disks that QEMU cannot take a snapshot of, and set the formats of new files.

    :param reuse: whether the new files exist already.
    """
    places = set()
    excluded = False
    for disk, own in zip(snapshot.disks, domain.definition.devices.findall('disk'), strict=True):
        name, how = disk.get('name', ''), disk.get('snapshot', '')
        if domain.active and how == 'external':
            transient.check_block_job(own)
        if how != 'no':
            check_no_block_job(domain, name)
        places.add(how)
        if how == 'internal':
            _check_internal(snapshot, own, name, domain)
        elif how == 'external':
            _check_external(disk, own, name, domain, backing, reuse=reuse)
        elif how == 'manual' or (disks.source_path(own) and own.find('readonly') is None):
            excluded = True
    _check_places(snapshot, domain, places, excluded=excluded)


def _check_internal(snapshot: Snapshot, own: Element, name: str, domain: Domain) -> None:
    if snapshot.state == 'disk-snapshot' and domain.active:
        raise unsupported(f'active qemu domains require external disk snapshots; disk {name} '
                          'requested internal')
    kind = own.get('type', 'file')
    if not domain.active and kind == 'network':
        source = own.find('source')
        protocol = '' if source is None else source.get('protocol', '')
        raise internal("internal inactive snapshots are not supported on 'network' disks using "
                       f"'{protocol}' protocol")
    if not domain.active and kind not in ('file', 'block', 'volume'):
        raise internal(f"internal inactive snapshots are not supported on '{kind}' disks")
    image = form(own) or ('' if kind == 'volume' else 'raw')
    if image not in ('', 'qcow2'):
        raise unsupported(f'internal snapshot for disk {name} unsupported for storage type '
                          f'{image}')


def _check_external(disk: Element, own: Element, name: str, domain: Domain, backing: Backing, *,
                    reuse: bool) -> None:
    driver = disk.find('driver')
    if driver is None:
        driver = element('driver')
        disk.insert(0, driver)
    if not driver.get('type'):
        driver.set('type', 'qcow2')
    if form(disk) not in ('qcow2', 'qed'):
        raise unsupported(f'external snapshot format for disk {name} is unsupported: '
                          f'{form(disk)}')
    if domain.active and own.get('device') == 'lun':
        raise unsupported('external active snapshots are not supported on scsi passthrough '
                          'devices')
    kinds = ([disk.get('type', 'file')] if domain.active
             else [own.get('type', 'file'), disk.get('type', 'file')])
    for kind in kinds:
        if kind not in ('file', 'block', 'network' if domain.active else 'volume'):
            when = 'active' if domain.active else 'inactive'
            raise internal(f"external {when} snapshots are not supported on '{kind}' disks")
    _check_file(disk, name, backing, reuse=reuse)


def _check_file(disk: Element, name: str, backing: Backing, *, reuse: bool) -> None:
    kind, path = disk.get('type', 'file'), disks.source_path(disk)
    if kind not in ('file', 'block') or path is None:
        return
    found = backing.stat(path)
    if found is None and reuse:
        raise system_error(errno.ENOENT, f'missing existing file for disk {name}: {path}')
    if found is None and kind == 'block':
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                           f"block device snapshot target '{path}' doesn't exist")
    if found is not None and found.kind != ('block' if kind == 'block' else 'regular'):
        raise unsupported(f"mismatch between configured type for snapshot disk '{name}' and the "
                          f"type of existing file '{path}'")
    if found is not None and not reuse and kind == 'file' and found.size:
        raise unsupported(f'external snapshot file for disk {name} already exists and is not a '
                          f'block device: {path}')


def _check_places(snapshot: Snapshot, domain: Domain, places: set[str], *,
                  excluded: bool) -> None:
    inside, outside = 'internal' in places, 'external' in places
    if not inside and not outside and snapshot.memory == 'no':
        raise unsupported('nothing selected for snapshot')
    if (snapshot.memory == 'internal' and not inside) or (inside and excluded):
        raise unsupported('internal and full system snapshots require all disks to be selected '
                          'for snapshot')
    if snapshot.state == 'disk-snapshot' and not outside:
        raise unsupported('disk-only snapshots require at least one disk to be selected for '
                          'snapshot')
    if (inside and outside) or (snapshot.memory == 'internal' and outside) \
            or (snapshot.memory == 'external' and inside):
        raise unsupported('mixing internal and external targets for a snapshot is not yet '
                          'supported')
    if inside and firmware.has_flash(domain.definition):
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                           'internal snapshots of a VM with pflash based firmware are not '
                           'supported')
