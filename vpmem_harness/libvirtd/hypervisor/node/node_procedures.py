"""Procedures for the host: versions, capabilities, CPUs, memory."""

from __future__ import annotations

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, internal, misused, unsupported
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.node import cpu_comparison, domain_capabilities
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.xml.domain.parser import ARCHITECTURES

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

#: The load of an idle host's CPUs, and the memory that the host itself uses.
_BUSY, _SYSTEM_MEMORY = 0.02, 1024**3


class NodeProcedures(ProcedureGroup):
    """Procedures for the host."""

    @procedure
    def connect_get_type(self) -> str:
        """Return the driver's name."""
        return 'QEMU'

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
        return 'qemu:///system'

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
        check_flags('qemuConnectGetDomainCapabilities', flags, 0)
        return domain_capabilities.domain(
            self.hypervisor.hardware, self.hypervisor.release, emulator, arch, machine, virt_type)

    @procedure
    def connect_get_cpu_model_names(self, arch: str, need_results: int,
                                    flags: int) -> tuple[list[str], int]:
        """Return the CPU models of an architecture; only those of x86 are simulated."""
        check_flags('qemuConnectGetCPUModelNames', flags, 0)
        if arch not in ARCHITECTURES:
            raise bad_argument(f'cannot find architecture {arch}')
        models = self.hypervisor.release.tables.cpu_models
        names = list(models) if arch in ('x86_64', 'i686') else []
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
        return cpu_comparison.baseline(xmls, flags)

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
        return (hardware.arch, hardware.memory // 1024, len(hardware.cpus), hardware.mhz,
                len(hardware.cells), hardware.sockets, hardware.cores, hardware.threads)

    @procedure
    def node_get_cpu_map(self, need_map: int, need_online: int,
                         flags: int) -> tuple[bytes, int, int]:
        """Return the bitmap of online CPUs, their number, and the number of all CPUs."""
        check_flags('qemuNodeGetCPUMap', flags, 0)
        count = len(self.hypervisor.hardware.cpus)
        bitmap = ((1 << count) - 1).to_bytes((count + 7) // 8, 'little')
        return (bitmap if need_map else b'', count, count)

    @procedure
    def node_get_cpu_stats(self, cpu: int, nparams: int,
                           flags: int) -> tuple[list[tuple[str, int]], int]:
        """Return kernel, user, idle and I/O wait time in nanoseconds, of one CPU or of all (-1)."""
        check_flags('virHostCPUGetStats', flags, 0, domain=libvirt.VIR_FROM_NONE)
        count = len(self.hypervisor.hardware.cpus)
        if cpu >= count or cpu < -1:
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
        return (stats if nparams else []), len(stats)

    @procedure
    def node_get_memory_stats(self, nparams: int, cell: int,
                              flags: int) -> tuple[list[tuple[str, int]], int]:
        """Return total and free memory in KiB and, for all cells, buffers and cache."""
        check_flags('virHostMemGetStats', flags, 0, domain=libvirt.VIR_FROM_NONE)
        if cell == libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS:
            total = self.hypervisor.hardware.memory
            stats = [('total', total // 1024), ('free', self._free() // 1024),
                     ('buffers', 0), ('cached', 0)]
        else:
            cells = self.hypervisor.hardware.cells
            if not 0 <= cell < len(cells):
                raise misused('virHostMemGetStats', 'cellNum', 'cellNum in virHostMemGetStats '
                              f'must be less than or equal to {len(cells) - 1}',
                              domain=libvirt.VIR_FROM_NONE)
            stats = [('total', cells[cell].memory // 1024),
                     ('free', self._free_of(cell) // 1024)]
        return (stats if nparams else []), len(stats)

    @procedure
    def node_get_free_memory(self) -> int:
        """Return the free memory in bytes."""
        return self._free()

    @procedure
    def node_get_cells_free_memory(self, start: int, maxcells: int) -> list[int]:
        """Return the free memory of each cell from ``start`` on, in bytes."""
        cells = self.hypervisor.hardware.cells
        if start >= len(cells):
            raise internal(f'start cell {start} out of range (0-{len(cells) - 1})',
                           domain=libvirt.VIR_FROM_NONE)
        return [self._free_of(cell.id) for cell in cells[start:start + maxcells]]

    @procedure
    def node_get_free_pages(self, pages: list[int], start: int, count: int,
                            flags: int) -> list[int]:
        """Return the free pages of each size (in KiB), by cell from ``start`` on."""
        check_flags('qemuNodeGetFreePages', flags, 0)
        cells = self.hypervisor.hardware.cells
        if not 0 <= start < len(cells):
            raise internal(f'start cell {start} out of range (0-{len(cells) - 1})',
                           domain=libvirt.VIR_FROM_NONE)
        free: list[int] = []
        for cell in cells[start:start + count]:
            for size in pages:
                if size == 4:
                    free.append(self._free_of(cell.id) // 4096)
                elif size in dict(cell.huge_pages):
                    free.append(dict(cell.huge_pages)[size])
                else:
                    raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                                       f'page size {size} is not available on node {cell.id}',
                                       domain=libvirt.VIR_FROM_NONE)
        return free

    @procedure
    def node_get_security_model(self) -> tuple[str, str]:
        """Return the security driver and its domain of interpretation: there is none."""
        return 'none', '0'

    @procedure
    def node_get_sev_info(self, nparams: int, flags: int) -> list[object]:
        """Refuse: the host has no AMD SEV."""
        raise unsupported('QEMU does not support SEV guest')

    def _free(self) -> int:
        cells = self.hypervisor.hardware.cells
        return sum(self._free_of(cell.id) for cell in cells)

    def _free_of(self, number: int) -> int:
        """Return the free bytes of a cell; guests are spread over all cells."""
        hardware = self.hypervisor.hardware
        cell = hardware.cells[number]
        guests = sum(domain.definition.current_memory * 1024
                     for domain in self.hypervisor.domains if domain.active)
        huge = sum(size * count * 1024 for size, count in cell.huge_pages)
        share = (guests + min(_SYSTEM_MEMORY, hardware.memory // 8)) // len(hardware.cells)
        return max(cell.memory - huge - share, 0)


_COMPARE_FLAGS = (libvirt.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE
                  | libvirt.VIR_CONNECT_COMPARE_CPU_VALIDATE_XML)
_BASELINE_FLAGS = (libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES
                   | libvirt.VIR_CONNECT_BASELINE_CPU_MIGRATABLE)

