"""Peer-to-peer live migration between simulated hosts.

Source: libvirt 9.0.0, src/qemu/qemu_migration.c (qemuMigrationSrcPerformPeer2Peer3).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, invalid, unsupported
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.held_migrations import HeldMigration
from vpmem_harness.libvirtd.hypervisor.domain.jobs import Job
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.domain.reload import reload
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import memory
from vpmem_harness.libvirtd.xml.domain import formatter
from vpmem_harness.libvirtd.xml.domain import parser as domain_xml
from vpmem_harness.serving.deferred import Deferred

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

MIB = 1024**2

#: The first versions of libvirt and QEMU that migrate PCI devices of the host.
VFIO_LIBVIRT, VFIO_QEMU = 10_000_000, 8_002_002

#: The port of a URI without one, by its scheme; the others use TLS.
#: Source: libvirt 9.0.0, src/remote/remote_driver.h (LIBVIRTD_TCP_PORT, LIBVIRTD_TLS_PORT).
_PORTS = {'qemu+tcp': 16509}


@dataclass(frozen=True)
class Request:
    """A client's parameters of a migration; ``bandwidth`` in MiB a second, 0 for unlimited.

    :param parameters: the typed parameters by name, as the client sent them.
    """

    uri: str
    flags: int
    xml: str | None = None
    persistent_xml: str | None = None
    name: str | None = None
    bandwidth: int = 0
    parameters: Mapping[str, object] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return a typed parameter as the client has sent it, or None."""
        value = self.parameters.get(name)
        return None if value is None else str(value)

    def has(self, flag: int) -> bool:
        """Whether the client has set a VIR_MIGRATE_* flag."""
        return bool(self.flags & flag)


@contextlib.contextmanager
def locked(source: Hypervisor, target: Hypervisor) -> Iterator[None]:
    """Hold the locks of both hosts, acquired in a fixed order so as not to deadlock."""
    first, second = sorted((source, target), key=lambda host: host.order)
    with first.lock, second.lock:
        yield


def destination(source: Hypervisor, uri: str) -> Hypervisor:
    """Return the host that a URI names, by its socket, its address or its name.

    A host's name is not enough if the URI has a socket or a port as well: the host that listens
    there may be one of another process, with the same name.

    :raises LibvirtError: VIR_ERR_OPERATION_FAILED if there is no such host.
    """
    parts = urlsplit(uri)
    sockets = parse_qs(parts.query).get('socket', [])
    server = parts.netloc.rpartition('@')[2]
    keys = sockets
    if not sockets:
        host, port = _split_port(server)
        keys = [server] if port else [f'{host}:{_PORTS.get(parts.scheme, 16514)}', host]
    found = [source.neighbours[key] for key in keys if key in source.neighbours]
    if not found:
        where = sockets[0] if sockets else server if port else f'{host}:16509'
        cause = (f"Failed to connect socket to '{where}': No such file or directory" if sockets
                 else f"unable to connect to server at '{where}': Connection refused")
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                           f'Failed to connect to remote libvirt URI {uri}: {cause}')
    if found[0] is source:
        raise internal(f'Attempt to migrate guest to the same host {source.uuid}')
    return found[0]


def _split_port(server: str) -> tuple[str, str]:
    """Split ``HOST:PORT``, where an IPv6 address has brackets; the port may be missing."""
    host, colon, port = server.rpartition(':')
    return (host, port) if colon and port.isdigit() else (server, '')


def check_allowed(domain: Domain) -> None:
    """Refuse to migrate a domain that is tied to its host.

    QEMU migrates the state of PCI devices of the host since VFIO's second protocol of migration.
    Source: Nova, MIN_VFIO_PCI_VARIANT_LIBVIRT_VERSION and MIN_VFIO_PCI_VARIANT_QEMU_VERSION.
    """
    if domain.job is not None:
        raise invalid(f"another migration job is already running for domain '{domain.name}'")
    if domain.snapshots:
        raise invalid(f'cannot migrate domain with {len(domain.snapshots)} snapshots')
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


