"""Measures the life cycle of a two-host cloud, and checks that it leaves nothing behind.

    python -m bench.cloud_cycles [--cycles N]

A cycle sets up a cloud, boots one server and cleans up. The peer sets up and cleans up the two
hosts without a cloud, alternating with the cloud. The benchmark examines the process after a
tenth of the cycles and at the end. It fails if the numbers of threads, descriptors and temporary
files or the resident memory have grown.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from vpmem_harness.fixtures import CloudFixture, HostFixture

PMEM = 'SMALL:2x4GiB,LARGE:1x16GiB'

#: KiB by which resident memory may grow over all cycles: the slack of the allocator.
SLACK = 8192


def cloud() -> None:
    """Set up one cloud and boot one server."""
    with CloudFixture(hosts=2, pmem=PMEM) as made:
        made.boot(pmem='SMALL')


def hosts() -> None:
    """Set up the hosts only, as the peer."""
    with HostFixture(pmem=PMEM), HostFixture(pmem=PMEM):
        pass


def held() -> dict[str, int]:
    """Return what this process holds."""
    gc.collect()
    status = Path('/proc/self/status').read_text()
    resident = next(line for line in status.splitlines() if line.startswith('VmRSS'))
    return {
        'threads': threading.active_count(),
        'descriptors': len(os.listdir('/proc/self/fd')),
        'temporary files': sum(1 for _ in Path(tempfile.gettempdir()).rglob('*')),
        'KiB of memory': int(resident.split()[1]),
    }


def main() -> int:
    """Print cycles per second, the ratio to the peer, and what the process holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cycles', type=int, default=100)
    cycles = parser.parse_args().cycles
    ours = peer = 0.0
    before: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix='vh-') as directory:
        tempfile.tempdir = directory
        for cycle in range(cycles):
            if cycle == max(1, cycles // 10):
                before = held()
            begin = time.perf_counter()
            cloud()
            middle = time.perf_counter()
            hosts()
            ours += middle - begin
            peer += time.perf_counter() - middle
        after = held()
        tempfile.tempdir = None
    print(f'{cycles / ours:.1f} two-host clouds with a server a second: {ours / peer:.1f} times '
          'as long as their hosts alone')
    print(', '.join(f'{name} {before[name]} -> {after[name]}' for name in after))
    left = {name for name in after
            if after[name] > before[name] + (SLACK if name.startswith('KiB') else 0)}
    if left:
        print(f'left behind: {", ".join(sorted(left))}', file=sys.stderr)
    return bool(left)


if __name__ == '__main__':
    sys.exit(main())
