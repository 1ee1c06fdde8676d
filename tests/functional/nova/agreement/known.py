"""Known differences of Nova from its intended behavior: findings, and repairs by its audit.

Each entry has a function that recognizes it.

A difference is explained exactly, in the step in which it arises, and then repaired on Nova's
side, as an informed operator would do. It therefore cannot hide a later difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import libvirt

from tests.functional.nova.agreement.side import Look, Side, host_paths
from tests.functional.nova.agreement.steps import Step


@dataclass
class Case:
    """A step and the states before and after it, from which explained differences are removed."""

    side: Side
    step: Step
    before: Look
    nova: Look
    stub: Look
    #: The latest namespaces of each server that no longer exists.
    held: Mapping[int, Sequence[str]]

    def moves(self, server: int) -> Sequence[tuple[object, ...]]:
        """Return the moves of a server before the step: type, status, source, destination."""
        moves = self.before[f'server {server}: moves']
        assert isinstance(moves, list)
        return moves

    @property
    def server(self) -> str:
        return f'server {self.step.options.get("server")}'

    def was(self, fact: str) -> object:
        """Return the value of a fact about the step's server before the step."""
        return self.before.get(f'{self.server}: {fact}')

    def names(self, fact: str) -> Sequence[str]:
        """Return a fact about the step's server that is a list of namespaces."""
        names = self.was(fact)
        return names if isinstance(names, list) else ()

    def take_out(self, fact: str, nova: object, stub: object) -> bool:
        """Treat a fact as equal if it has these values; return whether it has."""
        if (self.nova.get(fact), self.stub.get(fact)) != (nova, stub) or nova == stub:
            return False
        self.nova[fact] = stub
        return True


#: Task states of servers that a service powers on when it starts.
_POWERED_ON = ('powering-on', 'rebooting', 'rebooting_hard')


def _power_on_wipes(case: Case) -> bool:
    servers = []
    if case.step.verb == 'start-service':
        servers = [number for number in range(len(case.side.servers))
                   if case.before.get(f'server {number}: task_state') in _POWERED_ON]
    elif case.step.verb in ('start', 'hard-reboot') or (
            case.step.verb == 'unshelve' and case.was('status') == 'SHELVED') or (
            # Nova follows a failed soft reboot with a hard one.
            case.step.verb == 'reboot' and 'fault' in case.step.options):
        servers = [int(case.step.options['server'])]
    wiped = [_wiped(case, number, case.before.get(f'server {number}: host'), 'namespaces')
             for number in servers]
    return any(wiped)


def _wiped(case: Case, server: int, host: object, fact: str) -> bool:
    """Return whether a server's namespaces were wiped; restore the data in Nova's."""
    names = case.before.get(f'server {server}: {fact}')
    if not isinstance(host, int) or not isinstance(names, list):
        return False
    wiped = [name for name in names
             if case.take_out(f'host {host}: {name} was wiped', True, False)]
    for name in wiped:
        if case.take_out(f'host {host}: {name} was written by', [], [server]):
            path = host_paths(case.side.hosts[host])[name]
            case.side.hosts[host].pmem.write(path, case.side.servers[server].id)
    return bool(wiped)


def _failed_revert_wipes(case: Case) -> bool:
    if case.step.verb != 'revert' or case.nova.get(f'{case.server}: status') != 'ERROR':
        return False
    number = int(case.step.options['server'])
    return any(_wiped(case, number, source, 'old namespaces')
               for _type, _status, source, _destination in case.moves(number)[-1:])


def _confirm_keeps_data(case: Case) -> bool:
    if case.was('status') != 'VERIFY_RESIZE' or case.step.verb not in ('confirm', 'delete'):
        return False
    number = int(case.step.options['server'])
    source = case.moves(number)[-1][2]
    assert isinstance(source, int)
    host = case.side.hosts[source]
    paths = host_paths(host)
    found = False
    for name in case.names('old namespaces'):
        fact = f'host {source}: {name} was '
        if case.take_out(fact + 'wiped', False, True):
            found = True
            case.take_out(fact + 'written by', case.before[fact + 'written by'], [])
            host.pmem.zero(paths[name])
    return found


