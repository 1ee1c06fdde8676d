"""Measures a call of a host's tools, compared with processes that do nothing.

    python -m bench.tools [--rounds N]

The rounds alternate, so that other work on the machine affects all of them. The shell front end
answers ``ndctl list -X`` itself. The host answers ``ndctl list -N -r region0`` after a change,
through the interpreter. If the real ndctl is installed, it is measured too; it has nothing to
list.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from vpmem_harness.fixtures import HostFixture

INTERPRETER = os.path.realpath(sys.executable)


def measure(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Return the milliseconds of a process from start to end."""
    begun = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begun) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=50)
    options = parser.parse_args()
    with HostFixture(pmem='SMALL:4x4GiB', seed=0) as host:
        ndctl = str(host.host.bin_dir / 'ndctl')
        commands = {
            'nothing: true': ['/bin/true'],
            'nothing: sh': ['/bin/sh', '-c', ':'],
            'nothing: python -I -S': [INTERPRETER, '-I', '-S', '-c', 'pass'],
            'answered by the front': [ndctl, 'list', '-X'],
            # No file name contains a slash, so the host does not cache this answer.
            'answered by the host': [ndctl, 'list', '-X', '-b', 'no/bus'],
        }
        if real := shutil.which('ndctl'):
            commands['the real ndctl'] = [real, 'list', '-X']
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                times[name].append(measure(command, host.env))
    medians = {name: statistics.median(values) for name, values in times.items()}
    peers = {'answered by the front': 'nothing: sh',
             'answered by the host': 'nothing: python -I -S'}
    print(f'a call of ndctl, the median of {options.rounds}:')
    for name, median in medians.items():
        peer = peers.get(name)
        ratio = f'  {median / medians[peer]:5.2f} times {peer}' if peer else ''
        print(f'  {name:24} {median:7.2f} ms{ratio}')


if __name__ == '__main__':
    main()
