"""The host as the completion of definitions sees it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from vpmem_harness.hardware import Hardware
from vpmem_harness.libvirtd.xml.etree import Element
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEFAULT, Release

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
    #: Returns the errno of executing a file of the host, 0 if it can be executed.
    execution_error: Callable[[str], int] = lambda path: 0
    _taps: itertools.count[int] = field(default_factory=itertools.count)

    def next_terminal(self) -> str:
        """Reserve the lowest free pseudo-terminal."""
        path = next(path for number in itertools.count()
                    if (path := f'/dev/pts/{number}') not in self.terminals_in_use)
        self.terminals_in_use.add(path)
        return path

    def next_tap(self) -> str:
        """Reserve the next tap; libvirt does not reuse numbers."""
        name = next(name for number in self._taps
                    if (name := f'vnet{number}') not in self.taps_in_use)
        self.taps_in_use.add(name)
        return name
