"""The persistent memory of one simulated machine."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Literal

from vpmem_harness import exceptions
from vpmem_harness.pmem.commands.files import Files, LocalFiles
from vpmem_harness.pmem.commands.results import CommandResult
from vpmem_harness.pmem.kernel import kernfs, nfit, sizes
from vpmem_harness.pmem.kernel.dax_devices import MEMORY_BLOCK
from vpmem_harness.pmem.kernel.dimms import Dimm, DimmSpec
from vpmem_harness.pmem.kernel.errors import NdctlError
from vpmem_harness.pmem.kernel.media import EMPTY, Contents
from vpmem_harness.pmem.kernel.namespaces import DEVICE, Namespace, NamespaceDevice, snapshot
from vpmem_harness.pmem.kernel.numbering import Numbers
from vpmem_harness.pmem.kernel.regions import Region
from vpmem_harness.pmem.kernel.release import DEBIAN_12, Release
from vpmem_harness.randomness import Randomness

#: What numbers the regions.
RegionOrder = Literal['firmware', 'slots'] | Sequence[int]

#: Where device memory starts on the recorded machine: above 6 GiB of RAM, 1 GiB for the PCI hole.
FIRST_ADDRESS = 7 * sizes.GIB


class PersistentMemory:
    """DIMMs, regions and namespaces of one machine, and the tools to administer them.

    ::

        >>> memory = PersistentMemory([DimmSpec(32 * GIB, labels='initialized')])
        >>> memory.create_namespace(size=4 * GIB, map='mem', name='ns_0').path
        '/dev/dax0.0'
        >>> memory.run(['ndctl', 'list', '-X']).stdout    # what ndctl 76.1 prints

    Thread-safe. What a real kernel or tool refuses is an :class:`NdctlError` from the methods and
    an exit status from :meth:`run`.

    :param dimms: the DIMMs, in the order of their slots
    :param randomness: the source of UUIDs
    :param first_region: the number of the first region; the others follow
    :param first_address: the physical address of the first DIMM, a multiple of 16 MiB
    :param region_order: what numbers the regions: ``firmware``, as on the recorded machines;
        ``slots``; or the DIMMs (or interleave sets), counted from 0, in the order that is wanted.
        Addresses follow the slots in any case
    :param release: the versions of kernel and tools
    :param memory_block: bytes of a memory block, the unit in which memory is onlined
    """

    def __init__(self, dimms: Iterable[DimmSpec], *, randomness: Randomness | None = None,
                 first_region: int = 0, first_address: int = FIRST_ADDRESS,
                 region_order: RegionOrder = 'firmware', release: Release = DEBIAN_12,
                 memory_block: int = MEMORY_BLOCK) -> None:
        if first_address % sizes.REGION_ALIGN:
            raise exceptions.InvalidInputError(
                'first address', expected='a multiple of 16 MiB', got=hex(first_address),
                remedy='round it up')
        self.randomness = randomness or Randomness()
        self.release = release
        self.memory_block = memory_block
        self.has_migrated = False
        self.lock = threading.RLock()
        self.dimms = [Dimm(number, spec) for number, spec in enumerate(dimms)]
        self._minors = Numbers()
        placed = list(_interleaved(self.dimms, first_address))
        order = _numbered(region_order, [group for _, group in placed])
        self.regions = [Region(first_region + index, *placed[which], self._minors)
                        for index, which in enumerate(order)]
        self._leftovers: set[str] = set()
        self._bad: set[tuple[int, int]] = set()
        self._races: list[Callable[[str], bool]] = []
        self._callbacks: list[Callable[[], None]] = []
        self._listing_callbacks: list[Callable[[], None]] = []
        self._depth = 0
        self._listings_change = False
        for region in self.regions:
            region.enable(at_boot=True)

    # What there is

    @property
    def listed_regions(self) -> list[Region]:
        """The regions, in the order in which the tools list them."""
        return kernfs.listing_order(self.regions, lambda region: region.dev)

    def listed_devices(self, region: Region) -> list[NamespaceDevice]:
        """The region's namespaces in that order, idle ones included."""
        return kernfs.listing_order(region.namespaces, lambda device: device.dev)

    @property
    def namespaces(self) -> list[Namespace]:
        """All namespaces but the idle ones, in ndctl's order."""
        with self.lock:
            return [self.snapshot(region, device) for region in self.listed_regions
                    for device in self.listed_devices(region) if device.size]

    @property
    def namespace_count(self) -> int:
        """How many those are."""
        with self.lock:
            return sum(bool(device.size) for region in self.regions
                       for device in region.namespaces)

    def namespace(self, dev: str) -> Namespace:
        """The namespace that ndctl calls ``dev``, such as ``namespace0.1``.

        :raises KeyError: when there is none
        """
        for namespace in self.namespaces:
            if namespace.dev == dev:
                return namespace
        raise KeyError(dev)

    def snapshot(self, region: Region, device: NamespaceDevice) -> Namespace:
        """What ``device`` of ``region`` is now."""
        return snapshot(device, region.start, region.numa_node)

    def device(self, path: str) -> Namespace | None:
        """The namespace whose device is ``path``, None when there is no such device.

        A regular file that daxio left at the path of a missing device hides a device that comes
        there later.
        """
        with self.lock:
            found = self._at(path)
            return None if found is None else self.snapshot(*found)

    def _at(self, path: str) -> tuple[Region, NamespaceDevice] | None:
        path = os.path.normpath(path)
        numbered = DEVICE.fullmatch(path)
        if numbered is None or path in self._leftovers:
            return None
        region_number, number = int(numbered[1]), int(numbered[2] or 0)
        for region in self.regions:
            if region.number == region_number:
                for device in region.namespaces:
                    if device.number == number and device.path == path:
                        return region, device
        return None

    def devices(self) -> dict[str, Namespace]:
        """The devices in /dev, by path."""
        with self.lock:
            return {namespace.path: namespace for namespace in self.namespaces
                    if namespace.path and namespace.path not in self._leftovers}

    @property
    def leftovers(self) -> frozenset[str]:
        """Regular files in /dev: what daxio creates when the device is missing."""
        with self.lock:
            return frozenset(self._leftovers)

    def is_leftover(self, path: str) -> bool:
        """Whether a regular file is at ``path`` in /dev."""
        return path in self._leftovers

    def leave_file(self, path: str) -> None:
        """A regular file comes to be at ``path`` in /dev."""
        with self.changing(listings=False):
            self._leftovers.add(os.path.normpath(path))

    def remove_file(self, path: str) -> None:
        """The regular file at ``path`` in /dev goes, if it is there."""
        with self.changing(listings=False):
            self._leftovers.discard(os.path.normpath(path))

    def mark_bad(self, begin: int, end: int) -> None:
        """The media fail between two physical addresses: a namespace there has a dead device.

        The kernel refuses to map a dead dax device (ENXIO; drivers/dax/device.c ``dax_mmap``), and
        bad blocks on it cannot be cleared.
        """
        with self.changing():
            self._bad.add((begin, end))

    def mend(self, begin: int, end: int) -> None:
        """What was marked bad between two addresses works again."""
        with self.changing():
            self._bad.discard((begin, end))

    def race_creations(self, loses: Callable[[str], bool]) -> Callable[[], None]:
        """Make ``ndctl create-namespace`` lose races with other processes.

        ndctl picks a region's idle namespace before it takes its capacity. When two processes
        create in one region at the same time, the slower one finds that namespace taken and goes
        on to the next region, or ends with "No space left on device".

        :param loses: called with the region, such as ``region0``, when a namespace is created
            there; it returns whether that creation loses
        :returns: a function that ends the races
        """
        self._races.append(loses)
        return lambda: self._races.remove(loses)

    def loses_race(self, region: Region) -> bool:
        """Whether a creation in this region loses a race now."""
        return any(loses(region.dev) for loses in list(self._races))

    def is_bad(self, namespace: Namespace) -> bool:
        """Whether some of a namespace's media is marked bad."""
        return any(begin < namespace.address + namespace.raw_size and namespace.address < end
                   for begin, end in self._bad)

    @property
    def has_firmware_commands(self) -> bool:
        """Whether the firmware of the DIMMs injects errors and scrubs."""
        return bool(self.dimms) and all(dimm.spec.firmware_commands for dimm in self.dimms)

    def scrub(self) -> None:
        """The kernel learns of all bad blocks of the media."""
        with self.changing():
            for region in self.regions:
                region.errors.scrub()

    # What it says

    def write(self, path: str, writer: str, *, offset: int = 0, length: int | None = None) -> None:
        """``writer`` writes to the device at ``path``, all of it unless told otherwise.

        :raises KeyError: when there is no such device
        """
        self._put(path, writer, offset, length)

    def zero(self, path: str, *, offset: int = 0, length: int | None = None) -> None:
        """The device at ``path`` is overwritten with zeroes.

        :raises KeyError: when there is no such device
        """
        self._put(path, None, offset, length)

    def _put(self, path: str, writer: str | None, offset: int, length: int | None) -> None:
        with self.changing(listings=False):
            region, begin, end = self._data(path, offset, length)
            region.media.write(begin, end, writer)

    def contents(self, path: str, *, offset: int = 0, length: int | None = None) -> Contents:
        """Who wrote to the device at ``path`` last.

        :raises KeyError: when there is no such device
        """
        with self.lock:
            region, begin, end = self._data(path, offset, length)
            return region.media.read(begin, end)

    def _data(self, path: str, offset: int, length: int | None) -> tuple[Region, int, int]:
        found = self._at(path)
        if found is None:
            raise KeyError(path)
        region, device = found
        begin, size = device.data
        end = size if length is None else min(offset + length, size)
        return region, begin + min(offset, size), begin + end

    def find(self, dev: str) -> tuple[Region, NamespaceDevice]:
        """The region and the kernel's device of the namespace ``dev``.

        :raises KeyError: when there is none
        """
        for region in self.regions:
            for device in region.namespaces:
                if device.dev == dev:
                    return region, device
        raise KeyError(dev)

    # What happens to it

    def reboot(self) -> None:
        """Restarts the machine: numbers are given anew; labels, names and contents stay."""
        with self.changing():
            for region in self.regions:
                region.disable()
            self._leftovers.clear()
            for dimm in self.dimms:
                dimm.boot()
            for region in self.regions:
                region.enable(at_boot=True)

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """``callback`` is called after each change, one of contents too, with the lock held.

        Returns what ends that.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def on_listing_change(self, callback: Callable[[], None]) -> None:
        """``callback`` is called after each change that a listing can show.

        What is written to a namespace is none. The lock is held.
        """
        self._listing_callbacks.append(callback)

    @contextlib.contextmanager
    def changing(self, *, listings: bool = True) -> Iterator[None]:
        """Holds the lock for a change, and reports it when the outermost one is done.

        :param listings: whether a listing can show the change
        """
        with self.lock:
            self._depth += 1
            self._listings_change = self._listings_change or listings
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    callbacks = list(self._callbacks)
                    if self._listings_change:
                        callbacks += self._listing_callbacks
                    self._listings_change = False
                    for callback in callbacks:
                        callback()

    # The tools

    def run(self, argv: Sequence[str], *, as_root: bool = True,
            in_use: Collection[str] = (), stdin: Contents | None = EMPTY,
            files: Files | None = None, terminal: bool = False,
            directory: str | None = None) -> CommandResult:
        """Runs ndctl, daxctl or daxio as it would run on the machine.

        :param argv: the command line, the tool's name first
        :param as_root: False for a user without rights
        :param in_use: paths of block devices that are mounted or otherwise held
        :param stdin: what waits on standard input, for daxio; None when nobody has looked yet
        :param files: the machine's other files; those of the local system when None
        :param terminal: whether standard output is a terminal: ndctl is easier to read on one
        :param directory: what relative paths start from; this process's directory when None
        :raises InputWanted: when it reads its standard input and ``stdin`` is None
        """
        from vpmem_harness.pmem import commands
        return commands.run(self, argv, as_root=as_root, in_use=in_use, stdin=stdin,
                            files=files or LocalFiles(), terminal=terminal,
                            directory=directory or os.getcwd())

    def administer(self, *arguments: str, in_use: Collection[str] = ()) -> CommandResult:
        """Runs ndctl as root; what fails is an error.

        :raises NdctlError: with the errno behind the exit status and ndctl's words
        """
        result = self.run(['ndctl', *arguments], in_use=in_use)
        status = result.returncode
        if status:
            raise NdctlError(256 - status if status > 129 else status, result.stderr.strip())
        return result

    def create_namespace(self, mode: str = 'devdax', *, map: str | None = None,
                         size: int | None = None, align: int | None = None,
                         name: str | None = None, region: str | None = None,
                         sector_size: int | None = None, uuid: str | None = None) -> Namespace:
        """Creates a namespace as ``ndctl create-namespace`` does.

        :param size: bytes taken from the region, the largest free extent when None
        :param region: such as ``region0``; the first with room when None
        :raises NdctlError: when ndctl refuses
        """
        options = {'-m': mode, '-M': map, '-s': size, '-a': align, '-n': name, '-r': region,
                   '-l': sector_size, '-u': uuid}
        with self.changing():
            before = {namespace.dev for namespace in self.namespaces}
            self.administer('create-namespace', *(
                str(word) for option, value in options.items() if value is not None
                for word in (option, value)))
            return next(namespace for namespace in self.namespaces
                        if namespace.dev not in before)

    def destroy_namespace(self, dev: str, *, force: bool = True,
                          in_use: Collection[str] = ()) -> None:
        """Destroys the namespace ``dev``, or ``all``; its contents stay on the media.

        :raises NdctlError: when ndctl refuses
        """
        self.administer('destroy-namespace', *(['-f'] if force else []), dev, in_use=in_use)

    def enable_namespace(self, dev: str) -> None:
        """Enables the namespace ``dev``, or ``all``."""
        self.administer('enable-namespace', dev)

    def disable_namespace(self, dev: str, *, in_use: Collection[str] = ()) -> None:
        """Disables the namespace ``dev``, or ``all``."""
        self.administer('disable-namespace', dev, in_use=in_use)

    def enable_region(self, region: str = 'all') -> None:
        """Enables a region: its namespaces are found and numbered anew."""
        self.administer('enable-region', region)

    def disable_region(self, region: str = 'all', *, in_use: Collection[str] = ()) -> None:
        """Disables a region with its namespaces."""
        self.administer('disable-region', region, in_use=in_use)

    def init_labels(self, dimm: str = 'all', *, version: str = '1.1') -> None:
        """Initializes label areas, existing ones too; their regions must be disabled."""
        self.administer('init-labels', '-f', '-V', version, dimm)

    def zero_labels(self, dimm: str = 'all') -> None:
        """Zeroes label areas; their regions must be disabled."""
        self.administer('zero-labels', dimm)


def _interleaved(dimms: list[Dimm], first_address: int) -> Iterator[tuple[int, list[Dimm]]]:
    groups: list[list[Dimm]] = []
    for dimm in dimms:
        mates = groups[-1] if groups else []
        if dimm.spec.interleave is not None and mates \
                and mates[0].spec.interleave == dimm.spec.interleave:
            if mates[0].spec.size != dimm.spec.size:
                raise exceptions.InvalidInputError(
                    f'interleave set {dimm.spec.interleave}', expected='DIMMs of one size',
                    got=f'{mates[0].spec.size} and {dimm.spec.size} bytes',
                    remedy='interleave DIMMs of the same size only')
            mates.append(dimm)
        else:
            groups.append([dimm])
    for group in groups:
        yield first_address, group
        first_address += sum(dimm.spec.size for dimm in group)


def _numbered(order: RegionOrder, groups: list[list[Dimm]]) -> Sequence[int]:
    """The groups, counted from 0, in the order of their regions' numbers."""
    count = len(groups)
    if order == 'firmware' and all(len(group) == 1 for group in groups):
        return nfit.described_order(count)
    if order in ('firmware', 'slots'):
        # QEMU, whose firmware this is, has no interleave sets.
        return range(count)
    if isinstance(order, str) or sorted(order) != list(range(count)):
        raise exceptions.InvalidInputError(
            'order of regions', expected=f'firmware, slots, or each of 0 to {count - 1} once',
            got=repr(order), remedy='leave it out for the order of the recorded machines')
    return order
