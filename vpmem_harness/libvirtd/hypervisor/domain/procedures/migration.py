"""Procedures that migrate domains.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid
from vpmem_harness.libvirtd.hypervisor.domain import migration
from vpmem_harness.libvirtd.hypervisor.domain.jobs import DEFAULT_DOWNTIME
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
_COOKIE_ONLY = ('client-driven migration is not simulated: use VIR_MIGRATE_PEER2PEER '
                '(virsh migrate --p2p)')


class MigrationProcedures(ProcedureGroup):
    """Procedures that migrate domains."""

    @unlocked_procedure
    def domain_migrate_perform3_params(self, handle: DomainHandle, uri: str | None,
                                       params: list[TypedParameter], cookie: bytes,
                                       flags: int) -> Deferred:
        """Migrate a domain to the host of ``uri``; the result completes at the end."""
        check_parameters(params, _PARAMETERS, multiple=_MULTIPLE)
        values = {parameter.name: parameter.value for parameter in params}

        def text(name: str) -> str | None:
            return str(values[name]) if name in values else None
        return self._migrate(handle, migration.Request(
            uri or '', flags, xml=text('destination_xml'), persistent_xml=text('persistent_xml'),
            name=text('destination_name'), bandwidth=int(values.get('bandwidth', 0)),
            parameters=values))

    @unlocked_procedure
    def domain_migrate_perform3(self, handle: DomainHandle, xml: str | None, cookie: bytes,
                                uri: str | None, migrate_uri: str | None, flags: int,
                                name: str | None, bandwidth: int) -> Deferred:
        """Migrate a domain, with fixed arguments in place of typed parameters."""
        return self._migrate(handle, migration.Request(uri or '', flags, xml=xml, name=name,
                                                       bandwidth=bandwidth))

    def _migrate(self, handle: DomainHandle, request: migration.Request) -> Deferred:
        source = self.hypervisor
        with source.lock:
            domain = self.domain(handle)
        if not request.has(libvirt.VIR_MIGRATE_PEER2PEER):
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, _COOKIE_ONLY)
        target = migration.destination(source, request.uri)
        return migration.Migration(source, target, domain, request).start()

    @procedure
    def domain_migrate_set_max_downtime(self, handle: DomainHandle, downtime: int,
                                        flags: int) -> None:
        """Set the maximum downtime in a migration, in milliseconds."""
        check_flags('qemuDomainMigrateSetMaxDowntime', flags, 0)
        domain = self.domain(handle)
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
        domain.max_speed = speed

    @procedure
    def domain_migrate_get_max_speed(self, handle: DomainHandle, flags: int) -> int:
        """Return the maximum speed of a domain's migrations, in MiB a second."""
        check_flags('qemuDomainMigrateGetMaxSpeed', flags,
                    libvirt.VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY)
        speed = self.domain(handle).max_speed
        return UNLIMITED_SPEED if speed is None else speed

    @procedure
    def domain_migrate_start_post_copy(self, handle: DomainHandle, flags: int) -> None:
        """Switch a migration to post-copy, which no simulated migration supports."""
        check_flags('qemuDomainMigrateStartPostCopy', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        if domain.job is None:
            raise invalid('post-copy can only be started while outgoing migration is in '
                          'progress')
        raise invalid('switching to post-copy requires migration to be started with '
                      'VIR_MIGRATE_POSTCOPY flag')
