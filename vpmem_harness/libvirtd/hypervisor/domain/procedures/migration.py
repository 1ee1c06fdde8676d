"""Procedures that migrate domains.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid
from vpmem_harness.libvirtd.hypervisor.domain import client_migration, migration
from vpmem_harness.libvirtd.hypervisor.domain.jobs import DEFAULT_DOWNTIME, check_no_backup
from vpmem_harness.libvirtd.hypervisor.domain.peer_migration import PeerMigration
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags, check_parameters
from vpmem_harness.libvirtd.hypervisor.procedure_group import (
    ProcedureGroup,
    procedure,
    unlocked_procedure,
)
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.serving.deferred import Deferred

#: What libvirt reports as an unlimited migration speed, in MiB a second.
UNLIMITED_SPEED = (2**63 - 1) // 1024**2
_STRING: int = libvirt.VIR_TYPED_PARAM_STRING
_INT: int = libvirt.VIR_TYPED_PARAM_INT
_ULLONG: int = libvirt.VIR_TYPED_PARAM_ULLONG
#: The parameters of a migration, and those that may occur more than once.
#: Source: libvirt 9.0.0, src/qemu/qemu_migration.h (QEMU_MIGRATION_PARAMETERS).
_PARAMETERS = {
    libvirt.VIR_MIGRATE_PARAM_URI: _STRING, libvirt.VIR_MIGRATE_PARAM_DEST_NAME: _STRING,
    libvirt.VIR_MIGRATE_PARAM_DEST_XML: _STRING, libvirt.VIR_MIGRATE_PARAM_BANDWIDTH: _ULLONG,
    libvirt.VIR_MIGRATE_PARAM_GRAPHICS_URI: _STRING,
    libvirt.VIR_MIGRATE_PARAM_LISTEN_ADDRESS: _STRING,
    libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS: _STRING,
    libvirt.VIR_MIGRATE_PARAM_DISKS_PORT: _INT,
    libvirt.VIR_MIGRATE_PARAM_COMPRESSION: _STRING,
    libvirt.VIR_MIGRATE_PARAM_COMPRESSION_MT_LEVEL: _INT,
    libvirt.VIR_MIGRATE_PARAM_COMPRESSION_MT_THREADS: _INT,
    libvirt.VIR_MIGRATE_PARAM_COMPRESSION_MT_DTHREADS: _INT,
    libvirt.VIR_MIGRATE_PARAM_COMPRESSION_XBZRLE_CACHE: _ULLONG,
    libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: _STRING,
    libvirt.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL: _INT,
    libvirt.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT: _INT,
    libvirt.VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY: _ULLONG,
    libvirt.VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS: _INT,
    libvirt.VIR_MIGRATE_PARAM_TLS_DESTINATION: _STRING,
    libvirt.VIR_MIGRATE_PARAM_DISKS_URI: _STRING,
}
_MULTIPLE = (libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS, libvirt.VIR_MIGRATE_PARAM_COMPRESSION)


def _request(params: list[TypedParameter], flags: int, uri: str = '') -> migration.Request:
    """Return the typed parameters of a client as a request; raises LibvirtError."""
    check_parameters(params, _PARAMETERS, multiple=_MULTIPLE)
    values = {parameter.name: parameter.value for parameter in params}

    def text(name: str) -> str | None:
        return str(values[name]) if name in values else None
    return migration.Request(
        uri, flags, xml=text('destination_xml'), persistent_xml=text('persistent_xml'),
        name=text('destination_name'), bandwidth=int(values.get('bandwidth', 0)),
        parameters=values, typed=params)


class MigrationProcedures(ProcedureGroup):
    """Procedures that migrate domains."""

    @unlocked_procedure
    def domain_migrate_perform3_params(self, handle: DomainHandle, uri: str | None,
                                       params: list[TypedParameter], cookie: bytes,
                                       flags: int) -> Deferred:
        """Migrate a domain to the host of ``uri``, or perform a migration that a client drives.

        The result completes at the end.
        """
        request = _request(params, flags, uri or '')
        return self._perform(handle, request, cookie, request.text('migrate_uri'))

    @unlocked_procedure
    def domain_migrate_perform3(self, handle: DomainHandle, xml: str | None, cookie: bytes,
                                uri: str | None, migrate_uri: str | None, flags: int,
                                name: str | None, bandwidth: int) -> Deferred:
        """Migrate a domain, with fixed arguments in place of typed parameters."""
        return self._perform(
            handle, migration.Request(uri or '', flags, xml=xml, name=name, bandwidth=bandwidth),
            cookie, migrate_uri)

    @procedure
    def domain_migrate_begin3_params(self, handle: DomainHandle, params: list[TypedParameter],
                                     flags: int) -> tuple[bytes, str]:
        """Begin a migration that the client drives; return a cookie and the domain's XML."""
        return self._begin(handle, _request(params, flags))

    @procedure
    def domain_migrate_begin3(self, handle: DomainHandle, xml: str | None, flags: int,
                              name: str | None, bandwidth: int) -> tuple[bytes, str]:
        """Begin a migration, with fixed arguments in place of typed parameters."""
        return self._begin(handle, migration.Request('', flags, xml=xml, name=name))

    def _begin(self, handle: DomainHandle, request: migration.Request) -> tuple[bytes, str]:
        return client_migration.Outgoing(
            self.hypervisor, self.domain(handle), request, self.connection).begin()

    @procedure
    def domain_migrate_prepare3_params(self, params: list[TypedParameter], cookie: bytes,
                                       flags: int) -> tuple[bytes, str | None]:
        """Prepare this host for a guest; return a cookie, and where QEMU waits for the guest."""
        request = _request(params, flags)
        return client_migration.prepare(self.hypervisor, request, cookie,
                                        request.text('migrate_uri'), self.connection)

    @procedure
    def domain_migrate_prepare3(self, cookie: bytes, uri: str | None, flags: int,
                                name: str | None, bandwidth: int,
                                xml: str) -> tuple[bytes, str | None]:
        """Prepare this host, with fixed arguments in place of typed parameters."""
        return client_migration.prepare(
            self.hypervisor, migration.Request('', flags, xml=xml, name=name), cookie, uri,
            self.connection)

    @procedure
    def domain_migrate_finish3_params(self, params: list[TypedParameter], cookie: bytes,
                                      flags: int, cancelled: int) -> tuple[DomainHandle, bytes]:
        """Let a guest continue on this host, or remove it; return it, and a cookie."""
        request = _request(params, flags)
        return self._finish(request.name or '', request, cookie, cancelled)

    @procedure
    def domain_migrate_finish3(self, name: str, cookie: bytes, destination: str | None,
                               uri: str | None, flags: int,
                               cancelled: int) -> tuple[DomainHandle, bytes]:
        """Finish a migration, with fixed arguments in place of typed parameters."""
        return self._finish(name, migration.Request('', flags), cookie, cancelled)

    def _finish(self, name: str, request: migration.Request, cookie: bytes,
                cancelled: int) -> tuple[DomainHandle, bytes]:
        domain, own = client_migration.finish(self.hypervisor, name, request, cookie,
                                              bool(cancelled))
        return DomainHandle(domain.name, domain.uuid, domain.id), own

    @procedure
    def domain_migrate_confirm3_params(self, handle: DomainHandle, params: list[TypedParameter],
                                       cookie: bytes, flags: int, cancelled: int) -> None:
        """End a guest that has left, or let it continue here."""
        self._confirm(handle, _request(params, flags), cookie, cancelled)

    @procedure
    def domain_migrate_confirm3(self, handle: DomainHandle, cookie: bytes, flags: int,
                                cancelled: int) -> None:
        """Confirm a migration, with fixed arguments in place of typed parameters."""
        self._confirm(handle, migration.Request('', flags), cookie, cancelled)

    def _confirm(self, handle: DomainHandle, request: migration.Request, cookie: bytes,
                 cancelled: int) -> None:
        client_migration.outgoing(self.domain(handle)).confirm(request, cookie, bool(cancelled))

    def disconnected(self) -> None:
        """End the migrations that the client has begun and not confirmed."""
        for domain in list(self.hypervisor.domains):
            leaving = domain.outgoing
            if leaving is not None and leaving.connection is self.connection:
                leaving.disconnected()

    def _perform(self, handle: DomainHandle, request: migration.Request, cookie: bytes,
                 migrate_uri: str | None) -> Deferred:
        source = self.hypervisor
        with source.lock:
            domain = self.domain(handle)
            if not request.has(libvirt.VIR_MIGRATE_PEER2PEER):
                return client_migration.outgoing(domain).perform(request, cookie, migrate_uri)
        return PeerMigration(source, domain, request).start()

    @procedure
    def domain_migrate_set_max_downtime(self, handle: DomainHandle, downtime: int,
                                        flags: int) -> None:
        """Set the maximum downtime in a migration, in milliseconds."""
        check_flags('qemuDomainMigrateSetMaxDowntime', flags, 0)
        domain = self.domain(handle)
        check_no_backup(domain)
        check_active(domain)
        domain.max_downtime = downtime

    @procedure
    def domain_migrate_get_max_downtime(self, handle: DomainHandle, flags: int) -> int:
        """Return the maximum downtime in a migration, in milliseconds."""
        check_flags('qemuDomainMigrateGetMaxDowntime', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        return DEFAULT_DOWNTIME if domain.max_downtime is None else domain.max_downtime

    @procedure
    def domain_migrate_set_max_speed(self, handle: DomainHandle, speed: int,
                                     flags: int) -> None:
        """Set the maximum speed of a domain's migrations, in MiB a second."""
        check_flags('qemuDomainMigrateSetMaxSpeed', flags,
                    libvirt.VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY)
        domain = self.domain(handle)
        if flags:
            raise invalid('postcopy speed can only be set while migration is running')
        if speed > UNLIMITED_SPEED:
            raise LibvirtError(libvirt.VIR_ERR_OVERFLOW,
                               f'bandwidth must be less than {UNLIMITED_SPEED + 1}')
        check_no_backup(domain)
        domain.max_speed = speed

    @procedure
    def domain_migrate_get_max_speed(self, handle: DomainHandle, flags: int) -> int:
        """Return the maximum speed of a domain's migrations, in MiB a second."""
        check_flags('qemuDomainMigrateGetMaxSpeed', flags,
                    libvirt.VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY)
        domain = self.domain(handle)
        if flags:       # QEMU has no limit for the post-copy phase
            check_active(domain)
            return 0
        speed = domain.max_speed
        return UNLIMITED_SPEED if speed is None else speed

    @procedure
    def domain_migrate_start_post_copy(self, handle: DomainHandle, flags: int) -> None:
        """Let a guest that migrates continue at its destination at once."""
        check_flags('qemuDomainMigrateStartPostCopy', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        if domain.job is None or domain.outgoing is None:
            raise invalid('post-copy can only be started while outgoing migration is in '
                          'progress')
        domain.outgoing.start_post_copy()