class Migration:
    """One migration: prepare the destination, copy, then finish or undo."""

    def __init__(self, source: Hypervisor, target: Hypervisor, domain: Domain,
                 request: Request) -> None:
        self.source, self.target = source, target
        self.domain, self._request = domain, request
        self._number = domain.id
        self._was_running = domain.state == libvirt.VIR_DOMAIN_RUNNING
        self._arrived: Domain | None = None
        self._arrived_number = -1
        self._finishing = False
        self._failure: str | None = None
        self.later = Deferred()

    def start(self) -> Deferred:
        """Prepare the destination and start copying; the result completes with an empty cookie.

        :raises LibvirtError: the guest cannot be migrated, or the destination refuses it. Nothing
            has changed then.
        """
        with locked(self.source, self.target):
            domain = self.domain
            if self._request.has(libvirt.VIR_MIGRATE_OFFLINE):
                return self._move_offline()
            check_active(domain)
            check_allowed(domain)
            self._prepare()
            live = domain.definition
            total = live.memory_total * 1024
            speed = self._request.bandwidth * MIB
            job = Job(libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT, self.source.clock.now(),
                      total, total / speed if speed else self.source.migration_seconds,
                      self._ended)
            held = self.source.migrations.holding
            if held:
                job.copied = 0.0
            self.source.jobs.begin(domain, job, self.complete)
        if held:
            self.source.migrations.add(HeldMigration(self, self._request))
        return self.later

    def _definition(self) -> Definition:
        text = self._request.xml or formatter.domain(
            self.domain.definition, migratable=True, secure=True,
            asked_cpu=self.domain.asked_cpu)
        definition = domain_xml.parse(text, self.target.xml_host)
        check_same_guest(definition, self.domain.definition)
        if self._request.name:
            definition.name = self._request.name
        return definition

    def _prepare(self) -> None:
        arrived, _ = start_incoming(self.target, self._definition())
        self._arrived, self._arrived_number = arrived, arrived.id

    @property
    def destination(self) -> str:
        """The name of the destination."""
        return self.target.name

    def complete(self) -> None:
        """Finish the migration after copying: the guest continues at the destination."""
        with locked(self.source, self.target):
            domain, arrived, job = self.domain, self._arrived, self.domain.job
            if arrived is None or job is None:
                return
            if not arrived.active or arrived.id != self._arrived_number:
                self.source.jobs.end(domain, libvirt.VIR_DOMAIN_JOB_FAILED)
                return
            self._finishing = True
            source = self.source
            job.type = libvirt.VIR_DOMAIN_JOB_COMPLETED
            if domain.state == libvirt.VIR_DOMAIN_RUNNING:
                source.processes.suspend(domain, libvirt.VIR_DOMAIN_PAUSED_MIGRATION,
                                       libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED)
            else:
                self._was_running = False
            self._finish(arrived)
            self._confirm()
            source.jobs.end(domain, libvirt.VIR_DOMAIN_JOB_COMPLETED)

    def end(self, result: int, failure: str | None = None) -> None:
        """End the migration before it has succeeded.

        :param result: VIR_DOMAIN_JOB_FAILED or VIR_DOMAIN_JOB_CANCELLED.
        :param failure: the text of the client's error.
        """
        with locked(self.source, self.target):
            if not self.later.done and self.domain.job is not None:
                self._failure = failure
                self.source.jobs.end(self.domain, result)

    def _finish(self, arrived: Domain) -> None:
        target, request = self.target, self._request
        if request.has(libvirt.VIR_MIGRATE_PERSIST_DEST):
            self._persist(arrived)
        go_on(target, arrived,
              paused=not self._was_running or request.has(libvirt.VIR_MIGRATE_PAUSED))

    def _persist(self, arrived: Domain) -> None:
        detail = (libvirt.VIR_DOMAIN_EVENT_DEFINED_ADDED if arrived.config is None
                  else libvirt.VIR_DOMAIN_EVENT_DEFINED_UPDATED)
        if self._request.persistent_xml:
            arrived.config = domain_xml.parse(self._request.persistent_xml,
                                              self.target.xml_host)
        else:
            config = (self.domain.config or arrived.definition).copy()
            formatter.stop(config)
            arrived.config = reload(config, self.target.xml_host)
        arrived.config.name = arrived.name
        self.target.events.lifecycle(arrived, libvirt.VIR_DOMAIN_EVENT_DEFINED, detail)

    def _confirm(self) -> None:
        source, domain = self.source, self.domain
        forget = self._request.has(libvirt.VIR_MIGRATE_UNDEFINE_SOURCE) and domain.persistent
        job, domain.job = domain.job, None
        source.processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED,
                            libvirt.VIR_DOMAIN_EVENT_STOPPED_MIGRATED)
        domain.job = job
        if forget:
            source.domains.remove(domain)
            source.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_UNDEFINED,
                                    libvirt.VIR_DOMAIN_EVENT_UNDEFINED_REMOVED)

    def _ended(self, result: int) -> None:
        """Answer the client when the job ends, and undo the preparation if it failed."""
        if result == libvirt.VIR_DOMAIN_JOB_COMPLETED:
            self.later.resolve(b'')
            return
        if self._finishing:
            return
        arrived = self._arrived
        if arrived is not None and arrived.active and arrived.id == self._arrived_number:
            self.target.processes.stop(arrived, libvirt.VIR_DOMAIN_SHUTOFF_FAILED,
                                      libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED)
            lost = False
        else:
            lost = True
        if result == libvirt.VIR_DOMAIN_JOB_CANCELLED:
            self.later.fail(LibvirtError(libvirt.VIR_ERR_OPERATION_ABORTED,
                                         'migration out: canceled by client'))
        elif self._failure is not None:
            self.later.fail(LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED, self._failure))
        elif lost:
            self.later.fail(LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                                         'Lost connection to destination host'))
        else:
            self.later.fail(LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                                         'domain is no longer running'))

    def _move_offline(self) -> Deferred:
        domain, request = self.domain, self._request
        if domain.active:
            raise invalid('domain is already running')
        if not request.has(libvirt.VIR_MIGRATE_PERSIST_DEST):
            raise invalid('offline migration must be specified with the persistent flag set')
        if domain.config is None:
            raise AssertionError('a domain that is off has a configuration')
        target = self.target
        config = domain.config.copy()
        if request.name:
            config.name = request.name
        arrived = target.domains.find(config.name, config.uuid)
        if arrived is None:
            arrived = Domain(config.name, config.uuid)
            target.domains.add(arrived)
        arrived.config = config
        target.events.lifecycle(arrived, libvirt.VIR_DOMAIN_EVENT_DEFINED,
                                libvirt.VIR_DOMAIN_EVENT_DEFINED_ADDED)
        if request.has(libvirt.VIR_MIGRATE_UNDEFINE_SOURCE):
            self.source.domains.remove(domain)
            self.source.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_UNDEFINED,
                                          libvirt.VIR_DOMAIN_EVENT_UNDEFINED_REMOVED)
        self.later.resolve(b'')
        return self.later
