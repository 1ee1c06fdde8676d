"""Runs the steps of a script on a fleet, and checks the invariants after each."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from types import TracebackType

import libvirt

from vpmem_harness import conf
from vpmem_harness.chaos import history
from vpmem_harness.chaos.events import EVENTS
from vpmem_harness.chaos.fault_kinds import Hang, arm
from vpmem_harness.chaos.in_process import InProcessHost, Wipes
from vpmem_harness.chaos.invariants import Fleet
from vpmem_harness.chaos.steps import COMMAND_FAULTS, HANGS, Script, Step
from vpmem_harness.chaos.worker import Stuck, Worker, where_threads_are
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import ComputeHost
from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.cloud.compute import Compute
from vpmem_harness.cloud.server import Server
from vpmem_harness.cloud.states import TaskState, VMState, status_from_state
from vpmem_harness.cloud.stub.backend import StubBackend
from vpmem_harness.cloud.stub.compute.pmem_namespaces import parse_option
from vpmem_harness.exceptions import HarnessError, InvalidInputError
from vpmem_harness.host.faults.fault import Fault
from vpmem_harness.host.layout import runtime_directory
from vpmem_harness.host.machine import Host
from vpmem_harness.pmem.inventory.selection import choose
from vpmem_harness.randomness import Randomness

#: Time limit for a fleet to come to rest after a step, in seconds; it takes milliseconds.
PATIENCE = 20.0
#: Seconds after which work that does not end is assumed to wait for blocked work.
BEHIND = 2.0
#: Time limit of a step in seconds.
LIMIT = 60.0

#: Polling interval in seconds for whether the remaining work is blocked by a fault.
_LOOK = 0.002

#: HTTP status of a request that the API records and then aborts.
_GIVEN_UP = 500

#: Requests that may use any host, and events that may end guests.
_ANYWHERE = ('boot', 'resize', 'migrate', 'unshelve', 'live-migrate', 'evacuate')
_LOSING = ('restart-machine', 'lose-domains')

#: Requests that fail for a server without a domain; moves put it into ERROR.
_NEED_DOMAIN = ('resize', 'migrate', 'shelve')


class Runner:
    """Runs steps on a fleet: hosts, a cloud, and servers by the number of their boot."""

    def __init__(self, script: Script, *, resize_to_same_host: bool = True) -> None:
        self._script = script
        self._resize_to_same_host = resize_to_same_host
        self._acquired = contextlib.ExitStack()
        self.servers: dict[int, Server] = {}
        self._booted: set[int] = set()
        self._hangs: list[Hang] = []
        self._claims: Sequence[str] = ()
        self._in_flight: set[int] = set()       # servers with a request that no step waits for
        self._given_up: set[int] = set()        # servers whose deletion the API has aborted
        self._history = history.History()
        self._wipes = Wipes()
        self._worker: Worker
        self._stuck = False
        self.hosts: list[Host] = []
        self.cloud: Cloud
        self.fleet: Fleet

    def __enter__(self) -> Runner:
        with contextlib.ExitStack() as acquired:
            self._start(acquired)
            self._acquired = acquired.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        # The stuck step has been reported; nothing more can be done here.
        with contextlib.suppress(*((HarnessError,) if self._stuck else ())):
            self._acquired.close()

    def _start(self, acquired: contextlib.ExitStack) -> None:
        self._worker = Worker()
        acquired.callback(lambda: self._worker.close(0 if self._stuck else LIMIT))
        randomness = Randomness(self._script.seed)
        directory = Path(runtime_directory(conf.load().runtime_dir))
        acquired.callback(shutil.rmtree, directory, ignore_errors=True)
        for number in range(self._script.hosts):
            of_host = randomness.derive('host', number)
            host = Host(f'host{number}', choose(of_host, pmem=self._script.pmem),
                        directory=directory, randomness=of_host)
            host.start()
            acquired.callback(host.stop)
            self.hosts.append(host)
        computes = [ComputeHost(InProcessHost(host, self._wipes),
                                parse_option(host.pmem_namespaces))
                    for host in self.hosts]
        backend = StubBackend(computes, randomness, disconnect=self._disconnect,
                              allow_resize_to_same_host=self._resize_to_same_host)
        self._workers = backend.services.workers
        self._database = backend.services.database
        self.cloud = Cloud(backend, computes, randomness)
        self.fleet = Fleet(self.cloud, {host.name: host for host in self.hosts})
        acquired.callback(backend.stop)
        for host in self.hosts:
            acquired.callback(host.faults.clear)
        backend.start()

    def _disconnect(self) -> None:
        for host in self.hosts:
            if host.daemon.running:
                host.daemon.drop_clients()

    # State

    def statuses(self) -> dict[int, str]:
        """Return the statuses of the existing servers."""
        numbers = self._numbers()
        return {numbers[one.uuid]: status_from_state(one.vm_state, one.task_state)
                for one in self._database.instances()}

    def _numbers(self) -> dict[str, int]:
        return {server.id: number for number, server in self.servers.items()}

    @property
    def booted(self) -> int:
        """The number of booted servers."""
        return len(self._booted)

    @property
    def busy(self) -> Collection[int]:
        """The servers that a fault blocks, or that have a request in progress."""
        return self._hung() | self._in_flight

    def _hung(self) -> set[int]:
        return {hang.server for hang in self._hangs if hang.server is not None}

    def down(self) -> list[int]:
        """Return the hosts whose compute service is down."""
        return [number for number in range(len(self.hosts)) if not self.compute(number).is_up]

    def hanging(self) -> list[int]:
        """Return the hosts with a hanging call or command."""
        return sorted({hang.host for hang in self._hangs})

    def compute(self, number: int) -> Compute:
        """Return the compute service of a host."""
        return self.cloud.compute(self.hosts[number])

    # Steps

    def play(self, step: Step) -> Sequence[str]:
        """Run a step, wait for the fleet to come to rest, and return the violations."""
        try:
            return self._worker.do(lambda: self._play(step), LIMIT)
        except Stuck as error:
            self._stuck = True
            return [f'{step.verb} {error}']

    def _play(self, step: Step) -> Sequence[str]:
        wrong = self.settle() if 'fault' in step.options else []
        before, involved = self.statuses(), self._involved()
        fault = self._arm(step)
        asked = step.number('server')
        if asked in self._hung():
            asked = None
        confirms = step.verb == 'delete' and asked in self._deleting_unconfirmed()
        undefined = step.verb in _NEED_DOMAIN and self._is_undefined(asked)
        try:
            refused = not self._do(step, asked)
        except errors.NovaException as error:
            # The API has recorded a deletion before it aborts; see _delete_again.
            refused = error.status < _GIVEN_UP
            if not refused and asked is not None:
                self._given_up.add(asked)
        except libvirt.libvirtError:
            refused = True
        if asked is not None:
            if step.verb == 'boot':
                before[asked] = 'nothing'
            if not refused:
                self._history.asked(asked, step.verb, before.get(asked, history.GONE))
                if confirms:
                    self._history.asked(asked, 'confirm')
            if 'at-once' in step.options and fault is None:
                self._history.disturb({asked: before.get(asked, history.GONE)})
                self._in_flight.add(asked)
                return wrong
        wrong += self._come_to_rest(step, asked, fault)
        now = self.statuses()
        self._disturb(step, asked, before, involved, fault)
        if undefined and asked in before:
            self._history.disturb({asked: before[asked]})
        self._in_flight.clear()
        wrong += self._history.step(before, now, asked, step.verb, refused)
        if step.verb == 'calm':
            return [*wrong, *(f'when calm: {text}' for text in self._when_calm(now))]
        return [*wrong, *self.fleet.always()]

    def _come_to_rest(self, step: Step, asked: int | None, fault: Fault | None) -> list[str]:
        """Wait for the work of a step, and remove its fault unless it blocks something."""
        wrong = self.settle(fault)
        if fault is None:
            return wrong
        kind, on = step.options['fault'], self._number(step.number('on'))
        if fault.holding and kind in HANGS:
            self._hangs.append(Hang(fault, on, kind in COMMAND_FAULTS, asked))
            return wrong
        fault.remove()
        if fault.struck and kind == 'die':
            self.release(on, command=True)
        return wrong + self.settle()

    def _do(self, step: Step, asked: int | None) -> bool:
        """Run a step; return False if its server or host does not exist."""
        if step.verb == 'boot':
            self._boot(step)
        elif asked is not None:
            if asked not in self.servers:
                return False
            self._ask(step, self.servers[asked])
        elif step.verb == 'calm':
            self._calm()
        elif 'server' not in step.options:
            EVENTS[step.verb](self, self._number(step.number('host')))
        return True

    def _boot(self, step: Step) -> None:
        number = step.number('server')
        if number is None or number in self._booted:
            raise InvalidInputError('boot', expected='the number of a new server', got=str(step),
                                    remedy='number each one differently, as in server=3')
        self._booted.add(number)
        self.servers[number] = self.cloud.boot(
            pmem=step.options.get('labels', ''), expect=None, host=self._where(step))

    def _where(self, step: Step) -> str | None:
        number = step.number('host')
        return None if number is None else self._host(number).name

    def _ask(self, step: Step, server: Server) -> None:
        verb, where = step.verb, self._where(step)
        if verb == 'resize':
            server.resize(pmem=step.options.get('labels', ''), expect=None)
        elif verb in ('migrate', 'evacuate', 'unshelve'):
            getattr(server, verb)(where, expect=None)
        elif verb == 'live-migrate':
            self.cloud.backend.request(server.id, 'live-migration', host=where)
        elif verb in ('confirm', 'revert', 'rebuild'):
            getattr(server, verb if verb == 'rebuild' else f'{verb}_resize')(wait=False)
        elif verb == 'hard-reboot':
            server.reboot(hard=True, expect=None)
        else:
            getattr(server, verb)(expect=None)

    # Faults

    def _arm(self, step: Step) -> Fault | None:
        kind = step.options.get('fault')
        if kind is None:
            return None
        number = self._number(step.number('on'))
        return arm(kind, self.hosts[number], step.number('at') or 0, self.compute(number).kill)

    def settle(self, fault: Fault | None = None) -> list[str]:
        """Wait until only blocked work remains.

        Other work for the same server may wait for blocked work; then all of it is released.
        """
        begun = time.monotonic()
        while not self._workers.quiet(
                len(self._hangs) + (fault is not None and fault.holding),
                _LOOK if fault is not None else BEHIND if self._hangs else PATIENCE):
            waited = time.monotonic() - begun
            if waited >= BEHIND and (self._hangs or fault is not None):
                self.release_hangs()
                if fault is not None and fault.holding:
                    fault.release()
            if waited >= PATIENCE:
                return [f'the cloud does not come to rest: {where_threads_are()}; '
                        f'{self.cloud.transcript()}']
        return []

    # Hangs and calm

    def release_hangs(self) -> None:
        """Release what hangs, on all hosts."""
        for number in range(len(self.hosts)):
            self.release(number, command=False)
            self.release(number, command=True)

    def release(self, host: int, *, command: bool) -> None:
        """Release hanging calls or commands of a host."""
        for hang in [one for one in self._hangs if (one.host, one.command) == (host, command)]:
            hang.fault.release()
            self._hangs.remove(hang)

    def _calm(self) -> None:
        """Make the fleet calm: remove faults and restart every service."""
        self.release_hangs()
        for host in self.hosts:
            host.faults.clear()
            host.faults.start_daemon()
        self.settle()
        for at in range(len(self.hosts)):
            if not self.compute(at).is_up:
                self.compute(at).start()
            self.settle()
        self._delete_again()
        # Before the services restart and correct their claims.
        self._claims = list(self.fleet.claims())
        for at, host in enumerate(self.hosts):
            if self._database.left_behind(host.name):
                self.compute(at).restart()
                self.settle()
        self.cloud.backend.run_periodic_tasks()

    def _delete_again(self) -> None:
        """Repeat the deletions that the API aborted because a move's source was down.

        Nova leaves such a server in its task state. A repeated request confirms the move.
        """
        for number in sorted(self._given_up & self._deleting_unconfirmed()):
            self._history.asked(number, 'confirm')
            self.servers[number].delete(expect=None)
            self.settle()
        self._given_up.clear()

    def _is_undefined(self, number: int | None) -> bool:
        """Whether a server has no domain, as after a start that failed when it defined it."""
        server = self.servers.get(-1 if number is None else number)
        return server is not None and self.fleet.is_undefined(server.id)

    def _deleting_unconfirmed(self) -> set[int]:
        """Return the servers in deletion with an unconfirmed move."""
        numbers = self._numbers()
        return {numbers[one.uuid] for one in self._database.instances()
                if one.vm_state == VMState.RESIZED and one.task_state == TaskState.DELETING}

    # What the history explains

    def _involved(self) -> dict[int, set[str]]:
        """Return the hosts involved with each server."""
        numbers = self._numbers()
        return {numbers[uuid]: hosts for uuid, hosts in self.fleet.involved().items()}

    def _disturb(self, step: Step, asked: int | None, before: dict[int, str],
                 involved: dict[int, set[str]], fault: Fault | None) -> None:
        """Record the servers that a step affects without a request for them."""
        struck = fault is not None and fault.struck
        touched: set[str] = set()
        if struck and step.options['fault'] == 'die':
            touched.add(self._host(step.number('on')).name)
        if 'server' not in step.options and step.verb not in ('look', 'release', 'calm'):
            touched.add(self._host(step.number('host')).name)
        after = self._involved()
        met = {number for hosts in (involved, after) for number, names in hosts.items()
               if names & touched}
        if asked is not None:
            troubled = self.fleet.troubled()
            anywhere = step.verb in _ANYWHERE and bool(
                troubled or self._hangs or self._in_flight)
            if struck or anywhere or troubled & (
                    involved.get(asked, set()) | after.get(asked, set())):
                met.add(asked)
        self._history.disturb({number: before[number] for number in met if number in before},
                              lost=step.verb in _LOSING)

    def _number(self, number: int | None) -> int:
        return (number or 0) % len(self.hosts)

    def _host(self, number: int | None) -> Host:
        return self.hosts[self._number(number)]

    def _when_calm(self, now: dict[int, str]) -> Iterable[str]:
        """Check a calm fleet, then forget deleted servers."""
        for number, server in list(self.servers.items()):
            lost = self.fleet.holds(server.id) & self._wipes.of(server.id)
            if lost and not self._history.may_have_lost_data(number):
                yield (f'server {number} has lost its data on '
                       f'{", ".join(f"{name} of {host}" for host, name in sorted(lost))}')
            if number not in now:
                del self.servers[number]
        self._wipes.forget()
        yield from self._claims
        yield from self._history.calm(now)
        yield from self.fleet.at_rest()
        self._database.archive()
