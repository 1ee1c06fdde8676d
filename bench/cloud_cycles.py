"""How fast a two-host cloud is set up, used once and cleaned up, and what that leaves behind.

    python -m bench.cloud_cycles [--cycles N]

The peer is the two hosts without a cloud on them, set up and cleaned up in turn with it. After a
tenth of the cycles the process is looked at, and again at the end: threads, descriptors, files in
the temporary directory and resident memory must be as they were. It fails when they are not.
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

#: KiB by which resident memory may grow over all cycles: what the allocator holds more or less.
SLACK = 8192


def cloud() -> None:
    """One cloud, with one server on it."""
    with CloudFixture(hosts=2, pmem=PMEM) as made:
        made.boot(pmem='SMALL')


def hosts() -> None:
    """The peer: its hosts alone."""
    with HostFixture(pmem=PMEM), HostFixture(pmem=PMEM):
        pass


def held() -> dict[str, int]:
    """What this process holds."""
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
    """Prints cycles a second, the ratio to the peer, and what is held before and after."""
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
