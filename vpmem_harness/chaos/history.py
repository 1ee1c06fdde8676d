"""History of servers: the states that their requests and faults explain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

GONE = 'gone'

#: The status after each request without faults. A request that is refused, or for which no host has
#: the resources, does not change it; see :data:`MAY_STAY`.
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

#: Requests that need resources on some host.
MAY_STAY = frozenset(('resize', 'migrate', 'unshelve', 'live-migrate'))

#: Other statuses after a request with faults: requests that power the guest off first may leave it
#: off.
MAY_FAIL_AS: Mapping[str, frozenset[str]] = {
    'shelve': frozenset(('SHELVED', 'SHUTOFF')),
    **dict.fromkeys(('suspend', 'resize', 'migrate', 'live-migrate', 'rescue', 'reboot',
                     'hard-reboot'),
                    frozenset(('SHUTOFF',))),
}

#: Requests that keep the data of a server.
KEEPS_DATA = frozenset((
    'stop', 'start', 'reboot', 'hard-reboot', 'pause', 'unpause', 'suspend', 'resume', 'rescue',
    'unrescue'))

#: The statuses in which each request makes sense, as most random requests do.
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
    """Whether a request without faults explains the new status of a server."""
    if refused or verb in MAY_STAY:
        if after == before:
            return True
        if refused:
            return False
    return after in LEADS_TO[verb]


class History:
    """Requests and faults of each server, and the states that they explain.

    An unaffected server must be in the state that was requested after each step. A server that a
    fault or an event of its host has affected may be in transition until the fleet is calm. Then it
    must be in its old state, in a state that was requested since, in ERROR, or off if its guest was
    lost.
    """

    def __init__(self) -> None:
        self._may_be: dict[int, set[str]] = {}
        self._asked: dict[int, dict[str, frozenset[str]]] = {}     # possible statuses by verb

    def disturbed(self, server: int) -> bool:
        """Whether a fault has affected a server since the fleet was calm."""
        return server in self._may_be

    def asked(self, server: int, verb: str, status: str = '') -> None:
        """Record a request, whatever its result.

        :param status: the status of the server at the request. Only the result of an evacuation
            depends on it: a server in ERROR runs afterwards, any other server is left off.
        """
        leads_to = self._leads_to(verb)
        if verb == 'evacuate' and status not in ('ACTIVE', 'SHUTOFF'):
            leads_to |= {'ACTIVE'}
        self._asked.setdefault(server, {})
        self._asked[server][verb] = self._asked[server].get(verb, frozenset()) | leads_to
        if server in self._may_be:
            self._may_be[server] |= leads_to

    def disturb(self, servers: Mapping[int, str], lost: bool = False) -> None:
        """Record that a fault has affected servers, with their previous statuses.

        :param lost: whether their guests may have been lost.
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
        """Return the changes of unaffected servers that a step does not explain."""
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
        """Return the unexplained states of a calm fleet, and begin a new history.

        A server in another state may have lost what it needs, such as a suspended guest.
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
        """Whether a request since the fleet was calm may have lost the data of a server."""
        return not self._asked.get(server, {}).keys() <= KEEPS_DATA
