"""Operations of an operator on a host."""

from __future__ import annotations

from dataclasses import dataclass

from vpmem_harness.pmem.kernel import sizes


@dataclass(frozen=True, kw_only=True)
class Create:
    """``ndctl create-namespace``; ``region`` counts the regions of the host from 0.

    ``size`` is the capacity in bytes; None uses the largest free extent, and on a DIMM without
    labels the whole DIMM, as is required there. ``label`` is the label under which the operator
    offers the namespace to servers. ``uuid`` and ``raw_uuid``, the UUID of its label, are set if
    they are known beforehand. ``number`` is the number of its device on a DIMM with labels, as if
    the lower numbers had been in use.
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
    """``ndctl destroy-namespace -f`` of the namespace of the n-th Create, counted from 0."""

    creation: int


@dataclass(frozen=True)
class Disable:
    """``ndctl disable-namespace`` of the namespace of the n-th Create, until the next reboot."""

    creation: int


@dataclass(frozen=True)
class Reboot:
    """A reboot of the host, which gives the namespaces of a region new numbers."""


Step = Create | Destroy | Disable | Reboot
