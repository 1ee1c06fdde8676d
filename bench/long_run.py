"""Measures the memory of processes that boot and delete servers for a long time.

    python -m bench.long_run [--processes N] [--hosts N] [--servers N]

Each process starts a cloud with its part of the hosts, then boots and deletes its part of the
servers, ten at a time. After each tenth of them it resets the cloud, as between two tests, because
a cloud keeps the calls and the deleted servers of a test. Then a line shows the resident memory,
the open file descriptors and the threads of all processes, and the CPU time of a server since the
line before. If something of each server stays, the memory grows from line to line. The files of the
hosts are in memory as well, if possible, and not counted.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pathlib
import resource
import sys
import time
from multiprocessing.connection import Connection

from bench._memory import keep_files_in_memory
from vpmem_harness.fixtures import CloudFixture

#: The persistent memory of each host.
PMEM = 'SMALL:2x1GiB'

#: How many servers exist at a time in a process.
SERVERS = 10

#: How many lines a run prints after its start.
LINES = 10


def usage() -> tuple[float, int, int, float]:
    """Return this process's resident memory in MiB, descriptors, threads and CPU seconds."""
    lines = pathlib.Path('/proc/self/status').read_text().splitlines()
    status = dict(line.split(':', 1) for line in lines)
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (int(status['VmRSS'].split()[0]) / 1024, len(os.listdir('/proc/self/fd')),
            int(status['Threads']), sum(one.ru_utime + one.ru_stime for one in usages))


def work(hosts: int, rounds: int, news: Connection) -> None:
    """Boot and delete servers in a cloud; send their number, the seconds and the usage."""
    begun = time.monotonic()
    with CloudFixture(hosts=hosts, pmem=PMEM, backend='stub') as cloud:
        news.send((0, time.monotonic() - begun, *usage()))
        for line in range(LINES):
            for _ in range(rounds):
                for server in [cloud.boot(pmem='SMALL') for _ in range(SERVERS)]:
                    server.delete()
            cloud.reset()
            news.send(((line + 1) * rounds * SERVERS, time.monotonic() - begun, *usage()))
    news.close()


def main() -> int:
    """Print a line for the start and for each tenth of the servers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--processes', type=int, default=4)
    parser.add_argument('--hosts', type=int, default=10000, help='of all processes together')
    parser.add_argument('--servers', type=int, default=100000, help='of all processes together')
    arguments = parser.parse_args()
    keep_files_in_memory()
    context = multiprocessing.get_context('spawn')
    rounds = arguments.servers // (arguments.processes * LINES * SERVERS)
    readers = []
    for _ in range(arguments.processes):
        reader, writer = context.Pipe(duplex=False)
        context.Process(
            target=work, args=(arguments.hosts // arguments.processes, rounds, writer)).start()
        writer.close()
        readers.append(reader)
    print(f'{"servers":>9}{"seconds":>9}{"MiB":>7}{"descriptors":>13}{"threads":>9}'
          f'{"CPU ms each":>13}')
    before, booted = 0.0, 0
    for _ in range(LINES + 1):
        try:
            lines = [reader.recv() for reader in readers]
        except EOFError:
            return 1    # a process has failed and printed its traceback
        servers, seconds, memory, descriptors, threads, spent = zip(*lines, strict=True)
        each = 1000 * (sum(spent) - before) / (sum(servers) - booted) if sum(servers) else 0.0
        before, booted = sum(spent), sum(servers)
        print(f'{booted:9}{max(seconds):9.0f}{sum(memory):7.0f}{sum(descriptors):13}'
              f'{sum(threads):9}{each:13.2f}', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
