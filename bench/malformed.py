"""Measures what clients notice when others send malformed frames, stall or die.

    python -m bench.malformed [--frames N] [--sessions N] [--seed N]

A host in its own process serves a working client in another process. The client uses
libvirt-python: it asks for the host's name and for a domain's XML, and from time to time it
defines, starts, destroys and undefines a domain. The benchmark records its latencies and errors

1. alone,
2. while other clients send malformed frames of every kind and end in every way,
3. while other sessions connect, send nothing or half a message, and stay,
4. alone again.

The ratios refer to the latencies of the first phase. The benchmark checks the memory and the
descriptors of the host after each tenth of the frames and after each round of sessions. It fails
if

* the working client gets an error,
* the daemon logs an error because it cannot answer something,
* memory grows by more than the slack of the allocator in the second half of a phase, or
* descriptors are left.

The full run uses --frames 1000000 --sessions 10000.
"""

from __future__ import annotations

import argparse
import collections
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import libvirt

from tests.functional.libvirtd.noise import Noise
from tests.functional.libvirtd.noisy_clients import PATIENCE, noisy_session, silent_session
from vpmem_harness.fixtures import HostFixture
from vpmem_harness.randomness import Randomness

#: KiB by which resident memory may grow in the second half of the frames, or of the sessions.
SLACK = 8192
#: Rounds of sessions; a daemon accepts 5,000 clients at a time.
ROUNDS = 6
#: Seconds that the client works alone, before and after.
ALONE = 3.0

DOMAIN = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64'>hvm</type></os></domain>"""


# The host, in its own process

class _Failures(logging.FileHandler):
    """Log handler that formats and redacts records, discards them, and counts failures."""

    def __init__(self) -> None:
        super().__init__(os.devnull)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if record.levelno >= logging.ERROR:
            self.count += 1
            sys.stderr.write(f'{self.format(record)}\n')


def serve(control: Connection) -> None:
    """Run one host, and report what its process holds on request."""
    failures = _Failures()
    logging.getLogger().addHandler(failures)
    with HostFixture(pmem='A:2x1GiB') as host:
        control.send((host.uri, str(host.host.socket_path)))
        while control.recv() == 'held':
            control.send({**held(), 'failures in the log': failures.count})


def held() -> dict[str, int]:
    """Return what this process holds."""
    status = Path('/proc/self/status').read_text()
    resident = next(line for line in status.splitlines() if line.startswith('VmRSS'))
    return {'descriptors': len(os.listdir('/proc/self/fd')),
            'KiB of memory': int(resident.split()[1])}


# The working client, in another process

def work(uri: str, control: Connection) -> None:
    """Work until told to stop, and report latencies and errors on request."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    connection = libvirt.open(uri)
    kept = connection.defineXML(DOMAIN.format(name='kept'))
    kept.create()
    took: list[float] = []
    errors: list[str] = []
    number = 0
    while True:
        if control.poll():
            if control.recv() == 'end':
                break
            control.send((took, errors))
            took, errors = [], []
        number += 1
        begin = time.perf_counter()
        try:
            connection.getHostname()
            if not kept.isActive() or 'kept' not in kept.XMLDesc():
                errors.append('the domain is another')
            took.append((time.perf_counter() - begin) / 3)
            if number % 50 == 0:
                domain = connection.defineXML(DOMAIN.format(name='fleeting'))
                domain.create()
                domain.destroy()
                domain.undefine()
        except libvirt.libvirtError as error:
            errors.append(str(error))
        time.sleep(0.001)   # a client that has other things to do as well
    connection.close()


class Scene:
    """The host, the working client, and their reports."""

    def __init__(self, host: Connection, worker: Connection) -> None:
        self._host = host
        self._worker = worker
        self.alone: list[float] = []
        self.errors: list[str] = []

    def held(self) -> dict[str, int]:
        """Return what the host's process holds."""
        self._host.send('held')
        return dict(self._host.recv())

    def latencies(self, during: str) -> None:
        """Print the latencies and errors of the working client since the last call."""
        self._worker.send('latencies')
        took, errors = self._worker.recv()
        self.errors += errors
        self.alone = self.alone or took
        shown = []
        for name, of in (('median', 50), ('99 %', 99), ('99.9 %', 99.9)):
            now, then = percentile(took, of), percentile(self.alone, of)
            shown.append(f'{name} {now * 1e6:.0f} us ({now / then:.2f})')
        shown.append(f'longest {max(took) * 1e3:.1f} ms')
        print(f'{during:>24}: {", ".join(shown)}; {3 * len(took)} calls, {len(errors)} errors')


