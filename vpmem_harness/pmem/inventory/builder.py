"""Builds persistent memory from the steps of an inventory."""

from __future__ import annotations

import dataclasses
import errno

from vpmem_harness.pmem.commands.lifecycle import CommandFailed, Lifecycle
from vpmem_harness.pmem.commands.provision import Provisioner, RegionSkipped, Request
from vpmem_harness.pmem.commands.results import Transcript
from vpmem_harness.pmem.inventory.operations import Create, Destroy, Disable, Step
from vpmem_harness.pmem.kernel.errors import NdctlError
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region
from vpmem_harness.pmem.machine import PersistentMemory


class Builder:
    """Takes steps on ``memory`` as an operator does with ndctl; the caller holds its lock."""

    def __init__(self, memory: PersistentMemory) -> None:
        self._memory = memory
        # Region and label UUID identify a namespace; numbers change at a reboot.
        self._made: list[tuple[Region, str | None]] = []

    def take(self, step: Step) -> None:
        """Take one step.

        :raises NdctlError: if a real host refuses the step, with ndctl's message
        """
        transcript = Transcript()
        lifecycle = Lifecycle(self._memory, transcript, 'building', as_root=True,
                                      force=True)
        try:
            if isinstance(step, Create):
                self._create(step, transcript, lifecycle)
            elif isinstance(step, Destroy):
                lifecycle.destroy(*self._find(step.creation))
            elif isinstance(step, Disable):
                lifecycle.disable(*self._find(step.creation))
            else:
                self._memory.reboot()
        except CommandFailed as refused:
            raise NdctlError(refused.errno, transcript.stderr.strip()) from refused
        except RegionSkipped as refused:
            raise NdctlError(errno.ENOSPC, f'no room for {step}') from refused

    def _find(self, creation: int) -> tuple[Region, NamespaceDevice]:
        region, uuid = self._made[creation]
        return region, next(device for device in region.namespaces if device.uuid == uuid)

    def _create(self, step: Create, transcript: Transcript, lifecycle: Lifecycle) -> None:
        region = self._memory.regions[step.region]
        mapped = step.mode in ('devdax', 'fsdax')
        provisioner = Provisioner(self._memory, Request(
            mode=step.mode, map=step.map if mapped else None,
            size=None if step.size is None else str(step.size),
            align=str(step.align) if mapped else None,
            sector_size=str(step.sector_size) if step.mode == 'sector' else None,
            name=step.name, uuid=step.raw_uuid), transcript, as_root=True)
        if region.labelled:
            device = provisioner.create(region, step.number)
        else:
            # A DIMM without labels has one namespace from the start.
            device = provisioner.reconfigure(region, region.namespaces[0], lifecycle)
        if step.uuid is not None and device.claim is not None:
            # As if the creation of the info block had drawn it.
            device.claim.block = dataclasses.replace(device.claim.block, uuid=step.uuid)
            region.media.put_info_block(device.offset, device.claim.block)
        self._made.append((region, device.uuid))
