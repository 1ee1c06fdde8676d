"""Procedures for the sharing of equal pages between guests (KSM), which shares none here.

Source: libvirt 9.0.0, src/util/virhostmem.c; the defaults of Linux 6.1, mm/ksm.c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import libvirt

from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags, check_parameters
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import TypedParameter

_TUNABLE: Final = ('shm_pages_to_scan', 'shm_sleep_millisecs', 'shm_merge_across_nodes')
_COUNTERS: Final = ('shm_pages_shared', 'shm_pages_sharing', 'shm_pages_unshared',
                    'shm_pages_volatile', 'shm_full_scans')


@dataclass
class MemorySharing:
    """The settings of a host; they are lost when it reboots."""

    shm_pages_to_scan: int = 100
    shm_sleep_millisecs: int = 20
    shm_merge_across_nodes: int = 1


class MemorySharingProcedures(ProcedureGroup):
    """Procedures for the sharing of equal pages between guests."""

    @procedure
    def node_get_memory_parameters(self, nparams: int,
                                   flags: int) -> tuple[list[TypedParameter], int]:
        """Return the settings and the counters, or only their number if ``nparams`` is 0."""
        check_flags('virHostMemGetParameters', flags, libvirt.VIR_TYPED_PARAM_STRING_OKAY,
                    domain=libvirt.VIR_FROM_NONE)
        settings = self.hypervisor.memory_sharing
        found = [TypedParameter.uint(name, getattr(settings, name)) for name in _TUNABLE[:2]]
        found += [TypedParameter.ullong(name, 0) for name in _COUNTERS]
        found.append(TypedParameter.uint(_TUNABLE[2], settings.shm_merge_across_nodes))
        return (found[:nparams], len(found)) if nparams else ([], len(found))

    @procedure
    def node_set_memory_parameters(self, params: list[TypedParameter], flags: int) -> None:
        """Change settings."""
        check_flags('virHostMemSetParameters', flags, 0, domain=libvirt.VIR_FROM_NONE)
        check_parameters(params, dict.fromkeys(_TUNABLE, libvirt.VIR_TYPED_PARAM_UINT))
        for parameter in params:
            setattr(self.hypervisor.memory_sharing, parameter.name, parameter.value)
