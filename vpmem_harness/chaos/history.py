"""Which states of a server the requests and the faults that it has met explain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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

#: What else a request may lead to when something goes wrong on its way: those that turn the guest
#: off first may leave it off.
MAY_FAIL_AS: Mapping[str, frozenset[str]] = {
    'shelve': frozenset(('SHELVED', 'SHUTOFF')),
    **dict.fromkeys(('suspend', 'resize', 'migrate', 'live-migrate', 'rescue', 'reboot',
                     'hard-reboot'),
                    frozenset(('SHUTOFF',))),
}

#: Requests after which a server has the data that it had.
KEEPS_DATA = frozenset((
    'stop', 'start', 'reboot', 'hard-reboot', 'pause', 'unpause', 'suspend', 'resume', 'rescue',
    'unrescue'))

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


class History:
    """What has happened to each server, and which states that explains.

    A server that nothing has gone wrong with is held to what it was asked for, step by step. One
    that a fault has met, or whose host something has happened to, is on its way until the fleet is
    calmed; then it must be what it was, what it has been asked to be since, in ERROR, or off where
    its guest was lost.
    """

    def __init__(self) -> None:
        self._may_be: dict[int, set[str]] = {}
        self._asked: dict[int, dict[str, frozenset[str]]] = {}     # what each verb may lead to

    def disturbed(self, server: int) -> bool:
        """Whether something has gone wrong with a server since the fleet was calm."""
        return server in self._may_be

    def asked(self, server: int, verb: str, status: str = '') -> None:
        """Note a request, whatever becomes of it.

        :param status: the status that the server has when it is asked. Only an evacuation depends
            on it: a server in ERROR runs when it has been rebuilt, any other is left off.
        """
        leads_to = self._leads_to(verb)
        if verb == 'evacuate' and status not in ('ACTIVE', 'SHUTOFF'):
            leads_to |= {'ACTIVE'}
        self._asked.setdefault(server, {})
        self._asked[server][verb] = self._asked[server].get(verb, frozenset()) | leads_to
        if server in self._may_be:
            self._may_be[server] |= leads_to

    def disturb(self, servers: Mapping[int, str], lost: bool = False) -> None:
        """Note that something has gone wrong with servers, by the status that they had.

        :param lost: their guests may have been lost.
        """
        for server, status in servers.items():
            if server not in self._may_be:
                self._may_be[server] = {status, 'ERROR'}
                self._may_be[server].update(*self._asked.get(server, {}).values())
            if lost:
                self._may_be[server].add('SHUTOFF')

    @staticmethod
    def _leads_to(verb: str) -> frozenset[str]:
        return LEADS_TO[verb] | MAY_FAIL_AS.get(verb, frozenset())

    def step(self, before: Mapping[int, str], now: Mapping[int, str], asked: int | None,
             verb: str, refused: bool) -> Iterator[str]:
        """What a step does not explain of the servers that nothing has gone wrong with."""
        for server, status in before.items():
            after = now.get(server, GONE)
            if server in self._may_be:
                continue
            if server != asked:
                if after != status:
                    yield f'server {server} was {status}, and is {after} unasked'
            elif not explained(verb, status, after, refused):
                yield f'server {server} was {status}, and is {after} after {verb}'

    def calm(self, now: Mapping[int, str]) -> Iterator[str]:
        """What nothing explains once the fleet has been calmed; then a new history begins.

        What a server in another state than these needs, such as the guest that is to be resumed,
        may have been lost unseen.
        """
        for server, may_be in self._may_be.items():
            after = now.get(server, GONE)
            if after not in may_be:
                yield (f'server {server} is {after}, and what has happened to it explains '
                       f'{", ".join(sorted(may_be))}')
        self._may_be = {server: {now[server], 'ERROR', 'SHUTOFF'} for server in self._may_be
                        if now.get(server, GONE) not in ('ACTIVE', 'SHUTOFF', GONE)}
        self._asked.clear()

    def may_have_lost_data(self, server: int) -> bool:
        """Whether a server has been asked for what loses data since the fleet was calm."""
        return not self._asked.get(server, {}).keys() <= KEEPS_DATA
