"""Migration that a client drives over its connections to both hosts.

The client begins at the source, prepares the destination, lets the source perform, finishes at the
destination and confirms at the source. It carries the hosts' cookies.
Source: libvirt 9.0.0, src/libvirt-domain.c (virDomainMigrateVersion3Full) and
src/qemu/qemu_migration.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, internal, invalid
from vpmem_harness.libvirtd.hypervisor.domain import migration, migration_cookie
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.held_migrations import HeldMigration
from vpmem_harness.libvirtd.hypervisor.domain.jobs import Job
from vpmem_harness.libvirtd.hypervisor.domain.migration import MIB, Request
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.xml.domain import formatter
from vpmem_harness.libvirtd.xml.domain import parser as domain_xml
from vpmem_harness.serving.deferred import Deferred

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

#: The ports on which QEMU waits for guests.
#: Source: libvirt 9.0.0, src/qemu/qemu_conf.h (QEMU_MIGRATION_PORT_MIN and _MAX).
PORTS: Final = range(49152, 49216)

_URI: Final = re.compile(r'(?:(?P<scheme>[A-Za-z][\w+.-]*):)?(?://)?'
                         r'(?P<host>\[[^\]]*\]|[^:/]*)(?::(?P<port>[0-9]+))?(?P<path>/.*)?')


class Outgoing:
    """A domain that a client moves away from this host, from begin to confirm.

    :ivar destination: the name of the host in the migration URI.
    :ivar was_running: whether the guest ran until its memory was copied.
    :ivar post_copy: whether the guest continues at the destination before its memory is copied.
    """

    def __init__(self, source: Hypervisor, domain: Domain, request: Request,
                 connection: object) -> None:
        self.source, self.domain = source, domain
        self.connection = connection
        self._request = request
        self.was_running = domain.state == libvirt.VIR_DOMAIN_RUNNING
        self._failure: str | None = None
        self._copied = False
        self.post_copy = False
        self.performing = False
        self.later = Deferred()
        self.destination = ''

    def begin(self) -> tuple[bytes, str]:
        """Start the migration's job; return a cookie and the XML for the destination."""
        self.check()
        text = self._document()
        self.reserve()
        return self._cookie(), text

    def describe(self) -> tuple[bytes, str]:
        """Return a cookie and the XML for the destination, after :meth:`reserve`."""
        return self._cookie(), self._document()

    def check(self) -> None:
        """Refuse a domain that cannot leave, and flags that contradict each other."""
        if not self._request.has(libvirt.VIR_MIGRATE_OFFLINE):
            check_active(self.domain)
        migration.check_allowed(self.domain)
        _check_flags(self._request)

    def _document(self) -> str:
        domain, request = self.domain, self._request
        text = formatter.domain(domain.definition, migratable=True, secure=True,
                                asked_cpu=domain.asked_cpu)
        if request.xml:
            definition = domain_xml.parse(request.xml, self.source.xml_host)
            migration.check_same_guest(definition, domain.definition)
            text = formatter.domain(definition, migratable=True, secure=True)
        return text

    def reserve(self) -> None:
        """Start the migration's job."""
        domain = self.domain
        domain.outgoing = self
        domain.job = Job(libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT, self.source.clock.now(),
                         domain.definition.memory_total * 1024, 0.0, self._ended, copied=0.0)

    def perform(self, request: Request, cookie: bytes, uri: str | None) -> Deferred:
        """Copy the guest's memory; the result completes with a cookie."""
        domain, source = self.domain, self.source
        check_active(domain)
        if self.performing or domain.job is None:
            raise invalid('domain is not being migrated')
        if not uri:
            raise internal('missing migration URI')
        self._check_cookie(cookie)
        if migration_cookie.of_real_host(cookie):
            raise LibvirtError(
                libvirt.VIR_ERR_OPERATION_FAILED,
                f'migration out job: no QEMU runs here that could send memory to {uri}')
        self._request = request
        self.destination = _parse(uri)['host']
        self.performing = True
        total = domain.definition.memory_total * 1024
        speed = request.bandwidth * MIB
        job = Job(libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT, source.clock.now(), total,
                  total / speed if speed else source.migration_seconds, self._ended)
        if source.migrations.holding:
            job.copied = 0.0
        source.jobs.begin(domain, job, self.complete)
        if job.copied is not None:
            source.migrations.add(HeldMigration(self, request))
        return self.later

    def start_post_copy(self) -> None:
        """Pause the guest, so that it continues at the destination before its memory is copied.

        The rest of the memory is copied at once.

        :raises LibvirtError: the client has not asked for this, or the guest has not begun to move.
        """
        if not self._request.has(libvirt.VIR_MIGRATE_POSTCOPY):
            raise invalid('switching to post-copy requires migration to be started with '
                          'VIR_MIGRATE_POSTCOPY flag')
        if not self.performing:
            raise internal("unable to execute QEMU command 'migrate-start-postcopy': Enable "
                           'postcopy with migrate_set_capability before the start of migration')
        if self.later.done:
            return
        self.post_copy = True
        self.complete()

    def fail_post_copy(self) -> None:
        """Leave the guest paused: a part of its memory is here, another at the destination."""
        self._pause(libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED,
                    libvirt.VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED)

    def _pause(self, reason: int, detail: int) -> None:
        """Change the reason why the guest is paused."""
        self.domain.reason = reason
        self.source.events.lifecycle(self.domain, libvirt.VIR_DOMAIN_EVENT_SUSPENDED, detail)

    def complete(self) -> None:
        """Pause the guest: all of its memory is copied."""
        with self.source.lock:
            domain, source = self.domain, self.source
            if self.later.done or domain.job is None:
                return
            if domain.state == libvirt.VIR_DOMAIN_RUNNING:
                source.processes.suspend(domain, libvirt.VIR_DOMAIN_PAUSED_MIGRATION,
                                         libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED)
            else:
                self.was_running = False
            self._copied = True
            if self.post_copy:
                self._pause(libvirt.VIR_DOMAIN_PAUSED_POSTCOPY,
                            libvirt.VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY)
            config = None
            if self._request.has(libvirt.VIR_MIGRATE_PERSIST_DEST):
                kept = (domain.config or domain.definition).copy()
                formatter.stop(kept)
                config = self._request.persistent_xml or formatter.domain(
                    kept, migratable=True, secure=True)
            self.later.resolve(self._cookie(config))

    def end(self, result: int, failure: str | None = None) -> None:
        """End the copying before it has succeeded: see ``HeldMigration``."""
        with self.source.lock:
            if not self.later.done and self.domain.job is not None:
                self._failure = failure
                self.source.jobs.end(self.domain, result)

    def _ended(self, result: int) -> None:
        """Answer the client when the job ends early."""
        if self.later.done:
            return
        if result == libvirt.VIR_DOMAIN_JOB_CANCELLED:
            self.later.fail(LibvirtError(libvirt.VIR_ERR_OPERATION_ABORTED,
                                         'migration out: canceled by client'))
        else:
            self.later.fail(LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                                         self._failure or 'domain is no longer running'))

    def confirm(self, request: Request, cookie: bytes, cancelled: bool) -> None:
        """End the guest here, or let it continue if the migration was cancelled."""
        domain, source = self.domain, self.source
        self._check_cookie(cookie)
        offline = request.has(libvirt.VIR_MIGRATE_OFFLINE)
        if not (cancelled or offline or self._copied):
            raise invalid('domain is not being migrated')
        self._release()
        if cancelled:
            self._restore()
            return
        if not offline:
            job, domain.job = domain.job, None
            source.processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED,
                                  libvirt.VIR_DOMAIN_EVENT_STOPPED_MIGRATED)
            domain.job = job
            source.jobs.end(domain, libvirt.VIR_DOMAIN_JOB_COMPLETED)
        else:
            domain.job = None
        if request.has(libvirt.VIR_MIGRATE_UNDEFINE_SOURCE) and domain.persistent:
            source.domains.remove(domain)
            source.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_UNDEFINED,
                                    libvirt.VIR_DOMAIN_EVENT_UNDEFINED_REMOVED)

    def abandon(self) -> None:
        """End the job of a migration that has not begun to copy."""
        self._release()
        self.domain.job = None

    def disconnected(self) -> None:
        """Undo what can be undone when the client disappears.

        After the copying, nobody knows whether the guest runs at the destination; it stays paused.
        """
        self._release()
        if self.post_copy:
            self._restore()
        elif self._copied:
            self.domain.job = None
        else:
            self.end(libvirt.VIR_DOMAIN_JOB_FAILED)
            self._restore()

    def _release(self) -> None:
        self.domain.outgoing = None

    def _restore(self) -> None:
        domain = self.domain
        if self.post_copy:
            self.fail_post_copy()
        elif self._copied and self.was_running and domain.active:
            self.source.processes.resume(domain, libvirt.VIR_DOMAIN_RUNNING_MIGRATION_CANCELED,
                                         libvirt.VIR_DOMAIN_EVENT_RESUMED_MIGRATED)
        domain.job = None

    def _cookie(self, config: str | None = None) -> bytes:
        return migration_cookie.make(self.source, self.domain.name, self.domain.uuid_text, config,
                                     post_copy=self.post_copy)

    def _check_cookie(self, cookie: bytes) -> None:
        migration_cookie.check(self.source, cookie, self.domain.name, self.domain.uuid_text)


