"""What all migrations have in common: the request, checks, and the guest at its destination.

Source: libvirt 9.0.0, src/qemu/qemu_migration.c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid, unsupported
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.images import transient
from vpmem_harness.libvirtd.hypervisor.domain.jobs import check_no_backup
from vpmem_harness.libvirtd.hypervisor.domain.reload import reload
from vpmem_harness.libvirtd.values import TypedParameter
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import memory
from vpmem_harness.libvirtd.xml.domain import formatter
from vpmem_harness.libvirtd.xml.domain import parser as domain_xml

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

MIB = 1024**2

#: The first versions of libvirt and QEMU that migrate PCI devices of the host.
VFIO_LIBVIRT, VFIO_QEMU = 10_000_000, 8_002_002


@dataclass(frozen=True)
class Request:
    """A client's parameters of a migration; ``bandwidth`` in MiB a second, 0 for unlimited.

    :param parameters: the typed parameters by name, as the client sent them.
    :param typed: the same as a list, in which a name can repeat.
    """

    uri: str
    flags: int
    xml: str | None = None
    persistent_xml: str | None = None
    name: str | None = None
    bandwidth: int = 0
    parameters: Mapping[str, object] = field(default_factory=dict)
    typed: Sequence[TypedParameter] = ()

    def text(self, name: str) -> str | None:
        """Return a typed parameter as the client has sent it, or None."""
        value = self.parameters.get(name)
        return None if value is None else str(value)

    def has(self, flag: int) -> bool:
        """Whether the client has set a VIR_MIGRATE_* flag."""
        return bool(self.flags & flag)


def check_allowed(domain: Domain) -> None:
    """Refuse to migrate a domain that is tied to its host.

    QEMU migrates the state of PCI devices of the host since VFIO's second protocol of migration.
    Source: Nova, MIN_VFIO_PCI_VARIANT_LIBVIRT_VERSION and MIN_VFIO_PCI_VARIANT_QEMU_VERSION.
    """
    check_no_backup(domain)
    if domain.job is not None:
        raise invalid(f"another migration job is already running for domain '{domain.name}'")
    if domain.snapshots:
        raise invalid(f'cannot migrate domain with {len(domain.snapshots)} snapshots')
    transient.check_migration(domain)
    if domain.autodestroy is not None:
        raise invalid('domain is marked for auto destroy')
    release = domain.definition.release
    tied = {'pci', 'usb', 'scsi', 'scsi_host'}
    if release.libvirt >= VFIO_LIBVIRT and release.qemu >= VFIO_QEMU:
        tied.discard('pci')
    for hostdev in domain.definition.devices.findall('hostdev'):
        if hostdev.get('type') in tied:
            raise invalid("cannot migrate a domain with <hostdev mode='subsystem' "
                          f"type='{hostdev.get('type')}'>")


def check_same_guest(target: Definition, source: Definition) -> None:
    """Refuse a definition whose guest ABI differs from that of the running domain.

    Source: libvirt 9.0.0, src/conf/domain_conf.c (virDomainDefCheckABIStability).
    """
    for text, quoted, theirs, ours in (
            ('virt type', False, target.virt_type, source.virt_type),
            ('uuid', False, target.uuid_text, source.uuid_text),
            ('name', True, target.name, source.name),
            ('max memory', False, target.memory_total, source.memory_total),
            ('vCPU max', False, target.max_vcpus, source.max_vcpus),
            ('machine type', False, target.machine, source.machine),
            ('disk count', False, _count(target, 'disk'), _count(source, 'disk')),
            ('net card count', False, _count(target, 'interface'), _count(source, 'interface')),
            ('memory device count', False, len(target.memory_devices),
             len(source.memory_devices))):
        if theirs != ours:
            quote = "'" if quoted else ''
            raise unsupported(f'Target domain {text} {quote}{theirs}{quote} does not match '
                              f'source {quote}{ours}{quote}', domain=libvirt.VIR_FROM_DOMAIN)
    for new, old in zip(target.memory_devices, source.memory_devices, strict=True):
        if memory.size(new) != memory.size(old):
            raise unsupported(
                f"Target memory device size '{memory.size(new)}' doesn't match source memory "
                f"device size '{memory.size(old)}'", domain=libvirt.VIR_FROM_DOMAIN)


def _count(definition: Definition, tag: str) -> int:
    return len(definition.devices.findall(tag))


def start_incoming(target: Hypervisor, definition: Definition) -> tuple[Domain, bool]:
    """Start the guest at its destination, paused; return it, and whether it is new there."""
    arrived = target.domains.find(definition.name, definition.uuid, to_start=True)
    is_new = arrived is None
    if arrived is None:
        arrived = Domain(definition.name, definition.uuid)
        target.domains.add(arrived)
    try:
        target.processes.start(arrived, paused=True, source=definition, copied=True)
    except LibvirtError:
        if is_new:
            target.domains.remove(arrived)
        raise
    arrived.reason = libvirt.VIR_DOMAIN_PAUSED_MIGRATION
    target.events.lifecycle(arrived, libvirt.VIR_DOMAIN_EVENT_STARTED,
                            libvirt.VIR_DOMAIN_EVENT_STARTED_MIGRATED)
    return arrived, is_new


def go_on(target: Hypervisor, arrived: Domain, *, paused: bool) -> None:
    """Let the guest continue at its destination, unless it is to stay paused."""
    if not paused:
        target.processes.resume(arrived, libvirt.VIR_DOMAIN_RUNNING_MIGRATED,
                                libvirt.VIR_DOMAIN_EVENT_RESUMED_MIGRATED)
    else:
        arrived.reason = libvirt.VIR_DOMAIN_PAUSED_USER
        target.events.lifecycle(arrived, libvirt.VIR_DOMAIN_EVENT_SUSPENDED,
                                libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED)


def persist(target: Hypervisor, arrived: Domain, config: str | None) -> None:
    """Make the guest persistent at its destination, with its live definition if None is given."""
    detail = (libvirt.VIR_DOMAIN_EVENT_DEFINED_ADDED if arrived.config is None
              else libvirt.VIR_DOMAIN_EVENT_DEFINED_UPDATED)
    if config:
        arrived.config = domain_xml.parse(config, target.xml_host)
    else:
        stopped = arrived.definition.copy()
        formatter.stop(stopped)
        arrived.config = reload(stopped, target.xml_host)
    arrived.config.name = arrived.name
    target.events.lifecycle(arrived, libvirt.VIR_DOMAIN_EVENT_DEFINED, detail)

