"""The state of a block job."""

from __future__ import annotations

from dataclasses import dataclass

from vpmem_harness.libvirtd.xml.etree import Element


@dataclass(frozen=True)
class BlockJob:
    """A block job that is ready: the client has to pivot or abort it.

    :param type: VIR_DOMAIN_BLOCK_JOB_TYPE_*.
    :param bandwidth: the limit of its speed in bytes a second, 0 for none.
    :param destination: the ``<disk>`` that a copy is written to.
    :param base: the path of the image that an active commit writes to.
    """

    type: int
    bandwidth: int = 0
    destination: Element | None = None
    base: str | None = None
