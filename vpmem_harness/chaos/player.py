"""Plays the steps of a script on a fleet of its own, and looks at it after each."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import libvirt

from vpmem_harness import conf
from vpmem_harness.chaos import history
from vpmem_harness.chaos.direct import DirectHost
from vpmem_harness.chaos.invariants import Fleet
from vpmem_harness.chaos.steps import CALL_FAULTS, Script, Step
from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import ComputeHost
from vpmem_harness.cloud.cloud import Cloud, Compute
from vpmem_harness.cloud.server import Server
from vpmem_harness.cloud.stub.backend import StubBackend
from vpmem_harness.cloud.stub.pmem_namespaces import parse_option
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.fault import Fault
from vpmem_harness.host.faults import ANY
from vpmem_harness.host.layout import runtime_directory
from vpmem_harness.host.machine import Host
from vpmem_harness.pmem.choice import choose
from vpmem_harness.randomness import Randomness

#: Seconds in which a fleet comes to rest after a step; it takes milliseconds.
PATIENCE = 20.0

#: Seconds after which it is looked again whether what still works is held up by a fault.
_LOOK = 0.002


class Player:
    """A fleet for one run: its hosts, its cloud, and the servers by the number of their boot."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._release = contextlib.ExitStack()
        self.servers: dict[int, Server] = {}
        self._hangs: list[Fault] = []
        self._hung: set[int] = set()            # servers that a fault holds up
        self._disturbed: set[int] = set()       # servers whose history has a fault in it
        self.hosts: list[Host] = []
        self.cloud: Cloud
        self.fleet: Fleet

    def __enter__(self) -> Player:
        with contextlib.ExitStack() as acquired:
            self._start(acquired)
            self._release = acquired.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._release.close()

    def _start(self, acquired: contextlib.ExitStack) -> None:
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
        computes = [ComputeHost(DirectHost(host), parse_option(host.pmem_namespaces))
                    for host in self.hosts]
        backend = StubBackend(computes, randomness, disconnect=self._disconnect,
                              allow_resize_to_same_host=True)
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

    # What there is

    def status(self, number: int) -> str:
        """The status of a server, or that it is gone."""
        try:
            return self.servers[number].status
        except errors.InstanceNotFound:
            return history.GONE

    def statuses(self) -> dict[int, str]:
        """The statuses of the servers that there are."""
        there = {server.id: number for number, server in self.servers.items()}
        return {there[record.id]: record.status for record in self.cloud.backend.servers()}

    @property
    def hung(self) -> frozenset[int]:
        """The servers that a fault holds up."""
        return frozenset(self._hung)

    def compute(self, number: int) -> Compute:
        """The compute service of a host."""
        return self.cloud.compute(self.hosts[number])

    # Playing

    def play(self, step: Step) -> Sequence[str]:
        """Do a step and wait for the fleet to come to rest; returns what is wrong then."""
        before = self.statuses()
        refused = False
        fault = self._arm(step)
        asked = step.number('server')
        try:
            self._do(step, asked)
        except (errors.NovaException, libvirt.libvirtError):
            refused = True
        wrong = self._settle()
        if fault is not None:
            if fault.struck and fault in self._hangs:
                self._hung |= set() if asked is None else {asked}
            else:
                fault.remove()
                wrong += self._settle()
        if step.verb == 'calm':
            self._end_disturbances()
            return [*wrong, *(f'when calm: {text}' for text in self.fleet.at_rest())]
        wrong += self.fleet.always()
        return [*wrong, *self._unexplained(step, before, refused, fault)]

    def _do(self, step: Step, asked: int | None) -> None:
        if step.verb == 'boot':
            self._boot(step)
        elif asked is not None:
            if asked in self.servers and asked not in self._hung:
                self._ask(step, self.servers[asked])
        else:
            number = (step.number('host') or 0) % len(self.hosts)
            _EVENTS[step.verb](self, number)

    def _boot(self, step: Step) -> None:
        number = step.number('server')
        if number is None or number in self.servers:
            raise InvalidInputError('boot', expected='the number of a new server', got=str(step),
                                    remedy='number each one differently, as in server=3')
        self.servers[number] = self.cloud.boot(
            pmem=step.options.get('labels', ''), expect=None, host=self._where(step))

    def _where(self, step: Step) -> str | None:
        number = step.number('host')
        return None if number is None else self.hosts[number % len(self.hosts)].name

    def _ask(self, step: Step, server: Server) -> None:
        verb, where = step.verb, self._where(step)
        if verb == 'resize':
            server.resize(pmem=step.options.get('labels', ''), expect=None)
        elif verb in ('migrate', 'evacuate', 'unshelve'):
            getattr(server, verb)(where, expect=None)
        elif verb == 'live-migrate':
            self.cloud.backend.request(server.id, 'live-migration', host=where)
        elif verb in ('confirm', 'revert'):
            getattr(server, f'{verb}_resize')(wait=False)
        elif verb == 'rebuild':
            server.rebuild(wait=False)
        elif verb == 'hard-reboot':
            server.reboot(hard=True, expect=None)
        else:
            getattr(server, verb)(expect=None)

    # Faults

    def _arm(self, step: Step) -> Fault | None:
        kind = step.options.get('fault')
        if kind is None:
            return None
        number = (step.number('on') or 0) % len(self.hosts)
        faults, skip = self.hosts[number].faults, step.number('at') or 0
        if kind not in CALL_FAULTS:
            skip %= 2
        make: dict[str, Callable[[], Fault]] = {
            'error': lambda: faults.failing(
                ANY, libvirt.VIR_ERR_INTERNAL_ERROR, 'by chaos', times=1, skip=skip),
            'drop-before': lambda: faults.dropping(ANY, times=1, skip=skip),
            'drop-after': lambda: faults.dropping(ANY, times=1, skip=skip, when='after'),
            'hang': lambda: faults.hanging(ANY, times=1, skip=skip),
            'die': lambda: faults.at(ANY, self.compute(number).kill, times=1, skip=skip),
            'tool-fails': lambda: faults.tool_failing('daxio', times=1, skip=skip),
            'tool-fails-after': lambda: faults.tool_failing(
                'daxio', times=1, skip=skip, when='after'),
            'tool-cut-short': lambda: faults.tool_cut_short(
                'daxio', status=1, times=1, skip=skip),
            'tool-hangs': lambda: faults.tool_hanging('daxio', times=1, skip=skip),
        }
        if kind not in make:
            raise InvalidInputError('fault of a step', expected=f'one of {", ".join(make)}',
                                    got=kind, remedy='name one of these')
        fault = make[kind]()
        if kind in ('hang', 'tool-hangs'):
            self._hangs.append(fault)
        return fault

    def _settle(self) -> list[str]:
        """Wait until nobody works but what a fault holds up."""
        deadline = time.monotonic() + PATIENCE
        while not self._workers.quiet(
                sum(fault.struck for fault in self._hangs), _LOOK if self._hangs else PATIENCE):
            if time.monotonic() >= deadline:
                return [f'the cloud does not come to rest: {self.cloud.transcript()}']
        return []

    # Events

    def _kill(self, number: int) -> None:
        self.compute(number).kill()

    def _stop_service(self, number: int) -> None:
        if not self._hangs:
            self.compute(number).stop()

    def _start_service(self, number: int) -> None:
        self.compute(number).start()

    def _restart_service(self, number: int) -> None:
        if not self._hangs:
            self.compute(number).restart()

    def _restart_machine(self, number: int) -> None:
        self.compute(number).kill()
        self.release_hangs(number)
        self.hosts[number].reboot()
        self.compute(number).start()

    def _restart_daemon(self, number: int) -> None:
        self.hosts[number].faults.kill_daemon()
        self.hosts[number].faults.start_daemon()

    def _lose_domains(self, number: int) -> None:
        self.hosts[number].faults.kill_daemon()
        self.hosts[number].faults.start_daemon(domains=False)

    def _bad(self, number: int) -> None:
        host = self.hosts[number]
        host.faults.bad(host.namespaces[0].dev)

    def _look(self, number: int) -> None:
        self.cloud.backend.run_periodic_tasks(self.hosts[number].name)

    def _release_all(self, number: int) -> None:
        self.release_hangs()

    def release_hangs(self, number: int | None = None) -> None:
        """Let what hangs go on, on one host or on all."""
        for fault in list(self._hangs):
            fault.release()
        self._hangs.clear()
        self._hung.clear()

    def _calm(self, number: int) -> None:
        """Take back everything that is wrong, and let every service look after its host."""
        self.release_hangs()
        for host in self.hosts:
            host.faults.clear()
            host.faults.start_daemon()
        self._settle()
        for at, host in enumerate(self.hosts):
            self.compute(at).start()
            self._settle()
            if self._database.left_behind(host.name):
                self.compute(at).restart()
                self._settle()
        self.cloud.backend.run_periodic_tasks()
        self._settle()

    # What the history explains

    def _end_disturbances(self) -> None:
        # What a server needs in other states, such as the guest that is to be resumed, may be lost.
        self._disturbed = {number for number in self._disturbed
                           if self.status(number) not in ('ACTIVE', 'SHUTOFF', history.GONE)}

    def _unexplained(self, step: Step, before: dict[int, str], refused: bool,
                     fault: Fault | None) -> Sequence[str]:
        """A server changes only when it is asked to, and then as it is asked."""
        now = self.statuses()
        asked = step.number('server')
        if step.verb == 'boot' and asked is not None:
            before[asked] = 'nothing'
        everything = (asked is None and step.verb not in ('boot', 'look')) or self._hangs or any(
            host.faults.in_force or
            not self.compute(at).is_up or self._database.left_behind(host.name)
            for at, host in enumerate(self.hosts))
        if everything or (fault is not None and fault.struck):
            self._disturbed |= {*now} if everything else {asked} if asked is not None else set()
        wrong = []
        for number, status in before.items():
            after = now.get(number, history.GONE)
            if number in self._disturbed or step.verb == 'look':
                continue
            if number != asked:
                if after != status:
                    wrong.append(f'server {number} was {status}, and is {after} unasked')
            elif not history.explained(step.verb, status, after, refused):
                wrong.append(f'server {number} was {status}, and is {after} after {step.verb}')
        return wrong


_EVENTS: dict[str, Callable[[Player, int], None]] = {
    'kill': Player._kill,
    'stop-service': Player._stop_service,
    'start-service': Player._start_service,
    'restart-service': Player._restart_service,
    'restart-machine': Player._restart_machine,
    'restart-daemon': Player._restart_daemon,
    'lose-domains': Player._lose_domains,
    'bad': Player._bad,
    'look': Player._look,
    'release': Player._release_all,
    'calm': Player._calm,
}
