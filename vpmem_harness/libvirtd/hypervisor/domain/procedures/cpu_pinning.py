"""Procedures that pin vCPUs, the emulator and I/O threads to the host's CPUs.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c.
"""

from __future__ import annotations

import libvirt

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, invalid
from vpmem_harness.libvirtd.hypervisor.domain.definitions import CONFIG, LIVE, get_defs, get_one_def
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.node import topology
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import DomainHandle, signed
from vpmem_harness.libvirtd.xml import numbers
from vpmem_harness.libvirtd.xml.etree import Element, add, drop

#: The maximum size of CPU maps in a message; libvirtd fails to encode a longer reply.
_CPUMAPS_MAX = 8388608


class CpuPinningProcedures(ProcedureGroup):
    """Procedures that pin vCPUs, the emulator and I/O threads."""

    @procedure
    def domain_get_vcpus(self, handle: DomainHandle, maximum: int,
                         length: int) -> tuple[list[tuple[int, int, int, int]], bytes]:
        """Return each vCPU's number, state, time and CPU, and the vCPUs' CPU maps."""
        domain = self.domain(handle)
        if not domain.active:
            raise invalid('cannot retrieve vcpu information for inactive domain')
        count = min(domain.definition.vcpus, maximum)
        cpus = sorted(online(self.hypervisor.hardware))
        share = self.hypervisor.cpu_time(domain) // domain.definition.vcpus
        found = [(number, int(libvirt.VIR_VCPU_RUNNING), share,
                  cpus[number % len(cpus)])
                 for number in range(count)]
        maps = b''.join(to_map(self._pinned(domain.definition.root, number), length)
                        for number in range(count)) if length else b''
        return found, maps

    def _pinned(self, root: Element, number: int) -> set[int]:
        """Return the CPUs that a vCPU is pinned to."""
        pin = root.find(f"cputune/vcpupin[@vcpu='{number}']")
        text = pin.get('cpuset', '') if pin is not None else root.find('vcpu')
        if not isinstance(text, str):
            text = '' if text is None else text.get('cpuset', '')
        if not text:
            return online(self.hypervisor.hardware)
        return {cpu for cpu in numbers.bitmap(text) or ()
                if cpu < topology.cpu_count(self.hypervisor.hardware)}

    @procedure
    def domain_get_vcpu_pin_info(self, handle: DomainHandle, count: int, length: int,
                                 flags: int) -> tuple[bytes, int]:
        """Return the CPU map of each vCPU."""
        check_flags('qemuDomainGetVcpuPinInfo', flags, LIVE | CONFIG)
        definition = get_one_def(self.domain(handle), flags)
        count = min(count, definition.max_vcpus)
        return b''.join(to_map(self._pinned(definition.root, number), length)
                        for number in range(count)), count

    @procedure
    def domain_pin_vcpu(self, handle: DomainHandle, vcpu: int, cpus: bytes) -> None:
        """Pin a vCPU of a running domain."""
        self._pin(self.domain(handle), vcpu, cpus, LIVE)

    @procedure
    def domain_pin_vcpu_flags(self, handle: DomainHandle, vcpu: int, cpus: bytes,
                              flags: int) -> None:
        """Pin a vCPU, live or in the configuration."""
        check_flags('qemuDomainPinVcpuFlags', flags, LIVE | CONFIG)
        self._pin(self.domain(handle), vcpu, cpus, flags)

    def _pin(self, domain: Domain, vcpu: int, cpus: bytes, flags: int) -> None:
        allowed = from_map(cpus)
        for definition, what in zip(get_defs(domain, flags), ('live', 'persistent'), strict=True):
            if definition is None:
                continue
            if vcpu >= definition.max_vcpus:
                raise bad_argument(
                    f'vcpu {signed(vcpu)} is out of range of {what} cpu count '
                    f"{definition.max_vcpus if what == 'live' else definition.vcpus}")
            if not allowed:
                raise bad_argument('Empty cpu list for pinning')
            tune = definition.root.find('cputune')
            if tune is None:
                tune = add(definition.root, 'cputune')
            drop(tune, f"vcpupin[@vcpu='{vcpu}']")
            add(tune, 'vcpupin', vcpu=vcpu, cpuset=numbers.format_bitmap(allowed))

    @procedure
    def domain_get_emulator_pin_info(self, handle: DomainHandle, length: int,
                                     flags: int) -> tuple[bytes, int]:
        """Return the CPU map of the emulator."""
        check_flags('qemuDomainGetEmulatorPinInfo', flags, LIVE | CONFIG)
        root = get_one_def(self.domain(handle), flags).root
        pin = root.find('cputune/emulatorpin')
        text = '' if pin is None else pin.get('cpuset', '')
        every = online(self.hypervisor.hardware)
        if length > _CPUMAPS_MAX:
            raise LibvirtError(libvirt.VIR_ERR_RPC, 'Unable to encode message payload',
                               domain=libvirt.VIR_FROM_RPC)
        return to_map(numbers.bitmap(text) or every, length), 1

    @procedure
    def domain_pin_emulator(self, handle: DomainHandle, cpus: bytes, flags: int) -> None:
        """Pin the emulator."""
        check_flags('qemuDomainPinEmulator', flags, LIVE | CONFIG)
        allowed = from_map(cpus)
        definitions = get_defs(self.domain(handle), flags)
        if not allowed:
            raise bad_argument('Empty cpu list for pinning')
        for definition in definitions:
            if definition is None:
                continue
            tune = definition.root.find('cputune')
            if tune is None:
                tune = add(definition.root, 'cputune')
            drop(tune, 'emulatorpin')
            add(tune, 'emulatorpin', cpuset=numbers.format_bitmap(allowed))


def online(hardware: Hardware) -> set[int]:
    """Return the host's CPUs that are online."""
    return {cpu.id for cpu in topology.online(hardware)}


def to_map(cpus: set[int], length: int) -> bytes:
    """Return a bitmap of CPUs, cut to ``length`` bytes."""
    bits = sum(1 << cpu for cpu in cpus if cpu < 8 * length)
    return bits.to_bytes(length, 'little')


def from_map(cpus: bytes) -> set[int]:
    """Return the CPUs of a bitmap."""
    bits = int.from_bytes(cpus, 'little')
    return {number for number in range(8 * len(cpus)) if bits >> number & 1}
