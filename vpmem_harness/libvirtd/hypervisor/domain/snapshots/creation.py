"""Take snapshots of domains.

Source: libvirt 9.0.0, src/qemu/qemu_snapshot.c (qemuSnapshotCreateXML).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_argument,
    internal,
    invalid,
    system_error,
    xml_detail,
)
from vpmem_harness.libvirtd.hypervisor.domain.images import transient
from vpmem_harness.libvirtd.hypervisor.domain.jobs import check_no_block_jobs
from vpmem_harness.libvirtd.hypervisor.domain.migration import check_same_guest
from vpmem_harness.libvirtd.hypervisor.domain.moments.inactive_definition import (
    inactive_definition,
)
from vpmem_harness.libvirtd.hypervisor.domain.save_image import SaveImage
from vpmem_harness.libvirtd.hypervisor.domain.snapshots import disks as snapshot_disks
from vpmem_harness.libvirtd.hypervisor.domain.snapshots.document import STATES
from vpmem_harness.libvirtd.hypervisor.domain.snapshots.snapshot import Snapshot
from vpmem_harness.libvirtd.xml import etree
from vpmem_harness.libvirtd.xml.devices import disk_chain, disks
from vpmem_harness.libvirtd.xml.domain import formatter
from vpmem_harness.libvirtd.xml.etree import Element, add, element

# For annotations only: the hypervisor imports domains, which have snapshots.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

_FROM: Final = libvirt.VIR_FROM_DOMAIN_SNAPSHOT
_DISK_ONLY: Final = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
_NO_METADATA: Final = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
_LIVE: Final = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_LIVE
_HALT: Final = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_HALT
_REUSE: Final = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT
_QUIESCE: Final = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE


def check(snapshot: Snapshot, domain: Domain, flags: int) -> None:
    """Refuse names of snapshots and states of domains that libvirt does not support."""
    if not flags & _NO_METADATA:
        for wrong, text in (('/' in snapshot.name, "contain '/'"),
                            (snapshot.name.startswith('.'), "start with '.'")):
            if wrong:
                raise xml_detail(f"invalid snapshot name '{snapshot.name}': name can't {text}",
                                 domain=libvirt.VIR_FROM_QEMU)
    if flags & _LIVE and (not domain.active or snapshot.memory != 'external'):
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                           'live snapshot creation is supported only during full system snapshots')
    redefine = flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE
    state = snapshot.state if redefine else STATES[domain.state]
    if state == 'pmsuspended':
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                           "qemu doesn't support taking snapshots of PMSUSPENDED guests")
    if state in ('nostate', 'blocked'):
        raise internal(f'Invalid domain state {state}')


def redefine(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot, flags: int) -> None:
    """Add a snapshot that a client describes, or replace the description of one."""
    tree = domain.snapshots
    tree.check_parent(snapshot)
    other = tree.get(snapshot.name)
    name, definition = snapshot.name, snapshot.definition
    if flags & _DISK_ONLY and snapshot.state != 'disk-snapshot':
        raise bad_argument(f'disk-only flag for snapshot {name} requires disk-snapshot state',
                           domain=_FROM)
    if definition is not None and definition.uuid != domain.uuid:
        raise bad_argument(f'definition for snapshot {name} must use uuid {domain.uuid_text}',
                           domain=_FROM)
    if other is not None:
        if other.online != snapshot.online:
            raise bad_argument('cannot change between online and offline snapshot state in '
                               f'snapshot {name}', domain=_FROM)
        if (other.state == 'disk-snapshot') != (snapshot.state == 'disk-snapshot'):
            raise bad_argument('cannot change between disk only and full system in snapshot '
                               f'{name}', domain=_FROM)
        if other.definition is not None and definition is not None:
            check_same_guest(definition, other.definition)
    known = definition or (None if other is None else other.definition)
    if known is None:
        raise internal('missing domain in snapshot', domain=_FROM)
    outside = snapshot.state == 'disk-snapshot' or snapshot.external
    snapshot_disks.align(snapshot, known, 'external' if outside else 'internal',
                         hypervisor.backing)
    tree.put(snapshot)
    if flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT:
        tree.current = name


def create(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot, flags: int) -> None:
    """Take a snapshot of a domain, whose memory and disks the snapshot names."""
    _align(hypervisor, domain, snapshot, flags)
    snapshot_disks.prepare(snapshot, domain, hypervisor.backing, reuse=bool(flags & _REUSE))
    kept = not flags & _NO_METADATA
    if kept:
        domain.snapshots.check_new(snapshot.name)
        snapshot.parent = domain.snapshots.current
    outside = any(disk.get('snapshot') == 'external' for disk in snapshot.disks)
    if not domain.active and not outside:
        hypervisor.image_snapshots.take(snapshot, domain.definition)
    elif not domain.active:
        switch(hypervisor, domain, snapshot, reuse=bool(flags & _REUSE))
    elif flags & _DISK_ONLY or snapshot.memory == 'external':
        _create_external(hypervisor, domain, snapshot, flags)
    else:
        _create_internal(hypervisor, domain, snapshot, flags)
    if kept:
        domain.snapshots.put(snapshot)
        domain.snapshots.current = snapshot.name


def _align(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot, flags: int) -> None:
    snapshot.definition = inactive_definition(hypervisor, domain)
    if domain.live is not None and domain.config is not None:
        snapshot.inactive = domain.config.copy()
    snapshot.state = STATES[domain.state]
    place = 'internal'
    if flags & _DISK_ONLY:
        place = 'external'
        snapshot.state = 'disk-snapshot' if domain.active else 'shutoff'
        snapshot.memory = 'no'
    elif snapshot.memory == 'external':
        place = 'external'
    else:
        if domain.active and snapshot.memory == 'no':
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, 'internal snapshot of a '
                               'running VM must include the memory state')
        snapshot.memory = 'internal' if domain.active else 'no'
    snapshot_disks.align(snapshot, domain.definition, place, hypervisor.backing)


def _check_allowed(domain: Domain) -> None:
    """Refuse a guest whose state QEMU cannot save."""
    transient.check_migration(domain)
    for hostdev in domain.definition.devices.findall('hostdev'):
        raise invalid("cannot migrate a domain with <hostdev mode='subsystem' "
                      f"type='{hostdev.get('type')}'>")
    check_no_block_jobs(domain)


def _cookie(domain: Domain) -> Element:
    """Return what a domain needs when it is started from the snapshot."""
    cookie = element('cookie')
    cpu = domain.definition.root.find('cpu')
    if cpu is not None:
        kept = etree.copy(cpu)
        etree.drop(kept, 'numa')
        kept.attrib.clear()
        kept.attrib.update({name: cpu.get(name, '') for name in ('mode', 'match', 'check')
                            if cpu.get(name)})
        cookie.append(kept)
    if not etree.having(domain.definition.devices, 'interface', type='user'):
        add(cookie, 'slirpHelper')
    return cookie


def _create_internal(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot,
                     flags: int) -> None:
    _check_allowed(domain)
    processes = hypervisor.processes
    running = domain.state == libvirt.VIR_DOMAIN_RUNNING
    if running:
        processes.suspend(domain, libvirt.VIR_DOMAIN_PAUSED_SAVE)
    hypervisor.jobs.iterations(domain)
    hypervisor.image_snapshots.take(snapshot, domain.definition)
    snapshot.cookie = _cookie(domain)
    if flags & _HALT:
        _halt(hypervisor, domain)
    elif running:
        processes.resume(domain)


def _create_external(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot,
                     flags: int) -> None:
    if flags & _QUIESCE:
        hypervisor.agents.of(domain).command('guest-fsfreeze-freeze')
    processes = hypervisor.processes
    memory = snapshot.memory == 'external'
    manual = any(disk.get('snapshot') == 'manual' for disk in snapshot.disks)
    running = domain.state == libvirt.VIR_DOMAIN_RUNNING
    resume = running and memory and not manual
    if running and (memory or manual) and not flags & _LIVE:
        processes.suspend(domain, libvirt.VIR_DOMAIN_PAUSED_SNAPSHOT)
    try:
        if memory:
            _save(hypervisor, domain, snapshot, running=resume)
        switch(hypervisor, domain, snapshot, reuse=bool(flags & _REUSE))
    finally:
        if resume and not flags & _HALT:
            processes.resume(domain)
    if flags & _HALT:
        _halt(hypervisor, domain)
    elif memory and domain.state == libvirt.VIR_DOMAIN_PMSUSPENDED:
        processes.suspend(domain, libvirt.VIR_DOMAIN_PAUSED_FROM_SNAPSHOT,
                          libvirt.VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT)


def _save(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot, *, running: bool) -> None:
    """Write the guest's memory to the snapshot's file; a running guest is paused at the end."""
    _check_allowed(domain)
    snapshot.cookie = _cookie(domain)
    saved = snapshot.definition
    if saved is None or snapshot.memory_file is None:
        raise AssertionError('a new snapshot has a definition, and a file if it has memory')
    SaveImage(formatter.domain(saved, inactive=True, secure=True), running).write(
        hypervisor.backing.storage, snapshot.memory_file)
    if domain.state == libvirt.VIR_DOMAIN_RUNNING:
        hypervisor.jobs.iterations(domain, 1)
        hypervisor.processes.suspend(domain, libvirt.VIR_DOMAIN_PAUSED_MIGRATION)
        hypervisor.jobs.iterations(domain, 1, first=2)
    else:
        hypervisor.jobs.iterations(domain)
    hypervisor.jobs.saved(domain, libvirt.VIR_DOMAIN_JOB_OPERATION_SNAPSHOT)


def _halt(hypervisor: Hypervisor, domain: Domain) -> None:
    hypervisor.processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT,
                              libvirt.VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT)


def switch(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot, *, reuse: bool) -> None:
    """Switch the domain's disks to their new files, in the configuration too if they match."""
    pairs = []
    for wanted in snapshot.disks:
        before = disks.by_target(domain.definition.devices, wanted.get('name', ''))
        if wanted.get('snapshot') == 'external' and before is not None:
            pairs.append((before, wanted))
    if not reuse:
        _make_files(hypervisor, domain, pairs)
    for before, wanted in pairs:
        if domain.live is None:
            disk_chain.put_on_top(before, wanted,
                                  keep=not reuse and len(disk_chain.images(before)) > 1)
            continue
        configured = None if domain.config is None else disks.by_target(
            domain.config.devices, wanted.get('name', ''))
        if configured is not None and disks.source_path(configured) == disks.source_path(before):
            disk_chain.put_on_top(configured, wanted)
        disk_chain.put_on_top(before, wanted, index=domain.next_storage_id())
        hypervisor.image_bitmaps.propagate(before)
    hypervisor.image_locks.refresh(domain)


def _make_files(hypervisor: Hypervisor, domain: Domain,
                pairs: list[tuple[Element, Element]]) -> None:
    """Create the new files on top of the current ones, all of them or none."""
    made: list[str] = []
    for before, wanted in pairs:
        path = disks.source_path(wanted)
        if wanted.get('type', 'file') != 'file' or path is None:
            continue
        try:
            if hypervisor.disk_sources.make_overlay(before, path):
                made.append(path)
        except OSError as error:
            for each in made:
                hypervisor.backing.storage.remove(each)
            raise _cannot_create(error, domain, before, wanted) from None


def _cannot_create(error: OSError, domain: Domain, before: Element,
                   wanted: Element) -> LibvirtError:
    path, number = disks.source_path(wanted), error.errno or 0
    if domain.active:
        return system_error(number, f"failed to create image file '{path}'")
    return internal(
        f'Child process (/usr/bin/qemu-img create -f {snapshot_disks.form(wanted)} -o '
        f'backing_fmt={snapshot_disks.form(before)},backing_file={disks.source_path(before)} '
        f"{path}) unexpected exit status 1: qemu-img: {path}: Could not create '{path}': "
        f'{os.strerror(number)}\n', domain=libvirt.VIR_FROM_NONE)
