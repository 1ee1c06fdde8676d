"""Procedures for the host: versions, capabilities, CPUs, memory."""

from __future__ import annotations

import base64
import errno

import libvirt

from vpmem_harness.libvirtd.errors import (
    LibvirtError,
    bad_argument,
    internal,
    misused,
    system_error,
)
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.node import (
    cpu_comparison,
    cpu_models,
    domain_capabilities,
    emulator_lookup,
    host_memory,
    topology,
)
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.values import TypedParameter
from vpmem_harness.libvirtd.xml.domain.parser import ARCHITECTURES
from vpmem_harness.randomness import Randomness

#: The features of libvirt's driver for QEMU that a client can ask for.
#: Source: libvirt 9.0.0, src/libvirt_internal.h (VIR_DRV_FEATURE_*),
#: src/qemu/qemu_driver.c (qemuConnectSupportsFeature).
MIGRATION_V2, MIGRATION_V3, MIGRATION_P2P = 1, 6, 4
CHANGE_PROTECTION, XML_MIGRATABLE, MIGRATION_OFFLINE, MIGRATION_PARAMS = 7, 11, 12, 13
TYPED_PARAM_STRING = 9
NETWORK_UPDATE_HAS_CORRECT_ORDER = 16
FEATURES = frozenset({MIGRATION_V2, MIGRATION_V3, MIGRATION_P2P, CHANGE_PROTECTION,
                      XML_MIGRATABLE, MIGRATION_OFFLINE, MIGRATION_PARAMS, TYPED_PARAM_STRING,
                      NETWORK_UPDATE_HAS_CORRECT_ORDER})

#: The number of statistics of a CPU on Linux.
_CPU_STATS = 4
#: The load of an idle host's CPUs.
_BUSY = 0.02


