"""Memory and processor time of a deployment's processes."""

from __future__ import annotations

import contextlib
import os
import re
from collections import defaultdict
from collections.abc import Iterator
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


def table(settings: Settings) -> Iterator[str]:
    """Yield the rows: processes, memory and processor time since the start."""
    counts: dict[str, int] = defaultdict(int)
    sizes: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for number, line in processes.find(settings.directory).items():
        with contextlib.suppress(OSError):
            name = kind(line)
            sizes[name] += processes.memory(number)
            seconds[name] += cpu_seconds(number)
            counts[name] += 1
    yield f'{"":18} processes      MiB (PSS)  CPU seconds'
    for name in [*(name for name, _pattern in _KINDS), 'other']:
        if counts[name]:
            yield f'{name:18} {counts[name]:9}  {sizes[name] >> 20:13}  {seconds[name]:11.1f}'
    yield (f'{"all":18} {sum(counts.values()):9}  {sum(sizes.values()) >> 20:13}  '
           f'{sum(seconds.values()):11.1f}')


def cpu_seconds(number: int) -> float:
    """Return the processor time of a process."""
    fields = Path(f'/proc/{number}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
