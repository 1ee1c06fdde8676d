"""The snapshots of a domain: a tree, one of whose nodes is current.

Source: libvirt 9.0.0, src/conf/virdomainmomentobjlist.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument
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


class SnapshotTree:
    """The snapshots of a domain, by name; ``current`` is the name of the current one."""

    def __init__(self) -> None:
        self._snapshots: dict[str, Snapshot] = {}
        self.current: str | None = None

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(list(self._snapshots.values()))

    def __len__(self) -> int:
        return len(self._snapshots)

    def get(self, name: str | None) -> Snapshot | None:
        """Return the snapshot with that name, or None."""
        return None if name is None else self._snapshots.get(name)

    def named(self, name: str) -> Snapshot:
        """Return the snapshot with that name.

        :raises LibvirtError: VIR_ERR_NO_DOMAIN_SNAPSHOT.
        """
        snapshot = self._snapshots.get(name)
        if snapshot is None:
            raise LibvirtError(libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
                               f"no domain snapshot with matching name '{name}'")
        return snapshot

    def check_new(self, name: str) -> None:
        """Refuse a name that is in use."""
        if name in self._snapshots:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                               f'domain moment {name} already exists',
                               domain=libvirt.VIR_FROM_DOMAIN)

    def check_parent(self, snapshot: Snapshot) -> None:
        """Refuse a parent that does not exist, or that descends from the snapshot."""
        name, parent = snapshot.name, snapshot.parent
        text = None
        if parent == name:
            text = f'cannot set moment {name} as its own parent'
        elif parent is not None and parent not in self._snapshots:
            text = f'parent {parent} for moment {name} not found'
        above = self.get(parent)
        while text is None and above is not None and above.parent is not None:
            if above.parent == name:
                text = f'parent {above.name} would create cycle to {name}'
            above = self.get(above.parent)
        if text is not None:
            raise bad_argument(text, domain=libvirt.VIR_FROM_DOMAIN)

    def put(self, snapshot: Snapshot) -> None:
        """Add a snapshot, or replace the one with its name."""
        self._snapshots[snapshot.name] = snapshot

    def children(self, parent: str | None) -> list[Snapshot]:
        """Return the children of a snapshot, or the roots."""
        return [snapshot for snapshot in self._snapshots.values() if snapshot.parent == parent]

    def descendants(self, parent: str) -> list[Snapshot]:
        """Return all snapshots below another one, lower ones first."""
        return [each for child in self.children(parent)
                for each in (*self.descendants(child.name), child)]

    def remove(self, snapshot: Snapshot) -> None:
        """Remove a snapshot: its children move to its parent, which becomes current if it was."""
        del self._snapshots[snapshot.name]
        for child in self.children(snapshot.name):
            child.parent = snapshot.parent
        if self.current == snapshot.name:
            self.current = snapshot.parent if snapshot.parent in self._snapshots else None

    def clear(self) -> None:
        """Remove all snapshots."""
        self._snapshots.clear()
        self.current = None