def _claims_outlive_server(case: Case) -> bool:
    if case.step.verb not in ('delete', 'shelve', 'shelve-offload'):
        return False
    host = case.was('host')
    # The record of a failed move still has namespaces of its source, and may have the same ones.
    owners = ['', *(number for number in range(len(case.side.servers))
                    if case.moves(number) and case.moves(number)[-1][1:3] == ('error', host))]
    outlived = [name for name in case.names('namespaces')
                if any(case.take_out(f'host {host}: {name} is claimed for', owner, None)
                       for owner in owners)]
    if outlived:
        assert isinstance(host, int)
        case.side.cloud.compute(case.side.names[host]).run_periodic_tasks()
        claims = case.side.cloud.compute(case.side.names[host]).assigned_namespaces
        for name in outlived:
            case.nova[f'host {host}: {name} is claimed for'] = claims.get(name)
    return bool(outlived)


def _claims_outlive_move(case: Case) -> bool:
    if case.step.verb not in ('resize', 'migrate'):
        return False
    moves = case.nova[f'{case.server}: moves']
    assert isinstance(moves, list)
    if not moves or moves[-1][1] != 'error':
        return False
    host = moves[-1][3]
    server = case.step.number('server')
    outlived = [fact for fact in case.nova
                if fact.startswith(f'host {host}: ') and fact.endswith(' is claimed for')
                and case.take_out(fact, server, None)]
    if outlived:
        case.side.cloud.compute(case.side.names[host]).run_periodic_tasks()
    return bool(outlived)


def _failed_resize_leaves(case: Case) -> bool:
    number, source = case.step.number('server'), case.was('host')
    if case.step.verb not in ('resize', 'migrate') or not isinstance(source, int) or (
            case.nova[f'{case.server}: status'] != 'ERROR'):
        return False
    assert number is not None
    host = case.side.hosts[source]
    # Shut off, and neither transient nor saved.
    off = libvirt.VIR_DOMAIN_SHUTOFF, True, False, [*case.names('namespaces')]
    left = case.take_out(f'host {source}: domain of {number}', off, None)
    if left:
        connection = libvirt.open(host.uri)
        connection.lookupByUUIDString(case.side.servers[number].id).undefine()
        connection.close()
    for name in case.names('namespaces'):
        fact = f'host {source}: {name} '
        if case.take_out(fact + 'was wiped', False, True):
            left = True
            case.take_out(fact + 'was written by', [number], [])
            host.pmem.zero(host_paths(host)[name])
        if case.take_out(fact + 'is claimed for', number, None):
            case.side.cloud.compute(case.side.names[source]).run_periodic_tasks()
    if left:
        # The cleanup of a guest that failed to start has nothing to wipe yet.
        destination, got = (case.nova[f'{case.server}: {fact}'] for fact in ('host', 'namespaces'))
        assert isinstance(got, list)
        for name in got:
            case.take_out(f'host {destination}: {name} was wiped', True, False)
    return left


def _evacuated_host_wipes(case: Case) -> bool:
    if case.step.verb != 'start-service':
        return False
    number = case.step.number('host')
    assert number is not None
    host = case.side.hosts[number]
    paths = host_paths(host)
    evacuated = [server for server in range(len(case.side.servers))
                 if any(move[0] == 'evacuation' and move[1] == 'done' and move[2] == number
                        for move in case.moves(server))]
    found = False
    for name in {name for server in evacuated for name in case.held[server]}:
        fact = f'host {number}: {name} was '
        if case.take_out(fact + 'wiped', True, False):
            found = True
            data = case.stub[fact + 'written by']
            assert isinstance(data, list)
            case.take_out(fact + 'written by', [], data)
            for writer in data:
                host.pmem.write(paths[name], case.side.servers[writer].id)
    for server in evacuated:
        for name, path in paths.items():
            fact = f'host {number}: {name} was '
            if case.before[fact + 'written by'] == [server] and (
                    case.take_out(fact + 'wiped', False, True)):
                found = True
                case.take_out(fact + 'written by', [server], [])
                host.pmem.zero(path)
    return found


