"""Delete checkpoints of domains.

Source: libvirt 9.0.0, src/qemu/qemu_checkpoint.c (qemuCheckpointDelete).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import libvirt

from vpmem_harness.libvirtd.errors import internal
from vpmem_harness.libvirtd.hypervisor.domain.checkpoints.checkpoint import Checkpoint
from vpmem_harness.libvirtd.hypervisor.domain.checkpoints.creation import included

# For annotations only: the hypervisor imports domains, which have checkpoints.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

_CHILDREN: Final = libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN
_CHILDREN_ONLY: Final = libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY
_METADATA: Final = libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY


def delete(hypervisor: Hypervisor, domain: Domain, checkpoint: Checkpoint, flags: int) -> None:
    """Delete a checkpoint, or the checkpoints below it, or both.

    :param flags: VIR_DOMAIN_CHECKPOINT_DELETE_*.
    """
    tree = domain.checkpoints
    gone = tree.descendants(checkpoint.name) if flags & (_CHILDREN | _CHILDREN_ONLY) else []
    if not flags & _CHILDREN_ONLY:
        gone.append(checkpoint)
    for each in gone:
        if not flags & _METADATA:
            _discard_bitmaps(hypervisor, domain, each)
        tree.remove(each)


def _discard_bitmaps(hypervisor: Hypervisor, domain: Domain, checkpoint: Checkpoint) -> None:
    bitmaps = hypervisor.image_bitmaps
    found = [(disk, wanted) for wanted, disk in included(checkpoint, domain)]
    for disk, wanted in found:
        if not bitmaps.present(disk, wanted.bitmap or ''):
            raise internal(f"bitmap '{wanted.bitmap}' not found in backing chain of "
                           f"'{wanted.name}'")
    for disk, wanted in found:
        bitmaps.discard(disk, wanted.bitmap or '')
