"""The persistent memory of one simulated machine."""

from __future__ import annotations

import contextlib
import copy
import os
import threading
from collections.abc import Callable, Collection, Iterable, Sequence

from vpmem_harness import exceptions
from vpmem_harness.pmem.changes import Changes
from vpmem_harness.pmem.commands.files import Files, LocalFiles
from vpmem_harness.pmem.commands.results import CommandResult
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.buses import Bus
from vpmem_harness.pmem.kernel.dax_devices import MEMORY_BLOCK
from vpmem_harness.pmem.kernel.dimms import Dimm, DimmSpec
from vpmem_harness.pmem.kernel.errors import NdctlError
from vpmem_harness.pmem.kernel.media import EMPTY, Contents
from vpmem_harness.pmem.kernel.media_errors import BLOCK
from vpmem_harness.pmem.kernel.namespaces import DEVICE, Namespace, NamespaceDevice, snapshot
from vpmem_harness.pmem.kernel.numbering import Numbers
from vpmem_harness.pmem.kernel.regions import Region
from vpmem_harness.pmem.kernel.topology import Numbering, RegionOrder, T, Topology
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEFAULT, Release

__all__ = ['FIRST_ADDRESS', 'PersistentMemory', 'RegionOrder']

#: Where device memory starts on the recorded machine: above 6 GiB of RAM, 1 GiB for the PCI hole.
FIRST_ADDRESS = 7 * sizes.GIB


class PersistentMemory:
    """DIMMs, regions and namespaces of one machine, and the tools to administer them.

    ::

        >>> memory = PersistentMemory([DimmSpec(32 * GIB, labels='initialized')])
        >>> memory.create_namespace(size=4 * GIB, map='mem', name='ns_0').path
        '/dev/dax0.0'
        >>> memory.run(['ndctl', 'list', '-X']).stdout    # what ndctl 76.1 prints

    Thread-safe. If the kernel or a tool refuses an operation, methods raise :class:`NdctlError`,
    and :meth:`run` returns the exit status.

    :param dimms: the DIMMs, in the order of their slots
    :param randomness: the source of UUIDs
    :param first_region: the number of the first region; the others follow
    :param first_address: the physical address of the first DIMM, a multiple of 16 MiB
    :param region_order: the numbering of the regions: ``firmware``, as on the recorded machines;
        ``slots``; or a list of DIMMs (or interleave sets). Addresses follow the slots anyway
    :param release: the versions of kernel and tools
    :param memory_block: bytes of a memory block, the unit in which memory is onlined
    :param numbers: the numbers of DIMMs, regions and buses where they are not consecutive
    """

    def __init__(self, dimms: Iterable[DimmSpec], *, randomness: Randomness | None = None,
                 first_region: int = 0, first_address: int = FIRST_ADDRESS,
                 region_order: RegionOrder = 'firmware', release: Release = DEFAULT,
                 memory_block: int = MEMORY_BLOCK,
                 numbers: Numbering | None = None) -> None:
        if first_address % sizes.REGION_ALIGN:
            raise exceptions.InvalidInputError(
                'first address', expected='a multiple of 16 MiB', got=hex(first_address),
                remedy='round it up')
        self.randomness = randomness or Randomness()
        self.release = release
        self.memory_block = memory_block
        self.has_migrated = False
        self.lock = threading.RLock()
        self._minors = Numbers()
        self._topology = Topology(dimms, first_address=first_address, first_region=first_region,
                                  order=region_order, minors=self._minors,
                                  numbers=numbers, old_names=release.old_name_hash)
        self._leftovers: set[str] = set()
        self._bad: set[tuple[int, int]] = set()
        self._races: list[Callable[[str], bool]] = []
        self._changes = Changes(self.lock)
        for region in self.regions:
            region.enable(at_boot=True)

    # State

    @property
    def dimms(self) -> list[Dimm]:
        """The DIMMs, in the order of their slots."""
        return self._topology.dimms

    @property
    def regions(self) -> list[Region]:
        """The regions, in the order of their numbers."""
        return self._topology.regions

    @property
    def listed_buses(self) -> list[Bus]:
        """The buses in the order of listings."""
        return self._topology.listed_buses()

    @property
    def listed_regions(self) -> list[Region]:
        """The regions in the order of listings, bus by bus."""
        return self._topology.listed_regions()

    def bus(self, provider: str) -> Bus:
        """The bus of a provider."""
        return next(bus for bus in self._topology.buses if bus.provider == provider)

    def listed_devices(self, region: Region) -> list[NamespaceDevice]:
        """The region's namespaces in the order of listings, with the idle ones."""
        return self.sorted(region.namespaces, lambda device: device.dev)

    def sorted(self, things: Iterable[T], name: Callable[[T], str]) -> list[T]:
        """``things`` in the order of listings of ndctl and daxctl."""
        return self._topology.sorted(things, name)

    @property
    def namespaces(self) -> list[Namespace]:
        """All namespaces that are not idle, in ndctl's order."""
        with self.lock:
            return [self.snapshot(region, device) for region in self.listed_regions
                    for device in self.listed_devices(region) if device.size]

    @property
    def namespace_count(self) -> int:
        """The number of namespaces that are not idle."""
        with self.lock:
            return sum(bool(each.size) for region in self.regions for each in region.namespaces)

    def namespace(self, dev: str) -> Namespace:
        """The namespace that ndctl calls ``dev``, or raises KeyError without one."""
        for namespace in self.namespaces:
            if namespace.dev == dev:
                return namespace
        raise KeyError(dev)

    def snapshot(self, region: Region, device: NamespaceDevice) -> Namespace:
        """The current state of ``device`` of ``region``."""
        return snapshot(device, region.start, region.numa_node)

    def device(self, path: str) -> Namespace | None:
        """The namespace whose device is ``path``, None without one or if a file hides it."""
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
        """The regular files in /dev, which daxio creates in place of missing devices."""
        with self.lock:
            return frozenset(self._leftovers)

    def is_leftover(self, path: str) -> bool:
        """Whether a regular file is at ``path`` in /dev."""
        return path in self._leftovers

    def leave_file(self, path: str) -> None:
        """Creates a regular file at ``path`` in /dev."""
        with self.changing(listings=False):
            self._leftovers.add(os.path.normpath(path))

    def remove_file(self, path: str) -> None:
        """Removes the regular file at ``path`` in /dev if there is one."""
        with self.changing(listings=False):
            self._leftovers.discard(os.path.normpath(path))

    def mark_bad(self, begin: int, end: int) -> None:
        """Makes the media fail between two physical addresses.

        The kernel refuses to map a dax device there (ENXIO; drivers/dax/device.c ``dax_mmap``).
        """
        with self.changing():
            self._bad.add((begin, end))

    def mend(self, begin: int, end: int) -> None:
        """Repairs media that :meth:`mark_bad` has marked."""
        with self.changing():
            self._bad.discard((begin, end))

    def learn_of_bad_blocks(self, dev: str, *, first: int, count: int) -> None:
        """Lets the kernel know bad blocks of 512 bytes of a namespace, as a scrub does.

        :param first: the first of them, counted from the start of its data
        """
        with self.changing():
            region, device = self.find(dev)
            region.errors.inject(device.data[0] // BLOCK + first, count, notify=True)

    def race_creations(self, loses: Callable[[str], bool]) -> Callable[[], None]:
        """Makes ``ndctl create-namespace`` lose races with creations of other processes.

        The loser finds the region's idle namespace taken, and so no room.

        :param loses: called with the name of the region; returns whether the creation there loses
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

    def scrub(self, bus: Bus) -> None:
        """The kernel learns of all bad blocks of the media of a bus."""
        with self.changing():
            for region in bus.regions:
                region.errors.scrub()

    # Contents

    def write(self, path: str, writer: str | None, *, offset: int = 0,
              length: int | None = None) -> None:
        """Records a write of ``writer`` to the device at ``path``, by default to all of it.

        :raises KeyError: when there is no such device
        """
        with self.changing(listings=False):
            region, begin, end = self._data(path, offset, length)
            region.media.write(begin, end, writer)

    def zero(self, path: str, *, offset: int = 0, length: int | None = None) -> None:
        """Overwrites the device at ``path`` with zeroes, or raises KeyError without one."""
        self.write(path, None, offset=offset, length=length)

    def contents(self, path: str, *, offset: int = 0, length: int | None = None) -> Contents:
        """The contents of the device at ``path``, or raises KeyError without one."""
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

    # Changes

    def reboot(self) -> None:
        """Restarts the machine, which numbers everything anew; labels and contents stay."""
        with self.changing():
            for region in self.regions:
                region.disable()
            self._leftovers.clear()
            for dimm in self.dimms:
                dimm.boot()
            for region in self.regions:
                region.enable(at_boot=True)

    def save(self) -> object:
        """Return a copy of the whole state, contents included, for :meth:`restore`."""
        with self.lock:
            return copy.deepcopy(
                (self._topology, self._minors, self._leftovers, self._bad, self.has_migrated))

    def restore(self, saved: object) -> None:
        """Return to a state that :meth:`save` returned."""
        with self.changing():
            (self._topology, self._minors, self._leftovers, self._bad,
             self.has_migrated) = copy.deepcopy(saved)  # type: ignore[misc]

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after each change, under the lock; return what removes it."""
        return self._changes.on_change(callback)

    def on_listing_change(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after each change that a listing can show, under the lock."""
        self._changes.on_listing_change(callback)

    def changing(self, *, listings: bool = True) -> contextlib.AbstractContextManager[None]:
        """Hold the lock during a change, and call the callbacks when the outermost change ends.

        :param listings: whether a listing can show the change
        """
        return self._changes.changing(listings=listings)

    # The tools

    def run(self, argv: Sequence[str], *, as_root: bool = True,
            in_use: Collection[str] = (), stdin: Contents | None = EMPTY,
            files: Files | None = None, terminal: bool = False,
            directory: str | None = None) -> CommandResult:
        """Runs ndctl, daxctl or daxio as it would run on the machine.

        :param argv: the command line, the tool's name first
        :param as_root: False for a user without rights
        :param in_use: paths of block devices that are mounted or otherwise open exclusively
        :param stdin: what is on standard input; None when the caller does not know yet
        :param files: the machine's other files; the local system's when None
        :param terminal: whether standard output is a terminal, which changes ndctl's number formats
        :param directory: the current directory; this process's when None
        :raises InputWanted: when the command reads standard input and ``stdin`` is None
        """
        from vpmem_harness.pmem import commands
        return commands.run(self, argv, as_root=as_root, in_use=in_use, stdin=stdin,
                            files=files or LocalFiles(), terminal=terminal,
                            directory=directory or os.getcwd())

    def administer(self, *arguments: str, in_use: Collection[str] = ()) -> CommandResult:
        """Runs ndctl as root.

        :raises NdctlError: when it fails, with the errno of its exit status and its message
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
        """Enables a region, which numbers its namespaces anew."""
        self.administer('enable-region', region)

    def disable_region(self, region: str = 'all', *, in_use: Collection[str] = ()) -> None:
        """Disables a region with its namespaces."""
        self.administer('disable-region', region, in_use=in_use)

    def init_labels(self, dimm: str = 'all', *, version: str = '1.1') -> None:
        """Initializes label areas, whatever is in them; their regions must be disabled."""
        self.administer('init-labels', '-f', '-V', version, dimm)

    def zero_labels(self, dimm: str = 'all') -> None:
        """Zeroes label areas; their regions must be disabled."""
        self.administer('zero-labels', dimm)
