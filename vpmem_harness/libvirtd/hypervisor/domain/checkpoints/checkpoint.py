"""The checkpoints of a domain: a tree, one of whose nodes is current."""

from __future__ import annotations

from dataclasses import dataclass, field

import libvirt

from vpmem_harness.libvirtd.hypervisor.domain.moments.tree import MomentTree
from vpmem_harness.libvirtd.xml.definition import Definition


@dataclass
class CheckpointDisk:
    """A disk of a checkpoint.

    :param name: the disk's target; a client can also name its path.
    :param kind: ``bitmap``, or ``no`` for a disk that is left out.
    :param bitmap: the name of the bitmap in the disk's image.
    """

    name: str
    kind: str
    bitmap: str | None = None


@dataclass(eq=False)
class Checkpoint:
    """A checkpoint of a domain, as its document describes it.

    :param created: the time in seconds.
    :param disks: a disk for each of the domain's disks.
    :param definition: the domain's definition at the time; None if a client did not give it.
    """

    name: str
    created: int
    parent: str | None = None
    description: str | None = None
    disks: list[CheckpointDisk] = field(default_factory=list)
    definition: Definition | None = None


class CheckpointTree(MomentTree[Checkpoint]):
    """The checkpoints of a domain, by name; ``current`` is the name of the current one."""

    kind = 'checkpoint'
    missing = libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT
