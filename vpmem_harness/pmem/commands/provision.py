"""Creation of namespaces: the checks and steps of ``ndctl create-namespace`` in order.

Follows ndctl 76's ndctl/namespace.c: ``validate_namespace_options``, ``setup_namespace``.
"""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable

from vpmem_harness.pmem.commands.lifecycle import CommandFailed, Lifecycle
from vpmem_harness.pmem.commands.results import Transcript, strerror
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.media import InfoBlock
from vpmem_harness.pmem.kernel.namespaces import NamespaceDevice
from vpmem_harness.pmem.kernel.regions import Region
from vpmem_harness.pmem.machine import PersistentMemory

COMMAND = 'create namespace'
_NAME_LIMIT = 64
_UNITS = {sizes.KIB: 'K', sizes.MIB: 'M', sizes.GIB: 'G', sizes.TIB: 'T'}
_KINDS = {'sector': 'btt', 'fsdax': 'pfn', 'devdax': 'dax'}
_ALIASES = {'memory': 'fsdax', 'fsdax': 'fsdax', 'sector': 'sector', 'safe': 'sector',
            'dax': 'devdax', 'devdax': 'devdax', 'raw': 'raw'}


class RegionSkipped(Exception):
    """A region that cannot take the namespace, so that ndctl tries the next one."""


def mode_of(word: str | None) -> str | None:
    """The mode named by ``word`` in any case, also by an old name; None for no mode."""
    return _ALIASES.get(word.lower()) if word is not None else None


@dataclasses.dataclass(frozen=True)
class Request:
    """The options of ``create-namespace`` as typed; None for those left out."""

    mode: str | None = None
    map: str | None = None
    size: str | None = None
    align: str | None = None
    sector_size: str | None = None
    name: str | None = None
    uuid: str | None = None
    force: bool = False
    autolabel: bool = True
    autorecover: bool = True


@dataclasses.dataclass(frozen=True)
class Plan:
    """A request with every default filled in; ``sector_size`` is 0 if none is supported."""

    size: int
    uuid: str
    name: str
    mode: str
    align: int
    map: str
    sector_size: int


