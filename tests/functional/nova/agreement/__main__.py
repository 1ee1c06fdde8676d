"""Run many random sequences on the stub and on real Nova, and report how many agreed.

Several sequences are drawn from one seed. To replay a part that failed, give its seed. Each
disagreement is printed with the shortest sequence that shows it; pass it to ``--replay``.
"""

from __future__ import annotations

import argparse
import collections
import sys
import time
from pathlib import Path

from tests.functional.nova.agreement.machine import LENGTH, Agreement, Pairs, run_part
from tests.functional.nova.agreement.pair import Pair
from tests.functional.nova.agreement.steps import Script

#: Sequences drawn from one seed.
PART = 20


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog='python -m tests.functional.nova.agreement',
                                     description=__doc__)
    parser.add_argument('--sequences', type=int, default=20, help='how many; 20 unless given')
    parser.add_argument('--seed', type=int, default=1, help='of the first part; 1 unless given')
    parser.add_argument('--replay', type=Path, metavar='FILE', help='a sequence, a step a line')
    given = parser.parse_args(arguments)
    if given.replay is not None:
        return _replay(Script.parse(given.replay.read_text()))
    return _run(given.sequences, given.seed)


def _replay(script: Script) -> int:
    pair = Pair(script.configuration, 1)
    try:
        for step in script.steps:
            pair.take(step)
            print(f'{step}: {pair.seen["outcome"]}', flush=True)
        pair.clear()
    finally:
        pair.close()
    print('agreed; explained: ' + (', '.join(pair.explained) or 'nothing'))
    return 0


def _run(wanted: int, first: int) -> int:
    disagreed, part, begun = 0, first, time.monotonic()

    def progress() -> None:
        print(f'{len(Agreement.finished)} different sequences agreed, {disagreed} disagreed, '
              f'{time.monotonic() - begun:.0f} s', flush=True, file=sys.stderr)

    Agreement.pairs = Pairs(first)
    try:
        while len(Agreement.finished) + disagreed < wanted:
            left = wanted - len(Agreement.finished) - disagreed
            # The first sequence drawn from any seed is the simplest possible.
            told = run_part(part, min(PART, left + 1), progress)
            if told:
                disagreed += 1
                print(f'seed {part}: a disagreement\n{told}\n', flush=True)
            part += 1
    finally:
        Agreement.pairs.close()
    for verb in sorted(Agreement.done | Agreement.failed):
        print(f'{verb}: done {Agreement.done[verb]} times, refused or failed '
              f'{Agreement.failed[verb]} times')
    for name, times in collections.Counter(Agreement.explained).most_common():
        print(f'explained {times} times: {name}')
    agreed = len(Agreement.finished)
    print(f'{agreed + disagreed} sequences of {LENGTH} operations (seeds {first} to {part - 1}): '
          f'{agreed} agreed, {disagreed} disagreed')
    return 1 if disagreed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
