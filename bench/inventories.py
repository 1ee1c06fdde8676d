"""Measures inventories per second, compared with reading them from a recording.

    python -m bench.inventories [--hosts N] [--namespaces N] [--rounds N]

The peer does what a mock does: ``json.loads`` of the output of ``ndctl list -X`` on the same
hosts. This gives a listing, but no host. If ndctl is installed, a second peer runs the real
``ndctl list -X`` on this machine once per host. The result is the least processor time of the
rounds, which alternate.
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
    """Draw descriptions of random inventories."""
    for seed in range(count):
        random_inventory(Randomness(seed), profile)


def build(count: int, profile: Profile) -> list[PersistentMemory]:
    """Draw random inventories and build them."""
    return [random_inventory(Randomness(seed), profile).build(Randomness(seed))
            for seed in range(count)]


def fleet(count: int, namespaces: int) -> list[PersistentMemory]:
    """Build hosts with ready namespaces, and keep all of them."""
    inventory = of_labels(f'SMALL:{namespaces}x4GiB')
    return [inventory.build(Randomness(seed), first_region=2 * seed) for seed in range(count)]


def listings(memories: list[PersistentMemory]) -> list[str]:
    """Return the output of ``ndctl list -X`` on each."""
    return [memory.run(['ndctl', 'list', '-X']).stdout for memory in memories]


def read(texts: list[str]) -> None:
    """Read the listings, as the peer does."""
    for text in texts:
        json.loads(text or '[]')


def real_ndctl() -> None:
    """Run the real tool on this machine, as the second peer."""
    subprocess.run(['ndctl', 'list', '-X'], check=False, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return the seconds of ``work``, without the time to release its result."""
    begin = clock()
    made = work()
    taken = clock() - begin
    del made
    return taken


def main() -> int:
    """Print hosts per second and the ratio to the peer for each kind of inventory."""
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
