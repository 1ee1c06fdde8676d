"""The host as the completion of definitions sees it."""

from __future__ import annotations

import contextlib
import errno
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import libvirt

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.errors import LibvirtError, invalid, system_error
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEFAULT, Release

#: The maximum length of the name of a network interface (IFNAMSIZ with its final null byte).
_TAP_NAME_MAX: Final = 15

#: Emulators by architecture.
EMULATORS = {'x86_64': '/usr/bin/qemu-system-x86_64', 'i686': '/usr/bin/qemu-system-i386'}


@dataclass
class XmlHost:
    """Hardware, the source of random UUIDs and MAC addresses, release, and resources in use.

    Running domains use TCP ports, pseudo-terminals and taps of the host.
    """

    hardware: Hardware
    randomness: Randomness
    release: Release = DEFAULT
    ports_in_use: set[int] = field(default_factory=set)
    terminals_in_use: set[str] = field(default_factory=set)
    taps_in_use: set[str] = field(default_factory=set)
    #: Connects an interface that starts to its network; raises a LibvirtError if it cannot.
    connect: Callable[[Element], None] = lambda interface: None
    #: Checks the network filter of an interface that has its tap; raises a LibvirtError.
    check_filter: Callable[[Element], None] = lambda interface: None
    #: Returns a network's address on this host; raises a LibvirtError if there is no such network.
    network_address: Callable[[str], str | None] = lambda name: None
    #: Returns the errno of executing a file of the host, 0 if it can be executed.
    execution_error: Callable[[str], int] = lambda path: 0
    _taps: itertools.count[int] = field(default_factory=itertools.count)

    def next_terminal(self) -> str:
        """Reserve the lowest free pseudo-terminal."""
        path = next(path for number in itertools.count()
                    if (path := f'/dev/pts/{number}') not in self.terminals_in_use)
        self.terminals_in_use.add(path)
        return path

    def next_tap(self, template: str = 'vnet%d') -> str:
        """Reserve the next tap of a template; libvirt does not reuse numbers."""
        name = next(name for number in self._taps
                    if (name := template.replace('%d', str(number))) not in self.taps_in_use)
        self.taps_in_use.add(name)
        return name

    def take_tap(self, name: str) -> None:
        """Reserve the tap with that name.

        :raises LibvirtError: another guest uses it, or the kernel accepts no such name.
        """
        if len(name.encode()) > _TAP_NAME_MAX:
            raise system_error(errno.ERANGE, f"Network interface name '{name}' is too long",
                               domain=libvirt.VIR_FROM_NONE)
        if name in self.taps_in_use:
            raise invalid(f'The {name} interface already exists', domain=libvirt.VIR_FROM_NONE)
        self.taps_in_use.add(name)

    @contextlib.contextmanager
    def reserving(self) -> Iterator[None]:
        """Release the resources that are reserved in this context if it fails."""
        reserved: list[set[Any]] = [self.ports_in_use, self.terminals_in_use, self.taps_in_use]
        before = [set(each) for each in reserved]
        try:
            yield
        except LibvirtError:
            for each, earlier in zip(reserved, before, strict=True):
                each.intersection_update(earlier)
            raise