class Provisioner:
    """Creates and reconfigures namespaces on one machine for one command."""

    def __init__(self, memory: PersistentMemory, request: Request, transcript: Transcript,
                 as_root: bool) -> None:
        self.memory = memory
        self.request = request
        self.transcript = transcript
        self.as_root = as_root

    def create(self, region: Region, number: int | None = None) -> NamespaceDevice:
        """Creates a namespace in ``region``, from the device with ``number`` if one is given.

        :raises RegionSkipped: when the region has no room
        :raises CommandFailed: when it fails
        """
        plan = self.plan(region, None)
        device = region.idle_device(number)
        if device is None or self.memory.loses_race(region):
            raise RegionSkipped
        try:
            self.set_up(region, device, plan)
        except CommandFailed:
            if self.request.autorecover and self.as_root:
                region.set_claim_class(device, '')
                if device.labelled:
                    _delete_quietly(region, device)
            raise
        return device

    def reconfigure(self, region: Region, device: NamespaceDevice,
                    lifecycle: Lifecycle) -> NamespaceDevice:
        """Reconfigures ``device``.

        A label-less one becomes a labelled one, unless autolabel is off.

        :raises RegionSkipped: when its region is disabled
        :raises CommandFailed: when it fails
        """
        plan = self.plan(region, device)
        lifecycle.clear(region, device)
        if not region.labelled and self.request.autolabel and self.as_root \
                and all(dimm.area for dimm in region.dimms):
            lifecycle.label(region)
            idle = region.idle_device()
            if idle is None:
                raise CommandFailed(errno.ENODEV)
            device = idle
        self.set_up(region, device, plan)
        return device

    def plan(self, region: Region, device: NamespaceDevice | None) -> Plan:
        """Checks the request against ``region``, and the namespace to reconfigure if any."""
        request, transcript = self.request, self.transcript
        if not region.enabled:
            raise RegionSkipped
        size, unit, default_size = self._requested_size(device)
        if device is None:
            room = region.max_available_extent if region.labelled else region.size
            if not room or size > room:
                raise RegionSkipped
            size = size or room
        if not region.labelled and size != region.size:
            transcript.error(
                'Legacy / label-less namespaces do not support sub-dividing a region\n')
            transcript.error('Retry without -s/--size=\n')
            raise CommandFailed(errno.EINVAL)
        uuid = request.uuid or self.memory.randomness.uuid()
        name = request.name if request.name is not None else device.name if device else ''
        if len(os.fsencode(name)) >= _NAME_LIMIT:
            transcript.failed(COMMAND, 'validate_namespace_options: alt name overflow')
            raise CommandFailed(errno.EINVAL)
        mode = mode_of(request.mode) or (device.mode if device else 'fsdax')
        align = self._align(mode, device)
        self._check_size(region, mode, size, align, unit, default_size)
        sector_size = self._sector_size(region, mode, device)
        if request.map and device and mode not in ('fsdax', 'devdax'):
            transcript.failed(COMMAND, f'{device.dev}: --map= only valid for fsdax mode namespace')
            raise CommandFailed(errno.EINVAL)
        return Plan(size, uuid, name, mode, align, request.map or 'dev', sector_size)

    def _requested_size(self, device: NamespaceDevice | None) -> tuple[int, int, bool]:
        if self.request.size is not None:
            size, unit = sizes.parse_size(self.request.size) or (0, 1)
            return size, unit, False
        if device:
            return device.size, 1, False
        return 0, 1, True

    def _align(self, mode: str, device: NamespaceDevice | None) -> int:
        request = self.request
        if request.align is not None:
            if mode not in ('fsdax', 'devdax'):
                self.transcript.error(f'{mode} mode does not support setting an alignment\n')
                raise CommandFailed(errno.ENXIO)
            align, _ = sizes.parse_size(request.align) or (0, 1)
            if align not in sizes.ALIGNMENTS:
                self.transcript.error(f'unsupported align: {request.align}\n')
                raise CommandFailed(errno.ENXIO)
            return align
        if device and mode == device.mode:
            block = device.claim.block if device.claim else None
            return block.align if block and block.align else sizes.PAGE
        return sizes.DEFAULT_ALIGN if mode in ('fsdax', 'devdax') else sizes.PAGE

    def _check_size(self, region: Region, mode: str, size: int, align: int, unit: int,
                    default_size: bool) -> None:
        if size % region.align:
            self.transcript.failed(
                COMMAND, f'{region.dev}: align setting is {region.align:#x} '
                         f'size {size:#x} is misaligned')
            raise CommandFailed(errno.EINVAL)
        if size % (align * region.ways):
            step = max(unit, align) * region.ways
            advice = (size // step + 1) * step // unit
            self.transcript.failed(
                COMMAND, f"'--size=' must align to interleave-width: {region.ways} and "
                         f'alignment: {align}\n'
                         f'did you intend --size={advice}{_UNITS.get(unit, "")}?')
            raise CommandFailed(errno.EINVAL)
        if size < sizes.MIN_NAMESPACE and mode != 'raw':
            if default_size:
                raise RegionSkipped
            self.transcript.error(f"'--size=' must be >= 16MiB for '{mode}' mode\n")
            raise CommandFailed(errno.EINVAL)

    def _sector_size(self, region: Region, mode: str, device: NamespaceDevice | None) -> int:
        supported = sizes.LABEL_SECTOR_SIZES if region.labelled else ()
        text = self.request.sector_size
        if text is not None:
            wanted, _ = sizes.parse_size(text) or (0, 1)
            offered = sizes.BTT_SECTOR_SIZES if mode == 'sector' else supported
            if wanted not in offered:
                what = 'btt' if mode == 'sector' else 'namespace'
                self.transcript.failed(
                    COMMAND, f'{region.dev}: does not support {what} sector_size {wanted}')
                raise CommandFailed(errno.EINVAL)
            return wanted
        if device:
            if mode == 'sector' and device.claim and device.claim.kind == 'btt':
                return device.claim.block.sector_size
            return device.sector_size
        return 512 if supported else 0

    # Setup: one write to sysfs after the other

    def set_up(self, region: Region, device: NamespaceDevice, plan: Plan) -> None:
        """Configures ``device`` according to ``plan``."""
        if device.labelled:
            self._set(device.dev, 'set_uuid', lambda: self._set_uuid(region, device, plan.uuid))
            self._set(device.dev, 'set_alt_name', lambda: region.set_name(device, plan.name))
            self._set(device.dev, 'set_size', lambda: _set_size(region, device, plan.size))
        self._set_sector_size(region, device, plan)
        uuid = self.memory.randomness.uuid()
        if self.as_root:
            region.set_claim_class(device, _KINDS.get(plan.mode, ''))
        try:
            self._enable(region, device, plan, uuid)
        except KernelError as error:
            self.transcript.error(f'{device.dev}: failed to enable\n')
            raise CommandFailed(error.errno) from error

    def _set_uuid(self, region: Region, device: NamespaceDevice, uuid: str) -> None:
        for other in (other for region in self.memory.regions for other in region.namespaces):
            if uuid in (other.uuid, other.claim.block.uuid if other.claim else None):
                raise KernelError(errno.EINVAL)
        region.set_uuid(device, uuid)

    def _set_sector_size(self, region: Region, device: NamespaceDevice, plan: Plan) -> None:
        if not plan.sector_size:
            return
        if device.labelled and plan.sector_size in sizes.LABEL_SECTOR_SIZES:
            self._set(device.dev, 'set_sector_size',
                      lambda: region.set_sector_size(device, plan.sector_size))
        elif plan.mode != 'sector' and plan.sector_size != 512:
            self.transcript.error(
                f'{device.dev}: sector_size: {plan.sector_size} not supported\n')
            raise CommandFailed(errno.EINVAL)

    def _enable(self, region: Region, device: NamespaceDevice, plan: Plan, uuid: str) -> None:
        kind = _KINDS.get(plan.mode)
        if kind is None:
            try:
                if not self.as_root:
                    raise KernelError(errno.ENXIO)
                region.enable_namespace(device)
            except KernelError:
                self.transcript.library('ndctl_namespace_enable',
                                        f'{device.dev}: failed to enable')
                raise
            return
        holder = f'{kind}{region.number}.{region.holders[kind].seed}'
        if not self.as_root:
            self._set(holder, 'set_uuid', _denied)
        wanted, block = self._info_blocks(region, device, plan, kind, uuid)
        try:
            region.attach(device, block, kind, wanted)
        except KernelError as error:
            if error.errno == errno.EBUSY:
                self.transcript.failed(
                    COMMAND, f'{holder}: set_namespace failed: {strerror(error)}')
                raise CommandFailed(errno.EBUSY) from error
            self.transcript.library(f'ndctl_{kind}_enable', f'{holder}: failed to enable')
            raise

    def _info_blocks(self, region: Region, device: NamespaceDevice, plan: Plan, kind: str,
                     uuid: str) -> tuple[InfoBlock, InfoBlock | None]:
        if kind == 'btt':
            sector = plan.sector_size or sizes.DEFAULT_SECTOR_SIZE
            offset = 0 if device.claim_class == 'btt2' else sizes.INFO_BLOCK_OFFSET
            size = sizes.btt_size(device.size, sector, offset)
            wanted = InfoBlock(kind, uuid, device.uuid, 0, sector_size=sector)
            if size is None:
                return wanted, None
            return wanted, dataclasses.replace(
                wanted, size=size, data_offset=offset + sizes.INFO_BLOCK_OFFSET)
        wanted = InfoBlock(kind, uuid, device.uuid, 0, memmap=plan.map, align=plan.align)
        start = region.start + device.offset
        extent = sizes.dax_extent(start, device.size, plan.map, plan.align)
        if extent is None or (not extent[1] and self.memory.release.refuses_empty_dax):
            return wanted, None
        data, size = extent
        return wanted, dataclasses.replace(wanted, size=size, data_offset=data - start)

    def _set(self, dev: str, operation: str, change: Callable[[], None]) -> None:
        try:
            if not self.as_root:
                _denied()
            change()
        except KernelError as error:
            self.transcript.failed(COMMAND, f'{dev}: {operation} failed: {strerror(error)}')
            raise CommandFailed(error.errno) from error


def _denied() -> None:
    raise KernelError(errno.EACCES)


def _set_size(region: Region, device: NamespaceDevice, size: int) -> None:
    # libndctl refuses 0: a namespace is deleted in another way.
    if not size:
        raise KernelError(errno.EINVAL)
    region.set_size(device, size)


def _delete_quietly(region: Region, device: NamespaceDevice) -> None:
    try:
        region.set_size(device, 0)
    except KernelError:
        return
