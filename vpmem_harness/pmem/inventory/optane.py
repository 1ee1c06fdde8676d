"""DIMMs as on hosts with Intel Optane modules: an interleave set for each socket."""

from __future__ import annotations

from vpmem_harness.pmem.kernel.dimms import DimmSpec
from vpmem_harness.pmem.kernel.health import Health
from vpmem_harness.pmem.kernel.sizes import GIB, MIB
from vpmem_harness.randomness import Randomness

#: Bytes of each module that can be persistent memory: modules of 128, 256 and 512 GB.
MODULES = (126 * GIB, 252 * GIB, 502 * GIB)

#: Where the persistent part of a module begins.
OFFSET = 256 * MIB

#: Bytes of the label area of a module.
LABEL_AREA = 128 * 1024

#: The place in a memory channel: the first one holds DRAM.
_SLOT = 1
_CHANNELS_PER_CONTROLLER = 3


def handle(socket: int, number: int) -> int:
    """The NFIT device handle of the module ``number`` of a socket, as in the NFIT of ACPI."""
    controller, channel = divmod(number, _CHANNELS_PER_CONTROLLER)
    return socket << 12 | controller << 8 | channel << 4 | _SLOT


def modules(randomness: Randomness, *, sockets: int, ways: int, size: int) -> list[DimmSpec]:
    """The modules of a host, ``ways`` of ``size`` bytes for each socket.

    The persistent memory of each socket is a separate NUMA node, numbered after those with CPUs.
    """
    date = f'{18 + randomness.below(4):02d}{1 + randomness.below(52):02d}'
    serial = randomness.below(2**24)
    first_entry = 28 + randomness.below(32)
    dimms: list[DimmSpec] = []
    for socket in range(sockets):
        for number in range(ways):
            which = len(dimms)
            dimms.append(DimmSpec(
                size, numa_node=socket, target_node=sockets + socket, labels='initialized',
                label_area=LABEL_AREA, interleave=f'socket{socket}', firmware_commands=True,
                id=f'8089-a2-{date}-{(serial + 37 * which) % 2**32:08x}',
                handle=handle(socket, number), phys_id=first_entry + 2 * which, offset=OFFSET,
                security='disabled', health=_health(randomness)))
    return dimms


def _health(randomness: Randomness) -> Health:
    temperature = 28.0 + randomness.below(10)
    return Health(
        temperature_celsius=temperature, controller_temperature_celsius=temperature + 3,
        alarm_enabled_media_temperature=False, alarm_enabled_ctrl_temperature=False,
        alarm_enabled_spares=False, life_used_percentage=randomness.below(3),
        shutdown_count=randomness.below(20))
