"""Procedures about the host: who it is, what it is built of, what it can do."""

from __future__ import annotations

from vpmem_harness.libvirtd.hypervisor.procedures import Procedures, check_flags, procedure

#: libvirt's and QEMU's version, as major * 1,000,000 + minor * 1,000 + release.
LIBVIRT_VERSION = 9_000_000
QEMU_VERSION = 7_002_022


class HostProcedures(Procedures):
    """Procedures about the host."""

    @procedure
    def connect_get_type(self) -> str:
        """The driver's name."""
        return 'QEMU'

    @procedure
    def connect_get_version(self) -> int:
        """QEMU's version."""
        return QEMU_VERSION

    @procedure
    def connect_get_lib_version(self) -> int:
        """libvirt's version."""
        return LIBVIRT_VERSION

    @procedure
    def connect_get_hostname(self) -> str:
        """The host's name."""
        return self.hypervisor.name

    @procedure
    def connect_get_uri(self) -> str:
        """The URI that the daemon itself has opened."""
        return 'qemu:///system'

    @procedure
    def connect_is_secure(self) -> int:
        """Whether nobody can listen: a UNIX socket is safe."""
        return 1

    @procedure
    def node_get_info(self) -> tuple[str, int, int, int, int, int, int, int]:
        """CPU model, memory in KiB, CPUs, MHz, NUMA cells, sockets, cores, threads."""
        hardware = self.hypervisor.hardware
        return (hardware.arch, hardware.memory // 1024, len(hardware.cpus), hardware.mhz,
                len(hardware.cells), hardware.sockets, hardware.cores, hardware.threads)

    @procedure
    def node_get_cpu_map(self, need_map: int, need_online: int,
                         flags: int) -> tuple[bytes, int, int]:
        """Bitmap of online CPUs, how many those are, and how many there are."""
        check_flags('qemuNodeGetCPUMap', flags, 0)
        count = len(self.hypervisor.hardware.cpus)
        bitmap = ((1 << count) - 1).to_bytes((count + 7) // 8, 'little')
        return (bitmap if need_map else b'', count, count)


