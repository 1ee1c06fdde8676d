"""Records each call that reaches a host, and executes it or what a fault does in its place."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from vpmem_harness.host.calls import Caller, CallLog, CommandCall, ToolCall
from vpmem_harness.host.calls.journal import Journal
from vpmem_harness.host.faults.faults import Faults
from vpmem_harness.host.tools import Tools
from vpmem_harness.libvirtd.wire.session import Call
from vpmem_harness.pmem import CommandResult
from vpmem_harness.pmem.commands.results import InputWanted
from vpmem_harness.serving.deferred import Deferred

Run = Callable[[], CommandResult | Deferred]


class Recorder:
    """Joins the log of a host's calls with the faults, the daemon and the tools.

    ``journal`` and ``tools`` are there once the tools are installed.
    """

    def __init__(self, calls: CallLog, faults: Faults) -> None:
        self._calls = calls
        self._faults = faults
        self.journal: Journal | None = None
        self.tools: Tools | None = None

    def on_call(self, call: Call, execute: Callable[[], Any]) -> Any:
        """Execute a call to libvirt: see ``libvirtd.dispatch.Intercept``."""
        if self.journal is not None:
            self.journal.drain()
        calls = self._calls
        record = calls.begin_procedure(call)
        try:
            result = self._faults.on_call(record, call, execute)
        except Exception as error:
            calls.end(record, error)
            raise
        if isinstance(result, Deferred):
            calls.end_later(record, result)
        else:
            calls.end(record)
        return result

    def on_command(self, call: ToolCall, run: Callable[[], CommandResult],
                   ) -> CommandResult | Deferred:
        """Execute a command, or go on with it when its standard input has come.

        :raises FileNotFoundError: when a fault has removed the program.
        """
        record = call.record
        if record is not None:
            return self._finish(record, run)
        self.sync()
        caller = Caller.of(call.caller) if call.caller else Caller.this_process()
        begun = call.record = self._calls.begin_command(call, caller)
        return self._finish(begun, lambda: self._faults.on_command(begun, run))

    def _finish(self, record: CommandCall, run: Run) -> CommandResult | Deferred:
        try:
            result = run()
        except InputWanted:
            raise       # the command goes on with the input
        except Exception as error:
            self._calls.end(record, error)
            raise
        if isinstance(result, Deferred):
            result.when_done(lambda later: self._finish_later(record, later))
        else:
            self._calls.finish(record, result)
        return result

    def _finish_later(self, record: CommandCall, later: Deferred) -> None:
        with contextlib.suppress(Exception):
            self._finish(record, later.result)

    def on_hang_up(self, call: ToolCall) -> None:
        """Note that a command has no result if its process has gone before there was one."""
        if call.record is not None and call.record.in_progress:
            self._calls.end(call.record, ConnectionAbortedError())

    def on_report(self, line: str) -> None:
        """Record a listing that a stand-in has printed without asking the host."""
        number, pid, name = f'{line}  '.split(' ', 2)
        known = self.tools.rendered(int(number)) if self.tools is not None else None
        if known is not None:
            call, result = known
            self._calls.add_command(call, Caller.of(int(pid), name.strip()), result)

    def sync(self) -> None:
        """Record the listings that stand-ins have printed so far; from any thread."""
        if self.journal is not None:
            self.journal.sync()
