"""Procedures for the number of a domain's vCPUs.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainSetVcpusFlags),
src/qemu/qemu_hotplug.c (qemuDomainSetVcpusInternal).
"""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, misused, unsupported
from vpmem_harness.libvirtd.hypervisor.domain import emulator
from vpmem_harness.libvirtd.hypervisor.domain.definitions import CONFIG, LIVE, get_defs, get_one_def
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.domain import vcpus
from vpmem_harness.libvirtd.xml.numbers import bitmap

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
        self._set(self.domain(handle), count, LIVE)

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
        self._set(domain, count, flags)

    @procedure
    def domain_get_max_vcpus(self, handle: DomainHandle) -> int:
        """Return the maximum number of vCPUs of a running domain."""
        domain = self.domain(handle)
        check_active(domain)
        return domain.definition.max_vcpus

    def _set(self, domain: Domain, count: int, flags: int) -> None:
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
        if live is not None:
            numbers, plugged = _chosen(live, count)
            self._change_live(live, numbers, plug=plugged)
        if config is not None:
            _set_configured(config, count, hotpluggable=bool(flags & _HOTPLUGGABLE))

    def _change_live(self, live: Definition, numbers: list[int], *, plug: bool) -> None:
        """Plug vCPUs into a running guest, or unplug them."""
        present = vcpus.of(live, live=True)
        for number in numbers:
            if not plug and not live.has_acpi:
                raise emulator.command_failed('device_del',
                                              'CPU hot unplug not supported without ACPI')
            if not plug and not self.hypervisor.guests.releases_devices:
                raise LibvirtError(
                    libvirt.VIR_ERR_OPERATION_FAILED, 'vcpu unplug request timed out. Unplug '
                    'result must be manually inspected in the domain')
            (vcpus.plug if plug else vcpus.unplug)(present, number)
            vcpus.store(live, present, listed=True)

    @procedure
    def domain_set_vcpu(self, handle: DomainHandle, cpumap: str, state: int, flags: int) -> None:
        """Enable or disable single vCPUs, of a running domain only one.

        Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuDomainSetVcpu),
        src/qemu/qemu_hotplug.c (qemuDomainSetVcpuInternal).
        """
        check_flags('qemuDomainSetVcpu', flags, LIVE | CONFIG)
        if state not in (0, 1):
            raise misused('qemuDomainSetVcpu', 'state', 'unsupported state value')
        chosen = bitmap(cpumap)
        if chosen is None or not cpumap:
            raise bad_argument(f"Failed to parse bitmap '{cpumap}'",
                               domain=libvirt.VIR_FROM_NONE)
        if not chosen:
            raise bad_argument('no vcpus selected for modification')
        numbers = sorted(chosen)
        live, config = get_defs(self.domain(handle), flags)
        for definition, what in ((config, 'persistent'), (live, 'live')):
            if definition is not None and numbers[-1] >= definition.max_vcpus:
                raise bad_argument(f'vcpu {numbers[-1]} is not present in {what} config')
        if live is not None:
            _check_live(live, numbers, bool(state))
        if config is not None:
            _check_configured(config, numbers)
        if live is not None:
            self._change_live(live, numbers, plug=bool(state))
        if config is not None:
            configured = vcpus.of(config, live=False)
            for number in numbers:
                configured[number] = vcpus.Vcpu(bool(state), hotpluggable=True)
            _store_configured(config, configured, listed=True)


def _chosen(live: Definition, count: int) -> tuple[list[int], bool]:
    """Return the vCPUs to plug or to unplug so that ``count`` remain, and whether to plug."""
    present = vcpus.of(live, live=True)
    online = sum(vcpu.online for vcpu in present)
    if count > online:
        absent = [number for number, vcpu in enumerate(present) if not vcpu.online]
        return absent[:count - online], True
    hot = [number for number, vcpu in enumerate(present) if vcpu.online and vcpu.hotpluggable]
    if len(hot) < online - count:
        raise unsupported('failed to find appropriate hotpluggable vcpus to reach the desired '
                          'target vcpu count')
    return hot[::-1][:online - count], False


def _check_live(live: Definition, numbers: list[int], state: bool) -> None:
    present = vcpus.of(live, live=True)
    for number in numbers:
        if present[number].online == state:
            raise bad_argument(f"vcpu '{number}' is already in requested state")
    if len(numbers) > 1:
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                           'only one hotpluggable entity can be selected')
    if not state and not present[numbers[0]].hotpluggable:
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                           f"vcpu '{numbers[0]}' can't be unplugged")


def _check_configured(config: Definition, numbers: list[int]) -> None:
    if 0 in numbers:
        raise bad_argument("vCPU '0' can't be modified")
    configured = vcpus.of(config, live=False)
    if any(vcpu.online and not vcpu.hotpluggable and number not in numbers
           for number, vcpu in enumerate(configured) if number > numbers[0]):
        raise bad_argument(f"vcpu '{numbers[0]}' can't be modified as it is followed by "
                           'non-hotpluggable online vcpus')


def _set_configured(config: Definition, count: int, *, hotpluggable: bool) -> None:
    configured = vcpus.of(config, live=False)
    online = sum(vcpu.online for vcpu in configured)
    listed = False
    if count < online:
        for vcpu in [vcpu for vcpu in reversed(configured) if vcpu.online][:online - count]:
            vcpu.online, vcpu.hotpluggable = False, True
    for vcpu in configured if count > online else ():
        if online == count:
            break
        if vcpu.online:
            hotpluggable = hotpluggable or vcpu.hotpluggable
            continue
        vcpu.online, vcpu.hotpluggable = True, hotpluggable
        listed = listed or hotpluggable
        online += 1
    _store_configured(config, configured, listed=listed)


def _store_configured(config: Definition, configured: list[vcpus.Vcpu], *, listed: bool) -> None:
    for vcpu in configured:
        vcpu.order = 0
    vcpus.store(config, configured, listed=listed)


def _set_maximum(config: Definition, count: int) -> None:
    topology = config.root.find('cpu/topology')
    if topology is not None:
        product = 1
        for name in ('sockets', 'dies', 'clusters', 'cores', 'threads'):
            product *= int(topology.get(name) or 1)
        if product != count:
            raise bad_argument("CPU topology doesn't match the desired vcpu count")
    cells = [bitmap(cell.get('cpus') or '') or () for cell in config.numa_cells]
    if sum(map(len, cells)) > count:
        raise bad_argument('Number of CPUs in <numa> exceeds the desired maximum vcpu count')
    configured = vcpus.of(config, live=False)[:count]
    configured += [vcpus.Vcpu(online=False, hotpluggable=True)
                   for _ in range(count - len(configured))]
    _store_configured(config, configured, listed=False)
