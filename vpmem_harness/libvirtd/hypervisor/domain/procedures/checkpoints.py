"""Procedures for checkpoints: domains here have none.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c, src/qemu/qemu_checkpoint.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import CheckpointHandle, DomainHandle

_LIST_FLAGS = (libvirt.VIR_DOMAIN_CHECKPOINT_LIST_ROOTS
               | libvirt.VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL
               | libvirt.VIR_DOMAIN_CHECKPOINT_LIST_LEAVES
               | libvirt.VIR_DOMAIN_CHECKPOINT_LIST_NO_LEAVES)


class CheckpointProcedures(ProcedureGroup):
    """Procedures that list a domain's checkpoints."""

    @procedure
    def domain_list_all_checkpoints(self, handle: DomainHandle, need_results: int,
                                    flags: int) -> list[CheckpointHandle]:
        """Return a domain's checkpoints."""
        check_flags('qemuDomainListAllCheckpoints', flags, _LIST_FLAGS)
        self.domain(handle)
        return []

    @procedure
    def domain_checkpoint_lookup_by_name(self, handle: DomainHandle, name: str,
                                         flags: int) -> CheckpointHandle:
        """Return the checkpoint with that name."""
        check_flags('qemuDomainCheckpointLookupByName', flags, 0)
        self.domain(handle)
        raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT,
                           f"no domain checkpoint with matching name '{name}'")
