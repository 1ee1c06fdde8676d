"""What an operator has done on a host, step by step."""

from __future__ import annotations

from dataclasses import dataclass

from vpmem_harness.pmem.kernel import sizes


@dataclass(frozen=True, kw_only=True)
class Create:
    """``ndctl create-namespace``; ``region`` counts the regions of the host from 0.

    ``size`` is the capacity in bytes; None takes the largest free extent, and on a DIMM without
    labels the whole, which is the only choice there. ``label`` is the label under which the
    operator offers the namespace to servers. ``uuid`` and ``raw_uuid``, that of its label, are
    given where they must be known beforehand. So is ``number``, that of its device on a DIMM with
    labels: as if the lower ones had been taken when it was created.
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


@dataclass(frozen=True)
class Destroy:
    """``ndctl destroy-namespace -f`` of what the n-th Create made, counted from 0."""

    creation: int


@dataclass(frozen=True)
class Disable:
    """``ndctl disable-namespace`` of what the n-th Create made: until the next reboot."""

    creation: int


@dataclass(frozen=True)
class Reboot:
    """The host restarted, which gives the namespaces of a region new numbers."""


Step = Create | Destroy | Disable | Reboot
