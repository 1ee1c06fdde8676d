"""The hardware of the simulated hosts, and the options with which Nova uses all of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

#: The CPUs of each NUMA node.
CPUS: Mapping[int, range] = {0: range(16), 1: range(16, 32)}

#: How many CPUs of each NUMA node a host shares, and how many it dedicates.
SHARED, DEDICATED = 2, 6

#: Sizes of huge pages in KiB.
HUGE_PAGES = (2048, 1048576)

_FILE = """\
cells:
- {memory: 32GiB, cores: 8, threads: 2, huge_pages: {2MiB: 1024, 1GiB: 4}}
- {memory: 32GiB, cores: 8, threads: 2, huge_pages: {2MiB: 1024, 1GiB: 4}}
firmware: ovmf
tpm: {versions: ['2.0']}
"""


def write(file: Path) -> None:
    """Write the description of the hardware, for ``vpmem-harness up --hardware``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_FILE)


def cpu_sets(number: int) -> tuple[str, str]:
    """Return the shared and the dedicated CPUs of a host, by its number from 1.

    Two hosts with consecutive numbers have different sets, so that a migration changes the CPUs.
    """
    second = number % 2 == 0
    shared, dedicated = [], []
    for cpus in CPUS.values():
        first = cpus[0] + second * SHARED
        shared.append(f'{first}-{first + SHARED - 1}')
        first = cpus[0] + 2 * SHARED + second * DEDICATED
        dedicated.append(f'{first}-{first + DEDICATED - 1}')
    return ','.join(shared), ','.join(dedicated)
