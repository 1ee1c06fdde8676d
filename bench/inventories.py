"""How many inventories a second are drawn and built, against reading them from a recording.

    python -m bench.inventories [--hosts N] [--namespaces N] [--rounds N]

The peer is what a mock does: ``json.loads`` of what ``ndctl list -X`` printed on the same hosts,
which gives a listing and no host. Where ndctl is installed, a second one is the real
``ndctl list -X`` on this machine, once for each host. The figure is the best of the rounds, in
processor time, and the rounds of all alternate.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable

from vpmem_harness.pmem import PersistentMemory
from vpmem_harness.pmem.inventory.generator import random_inventory
from vpmem_harness.pmem.inventory.inventory import of_labels
from vpmem_harness.pmem.inventory.profiles import PROFILES, Profile
from vpmem_harness.randomness import Randomness


def draw(count: int, profile: Profile) -> None:
    """Random inventories, described and not built."""
    for seed in range(count):
        random_inventory(Randomness(seed), profile)


def build(count: int, profile: Profile) -> list[PersistentMemory]:
    """Random inventories, built."""
    return [random_inventory(Randomness(seed), profile).build(Randomness(seed))
            for seed in range(count)]


def fleet(count: int, namespaces: int) -> list[PersistentMemory]:
    """Hosts with ready namespaces, all of them there at once."""
    inventory = of_labels(f'SMALL:{namespaces}x4GiB')
    return [inventory.build(Randomness(seed), first_region=2 * seed) for seed in range(count)]


def listings(memories: list[PersistentMemory]) -> list[str]:
    """What ``ndctl list -X`` prints on each."""
    return [memory.run(['ndctl', 'list', '-X']).stdout for memory in memories]


def read(texts: list[str]) -> None:
    """The peer: listings read, and no host."""
    for text in texts:
        json.loads(text or '[]')


def real_ndctl() -> None:
    """The other peer: the real tool, on this machine."""
    subprocess.run(['ndctl', 'list', '-X'], check=False, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """How long ``work`` takes; what it makes is dropped outside the time."""
    begin = clock()
    made = work()
    taken = clock() - begin
    del made
    return taken


def main() -> int:
    """Prints a line for each kind of inventory: hosts a second, and the ratio to the peer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--hosts', type=int, default=1000)
    parser.add_argument('--namespaces', type=int, default=8)
    parser.add_argument('--rounds', type=int, default=3)
    arguments = parser.parse_args()
    count = arguments.hosts
    plain = listings(fleet(count, arguments.namespaces))
    kinds: dict[str, tuple[Callable[[], object], list[str]]] = {
        f'{count} hosts x {arguments.namespaces} namespaces, built':
            (lambda: fleet(count, arguments.namespaces), plain)}
    for profile in PROFILES.values():
        recorded = listings(build(count, profile))
        kinds[f'{profile.name}, drawn'] = (lambda profile=profile: draw(count, profile), recorded)
        kinds[f'{profile.name}, drawn and built'] = (
            lambda profile=profile: build(count, profile), recorded)
    best: dict[str, list[float]] = {kind: [float('inf')] * 2 for kind in kinds}
    tool = float('inf')
    for _ in range(arguments.rounds):
        for kind, (work, recorded) in kinds.items():
            best[kind][0] = min(best[kind][0], seconds(work))
            best[kind][1] = min(best[kind][1], seconds(lambda recorded=recorded: read(recorded)))
        if shutil.which('ndctl'):
            tool = min(tool, seconds(real_ndctl, time.perf_counter))
    for kind, (ours, peer) in best.items():
        line = (f'{kind}: {count / ours:,.0f} hosts a second, '
                f'{ours / peer:.1f} times as long as json.loads of their listings')
        if tool < float('inf'):
            line += f', {tool * count / ours:.1f} in the time of one real ndctl list'
        print(line)
    return 0


if __name__ == '__main__':
    sys.exit(main())