@dataclass(eq=False)
class Incoming:
    """A domain that a client moves to this host, from prepare to finish.

    :param original: its name at the source.
    """

    target: Hypervisor
    domain: Domain
    original: str
    number: int
    is_new: bool

    def finish(self, request: Request, cookie: bytes, cancelled: bool) -> bytes:
        """Let the guest continue here, and return a cookie; remove it if cancelled.

        :raises LibvirtError: VIR_ERR_MIGRATE_FINISH_OK after a cancelled migration, for which the
            client has the reason.
        """
        target, domain = self.target, self.domain
        offline = request.has(libvirt.VIR_MIGRATE_OFFLINE)
        config = migration_cookie.check(target, cookie, self.original, domain.uuid_text)
        domain.incoming = None
        if not offline and (not domain.active or domain.id != self.number):
            raise internal('guest unexpectedly quit')
        domain.autodestroy = None
        if cancelled:
            if offline:
                if self.is_new:
                    target.domains.remove(domain)
            else:
                target.processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_FAILED,
                                      libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED)
            raise LibvirtError(libvirt.VIR_ERR_MIGRATE_FINISH_OK)
        if offline:
            target.events.lifecycle(domain, libvirt.VIR_DOMAIN_EVENT_DEFINED,
                                    libvirt.VIR_DOMAIN_EVENT_DEFINED_ADDED)
        else:
            if request.has(libvirt.VIR_MIGRATE_PERSIST_DEST):
                migration.persist(target, domain, config)
            if migration_cookie.of_post_copy(cookie):
                target.processes.resume(domain, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY,
                                        libvirt.VIR_DOMAIN_EVENT_RESUMED_POSTCOPY)
            migration.go_on(target, domain,
                            paused=request.has(libvirt.VIR_MIGRATE_PAUSED))
        return migration_cookie.make(target, self.original, domain.uuid_text)


