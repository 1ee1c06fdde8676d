"""The disks of a snapshot.

Source: libvirt 9.0.0, src/conf/snapshot_conf.c (virDomainSnapshotAlignDisks),
src/qemu/qemu_snapshot.c (qemuSnapshotPrepare, qemuSnapshotCreateInactiveExternal).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, unsupported
from vpmem_harness.libvirtd.hypervisor.backing import Backing
from vpmem_harness.libvirtd.hypervisor.domain.disk_sources import DiskSources
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.xml import etree
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.etree import Element, add, element

_DOMAIN = libvirt.VIR_FROM_DOMAIN_SNAPSHOT


def align(root: Element, definition: Definition, name: str, backing: Backing) -> list[Element]:
    """Return a complete ``<disk>`` for each of a domain's disks, in the domain's order.

    :param root: the client's ``<domainsnapshot>`` of name ``name``; disks that it does not list
        are included, except empty drives and disks with ``snapshot='no'``.
    :raises LibvirtError: a listed disk does not exist, or a new file cannot be named.
    """
    present = definition.devices.findall('disk')
    asked = root.findall('disks/disk')
    if len(asked) > len(present):
        raise unsupported('too many disk snapshot requests for domain', domain=_DOMAIN)
    wanted: dict[str, Element] = {}
    for request in asked:
        given = request.get('name') or ''
        for disk in present:
            if given and given in (disks.target(disk)[0], disks.source_path(disk)):
                break
        else:
            raise unsupported(f"no disk named '{given}'", domain=_DOMAIN)
        target = disks.target(disk)[0]
        if target in wanted:
            raise unsupported(f"disk '{given}' specified twice", domain=_DOMAIN)
        wanted[target] = request
    listed = [_aligned(disk, wanted.get(disks.target(disk)[0]), name, backing)
              for disk in present]
    names: dict[str, str] = {}
    for disk in listed:
        source = disk.find('source')
        path = None if source is None else source.get('file')
        if path is not None:
            if path in names:
                raise unsupported(
                    f"cannot generate external snapshot name for disk '{disk.get('name')}': "
                    f"collision with disk '{names[path]}'", domain=_DOMAIN)
            names[path] = disk.get('name', '')
    return listed


def _aligned(disk: Element, wanted: Element | None, name: str, backing: Backing) -> Element:
    target = disks.target(disk)[0]
    source = None if wanted is None else wanted.find('source')
    given = source is not None and bool(source.attrib)
    how = None if wanted is None else wanted.get('snapshot')
    if how is None and given:
        how = 'external'
    elif how is None:
        empty = not disks.source_path(disk) and disk.find('source') is None
        readonly = disk.find('readonly') is not None
        unasked = wanted is None and empty
        how = 'no' if unasked else disk.get('snapshot') or ('no' if readonly else 'external')
    if given and source is not None and how != 'external':
        raise unsupported(f"file '{disks.source_path(wanted) if wanted is not None else ''}' for "
                          f"disk '{target}' requires use of external snapshot mode",
                          domain=_DOMAIN)
    kind = 'file' if wanted is None else wanted.get('type', 'file')
    aligned = element('disk', name=target, snapshot=how)
    if how != 'external':
        return aligned
    aligned.set('type', kind)
    driver = None if wanted is None else wanted.find('driver')
    form = None if driver is None else driver.get('type')
    aligned.append(etree.copy(driver) if driver is not None else element('driver'))
    aligned[0].set('type', form or 'qcow2')
    if given and source is not None:
        aligned.append(etree.copy(source))
    else:
        add(aligned, 'source', file=_name(disk, target, kind, name, backing))
    return aligned


def _name(disk: Element, target: str, kind: str, name: str, backing: Backing) -> str:
    """Return the new file's path: the current one with the snapshot's name as its suffix."""
    if kind != 'file':
        raise unsupported(f"cannot generate external snapshot name for disk '{target}' on a "
                          f"'{kind}' device", domain=_DOMAIN)
    old = disks.source_path(disk)
    if not old:
        raise unsupported(f"cannot generate external snapshot name for disk '{target}' without "
                          'source', domain=_DOMAIN)
    found = backing.stat(old)
    if disk.get('type') != 'file' or (found is not None and found.kind != 'regular'):
        raise unsupported(f"source for disk '{target}' is not a regular file; refusing to "
                          'generate external snapshot name', domain=_DOMAIN)
    directory, slash, file = old.rpartition('/')
    stem = file.rpartition('.')[0] if '.' in file else file
    return f'{directory}{slash}{stem}.{name}'


def check(listed: list[Element], domain: Domain) -> None:
    """Refuse disks that QEMU cannot take a snapshot of."""
    for disk in listed:
        name, how = disk.get('name', ''), disk.get('snapshot')
        if how != 'no' and name in domain.block_jobs:
            raise LibvirtError(libvirt.VIR_ERR_BLOCK_COPY_ACTIVE,
                               f"disk '{name}' already in active block job")
        if how == 'internal' and domain.active:
            raise unsupported(f"active qemu domains require external disk snapshots; disk {name} "
                              'requested internal')
        if how == 'external':
            _check_external(disk, name, domain)
    if not any(disk.get('snapshot') in ('internal', 'external') for disk in listed):
        raise unsupported('nothing selected for snapshot')
    if any(disk.get('snapshot') == 'internal' for disk in listed):
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                           'internal snapshots are not simulated')


def _check_external(disk: Element, name: str, domain: Domain) -> None:
    form = disk[0].get('type')
    if form not in ('qcow2', 'qed'):
        raise unsupported(f'external snapshot format for disk {name} is unsupported: {form}')
    if not domain.active:
        present = disks.by_target(domain.definition.devices, name)
        for each in (present, disk):
            kind = 'file' if each is None else each.get('type', 'file')
            if kind not in ('file', 'block'):
                raise internal(f"external inactive snapshots are not supported on '{kind}' disks")


def switch(listed: list[Element], domain: Domain, sources: DiskSources) -> None:
    """Switch the domain's disks to their new files, in the configuration too if they match."""
    for wanted in listed:
        name = wanted.get('name', '')
        before = disks.by_target(domain.definition.devices, name)
        if wanted.get('snapshot') != 'external' or before is None:
            continue
        old = disks.source_path(before)
        new = disks.source_path(wanted)
        if wanted.get('type', 'file') == 'file' and new is not None:
            sources.make_overlay(before, new)
        for definition in (domain.live, domain.config):
            found = None if definition is None else disks.by_target(definition.devices, name)
            if found is None or (found is not before and disks.source_path(found) != old):
                continue
            found.set('type', wanted.get('type', 'file'))
            etree.drop(found, 'source')
            etree.drop(found, 'backingStore')
            found.append(etree.copy(wanted[1]))
            driver = found.find('driver')
            if driver is not None:
                driver.set('type', wanted[0].get('type', 'qcow2'))
