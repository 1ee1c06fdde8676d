"""Measures how the cost of a host, a boot and a delete grows with the fleet in one process.

    python -m bench.fleet [--sizes N,N...] [--boots N] [--rounds N]

Each size runs in a process of its own. It starts a cloud with that many hosts, and boots and
deletes servers one after the other. The peer makes the libvirt calls that no cloud can avoid, on
one of the hosts: define, start, query, destroy and undefine the domain of a server. Everything is
CPU time, of all threads and of the processes that they start, so that other work on the machine
changes little. The files of the hosts are in memory, if possible. The best round counts. The last
columns compare with the peer; the last line compares the largest fleet with the smallest.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys

import libvirt

from bench._memory import keep_files_in_memory
from bench.boots import domains, template
from vpmem_harness.fixtures import CloudFixture
from vpmem_harness.randomness import Randomness

#: The persistent memory of each host.
PMEM = 'SMALL:2x1GiB'

#: How many servers exist at a time: fewer than the namespaces of the smallest fleet.
SERVERS = 10

COSTS = ('host', 'boot', 'delete')


def cpu() -> float:
    """Return the CPU milliseconds of this process and of its children that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return 1000 * sum(usage.ru_utime + usage.ru_stime for usage in usages)


def start(hosts: int) -> float:
    """Return the CPU milliseconds to start the hosts of a cloud, for each."""
    begun = cpu()
    with CloudFixture(hosts=hosts, pmem=PMEM, backend='stub'):
        return (cpu() - begun) / hosts


def measure(hosts: int, boots: int, rounds: int) -> dict[str, float]:
    """Return the CPU milliseconds of each operation in a fleet of a size, and of the peer."""
    start(2)     # imports, and starts what a process has once
    best = {'host': min(start(hosts) for _ in range(max(1, min(rounds, 300 // hosts))))}
    begun = cpu()
    with CloudFixture(hosts=hosts, pmem=PMEM, backend='stub') as cloud:
        best['host'] = min(best['host'], (cpu() - begun) / hosts)
        xml, randomness = template(cloud), Randomness(1)
        connection = libvirt.open(cloud.hosts[0].uri)
        for _ in range(rounds):
            spent = dict.fromkeys(('boot', 'delete', 'peer'), 0.0)
            for _ in range(boots // SERVERS):
                marks = [cpu()]
                servers = [cloud.boot(pmem='SMALL') for _ in range(SERVERS)]
                marks.append(cpu())
                for server in servers:
                    server.delete()
                marks.append(cpu())
                for _ in range(SERVERS):
                    domains(connection, xml, [randomness.uuid()])
                marks.append(cpu())
                for name, begin, end in zip(spent, marks, marks[1:], strict=False):
                    spent[name] += end - begin
            for name, value in spent.items():
                each = value / (boots // SERVERS * SERVERS)
                best[name] = min(best.get(name, each), each)
        connection.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**best, 'memory': memory}


def main() -> int:
    """Print the costs for each size of the fleet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sizes', default='10,300,1000,3000')
    parser.add_argument('--boots', type=int, default=200)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--measure', type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    keep_files_in_memory()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.boots, arguments.rounds)))
        return 0
    print('CPU ms:  hosts' + ''.join(f'{name:>9}' for name in (*COSTS, 'peer'))
          + '   MiB' + ''.join(f'  {name}/peer' for name in COSTS))
    found: list[dict[str, float]] = []
    for size in map(int, arguments.sizes.split(',')):
        # Its own process, so that the memory of one size does not slow down the next.
        ended = subprocess.run(
            [sys.executable, '-m', 'bench.fleet', '--measure', str(size), '--boots',
             str(arguments.boots), '--rounds', str(arguments.rounds)],
            check=True, stdout=subprocess.PIPE)
        costs = json.loads(ended.stdout)
        found.append(costs)
        print(f'{size:14}' + ''.join(f'{costs[name]:9.2f}' for name in (*COSTS, 'peer'))
              + f'{costs["memory"]:6.0f}'
              + ''.join(f'{costs[name] / costs["peer"]:{len(name) + 7}.2f}' for name in COSTS),
              flush=True)
    def growth(name: str, of: str | None = None) -> float:
        first, last = (costs[name] / (costs[of] if of else 1) for costs in (found[0], found[-1]))
        return last / first
    print('last to first: ' + ', '.join(f'{name} {growth(name):.2f}' for name in COSTS)
          + '; of the ratios to the peer: '
          + ', '.join(f'{name} {growth(name, "peer"):.2f}' for name in COSTS))
    return 0


if __name__ == '__main__':
    sys.exit(main())
