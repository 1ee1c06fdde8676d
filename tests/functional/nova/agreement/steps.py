"""The steps of a sequence, as one line of a script each: ``resize server=0 labels=LARGE``.

A step may be taken under a fault: ``boot labels=SMALL host=0 fault=domainCreateWithFlags:fail@0``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vpmem_harness.chaos import steps

#: What a cloud has, and how its services are configured.
PMEM = 'SMALL:3x4GiB,LARGE:2x6GiB'
HOSTS = 2

#: The labels of servers, the simplest first; a host has not the room for two of the last two.
LABELS = ('SMALL', 'LARGE', 'SMALL,SMALL', 'LARGE,SMALL', '', 'SMALL,LARGE,SMALL', 'LARGE,LARGE')

#: What is asked of a server at rest, by its status; what is there more often is asked more often.
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

#: GiB that the disk of a server's new flavor has: mostly as many as that of every server at boot.
DISKS = (1, 1, 1, 2, 3)

#: What is asked of a server whose compute service is down, in any state that it has then.
FITS_DOWN = ('evacuate', 'evacuate', 'evacuate', 'delete', 'live-migrate', 'resize', 'migrate')

#: What is asked of it besides, and waits for the service, by its status. Left out is a rebuild,
#: since Nova frees what the server holds (``queued-rebuild``), and a pause: when it starts, Nova
#: gives it up, and then pauses the guest of a server that it shows as active.
WAITS: Mapping[str, tuple[str, ...]] = {
    'ACTIVE': ('stop', 'reboot', 'hard-reboot', 'suspend', 'rescue', 'shelve'),
    'SHUTOFF': ('start', 'hard-reboot', 'rescue', 'shelve'),
    'PAUSED': ('unpause', 'hard-reboot', 'shelve'),
    'SUSPENDED': ('resume', 'hard-reboot', 'shelve'),
    'RESCUE': ('unrescue',),
    'SHELVED': ('shelve-offload', 'unshelve'),
}

#: What is asked of a server for which something waits, by its task; of others, to be deleted. What
#: is not here is not evacuated, since the lost host would do it when it returns: ``queued-start``,
#: ``queued-stop``. One whose move is being reverted is not deleted: Nova does not end the move.
FITS_WAITING: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(('rebooting', 'rebooting_hard', 'shelving'),
                    ('evacuate', 'evacuate', 'evacuate', 'delete')),
    'resize_reverting': (),
}

#: What is asked of a server whose move is not confirmed and whose source is down, and of one whose
#: destination is. To revert without the source is left out: until that is back, the record of
#: Nova's server names the namespaces that it has left.
FITS_SOURCE_DOWN = ('confirm', 'delete')
FITS_DESTINATION_DOWN = ('confirm', 'delete', 'revert')

#: What is not asked of a server whose latest cold move has failed: Nova does it with what the move
#: has left of itself (``rebuild-after-refused-resize``).
NOT_AFTER_FAILED_MOVE = ('rebuild', 'live-migrate')

#: What is done to a host's compute service.
SERVICE = ('audit', 'restart-service', 'stop-service')


#: What goes wrong in a step, on the server's host or, where it says so, on the other one: where
#: the server is to go or, once it has moved, where it was. ``faults.py`` tells how it is named.
#:
#: Left out is what cannot come to the same on both sides, as Nova does there what it should not
#: (see the findings), and nothing makes it good:
#:
#: * daxio in a start and a hard reboot (``start-wipes``), which on the stub do not wipe, and in a
#:   confirmation (``confirm-keeps-data``), which on Nova does not;
#: * a guest that does not start when it is resumed (``failed-resume-wipes``), for the state that
#:   was saved of it;
#: * a rebuild that fails (``failed-rebuild``), for what Placement has forgotten, and a revert that
#:   fails on the destination (``failed-revert``), for what Placement keeps;
#: * a resize whose guest does not start on the destination (``failed-resize``), for its server
#:   has the old flavor there with namespaces of the new one, which its guest does not get;
#: * a live migration that libvirt refuses (``refused-live-migration``), for its state, and one
#:   whose source is not wiped, for what the migration keeps of it (as ``lost-live-migration``).
#:
#: A guest that has shut down and then cannot be ended is left out as well, in a stop, a rescue, a
#: move and a shelving: nova-compute hears of its end fifteen seconds later, whatever is asked then.
#: Procedures that only read are left out, too: each side reads when it likes. So are connections
#: that are cut: nova-compute disables its service then and enables it again, in two threads, either
#: of which may be the last.
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
    'confirm': ('other domainUndefineFlags:fail',),
    'revert': ('domainUndefineFlags:fail', 'other domainDefineXML:fail',
               'other domainCreateWithFlags:fail'),
}


class Step(steps.Step):
    """One step, as chaos has them; a server has the number of its boot."""

    VERBS = ('boot', *ACTIONS, *SERVICE, 'start-service')


@dataclass(frozen=True)
class Configuration:
    """How the services of both clouds are configured, by Nova's options of the names."""

    allow_resize_to_same_host: bool = False
    shelved_offload_time: int = 0

    def __str__(self) -> str:
        return (f'configuration same_host={int(self.allow_resize_to_same_host)} '
                f'offload={self.shelved_offload_time}')

    @classmethod
    def parse(cls, line: str) -> Configuration:
        """A configuration from its line."""
        options = dict(word.split('=', 1) for word in line.split()[1:])
        return cls(options['same_host'] == '1', int(options['offload']))


CONFIGURATIONS = (Configuration(), Configuration(True, -1))


@dataclass(frozen=True)
class Script:
    """A configuration and the steps that were taken with it."""

    configuration: Configuration
    steps: Sequence[Step]

    def __str__(self) -> str:
        return '\n'.join(map(str, (self.configuration, *self.steps)))

    @classmethod
    def parse(cls, text: str) -> Script:
        """A sequence from its text."""
        first, *rest = filter(None, map(str.strip, text.splitlines()))
        return cls(Configuration.parse(first), tuple(map(Step.parse, rest)))