class NodeProcedures(ProcedureGroup):
    """Procedures for the host."""

    @procedure
    def connect_get_type(self) -> str:
        """Return the driver's name."""
        driver = self.connection.driver
        return 'QEMU' if driver == 'qemu' else driver

    @procedure
    def connect_get_version(self) -> int:
        """Return QEMU's version."""
        return self.hypervisor.release.qemu

    @procedure
    def connect_get_lib_version(self) -> int:
        """Return libvirt's version."""
        return self.hypervisor.release.libvirt

    @procedure
    def connect_get_hostname(self) -> str:
        """Return the host's name."""
        return self.hypervisor.name

    @procedure
    def connect_get_uri(self) -> str:
        """Return the URI that the daemon has opened."""
        return f'{self.connection.driver}:///system'

    @procedure
    def connect_is_secure(self) -> int:
        """Return 1: a UNIX socket is secure."""
        return 1

    @procedure
    def connect_supports_feature(self, feature: int) -> int:
        """Return whether the driver has a feature: VIR_DRV_FEATURE_*."""
        return int(feature in FEATURES)

    @procedure
    def connect_get_max_vcpus(self, kind: str | None) -> int:
        """Return the maximum number of vCPUs of a domain of that type."""
        if kind in (None, 'qemu', 'QEMU'):
            return 16
        if kind in ('kvm', 'KVM'):
            return 1024
        raise bad_argument(f"unknown type '{kind}'")

    @procedure
    def connect_get_capabilities(self) -> str:
        """Return the host's capabilities as XML."""
        return self.hypervisor.capabilities

    @procedure
    def connect_get_domain_capabilities(self, emulator: str | None, arch: str | None,
                                        machine: str | None, virt_type: str | None,
                                        flags: int) -> str:
        """Return the capabilities of domains as XML."""
        check_flags('qemuConnectGetDomainCapabilities', flags,
                    _HIDE_DEPRECATED if self.hypervisor.release.hides_deprecated else 0)
        found = emulator_lookup.find(self.hypervisor.xml_host, emulator, arch, machine, virt_type)
        return domain_capabilities.domain(
            self.hypervisor.hardware, self.hypervisor.release, found)

    @procedure
    def connect_get_cpu_model_names(self, arch: str, need_results: int,
                                    flags: int) -> tuple[list[str], int]:
        """Return the CPU models of an architecture; only those of x86 are simulated."""
        check_flags('qemuConnectGetCPUModelNames', flags, 0)
        if arch not in ARCHITECTURES:
            raise bad_argument(f'cannot find architecture {arch}')
        names = cpu_models.names(arch, self.hypervisor.release)
        return (names if need_results else []), len(names)

    @procedure
    def connect_compare_cpu(self, xml: str, flags: int) -> int:
        """Compare the host's CPU to another: VIR_CPU_COMPARE_*."""
        check_flags('qemuConnectCompareCPU', flags, _COMPARE_FLAGS)
        return cpu_comparison.compare(xml, self.hypervisor.hardware, flags)

    @procedure
    def connect_compare_hypervisor_cpu(self, emulator: str | None, arch: str | None,
                                       machine: str | None, virt_type: str | None, xml: str,
                                       flags: int) -> int:
        """Compare the CPU that QEMU provides on the host to another."""
        check_flags('qemuConnectCompareHypervisorCPU', flags, _COMPARE_FLAGS)
        emulator_lookup.find(self.hypervisor.xml_host, emulator, arch, machine, virt_type)
        return cpu_comparison.compare(xml, self.hypervisor.hardware, flags)

    @procedure
    def connect_baseline_cpu(self, xmls: list[str], flags: int) -> str:
        """Return a CPU that every one of ``xmls`` provides."""
        check_flags('qemuConnectBaselineCPU', flags, _BASELINE_FLAGS)
        return cpu_comparison.baseline(xmls, flags)

    @procedure
    def connect_baseline_hypervisor_cpu(self, emulator: str | None, arch: str | None,
                                        machine: str | None, virt_type: str | None,
                                        xmls: list[str], flags: int) -> str:
        """Return a CPU that QEMU can provide on every one of ``xmls``."""
        check_flags('qemuConnectBaselineHypervisorCPU', flags, _BASELINE_FLAGS)
        emulator_lookup.find(self.hypervisor.xml_host, emulator, arch, machine, virt_type)
        return cpu_comparison.baseline(xmls, flags, hosts=False)

    @procedure
    def connect_get_sysinfo(self, flags: int) -> str:
        """Return the host's SMBIOS information as XML."""
        check_flags('qemuConnectGetSysinfo', flags, 0)
        return ("<sysinfo type='smbios'>\n  <system>\n"
                "    <entry name='manufacturer'>vpmem_harness</entry>\n"
                "    <entry name='product'>Simulated host</entry>\n"
                f"    <entry name='uuid'>{self.hypervisor.uuid}</entry>\n"
                '  </system>\n</sysinfo>\n')

    @procedure
    def node_get_info(self) -> tuple[str, int, int, int, int, int, int, int]:
        """Return CPU model, memory in KiB, CPUs, MHz, NUMA cells, sockets, cores, threads."""
        hardware = self.hypervisor.hardware
        return (hardware.arch, hardware.memory // 1024, len(topology.online(hardware)),
                hardware.mhz, *topology.counts(hardware))

    @procedure
    def node_get_cpu_map(self, need_map: int, need_online: int,
                         flags: int) -> tuple[bytes, int, int]:
        """Return the bitmap of online CPUs, their number, and the number of all CPUs."""
        check_flags('qemuNodeGetCPUMap', flags, 0)
        hardware = self.hypervisor.hardware
        online = [cpu.id for cpu in topology.online(hardware)]
        bits = sum(1 << number for number in online)
        bitmap = bits.to_bytes(online[-1] // 8 + 1, 'little')
        return (bitmap if need_map else b'', len(online), topology.cpu_count(hardware))

    @procedure
    def node_get_cpu_stats(self, cpu: int, nparams: int,
                           flags: int) -> tuple[list[tuple[str, int]], int]:
        """Return kernel, user, idle and I/O wait time in nanoseconds, of one CPU or of all (-1)."""
        check_flags('virHostCPUGetStats', flags, 0, domain=libvirt.VIR_FROM_NONE)
        if not nparams:
            return [], _CPU_STATS
        online = {known.id for known in topology.online(self.hypervisor.hardware)}
        count = len(online)
        if cpu not in online and cpu != libvirt.VIR_NODE_CPU_STATS_ALL_CPUS:
            raise misused('virHostCPUGetStatsLinux', 'cpuNum',
                          'Invalid cpuNum in virHostCPUGetStatsLinux',
                          domain=libvirt.VIR_FROM_NONE)
        up = self.hypervisor.clock.now() - self.hypervisor.started
        total = int(up * 1e9) * (count if cpu == libvirt.VIR_NODE_CPU_STATS_ALL_CPUS else 1)
        guests = sum(self.hypervisor.cpu_time(domain) for domain in self.hypervisor.domains)
        if cpu != libvirt.VIR_NODE_CPU_STATS_ALL_CPUS:
            guests //= count
        kernel = int(total * _BUSY / 2)
        user = kernel + guests
        stats = [('kernel', kernel), ('user', user),
                 ('idle', max(total - kernel - user, 0)), ('iowait', 0)]
        return stats, len(stats)

    @procedure
    def node_get_memory_stats(self, nparams: int, cell: int,
                              flags: int) -> tuple[list[tuple[str, int]], int]:
        """Return total and free memory in KiB and, for all cells, buffers and cache."""
        check_flags('virHostMemGetStats', flags, 0, domain=libvirt.VIR_FROM_NONE)
        if cell == libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS:
            total = self.hypervisor.hardware.memory
            stats = [('total', total // 1024), ('free', self._memory().free() // 1024),
                     ('buffers', 0), ('cached', 0)]
        else:
            last = topology.last_node(self.hypervisor.hardware)
            if not 0 <= cell <= last:
                raise misused('virHostMemGetStats', 'cellNum', 'cellNum in virHostMemGetStats '
                              f'must be less than or equal to {last}',
                              domain=libvirt.VIR_FROM_NONE)
            found = self.hypervisor.hardware.cell(cell)
            if found is None:
                raise system_error(
                    errno.ENOENT, f'cannot open /sys/devices/system/node/node{cell}/meminfo',
                    domain=libvirt.VIR_FROM_NONE)
            stats = [('total', found.memory // 1024),
                     ('free', self._memory().free_of(found) // 1024)]
        return (stats if nparams else []), len(stats)

    @procedure
    def node_get_free_memory(self) -> int:
        """Return the free memory in bytes."""
        return self._memory().free()

    @procedure
    def node_get_cells_free_memory(self, start: int, maxcells: int) -> list[int]:
        """Return the free memory of each node from ``start`` on, in bytes; 0 for a missing one."""
        hardware = self.hypervisor.hardware
        numbers = self._nodes(start, maxcells)
        memory = self._memory()
        return [0 if (cell := hardware.cell(number)) is None else memory.free_of(cell)
                for number in numbers]

    @procedure
    def node_get_free_pages(self, pages: list[int], start: int, count: int,
                            flags: int) -> list[int]:
        """Return the free pages of each size (in KiB), by node from ``start`` on."""
        check_flags('qemuNodeGetFreePages', flags, 0)
        memory = self._memory()
        free: list[int] = []
        for number in self._nodes(start, count):
            cell = self.hypervisor.hardware.cell(number)
            for size in pages:
                found = None if cell is None else memory.free_pages(cell, size)
                if found is None:
                    raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                                       f'page size {size} is not available on node {number}',
                                       domain=libvirt.VIR_FROM_NONE)
                free.append(found)
        return free

    def _nodes(self, start: int, count: int) -> range:
        """Return the numbers of at most ``count`` nodes from ``start`` on."""
        last = topology.last_node(self.hypervisor.hardware)
        if not 0 <= start <= last:
            raise internal(f'start cell {start} out of range (0-{last})',
                           domain=libvirt.VIR_FROM_NONE)
        return range(start, min(start + count, last + 1))

    def _memory(self) -> host_memory.HostMemory:
        return host_memory.HostMemory(self.hypervisor.hardware, self.hypervisor.domains)

    @procedure
    def node_get_security_model(self) -> tuple[str, str]:
        """Return the security driver and its domain of interpretation: there is none."""
        return 'none', '0'

    @procedure
    def node_suspend_for_duration(self, target: int, duration: int, flags: int) -> None:
        """Refuse to suspend the host: it supports no such state, like a server without pm-utils.

        Source: libvirt 9.0.0, src/util/virnodesuspend.c (virNodeSuspend).
        """
        check_flags('virNodeSuspend', flags, 0, domain=libvirt.VIR_FROM_NONE)
        names = {libvirt.VIR_NODE_SUSPEND_TARGET_MEM: 'Suspend-to-RAM',
                 libvirt.VIR_NODE_SUSPEND_TARGET_DISK: 'Suspend-to-Disk',
                 libvirt.VIR_NODE_SUSPEND_TARGET_HYBRID: 'Hybrid-Suspend'}
        if target not in names:
            raise bad_argument('Invalid suspend target', domain=libvirt.VIR_FROM_NONE)
        raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED, names[target],
                           domain=libvirt.VIR_FROM_NONE)

    @procedure
    def node_get_sev_info(self, nparams: int,
                          flags: int) -> tuple[list[TypedParameter], int]:
        """Return the parameters of AMD SEV: platform keys, address bits, limits of guests.

        Source: libvirt 9.0.0, src/qemu/qemu_driver.c (qemuGetSEVInfoToParams).
        """
        sev = self.hypervisor.hardware.sev
        if sev is None:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               'QEMU does not support SEV guest')
        drawn = self.hypervisor.randomness.derive('sev')
        check_flags('qemuGetSEVInfoToParams', flags, libvirt.VIR_TYPED_PARAM_STRING_OKAY)
        params = [
            TypedParameter.string('pdh', _base64(drawn.derive('pdh'))),
            TypedParameter.string('cert-chain', _base64(drawn.derive('chain'))),
            TypedParameter.uint('cbitpos', sev.cbit_position),
            TypedParameter.uint('reduced-phys-bits', sev.reduced_bits),
            TypedParameter.uint('max-guests', sev.max_guests),
            TypedParameter.uint('max-es-guests', sev.max_es_guests)]
        return (params if nparams else []), len(params)


#: VIR_CONNECT_GET_DOMAIN_CAPABILITIES_DISABLE_DEPRECATED_FEATURES, of libvirt 11.0: no feature of
#: the simulated CPUs is deprecated.
_HIDE_DEPRECATED = 1
def _base64(randomness: Randomness) -> str:
    """Return drawn bytes in base64, as platform keys are."""
    return base64.b64encode(randomness.bytes(64)).decode()


_COMPARE_FLAGS = (libvirt.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE
                  | libvirt.VIR_CONNECT_COMPARE_CPU_VALIDATE_XML)
_BASELINE_FLAGS = (libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES
                   | libvirt.VIR_CONNECT_BASELINE_CPU_MIGRATABLE)

