"""Steps of a sequence, one line of a script each, such as ``resize server=0 labels=LARGE``.

A step can have a fault: ``boot labels=SMALL host=0 fault=domainCreateWithFlags:fail@0``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vpmem_harness.chaos import steps

#: The contents of a cloud, and the configuration of its services.
PMEM = 'SMALL:3x4GiB,LARGE:2x6GiB'
HOSTS = 2

#: Labels of servers, simplest first; a host has no room for two of either of the last two.
LABELS = ('SMALL', 'LARGE', 'SMALL,SMALL', 'LARGE,SMALL', '', 'SMALL,LARGE,SMALL', 'LARGE,LARGE')

#: Requests to a server at rest, by its status; a request listed twice is twice as frequent.
FITS: Mapping[str, tuple[str, ...]] = {
    'ACTIVE': (
        'delete', 'stop', 'reboot', 'hard-reboot', 'pause', 'suspend', 'rescue', 'rebuild',
        'resize', 'resize', 'resize', 'migrate', 'migrate', 'shelve', 'live-migrate',
        'live-migrate'),
    'SHUTOFF': (
        'start', 'start', 'delete', 'hard-reboot', 'rescue', 'rebuild', 'resize', 'migrate',
        'shelve'),
    'PAUSED': ('unpause', 'unpause', 'delete', 'hard-reboot', 'shelve', 'live-migrate'),
    'SUSPENDED': ('resume', 'resume', 'delete', 'hard-reboot', 'shelve'),
    'RESCUE': ('unrescue', 'unrescue', 'delete'),
    'VERIFY_RESIZE': ('confirm', 'confirm', 'revert', 'revert', 'delete'),
    'SHELVED': ('unshelve', 'unshelve', 'shelve-offload', 'delete'),
    'SHELVED_OFFLOADED': ('unshelve', 'unshelve', 'unshelve', 'delete'),
    'ERROR': ('delete', 'delete', 'hard-reboot', 'rebuild', 'stop', 'rescue'),
}
ACTIONS = (*dict.fromkeys(verb for verbs in FITS.values() for verb in verbs), 'evacuate')

#: GiB of disk in a server's new flavor; most equal the disk of every server at boot.
DISKS = (1, 1, 1, 2, 3)

#: Requests to a server whose compute service is down, in any state possible then.
FITS_DOWN = ('evacuate', 'evacuate', 'evacuate', 'delete', 'live-migrate', 'resize', 'migrate')

#: Further requests, which wait for the service, by the server's status. A rebuild is left out
#: since Nova frees what the server holds (``queued-rebuild``), and a pause, since a starting Nova
#: abandons it and then pauses the guest of a server that it shows as active.
WAITS: Mapping[str, tuple[str, ...]] = {
    'ACTIVE': ('stop', 'reboot', 'hard-reboot', 'suspend', 'rescue', 'shelve'),
    'SHUTOFF': ('start', 'hard-reboot', 'rescue', 'shelve'),
    'PAUSED': ('unpause', 'hard-reboot', 'shelve'),
    'SUSPENDED': ('resume', 'hard-reboot', 'shelve'),
    'RESCUE': ('unrescue',),
    'SHELVED': ('shelve-offload', 'unshelve'),
}

#: Requests to a server with a pending request, by its task; to others, only a delete. Servers
#: in other tasks are not evacuated, since the failed host would run these later: ``queued-start``,
#: ``queued-stop``. A server in a revert is not deleted: Nova does not end the migration.
FITS_WAITING: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(('rebooting', 'rebooting_hard', 'shelving'),
                    ('evacuate', 'evacuate', 'evacuate', 'delete')),
    'resize_reverting': (),
}

#: Requests to a server with an unconfirmed migration whose source is down, or whose destination
#: is. A revert without the source is left out: until the source is back, the record of Nova's
#: server names the old namespaces.
FITS_SOURCE_DOWN = ('confirm', 'delete')
FITS_DESTINATION_DOWN = ('confirm', 'delete', 'revert')

#: Requests excluded after a failed cold migration: Nova runs them with leftovers of that
#: migration (``rebuild-after-refused-resize``).
NOT_AFTER_FAILED_MOVE = ('rebuild', 'live-migrate')

#: Operations on a host's compute service.
SERVICE = ('audit', 'restart-service', 'stop-service')


#: Faults of a step, on the server's host or, where noted, on the other one: the destination or,
#: after the move, the source. See ``faults.py`` for the names.
#:
#: Left out are faults with different results on the two sides, because of a defect of Nova (see
#: the findings) that cannot be repaired:
#:
#: * daxio in a start and a hard reboot (``start-wipes``), where the stub does not wipe, and in a
#:   confirm (``confirm-keeps-data``), where Nova does not;
#: * a guest that does not start on resume (``failed-resume-wipes``), because of its saved state;
#: * a failed rebuild (``failed-rebuild``), because of the allocation that Placement loses, and a
#:   revert that fails on the destination (``failed-revert``), because of the one that it keeps;
#: * a resize whose guest does not start on the destination (``recovered-resize``), because its
#:   server has the old flavor in Nova, and the new one in the stub;
#: * a live migration whose source is not wiped, because of what it keeps (as
#:   ``lost-live-migration``).
#:
#: Also left out is a guest that has shut down and cannot be destroyed, in a stop, rescue, move or
#: shelve: nova-compute notices its end fifteen seconds later, whatever was requested since.
#: Procedures that only read are left out: each side reads at times of its own. So are dropped
#: connections: nova-compute disables and enables its service in two threads, either of which
#: may finish last.
FAULTS: Mapping[str, tuple[str, ...]] = {
    'boot': ('domainDefineXML:fail', 'domainCreateWithFlags:fail'),
    'delete': ('domainDestroy:fail', 'domainUndefineFlags:fail', 'daxio:fail', 'daxio:absent',
               'daxio:fail-after'),
    'stop': ('domainShutdown:fail',),
    'start': ('domainDestroy:fail', 'domainUndefineFlags:fail', 'domainDefineXML:fail',
              'domainCreateWithFlags:fail'),
    'reboot': ('domainShutdown:fail', 'domainDestroy:fail', 'domainCreateWithFlags:fail'),
    'hard-reboot': ('domainDestroy:fail', 'domainUndefineFlags:fail', 'domainDefineXML:fail',
                    'domainCreateWithFlags:fail'),
    'pause': ('domainSuspend:fail',),
    'unpause': ('domainResume:fail',),
    'suspend': ('domainManagedSave:fail',),
    'rescue': ('domainShutdown:fail', 'domainDefineXML:fail', 'domainCreateWithFlags:fail'),
    'unrescue': ('domainDestroy:fail', 'domainDefineXML:fail', 'domainCreateWithFlags:fail'),
    'rebuild': ('domainShutdown:fail', 'domainUndefineFlags:fail'),
    'resize': ('domainShutdown:fail',),
    'migrate': ('domainShutdown:fail', 'other domainDefineXML:fail',
                'other domainCreateWithFlags:fail'),
    'shelve': ('domainShutdown:fail', 'domainUndefineFlags:fail', 'daxio:fail'),
    'shelve-offload': ('domainUndefineFlags:fail', 'daxio:fail'),
    'unshelve': ('domainDefineXML:fail', 'domainCreateWithFlags:fail'),
    'live-migrate': ('domainMigratePerform3Params:fail', 'other domainMigratePrepare3Params:fail',
                     'other domainMigrateFinish3Params:fail', 'migration:refused',
                     'migration:cut-prepare', 'migration:cut-copy', 'migration:cut-finish'),
    'confirm': ('other domainUndefineFlags:fail',),
    'revert': ('domainUndefineFlags:fail', 'other domainDefineXML:fail',
               'other domainCreateWithFlags:fail'),
}


class Step(steps.Step):
    """A step as in chaos; a server has the number of its boot."""

    VERBS = ('boot', *ACTIONS, *SERVICE, 'start-service')


@dataclass(frozen=True)
class Configuration:
    """Configuration of the services of both clouds: Nova's options of these names."""

    allow_resize_to_same_host: bool = False
    shelved_offload_time: int = 0

    def __str__(self) -> str:
        return (f'configuration same_host={int(self.allow_resize_to_same_host)} '
                f'offload={self.shelved_offload_time}')

    @classmethod
    def parse(cls, line: str) -> Configuration:
        """Parse a configuration from its line."""
        options = dict(word.split('=', 1) for word in line.split()[1:])
        return cls(options['same_host'] == '1', int(options['offload']))


CONFIGURATIONS = (Configuration(), Configuration(True, -1))


@dataclass(frozen=True)
class Script:
    """A configuration and the steps taken with it."""

    configuration: Configuration
    steps: Sequence[Step]

    def __str__(self) -> str:
        return '\n'.join(map(str, (self.configuration, *self.steps)))

    @classmethod
    def parse(cls, text: str) -> Script:
        """Parse a sequence from its text."""
        first, *rest = filter(None, map(str.strip, text.splitlines()))
        return cls(Configuration.parse(first), tuple(map(Step.parse, rest)))
