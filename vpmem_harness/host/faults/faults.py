"""Faults by name: what can go wrong with a host's daemon, its executables and its memory."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack, overload

import libvirt

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.calls import Call, CommandCall, LibvirtCall
from vpmem_harness.host.faults import actions, filters
from vpmem_harness.host.faults.actions import Effect
from vpmem_harness.host.faults.fault import TIMEOUT, Fault, FaultFrequency
from vpmem_harness.host.faults.filters import CommandFaultOptions, ProcedureFaultOptions
from vpmem_harness.host.faults.migration_faults import MigrationFaults
from vpmem_harness.host.faults.rules import ANY as ANY
from vpmem_harness.host.faults.rules import FaultRule, FaultRules
from vpmem_harness.libvirtd.dispatch import DropConnection
from vpmem_harness.libvirtd.errors import MESSAGES, LibvirtError
from vpmem_harness.libvirtd.wire.procedures import lookup
from vpmem_harness.libvirtd.wire.session import Call as WireCall
from vpmem_harness.pmem import CommandResult
from vpmem_harness.randomness import Randomness
from vpmem_harness.serving.deferred import Deferred

if TYPE_CHECKING:
    from vpmem_harness.host.machine import Host


class Faults(MigrationFaults):
    """The faults of one host. Each method begins a fault and returns it.

    A fault is in force until it has struck ``times`` calls, is removed, its ``with`` block ends,
    or the host stops. The calls that it holds go on then. If several faults apply to a call, the
    newest one strikes.

    Name a procedure as in the protocol (``domain_create_with_flags``), as libvirt's function
    (``virDomainCreateWithFlags``, ``domainCreateWithFlags``), or as libvirt-python's method
    (``createWithFlags``); :data:`ANY` (``'*'``) matches every procedure. Faults of procedures take
    the options of :class:`~vpmem_harness.host.faults.filters.ProcedureFaultOptions`, those of
    programs the options of :class:`~vpmem_harness.host.faults.filters.CommandFaultOptions` and a
    subcommand after the program.

    :raises InvalidInputError: from every method, for a name or an option that does not exist.
    """

    def __init__(self, host: Host, randomness: Randomness) -> None:
        self._host = host
        self._randomness = randomness
        self._rules = FaultRules()
        # For changes; the thread that answers calls never takes it.
        self._lock = threading.Lock()
        self._all: list[Fault] = []
        self._numbers = itertools.count(1)
        self._acts: list[tuple[Fault, threading.Thread]] = []
        self.losses = 0

    def __repr__(self) -> str:
        faults = ', '.join(fault.what for fault in self.in_force)
        return f'<Faults of {self._host.name}: {faults or "none in force"}>'

    # Procedures of libvirt

    def failing(self, procedure: str, error: int | LibvirtError = libvirt.VIR_ERR_INTERNAL_ERROR,
                detail: str | None = None, **which: Unpack[ProcedureFaultOptions]) -> Fault:
        """Make a procedure fail.

        :param error: one of ``libvirt.VIR_ERR_*``, which gets libvirt's message; or a
            :class:`~vpmem_harness.libvirtd.errors.LibvirtError` to set every field.
        :param detail: text that follows the message of the code.
        """
        if isinstance(error, LibvirtError):
            code, make = error.code, lambda: error
        else:
            if error not in MESSAGES:
                raise InvalidInputError(
                    'error of a fault', expected='one of libvirt.VIR_ERR_*', got=repr(error),
                    remedy='give a code such as libvirt.VIR_ERR_OPERATION_FAILED')
            code, make = error, lambda: LibvirtError(code, detail)
        return self._add(procedure, f'fails with error {code}', actions.raising(make), which)

    def hanging(self, procedure: str, **which: Unpack[ProcedureFaultOptions]) -> Fault:
        """Hold the calls of a procedure until the fault is released.

        ::

            with host.faults.hanging('domainCreateWithFlags') as hang:
                server = cloud.boot(pmem='SMALL', expect=None)
                hang.wait_until_reached()
                cloud.compute(server.host).kill()
        """
        return self._add(procedure, 'hangs', actions.holding(self), which)

    def dropping(self, procedure: str, **which: Unpack[ProcedureFaultOptions]) -> Fault:
        """Make the daemon close the connection instead of answering.

        With ``when='after'`` the call has taken effect, but the client cannot know.
        """
        return self._add(
            procedure, 'drops the connection', actions.raising(DropConnection), which)

    def slow(self, procedure: str, seconds: float, **which: Unpack[ProcedureFaultOptions]) -> Fault:
        """Delay a procedure by some seconds on the host's clock."""
        return self._add(
            procedure, actions.in_words(seconds), actions.delaying(self, seconds), which)

    def at(self, procedure: str, action: Callable[[], object],
           **which: Unpack[ProcedureFaultOptions]) -> Fault:
        """Run an action when a procedure is called; the call goes on when the action has ended.

        It does not go on if the action kills libvirtd or reboots the host.

        Do not use the caller's connection in the action: libvirt's client may hold a second call
        back until the first is answered. If the action raises an error, the fault raises it again
        when it is removed.

        ::

            host.faults.at('domainCreateWithFlags', cloud.compute(host).kill, times=1)
        """
        if not callable(action):
            raise InvalidInputError(
                'action of a fault', expected='a function', got=repr(action),
                remedy='leave out the parentheses, or write a lambda')
        return self._add(procedure, 'is watched', actions.doing(self, action, self._acts), which)

    def _add(self, procedure: str, what: str, effect: Effect,
             which: ProcedureFaultOptions) -> Fault:
        filters.check(which, ProcedureFaultOptions)
        method = ANY if procedure == ANY else lookup(procedure).method
        applies_to, when = filters.about(which.get('domain')), which.get('when', 'before')
        fault = self._begin(f'{method} {what}{filters.in_words(when)}', filters.frequency(which),
                            self._rules.remove, late=when == 'after')
        if when == 'after':
            effect = actions.afterwards(self, effect)
        self._rules.add_for_procedure(method, FaultRule(fault, applies_to, effect))
        return fault

    # ndctl, daxctl and daxio

    def tool_failing(self, program: str, subcommand: str | None = None, *, status: int = 1,
                     text: str = '', **which: Unpack[CommandFaultOptions]) -> Fault:
        """Make a program fail without doing anything.

        With ``when='after'`` the program does its work first.

        :param program: ``'ndctl'``, ``'daxctl'`` or ``'daxio'``.
        :param subcommand: such as ``'list'``; every one if None.
        :param status: the exit status, 1 to 255, or the negative number of a signal.
        :param text: what the program writes to standard error.
        """
        result = CommandResult(
            actions.check_status(status, 1), '', f'{text.rstrip()}\n' if text else '')
        return self._add_tool(program, subcommand, f'fails with status {status}',
                              actions.answering(lambda _: result), which, executes=False)

    def tool_hanging(self, program: str, subcommand: str | None = None,
                     **which: Unpack[CommandFaultOptions]) -> Fault:
        """Hold a program until the fault is released; if it is killed, it has done nothing."""
        return self._add_tool(program, subcommand, 'hangs', actions.holding(self), which)

    @overload
    def tool_slow(self, program: str, subcommand: str | None = None, *, seconds: float,
                  **which: Unpack[CommandFaultOptions]) -> Fault: ...

    @overload
    def tool_slow(self, program: str, subcommand: str | None, seconds: float,
                  **which: Unpack[CommandFaultOptions]) -> Fault: ...

    @overload
    def tool_slow(self, program: str, seconds: float, *, subcommand: str | None = None,
                  **which: Unpack[CommandFaultOptions]) -> Fault: ...

    def tool_slow(self, program: str, *arguments: Any, **which: Any) -> Fault:
        """Delay a program by some seconds on the host's clock.

        ``tool_slow('ndctl', 'list', seconds=5)`` delays one subcommand, and
        ``tool_slow('daxio', seconds=5)`` every run of a program.
        """
        subcommand, seconds = filters.slow_arguments(
            arguments, which.pop('subcommand', None), which.pop('seconds', None))
        options: CommandFaultOptions = which  # type: ignore[assignment]
        return self._add_tool(program, subcommand, actions.in_words(seconds),
                              actions.delaying(self, seconds), options)

    def tool_cut_short(self, program: str, subcommand: str | None = None, *, status: int = 0,
                       **which: Unpack[CommandFaultOptions]) -> Fault:
        """Make a program print the first half of its output and exit with a status."""
        actions.check_status(status, 0)
        return self._add_tool(
            program, subcommand, 'prints half of its output',
            actions.answering(lambda result: actions.half(result, status)), which)

    def tool_absent(self, program: str) -> Fault:
        """Remove a program from the host's directory and from its PATH.

        If the machine that runs the harness has a program of that name, the host's PATH leads to
        a script that reports "not found" and exits with a shell's status, 127.
        """
        filters.command(program, None)
        tools = self._host.tools

        def bring_back(fault: Fault) -> None:
            self._rules.remove(fault)
            tools.bring_back(program)
        fault = self._begin(f'{program} is absent', {}, bring_back)
        tools.take_away(program)
        missing = actions.raising(
            lambda: FileNotFoundError(2, 'No such file or directory', program))
        self._rules.add_for_commands(
            FaultRule(fault, filters.command(program, None), missing))
        return fault

    def _add_tool(self, program: str, subcommand: str | None, what: str, effect: Effect,
                  which: CommandFaultOptions, executes: bool = True) -> Fault:
        filters.check(which, CommandFaultOptions)
        applies_to = filters.command(program, subcommand)
        when = which.get('when', 'before')
        if when == 'after':
            effect = actions.afterwards(self, effect)
        elif not executes:
            effect = actions.without_executing(effect)
        named = f'{program} {subcommand}' if subcommand else program
        fault = self._begin(
            f'{named} {what}{filters.in_words(when)}', filters.frequency(which),
            self._rules.remove, late=when == 'after')
        self._rules.add_for_commands(FaultRule(fault, applies_to, effect))
        self._host.tools.forget()
        return fault

    # Namespaces

    def vanishing(self, name: str) -> Fault:
        """Remove a namespace: its device is gone, and ``ndctl list`` does not show it.

        A guest that has the device open keeps it. The namespace comes back when the fault is
        removed or the host is rebooted.

        :param name: such as ``ns_0``, ``namespace0.0`` or ``/dev/dax0.0``.
        """
        pmem = self._host.pmem
        found = filters.namespace(pmem.namespaces, name)

        def bring_back(fault: Fault) -> None:
            for one in pmem.namespaces:
                if one.address == found.address and one.state == 'disabled':
                    pmem.enable_namespace(one.dev)
        fault = self._begin(f'namespace {name} is gone', {}, bring_back)
        pmem.disable_namespace(found.dev)
        return fault

    def bad(self, name: str) -> Fault:
        """Make a namespace bad: its device exists but can no longer be mapped or cleared.

        daxio fails on it, and so does starting a domain. It stays bad across a reboot.
        """
        pmem = self._host.pmem
        found = filters.namespace(pmem.namespaces, name)
        media = found.address, found.address + found.raw_size
        fault = self._begin(f'namespace {name} is bad', {}, lambda fault: pmem.mend(*media))
        pmem.mark_bad(*media)
        return fault

    def creation_race(self, *, region: str | None = None, times: int | None = 1,
                      probability: float = 1.0) -> Fault:
        """Make ``ndctl create-namespace`` lose a race with another creation in the same region.

        It ends with status 237 and "No space left on device" though the region has room, as one of
        two commands does that run at the same time; without ``-r`` it takes another region.

        :param region: such as ``region0``; any region when None.
        :param times: how many creations lose; every one when None.
        :param probability: the chance of each creation to lose, drawn from the host's seed.
        """
        races: list[Callable[[], None]] = []
        fault = self._begin(
            'a creation of a namespace loses a race', {'times': times, 'probability': probability},
            lambda fault: races.pop()())
        races.append(self._host.pmem.race_creations(
            lambda dev: region in (None, dev) and fault.strikes()))
        return fault

    # The daemon

    def kill_daemon(self) -> None:
        """Kill libvirtd: its clients lose their connections, its guests keep running.

        Calls that a fault holds are lost and never take effect.
        """
        self._host.daemon.kill()
        self._host.peers.close()
        self._host.history.add_state('libvirtd was killed')
        self.lose_calls()

    def lose_calls(self) -> None:
        """Drop the calls to libvirt that faults hold."""
        self.losses += 1
        for fault in self._rules.of_procedures():
            fault.lose()

    def start_daemon(self, *, domains: bool = True) -> None:
        """Start libvirtd again unless it runs.

        :param domains: False if the guests have ended meanwhile: transient domains are gone, the
            others are shut off.
        """
        if not self._host.daemon.running:
            self._host.history.add_state('libvirtd starts')
            if not domains:
                self._host.hypervisor.crash()
        self._host.daemon.start()

    def daemon_down(self, *, domains: bool = True) -> Fault:
        """Kill libvirtd, and start it again when the fault is removed."""
        fault = self._begin(
            'the daemon is down', {}, lambda fault: self.start_daemon(domains=domains))
        self.kill_daemon()
        return fault

    # All of them

    @property
    def calls(self) -> Sequence[Call]:
        """The calls to the host, oldest first; ``host.calls`` can also be queried."""
        return list(self._host.calls)

    def forget_calls(self) -> None:
        """Clear the record of calls: the same as ``host.calls.clear()``."""
        self._host.calls.clear()

    @property
    def in_force(self) -> Sequence[Fault]:
        """The faults that can still strike, oldest first."""
        with self._lock:
            return [fault for fault in self._all if fault.in_force]

    def clear(self) -> None:
        """Remove every fault, newest first; the calls that they hold go on.

        :raises Exception: the error of an action of :meth:`at`, if one raised an error.
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

    def _begin(self, what: str, frequency: FaultFrequency,
               removed: Callable[[Fault], None], *, late: bool = False) -> Fault:
        def ended(fault: Fault) -> None:
            with self._lock:
                self._all.remove(fault)
            self._host.history.add_fault(f'fault ended: {what}; calls struck: {fault.struck}')
            removed(fault)
        with self._lock:
            fault = Fault(what, self._randomness, ended, number=next(self._numbers), late=late,
                          **frequency)
            self._all.append(fault)
        self._host.history.add_fault(f'fault: {what}')
        return fault

    # The host's side

    @property
    def of_commands(self) -> bool:
        """Whether a fault applies to commands: every command must ask the host then."""
        return self._rules.command_faults_in_force

    def on_call(self, record: LibvirtCall, call: WireCall, execute: Callable[[], Any]) -> Any:
        """Execute a call, or what a fault does in its place: see ``libvirtd.dispatch.Intercept``.

        :param record: the entry for the call, to note the fault in.
        """
        rule = self._rules.for_call(call)
        if rule is None:
            return execute()
        record.fault = rule.fault.what
        return rule.effect(rule.fault, execute)

    def on_command(self, record: CommandCall, execute: Callable[[], CommandResult],
                   ) -> CommandResult | Deferred:
        """Execute a command, or what a fault does in its place.

        :raises FileNotFoundError: when a fault has removed the program.
        """
        rule = self._rules.for_command(record.words)
        if rule is None:
            return execute()
        record.fault = rule.fault.what
        return rule.effect(rule.fault, execute)  # type: ignore[return-value]
