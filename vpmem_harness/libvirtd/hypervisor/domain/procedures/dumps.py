"""Procedures that read a guest's memory and disks, and take a picture of its screen.

Source: libvirt 9.0.0, src/qemu/qemu_driver.c (doCoreDump, qemuDomainScreenshot,
qemuDomainMemoryPeek, qemuDomainBlockPeek).
"""

from __future__ import annotations

import errno
import io
import struct
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument, invalid, system_error
from vpmem_harness.libvirtd.hypervisor.domain import picture
from vpmem_harness.libvirtd.hypervisor.domain.images import transient
from vpmem_harness.libvirtd.hypervisor.domain.jobs import check_no_backup
from vpmem_harness.libvirtd.hypervisor.domain.qemu_process import check_active
from vpmem_harness.libvirtd.hypervisor.driver_checks import check_flags
from vpmem_harness.libvirtd.hypervisor.procedure_group import ProcedureGroup, procedure
from vpmem_harness.libvirtd.hypervisor.storage.files import empty
from vpmem_harness.libvirtd.stream import Download, Streamed
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.libvirtd.xml.devices import disks

_CRASH, _LIVE, _RESET, _MEMORY = (libvirt.VIR_DUMP_CRASH, libvirt.VIR_DUMP_LIVE,
                                  libvirt.VIR_DUMP_RESET, libvirt.VIR_DUMP_MEMORY_ONLY)
_FLAGS: Final = _CRASH | _LIVE | _RESET | _MEMORY | libvirt.VIR_DUMP_BYPASS_CACHE
_RAW: Final = libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_RAW
#: Formats that Debian's QEMU lacks, and the reason why a Windows dump fails.
_MISSING: Final = {libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_LZO: 'kdump-lzo',
                   libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_SNAPPY: 'kdump-snappy'}
#: The header of an ELF core file of x86-64 without any segment.
_ELF: Final = struct.pack('<4s5B7xHHIQQQIHHHHHH', b'\x7fELF', 2, 1, 1, 0, 0, 4, 62, 1, 0, 0, 0, 0,
                          64, 0, 0, 0, 0, 0)
_VIRTUAL, _PHYSICAL = libvirt.VIR_MEMORY_VIRTUAL, libvirt.VIR_MEMORY_PHYSICAL
#: The end of the largest file of ext4 in bytes.
_OFFSET_MAX: Final = 1 << 44
_KDUMP: Final = b'KDUMP   '


class DumpProcedures(ProcedureGroup):
    """Procedures that read a guest's memory and disks, and take a picture of its screen."""

    @procedure
    def domain_memory_peek(self, handle: DomainHandle, offset: int, size: int,
                           flags: int) -> bytes:
        """Return a running guest's memory: it contains zeros."""
        check_flags('qemuDomainMemoryPeek', flags, _VIRTUAL | _PHYSICAL)
        domain = self.domain(handle)
        if not flags:
            raise bad_argument(
                'flags parameter must be VIR_MEMORY_VIRTUAL or VIR_MEMORY_PHYSICAL')
        check_active(domain)
        return bytes(size)

    @procedure
    def domain_block_peek(self, handle: DomainHandle, path: str, offset: int, size: int,
                          flags: int) -> bytes:
        """Return what a raw disk contains."""
        check_flags('qemuDomainBlockPeek', flags, 0)
        disk = disks.named(self.domain(handle).definition.devices, path)
        if disk is None:
            raise bad_argument(f"disk '{path}' not found in domain")
        form = disks.driver_format(disk)
        if form != 'raw':
            raise LibvirtError(
                libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                f"peeking is only supported for disk with 'raw' format not '{form}'")
        source = self.hypervisor.disk_sources.path(disk)
        if source is None:
            raise _cannot_read(errno.EFAULT, "Failed to open file '(null)'")
        if self.hypervisor.backing.stat(source) is None:
            raise _cannot_read(errno.ENOENT, f"Failed to open file '{source}'")
        if offset >= _OFFSET_MAX:
            raise _cannot_read(errno.EINVAL, f"cannot seek into '{source}'")
        if not size:
            raise _cannot_read(errno.EINVAL, f"cannot read header '{source}'")
        try:
            data = self.hypervisor.backing.storage.read(source, offset, size)
        except OSError as error:
            raise _cannot_read(error.errno or errno.EIO, f"cannot read header '{source}'") from None
        if len(data) < size:
            raise bad_argument(f"'{path}' starting from {offset} has only {len(data)} bytes "
                               'available')
        return data

    @procedure
    def domain_core_dump(self, handle: DomainHandle, path: str, flags: int) -> None:
        """Write a core file of the guest."""
        self._dump(handle, path, _RAW, flags)

    @procedure
    def domain_core_dump_with_format(self, handle: DomainHandle, path: str, number: int,
                                     flags: int) -> None:
        """Write a core file of the guest in a format, a VIR_DOMAIN_CORE_DUMP_FORMAT_*."""
        self._dump(handle, path, number, flags)

    def _dump(self, handle: DomainHandle, path: str, number: int, flags: int) -> None:
        check_flags('qemuDomainCoreDumpWithFormat', flags, _FLAGS)
        domain = self.domain(handle)
        check_no_backup(domain)
        check_active(domain)
        if not flags & _MEMORY:
            transient.check_migration(domain)
        files = self.hypervisor.backing.storage
        try:
            empty(files, path)
            try:
                _check_format(number, bool(flags & _MEMORY))
            except LibvirtError:
                files.remove(path)
                raise
            files.write(path, 0, _ELF if number == _RAW else _KDUMP)
        except OSError as error:
            raise system_error(error.errno or 0, f"Failed to create file '{path}'") from None
        processes = self.hypervisor.processes
        running = domain.state == libvirt.VIR_DOMAIN_RUNNING
        if running and not flags & _LIVE:
            processes.suspend(domain, libvirt.VIR_DOMAIN_PAUSED_DUMP)
        if flags & _CRASH:
            processes.stop(domain, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED,
                           libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED)
            return
        if flags & _RESET:
            self.hypervisor.events.publish(libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, domain)
        if running and not flags & _LIVE:
            processes.resume(domain)

    @procedure
    def domain_screenshot(self, handle: DomainHandle, screen: int, flags: int) -> Streamed:
        """Send a picture of a screen, which shows the domain's name."""
        check_flags('qemuDomainScreenshot', flags, 0)
        domain = self.domain(handle)
        check_active(domain)
        models = domain.definition.devices.findall('video/model')
        if not models:
            raise invalid('no screens to take screenshot from')
        heads = sum(int(model.get('heads', 1)) for model in models)
        if screen >= heads:
            raise invalid('no such screen ID')
        return Streamed(Download(io.BytesIO(picture.of(domain.name)).read), 'image/png')


def _check_format(number: int, memory_only: bool) -> None:
    if not memory_only:
        if number != _RAW:
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                               'kdump-compressed format is only supported with memory-only dump')
        return
    if number in _MISSING:
        raise bad_argument(f"unsupported dumpformat '{_MISSING[number]}' for this QEMU binary")
    if number == libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_WIN_DMP:
        raise LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED,
                           'memory-only dump failed: win-dump: invalid vmcoreinfo note size')


def _cannot_read(number: int, text: str) -> LibvirtError:
    return system_error(number, text, domain=libvirt.VIR_FROM_STORAGE)