def prepare(target: Hypervisor, request: Request, cookie: bytes, uri: str | None,
            connection: object) -> tuple[bytes, str | None]:
    """Make a destination ready; return a cookie, and the URI at which QEMU waits.

    :param connection: the client's connection; the guest ends with it until the client finishes.
    """
    _check_flags(request)
    uri_out = _incoming_uri(target, uri)
    if not request.xml:
        raise internal('no domain XML passed')
    definition = domain_xml.parse(request.xml, target.xml_host)
    original = definition.name
    migration_cookie.check(target, cookie, original, definition.uuid_text)
    if request.name:
        definition.name = request.name
    offline = request.has(libvirt.VIR_MIGRATE_OFFLINE)
    if offline:
        arrived = target.domains.find(definition.name, definition.uuid)
        is_new = arrived is None
        if arrived is None:
            arrived = Domain(definition.name, definition.uuid)
            target.domains.add(arrived)
        arrived.config = definition
    else:
        arrived, is_new = migration.start_incoming(target, definition)
        arrived.autodestroy = connection
    arrived.incoming = Incoming(target, arrived, original, arrived.id, is_new)
    return migration_cookie.make(target, original, arrived.uuid_text), uri_out


def finish(target: Hypervisor, name: str, request: Request, cookie: bytes,
           cancelled: bool) -> tuple[Domain, bytes]:
    """Finish the migration of a domain at its destination; return it, and a cookie."""
    domain = target.domains.by_name(name)
    if domain.incoming is None:
        raise invalid(f"domain '{name}' is not processing incoming migration")
    return domain, domain.incoming.finish(request, cookie, cancelled)


