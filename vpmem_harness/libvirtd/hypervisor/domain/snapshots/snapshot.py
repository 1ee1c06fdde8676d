"""The snapshots of a domain: a tree, one of whose nodes is current."""

from __future__ import annotations

from dataclasses import dataclass, field

import libvirt

from vpmem_harness.libvirtd.hypervisor.domain.moments.tree import MomentTree
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import Element


@dataclass(eq=False)
class Snapshot:
    """A snapshot of a domain, as its document describes it.

    :param state: the domain's state at the time, as documents name it.
    :param created: the time in seconds.
    :param memory: ``no``, ``internal`` or ``external``; empty until it is decided.
    :param memory_file: the path of the guest's memory.
    :param disks: a ``<disk>`` for each of the domain's disks.
    :param definition: the domain's definition at the time; None if a client did not give it.
    :param inactive: its configuration at the time, if the domain was running and persistent.
    :param cookie: what else the domain needs when it is started from the snapshot.
    """

    name: str
    created: int
    state: str = ''
    parent: str | None = None
    description: str | None = None
    memory: str = ''
    memory_file: str | None = None
    disks: list[Element] = field(default_factory=list)
    definition: Definition | None = None
    inactive: Definition | None = None
    cookie: Element | None = None

    @property
    def external(self) -> bool:
        """Whether some of it is in files of its own."""
        return self.memory == 'external' or any(
            disk.get('snapshot') == 'external' for disk in self.disks)

    @property
    def online(self) -> bool:
        """Whether the domain was running or paused, and its memory is included."""
        return self.state in ('running', 'paused')


class SnapshotTree(MomentTree[Snapshot]):
    """The snapshots of a domain, by name; ``current`` is the name of the current one."""

    kind = 'snapshot'
    missing = libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT
