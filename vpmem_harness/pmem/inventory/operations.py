"""Operations of an operator on a host, and the states that a copy of a host begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from vpmem_harness.pmem.kernel import sizes


@dataclass(frozen=True, kw_only=True)
class Create:
    """``ndctl create-namespace``; ``region`` counts the regions of the host from 0.

    ``size`` is the capacity in bytes; None uses the largest free extent, and on a DIMM without
    labels the whole DIMM, as is required there. ``label`` is the label under which the operator
    offers the namespace to servers. ``uuid`` and ``raw_uuid``, the UUID of its label, are set if
    they are known beforehand. ``number`` is the number of its device on a DIMM with labels, as if
    the lower numbers had been in use.

    With an ``offset``, the namespace is placed at that distance from the start of the region,
    without the checks of ndctl. Then ``usable`` is the size that listings show; None computes it
    from the capacity. ``holder`` is the number of its btt, pfn or dax device; None uses the next
    number.
    """

    region: int = 0
    size: int | None = None
    mode: str = 'devdax'
    map: str = 'dev'
    align: int = sizes.DEFAULT_ALIGN
    sector_size: int = sizes.DEFAULT_SECTOR_SIZE
    name: str | None = None
    label: str | None = None
    uuid: str | None = None
    raw_uuid: str | None = None
    number: int | None = None
    offset: int | None = None
    usable: int | None = None
    holder: int | None = None


@dataclass(frozen=True)
class Destroy:
    """``ndctl destroy-namespace -f`` of the namespace of the n-th Create, counted from 0."""

    creation: int


@dataclass(frozen=True)
class Disable:
    """``ndctl disable-namespace`` of the namespace of the n-th Create, until the next reboot."""

    creation: int


@dataclass(frozen=True)
class Reboot:
    """A reboot of the host, which gives the namespaces of a region new numbers."""


@dataclass(frozen=True, kw_only=True)
class UseAsMemory:
    """``daxctl reconfigure-device -m system-ram`` of the namespace of the n-th Create.

    ``online`` of its ``total`` memory blocks are online; all blocks within the device when None.
    """

    creation: int
    total: int | None = None
    online: int | None = None
    movable: bool = True


@dataclass(frozen=True)
class UnbindDevice:
    """``daxctl disable-device`` of the namespace of the n-th Create."""

    creation: int


class IdleDevice(NamedTuple):
    """An idle device, with the properties that remain of its former namespace."""

    number: int
    name: str = ''
    uuid: str | None = None
    sector_size: int = 0


@dataclass(frozen=True)
class KeepIdle:
    """The idle devices of a region, including the seed."""

    region: int
    devices: tuple[IdleDevice, ...]


@dataclass(frozen=True)
class BadBlocks:
    """Blocks of 512 bytes of a region that the kernel knows to be bad."""

    region: int
    first: int
    count: int
    dimms: tuple[str, ...] | None = None


@dataclass(frozen=True)
class DisableRegion:
    """``ndctl disable-region``"""

    region: int


@dataclass(frozen=True)
class DisableDimm:
    """``ndctl disable-dimm`` of the n-th DIMM; its region is disabled."""

    dimm: int


Step = (Create | Destroy | Disable | Reboot | UseAsMemory | UnbindDevice | KeepIdle | BadBlocks
        | DisableRegion | DisableDimm)
