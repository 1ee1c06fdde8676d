"""Measures a log call with redaction, compared with the same call without.

    python -m bench.log_call [--calls N] [--rounds N]

The rounds alternate, so that other work on the machine affects both. A suppressed call has a level
below that of the logger; redaction must not slow it down.
"""

from __future__ import annotations

import argparse
import io
import logging
import statistics
import time
from collections.abc import Callable

from vpmem_harness import safelog
from vpmem_harness.randomness import Randomness

LOG = logging.getLogger('bench.log_call')


def calls(randomness: Randomness) -> dict[str, Callable[[], None]]:
    """Return the calls to measure, by their description."""
    uuid, project = randomness.uuid(), randomness.uuid().replace('-', '')
    xml = ('<domain type="kvm"><name>instance-1</name><uuid>' + uuid + '</uuid>'
           + '<memory unit="KiB">4194304</memory>' * 40 + '</domain>')
    return {
        'suppressed': lambda: LOG.debug('attach %s', uuid),
        'nothing to hide': lambda: LOG.info('%s of %s is free', 'namespace0.1', 'region0'),
        'a UUID': lambda: LOG.info('server %s goes from %s to %s', uuid, 'building', 'active'),
        'a context and a secret': lambda: LOG.info(
            '[None req-%s %s %s - - default default] body %s', uuid, project, project,
            {'adminPass': 'geheim', 'host': 'node7', 'address': '192.0.2.7'}),
        '1.9 kB of XML': lambda: LOG.info('%s', xml),
    }


def measure(call: Callable[[], None], count: int) -> float:
    """Return the microseconds of one call."""
    begun = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - begun) / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--calls', type=int, default=2000)
    parser.add_argument('--rounds', type=int, default=9)
    options = parser.parse_args()
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(logging.Formatter('%(asctime)s %(levelname)s %(name)s %(message)s'))
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    print(f'a log call, the median of {options.rounds} rounds of {options.calls} calls:')
    for name, call in calls(Randomness()).items():
        plain, safe = [], []
        for _ in range(options.rounds):
            plain.append(measure(call, options.calls))
            with safelog.activated(unsafe=False):
                safe.append(measure(call, options.calls))
            handler.setStream(io.StringIO())
        without, with_it = statistics.median(plain), statistics.median(safe)
        print(f'  {name:24} plain {without:7.1f} us  redacted {with_it:7.1f} us  '
              f'ratio {with_it / without:5.2f}')


if __name__ == '__main__':
    main()
