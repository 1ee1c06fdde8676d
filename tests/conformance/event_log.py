"""Log of a daemon's domain events, written by a client in a process of its own.

libvirt's event loop belongs to a process, so the client cannot share the one of the tests.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import fixtures
import libvirt

#: Defined and undefined to mark a position in the log.
_MARKER: Final = '<domain type="{kind}"><name>marker</name><memory>1024</memory>' \
    '<os><type arch="x86_64">hvm</type></os></domain>'
#: MIGRATION_ITERATION is missing: the number of iterations depends on the time that they take.
_EVENTS: Final = (
    'LIFECYCLE', 'REBOOT', 'BLOCK_JOB_2', 'TUNABLE', 'AGENT_LIFECYCLE', 'DEVICE_ADDED',
    'DEVICE_REMOVED', 'DISK_CHANGE', 'TRAY_CHANGE', 'JOB_COMPLETED', 'METADATA_CHANGE',
    'BLOCK_THRESHOLD')


class EventLog(fixtures.Fixture):
    """A client that logs every domain event of a daemon."""

    def __init__(self, uri: str, kind: str = 'qemu') -> None:
        super().__init__()
        self._uri, self._kind = uri, kind

    def _setUp(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'tests.conformance.event_log', self._uri],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self._process.wait)
        self.addCleanup(self._process.kill)
        assert self._process.stdout is not None
        self._lines = self._process.stdout
        self.addCleanup(self._lines.close)
        self._lines.readline()

    def read(self, connection: libvirt.virConnect) -> list[str]:
        """Return the events since the last call, without those of the marker."""
        connection.defineXML(_MARKER.format(kind=self._kind)).undefine()
        seen: list[str] = []
        for line in iter(self._lines.readline, ''):
            if line == 'LIFECYCLE marker 1 0\n':
                return seen
            if ' marker ' not in line:
                seen.append(line.rstrip('\n'))
        raise RuntimeError('the client that logs events has ended')


def _plain(value: object) -> str:
    """Return an event's field; of statistics, only the operation and the names."""
    if not isinstance(value, dict):
        return str(value)
    return (f"operation={value.get('operation')} success={value.get('success')} "
            + ','.join(sorted(value)))


def _log(uri: str) -> None:
    libvirt.virEventRegisterDefaultImpl()
    connection = libvirt.open(uri)
    for name in _EVENTS:
        def log(connection: object, domain: libvirt.virDomain, *fields: object,
                name: str = name) -> None:
            print(name, domain.name(), *map(_plain, fields[:-1]), flush=True)
        connection.domainEventRegisterAny(
            None, getattr(libvirt, f'VIR_DOMAIN_EVENT_ID_{name}'), log, None)
    print('ready', flush=True)
    while True:
        libvirt.virEventRunDefaultImpl()


if __name__ == '__main__':
    _log(sys.argv[1])
