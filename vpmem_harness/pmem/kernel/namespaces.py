"""Namespaces: the kernel's devices, and the values that users of the library get."""

from __future__ import annotations

import dataclasses
import re

from vpmem_harness.pmem.kernel.media import InfoBlock

NO_UUID = '-'.join('0' * length for length in (8, 4, 4, 4, 12))

#: The path of a namespace's device, with the numbers of its region and of itself.
DEVICE = re.compile(r'/dev/(?:dax|pmem)(\d+)(?:\.(\d+))?s?')

#: The mode of a namespace by the kind of its claim.
MODES = {'btt': 'sector', 'pfn': 'fsdax', 'dax': 'devdax'}


@dataclasses.dataclass
class Claim:
    """The btt, pfn or dax device that holds a namespace.

    ``number`` is its own (``dax0.3`` among the nd devices), not the namespace's. A claim that is
    not enabled still holds the namespace.
    """

    kind: str
    number: int
    block: InfoBlock
    enabled: bool = True


@dataclasses.dataclass
class MemoryBlocks:
    """The memory blocks of a dax device that the kernel uses as RAM.

    ``extent`` is their offset in the region and their size in bytes. ``movable`` tells whether they
    were onlined into ZONE_MOVABLE; it matters while some are online.
    """

    total: int
    extent: tuple[int, int] = (0, 0)
    online: int = 0
    movable: bool = True


@dataclasses.dataclass
class NamespaceDevice:
    """A namespace device of the kernel; idle ones exist too.

    ``offset`` and ``size`` are the range that it covers, in bytes from the start of its region;
    ``sector_size`` is the label's, 0 when it was never set. ``active`` means that its own driver
    is bound, as raw; a claimed one is active through its claim. ``has_pages`` means that it has
    page descriptors even without an info block (kernel: ``pmem_should_map_pages``). Of a dax device
    ``memory`` is set while its driver is kmem, and ``dax_bound`` is False while it has no driver.
    """

    region_number: int
    number: int
    offset: int = 0
    size: int = 0
    uuid: str | None = None
    name: str = ''
    sector_size: int = 0
    claim_class: str = ''
    labelled: bool = True
    has_pages: bool = False
    active: bool = False
    claim: Claim | None = None
    minor: int | None = None
    memory: MemoryBlocks | None = None
    dax_bound: bool = True

    @property
    def openable(self) -> bool:
        """Whether its device can be opened; a dax device cannot without the driver device_dax."""
        return self.dax_bound and self.memory is None

    @property
    def dev(self) -> str:
        """``namespace0.1``."""
        return f'namespace{self.region_number}.{self.number}'

    @property
    def enabled(self) -> bool:
        """Whether it is active, as itself or through its claim."""
        return self.claim.enabled if self.claim else self.active

    @property
    def idle(self) -> bool:
        """Whether it can become a new namespace (libndctl: ``is_configuration_idle``)."""
        return not self.enabled and (not self.labelled or not self.size or self.uuid is None)

    @property
    def mode(self) -> str:
        """``devdax``, ``fsdax``, ``sector`` or ``raw``."""
        if self.claim:
            return MODES[self.claim.kind]
        return 'fsdax' if self.has_pages else 'raw'

    @property
    def block_device(self) -> str | None:
        """``pmem0.1``: its block device, None without one."""
        if not self.enabled or (self.claim and self.claim.kind == 'dax'):
            return None
        suffix = f'.{self.number}' if self.number else ''
        return f'pmem{self.region_number}{suffix}{"s" if self.mode == "sector" else ""}'

    @property
    def char_device(self) -> str | None:
        """``dax0.1``: its dax device, None without one; one of size 0 has no node in /dev."""
        if self.claim and self.claim.kind == 'dax' and self.claim.enabled:
            return f'dax{self.region_number}.{self.number}'
        return None

    @property
    def path(self) -> str | None:
        """The path of its device in /dev, None without one."""
        device = self.block_device or (self.char_device if self.data[1] else None)
        return f'/dev/{device}' if device else None

    @property
    def data(self) -> tuple[int, int]:
        """The range of its data: offset in the region, and bytes."""
        if not self.claim:
            return self.offset, self.size
        return self.offset + self.claim.block.data_offset, self.claim.block.size


@dataclasses.dataclass(frozen=True)
class Namespace:
    """A namespace at one moment, in ndctl's terms; sizes in bytes.

    ``size`` is the usable size, ``raw_size`` the capacity taken from the region; ``name`` is the
    label's (``ns_0``), None without one. ``chardev`` and ``blockdev`` (``dax0.0``, ``pmem0``) are
    None unless the namespace has the device, and ``path`` is the device's in /dev. ``openable`` is
    False while opening it fails with ENXIO: the kernel uses a devdax namespace as system RAM, or
    ``daxctl disable-device`` has unbound its driver.
    """

    dev: str
    mode: str
    map: str | None
    size: int
    raw_size: int
    uuid: str | None
    name: str | None
    align: int | None
    sector_size: int | None
    region: str
    numa_node: int
    chardev: str | None
    blockdev: str | None
    state: str
    address: int
    minor: int | None = None
    openable: bool = True

    @property
    def path(self) -> str | None:
        """``/dev/dax0.0``, None without a device."""
        device = self.blockdev or (self.chardev if self.size else None)
        return f'/dev/{device}' if device else None


def snapshot(device: NamespaceDevice, region_start: int, numa_node: int) -> Namespace:
    """The current state of ``device``."""
    block = device.claim.block if device.claim else None
    mapped = block is not None and block.kind != 'btt'
    memmap = block.memmap if block and mapped else None
    return Namespace(
        dev=device.dev, mode=device.mode,
        map='mem' if device.mode == 'fsdax' and not block else memmap,
        size=block.size if block else device.size, raw_size=device.size,
        uuid=block.uuid if block else device.uuid, name=device.name or None,
        align=block.align if block and mapped else None,
        sector_size=block.sector_size if block and block.kind == 'btt'
        else None if block and block.kind == 'dax' else device.sector_size or 512,
        region=f'region{device.region_number}', numa_node=numa_node,
        chardev=device.char_device, blockdev=device.block_device,
        state='enabled' if device.enabled else 'disabled',
        address=region_start + device.offset, minor=device.minor,
        openable=device.openable)
