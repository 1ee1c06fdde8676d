"""Procedures that report what a domain uses.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, internal
from vpmem_harness.libvirtd.hypervisor.domain import resource_usage
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.procedures.lookup import matches
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.node import topology
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.etree import Element

_STATS_FLAGS = (libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
                | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING
                | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS)
_FILTERS = (libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE | libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE
            | libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT
            | libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT
            | libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING | libvirt.VIR_CONNECT_LIST_DOMAINS_PAUSED
            | libvirt.VIR_CONNECT_LIST_DOMAINS_SHUTOFF | libvirt.VIR_CONNECT_LIST_DOMAINS_OTHER)
#: The groups that need a capability of QEMU, which libvirt knows only of a running domain.
_OF_QEMU = (libvirt.VIR_DOMAIN_STATS_IOTHREAD | libvirt.VIR_DOMAIN_STATS_DIRTYRATE
            | libvirt.VIR_DOMAIN_STATS_VM)
_BLOCK_PARAMETERS = ('rd_operations', 'rd_bytes', 'rd_total_times', 'wr_operations', 'wr_bytes',
                     'wr_total_times', 'flush_operations', 'flush_total_times')


class StatisticsProcedures(ProcedureGroup):
    """Procedures that report what a domain uses."""

    @procedure
    def connect_get_all_domain_stats(
            self, handles: list[DomainHandle], stats: int,
            flags: int) -> list[tuple[Domain, list[TypedParameter]]]:
        """Return statistics of the named domains, or of all that match the filters."""
        check_flags('qemuConnectGetAllDomainStats', flags, _STATS_FLAGS | _FILTERS)
        known = 0
        for group, _ in resource_usage.GROUPS:
            known |= group
        domains = list(self.hypervisor.domains)
        if handles:
            known_uuids = {domain.uuid: domain for domain in domains}
            domains = [known_uuids[handle.uuid] for handle in handles
                       if handle.uuid in known_uuids]
        filters = flags & _FILTERS
        enforced = flags & libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS
        for domain in domains if enforced else ():
            supported = known if domain.active else known & ~_OF_QEMU
            if stats & ~supported and matches(domain, filters):
                raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                                   f'Stats types bits 0x{stats & ~supported:x} are not supported '
                                   'by this daemon or QEMU')
        backing = bool(flags & libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING)
        return [(domain, resource_usage.collect(self.hypervisor, domain, stats, backing=backing))
                for domain in domains if matches(domain, filters)]

    @procedure
    def domain_memory_stats(self, handle: DomainHandle, maximum: int,
                            flags: int) -> list[tuple[int, int]]:
        """Return the memory statistics of the balloon and the host, in KiB."""
        if not maximum:     # the public function does not call the driver
            return []
        check_flags('qemuDomainMemoryStats', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        return [(libvirt.VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON,
                 domain.definition.current_memory),
                (libvirt.VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE, 0),
                (libvirt.VIR_DOMAIN_MEMORY_STAT_RSS, resource_usage.rss(domain))]

    @procedure
    def domain_block_stats(self, handle: DomainHandle,
                           path: str) -> tuple[int, int, int, int, int]:
        """Return the requests and bytes of reads and writes of a disk, and errors (-1)."""
        domain = self.domain(handle)
        check_active(domain)
        if path:
            _disk(domain, path)
        return 0, 0, 0, 0, -1

    @procedure
    def domain_block_stats_flags(self, handle: DomainHandle, path: str, nparams: int,
                                 flags: int) -> list[TypedParameter]:
        """Return reads, writes and flushes of a disk, with times in nanoseconds."""
        check_flags('qemuDomainBlockStatsFlags', flags, libvirt.VIR_TYPED_PARAM_STRING_OKAY)
        domain = self.domain(handle)
        check_active(domain)
        if path:
            _disk(domain, path)
        return [TypedParameter.llong(name, 0) for name in _BLOCK_PARAMETERS]

    @procedure
    def domain_interface_stats(self, handle: DomainHandle, device: str) -> tuple[int, ...]:
        """Return bytes, packets, errors and drops, received and sent."""
        domain = self.domain(handle)
        check_active(domain)
        for found in domain.definition.devices.findall('interface'):
            mac = found.find('mac')
            if resource_usage.target(found) == device:
                return (0,) * 8
            if mac is not None and mac.get('address') == device:
                if not resource_usage.target(found):
                    raise internal('Interface name not provided', domain=libvirt.VIR_FROM_NONE)
                return (0,) * 8
        raise bad_argument(f"'{device}' is not a known interface",
                           domain=libvirt.VIR_FROM_DOMAIN)

    @procedure
    def domain_get_block_info(self, handle: DomainHandle, path: str,
                              flags: int) -> tuple[int, int, int]:
        """Return the allocation, capacity and physical size of a disk in bytes."""
        check_flags('qemuDomainGetBlockInfo', flags, 0)
        domain = self.domain(handle)
        found = disks.named(domain.definition.devices, path)
        if found is None:
            raise bad_argument(f'invalid path {path} not assigned to domain')
        if disks.source_path(found) is None:
            raise bad_argument(f"disk '{path}' does not currently have a source assigned")
        sizes = self.hypervisor.disk_sizes(found)
        return sizes.allocation, sizes.capacity, sizes.physical

    @procedure
    def domain_get_disk_errors(self, handle: DomainHandle, maximum: int,
                               flags: int) -> tuple[list[tuple[str, int]], int]:
        """Return the failed disks of a running domain: none."""
        check_flags('qemuDomainGetDiskErrors', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        if not maximum:
            return [], len(domain.definition.devices.findall('disk'))
        return [], 0

    @procedure
    def domain_get_cpu_stats(self, handle: DomainHandle, nparams: int, start: int, count: int,
                             flags: int) -> tuple[list[TypedParameter], int]:
        """Return CPU time in nanoseconds: of the whole domain (-1), or per CPU of the host."""
        check_flags('qemuDomainGetCPUStats', flags, libvirt.VIR_TYPED_PARAM_STRING_OKAY)
        domain = self.domain(handle)
        check_active(domain)
        time = self.hypervisor.cpu_time(domain)
        if start == -1:
            params = [TypedParameter.ullong('cpu_time', time),
                      TypedParameter.ullong('user_time', time // 2),
                      TypedParameter.ullong('system_time', time - time // 2)]
            return (params[:nparams] if nparams else []), min(nparams, 3) or 3
        cpus = topology.cpu_count(self.hypervisor.hardware)
        if count == 0:
            return [], cpus
        if nparams == 0:
            return [], 2
        if start >= cpus:
            raise bad_argument(f'start_cpu {start} larger than maximum of {cpus - 1}',
                               domain=libvirt.VIR_FROM_CGROUP)
        found: list[TypedParameter] = []
        for _ in range(min(count, cpus - start)):
            found += [TypedParameter.ullong('cpu_time', time // cpus),
                      TypedParameter.ullong('vcpu_time', time // cpus)][:nparams]
        return found, min(nparams, 2)

    @procedure
    def domain_get_messages(self, handle: DomainHandle, flags: int) -> list[str]:
        """Return the deprecation and tainting messages of a domain: none."""
        check_flags('qemuDomainGetMessages', flags, libvirt.VIR_DOMAIN_MESSAGE_DEPRECATION
                    | libvirt.VIR_DOMAIN_MESSAGE_TAINTING)
        self.domain(handle)
        return []

    @procedure
    def domain_get_security_label(self, handle: DomainHandle) -> tuple[str, int]:
        """Return the security label of a domain: there is no security driver."""
        self.domain(handle)
        return '', 0

    @procedure
    def domain_get_security_label_list(self, handle: DomainHandle) -> tuple[
            list[tuple[str, int]], int]:
        """Return the security labels of a domain, QEMU's owner, and their number.

        libvirtd answers -1 for a domain that does not exist, and no error.
        """
        try:
            domain = self.domain(handle)
        except LibvirtError:
            return [], -1
        label = domain.definition.root.findtext('seclabel/label')
        return ([(label, 0)], 1) if label else ([], 0)

    @procedure
    def domain_get_control_info(self, handle: DomainHandle, flags: int) -> tuple[int, int, int]:
        """Return the state of QEMU's monitor: it always answers."""
        check_flags('qemuDomainGetControlInfo', flags, 0)
        check_active(self.domain(handle))
        return int(libvirt.VIR_DOMAIN_CONTROL_OK), 0, 0


def _disk(domain: Domain, path: str) -> Element:
    found = disks.named(domain.definition.devices, path)
    if found is None:
        raise bad_argument(f'invalid path: {path}')
    return found
