"""The guest's physical address space, and the addresses of memory devices.

Source: QEMU 7.2, hw/i386/pc.c (pc_memory_init), hw/mem/memory-device.c
(memory_device_get_free_addr), hw/mem/nvdimm.c (nvdimm_prepare_memory_region).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vpmem_harness.hardware import GIB
from vpmem_harness.libvirtd.xml.definition import Definition
from vpmem_harness.libvirtd.xml.devices import aliases, memory
from vpmem_harness.libvirtd.xml.etree import Element, text_of

PAGE = 4096
#: QEMU: the alignment of anonymous memory on x86.
RAM_ALIGNMENT = 2 * 1024**2

#: On AMD, the addresses from here to 1 TiB are reserved for HyperTransport.
AMD_HYPERTRANSPORT = 0xfd00000000


class PlugRefused(Exception):
    """A refusal of a memory device by QEMU, with the text that it prints.

    ``late`` is true if QEMU refuses after libvirt has connected to its monitor.
    """

    def __init__(self, text: str, *, late: bool = False) -> None:
        super().__init__(text)
        self.late = late


@dataclass(frozen=True)
class Region:
    """The address range of a memory device: ``start`` and ``size`` in bytes."""

    start: int
    size: int
    owner: str

    @property
    def end(self) -> int:
        """The first byte behind the range."""
        return self.start + self.size


class GuestMemory:
    """The address range for memory devices of a guest."""

    def __init__(self, definition: Definition, plugged: Iterable[Element] = ()) -> None:
        self._release = definition.release
        self._ram = definition.memory_initial * 1024
        self._most = definition.max_memory * 1024
        self._slots = definition.memory_slots
        self._regions: list[Region] = []
        self._hole = 32 * GIB if definition.is_q35 else 2 * GIB
        self._above = _above_4g(definition, self._ram)
        self._lay_out(4 * GIB)
        if self.top >= AMD_HYPERTRANSPORT and _is_amd(definition):
            self._lay_out(1024 * GIB)
        for device in plugged:
            base = memory.base(device)
            if base:
                self._regions.append(Region(base, _usable(device), aliases.name(device)))

    def _lay_out(self, above: int) -> None:
        """Place the range for memory devices behind the memory at ``above``."""
        self._start = _up(above + self._above, GIB)
        self._end = self._start
        if self._most:
            self._end += max(self._most - self._ram, 0) + self._slots * GIB

    @property
    def top(self) -> int:
        """The highest address of the guest, including its PCI devices."""
        return _up(self._end, GIB) + self._hole - 1

    def plug(self, device: Element) -> None:
        """Find a free range for a device, and set the device's address."""
        size, align = _usable(device), _alignment(device)
        if size <= 0:
            raise PlugRefused(_too_small(device), late=True)
        used = sum(region.size for region in self._regions)
        room = self._most - self._ram
        if used + size > room:
            raise PlugRefused(f'not enough space, currently 0x{used:x} in use of total space '
                              f'for memory devices 0x{room:x}', late=True)
        wanted = memory.base(device)
        start = self._fixed(wanted, size, align) if wanted else self._free(size, align)
        self._regions.append(Region(start, size, aliases.name(device)))
        memory.set_base(device, start, self._release)

    def _fixed(self, start: int, size: int, align: int) -> int:
        if start % align:
            raise PlugRefused(f'address must be aligned to 0x{align:x} bytes', late=True)
        if start < self._start or start + size > self._end:
            raise PlugRefused(
                f"can't add memory device [0x{start:x}:0x{size:x}], usable range for memory "
                f'devices [0x{self._start:x}:0x{self._end - self._start:x}]', late=True)
        for region in self._regions:
            if start < region.end and region.start < start + size:
                raise PlugRefused("address range conflicts with memory device id='"
                                  f"{region.owner}'", late=True)
        return start

    def _free(self, size: int, align: int) -> int:
        start = _up(self._start, align)
        for region in sorted(self._regions, key=lambda region: region.start):
            if start < region.end and region.start < start + size:
                start = _up(region.end, align)
        if start + size > self._end:
            raise PlugRefused('could not find position in guest address space for memory device '
                              '- memory fragmented due to alignments', late=True)
        return start


def _up(number: int, step: int) -> int:
    return -(-number // step) * step


def _above_4g(definition: Definition, ram: int) -> int:
    """Return how much of a guest's memory lies above 4 GiB."""
    if definition.is_q35:
        low = 0x80000000 if ram >= 0xb0000000 else 0xb0000000
    else:
        low = 0xc0000000 if ram >= 0xe0000000 else 0xe0000000
    return max(ram - low, 0)


def _is_amd(definition: Definition) -> bool:
    """Whether the guest has an AMD CPU: by its model, or emulated ``qemu64``."""
    model = text_of(definition.root, 'cpu/model') or ''
    if model in ('qemu64', 'qemu32'):
        return definition.virt_type == 'qemu'
    return model.startswith(('EPYC', 'Opteron', 'athlon', 'phenom'))


def _alignment(device: Element) -> int:
    """Return the alignment that a device's memory needs, in bytes."""
    if memory.path(device) is None:
        return RAM_ALIGNMENT
    return max(int(text_of(device, 'source/alignsize') or 0) * 1024, PAGE)


def _usable(device: Element) -> int:
    """Return how many bytes of a device the guest sees as memory, without an NVDIMM's label."""
    size = memory.size(device) * 1024
    if device.get('model') != 'nvdimm':
        return size
    return (size - memory.label_size(device) * 1024) // _alignment(device) * _alignment(device)


def _too_small(device: Element) -> str:
    return (f'the size of memdev mem{aliases.name(device)} (0x{memory.size(device) * 1024:x}) is '
            f'too small to contain nvdimm label (0x{memory.label_size(device) * 1024:x}) and '
            f'aligned PMEM (0x{_alignment(device):x})')