def outgoing(domain: Domain) -> Outgoing:
    """Return the migration of a domain that leaves; raises LibvirtError if there is none."""
    if domain.outgoing is None:
        raise invalid(f"domain '{domain.name}' is not being migrated")
    return domain.outgoing


def _check_flags(request: Request) -> None:
    if request.has(libvirt.VIR_MIGRATE_POSTCOPY):
        if not request.has(libvirt.VIR_MIGRATE_LIVE) or request.has(libvirt.VIR_MIGRATE_PAUSED):
            raise LibvirtError(
                libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                'post-copy migration is not supported with non-live or paused migration')
        if request.has(libvirt.VIR_MIGRATE_TUNNELLED):
            raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                               'post-copy is not supported with tunnelled migration')
    if request.has(libvirt.VIR_MIGRATE_OFFLINE):
        if request.has(libvirt.VIR_MIGRATE_NON_SHARED_DISK
                       | libvirt.VIR_MIGRATE_NON_SHARED_INC):
            raise invalid('offline migration cannot handle non-shared storage')
        if not request.has(libvirt.VIR_MIGRATE_PERSIST_DEST):
            raise invalid('offline migration must be specified with the persistent flag set')
        if request.has(libvirt.VIR_MIGRATE_TUNNELLED):
            raise invalid('tunnelled offline migration does not make sense')
    if request.has(libvirt.VIR_MIGRATE_ZEROCOPY) and not request.has(libvirt.VIR_MIGRATE_PARALLEL):
        raise invalid('zero-copy is only available for parallel migration')


def _parse(uri: str) -> dict[str, str]:
    match = _URI.match(uri)
    return {key: value or '' for key, value in match.groupdict().items()} if match else {
        'scheme': '', 'host': '', 'port': '', 'path': ''}


def _incoming_uri(target: Hypervisor, uri: str | None) -> str | None:
    """Return where QEMU waits, or None if the client has said it."""
    if not uri:
        return f'tcp:{target.name}:{_free_port(target)}'
    parts = _parse(uri)
    if not parts['scheme']:
        raise bad_argument(f'missing scheme in migration URI: {uri}')
    if parts['scheme'] not in ('tcp', 'rdma', 'unix'):
        raise LibvirtError(
            libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
            f'unsupported scheme {parts["scheme"]} in migration URI {uri}')
    if parts['scheme'] == 'unix':
        return None
    if not parts['host']:
        raise bad_argument(f'missing host in migration URI: {uri}')
    return None if parts['port'] else f'{uri}:{_free_port(target)}'


def _free_port(target: Hypervisor) -> int:
    """The port for the next guest; each one that is on its way has its own."""
    waiting = sum(domain.incoming is not None for domain in target.domains)
    return PORTS[waiting % len(PORTS)]
