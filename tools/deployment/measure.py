"""Measures a deployment: memory and idle computes, then boots per minute and what limits them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from tools.deployment import processes, report
from tools.deployment.cloud import PATIENCE, Cloud
from tools.deployment.settings import Settings

#: Requests that are sent at the same time.
_CLIENTS = 8

#: Seconds between two looks at the servers.
_INTERVAL = 0.5


def run(settings: Settings, servers: int, idle: float) -> Iterator[str]:
    """Measure, and yield the lines of the result.

    :param servers: how many servers are booted, without ports: Neutron takes most of the
        processor time otherwise.
    :param idle: for how many seconds the idle cloud is observed.
    :raises processes.DeploymentError: when the servers do not become ACTIVE.
    """
    yield from report.table(settings)
    before = report.usage(settings)
    begun = time.monotonic()
    time.sleep(idle)
    passed = time.monotonic() - begun
    seconds = _spent(before, report.usage(settings))
    count = settings.computes + settings.second
    own = sum(seconds.get(name, 0.0) for name in ('nova-compute', 'privsep-helper'))
    yield (f'idle for {passed:.0f} s: each compute used {100 * own / passed / count:.2f} % of a '
           f'processor, everything {100 * sum(seconds.values()) / passed:.0f} %')
    before = report.usage(settings)
    taken = _boot(Cloud(settings), servers)
    seconds = _spent(before, report.usage(settings))
    yield f'{servers} boots in {taken:.1f} s: {60 * servers / taken:.0f} per minute'
    for name in sorted(seconds, key=lambda name: -seconds[name])[:5]:
        yield f'  {name:18} {100 * seconds[name] / taken:5.0f} % of a processor'


def _spent(before: Mapping[str, report.Usage], after: Mapping[str, report.Usage],
           ) -> dict[str, float]:
    """Return the processor time in seconds between two looks, by kind of process."""
    return {name: one.seconds - before.get(name, report.Usage()).seconds
            for name, one in after.items()}


def _boot(cloud: Cloud, servers: int) -> float:
    """Boot servers, delete them, and return the seconds until all were ACTIVE."""
    names = [f'measured-{number}' for number in range(servers)]
    begun = time.monotonic()
    cloud.request_boots(names, _CLIENTS)
    states: dict[str, str] = {}

    def booted() -> bool:
        states.update(cloud.states('measured-'))
        wrong = [name for name, status in states.items() if status == 'ERROR']
        if wrong:
            raise processes.DeploymentError(f'{len(wrong)} servers are in ERROR: {wrong[0]}')
        return all(states.get(name) == 'ACTIVE' for name in names)

    processes.wait('the servers become ACTIVE', booted, PATIENCE, interval=_INTERVAL)
    taken = time.monotonic() - begun
    cloud.delete_all('measured-')
    processes.wait('the servers are deleted', lambda: not cloud.states('measured-'), PATIENCE,
                   interval=_INTERVAL)
    return taken
