"""Faults by name: what can go wrong on a host, of its daemon, its executables, its memory."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import libvirt

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.faults import effects, targets
from vpmem_harness.host.faults.effects import CallSoon, Effect
from vpmem_harness.host.faults.fault import TIMEOUT, Fault, Often
from vpmem_harness.host.faults.targets import Armed, HostCall, Which, WhichCommand
from vpmem_harness.libvirtd.dispatch import DropConnection
from vpmem_harness.libvirtd.errors import MESSAGES, LibvirtError
from vpmem_harness.libvirtd.wire.procedures import lookup
from vpmem_harness.libvirtd.wire.session import Call
from vpmem_harness.pmem import CommandResult
from vpmem_harness.randomness import Randomness
from vpmem_harness.serving.clock import Clock
from vpmem_harness.serving.deferred import Deferred

if TYPE_CHECKING:
    from vpmem_harness.host.machine import Host

#: How many calls the transcript goes back.
REMEMBERED = 500

#: In place of a procedure's name: every call that the daemon answers.
ANY = '*'


class Faults:
    """What goes wrong on one host. Each method begins a fault and returns it.

    A fault is in force until it has struck ``times`` times, is removed, or its ``with`` block ends;
    with the host all end, and what they hold up goes on. Of several faults for one call the newest
    strikes.

    A procedure may be named as the protocol does (``domain_create_with_flags``), as libvirt's
    function (``virDomainCreateWithFlags``, ``domainCreateWithFlags``) or as libvirt-python's method
    (``createWithFlags``); :data:`ANY` (``'*'``) is every one. What else a fault of a procedure may
    be given stands in :class:`~vpmem_harness.host.faults.targets.Which`, and for a program's in
    :class:`~vpmem_harness.host.faults.targets.WhichCommand`.

    :raises InvalidInputError: from every method, when something named is not there.
    """

    def __init__(self, host: Host, randomness: Randomness) -> None:
        self._host = host
        self._randomness = randomness
        # Held by those who change these, never by the thread that answers calls.
        self._lock = threading.Lock()
        self._of_procedures: dict[str, tuple[Armed, ...]] = {}
        self._of_commands: tuple[Armed, ...] = ()
        self._all: list[Fault] = []
        self._acts: list[tuple[Fault, threading.Thread]] = []
        self._calls: collections.deque[HostCall] = collections.deque(maxlen=REMEMBERED)

    # Procedures of libvirt

    def failing(self, procedure: str, error: int | LibvirtError = libvirt.VIR_ERR_INTERNAL_ERROR,
                detail: str | None = None, **which: Unpack[Which]) -> Fault:
        """Have a procedure fail.

        :param error: one of ``libvirt.VIR_ERR_*``, with libvirt's message for it; or a
            :class:`~vpmem_harness.libvirtd.errors.LibvirtError` for all that an error can say.
        :param detail: what follows the message of the code.
        """
        if isinstance(error, LibvirtError):
            code, make = error.code, lambda: error
        else:
            if error not in MESSAGES:
                raise InvalidInputError(
                    'error of a fault', expected='one of libvirt.VIR_ERR_*', got=str(error),
                    remedy='give a code such as libvirt.VIR_ERR_OPERATION_FAILED')
            code, make = error, lambda: LibvirtError(code, detail)
        return self._arm(procedure, f'fails with error {code}', effects.raising(make), which)

    def hanging(self, procedure: str, **which: Unpack[Which]) -> Fault:
        """Have a procedure not come back until the fault is released.

        ::

            with host.faults.hanging('domainCreateWithFlags') as hang:
                server = cloud.boot(pmem='SMALL', expect=None)
                hang.wait_until_reached()
                cloud.compute(server.host).kill()
        """
        return self._arm(procedure, 'hangs', effects.holding(self), which)

    def dropping(self, procedure: str, **which: Unpack[Which]) -> Fault:
        """Have the daemon cut the client off in place of an answer.

        With ``when='after'`` the call has taken effect, and the client cannot know.
        """
        return self._arm(
            procedure, 'drops the connection', effects.raising(DropConnection), which)

    def slow(self, procedure: str, seconds: float, **which: Unpack[Which]) -> Fault:
        """Have a procedure take its time, on the host's clock."""
        return self._arm(
            procedure, effects.in_words(seconds), effects.delaying(self, seconds), which)

    def at(self, procedure: str, action: Callable[[], object], **which: Unpack[Which]) -> Fault:
        """Do something when a procedure is called; the call goes on when that is done.

        What is done uses no connection of its own caller: libvirt's client may hold a second call
        back until the first is answered. What it raises the fault raises when it is removed.

        ::

            host.faults.at('domainCreateWithFlags', cloud.compute(host).kill, times=1)
        """
        if not callable(action):
            raise InvalidInputError(
                'action of a fault', expected='something to call', got=repr(action),
                remedy='leave out the parentheses, or write a lambda')
        return self._arm(procedure, 'is watched', effects.doing(self, action, self._acts), which)

    def _arm(self, procedure: str, what: str, effect: Effect, which: Which) -> Fault:
        targets.check(which, Which)
        method = ANY if procedure == ANY else lookup(procedure).method
        concerns, when = targets.about(which.get('domain')), which.get('when', 'before')
        fault = self._begin(f'{method} {what}{_when(when)}', targets.limits(which), self._disarm)
        if when == 'after':
            effect = effects.afterwards(self, effect)
        armed = Armed(fault, concerns, effect)
        with self._lock:
            self._of_procedures = {
                **self._of_procedures, method: (armed, *self._of_procedures.get(method, ()))}
        return fault

    def _disarm(self, fault: Fault) -> None:
        with self._lock:
            rest = {method: tuple(one for one in armed if one.fault is not fault)
                    for method, armed in self._of_procedures.items()}
            self._of_procedures = {method: armed for method, armed in rest.items() if armed}

    # ndctl, daxctl and daxio

    def tool_failing(self, program: str, subcommand: str | None = None, *, status: int = 1,
                     text: str = '', **which: Unpack[WhichCommand]) -> Fault:
        """Have a program end with a status, and a text on standard error, and do nothing.

        With ``when='after'`` it does what it does and fails then.

        :param program: ``'ndctl'``, ``'daxctl'`` or ``'daxio'``.
        :param subcommand: such as ``'list'``; any when None.
        :param status: 1 to 255, or the negative number of the signal that ends it.
        """
        result = CommandResult(
            effects.check_status(status, 1), '', f'{text.rstrip()}\n' if text else '')
        return self._arm_tool(program, subcommand, f'fails with status {status}',
                              effects.answering(lambda _: result), which, executes=False)

    def tool_hanging(self, program: str, subcommand: str | None = None,
                     **which: Unpack[WhichCommand]) -> Fault:
        """Have a program not end until the fault is released; one that is killed does nothing."""
        return self._arm_tool(program, subcommand, 'hangs', effects.holding(self), which)

    def tool_slow(self, program: str, seconds: float, *, subcommand: str | None = None,
                  **which: Unpack[WhichCommand]) -> Fault:
        """Have a program take its time, on the host's clock."""
        return self._arm_tool(program, subcommand, effects.in_words(seconds),
                              effects.delaying(self, seconds), which)

    def tool_cut_short(self, program: str, subcommand: str | None = None, *, status: int = 0,
                       **which: Unpack[WhichCommand]) -> Fault:
        """Have a program print the first half of what it has to say, and end with a status."""
        effects.check_status(status, 0)
        return self._arm_tool(
            program, subcommand, 'prints half of its output',
            effects.answering(lambda result: effects.half(result, status)), which)

    def tool_absent(self, program: str) -> Fault:
        """Have a program not be there: not in the host's directory, and not on its PATH.

        Where the machine that the harness runs on has one of that name, programs that look for it
        on the host's PATH find one that says that it is not found, with a shell's status 127.
        """
        targets.command(program, None)
        tools = self._host.tools

        def bring_back(fault: Fault) -> None:
            self._disarm_tool(fault)
            tools.bring_back(program)
        fault = self._begin(f'{program} is absent', {}, bring_back)
        tools.take_away(program)
        missing = effects.raising(
            lambda: FileNotFoundError(2, 'No such file or directory', program))
        with self._lock:
            self._of_commands = (Armed(fault, targets.command(program, None), missing),
                                 *self._of_commands)
        return fault

    def _arm_tool(self, program: str, subcommand: str | None, what: str, effect: Effect,
                  which: WhichCommand, executes: bool = True) -> Fault:
        targets.check(which, WhichCommand)
        concerns = targets.command(program, subcommand)
        when = which.get('when', 'before')
        if when == 'after':
            effect = effects.afterwards(self, effect)
        elif not executes:
            effect = _without_executing(effect)
        named = f'{program} {subcommand}' if subcommand else program
        fault = self._begin(
            f'{named} {what}{_when(when)}', targets.limits(which), self._disarm_tool)
        with self._lock:
            self._of_commands = (Armed(fault, concerns, effect), *self._of_commands)
        self._host.tools.forget()
        return fault

    def _disarm_tool(self, fault: Fault) -> None:
        with self._lock:
            self._of_commands = tuple(
                one for one in self._of_commands if one.fault is not fault)

    # Namespaces

    def vanishing(self, name: str) -> Fault:
        """Take a namespace away: its device is gone, and ``ndctl list`` does not show it.

        What holds the device goes on with it. It comes back when the fault is removed, or when the
        host is rebooted.

        :param name: such as ``ns_0``, ``namespace0.0`` or ``/dev/dax0.0``.
        """
        pmem = self._host.pmem
        found = targets.namespace(pmem.namespaces, name)

        def bring_back(fault: Fault) -> None:
            for one in pmem.namespaces:
                if one.address == found.address and one.state == 'disabled':
                    pmem.enable_namespace(one.dev)
        fault = self._begin(f'namespace {name} is gone', {}, bring_back)
        pmem.disable_namespace(found.dev)
        return fault

    def bad(self, name: str) -> Fault:
        """Mark a namespace bad: its device is there, and cannot be mapped or cleared any more.

        daxio fails on it, and so does the start of a domain. It stays bad over a reboot.
        """
        pmem = self._host.pmem
        found = targets.namespace(pmem.namespaces, name)
        media = found.address, found.address + found.raw_size
        fault = self._begin(f'namespace {name} is bad', {}, lambda fault: pmem.mend(*media))
        pmem.mark_bad(*media)
        return fault

    def creation_race(self, *, region: str | None = None, times: int | None = 1) -> Fault:
        """Make ``ndctl create-namespace`` lose a race with another creation in the same region.

        It ends with status 237 and "No space left on device" though the region has room, as one of
        two commands does that run at the same time; without ``-r`` it takes another region.

        :param region: such as ``region0``; any region when None.
        :param times: how many creations lose; every one when None.
        """
        races: list[Callable[[], None]] = []
        fault = self._begin('a creation of a namespace loses a race', {'times': times},
                            lambda fault: races.pop()())
        races.append(self._host.pmem.race_creations(
            lambda dev: region in (None, dev) and fault.strikes()))
        return fault

    # The daemon

    def kill_daemon(self) -> None:
        """Kill libvirtd: its clients lose their connections, its guests run on.

        A call that a fault holds up is lost with it, and never takes effect.
        """
        self._host.daemon.kill()
        self.lose_calls()

    def lose_calls(self) -> None:
        """Forget the calls to libvirt that faults hold up."""
        with self._lock:
            faults = [armed.fault for of_one in self._of_procedures.values() for armed in of_one]
        for fault in faults:
            fault.lose()

    def start_daemon(self, *, domains: bool = True) -> None:
        """Start libvirtd again, if it does not run.

        :param domains: False when its guests have ended meanwhile: those that were transient are
            gone, the others are off.
        """
        if not domains and not self._host.daemon.running:
            self._host.hypervisor.crash()
        self._host.daemon.start()

    def daemon_down(self, *, domains: bool = True) -> Fault:
        """Kill libvirtd; it is started again when the fault is removed."""
        fault = self._begin(
            'the daemon is down', {}, lambda fault: self.start_daemon(domains=domains))
        self.kill_daemon()
        return fault

    # All of them

    @property
    def calls(self) -> Sequence[HostCall]:
        """The last calls to the host, oldest first: procedures, and commands that it was asked."""
        return list(self._calls.copy())

    def forget_calls(self) -> None:
        """Begin the transcript of calls anew."""
        self._calls.clear()

    @property
    def in_force(self) -> Sequence[Fault]:
        """The faults that can still strike, oldest first."""
        with self._lock:
            return [fault for fault in self._all if fault.in_force]

    def clear(self) -> None:
        """Remove every fault, the newest first; what they hold up goes on.

        :raises Exception: what was to be done when one of them struck has raised this.
        """
        with self._lock:
            faults, acts = list(self._all), list(self._acts)
            self._acts.clear()
        with contextlib.ExitStack() as ending:
            for fault, thread in acts:
                ending.callback(fault.raise_failure)
                if thread is not threading.current_thread():
                    ending.callback(thread.join, TIMEOUT)
            for fault in faults:
                ending.callback(fault.remove)

    def _begin(self, what: str, limits: Often, removed: Callable[[Fault], None]) -> Fault:
        def ended(fault: Fault) -> None:
            with self._lock:
                self._all.remove(fault)
            removed(fault)
        with self._lock:
            fault = Fault(what, self._randomness, ended, **limits)
            self._all.append(fault)
        return fault

    # What the host asks

    @property
    def clock(self) -> Clock:
        """What durations run on."""
        return self._host.clock

    @property
    def call_soon(self) -> CallSoon:
        """Calls a function in the thread that answers the host's calls."""
        return self._host.loop.call_soon

    @property
    def of_commands(self) -> bool:
        """Whether a command may go wrong: none is answered then without asking the host."""
        return any(armed.fault.in_force for armed in self._of_commands)

    def on_call(self, call: Call, execute: Callable[[], Any]) -> Any:
        """Stand between a call and its execution: see ``libvirtd.dispatch.Intercept``."""
        of_procedures = self._of_procedures
        armed = None
        if of_procedures:
            armed = self._striking((*of_procedures.get(call.procedure.method, ()),
                                    *of_procedures.get(ANY, ())), call)
        handle = call.domain
        self._calls.append(HostCall(
            call.procedure.method, handle.name if handle is not None else None,
            armed.fault.what if armed is not None else None))
        return execute() if armed is None else armed.effect(armed.fault, execute)

    def on_command(self, words: Sequence[str], execute: Callable[[], CommandResult],
                   ) -> CommandResult | Deferred:
        """Stand between a command line and its execution.

        :raises FileNotFoundError: when the program is absent.
        """
        armed = self._striking(self._of_commands, words)
        self._calls.append(HostCall(
            ' '.join(words), None, armed.fault.what if armed is not None else None))
        if armed is None:
            return execute()
        return armed.effect(armed.fault, execute)  # type: ignore[return-value]

    def _striking(self, armed: Sequence[Armed], call: object) -> Armed | None:
        return next((one for one in armed if one.concerns(call) and one.fault.strikes()), None)


def _when(when: str) -> str:
    return ' after it took effect' if when == 'after' else ''


def _without_executing(effect: Effect) -> Effect:
    return lambda fault, go_on: effect(fault, lambda: None)
