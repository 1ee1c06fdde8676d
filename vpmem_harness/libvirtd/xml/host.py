"""What completing a definition needs to know of the host."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from vpmem_harness.libvirtd.hardware import Hardware
from vpmem_harness.randomness import Randomness

#: The machine that stands for a short name. Source: QEMU 7.2.
MACHINE_ALIASES = {'pc': 'pc-i440fx-7.2', 'q35': 'pc-q35-7.2'}

#: The emulator of each architecture that the host has one for.
EMULATORS = {'x86_64': '/usr/bin/qemu-system-x86_64', 'i686': '/usr/bin/qemu-system-i386'}


@dataclass
class XmlHost:
    """The host's hardware, the randomness that UUIDs and MAC addresses are drawn from, and what
    running domains have of the host's: TCP ports, terminals, taps."""

    hardware: Hardware
    randomness: Randomness
    ports_in_use: set[int] = field(default_factory=set)
    terminals_in_use: set[str] = field(default_factory=set)
    taps_in_use: set[str] = field(default_factory=set)
    _taps: itertools.count[int] = field(default_factory=itertools.count)

    def next_terminal(self) -> str:
        """The lowest free pseudo-terminal."""
        path = next(path for number in itertools.count()
                    if (path := f'/dev/pts/{number}') not in self.terminals_in_use)
        self.terminals_in_use.add(path)
        return path

    def next_tap(self) -> str:
        """The next tap: libvirt does not use a number twice."""
        name = next(name for number in self._taps
                    if (name := f'vnet{number}') not in self.taps_in_use)
        self.taps_in_use.add(name)
        return name
