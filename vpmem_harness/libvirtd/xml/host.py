"""What completing a definition needs to know of the host."""

from __future__ import annotations

from dataclasses import dataclass

from vpmem_harness.libvirtd.hypervisor.hardware import Hardware
from vpmem_harness.randomness import Randomness

#: The machine that stands for a short name. Source: QEMU 7.2.
MACHINE_ALIASES = {'pc': 'pc-i440fx-7.2', 'q35': 'pc-q35-7.2'}

#: The emulator of each architecture that the host has one for.
EMULATORS = {'x86_64': '/usr/bin/qemu-system-x86_64', 'i686': '/usr/bin/qemu-system-i386'}


@dataclass
class XmlHost:
    """The host's hardware, and the randomness that UUIDs and MAC addresses are drawn from."""

    hardware: Hardware
    randomness: Randomness
