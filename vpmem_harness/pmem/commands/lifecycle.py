"""Enabling, disabling and destroying: what ndctl does to what is there.

Follows ndctl 76's ndctl/namespace.c (``zero_info_block``, ``namespace_prep_reconfig``) and
ndctl/lib/libndctl.c (``ndctl_namespace_disable_safe``).
"""

from __future__ import annotations

import errno
from collections.abc import Collection

from vpmem_harness.pmem.commands.dax_nodes import check_node
from vpmem_harness.pmem.commands.results import Transcript
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region
from vpmem_harness.pmem.machine import PersistentMemory


class CommandFailed(Exception):
    """The command, or this step of it, ends with this errno."""

    def __init__(self, error: int) -> None:
        super().__init__(error)
        self.errno = error


class Lifecycle:
    """Somebody who runs a command, with or without rights.

    :param command: how the command calls itself in errors
    :param force: whether what is active is destroyed too
    :param in_use: paths of block devices that are mounted or otherwise held
    """

    def __init__(self, memory: PersistentMemory, transcript: Transcript, command: str, *,
                 as_root: bool, force: bool = False, in_use: Collection[str] = ()) -> None:
        self._memory = memory
        self._transcript = transcript
        self._command = command
        self._as_root = as_root
        self._force = force
        self._in_use = in_use

    def disable(self, region: Region, device: NamespaceDevice) -> None:
        """Disables a namespace; without rights, a devdax one stays and nobody is told.

        :raises CommandFailed: when its block device is in use or out of reach, or it is system RAM
        """
        check_node(self._memory, self._transcript, device, 1)
        if device.memory and device.memory.online:
            raise CommandFailed(errno.EBUSY)
        if device.block_device:
            if not self._as_root:
                raise CommandFailed(errno.EACCES)
            if f'/dev/{device.block_device}' in self._in_use:
                raise CommandFailed(errno.EBUSY)
        if self._as_root:
            region.release(device)

    def enable(self, region: Region, device: NamespaceDevice) -> None:
        """Enables a namespace.

        :raises CommandFailed: when it cannot be
        """
        if device.enabled:
            return
        try:
            if not self._as_root:
                raise KernelError(errno.ENXIO)
            region.enable_namespace(device)
        except KernelError as error:
            self._transcript.library('ndctl_namespace_enable', f'{device.dev}: failed to enable')
            raise CommandFailed(error.errno) from error

    def clear(self, region: Region, device: NamespaceDevice) -> bool:
        """Disables a namespace and wipes its info block; True when there was one to wipe.

        :raises CommandFailed: when it is active and not to be forced, or in use
        """
        if device.enabled and not self._force:
            self._transcript.error(
                f'{device.dev} is active, specify --force for re-configuration\n')
            raise CommandFailed(errno.EBUSY)
        self.disable(region, device)
        if not self._as_root and device.enabled:
            self._transcript.failed(
                self._command, f'{device.dev}: failed to open /dev/ to zero info block')
            return False
        if not self._as_root:
            self._cannot_zero(device)
            return False
        region.set_claim_class(device, '')
        try:
            region.enable_namespace(device, raw=True)
        except KernelError:
            self._cannot_zero(device)
            return False
        begin, end = device.offset, device.offset + sizes.INFO_BLOCK
        dirty = region.media.info_block(begin) is not None \
            or not region.media.read(begin, end).is_zero
        if dirty:
            region.media.write(begin, end, None)
        region.release(device)
        return dirty

    def _cannot_zero(self, device: NamespaceDevice) -> None:
        self._transcript.library('ndctl_namespace_enable', f'{device.dev}: failed to enable')
        self._transcript.failed(self._command,
                                f'{device.dev} failed to enable for zeroing, continuing')

    def destroy(self, region: Region, device: NamespaceDevice) -> bool:
        """Destroys a namespace; False when there was nothing to destroy.

        A label-less one cannot go: only its info block does.

        :raises CommandFailed: when it cannot be
        """
        wiped = self.clear(region, device)
        if not device.labelled:
            return wiped
        if not self._as_root:
            raise CommandFailed(errno.EACCES)
        try:
            region.set_size(device, 0)
        except KernelError as error:
            # ndctl takes this one for a namespace that is gone already.
            if error.errno != errno.ENXIO:
                raise CommandFailed(error.errno) from error
        return True

    def label(self, region: Region) -> None:
        """Gives a label-less region labels, of the version that ndctl prefers."""
        region.disable()
        for dimm in region.dimms:
            if dimm.area:
                dimm.area.initialize('1.2')
                dimm.probe()
        region.enable()

    def disable_region(self, region: Region) -> None:
        """Disables a region with all its namespaces.

        :raises CommandFailed: when one is in use, or without rights
        """
        for device in list(region.namespaces):
            self.disable(region, device)
        if region.enabled and not self._as_root:
            self._transcript.library('ndctl_region_disable', f'{region.dev}: failed to disable')
            raise CommandFailed(errno.EBUSY)
        region.disable()

    def enable_region(self, region: Region) -> None:
        """Enables a region.

        :raises CommandFailed: without rights, or when a DIMM that it needs is disabled
        """
        try:
            if not region.enabled and not self._as_root:
                raise KernelError(errno.ENXIO)
            region.enable()
        except KernelError as error:
            self._transcript.library('ndctl_region_enable', f'{region.dev}: failed to enable')
            raise CommandFailed(error.errno) from error
