"""Procedures that measure the memory that a guest writes, and that concern its migration.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainStartDirtyRateCalc,
qemuDomainMigrateSetCompressionCache, qemuDomainSetLaunchSecurityState).
"""

from __future__ import annotations

from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, invalid, unsupported
from vpmem_harness.libvirtd.hypervisor.domain import emulator
from vpmem_harness.libvirtd.hypervisor.domain.domain import DirtyRate
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml.etree import having

_BITMAP: Final = libvirt.VIR_DOMAIN_DIRTYRATE_MODE_DIRTY_BITMAP
_RING: Final = libvirt.VIR_DOMAIN_DIRTYRATE_MODE_DIRTY_RING
_SECONDS: Final = range(1, 61)


class DirtyMemoryProcedures(ProcedureGroup):
    """Procedures for the memory that a guest writes, and for its migration."""

    @procedure
    def domain_start_dirty_rate_calc(self, handle: DomainHandle, seconds: int,
                                     flags: int) -> None:
        """Measure for some seconds how much memory the guest writes."""
        check_flags('qemuDomainStartDirtyRateCalc', flags,
                    libvirt.VIR_DOMAIN_DIRTYRATE_MODE_PAGE_SAMPLING | _BITMAP | _RING)
        if seconds not in _SECONDS:
            raise unsupported(f'seconds={seconds} is invalid, please choose value within '
                              f'[{_SECONDS[0]}, {_SECONDS[-1]}].')
        domain = self.domain(handle)
        check_active(domain)
        mode = ('dirty-bitmap' if flags & _BITMAP else 'dirty-ring' if flags & _RING
                else 'page-sampling')
        features = domain.definition.root.find('features/kvm')
        if flags & _RING and (features is None or not having(features, 'dirty-ring', state='on')):
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, 'dirty-ring calculation '
                               'mode requires dirty-ring feature enabled.')
        now, last = self.hypervisor.clock.now(), domain.dirty_rate
        if last is not None and now < last.started + last.seconds:
            raise emulator.command_failed('calc-dirty-rate',
                                          'the dirty rate is already being measured.')
        domain.dirty_rate = DirtyRate(now, seconds, mode)

    @procedure
    def domain_migrate_get_compression_cache(self, handle: DomainHandle, flags: int) -> int:
        """Return the size of the cache of compressed pages, in bytes."""
        check_flags('qemuDomainMigrateGetCompressionCache', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        return domain.compression_cache

    @procedure
    def domain_migrate_set_compression_cache(self, handle: DomainHandle, size: int,
                                             flags: int) -> None:
        """Set the size of the cache of compressed pages, in bytes: a power of two."""
        check_flags('qemuDomainMigrateSetCompressionCache', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        if size < emulator.PAGE or size & (size - 1):
            raise emulator.command_failed(
                'migrate-set-parameters', "Parameter 'xbzrle_cache_size' expects a power of two "
                'no less than the target page size')
        domain.compression_cache = size

    @procedure
    def domain_set_launch_security_state(self, handle: DomainHandle,
                                         params: list[TypedParameter], flags: int) -> None:
        """Refuse to inject a secret: no guest here waits for one."""
        check_flags('qemuDomainSetLaunchSecurityState', flags, 0)
        domain = self.domain(handle)
        security = domain.definition.root.find('launchSecurity')
        if security is None or security.get('type') != 'sev':
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED, 'setting a launch secret is '
                               'only supported in SEV-enabled domains')
        check_active(domain)
        raise invalid('domain must be in a paused state')
