"""Procedures that list and look up domains."""

from __future__ import annotations

from collections.abc import Callable

import libvirt

from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure

_NAMED_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: libvirt.VIR_CONNECT_LIST_DOMAINS_PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF: libvirt.VIR_CONNECT_LIST_DOMAINS_SHUTOFF,
}


def _either(one: int, other: int, is_one: Callable[[Domain], object]) -> tuple[
        int, Callable[[Domain], int]]:
    return one | other, lambda domain: one if is_one(domain) else other


#: Groups of filter flags: all flags of a group, and a function that returns a domain's own flag. A
#: domain has to match one flag of each group that is filtered by.
#: Source: libvirt 9.0.0, src/conf/virdomainobjlist.c.
_FILTERS: tuple[tuple[int, Callable[[Domain], int]], ...] = (
    _either(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE, libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE,
            lambda domain: domain.active),
    _either(libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT,
            libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT, lambda domain: domain.persistent),
    (libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING | libvirt.VIR_CONNECT_LIST_DOMAINS_PAUSED
     | libvirt.VIR_CONNECT_LIST_DOMAINS_SHUTOFF | libvirt.VIR_CONNECT_LIST_DOMAINS_OTHER,
     lambda domain: _NAMED_STATES.get(domain.state, libvirt.VIR_CONNECT_LIST_DOMAINS_OTHER)),
    _either(libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE,
            libvirt.VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE,
            lambda domain: domain.managed_save is not None),
    _either(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART,
            libvirt.VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART, lambda domain: domain.autostart),
    _either(libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT,
            libvirt.VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT, lambda domain: domain.snapshots),
    _either(libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT,
            libvirt.VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT, lambda domain: domain.checkpoints),
)

ALL_FILTERS = 0
for _group, _ in _FILTERS:
    ALL_FILTERS |= _group


def matches(domain: Domain, flags: int) -> bool:
    """Whether a domain matches ``VIR_CONNECT_LIST_DOMAINS_*`` filters."""
    return all(not flags & group or flags & answer(domain) for group, answer in _FILTERS)


class LookupProcedures(ProcedureGroup):
    """Procedures that list and look up domains."""

    @procedure
    def connect_list_all_domains(self, need_results: int, flags: int) -> list[Domain]:
        """Return the domains that match the filters."""
        check_flags('qemuConnectListAllDomains', flags, ALL_FILTERS)
        return [domain for domain in self.hypervisor.domains if matches(domain, flags)]

    @procedure
    def connect_list_domains(self, maxids: int) -> list[int]:
        """Return the IDs of the running domains."""
        return [domain.id for domain in self.hypervisor.domains if domain.active]

    @procedure
    def connect_num_of_domains(self) -> int:
        """Return the number of running domains."""
        return sum(domain.active for domain in self.hypervisor.domains)

    @procedure
    def connect_list_defined_domains(self, maxnames: int) -> list[str]:
        """Return the names of the domains that are not running."""
        return [domain.name for domain in self.hypervisor.domains if not domain.active]

    @procedure
    def connect_num_of_defined_domains(self) -> int:
        """Return the number of domains that are not running."""
        return sum(not domain.active for domain in self.hypervisor.domains)

    @procedure
    def domain_lookup_by_id(self, number: int) -> Domain:
        """Return the running domain with that ID."""
        return self.hypervisor.domains.by_id(number)

    @procedure
    def domain_lookup_by_name(self, name: str) -> Domain:
        """Return the domain with that name."""
        return self.hypervisor.domains.by_name(name)

    @procedure
    def domain_lookup_by_uuid(self, uuid: bytes) -> Domain:
        """Return the domain with that UUID."""
        return self.hypervisor.domains.by_uuid(uuid)
