"""Moments of a domain, which are its snapshots or checkpoints: a tree with a current node.

Source: libvirt 9.0.0, src/conf/virdomainmomentobjlist.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument


class Moment(Protocol):
    """A snapshot or a checkpoint.

    :ivar parent: the name of the moment above, None for a root.
    """

    name: str
    parent: str | None


M = TypeVar('M', bound=Moment)


class MomentTree(Generic[M]):
    """The moments of a domain, by name; ``current`` is the name of the current one."""

    #: What the moments are, and the error of a name that does not exist.
    kind: str
    missing: int

    def __init__(self) -> None:
        self._moments: dict[str, M] = {}
        self.current: str | None = None

    def __iter__(self) -> Iterator[M]:
        return iter(list(self._moments.values()))

    def __len__(self) -> int:
        return len(self._moments)

    def get(self, name: str | None) -> M | None:
        """Return the moment with that name, or None."""
        return None if name is None else self._moments.get(name)

    def named(self, name: str) -> M:
        """Return the moment with that name.

        :raises LibvirtError: VIR_ERR_NO_DOMAIN_SNAPSHOT or VIR_ERR_NO_DOMAIN_CHECKPOINT.
        """
        moment = self._moments.get(name)
        if moment is None:
            raise LibvirtError(self.missing,
                               f"no domain {self.kind} with matching name '{name}'")
        return moment

    def parent_of(self, moment: M) -> M:
        """Return the moment above another one.

        :raises LibvirtError: VIR_ERR_NO_DOMAIN_SNAPSHOT or VIR_ERR_NO_DOMAIN_CHECKPOINT.
        """
        parent = self.get(moment.parent)
        if parent is None:
            raise LibvirtError(self.missing,
                               f"{self.kind} '{moment.name}' does not have a parent")
        return parent

    def check_new(self, name: str) -> None:
        """Refuse a name that is in use."""
        if name in self._moments:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                               f'domain moment {name} already exists',
                               domain=libvirt.VIR_FROM_DOMAIN)

    def check_parent(self, moment: M) -> None:
        """Refuse a parent that does not exist, or that descends from the moment."""
        name, parent = moment.name, moment.parent
        text = None
        if parent == name:
            text = f'cannot set moment {name} as its own parent'
        elif parent is not None and parent not in self._moments:
            text = f'parent {parent} for moment {name} not found'
        above = self.get(parent)
        while text is None and above is not None and above.parent is not None:
            if above.parent == name:
                text = f'parent {above.name} would create cycle to {name}'
            above = self.get(above.parent)
        if text is not None:
            raise bad_argument(text, domain=libvirt.VIR_FROM_DOMAIN)

    def put(self, moment: M) -> None:
        """Add a moment, or replace the one with its name."""
        self._moments[moment.name] = moment

    def children(self, parent: str | None) -> list[M]:
        """Return the children of a moment, or the roots."""
        return [moment for moment in self._moments.values() if moment.parent == parent]

    def descendants(self, parent: str) -> list[M]:
        """Return all moments below another one, lower ones first."""
        return [each for child in self.children(parent)
                for each in (*self.descendants(child.name), child)]

    def top_down(self, parent: str | None) -> list[M]:
        """Return all moments below another one, or all of the tree, higher ones first."""
        return [each for child in self.children(parent)
                for each in (child, *self.top_down(child.name))]

    def remove(self, moment: M) -> None:
        """Remove a moment: its children move to its parent, which becomes current if it was."""
        del self._moments[moment.name]
        for child in self.children(moment.name):
            child.parent = moment.parent
        if self.current == moment.name:
            self.current = moment.parent if moment.parent in self._moments else None

    def clear(self) -> None:
        """Remove all moments."""
        self._moments.clear()
        self.current = None
