"""Measures a round trip, compared with the test driver of a real libvirtd.

    python -m bench.rpc_round_trip [--calls N] [--rounds N]

Everything runs on one CPU, because across CPUs the kernel's wake-ups dominate both sides. The
result is the median over the rounds of the mean time of ``getHostname`` through the real
libvirt-python. The rounds of the two daemons alternate, so that other work on the machine affects
both.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

import libvirt

from tests.conformance import libvirtd
from vpmem_harness.libvirtd.server import Daemon
from vpmem_harness.releases import DEFAULT

Round = Callable[[], float]


class _Connection:
    """The minimum that a client can connect to."""

    emit = None

    def find(self, procedure: str) -> Callable[..., str] | None:
        return getattr(self, procedure, None)

    def close(self) -> None:
        pass

    def connect_get_hostname(self) -> str:
        return 'bench'


class _Hypervisor:
    release = DEFAULT

    def connect(self, readonly: bool, driver: str = 'qemu') -> _Connection:
        return _Connection()


def pin(cpu: int, pid: int = 0) -> None:
    """Pin all threads of a process to one CPU."""
    for thread in os.listdir(f'/proc/{pid or os.getpid()}/task'):
        os.sched_setaffinity(int(thread), {cpu})


@contextlib.contextmanager
def simulated(cpu: int) -> Iterator[str]:
    """Return the URI of a simulated daemon in this process."""
    with tempfile.TemporaryDirectory() as directory:
        daemon = Daemon(_Hypervisor(), os.path.join(directory, 'libvirt-sock'))
        daemon.start()
        try:
            pin(cpu)
            yield daemon.uri
        finally:
            daemon.stop()


def _serve(cpu: int, uri: multiprocessing.SimpleQueue[str],
           ended: multiprocessing.SimpleQueue[None]) -> None:
    with simulated(cpu) as address:
        uri.put(address)
        ended.get()


@contextlib.contextmanager
def simulated_elsewhere(cpu: int) -> Iterator[str]:
    """Return the URI of a simulated daemon in its own process."""
    context = multiprocessing.get_context('spawn')
    uri, ended = context.SimpleQueue(), context.SimpleQueue()
    process = context.Process(target=_serve, args=(cpu, uri, ended))
    process.start()
    try:
        yield uri.get()
    finally:
        ended.put(None)
        process.join()


@contextlib.contextmanager
def real(cpu: int) -> Iterator[str]:
    """Return the URI of a real libvirtd's test driver."""
    with libvirtd.RealLibvirtd() as daemon:
        libvirt.open(daemon.uri).close()    # starts its threads
        pin(cpu, daemon.pid)
        yield daemon.uri


@contextlib.contextmanager
def busy_thread(cpu: int) -> Iterator[None]:
    """Run a thread that computes all the time, beside the event loop."""
    ended = threading.Event()

    def compute() -> None:
        while not ended.is_set():
            sum(range(1000))

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        pin(cpu)
        yield
    finally:
        ended.set()
        thread.join()


def caller(uri: str, calls: int, stack: contextlib.ExitStack) -> Round:
    """Return a function that runs a round of calls and returns microseconds per call."""
    connection = libvirt.open(uri)
    stack.callback(connection.close)
    get_hostname = connection.getHostname
    get_hostname()

    def measure() -> float:
        begun = time.perf_counter()
        for _ in range(calls):
            get_hostname()
        return (time.perf_counter() - begun) / calls * 1e6

    return measure


def many_clients(uri: str, clients: int, calls: int) -> float:
    """Return the microseconds per call with this many concurrent clients."""
    connections = [libvirt.open(uri) for _ in range(clients)]
    threads = [threading.Thread(target=lambda c=c: [c.getHostname() for _ in range(calls)])
               for c in connections]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - begun
    for connection in connections:
        connection.close()
    return taken / (clients * calls) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--calls', type=int, default=2000, help='calls per round')
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--clients', type=int, default=200, help='concurrent clients')
    options = parser.parse_args()
    missing = libvirtd.missing()
    if missing:
        sys.exit(f'skipped: {missing}, and without it there is nothing to compare with')
    cpu = max(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        uris = {'real libvirtd, test driver': stack.enter_context(real(cpu)),
                'simulated, a process of its own': stack.enter_context(simulated_elsewhere(cpu)),
                'simulated, in this process': stack.enter_context(simulated(cpu))}
        rounds = {name: caller(uri, options.calls, stack) for name, uri in uris.items()}
        pin(cpu)
        taken: dict[str, list[float]] = {name: [] for name in rounds}
        for _ in range(options.rounds):
            for name, measure in rounds.items():
                taken[name].append(measure())
        peer = statistics.median(taken['real libvirtd, test driver'])
        print(f'getHostname, {options.rounds} rounds of {options.calls} calls, one CPU:')
        for name, times in taken.items():
            median = statistics.median(times)
            print(f'  {name:34} {median:8.1f} us  (best {min(times):.1f})  {median / peer:6.2f}')
        print(f'{options.clients} clients at once:')
        crowd = {name: many_clients(uri, options.clients, 20) for name, uri in uris.items()}
        for name, each in crowd.items():
            print(f'  {name:34} {each:8.1f} us  {each / crowd["real libvirtd, test driver"]:6.2f}')
        with busy_thread(cpu):
            print('Beside a busy thread:')
            for name, uri in uris.items():
                measure = caller(uri, 20, stack)
                print(f'  {name:34} {statistics.median(measure() for _ in range(3)):8.1f} us')


if __name__ == '__main__':
    main()
