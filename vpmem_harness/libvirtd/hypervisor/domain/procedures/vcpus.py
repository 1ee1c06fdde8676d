"""Procedures for the number of a domain's vCPUs.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainSetVcpusFlags).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, unsupported
from vpmem_harness.libvirtd.hypervisor.domain.definitions import CONFIG, LIVE, get_defs, get_one_def
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.etree import unset

_MAXIMUM, _GUEST = libvirt.VIR_DOMAIN_VCPU_MAXIMUM, libvirt.VIR_DOMAIN_VCPU_GUEST
_HOTPLUGGABLE = libvirt.VIR_DOMAIN_VCPU_HOTPLUGGABLE


class VcpuProcedures(ProcedureGroup):
    """Procedures for the number of a domain's vCPUs."""

    @procedure
    def domain_get_vcpus_flags(self, handle: DomainHandle, flags: int) -> int:
        """Return a domain's number of vCPUs, or the maximum."""
        check_flags('qemuDomainGetVcpusFlags', flags,
                    LIVE | CONFIG | _MAXIMUM | _GUEST)
        domain = self.domain(handle)
        definition = get_one_def(domain, flags & (LIVE | CONFIG))
        if flags & _GUEST:
            if not domain.active:
                raise bad_argument('vCPU count provided by the guest agent can only be requested '
                                   'for live domains')
            offline = self.hypervisor.agents.of(domain).offline
            return definition.vcpus - len(offline)
        return definition.max_vcpus if flags & _MAXIMUM else definition.vcpus

    @procedure
    def domain_set_vcpus(self, handle: DomainHandle, count: int) -> None:
        """Set the number of vCPUs of a running domain."""
        _set_vcpus(self.domain(handle), count, LIVE)

    @procedure
    def domain_set_vcpus_flags(self, handle: DomainHandle, count: int, flags: int) -> None:
        """Set a domain's number of vCPUs, or the maximum."""
        check_flags('qemuDomainSetVcpusFlags', flags,
                    LIVE | CONFIG | _MAXIMUM | _GUEST | _HOTPLUGGABLE)
        domain = self.domain(handle)
        if flags & _GUEST:
            running = self.hypervisor.agents.of(domain)
            running.command('guest-set-vcpus')
            if count > domain.definition.vcpus:
                raise bad_argument('requested vcpu count is greater than the count of enabled '
                                   f'vcpus in the domain: {count} > {domain.definition.vcpus}')
            running.offline = set(range(count, domain.definition.vcpus))
            return
        _set_vcpus(domain, count, flags)

    @procedure
    def domain_get_max_vcpus(self, handle: DomainHandle) -> int:
        """Return the maximum number of vCPUs of a running domain."""
        domain = self.domain(handle)
        check_active(domain)
        return domain.definition.max_vcpus


def _set_vcpus(domain: Domain, count: int, flags: int) -> None:
    live, config = get_defs(domain, flags & (LIVE | CONFIG))
    if flags & _MAXIMUM:
        if live is not None:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               "maximum vcpu count of a live domain can't be modified")
        if config is not None:
            _set_maximum(config, count)
        return
    for definition, what in ((live, 'live'), (config, 'persistent')):
        if definition is not None and count > definition.max_vcpus:
            raise bad_argument(
                f'requested vcpus is greater than max allowable vcpus for the {what} domain: '
                f'{count} > {definition.max_vcpus}')
    for definition in (live, config):
        if definition is None:
            continue
        vcpu = definition.root.find('vcpu')
        if vcpu is not None:
            unset(vcpu, 'current')
            if count < definition.max_vcpus:
                vcpu.set('current', str(count))


def _set_maximum(config: Definition, count: int) -> None:
    limit = config.release.tables.max_cpus.get(config.machine, 1)
    if count > limit:
        raise unsupported(f'Maximum CPUs greater than specified machine type limit {limit}')
    topology = config.root.find('cpu/topology')
    if topology is not None:
        product = 1
        for name in ('sockets', 'dies', 'clusters', 'cores', 'threads'):
            product *= int(topology.get(name) or 1)
        if product != count:
            raise bad_argument("CPU topology doesn't match the desired vcpu count")
    vcpu = config.root.find('vcpu')
    if vcpu is not None:
        current = min(config.vcpus, count)
        vcpu.text = str(count)
        unset(vcpu, 'current')
        if current < count:
            vcpu.set('current', str(current))
