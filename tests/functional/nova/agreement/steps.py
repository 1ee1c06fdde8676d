"""The steps of a sequence, as one line of a script each: ``resize server=0 labels=LARGE``."""

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

#: What is asked of a server whose compute service is down. Anything else would wait for it.
FITS_DOWN = ('evacuate', 'evacuate', 'evacuate', 'delete', 'live-migrate', 'resize', 'migrate')

#: What is asked of a server whose move is not confirmed and whose source is down, and of one whose
#: destination is.
FITS_SOURCE_DOWN = ('confirm',)
FITS_DESTINATION_DOWN = ('confirm', 'delete')

#: What is done to a host's compute service.
SERVICE = ('audit', 'restart-service', 'stop-service')


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
