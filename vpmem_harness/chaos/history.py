"""Which states a request explains."""

from __future__ import annotations

from collections.abc import Mapping

GONE = 'gone'

#: What each request leads to when nothing goes wrong. A request that is refused, or that no host
#: has the room for, leaves a server as it is; those are in :data:`MAY_STAY`.
LEADS_TO: Mapping[str, frozenset[str]] = {
    verb: frozenset(statuses.split()) for verb, statuses in {
        'boot': 'ACTIVE ERROR',
        'delete': GONE,
        'stop': 'SHUTOFF', 'start': 'ACTIVE', 'reboot': 'ACTIVE', 'hard-reboot': 'ACTIVE',
        'pause': 'PAUSED', 'unpause': 'ACTIVE', 'suspend': 'SUSPENDED', 'resume': 'ACTIVE',
        'resize': 'VERIFY_RESIZE', 'migrate': 'VERIFY_RESIZE',
        'confirm': 'ACTIVE SHUTOFF', 'revert': 'ACTIVE SHUTOFF',
        'rebuild': 'ACTIVE SHUTOFF', 'rescue': 'RESCUE', 'unrescue': 'ACTIVE',
        'shelve': 'SHELVED_OFFLOADED', 'unshelve': 'ACTIVE',
        'live-migrate': 'ACTIVE PAUSED', 'evacuate': 'SHUTOFF ERROR',
    }.items()}

#: Requests that need room on some host.
MAY_STAY = frozenset(('resize', 'migrate', 'unshelve', 'live-migrate'))

#: The states in which each request makes sense: most of those that are drawn do.
FITS: Mapping[str, tuple[str, ...]] = {
    'ACTIVE': ('delete', 'stop', 'reboot', 'hard-reboot', 'pause', 'suspend', 'resize', 'resize',
               'resize', 'migrate', 'migrate', 'rebuild', 'rescue', 'shelve', 'live-migrate',
               'live-migrate'),
    'SHUTOFF': ('delete', 'start', 'start', 'start', 'resize', 'migrate', 'rebuild', 'shelve'),
    'PAUSED': ('unpause', 'unpause', 'delete', 'live-migrate', 'shelve', 'hard-reboot'),
    'SUSPENDED': ('resume', 'resume', 'delete', 'shelve', 'hard-reboot'),
    'RESCUE': ('unrescue', 'unrescue', 'delete'),
    'VERIFY_RESIZE': ('confirm', 'confirm', 'revert', 'revert', 'delete'),
    'SHELVED_OFFLOADED': ('unshelve', 'unshelve', 'delete'),
    'SHELVED': ('unshelve', 'delete'),
    'ERROR': ('delete', 'delete', 'delete', 'hard-reboot', 'rebuild', 'stop', 'evacuate'),
}


def explained(verb: str, before: str, after: str, refused: bool) -> bool:
    """Whether a request explains what became of a server, when nothing went wrong."""
    if refused or verb in MAY_STAY:
        if after == before:
            return True
        if refused:
            return False
    return after in LEADS_TO[verb]
