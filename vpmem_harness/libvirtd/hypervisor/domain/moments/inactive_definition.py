"""The definition of a domain as its snapshots and checkpoints contain it.

Source: libvirt 9.0.0, src/qemu/qemu_snapshot.c (qemuSnapshotCreateXML),
src/qemu/qemu_checkpoint.c (qemuCheckpointPrepare).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain import formatter
from vpmem_harness.libvirtd.xml.domain import parser as domain_xml

# For annotations only: the hypervisor imports domains.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor


def inactive_definition(hypervisor: Hypervisor, domain: Domain) -> Definition:
    """Return the current definition as a domain that is off has it."""
    if domain.live is None:
        return domain.definition.copy()
    text = formatter.domain(domain.live, secure=True, migratable=True,
                            asked_cpu=domain.asked_cpu)
    try:
        return domain_xml.parse(text, hypervisor.xml_host)
    except LibvirtError:            # libvirt parses it without validation
        stopped = domain.live.copy()
        formatter.stop(stopped)
        return stopped