def percentile(values: list[float], of: float) -> float:
    """Return the value that this percentage does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * of / 100))]


def make_noise(path: str, randomness: Randomness, frames: int,
               look: Callable[[str], None]) -> None:
    """Send malformed frames, and call ``look`` after each tenth of them."""
    noise = Noise(randomness.derive('frames'))
    kinds: collections.Counter[str] = collections.Counter()
    sent = clients = 0
    begin = time.perf_counter()
    for tenth in range(1, 11):
        while sent < frames * tenth // 10:
            sent += noisy_session(path, noise, randomness, kinds)
            clients += 1
        look(f'after {sent} frames')
    took = time.perf_counter() - begin
    print(f'{sent} malformed frames and {sum(kinds.values()) - sent} of nonsense from {clients} '
          f'clients in {took:.0f} s')
    print('   ', ', '.join(f'{kind} {count}' for kind, count in kinds.most_common()))


def stall(path: str, randomness: Randomness, sessions: int, look: Callable[[str], None]) -> None:
    """Open sessions that stall or die, in rounds that each end at once."""
    kinds: collections.Counter[str] = collections.Counter()
    most = 0
    begin = time.perf_counter()
    for number in range(ROUNDS):
        staying = []
        for _ in range(sessions // ROUNDS):
            sock = silent_session(path, randomness, kinds)
            if sock is not None:
                staying.append(sock)
        most = max(most, len(staying))
        time.sleep(1.0)
        for sock in staying:
            sock.close()
        look(f'after round {number + 1} of sessions')
    took = time.perf_counter() - begin
    print(f'{sum(kinds.values())} sessions that stall or die in {took:.0f} s, up to {most} at a '
          'time')
    print('   ', ', '.join(f'{kind} {count}' for kind, count in kinds.most_common()))


def main() -> int:
    """Print latencies and what the host holds, before and after."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--frames', type=int, default=20_000)
    parser.add_argument('--sessions', type=int, default=500)
    parser.add_argument('--seed', type=int)
    arguments = parser.parse_args()
    randomness = Randomness(arguments.seed)
    print(f'seed {randomness.seed}')
    context = multiprocessing.get_context('spawn')
    host, hosts_end = context.Pipe()
    worker, workers_end = context.Pipe()
    server = context.Process(target=serve, args=(hosts_end,), daemon=True)
    server.start()
    uri, path = host.recv()
    working = context.Process(target=work, args=(uri, workers_end), daemon=True)
    working.start()
    scene = Scene(host, worker)
    time.sleep(0.5)
    worker.send('latencies')    # discards the first calls, which are slower
    worker.recv()
    time.sleep(ALONE)
    scene.latencies('alone')
    looks = [('at the beginning', scene.held())]

    def look(when: str) -> None:
        deadline = time.monotonic() + PATIENCE
        now = scene.held()
        # The daemon closes its side of what was closed here.
        while (now['descriptors'] > looks[0][1]['descriptors']
               and time.monotonic() < deadline):
            time.sleep(0.1)
            now = scene.held()
        looks.append((when, now))

    make_noise(path, randomness.derive('noise'), arguments.frames, look)
    scene.latencies('with malformed frames')
    stall(path, randomness.derive('silence'), arguments.sessions, look)
    scene.latencies('with stalled sessions')
    time.sleep(ALONE)
    scene.latencies('alone again')
    for when, things in looks:
        print(f'{when:>30}:', ', '.join(f'{things[name]} {name}' for name in things))
    worker.send('end')
    working.join()
    host.send('end')
    server.join()
    return verdict(scene, [things for _, things in looks])


def verdict(scene: Scene, looks: list[dict[str, int]]) -> int:
    """Return the exit status: whether the client or the host was affected."""
    sessions = looks[-1]
    wrong = [f'errors: {error}' for error in sorted(set(scene.errors))]
    for before, after in ((looks[5], looks[10]), (looks[10 + ROUNDS // 2], sessions)):
        if after['KiB of memory'] > before['KiB of memory'] + SLACK:
            wrong.append(f'memory has grown: {before} -> {after}')
    if sessions['failures in the log']:
        wrong.append(f'{sessions["failures in the log"]} failures in the log of the daemon')
    if sessions['descriptors'] > looks[0]['descriptors']:
        wrong.append(f'descriptors are left: {looks[0]} -> {sessions}')
    for text in wrong:
        print(text, file=sys.stderr)
    return bool(wrong)


if __name__ == '__main__':
    sys.exit(main())
