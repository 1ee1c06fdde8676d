"""Revert domains to their snapshots.

Source: libvirt 9.0.0, src/qemu/qemu_snapshot.c (qemuSnapshotRevert).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid, unsupported
from vpmem_harness.libvirtd.hypervisor.domain import emulator
from vpmem_harness.libvirtd.hypervisor.domain.snapshots.snapshot import Snapshot
from vpmem_harness.libvirtd.xml.definition import Definition

# For annotations only: the hypervisor imports domains, which have snapshots.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

_RUNNING: Final = libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING
_PAUSED: Final = libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED
_FORCE: Final = libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_FORCE


def check(domain: Domain, snapshot: Snapshot, flags: int) -> None:
    """Refuse to revert where libvirt cannot, or only with VIR_DOMAIN_SNAPSHOT_REVERT_FORCE."""
    if not domain.persistent and not snapshot.online and not flags & (_RUNNING | _PAUSED):
        raise invalid('transient domain needs to request run or pause to revert to inactive '
                      'snapshot')
    if snapshot.external:
        raise unsupported('revert to external snapshot not supported yet')
    if snapshot.definition is None:
        raise LibvirtError(
            libvirt.VIR_ERR_SNAPSHOT_REVERT_RISKY,
            f"snapshot '{snapshot.name}' lacks domain '{domain.name}' rollback info")
    if domain.managed_save is not None and not snapshot.online and not flags & _FORCE:
        raise LibvirtError(
            libvirt.VIR_ERR_SNAPSHOT_REVERT_RISKY,
            'snapshot without memory state, removal of existing managed saved state strongly '
            'recommended to avoid corruption')


def revert(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot, flags: int) -> None:
    """Revert a domain to a snapshot that has its definition, and make that the current one.

    :param flags: VIR_DOMAIN_SNAPSHOT_REVERT_*.
    :raises LibvirtError: an image lacks the snapshot, or the guest cannot start. A domain that was
        running is off then.
    """
    if snapshot.definition is None:
        raise AssertionError('the snapshot was checked')
    definition = _named(snapshot.definition, domain.name)
    inactive = None if snapshot.inactive is None else _named(snapshot.inactive, domain.name)
    if domain.active:
        hypervisor.processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT,
                                  libvirt.VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT)
    transient = not domain.persistent
    if not snapshot.online:
        hypervisor.image_snapshots.apply(snapshot, definition)
    if transient:
        domain.live = None
        hypervisor.domains.add(domain)
    else:
        domain.config = inactive or definition
    try:
        if snapshot.online:
            _start_saved(hypervisor, domain, snapshot, definition, flags)
        elif flags & (_RUNNING | _PAUSED):
            _start(hypervisor, domain, definition, paused=bool(flags & _PAUSED))
    except LibvirtError:
        if transient:
            hypervisor.domains.remove(domain)
        raise
    domain.snapshots.current = snapshot.name
    if domain.persistent:
        hypervisor.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_DEFINED,
                                    libvirt.VIR_DOMAIN_EVENT_DEFINED_FROM_SNAPSHOT)


def _named(definition: Definition, name: str) -> Definition:
    copied = definition.copy()
    copied.name = name
    return copied


def _start_saved(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot,
                 definition: Definition, flags: int) -> None:
    """Start a guest with the memory of a snapshot."""
    paused = not flags & _RUNNING and (snapshot.state == 'paused' or bool(flags & _PAUSED))
    failure = hypervisor.image_snapshots.failure(snapshot, definition)
    events = hypervisor.events
    try:
        hypervisor.processes.start(domain, paused=True, source=definition,
                                   paused_reason=libvirt.VIR_DOMAIN_PAUSED_FROM_SNAPSHOT)
        if failure is not None:
            hypervisor.processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_FAILED)
            raise emulator.closed(definition, failure)
    finally:
        events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_STARTED,
                         libvirt.VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT)
    # QEMU loads the contents of NVDIMMs with the rest of the memory.
    hypervisor.processes.written(domain)
    if paused:
        events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_SUSPENDED,
                         libvirt.VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT)
    else:
        hypervisor.processes.resume(domain, libvirt.VIR_DOMAIN_RUNNING_FROM_SNAPSHOT,
                                    libvirt.VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT)
    hypervisor.agents.guest_started(domain)


def _start(hypervisor: Hypervisor, domain: Domain, definition: Definition, *,
           paused: bool) -> None:
    """Start a guest from the disks of a snapshot."""
    hypervisor.processes.start(domain, paused=paused, source=definition)
    events = hypervisor.events
    if not paused:
        events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_RESUMED,
                         libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED)
    events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_STARTED,
                     libvirt.VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT)
    if paused:
        events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_SUSPENDED,
                         libvirt.VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT)
    hypervisor.agents.guest_started(domain)
