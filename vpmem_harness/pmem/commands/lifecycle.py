"""Enabling, disabling and destroying namespaces and regions.

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
    """A command, or one step of it, that ends with ``errno``."""

    def __init__(self, error: int) -> None:
        super().__init__(error)
        self.errno = error


class Lifecycle:
    """The life cycle operations of namespaces and regions for one run of a command.

    :param command: the name of the command in its errors
    :param force: whether to destroy active namespaces too
    :param in_use: paths of block devices that are mounted or otherwise open exclusively
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
        """Disables a namespace; without root's rights a devdax one stays enabled silently.

        :raises CommandFailed: when its block device is in use or forbidden, or it is system RAM
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

        :raises CommandFailed: when it fails
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
        """Disables a namespace and wipes its info block; returns whether there was one.

        :raises CommandFailed: when it is active and ``force`` is not set, or in use
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
        """Destroys a namespace; returns whether there was anything to destroy.

        Of a label-less namespace only the info block can be destroyed.

        :raises CommandFailed: when it fails
        """
        wiped = self.clear(region, device)
        if not device.labelled:
            return wiped
        if not self._as_root:
            raise CommandFailed(errno.EACCES)
        try:
            region.set_size(device, 0)
        except KernelError as error:
            # ndctl takes this error for a namespace that is gone already.
            if error.errno != errno.ENXIO:
                raise CommandFailed(error.errno) from error
        return True

    def label(self, region: Region) -> None:
        """Initializes the labels of a label-less region with the version that ndctl prefers."""
        region.disable()
        for dimm in region.dimms:
            if dimm.area:
                dimm.area.initialize('1.2')
                dimm.probe()
        region.enable()

    def disable_region(self, region: Region) -> None:
        """Disables a region with all its namespaces.

        :raises CommandFailed: when a namespace is in use, or without root's rights
        """
        for device in list(region.namespaces):
            self.disable(region, device)
        if region.enabled and not self._as_root:
            self._transcript.library('ndctl_region_disable', f'{region.dev}: failed to disable')
            raise CommandFailed(errno.EBUSY)
        region.disable()

    def enable_region(self, region: Region) -> None:
        """Enables a region.

        :raises CommandFailed: without root's rights, or when a DIMM that it needs is disabled
        """
        try:
            if not region.enabled and not self._as_root:
                raise KernelError(errno.ENXIO)
            region.enable()
        except KernelError as error:
            self._transcript.library('ndctl_region_enable', f'{region.dev}: failed to enable')
            raise CommandFailed(error.errno) from error
