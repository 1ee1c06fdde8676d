"""What a daemon's other clients notice of malformed frames, and of sessions that stall or die.

    python -m bench.malformed [--frames N] [--sessions N] [--seed N]

A host in a process of its own serves a client that works, in another one: libvirt-python, which
asks for the host's name and for a domain's XML, and now and then defines, starts, destroys and
undefines a domain. Its latencies and errors are taken first alone; then while malformed frames of
every kind come, from clients that read their answers or not and that end in every way; then while
sessions connect and say nothing, or half of something, and stay; then alone again. The ratio is to
the latencies at the beginning. The host's memory and descriptors are looked at after each tenth of
the frames and each round of sessions.

It fails when the client that works meets an error, when the daemon fails to answer something (its
log has an error then), when memory grows by more than the allocator's slack in the second half of
either, or when descriptors are left. The full run: --frames 1000000 --sessions 10000.
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
#: The sessions come in so many rounds; a daemon takes 5,000 clients at a time.
ROUNDS = 6
#: Seconds that the client works alone, before and after.
ALONE = 3.0

DOMAIN = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64'>hvm</type></os></domain>"""


# The host, in a process of its own

class _Failures(logging.FileHandler):
    """Writes the log to nowhere, formatted and redacted, and counts what it says of failures."""

    def __init__(self) -> None:
        super().__init__(os.devnull)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if record.levelno >= logging.ERROR:
            self.count += 1
            sys.stderr.write(f'{self.format(record)}\n')


def serve(control: Connection) -> None:
    """One host; answers with what its process holds whenever it is asked."""
    failures = _Failures()
    logging.getLogger().addHandler(failures)
    with HostFixture(pmem='A:2x1GiB') as host:
        control.send((host.uri, str(host.host.socket_path)))
        while control.recv() == 'held':
            control.send({**held(), 'failures in the log': failures.count})


def held() -> dict[str, int]:
    """What this process holds."""
    status = Path('/proc/self/status').read_text()
    resident = next(line for line in status.splitlines() if line.startswith('VmRSS'))
    return {'descriptors': len(os.listdir('/proc/self/fd')),
            'KiB of memory': int(resident.split()[1])}


# The client that works, in another

def work(uri: str, control: Connection) -> None:
    """Works until it is told to end; between two tellings it notes latencies and errors."""
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
    """The host, the client that works, and what they say of themselves."""

    def __init__(self, host: Connection, worker: Connection) -> None:
        self._host = host
        self._worker = worker
        self.alone: list[float] = []
        self.errors: list[str] = []

    def held(self) -> dict[str, int]:
        """What the host's process holds."""
        self._host.send('held')
        return dict(self._host.recv())

    def latencies(self, during: str) -> None:
        """Prints what the client that works has met since the last time."""
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
    """The value that so many percent do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * of / 100))]


def make_noise(path: str, randomness: Randomness, frames: int,
               look: Callable[[str], None]) -> None:
    """Sends so many malformed frames; has somebody look after each tenth of them."""
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
    """Has so many sessions come, and fall silent or die; in rounds, each of which goes at once."""
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
    """Prints latencies and what is held, before and after."""
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
    worker.send('latencies')    # of its first calls, which are slower
    worker.recv()
    time.sleep(ALONE)
    scene.latencies('alone')
    looks = [('at the beginning', scene.held())]

    def look(when: str) -> None:
        deadline = time.monotonic() + PATIENCE
        now = scene.held()
        # What has been closed here the daemon closes in its turn.
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
    """Whether somebody has noticed anything."""
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
