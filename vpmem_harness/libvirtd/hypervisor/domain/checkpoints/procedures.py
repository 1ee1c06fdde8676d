"""Procedures for checkpoints of domains.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c, src/qemu/qemu_checkpoint.c.
"""

from __future__ import annotations

from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor.domain.checkpoints import creation, deletion, document
from vpmem_harness.libvirtd.hypervisor.domain.checkpoints.checkpoint import (
    Checkpoint,
    CheckpointTree,
)
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import CheckpointHandle, DomainHandle

_REDEFINE: Final = libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE
_VALIDATE: Final = libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE
_METADATA: Final = libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY
_DELETE_FLAGS: Final = (libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN | _METADATA
                        | libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY)
_SECURE: Final = libvirt.VIR_DOMAIN_CHECKPOINT_XML_SECURE
_NO_DOMAIN: Final = libvirt.VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN
_SIZE: Final = libvirt.VIR_DOMAIN_CHECKPOINT_XML_SIZE
_LIST_FLAGS: Final = (libvirt.VIR_DOMAIN_CHECKPOINT_LIST_ROOTS
                      | libvirt.VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL
                      | libvirt.VIR_DOMAIN_CHECKPOINT_LIST_LEAVES
                      | libvirt.VIR_DOMAIN_CHECKPOINT_LIST_NO_LEAVES)


class CheckpointProcedures(ProcedureGroup):
    """Procedures for checkpoints."""

    @procedure
    def domain_checkpoint_create_xml(self, handle: DomainHandle, xml: str,
                                     flags: int) -> CheckpointHandle:
        """Create a checkpoint of a running domain's disks, or define one that exists."""
        check_flags('qemuCheckpointCreateXML', flags, _REDEFINE | _VALIDATE)
        domain = self.domain(handle)
        hypervisor = self.hypervisor
        redefine = bool(flags & _REDEFINE)
        if not redefine and not domain.active:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               'cannot create checkpoint for inactive domain')
        checkpoint = document.parse(xml, hypervisor.xml_host, int(hypervisor.clock.now()),
                                    redefine=redefine)
        if redefine:
            creation.redefine(hypervisor, domain, checkpoint, validate=bool(flags & _VALIDATE))
        else:
            creation.prepare(hypervisor, domain, checkpoint)
            creation.add(hypervisor, domain, checkpoint)
        return _handle(domain, checkpoint.name)

    @procedure
    def domain_checkpoint_delete(self, handle: CheckpointHandle, flags: int) -> None:
        """Delete checkpoints with their bitmaps, or with the flag only their descriptions."""
        check_flags('qemuCheckpointDelete', flags, _DELETE_FLAGS)
        domain = self.domain(handle.dom)
        if not flags & _METADATA and not domain.active:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               'cannot delete checkpoint for inactive domain')
        deletion.delete(self.hypervisor, domain, domain.checkpoints.named(handle.name), flags)

    def _checkpoint(self, handle: CheckpointHandle) -> tuple[Domain, Checkpoint]:
        domain = self.domain(handle.dom)
        return domain, domain.checkpoints.named(handle.name)

    @procedure
    def domain_checkpoint_get_xml_desc(self, handle: CheckpointHandle, flags: int) -> str:
        """Return a checkpoint's XML; with the flag, with the bytes written since then."""
        check_flags('qemuCheckpointGetXMLDesc', flags, _SECURE | _NO_DOMAIN | _SIZE)
        domain, checkpoint = self._checkpoint(handle)
        sizes: dict[str, int] = {}
        if flags & _SIZE:
            check_active(domain)
            # Guests write nothing to their disks.
            sizes = {wanted.name: 0 for wanted, disk in creation.included(checkpoint, domain)
                     if self.hypervisor.image_bitmaps.valid(disk, checkpoint.name)}
        return document.serialize(checkpoint, sizes, secure=bool(flags & _SECURE),
                                  domain=not flags & _NO_DOMAIN)

    @procedure
    def domain_list_all_checkpoints(self, handle: DomainHandle, need_results: int,
                                    flags: int) -> list[CheckpointHandle]:
        """Return a domain's checkpoints."""
        check_flags('qemuDomainListAllCheckpoints', flags, _LIST_FLAGS)
        domain = self.domain(handle)
        tree = domain.checkpoints
        # The lowest flag means the roots of a domain, but the descendants of a checkpoint.
        found = (tree.children(None) if flags & libvirt.VIR_DOMAIN_CHECKPOINT_LIST_ROOTS
                 else tree.top_down(None))
        return [_handle(domain, each.name) for each in found if _fits(tree, each, flags)]

    @procedure
    def domain_checkpoint_list_all_children(self, handle: CheckpointHandle, need_results: int,
                                            flags: int) -> list[CheckpointHandle]:
        """Return a checkpoint's children."""
        check_flags('qemuDomainCheckpointListAllChildren', flags, _LIST_FLAGS)
        domain, checkpoint = self._checkpoint(handle)
        tree = domain.checkpoints
        find = (tree.top_down if flags & libvirt.VIR_DOMAIN_CHECKPOINT_LIST_DESCENDANTS
                else tree.children)
        return [_handle(domain, each.name) for each in find(checkpoint.name)
                if _fits(tree, each, flags)]

    @procedure
    def domain_checkpoint_lookup_by_name(self, handle: DomainHandle, name: str,
                                         flags: int) -> CheckpointHandle:
        """Return the checkpoint with that name."""
        check_flags('qemuDomainCheckpointLookupByName', flags, 0)
        domain = self.domain(handle)
        return _handle(domain, domain.checkpoints.named(name).name)

    @procedure
    def domain_checkpoint_get_parent(self, handle: CheckpointHandle,
                                     flags: int) -> CheckpointHandle:
        """Return a checkpoint's parent."""
        check_flags('qemuDomainCheckpointGetParent', flags, 0)
        domain, checkpoint = self._checkpoint(handle)
        return _handle(domain, domain.checkpoints.parent_of(checkpoint).name)


def _handle(domain: Domain, name: str) -> CheckpointHandle:
    return CheckpointHandle(name, DomainHandle(domain.name, domain.uuid, domain.id))


def _fits(tree: CheckpointTree, checkpoint: Checkpoint, flags: int) -> bool:
    """Whether a checkpoint matches the filters of a listing."""
    leaves = flags & libvirt.VIR_DOMAIN_CHECKPOINT_LIST_LEAVES
    others = flags & libvirt.VIR_DOMAIN_CHECKPOINT_LIST_NO_LEAVES
    if bool(leaves) == bool(others):
        return True
    return bool(leaves) == (not tree.children(checkpoint.name))