def _refused_live_migration(case: Case) -> bool:
    if case.step.verb != 'live-migrate' or 'fault' not in case.step.options:
        return False
    moves = case.nova[f'{case.server}: moves']
    assert isinstance(moves, list)
    if not moves:
        return False
    _type, _status, source, destination = moves[-1]
    reason = f"the migration from <host {source}> to <host {destination}> has the status 'error'"
    actions = case.was('actions')
    assert isinstance(actions, list)
    # A server in ERROR also shows the fault that an earlier request has left.
    faults = [details for *_rest, events in actions for details in events if details]
    return any(case.take_out('outcome', f'ACTIVE was due, ERROR came: {one}',
                             f'ACTIVE was due, ACTIVE came: {reason}')
               for one in (reason, *faults))


def _late_event(case: Case) -> bool:
    found = False
    for number in range(len(case.side.servers)):
        server = f'server {number}: '
        fact = server + 'power_state'
        moves = case.nova[server + 'moves']
        assert isinstance(moves, list)
        if moves and moves[-1][1] == 'error':
            found |= case.take_out(fact, 'NOSTATE', case.stub.get(fact))
        if case.nova[server + 'status'] == 'ERROR' and case.before.get(fact) == case.stub.get(fact):
            domain = case.nova.get(f'host {case.nova[server + "host"]}: domain of {number}')
            if isinstance(domain, tuple) and domain[0] == libvirt.VIR_DOMAIN_SHUTOFF:
                found |= case.take_out(fact, 'SHUTDOWN', case.stub.get(fact))
    return found


@dataclass(frozen=True)
class Known:
    """A known difference, with its repair."""

    name: str
    reason: str
    explains: Callable[[Case], bool]


KNOWN = (
    Known('start-wipes, hard-reboot-wipes',
          'to power a server on is to destroy it first, and that wipes; the data are written anew',
          _power_on_wipes),
    Known('failed-resume-wipes',
          'a guest that does not start after a revert is cleaned up, and that wipes; the data are '
          'written anew',
          _failed_revert_wipes),
    Known('confirm-keeps-data',
          'the namespaces of the old flavor are never wiped; wiped here for what comes next',
          _confirm_keeps_data),
    Known('failed-resize',
          'the source is not told to clean up when the guest does not start on the destination; '
          'done here, and its claims end with the audit, made here',
          _failed_resize_leaves),
    Known('refused-live-migration',
          'the server is in ERROR although its guest runs as before; its state is reset',
          _refused_live_migration),
    Known('claims-outlive-server',
          'the tracker frees only what it tracks as its own; until the next audit, made here',
          _claims_outlive_server),
    Known('claims-outlive-move',
          'what a server was to get stays claimed when its source refuses the move; until the next '
          'audit, made here',
          _claims_outlive_move),
    Known('late event',
          'a host notices only after fifteen seconds that it has stopped a guest, and then shows '
          'the state of the guest, or of one that it does not have after a failed move',
          _late_event),
    Known('evacuated-host-wipes',
          "a host that returns wipes what has the name of an evacuated server's new namespaces, "
          'whoever has it, and not what that server had there; put right here',
          _evacuated_host_wipes),
)


def explain(side: Side, step: Step, before: Look, nova: Look, stub: Look,
            held: Mapping[int, Sequence[str]]) -> list[str]:
    """Remove known differences; return the names of those found."""
    case = Case(side, step, before, nova, stub, held)
    return [known.name for known in KNOWN if known.explains(case)]
