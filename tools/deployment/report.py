"""Memory and processor time of a deployment's processes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.deployment import processes
from tools.deployment.settings import Settings

#: What a command line belongs to, in the order of the rows.
_KINDS = (
    ('nova-compute', r'bin/nova-compute'),
    ('privsep-helper', r'privsep-helper'),
    ('parent of computes', r'forked_computes'),
    ('simulated hosts', r'vpmem.harness'),
    ('nova-scheduler', r'nova-scheduler'),
    ('nova-conductor', r'nova-conductor'),
    ('keystone', r'uwsgi.* keystone|keystone\.wsgi'),
    ('placement', r'uwsgi.* placement|placement\.wsgi'),
    ('glance', r'uwsgi.* glance|glance\.wsgi'),
    ('neutron', r'uwsgi.* neutron|neutron\.wsgi'),
    ('nova-api', r'uwsgi.* nova|nova\.wsgi'),
    ('MariaDB', r'mysqld|mariadbd|run mysql'),
    ('RabbitMQ', r'beam|epmd|erl_child|inet_gethost|rabbitmq'),
)


def kind(line: str) -> str:
    """Return what a process belongs to, by its command line."""
    return next((name for name, pattern in _KINDS if re.search(pattern, line)), 'other')


@dataclass
class Usage:
    """What the processes of one kind use: memory in bytes (PSS), processor time in seconds."""

    processes: int = 0
    memory: int = 0
    seconds: float = 0.0


def usage(settings: Settings) -> dict[str, Usage]:
    """Return what the processes of each kind use, in the order of the rows."""
    found: dict[str, Usage] = {name: Usage() for name in [*(name for name, _ in _KINDS), 'other']}
    for number, line in processes.find(settings.directory).items():
        with contextlib.suppress(OSError):
            memory, seconds = processes.memory(number), cpu_seconds(number)
            one = found[kind(line)]
            one.memory += memory
            one.seconds += seconds
            one.processes += 1
    return {name: one for name, one in found.items() if one.processes}


def table(settings: Settings) -> Iterator[str]:
    """Yield the rows: processes, memory and processor time since the start."""
    used = usage(settings)
    total = Usage(sum(one.processes for one in used.values()),
                  sum(one.memory for one in used.values()),
                  sum(one.seconds for one in used.values()))
    yield f'{"":18} processes      MiB (PSS)  CPU seconds'
    for name, one in (*used.items(), ('all', total)):
        yield f'{name:18} {one.processes:9}  {one.memory >> 20:13}  {one.seconds:11.1f}'


def cpu_seconds(number: int) -> float:
    """Return the processor time of a process."""
    fields = Path(f'/proc/{number}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
