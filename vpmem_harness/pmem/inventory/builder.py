"""Builds persistent memory from the steps of an inventory."""

from __future__ import annotations

import dataclasses
import errno

from vpmem_harness.pmem.commands.lifecycle import CommandFailed, Lifecycle
from vpmem_harness.pmem.commands.provision import Provisioner, RegionSkipped, Request
from vpmem_harness.pmem.commands.results import Transcript
from vpmem_harness.pmem.inventory.operations import (
    BadBlocks,
    Create,
    Destroy,
    Disable,
    DisableDimm,
    DisableRegion,
    KeepIdle,
    Reboot,
    Step,
    UnbindDevice,
    UseAsMemory,
)
from vpmem_harness.pmem.kernel import dax_devices, placement, sizes
from vpmem_harness.pmem.kernel.errors import KernelError, NdctlError
from vpmem_harness.pmem.kernel.media import InfoBlock
from vpmem_harness.pmem.kernel.namespaces import MODES, NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region
from vpmem_harness.pmem.machine import PersistentMemory

_KINDS = {mode: kind for kind, mode in MODES.items()}


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
        try:
            self._take(step, transcript)
        except CommandFailed as refused:
            raise NdctlError(refused.errno, transcript.stderr.strip()) from refused
        except KernelError as refused:
            raise NdctlError(refused.errno, f'the kernel refuses {step}') from refused
        except RegionSkipped as refused:
            raise NdctlError(errno.ENOSPC, f'no room for {step}') from refused

    def _take(self, step: Step, transcript: Transcript) -> None:
        lifecycle = Lifecycle(self._memory, transcript, 'building', as_root=True, force=True)
        if isinstance(step, Create):
            if step.offset is None:
                self._create(step, transcript, lifecycle)
            else:
                self._place(step, step.offset)
        elif isinstance(step, Destroy):
            lifecycle.destroy(*self._find(step.creation))
        elif isinstance(step, Disable):
            lifecycle.disable(*self._find(step.creation))
        elif isinstance(step, Reboot):
            self._memory.reboot()
        else:
            self._set_state(step, lifecycle)

    def _set_state(self, step: Step, lifecycle: Lifecycle) -> None:
        if isinstance(step, UseAsMemory):
            self._use_as_memory(step)
        elif isinstance(step, UnbindDevice):
            region, device = self._find(step.creation)
            region.unbind_dax(device)
        elif isinstance(step, KeepIdle):
            placement.keep_idle(self._memory.regions[step.region], step.devices)
        elif isinstance(step, BadBlocks):
            errors = self._memory.regions[step.region].errors
            errors.inject(step.first, step.count, notify=True)
            if step.dimms is not None:
                errors.located[step.first, step.count] = step.dimms
        elif isinstance(step, DisableRegion):
            lifecycle.disable_region(self._memory.regions[step.region])
        elif isinstance(step, DisableDimm):
            self._memory.dimms[step.dimm].disable()

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

    def _place(self, step: Create, offset: int) -> None:
        region = self._memory.regions[step.region]
        kind, sector_size = _KINDS.get(step.mode), step.sector_size
        if region.labelled:
            found = region.idle_device(step.number)
            if found is None:
                raise KernelError(errno.ENOSPC)
            device = found
            region.set_uuid(device, step.raw_uuid or self._memory.randomness.uuid())
            region.set_name(device, step.name or '')
            placement.place(region, device, offset, step.size or region.size)
            if sector_size in sizes.LABEL_SECTOR_SIZES:
                region.set_sector_size(device, sector_size)
            region.set_claim_class(device, kind or '')
        else:
            device = region.namespaces[0]
            region.release(device)
        self._made.append((region, device.uuid))
        if kind is None:
            region.enable_namespace(device)
            return
        block = self._block(step, region, device, kind)
        region.attach(device, block, kind, block, step.holder)

    def _block(self, step: Create, region: Region, device: NamespaceDevice,
               kind: str) -> InfoBlock:
        """The info block, with the size that is wanted even where no rule gives it."""
        uuid = step.uuid or self._memory.randomness.uuid()
        if kind == 'btt':
            data = 0 if device.claim_class == 'btt2' else sizes.INFO_BLOCK_OFFSET
            size = sizes.btt_size(device.size, step.sector_size, data) or 0
            block = InfoBlock(kind, uuid, device.uuid, size, sector_size=step.sector_size,
                              data_offset=data + sizes.INFO_BLOCK_OFFSET)
            return block if step.usable is None else dataclasses.replace(block, size=step.usable)
        start = region.start + device.offset
        address, size = sizes.dax_extent(start, device.size, step.map, step.align) or (start, 0)
        size = size if step.usable is None else step.usable
        return InfoBlock(kind, uuid, device.uuid, size, memmap=step.map, align=step.align,
                         data_offset=min(address - start, device.size - size))

    def _use_as_memory(self, step: UseAsMemory) -> None:
        region, device = self._find(step.creation)
        region.unbind_dax(device)
        dax_devices.bind_kmem(region, device, block_size=self._memory.memory_block, online=False)
        if device.memory:
            device.memory.total = device.memory.total if step.total is None else step.total
            device.memory.online = device.memory.total if step.online is None else step.online
            device.memory.movable = step.movable
